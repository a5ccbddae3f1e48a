"""Checks of what people and query functions hand to a session: what was given, what is expected, what to do."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .datasets import Dataset
from .labels import Label


def check_loop(ds: Dataset, k: int, budget: int | None) -> None:
    if not is_int(k) or k < 1:
        raise ValueError(f"k={k!r}: expected a positive whole number of items asked at a time.")
    if k > len(ds):
        raise ValueError(f"k={k} is more than the {len(ds)} items of {ds.name!r}: choose a smaller k.")
    if budget is not None and (not is_int(budget) or budget < k):
        raise ValueError(f"budget={budget!r} with k={k}: expected a whole number of at least k, or None for no limit.")


def check_answers(index: Any, label: Any, n: int) -> tuple[list[int], list[int]]:
    items = list(np.atleast_1d(np.asarray(index, dtype=object)))
    values = list(np.atleast_1d(np.asarray(label, dtype=object)))
    if len(values) == 1:
        values *= len(items)
    if not items or len(items) != len(values):
        raise ValueError(f"{len(items)} items and {len(values)} labels: expected at least one item, and a label each.")
    for i in items:
        if not is_int(i):
            raise TypeError(f"index {i!r}: expected a whole number, the item's row in the Dataset.")
        if not 0 <= i < n:
            raise IndexError(f"index {i} is out of range: expected 0 to {n - 1}.")
    if len(set(items)) < len(items):
        raise ValueError(f"an item is given twice in {items}: expected each at most once.")
    allowed = {label.value for label in Label}
    for value in values:
        if not is_int(value) or int(value) not in allowed:
            raise ValueError(f"label {value!r}: expected Label.ANOMALY (1), Label.NORMAL (0) or Label.UNSURE (-1).")
    return [int(i) for i in items], [int(v) for v in values]


def check_chosen(chosen: Any, free: npt.NDArray[np.bool_], k: int) -> list[int]:
    items = np.asarray(chosen)
    good = (
        items.ndim == 1 and (items.dtype.kind in "iu") and 0 < len(items) <= k and len(np.unique(items)) == len(items)
    )
    if not good or items.min() < 0 or items.max() >= len(free) or not free[items].all():
        raise ValueError(
            f"the query function gave {chosen!r}: expected 1 to {k} different indices out of ``unlabeled``."
        )
    return [int(i) for i in items]


def is_int(value: Any) -> bool:
    return isinstance(value, int | np.integer) and not isinstance(value, bool | np.bool_)
