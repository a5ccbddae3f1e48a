"""Dataset.from_frame: from columns to numbers."""

from __future__ import annotations

import datetime
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from uai_notebook.datasets import Dataset


def feature(ds: Dataset, name: str) -> list[float]:
    return ds.x[:, ds.feature_names.index(name)].tolist()


def test_numbers_stay_as_they_are():
    ds = Dataset.from_frame(pd.DataFrame({"a": [1, 2], "b": [0.5, -3.0]}))
    assert ds.feature_names == ("a", "b")
    assert ds.x.tolist() == [[1, 0.5], [2, -3]]


@pytest.mark.parametrize(
    "values",
    [
        [True, False],
        pd.array([True, False], dtype="boolean"),
        pd.array([1, 0], dtype="Int32"),
        np.array([True, False], dtype=object),
        np.array([1, 0.0], dtype=object),
        np.array([Decimal(1), Decimal(0)], dtype=object),
    ],
)
def test_bools_nullable_types_and_objects_that_hold_numbers_become_numbers(values):
    assert feature(Dataset.from_frame(pd.DataFrame({"a": values})), "a") == [1, 0]


def test_a_gap_is_filled_with_the_median_and_marked():
    ds = Dataset.from_frame(pd.DataFrame({"age": [1.0, None, 3.0, 11.0]}))
    assert ds.feature_names == ("age", "age missing")
    assert feature(ds, "age") == [1, 3, 3, 11]
    assert feature(ds, "age missing") == [0, 1, 0, 0]
    assert "filled with the median: age (1)" in repr(ds)


@pytest.mark.parametrize(
    "values",
    [
        pd.array([1, None, 3], dtype="Int64"),
        pd.array([True, None, False], dtype="boolean"),
        np.array([1, None, 3], dtype=object),
    ],
)
def test_a_gap_in_a_nullable_or_object_column_is_filled_too(values):
    assert feature(Dataset.from_frame(pd.DataFrame({"a": values})), "a missing") == [0, 1, 0]


@pytest.mark.parametrize("dtype", [object, "str", "category", "string"])
def test_text_becomes_one_column_per_value(dtype):
    ds = Dataset.from_frame(pd.DataFrame({"colour": pd.Series(["red", "blue", "red"], dtype=dtype)}))
    assert ds.feature_names == ("colour=blue", "colour=red")
    assert feature(ds, "colour=red") == [1, 0, 1]


@pytest.mark.parametrize("dtype", [object, "category"])
def test_a_missing_category_is_a_level_of_its_own(dtype):
    ds = Dataset.from_frame(pd.DataFrame({"colour": pd.Series(["red", None, "blue"], dtype=dtype)}))
    assert ds.x.sum(axis=1).tolist() == [1, 1, 1]
    assert feature(ds, "colour missing") == [0, 1, 0]


def test_a_category_of_numbers_stays_a_category_and_unused_levels_are_dropped():
    ds = Dataset.from_frame(pd.DataFrame({"code": pd.Categorical([7, 8, 7], categories=[7, 8, 9])}))
    assert ds.feature_names == ("code=7", "code=8")
    assert feature(ds, "code=7") == [1, 0, 1]


def test_numbers_mixed_with_text_are_a_category():
    assert Dataset.from_frame(pd.DataFrame({"a": [1, "x", 1]})).feature_names == ("a=1", "a=x")


@pytest.mark.parametrize(("n", "kept"), [(50, True), (51, False)])
def test_text_of_more_than_50_values_is_left_out_with_a_warning_that_names_it(n, kept):
    df = pd.DataFrame({"a": range(n), "text": [f"t{i}" for i in range(n)]})
    if kept:
        assert Dataset.from_frame(df).n_features == 51
        return
    with pytest.warns(UserWarning, match=r"'text' \(51 values\).*ignore=\['text'\]") as caught:
        ds = Dataset.from_frame(df)
    assert ds.feature_names == ("a",)
    assert "left out: text (51 values)" in repr(ds)
    assert ds.item(3)["text"] == "t3"
    assert caught[0].filename == __file__


