"""How a table became numbers, kept so that new rows of the same kind become the same numbers."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from uai_notebook.datasets.checks import check_feature_names
from uai_notebook.datasets.frames import column_kind, column_numbers

if TYPE_CHECKING:
    from uai_notebook.datasets.dataset import Dataset

TRIED = 1000  # rows that an encoding is tried on


@dataclass(frozen=True)
class Column:
    """One column of a table and the features it became.

    Attributes
    ----------
    name : str or int
        As in the table.
    levels : tuple of str, or None
        Values that have a feature each ("colour=red"); None for a column of numbers.
    median : float
        What fills a gap in numbers; 0 for levels.
    marks_gaps : bool
        Whether a gap has a feature of its own ("age missing").
    """

    name: str | int
    levels: tuple[str, ...] | None
    median: float
    marks_gaps: bool

    @property
    def features(self) -> list[str]:
        """Names of the features, as :meth:`Dataset.from_frame` gives them."""
        own = [str(self.name)] if self.levels is None else [f"{self.name}={level}" for level in self.levels]
        return own + [f"{self.name} missing"] * self.marks_gaps

    def encode(self, column: pd.Series[Any]) -> list[npt.NDArray[Any]]:
        """The values of each feature, (m,) each. ValueError for numbers that are none, or infinite."""
        gap = column.isna().to_numpy()
        if self.levels is None:
            try:
                values = column_numbers(column)
            except (TypeError, ValueError) as error:
                raise ValueError(f"column {self.name!r} held numbers, and now {column.dtype}: {error}.") from error
            if (np.abs(values[~gap]) > np.finfo(np.float32).max).any():
                raise ValueError(f"column {self.name!r} holds infinity or numbers beyond float32 (3.4e38).")
            own = [np.where(gap, self.median, values)]
        else:
            text = column.astype(object).where(~gap, None).map(str, na_action="ignore")
            own = [np.asarray(text == level) for level in self.levels]
        return own + [gap] * self.marks_gaps


@dataclass(frozen=True)
class TableEncoding:
    """The columns of a table that became features, in order.

    Examples
    --------
    >>> import pandas as pd
    >>> from uai_notebook import Dataset
    >>> ds = Dataset.from_frame(pd.DataFrame({"age": [31, None, 55], "colour": ["red", "blue", "red"]}))
    >>> encoding = TableEncoding.of(ds)
    >>> encoding.encode(pd.DataFrame({"colour": ["blue", None], "age": [None, 7]}))
    array([[43.,  1.,  1.,  0.],
           [ 7.,  0.,  0.,  0.]], dtype=float32)
    """

    columns: tuple[Column, ...]

    @classmethod
    def of(cls, ds: Dataset) -> TableEncoding | None:
        """The encoding of a Dataset made by ``from_frame``; None for any other."""
        table = ds._raw
        if table is None or not all(isinstance(name, str | int) for name in table.columns):
            return None
        left, columns = list(ds.feature_names), []
        for name in table.columns:
            column = _column_of(name, table[name], left)
            if column is not None:
                columns.append(column)
                left = left[len(column.features) :]
        encoding = cls(tuple(columns))
        # It was worked out from the result: only what gives the same numbers again is right.
        tried = slice(None, None, 1 + len(table) // TRIED)
        return encoding if not left and np.array_equal(encoding.encode(table[tried]), ds.x[tried]) else None

    def encode(self, table: pd.DataFrame) -> npt.NDArray[np.float32]:
        """Features of new rows, float32 (m, d). Further columns are left alone.

        Raises
        ------
        ValueError
            A column is missing, is there twice, or holds text where there were numbers.

        Warns
        -----
        UserWarning
            Values that were not there before: such a row is none of the known ones. Gaps in a column of numbers that
            had none: the model cannot tell them from the median.
        """
        _places(list(table.columns), [column.name for column in self.columns])
        self._warn_of_new_values(table)
        self._warn_of_new_gaps(table)
        values = [feature for column in self.columns for feature in column.encode(table[column.name])]
        return np.column_stack(values).astype(np.float32)

    def to_plain(self) -> list[list[Any]]:
        """Plain values, for a file."""
        return [[c.name, None if c.levels is None else list(c.levels), c.median, c.marks_gaps] for c in self.columns]

    @classmethod
    def from_plain(cls, values: Any) -> TableEncoding:
        """The inverse of :meth:`to_plain`."""
        columns = [
            Column(n, None if v is None else tuple(v), float(median), bool(gaps)) for n, v, median, gaps in values
        ]
        return cls(tuple(columns))

    def _warn_of_new_values(self, table: pd.DataFrame) -> None:
        new = {}
        for column in self.columns:
            if column.levels is not None:
                unknown = set(table[column.name].dropna().astype(str)) - set(column.levels)
                if unknown:
                    new[column.name] = sorted(unknown)[:3]
        if new:
            shown = "; ".join(f"{name!r}: {', '.join(map(repr, values))}" for name, values in list(new.items())[:5])
            warnings.warn(
                f"values that the model has never seen ({shown}): they count as none of the known ones.",
                UserWarning,
                stacklevel=4,
            )

    def _warn_of_new_gaps(self, table: pd.DataFrame) -> None:
        unmarked = [c.name for c in self.columns if c.levels is None and not c.marks_gaps]
        gaps = [(name, int(table[name].isna().sum())) for name in unmarked]
        shown = ", ".join(f"{name!r} ({count:,} of {len(table):,})" for name, count in gaps if count)
        if shown:
            warnings.warn(
                f"columns with gaps, which had none before: {shown}. They are filled with the median of before, as if "
                "it had been measured.",
                UserWarning,
                stacklevel=4,
            )


def in_order(table: pd.DataFrame, names: tuple[str, ...]) -> pd.DataFrame:
    """The columns of these names in their order, numbered anew, for rows that were arrays with ``feature_names``.

    A table without names that nobody gave (x0, x1, ... and those of pixels) is left as it is.

    Raises
    ------
    ValueError
        A column is missing, or is there twice.

    Examples
    --------
    >>> import pandas as pd
    >>> in_order(pd.DataFrame({"b": [1], "a": [2]}), ("a", "b")).values.tolist()
    [[2, 1]]
    """
    columns = [str(name) for name in table.columns]
    made_up = names == check_feature_names(None, len(names)) or names[0].startswith("pixel 0,0")
    if made_up and not set(names) <= set(columns):
        return table
    return table.iloc[:, _places(columns, list(names))].set_axis(range(len(names)), axis=1)


def _places(columns: list[Any], names: list[Any]) -> list[int]:
    """Where the columns of these names are. ValueError for a name that is missing, or there twice."""
    place = {name: j for j, name in enumerate(columns)}
    missing = [name for name in names if name not in place]
    if missing:
        shown = ", ".join(map(repr, missing[:5]))
        raise ValueError(f"the table lacks {len(missing)} of {len(names)} columns, such as {shown}.")
    repeated = [name for name in names if columns.count(name) > 1] if len(place) < len(columns) else []
    if repeated:
        raise ValueError(f"column names must be unique, and these repeat: {repeated[:5]}. Rename them.")
    return [place[name] for name in names]


def _column_of(name: Any, column: pd.Series[Any], left: list[str]) -> Column | None:
    """What a column became, if the next of the features that are left are its own."""
    gaps = bool(column.isna().any())
    kind = column_kind(column)
    if kind == "number":
        values = column_numbers(column)
        known = values[~np.isnan(values)]
        found = Column(name, None, float(np.median(known)) if len(known) else 0.0, gaps)
    elif kind == "category":
        found = Column(name, tuple(sorted(column.dropna().astype(str).unique())), 0.0, gaps)
    else:
        return None
    return found if found.features == left[: len(found.features)] else None
