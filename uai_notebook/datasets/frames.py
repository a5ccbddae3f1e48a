"""Tables: from the columns of a DataFrame to numbers."""

from __future__ import annotations

import warnings
from collections.abc import Hashable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api import types

from uai_notebook.datasets.checks import NUMBERS

MAX_LEVELS = 50
"""Text with more values than this is not a category (our choice: past it, one-hot columns drown the other features)."""

_FLOAT32_MAX = float(np.finfo(np.float32).max)
_DATES = {"datetime64", "datetime", "date", "timedelta64", "timedelta", "time", "period", "interval"}
_Features = tuple[list[str], list[npt.NDArray[np.float32]]]  # what one column becomes: names, and values (n,) of each


def pick_column(df: Any, *, id: Any, ignore: Any, y: Any, x_y: Any) -> list[Hashable]:
    """Check the table and the columns named in `from_frame`; return those that are not features.

    Raises
    ------
    TypeError
        `df` is not a DataFrame.
    ValueError
        Fewer than two rows; column names that repeat or that the table does not have; one column as both truth and
        class.
    """
    if not isinstance(df, pd.DataFrame):
        raise TypeError(
            f"from_frame takes a pandas DataFrame, got {type(df).__name__}. For arrays use Dataset.from_arrays."
        )
    if len(df) < 2:
        raise ValueError(f"the table has {len(df)} row{'s' * (len(df) != 1)}; ranking items needs at least 2.")
    repeated = df.columns[df.columns.duplicated()].unique().tolist()
    if repeated:
        raise ValueError(f"column names must be unique, and these repeat: {repeated[:5]}. Rename them.")
    known = set(df.columns)
    ignored = list(ignore) if isinstance(ignore, list | tuple | set | frozenset | pd.Index | np.ndarray) else [ignore]
    named = [("id", id), *(("ignore", c) for c in ignored), ("y", y), ("x_y", x_y)]
    named = [(role, column) for role, column in named if column is not None]
    for role, column in named:
        if not isinstance(column, Hashable) or column not in known:
            shown = column if isinstance(column, Hashable) else f"a {type(column).__name__}"
            raise ValueError(f"{role}={shown!r} is not a column of the table. Columns: {_listed(df.columns)}.")
    if y is not None and y == x_y:
        raise ValueError(f"{y!r} is given as both y and x_y: y is the truth, which training must not see.")
    return list(dict.fromkeys(column for _, column in named))


def frame_ids(df: pd.DataFrame, id: Any) -> list[Any] | None:
    """Return the ids of the rows: a column, else a unique index, else None. Ints and strs stay, others become str.

    Raises
    ------
    ValueError
        The id column has missing values.
    """
    if id is None and not df.index.is_unique:
        return None
    values = df.index if id is None else df[id]
    if id is not None and df[id].isna().any():
        raise ValueError(f"the id column {id!r} has {int(df[id].isna().sum()):,} missing values; every item needs one.")
    plain = (v.item() if isinstance(v, np.generic) else v for v in values)
    return [v if isinstance(v, int | str) and not isinstance(v, bool) else str(v) for v in plain]


def encode_frame(df: pd.DataFrame) -> tuple[npt.NDArray[np.float32], list[str], tuple[str, ...]]:
    """Turn the feature columns into numbers.

    Parameters
    ----------
    df : DataFrame (n, columns), unique column names, n >= 2

    Returns
    -------
    x : float32 (n, d)
    names : d names
    notes : what was filled and left out, in words

    Raises
    ------
    TypeError
        Nested objects or complex numbers.
    ValueError
        Infinity, values beyond float32, no usable column.

    Warns
    -----
    UserWarning
        Names the columns left out.
    """
    names: list[str] = []
    values: list[npt.NDArray[np.float32]] = []
    filled: list[str] = []
    left_out: dict[Any, str] = {}
    kinds = {c: column_kind(df[c]) for c in df.columns}
    _refuse({c: k for c, k in kinds.items() if k in ("nested", "complex")})
    _refuse_infinite({c: column_numbers(df[c]) for c, k in kinds.items() if k == "number"})
    for column, kind in kinds.items():
        missing = int(df[column].isna().sum())
        if missing == len(df):
            left_out[column] = "no values"
        elif kind == "date":
            left_out[column] = "dates"
        elif kind == "number":
            new = _encode_numbers(column, column_numbers(df[column]))
            names += new[0]
            values += new[1]
            filled += [f"{column} ({missing:,})"] if missing else []
        else:
            levels = sorted(
                {str(value) for value in df[column].dropna()}
            )  # pandas' own text may refuse half a character
            if len(levels) > MAX_LEVELS:
                left_out[column] = f"{len(levels):,} values{_hint(levels)}"
            else:
                new = _encode_levels(column, df[column], levels)
                names += new[0]
                values += new[1]
    if not values:
        reasons = ", ".join(f"{c!r} ({why})" for c, why in left_out.items()) or "all are id, ignore, y or x_y"
        raise ValueError(f"no column of the table can be used as a feature: {reasons}.")
    if left_out:
        _warn_left_out(left_out)
    notes = [f"filled with the median: {', '.join(filled)}"] if filled else []
    notes += [f"left out: {', '.join(f'{c} ({why})' for c, why in left_out.items())}"] if left_out else []
    return np.column_stack(values), names, tuple(notes)


