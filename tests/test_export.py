"""Files and clipboard text: they come back as they were, and nothing in them is run by a spreadsheet."""

from __future__ import annotations

import csv
import io
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import uai_notebook as uai
from uai_notebook.export import guarded

FORMATS = ("csv", "tsv", "json", "parquet")
FORMULAS = [
    "=1+1",
    "+1",
    "-1+cmd|' /C calc'!A0",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    "'=1",
    "''@x",
    '=HYPERLINK("http://x.example","a")',
    "＝1",
]
PLAIN = [
    "a",
    "",
    "'",
    "'a",
    "1",
    "-",
    "nan",
    "NA",
    "None",
    "null",
    'ä, "b"; c',
    "a\nb",
    "a\tb",
    "<b>",
    " =1",
    "a=1",
    "007",
]


@pytest.fixture
def results():
    """What session.results() gives."""
    n = len(FORMULAS) + len(PLAIN)
    scores = np.random.default_rng(0).normal(size=n).astype(np.float32)
    return pd.DataFrame(
        {
            "index": np.arange(n)[::-1],
            "id": pd.Series(FORMULAS + PLAIN, dtype="object"),
            "label": pd.array([1, 0, -1, *[pd.NA] * (n - 3)], dtype="Int8"),
            "base_score": scores,
            "uai_score": np.where(np.arange(n) % 4, scores, np.nan).astype(np.float32),
            "rank": np.arange(1, n + 1),
        }
    )


@pytest.fixture
def labels():
    """What session.labels gives."""
    n = len(FORMULAS)
    return pd.DataFrame(
        {
            "index": np.arange(n),
            "id": pd.Series(range(n), dtype="object"),
            "label": np.resize(np.int8([1, 0, -1]), n),
            "asked": np.arange(n) % 2 == 0,
            "annotator": pd.Series(["", *FORMULAS[1:]], dtype="object"),
            "time": pd.to_datetime(["2026-11-24T00:00:00.123Z"] * n, utc=True, format="ISO8601").as_unit("ms"),
            "round": np.arange(n),
            "base_score": np.where(np.arange(n) == 2, np.nan, 1 / (np.arange(n) + 3.0)),
            "uai_score": np.full(n, np.nan),
        }
    )


@pytest.mark.parametrize("ending", FORMATS)
@pytest.mark.parametrize("kind", ["results", "labels"])
def test_a_table_comes_back_as_it_was(request, tmp_path, kind, ending):
    table = request.getfixturevalue(kind)
    again = uai.read_table(uai.save_table(table, tmp_path / f"t.{ending}"))
    floats = {name: again[name].dtype for name in again if again[name].dtype.kind == "f"}
    if ending != "parquet":  # float32 is written with as many digits as it has
        again = again.astype({name: table[name].dtype for name in floats})
    pd.testing.assert_frame_equal(again, table)


@pytest.mark.parametrize("ending", FORMATS)
def test_a_real_session_comes_back_as_it_was(make, tmp_path, ending):
    session = make()
    session.train()
    session.label(session.queue[:2], [1, 0], annotator="Anna")
    for name, table in (("r", session.results()), ("l", session.labels)):
        again = uai.read_table(uai.save_table(table, tmp_path / f"{name}.{ending}"))
        pd.testing.assert_frame_equal(again.astype(table.dtypes.to_dict()), table)


@pytest.mark.parametrize("ending", FORMATS)
def test_a_table_without_rows_comes_back_without_rows(labels, tmp_path, ending):
    again = uai.read_table(uai.save_table(labels.iloc[:0], tmp_path / f"t.{ending}"))
    assert len(again) == 0
    if ending != "json":
        assert list(again) == list(labels)


# -- formulas ---------------------------------------------------------------------------------------------------------


def cells(text: str, separator: str) -> list[str]:
    return [cell for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) for cell in row]


@pytest.mark.parametrize("separator", [",", "\t"])
def test_no_cell_of_text_begins_like_a_formula(results, tmp_path, separator):
    results = results.rename(columns={"rank": "=rank"})
    if separator == "\t":
        written = uai.clipboard_text(results)
    else:
        written = uai.save_table(results, tmp_path / "t.csv").read_bytes().decode()
    found = cells(written, separator)
    assert "'=rank" in found
    assert {f"'{text}" for text in FORMULAS} <= set(found)
    for cell in found:
        if cell[:1] in tuple("=+-@\t\r\n＝＋－＠"):
            float(cell)  # a number below 0 is one


def test_the_guard_can_be_turned_off(results, tmp_path):
    path = uai.save_table(results, tmp_path / "t.csv", guard=False)
    assert "=1+1" in cells(path.read_bytes().decode(), ",")
    assert "=1+1" in cells(uai.clipboard_text(results, guard=False), "\t")


