"""Hashes of items by their content, so that labels find their items again when rows move."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from uai_notebook.datasets.frames import column_kind, column_numbers


def hash_arrays(
    x: npt.NDArray[np.float32], x_y: npt.NDArray[np.int64] | None, class_names: tuple[int | str, ...]
) -> npt.NDArray[np.uint64]:
    """Hash each item of an array, uint64 (n,): BLAKE2b of its float32 bytes and the name of its given class."""
    rows = np.ascontiguousarray(x.reshape(len(x), -1), dtype="<f4").data.cast("B")
    width = len(rows) // len(x)
    digests = [hashlib.blake2b(rows[i : i + width], digest_size=8) for i in range(0, len(rows), width)]
    if x_y is not None:
        words = [_whole(str(name)).encode() for name in class_names]
        for digest, code in zip(digests, x_y.tolist(), strict=True):
            digest.update(words[code])
    return np.frombuffer(b"".join(digest.digest() for digest in digests), dtype="<u8").astype(np.uint64)


def hash_rows(df: pd.DataFrame) -> npt.NDArray[np.uint64]:
    """Hash each row as given, uint64 (n,): numbers as float64, the rest as Python objects, whatever the dtype.

    A gap elsewhere in a column turns its ints into floats; so numbers are hashed as floats throughout. Whether a column
    holds numbers is decided for the column: text in one row makes text of the others.
    """
    plain = pd.DataFrame({j: _plain(df.iloc[:, j]) for j in range(df.shape[1])})
    hashes = pd.util.hash_pandas_object(plain, index=False, categorize=False)  # True would let 1 and True share a hash
    return np.asarray(hashes, dtype=np.uint64)


def combine(hashes: npt.NDArray[np.uint64]) -> str:
    """Return 32 hex digits over all hashes, the same in any order."""
    return hashlib.blake2b(np.sort(hashes).astype("<u8").tobytes(), digest_size=16).hexdigest()


def _plain(column: pd.Series[Any]) -> pd.Series[Any]:
    kind = column_kind(column)
    if kind == "number":
        return pd.Series(column_numbers(column) + 0.0)
    column = column.astype(object).where(column.notna(), np.nan)
    column = column.map(str) if kind == "nested" else column  # pandas hashes tuples differently in each Python process
    return pd.Series([_whole(value) for value in column], column.index, dtype="object")


def _whole(value: Any) -> Any:
    """Text that pandas can hash: half characters are spelled out."""
    return value.encode("utf-8", "backslashreplace").decode() if isinstance(value, str) else value
