"""Results and labels as files and as text for the clipboard: CSV, Parquet and JSON."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from .datasets import Dataset

#: What a spreadsheet takes for a formula at the start of a cell, full-width forms included.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
_GUARDED = re.compile(r"'+[=+\-@\t\r\n＝＋－＠]")

#: Types of the columns of ``session.results()`` and ``session.labels``: text files do not keep them.
_TYPES = {
    "index": "int64",
    "label": "Int8",
    "asked": "bool",
    "round": "int64",
    "base_score": "float64",
    "uai_score": "float64",
    "learned_score": "float64",
    "rank": "int64",
    "known_rank": "Int64",
    "novel_rank": "Int64",
    "called": "bool",
}
_TEXT = ("annotator", "note")


def save_table(table: pd.DataFrame, path: str | Path, *, overwrite: bool = False, guard: bool = True) -> Path:
    """Write ``session.results()``, ``session.labels`` or any other table; the end of the name says how.

    The file appears whole or not at all.

    Parameters
    ----------
    table : DataFrame
        Its index is not written.
    path : str or Path
        Ends in ".csv", ".tsv", ".json" (one object per row) or ".parquet". The folder must exist.
    overwrite : bool
        Whether a file that is there is replaced.
    guard : bool
        Put an apostrophe before text that a spreadsheet would run as a formula: text, column names included, that
        begins with =, +, -, @, a tab or a line break. Only in .csv and .tsv; numbers stay as they are.

    Returns
    -------
    Path
        Of the file.

    Raises
    ------
    ValueError
        Another ending; columns that the format cannot hold.
    FileExistsError, FileNotFoundError
        There is a file; there is no such folder.
    ImportError
        Parquet needs the package pyarrow: ``pip install "uai_notebook[parquet]"``.

    Notes
    -----
    The ids of items, their columns and the names of annotators come from data that may be anybody's; a cell such as
    ``=HYPERLINK(...)`` would be run by whoever opens the file. :func:`read_table` takes the apostrophe off again.
    Files are UTF-8 without a byte order mark.

    Examples
    --------
    >>> import tempfile, pandas as pd
    >>> from uai_notebook import save_table
    >>> table = pd.DataFrame({"id": ["=1+1", "b"], "base_score": [0.5, -2.0]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     print(save_table(table, f"{folder}/results.csv").read_text())
    "id","base_score"
    "'=1+1",0.5
    "b",-2.0
    """
    path = Path(path)
    write = _WRITERS.get(path.suffix.lower())
    if write is None:
        raise ValueError(f"{path.name!r}: expected a name that ends in {', '.join(_WRITERS)}.")
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists: choose another name, or overwrite=True.")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent}: make it first.")
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    temporary.unlink(missing_ok=True)  # it may be a link to somewhere else
    try:
        try:
            write(table, temporary, guard)
        except UnicodeEncodeError as error:
            wrong = error.object[error.start : error.end]
            raise ValueError(f"text that no file can hold: {wrong!r} is half a character. Replace it.") from error
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def read_table(path: str | Path) -> pd.DataFrame:
    """Read what :func:`save_table` wrote, with the types of the columns of results and labels.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    DataFrame
        From .parquet as it was. In text files ids that are all written as whole numbers come back as such.

    Raises
    ------
    ValueError
        Another ending, or not such a file.
    FileNotFoundError
        No such file.
    ImportError
        As of :func:`save_table`.

    Examples
    --------
    >>> import tempfile, pandas as pd
    >>> from uai_notebook import read_table, save_table
    >>> table = pd.DataFrame({"id": ["=1+1", "b"], "base_score": [0.5, -2.0]})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     read_table(save_table(table, f"{folder}/results.csv")).to_dict("list")
    {'id': ['=1+1', 'b'], 'base_score': [0.5, -2.0]}
    """
    path = Path(path)
    read = _READERS.get(path.suffix.lower())
    if read is None:
        raise ValueError(f"{path.name!r}: expected a name that ends in {', '.join(_READERS)}.")
    try:
        return read(path)
    except (ImportError, OSError):
        raise
    except Exception as error:  # csv, json and pyarrow each have their own
        raise ValueError(f"{path} is not a table that can be read: {error}") from error


def clipboard_text(table: pd.DataFrame, *, guard: bool = True) -> str:
    """A table as text with tabs, which spreadsheets take from the clipboard.

    Parameters
    ----------
    table : DataFrame
    guard : bool
        As of :func:`save_table`.

    Returns
    -------
    str
        A line of names, then one line per row.

    Examples
    --------
    >>> import pandas as pd
    >>> from uai_notebook import clipboard_text
    >>> print(clipboard_text(pd.DataFrame({"id": ["@a"], "label": [1]})).replace("\\t", " then "))
    "id" then "label"
    "'@a" then 1
    <BLANKLINE>
    """
    return table_text(table, "\t", guard)


def table_text(table: pd.DataFrame, separator: str, guard: bool = True) -> str:
    """What :func:`save_table` writes to a .csv (``separator=","``) or .tsv, as one string."""
    text = io.StringIO()
    _write_cells(table, text, separator, guard)
    return text.getvalue()


def with_items(table: pd.DataFrame, ds: Dataset) -> pd.DataFrame:
    """Results or labels with what is known of each item beside them: its row of the table, or its features.

    Parameters
    ----------
    table : DataFrame
        With a column "index", such as ``session.results()`` and ``session.labels``.
    ds : Dataset
        What the table is about.

    Returns
    -------
    DataFrame
        The columns of an item come after; one whose name is taken is called "item: name".

    Examples
    --------
    >>> import pandas as pd, uai_notebook as uai
    >>> ds = uai.Dataset.from_frame(pd.DataFrame({"age": [31, 40, 55], "rank": [1, 2, 2]}), name="people")
    >>> uai.with_items(pd.DataFrame({"index": [2, 0], "rank": [1, 2]}), ds).to_dict("list")
    {'index': [2, 0], 'rank': [1, 2], 'age': [55, 31], 'item: rank': [2, 1]}
    """
    index = table["index"].to_numpy()
    if isinstance(ds.items, pd.DataFrame):
        known = ds.items.iloc[index]
    else:
        known = pd.DataFrame(ds.rows(index).reshape(len(index), -1), columns=list(ds.feature_names))
    names = [f"item: {name}" if name in table.columns else name for name in known.columns]
    return pd.concat([table.reset_index(drop=True), known.set_axis(names, axis=1).reset_index(drop=True)], axis=1)


# -- cells of text ----------------------------------------------------------------------------------------------------


def guarded(value: Any) -> Any:
    """Text that a spreadsheet would run as a formula with an apostrophe before it; all else as it is.

    Text that has one already gets another, so that :func:`_unguarded` is the inverse.
    """
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def _unguarded(text: str) -> str:
    return text[1:] if _GUARDED.match(text) else text


def _write_cells(table: pd.DataFrame, file: Any, separator: str, guard: bool) -> None:
    shown = guarded if guard else lambda value: value
    writer = csv.writer(file, delimiter=separator, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow([shown(str(name)) for name in table.columns])
    columns = [[shown(value) for value in _values(table.iloc[:, j])] for j in range(table.shape[1])]
    writer.writerows(zip(*columns, strict=True))  # None is written as nothing


def _values(column: pd.Series[Any]) -> list[Any]:
    """Numbers, truth values and text of a column; None where there is nothing."""
    if isinstance(column.dtype, pd.DatetimeTZDtype) or column.dtype.kind == "M":
        values = [value.isoformat() for value in column]
    elif column.dtype == np.float32:
        values = [float(str(value)) for value in column.to_numpy()]  # 0.1, not 0.10000000149011612
    else:
        values = column.tolist()
    gaps = column.isna().tolist()
    return [None if gap else _plain(value) for value, gap in zip(values, gaps, strict=True)]


def _plain(value: Any) -> Any:
    value = value.item() if isinstance(value, np.generic) else value
    return value if isinstance(value, bool | int | float | str) else str(value)


def _of_text(name: str, cells: list[str]) -> pd.Series[Any]:
    """The column of a text file: of the type that its name says, else numbers if all cells are."""
    kind = _TYPES.get(name)
    if name == "time" or kind is not None:
        parse = _PARSE.get(kind, int)
        return _of_values(name, [None if cell == "" else parse(cell) for cell in cells])
    numbers: tuple[Any, ...] = () if name in _TEXT else (int,) if name == "id" else (int, float)
    for number in numbers:
        with contextlib.suppress(ValueError):
            values = [number(cell) for cell in cells]
            if values and [str(value) for value in values] == cells:
                return _of_values(name, values)
    return _of_values(name, [_unguarded(cell) for cell in cells])


def _truth(cell: str) -> bool:
    return {"True": True, "False": False}[cell]


_PARSE: dict[str | None, Callable[[str], Any]] = {"bool": _truth, "float64": float, None: str}


def _of_values(name: str, values: list[Any]) -> pd.Series[Any]:
    """A column of values, None where there is nothing."""
    if name == "time":
        return pd.to_datetime(pd.Series(values, dtype="object"), utc=True, format="ISO8601").dt.as_unit("ms")
    kind = _TYPES.get(name)
    if kind == "Int8" and None not in values:
        kind = "int8"  # of labels, which are all there
    kind = "object" if name in ("id", *_TEXT) else kind
    return pd.Series(values, dtype=kind)


# -- formats ----------------------------------------------------------------------------------------------------------


def _write_csv(table: pd.DataFrame, path: Path, guard: bool, separator: str = ",") -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        _write_cells(table, file, separator, guard)


def _read_csv(path: Path, separator: str = ",") -> pd.DataFrame:
    with path.open(newline="", encoding="utf-8") as file:
        names, *rows = csv.reader(file, delimiter=separator)
    if any(len(row) != len(names) for row in rows):
        raise ValueError(f"its rows do not all have {len(names)} cells")
    columns = [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in names]
    return _table([_unguarded(name) for name in names], columns, _of_text)


def _write_json(table: pd.DataFrame, path: Path, guard: bool) -> None:
    names = [str(name) for name in table.columns]
    if len(set(names)) < len(names):
        raise ValueError("columns of the same name cannot be in one object: rename them.")
    columns = [_values(table.iloc[:, j]) for j in range(len(names))]
    rows = [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
    with path.open("w", encoding="utf-8") as file:
        json.dump(rows, file, ensure_ascii=False, allow_nan=False)


def _read_json(path: Path) -> pd.DataFrame:
    rows = json.loads(path.read_text(encoding="utf-8"))
    names = list(rows[0]) if rows else []
    return _table(names, [[row[name] for row in rows] for name in names], _of_values)


def _table(names: list[str], columns: list[Any], typed: Callable[[str, Any], pd.Series[Any]]) -> pd.DataFrame:
    series = {j: typed(name, column) for j, (name, column) in enumerate(zip(names, columns, strict=True))}
    return pd.DataFrame(series).set_axis(names, axis=1)


def _write_parquet(table: pd.DataFrame, path: Path, guard: bool) -> None:
    _import_pyarrow()
    try:
        table.rename(columns=str).to_parquet(path, engine="pyarrow", index=False)
    except (TypeError, ValueError) as error:  # pyarrow's own errors are of these
        raise ValueError(
            f"Parquet cannot hold this table ({error}). A column such as id has text and numbers: use .json, or make "
            "all of it text."
        ) from error


def _read_parquet(path: Path) -> pd.DataFrame:
    _import_pyarrow()
    table = pd.read_parquet(path, engine="pyarrow")
    return table.astype({name: "object" for name in ("id", *_TEXT) if name in table.columns})


def _import_pyarrow() -> None:
    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise ImportError(
            'Parquet needs the package pyarrow: pip install "uai_notebook[parquet]", or choose .csv or .json.',
            name="pyarrow",
        ) from error


_WRITERS: dict[str, Callable[[pd.DataFrame, Path, bool], None]] = {
    ".csv": _write_csv,
    ".tsv": partial(_write_csv, separator="\t"),
    ".json": _write_json,
    ".parquet": _write_parquet,
}
_READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".csv": _read_csv,
    ".tsv": partial(_read_csv, separator="\t"),
    ".json": _read_json,
    ".parquet": _read_parquet,
}