def column_kind(column: pd.Series[Any]) -> str:
    """Return what a column holds: "number", "category", "date", "nested" or "complex"."""
    dtype = column.dtype
    inferred = types.infer_dtype(column, skipna=True)
    if isinstance(dtype, pd.CategoricalDtype):
        return "category"
    if types.is_numeric_dtype(dtype) or inferred in NUMBERS:
        return "complex" if types.is_complex_dtype(dtype) else "number"
    if inferred in _DATES:
        return "date"
    return "category" if all(types.is_scalar(v) for v in column) else "nested"


def column_numbers(column: pd.Series[Any]) -> npt.NDArray[np.float64]:
    """Return a column of numbers as float64 (n,), gaps as NaN."""
    if column.dtype == object:
        column = column.where(column.notna(), np.nan).astype(float)
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _encode_numbers(column: Any, values: npt.NDArray[np.float64]) -> _Features:
    missing = np.isnan(values)
    if not missing.any():
        return [str(column)], [values.astype(np.float32)]
    filled = np.where(missing, np.median(values[~missing]), values)
    return [str(column), f"{column} missing"], [filled.astype(np.float32), missing.astype(np.float32)]


def _encode_levels(column: Any, values: pd.Series[Any], levels: list[str]) -> _Features:
    missing = values.isna().to_numpy()
    text = np.empty(len(values), dtype=object)
    text[:] = [None if gap else str(value) for value, gap in zip(values, missing, strict=True)]
    names = [f"{column}={level}" for level in levels]
    parts = [np.asarray(text == level, dtype=np.float32) for level in levels]
    if missing.any():
        names, parts = [*names, f"{column} missing"], [*parts, missing.astype(np.float32)]
    return names, parts


def _refuse(columns: dict[Any, str]) -> None:
    if columns:
        shown = ", ".join(f"{c!r} ({k})" for c, k in list(columns.items())[:5])
        raise TypeError(
            f"columns with values that are neither numbers, text nor dates: {shown}. "
            "Turn them into numbers or text, or name them in ignore=."
        )


def _refuse_infinite(columns: dict[Any, npt.NDArray[np.float64]]) -> None:
    bad = [c for c, values in columns.items() if (np.abs(values) > _FLOAT32_MAX).any()]
    if bad:
        raise ValueError(
            f"columns with infinity or numbers beyond float32 (3.4e38): {_listed(bad)}. "
            "Replace them (a gap is filled with the median), or name the columns in ignore=."
        )


def _hint(levels: Any) -> str:
    numeric = pd.to_numeric(pd.Series(levels, dtype="object"), errors="coerce").notna().all()
    return ", numbers written as text: pandas.to_numeric makes them a feature" if numeric else ""


def _warn_left_out(left_out: dict[Any, str]) -> None:
    shown = ", ".join(f"{c!r} ({why})" for c, why in left_out.items())
    warnings.warn(
        f"left out of the features, still shown with each item: {shown}. Text with more than {MAX_LEVELS} "
        "values, dates and empty columns are not turned into numbers; do so yourself, or silence this with "
        f"ignore={list(left_out)!r}.",
        UserWarning,
        stacklevel=4,
    )


def _listed(names: Any) -> str:
    names = list(names)
    return ", ".join(repr(n) for n in names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
