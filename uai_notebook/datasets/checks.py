"""What a `Dataset` may be made of: each function returns what was given as a checked array, or says what is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

NUMBERS = {"boolean", "integer", "floating", "mixed-integer-float", "decimal"}
"""What `pandas.api.types.infer_dtype` calls an array of Python objects that are all numbers."""


def as_numpy(values: Any) -> npt.NDArray[Any]:
    """Return lists, arrays, torch tensors or a table of numbers as an ndarray (n, ...) of whatever type."""
    if isinstance(values, pd.DataFrame):
        return _table_of_numbers(values)
    if hasattr(values, "detach"):  # a torch tensor, perhaps on a GPU or with a gradient
        values = values.detach().cpu()
    try:
        return np.asarray(values)
    except ValueError as error:
        raise ValueError(f"x must be a rectangular array, and its rows differ in length or shape ({error}).") from error


def check_x(x: Any) -> npt.NDArray[np.float32]:
    """Check the features.

    Parameters
    ----------
    x : array-like (n, ...) of real numbers, n >= 2

    Returns
    -------
    float32 (n, ...), C-contiguous, read-only; a view of the caller's memory where that needs no conversion.

    Raises
    ------
    TypeError
        Values that are not real numbers.
    ValueError
        Too few rows or dimensions, no feature, NaN, infinity, values that float32 cannot hold, all items identical.
    """
    raw = _real_numbers(as_numpy(x), given=x)
    if raw.ndim < 2:
        raise ValueError(
            f"x must have one row per item, shape (n, features) or (n, ...), got shape {raw.shape}. "
            "For a single feature use x.reshape(-1, 1)."
        )
    n = raw.shape[0]
    if n < 2:
        raise ValueError(f"x has {n} row{'s' * (n != 1)}; ranking items needs at least 2.")
    if raw[0].size == 0:
        raise ValueError(f"x has shape {raw.shape}: no features. Give at least one number per item.")
    if raw.dtype.kind == "f":
        _refuse_not_finite(raw)
    with np.errstate(over="ignore"):
        out = np.ascontiguousarray(raw, dtype=np.float32)
    if raw.dtype.kind == "f" and raw.dtype.itemsize > 4:
        _refuse_overflow(raw, out)
    if np.array_equal(out[0], out[-1]) and bool((out == out[0]).all()):
        raise ValueError(f"constant data: all {n:,} items are identical, so there is nothing to rank.")
    return read_only(out)


def check_length(what: str, values: Any, n: int) -> None:
    """Refuse `values` unless it has one entry per item."""
    try:
        given = len(values)
    except TypeError as error:
        raise TypeError(
            f"{what} must have one entry per item, got {type(values).__name__} without a length."
        ) from error
    if given != n:
        raise ValueError(f"{what} has {given:,} entries and x has {n:,} rows; give one entry per item.")


def check_ids(ids: Any, n: int) -> npt.NDArray[Any]:
    """Check the ids: unique, each an int or a str.

    Returns
    -------
    int64 (n,) where all are ints, else object (n,) of Python ints and strs; read-only. Row numbers where `ids` is None.
    """
    if ids is None:
        return read_only(np.arange(n, dtype=np.int64))
    check_length("ids", ids, n)
    values = [v.item() if isinstance(v, np.generic) else v for v in ids]
    bad = next((i for i, v in enumerate(values) if isinstance(v, bool) or not isinstance(v, int | str)), None)
    if bad is not None:
        raise TypeError(
            f"ids must be ints or strs, got {values[bad]!r} ({type(values[bad]).__name__}) in row {bad}. "
            "Convert them, for example with [str(i) for i in ids]."
        )
    if len(set(values)) < n:
        counts = pd.Series(values, dtype=object).value_counts()
        names = ", ".join(repr(v) for v in counts.index[counts > 1][:5])
        raise ValueError(
            f"ids must be unique: {int((counts > 1).sum()):,} of them occur more than once, such as {names}. "
            "Leave ids out to use row numbers."
        )
    out = np.empty(n, dtype=object)
    out[:] = values
    if all(isinstance(v, int) and abs(v) < 2**63 for v in values):
        out = out.astype(np.int64)
    return read_only(out)


def check_y(y: Any, n: int) -> npt.NDArray[np.uint8] | None:
    """Check the truth: 1 anomaly, 0 normal; uint8 (n,), or None as given."""
    if y is None:
        return None
    check_length("y", y, n)
    values = pd.Series(_plain("y", y), dtype=object)
    bad = values[~values.isin([0, 1])]
    if len(bad):
        shown = ", ".join(repr(v) for v in bad.drop_duplicates()[:5])
        raise ValueError(
            f"y must be 1 (anomaly) or 0 (normal) for every item, got {shown} (first in row {bad.index[0]})."
        )
    return read_only(values.to_numpy().astype(np.uint8))


def check_x_y(x_y: Any, n: int) -> tuple[npt.NDArray[np.int64] | None, tuple[int | str, ...]]:
    """Check the given classes: any ints or any strs.

    Returns
    -------
    codes : int64 (n,), 0..C-1, or None where `x_y` is None
    class_names : the C class values, sorted; code c stands for class_names[c]
    """
    if x_y is None:
        return None, ()
    check_length("x_y", x_y, n)
    values = pd.Series(_plain("x_y", x_y), dtype=object)
    missing = values.isna().to_numpy()
    if missing.any():
        raise ValueError(
            f"x_y has {int(missing.sum()):,} missing values (first in row {int(missing.argmax())}). "
            "Give every item a class, or leave x_y out."
        )
    kind = pd.api.types.infer_dtype(values)
    if kind in NUMBERS and all(float(v).is_integer() for v in values):
        values = values.astype(int)
    elif kind != "string":
        raise TypeError(f"x_y must hold classes, all ints or all strs, got {kind} values such as {values[0]!r}.")
    found, codes = np.unique(values.to_numpy(), return_inverse=True)
    names = tuple(found.tolist())
    if len(names) < 2:
        raise ValueError(f"x_y holds one class only, {names[0]!r}: it says nothing about an item. Leave x_y out.")
    return read_only(codes.astype(np.int64)), names


def check_feature_names(names: Sequence[Any] | None, n_features: int) -> tuple[str, ...]:
    """Check the names of the features, one per number of an item; x0, x1, ... where `names` is None."""
    if names is None:
        return tuple(f"x{j}" for j in range(n_features))
    if isinstance(names, str) or len(names) != n_features:
        given = repr(names) if isinstance(names, str) else f"{len(names):,} names"
        raise ValueError(f"feature_names must be {n_features:,} names, one per feature, got {given}.")
    return tuple(str(name) for name in names)


def check_value_range(
    value_range: tuple[float, float] | None, x: npt.NDArray[np.float32]
) -> tuple[float, float] | None:
    """Check that (low, high) holds every value of `x`."""
    if value_range is None:
        return None
    low, high = (float(v) for v in value_range)
    if not low < high:
        raise ValueError(f"value_range must be (low, high) with low < high, got {value_range!r}.")
    if x.min() < low or x.max() > high:
        raise ValueError(
            f"value_range is ({low:g}, {high:g}) and the values lie between {x.min():g} and {x.max():g}. "
            "Give the range that the values can take, or None to scale each feature by what occurs."
        )
    return low, high


def read_only(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return a view of `array` that cannot be written to; the caller's own array stays as it is."""
    view = array.view()
    view.setflags(write=False)
    return view


