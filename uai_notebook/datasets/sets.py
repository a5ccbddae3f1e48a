"""The data sets by name. A new one is one more entry in the module of its kind."""

from __future__ import annotations

from uai_notebook.datasets import kdd, mnist, tables
from uai_notebook.datasets.entry import Entry

ENTRIES: dict[str, Entry] = {**mnist.ENTRIES, **kdd.ENTRIES, **tables.ENTRIES}
"""In the order of `list_datasets`."""