def test_other_formats_have_text_as_it_is(results, tmp_path):
    uai.save_table(results, tmp_path / "t.json")
    assert "'=1+1" not in (tmp_path / "t.json").read_text()
    assert "=1+1" in pd.read_parquet(uai.save_table(results, tmp_path / "t.parquet"))["id"].tolist()


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1, max_size=8))
def test_any_text_comes_back_from_a_guarded_file(tmp_path_factory, texts):
    texts = [*texts, *(guarded(text) for text in texts), "text"]  # "text", so that they are not all numbers
    path = tmp_path_factory.getbasetemp() / "any.csv"
    again = uai.read_table(uai.save_table(pd.DataFrame({"id": texts}), path, overwrite=True))
    assert again["id"].tolist() == texts


def test_pandas_reads_the_files_too(results, tmp_path):
    table = pd.read_csv(uai.save_table(results, tmp_path / "t.csv"))
    assert np.array_equal(table["base_score"].astype(np.float32), results["base_score"])
    assert list(pd.read_json(uai.save_table(results, tmp_path / "t.json"))) == list(results)


# -- files ------------------------------------------------------------------------------------------------------------


def test_a_file_is_not_overwritten_unless_one_says_so(labels, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("mine")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        uai.save_table(labels, path)
    assert path.read_text() == "mine"
    uai.save_table(labels, path, overwrite=True)
    assert path.read_text().startswith('"index",')


def test_a_file_that_cannot_be_written_leaves_the_old_one(labels, tmp_path, monkeypatch):
    path = uai.save_table(labels, tmp_path / "t.csv")
    before = path.read_bytes()

    def full(file):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        uai.save_table(labels.iloc[:2], path, overwrite=True)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["t.csv"]


def test_names_that_do_not_fit_are_said(labels, tmp_path):
    with pytest.raises(ValueError, match=r"ends in \.csv, \.tsv, \.json, \.parquet"):
        uai.save_table(labels, tmp_path / "t.xlsx")
    with pytest.raises(ValueError, match=r"ends in \.csv"):
        uai.read_table(tmp_path / "t.pkl")
    with pytest.raises(FileNotFoundError, match="make it first"):
        uai.save_table(labels, tmp_path / "no" / "t.csv")
    with pytest.raises(FileNotFoundError):
        uai.read_table(tmp_path / "no.csv")


@pytest.mark.parametrize("ending", FORMATS)
def test_other_files_are_a_clear_error(tmp_path, ending):
    for content in (b"", b"a,b\n1\n", b"a\tb\n1\n", b"\xff\xfe\x00", b"{}}", b"[1, 2]", b"index\nx\n"):
        path = tmp_path / f"t.{ending}"
        path.write_bytes(content)
        try:
            read = uai.read_table(path)
        except ValueError as error:
            assert "is not a table that can be read" in str(error)  # noqa: PT017
        else:
            assert isinstance(read, pd.DataFrame)


@pytest.mark.parametrize("ending", FORMATS)
def test_text_that_is_no_unicode_is_said(tmp_path, ending):
    with pytest.raises(ValueError, match=r"half a character|surrogates"):
        uai.save_table(pd.DataFrame({"id": ["a", "\ud800"]}, dtype="object"), tmp_path / f"t.{ending}")
    assert not list(tmp_path.iterdir())


def test_what_parquet_cannot_hold_is_said(tmp_path):
    with pytest.raises(ValueError, match=r"text and numbers: use \.json"):
        uai.save_table(pd.DataFrame({"id": pd.Series([1, "a"], dtype="object")}), tmp_path / "t.parquet")
    assert not list(tmp_path.iterdir())
    mixed = pd.DataFrame({"id": pd.Series([1, "a", "1"], dtype="object")})
    assert uai.read_table(uai.save_table(mixed, tmp_path / "t.json"))["id"].tolist() == [1, "a", "1"]


def test_without_pyarrow_parquet_says_what_to_install(tmp_path):
    code = """
import sys
sys.modules["pyarrow"] = None
import pandas as pd, uai_notebook as uai
try:
    uai.save_table(pd.DataFrame({"id": [1]}), sys.argv[1])
except ImportError as error:
    print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "t.parquet")], capture_output=True, text=True, check=False
    )
    assert 'pip install "uai_notebook[parquet]"' in done.stdout, done.stderr


# -- items beside -----------------------------------------------------------------------------------------------------


def test_items_of_a_table_come_with_their_results(make):
    df = pd.DataFrame({"age": [*range(20)], "label": list("ab") * 10, "town": [None, *"xyz" * 6, "x"]})
    ds = uai.Dataset.from_frame(df, name="people")
    session = make(ds=ds)
    table = uai.with_items(session.results(), ds)
    assert list(table)[-3:] == ["age", "item: label", "town"]
    assert table["age"].tolist() == table["index"].tolist()
    assert uai.with_items(session.labels, ds).empty


def test_items_without_a_table_come_with_their_features(ds):
    table = uai.with_items(pd.DataFrame({"index": [5, 1]}), ds)
    assert np.array_equal(table[list(ds.feature_names)].to_numpy(np.float32), ds.x[[5, 1]])