def _plain(what: str, values: Any) -> list[Any]:
    """Return a 1-d array-like as a list of Python scalars."""
    if hasattr(values, "detach"):
        values = values.detach().cpu().numpy()
    array = np.asarray(values, dtype=object)
    if array.ndim != 1:
        raise ValueError(f"{what} must be 1-d, one value per item, got shape {array.shape}.")
    return [v.item() if isinstance(v, np.generic) else v for v in array.tolist()]


def _table_of_numbers(df: pd.DataFrame) -> npt.NDArray[Any]:
    """Return a DataFrame of numbers as an array; gaps become NaN."""
    bad = [c for c, t in zip(df.columns, df.dtypes, strict=True) if not pd.api.types.is_numeric_dtype(t)]
    if bad:
        raise TypeError(f"the table has columns that are not numbers: {bad[:5]}. Dataset.from_frame takes such tables.")
    nullable = any(pd.api.types.is_extension_array_dtype(t) for t in df.dtypes)
    return df.to_numpy(dtype=float, na_value=np.nan) if nullable else df.to_numpy()


def _real_numbers(raw: npt.NDArray[Any], given: Any) -> npt.NDArray[Any]:
    """Return `raw` if it is of real numbers, as float64 if they came as Python objects."""
    if raw.dtype.kind in "biuf":
        return raw
    if raw.dtype.kind == "O" and raw.ndim and pd.api.types.infer_dtype(raw.ravel(), skipna=True) in NUMBERS:
        missing = pd.isna(raw)
        return np.where(missing, np.nan, raw).astype(float)
    raise TypeError(
        f"x must be an array of real numbers, got {type(given).__name__} with values of type {raw.dtype}. "
        "Dataset.from_frame turns a table with text or categories into numbers."
    )


def _refuse_not_finite(raw: npt.NDArray[Any]) -> None:
    """Refuse NaN and infinity, with their number and the first position."""
    finite = np.isfinite(raw)
    if finite.all():
        return
    first = _first(~finite)
    what = "NaN" if np.isnan(raw[first]) else "infinity"
    raise ValueError(
        f"x has {int((~finite).sum()):,} values that are NaN or infinite; the first is {what} in {_place(first)}. "
        "Fill or drop them; Dataset.from_frame fills gaps with the median and marks them."
    )


def _refuse_overflow(raw: npt.NDArray[Any], out: npt.NDArray[np.float32]) -> None:
    """Refuse values that became infinite in float32."""
    finite = np.isfinite(out)
    if not finite.all():
        first = _first(~finite)
        raise ValueError(
            f"x has {int((~finite).sum()):,} values beyond float32, the first {raw[first]:g} in {_place(first)}. "
            "Rescale that feature, for example take its logarithm."
        )


def _first(mask: npt.NDArray[np.bool_]) -> tuple[int, ...]:
    return tuple(int(i) for i in np.unravel_index(int(mask.argmax()), mask.shape))


def _place(position: tuple[int, ...]) -> str:
    return f"row {position[0]}, column {', '.join(str(i) for i in position[1:])}"