def test_numbers_written_as_text_are_left_out_with_the_way_to_convert_them():
    with pytest.warns(UserWarning, match=r"numbers written as text: pandas\.to_numeric"):
        Dataset.from_frame(pd.DataFrame({"a": range(60), "b": [str(i) for i in range(60)]}))


@pytest.mark.parametrize(
    "values",
    [
        pd.to_datetime(["2024-01-01", "2024-01-02"]),
        pd.to_datetime(["2024-01-01", "2024-01-02"]).tz_localize("UTC"),
        [datetime.date(2024, 1, 1), datetime.date(2024, 1, 2)],
        pd.to_timedelta(["1h", "2h"]),
        pd.period_range("2024", periods=2, freq="M"),
        pd.interval_range(0, 2),
    ],
)
def test_dates_and_times_are_left_out_with_a_warning(values):
    df = pd.DataFrame({"a": [1, 2], "when": values})
    with pytest.warns(UserWarning, match=r"'when' \(dates\)"):
        ds = Dataset.from_frame(df)
    assert ds.feature_names == ("a",)
    assert len(set(ds.item_hash.tolist())) == 2


def test_a_column_without_values_is_left_out_with_a_warning():
    with pytest.warns(UserWarning, match=r"'b' \(no values\)"):
        ds = Dataset.from_frame(pd.DataFrame({"a": [1, 2], "b": [None, None]}))
    assert ds.feature_names == ("a",)


def test_ignored_columns_are_shown_without_a_warning(recwarn):
    ds = Dataset.from_frame(pd.DataFrame({"a": [1, 2], "b": pd.to_datetime(["2024", "2025"])}), ignore="b")
    assert not recwarn
    assert ds.feature_names == ("a",)
    assert "b" in ds.item(0)


@pytest.mark.parametrize("value", [[1, 2], {"k": 1}, np.zeros(2), object()])
def test_nested_objects_are_refused_by_column(value):
    df = pd.DataFrame({"a": [1, 2], "deep": pd.Series([value, None], dtype=object)})
    with pytest.raises(TypeError, match=r"'deep' \(nested\).*ignore="):
        Dataset.from_frame(df)


def test_nested_objects_can_be_ignored():
    ds = Dataset.from_frame(pd.DataFrame({"a": [1, 2], "deep": [(1, "u"), [2]]}), ignore=["deep"])
    assert len(set(ds.item_hash.tolist())) == 2


def test_complex_numbers_are_refused():
    with pytest.raises(TypeError, match=r"'z' \(complex\)"):
        Dataset.from_frame(pd.DataFrame({"z": [1j, 2j]}))


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e300])
def test_infinity_and_numbers_beyond_float32_are_refused_by_column(value):
    with pytest.raises(ValueError, match=r"beyond float32.*: 'b'"):
        Dataset.from_frame(pd.DataFrame({"a": [1, 2], "b": [1, value]}))


