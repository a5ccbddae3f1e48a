"""What the points of a scatter can be coloured by, besides label and scores: columns of the user, truth, any array."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from uai_notebook.datasets import Dataset
from uai_notebook.snapshot import FloatArray

from .scatter_messages import one_line

MAX_CATEGORIES = 8  # colours that are told apart: Okabe and Ito's
_MAX_COLUMNS = 200  # offered in a menu
_INSIDE = (2, 98)  # percentiles between which colours change, so that a few far out do not take them all: our choice

_TRUTH = "truth (simulation)"

#: Names for :meth:`LatentScatter.color_by` of what the browser has already, and their keys.
BUILT_IN = {"label": "label", "base score": "score", "uai": "uai"}


@dataclass(frozen=True, eq=False)
class Coloring:
    """One choice: numbers on a scale, or codes of named categories; neither for what the browser has already.

    ``values`` is float32 (n,), NaN where an item has none.
    """

    key: str
    name: str
    values: FloatArray | None = None
    categories: tuple[str, ...] = ()

    @property
    def content(self) -> dict[str, Any]:
        """What a message says of it in JSON."""
        said: dict[str, Any] = {"key": self.key, "name": self.name}
        if self.categories:
            return {**said, "categories": list(self.categories)}
        if self.values is None:
            return said
        known = self.values[np.isfinite(self.values)]
        ends = np.percentile(known, [*_INSIDE, 0, 100]) if len(known) else np.zeros(4)
        return {**said, **dict(zip(("low", "high", "least", "most"), map(float, ends), strict=True))}


class Colorings:
    """What one data set can be coloured by.

    ``tells_truth`` is False where a person labels blind, and could read the answers off it.
    """

    def __init__(self, ds: Dataset, tells_truth: bool) -> None:
        self._ds, self._tells_truth = ds, tells_truth
        self._given: Coloring | None = None  # the array of color_by()

    @cached_property
    def _columns(self) -> list[tuple[str, str]]:
        items = getattr(self._ds, "items", None)
        if not isinstance(items, pd.DataFrame):
            return []
        fitting = (j for j in range(items.shape[1]) if _fits(items.iloc[:, j]))
        return [(f"column:{j}", one_line(items.columns[j])) for j in islice(fitting, _MAX_COLUMNS)]

    @property
    def offered(self) -> list[tuple[str, str]]:
        """(key, name) of each: columns of the items that hold numbers or few texts, and truth."""
        truth = [("truth", _TRUTH)] if self._tells_truth and self._ds.y is not None else []
        return [*self._columns, *truth]

    def of_key(self, key: object) -> Coloring | None:
        """What a browser asks for; None if it is not on offer."""
        if self._given is not None and key == self._given.key:
            return self._given
        name = next((name for known, name in self.offered if known == key), None)
        if name is None or not isinstance(key, str):
            return None
        if key == "truth":
            return Coloring(key, name, 1 - np.asarray(self._ds.y, np.float32), ("anomaly", "normal"))
        return of_array(self._ds.items.iloc[:, int(key.split(":")[1])], key, name)

    def of(self, what: Any, name: str | None = None) -> Coloring:
        """What :meth:`LatentScatter.color_by` was given. ValueError if it cannot be."""
        if not isinstance(what, str):
            self._given = of_array(_checked(what, len(self._ds)), "given", one_line(name or "values"))
            return self._given
        if what in BUILT_IN:
            return Coloring(BUILT_IN[what], what)
        keys = {"truth" if key == "truth" else name: key for key, name in self.offered}
        coloring = self.of_key(keys.get(what))
        if coloring is not None:
            return coloring
        if what == "truth":
            why = (
                "the data set has none: give it as y= when it is made"
                if self._tells_truth
                else "labels are given blind"
            )
            raise ValueError(f"color_by('truth'): there is no truth to show, {why}.")
        known = ", ".join([*BUILT_IN, *keys][:20])
        raise ValueError(f"color_by({what!r}): expected one of {known}, or one value for each item.")


def of_array(values: Any, key: str, name: str) -> Coloring:
    """Numbers become a scale, truth values and text of at most 8 values categories.

    Raises
    ------
    ValueError
        Dates, or text of more values.
    """
    column = pd.Series(values).reset_index(drop=True)
    if _is_number(column):
        with np.errstate(over="ignore"):
            numbers = column.to_numpy(np.float64, na_value=np.nan).astype(np.float32)
        return Coloring(key, name, np.where(np.isfinite(numbers), numbers, np.float32(np.nan)))
    if not _fits(column):
        raise ValueError(
            f"color_by: {name!r} holds {column.nunique():,} different values of type {column.dtype}: "
            f"expected numbers, or at most {MAX_CATEGORIES} texts; group them first."
        )
    texts = np.empty(len(column), dtype=object)  # the text of pandas refuses half characters
    texts[:] = [None if gap else str(value) for value, gap in zip(column, column.isna(), strict=True)]
    codes, found = pd.factorize(texts, sort=True)
    numbers = np.where(codes < 0, np.nan, codes).astype(np.float32)
    return Coloring(key, name, numbers, tuple(one_line(text) for text in found) or ("no value",))


def _checked(values: npt.ArrayLike, n: int) -> npt.NDArray[Any]:
    array = np.asarray(values)
    if array.shape != (n,):
        raise ValueError(f"color_by: got values of shape {array.shape}, expected one for each of {n:,} items: ({n},).")
    return array


def _is_number(column: pd.Series[Any]) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column) and column.dtype.kind != "c"


def _fits(column: pd.Series[Any]) -> bool:
    if _is_number(column):
        return True
    if column.dtype.kind in "mMc" or isinstance(column.dtype, pd.PeriodDtype | pd.DatetimeTZDtype | pd.IntervalDtype):
        return False
    try:
        return column.nunique() <= MAX_CATEGORIES
    except TypeError:  # lists and other values that cannot be told apart by hash
        return False
