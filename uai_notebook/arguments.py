"""Checks of what people and query functions hand over: what was given, what is expected, what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from .datasets import Dataset

LABEL_VALUES = (1, 0, -1)
#: Who gives the answers of a merge: no person. Its Unsure says that the annotators of an item disagree.
MERGED = "(merged)"


def is_int(value: Any) -> bool:
    """Whether it is a whole number, numpy's included, booleans not."""
    return isinstance(value, int | np.integer) and not isinstance(value, bool | np.bool_)


def check_loop(ds: Dataset, k: int, budget: int | None, seed: int = 0) -> None:
    """k, budget and seed of a session. ValueError if they do not fit the data."""
    if not is_int(k) or k < 1:
        raise ValueError(f"k={k!r}: expected a positive whole number of items asked at a time.")
    if k > len(ds):
        raise ValueError(f"k={k} is more than the {len(ds)} items of {ds.name!r}: choose a smaller k.")
    if budget is not None and (not is_int(budget) or budget < k):
        raise ValueError(f"budget={budget!r} with k={k}: expected a whole number of at least k, or None for no limit.")
    if not is_int(seed) or not 0 <= seed < 2**62:
        raise ValueError(f"seed={seed!r}: expected a whole number of at least 0.")


def check_name(annotator: Any) -> str:
    """The name of an annotator, a person. TypeError, ValueError if it is none."""
    if not isinstance(annotator, str):
        raise TypeError(f"annotator={annotator!r}: expected a name, text.")
    if len(annotator) > 200:
        raise ValueError(f"annotator of {len(annotator):,} characters: expected a name of at most 200.")
    if annotator == MERGED:
        raise ValueError(f"annotator={annotator!r} stands for merges, whose answers are nobody's: choose another name.")
    return annotator


def check_answers(index: Any, label: Any, n: int) -> tuple[list[int], list[int]]:
    """Items and labels of one call as lists; a single label goes for all items.

    Raises
    ------
    TypeError, IndexError, ValueError
        Not an item, no such item, or no such label; an item twice; lengths that differ.
    """
    items = list(np.atleast_1d(np.asarray(index, dtype=object)))
    one_for_all = np.ndim(np.asarray(label, dtype=object)) == 0
    values = [label] * len(items) if one_for_all else list(np.asarray(label, dtype=object))
    if not items or len(items) != len(values):
        raise ValueError(f"{len(items)} items and {len(values)} labels: expected at least one item, and a label each.")
    for i in items:
        if not is_int(i):
            raise TypeError(f"index {i!r}: expected a whole number, the item's row in the Dataset.")
        if not 0 <= i < n:
            raise IndexError(f"index {i} is out of range: expected 0 to {n - 1}.")
    if len(set(items)) < len(items):
        raise ValueError(f"an item is given twice in {items}: expected each at most once.")
    for value in values:
        if not is_int(value) or int(value) not in LABEL_VALUES:
            raise ValueError(f"label {value!r}: expected Label.ANOMALY (1), Label.NORMAL (0) or Label.UNSURE (-1).")
    return [int(i) for i in items], [int(v) for v in values]


def check_chosen(chosen: Any, free: npt.NDArray[np.bool_], k: int) -> list[int]:
    """What a query function chose; ``free`` (n,) says which items it may choose. ValueError if it does not fit."""
    items = np.asarray(chosen)
    good = items.ndim == 1 and items.dtype.kind in "iu" and 0 < len(items) <= k and len(np.unique(items)) == len(items)
    if not good or items.min() < 0 or items.max() >= len(free) or not free[items].all():
        raise ValueError(
            f"the query function gave {chosen!r}: expected 1 to {k} different indices out of ``unlabeled``."
        )
    return [int(i) for i in items]