def test_repeated_column_names_are_refused():
    with pytest.raises(ValueError, match=r"these repeat: \['a'\]"):
        Dataset.from_frame(pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"]))


def test_a_table_without_a_usable_column_is_refused():
    with pytest.raises(ValueError, match=r"no column .* feature: 'a' \(no values\)"):
        Dataset.from_frame(pd.DataFrame({"a": [None, None]}))
    with pytest.raises(ValueError, match="all are id, ignore, y or x_y"):
        Dataset.from_frame(pd.DataFrame({"a": [1, 2]}), id="a")


@pytest.mark.parametrize("n", [0, 1])
def test_a_table_of_fewer_than_two_rows_is_refused(n):
    with pytest.raises(ValueError, match=f"the table has {n} row"):
        Dataset.from_frame(pd.DataFrame({"a": range(n)}))


@pytest.mark.parametrize("role", ["id", "ignore", "y", "x_y"])
def test_an_unknown_column_is_refused_with_the_columns_there_are(role):
    with pytest.raises(ValueError, match=f"{role}='nope' is not a column of the table. Columns: 'a', 'b'"):
        Dataset.from_frame(pd.DataFrame({"a": [1, 2], "b": [3, 4]}), **{role: "nope"})


def test_an_array_in_place_of_a_column_name_is_refused():
    with pytest.raises(ValueError, match="y='a ndarray' is not a column"):
        Dataset.from_frame(pd.DataFrame({"a": [1, 2]}), y=np.array([0, 1]))


def test_a_long_list_of_columns_is_cut():
    with pytest.raises(ValueError, match="and 5 more"):
        Dataset.from_frame(pd.DataFrame([range(25)] * 2), id="nope")


def test_the_truth_cannot_be_the_given_class():
    with pytest.raises(ValueError, match="given as both y and x_y"):
        Dataset.from_frame(pd.DataFrame({"a": [1, 2], "t": [0, 1]}), y="t", x_y="t")


@pytest.mark.parametrize("df", [[[1, 2], [3, 4]], {"a": [1, 2]}])
def test_something_other_than_a_table_is_refused(df):
    with pytest.raises(TypeError, match=r"takes a pandas DataFrame, got .*from_arrays"):
        Dataset.from_frame(df)


# -- ids, truth, class, the item shown ---------------------------------------------------------------------------------


def test_a_unique_index_gives_the_ids():
    assert Dataset.from_frame(pd.DataFrame({"a": [1, 2]}, index=["u", "v"])).ids.tolist() == ["u", "v"]
    assert Dataset.from_frame(pd.DataFrame({"a": [1, 2]}, index=[7, 3])).ids.tolist() == [7, 3]


def test_an_index_that_repeats_gives_row_numbers():
    assert Dataset.from_frame(pd.DataFrame({"a": [1, 2]}, index=[5, 5])).ids.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("index", "first"),
    [
        (pd.to_datetime(["2024-01-01", "2024-01-02"]), "2024-01-01 00:00:00"),
        (pd.MultiIndex.from_tuples([("a", 1), ("a", 2)]), "('a', 1)"),
        ([0.5, 1.5], "0.5"),
        ([True, False], "True"),
    ],
)
def test_other_types_of_index_become_text(index, first):
    assert Dataset.from_frame(pd.DataFrame({"a": [1, 2]}, index=index)).ids[0] == first


def test_an_id_column_names_the_items_and_is_shown_but_not_a_feature():
    ds = Dataset.from_frame(pd.DataFrame({"key": ["u", "v"], "a": [1, 2]}), id="key")
    assert ds.ids.tolist() == ["u", "v"]
    assert ds.feature_names == ("a",)
    assert (ds.item(1)["key"], ds.item(1).name) == ("v", "v")


def test_an_id_column_with_gaps_is_refused():
    with pytest.raises(ValueError, match="id column 'key' has 1 missing values"):
        Dataset.from_frame(pd.DataFrame({"key": ["u", None], "a": [1, 2]}), id="key")


def test_an_id_column_that_repeats_is_refused():
    with pytest.raises(ValueError, match="ids must be unique"):
        Dataset.from_frame(pd.DataFrame({"key": ["u", "u"], "a": [1, 2]}), id="key")


@pytest.mark.parametrize("truth", [[0, 1], [False, True], pd.array([0, 1], dtype="Int64")])
def test_the_truth_is_neither_a_feature_nor_shown(truth):
    ds = Dataset.from_frame(pd.DataFrame({"a": [1, 2], "bad": truth}), y="bad")
    assert ds.y.tolist() == [0, 1]
    assert ds.feature_names == ("a",)
    assert list(ds.item(0).index) == ["a"]


def test_the_given_class_is_shown_but_not_a_feature():
    ds = Dataset.from_frame(pd.DataFrame({"a": [1, 2], "kind": ["cat", "dog"]}), x_y="kind")
    assert ds.given_class(1) == "dog"
    assert ds.feature_names == ("a",)
    assert ds.item(1)["kind"] == "dog"


def test_the_table_is_not_changed():
    df = pd.DataFrame({"key": ["u", "v"], "a": [1.0, None], "c": ["x", "y"], "bad": [0, 1]}, index=[4, 2])
    before = df.copy(deep=True)
    ds = Dataset.from_frame(df, id="key", y="bad")
    _ = ds.item_hash
    pd.testing.assert_frame_equal(df, before)


def test_a_later_change_of_the_table_does_not_reach_the_dataset():
    df = pd.DataFrame({"a": [1, 2]})
    ds = Dataset.from_frame(df)
    df.loc[0, "a"] = 99
    assert ds.item(0)["a"] == 1
