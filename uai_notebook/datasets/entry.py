"""`Entry`: one data set that `load_dataset` can make."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from uai_notebook.datasets.dataset import Dataset
from uai_notebook.datasets.download import RemoteFile

Build = Callable[[str, Sequence[Path], int], Dataset]
"""Called with the name, the paths of the files in their order, and the seed."""


@dataclass(frozen=True)
class Entry:
    """A data set that `load_dataset` can make; the counts are those of what it makes."""

    n_items: int
    n_features: int
    n_anomalies: int
    source: str
    licence: str
    paper: str
    build: Build
    files: tuple[RemoteFile, ...] = ()
