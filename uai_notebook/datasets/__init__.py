"""What is looked at: `Dataset`, and the data sets of the paper by name."""

from __future__ import annotations

from uai_notebook.datasets.dataset import Dataset
from uai_notebook.datasets.kdd import is_new_attack
from uai_notebook.datasets.registry import list_datasets, load_dataset

__all__ = ["Dataset", "is_new_attack", "list_datasets", "load_dataset"]
