"""Which items of a Dataset are equal: rows that occur often need to be scored only once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from .datasets import Dataset

CHUNK_ROWS = 2048  # hashed at a time: their 64-bit words stay in the cache
WORTHWHILE = 0.9  # share of distinct rows from which on gathering them costs what it saves


class DistinctRows(NamedTuple):
    """The rows of a Dataset without repetition.

    Attributes
    ----------
    first : int64 (m,)
        An item of each distinct row, in the order of the Dataset.
    place : int64 (n,)
        Where each item's row is in ``first``: ``x[first][place]`` is ``x``.
    """

    first: npt.NDArray[np.int64]
    place: npt.NDArray[np.int64]


def distinct_rows(ds: Dataset) -> DistinctRows | None:
    """Find the distinct rows of x together with x_y; None if they are nine tenths of all or more.

    Rows are told apart by a 64-bit hash and then compared number by number with the row that stands for them, so
    that the answer is exact. Should two different rows have the same hash, the answer is None.

    Notes
    -----
    Our choice: KDDCUP repeats its rows, 494,021 of which about 145,600 differ; most other sets hardly do.

    Examples
    --------
    >>> import numpy as np
    >>> from uai_notebook import Dataset
    >>> from uai_notebook.distinct import distinct_rows
    >>> distinct = distinct_rows(Dataset.from_arrays(np.array([[5.0], [7.0], [5.0], [5.0]])))
    >>> distinct.first.tolist(), distinct.place.tolist()
    ([0, 1], [0, 1, 0, 0])
    """
    _, first, place = np.unique(_hashes(ds), return_index=True, return_inverse=True)
    if len(first) >= WORTHWHILE * len(ds):
        return None
    order = np.argsort(first)  # of the Dataset: reading forwards is faster than reading at random
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    distinct = DistinctRows(first[order].astype(np.int64), rank[place].astype(np.int64))
    return distinct if _is_exact(ds, distinct) else None


def _hashes(ds: Dataset) -> npt.NDArray[np.uint64]:
    """A hash of each row and its given class, uint64 (n,); arithmetic is modulo 2^64."""
    random = np.random.default_rng(0)
    weights = random.integers(1 << 63, size=ds.n_features, dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    spread, half = np.uint64(0x9E3779B97F4A7C15), np.uint64(32)
    hashes = np.empty(len(ds), np.uint64)
    for part, x in ds.chunks(CHUNK_ROWS):
        positive_zero = x.reshape(len(x), -1) + np.float32(0)  # -0.0 equals 0.0, but has other bits
        words = positive_zero.view(np.uint32).astype(np.uint64)
        # A small whole number ends in zero bits as a float32: mix, or the hashes end in them too.
        words *= spread
        words ^= words >> half
        hashes[part] = words @ weights
    if ds.x_y is not None:
        hashes ^= (ds.x_y.astype(np.uint64) + np.uint64(1)) * spread
    return hashes


def _is_exact(ds: Dataset, distinct: DistinctRows) -> bool:
    twin = distinct.first[distinct.place]
    same_class = ds.x_y is None or np.array_equal(ds.x_y, ds.x_y[twin])
    return same_class and all(np.array_equal(x, ds.rows(twin[part])) for part, x in ds.chunks(CHUNK_ROWS))
