"""Dataset.from_arrays: what it accepts, what it refuses and in which words, and how the data are read."""

from __future__ import annotations

import dataclasses
import pickle

import numpy as np
import pandas as pd
import pytest

from uai_notebook.datasets import Dataset

RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 3)).astype(np.float32)


def test_x_is_float32_contiguous_and_not_scaled():
    ds = Dataset.from_arrays(np.asfortranarray(X.astype(np.float64) * 100))
    assert ds.x.dtype == np.float32
    assert ds.x.flags.c_contiguous
    np.testing.assert_allclose(ds.x, X * 100, rtol=1e-6)


@pytest.mark.parametrize(
    "x",
    [
        [[1, 2], [3, 4]],
        [[True, False], [False, True]],
        np.array([[1, 2], [3, 4]], dtype=object),
        np.array([[1, 2], [3, 4]], dtype=np.uint8),
        pd.DataFrame({"a": [1, 2], "b": [0.5, 1.5]}),
        pd.DataFrame({"a": pd.array([1, 2], dtype="Int64")}),
    ],
)
def test_lists_arrays_and_tables_of_numbers_are_accepted(x):
    assert Dataset.from_arrays(x).x.dtype == np.float32


def test_a_torch_tensor_with_a_gradient_is_accepted():
    torch = pytest.importorskip("torch")
    ds = Dataset.from_arrays(torch.tensor(X, requires_grad=True), y=torch.tensor([0, 0, 0, 0, 0, 1]))
    np.testing.assert_array_equal(ds.x, X)
    assert ds.y is not None
    assert ds.y.sum() == 1


def test_the_data_cannot_be_written_to_and_the_callers_array_still_can():
    x = X.copy()
    ds = Dataset.from_arrays(x, y=[0, 1, 0, 0, 0, 0])
    for array in (ds.x, ds.y, ds.ids):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    x[0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        ds.name = "other"


def test_columns_of_a_table_become_the_feature_names():
    assert Dataset.from_arrays(pd.DataFrame({"a": [1, 2], "b": [3, 4]})).feature_names == ("a", "b")


def test_feature_names_are_numbered_by_default_and_kept_when_given():
    assert Dataset.from_arrays(X).feature_names == ("x0", "x1", "x2")
    assert Dataset.from_arrays(X, feature_names=["a", "b", "c"]).feature_names == ("a", "b", "c")


def test_x_may_have_more_than_two_dimensions():
    ds = Dataset.from_arrays(RNG.normal(size=(4, 2, 5)))
    assert (ds.x.shape, ds.n_features, len(ds)) == ((4, 2, 5), 10, 4)


# -- refusals ----------------------------------------------------------------------------------------------------------


def test_a_row_with_nan_is_refused_with_its_number_and_first_position():
    x = X.copy()
    x[2, 1] = x[4, 0] = np.nan
    with pytest.raises(ValueError, match=r"2 values .* NaN in row 2, column 1.*from_frame fills gaps"):
        Dataset.from_arrays(x)


def test_infinity_is_refused_with_its_position():
    x = X.copy()
    x[3, 2] = -np.inf
    with pytest.raises(ValueError, match="the first is infinity in row 3, column 2"):
        Dataset.from_arrays(x)


def test_missing_values_in_a_table_of_numbers_are_refused():
    with pytest.raises(ValueError, match="NaN in row 1, column 0"):
        Dataset.from_arrays(pd.DataFrame({"a": pd.array([1, None], dtype="Int64")}))


def test_none_among_python_numbers_counts_as_nan():
    with pytest.raises(ValueError, match="NaN in row 0, column 1"):
        Dataset.from_arrays([[1, None], [2, 3]])


def test_values_beyond_float32_are_refused():
    with pytest.raises(ValueError, match=r"beyond float32, the first 1e\+39 in row 1, column 0"):
        Dataset.from_arrays([[1.0], [1e39]])


@pytest.mark.parametrize("x", [[["a", "b"], ["c", "d"]], np.array([[1, "a"], [2, "b"]], dtype=object), [[1j], [2j]]])
def test_values_that_are_not_real_numbers_are_refused(x):
    with pytest.raises(TypeError, match=r"array of real numbers, got .*from_frame"):
        Dataset.from_arrays(x)


def test_a_table_with_text_is_sent_to_from_frame():
    with pytest.raises(TypeError, match=r"not numbers: \['b'\]. Dataset.from_frame"):
        Dataset.from_arrays(pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}))


def test_rows_of_different_length_are_refused():
    with pytest.raises(ValueError, match="rectangular"):
        Dataset.from_arrays([[1, 2], [3]])


@pytest.mark.parametrize(("x", "rows"), [(np.zeros((0, 3)), "0 rows"), (np.zeros((1, 3)), "1 row;")])
def test_fewer_than_two_rows_are_refused(x, rows):
    with pytest.raises(ValueError, match=f"x has {rows}"):
        Dataset.from_arrays(x)


def test_a_flat_list_is_refused_with_the_way_to_reshape_it():
    with pytest.raises(ValueError, match=r"got shape \(3,\).*reshape\(-1, 1\)"):
        Dataset.from_arrays([1, 2, 3])


def test_items_without_features_are_refused():
    with pytest.raises(ValueError, match="no features"):
        Dataset.from_arrays(np.zeros((3, 0)))


def test_identical_items_are_refused_as_constant_data():
    with pytest.raises(ValueError, match="constant data: all 5 items are identical"):
        Dataset.from_arrays(np.ones((5, 2)))


def test_equal_first_and_last_items_are_not_constant_data():
    assert len(Dataset.from_arrays([[1], [2], [1]])) == 3


@pytest.mark.parametrize("what", ["items", "x_y", "y", "ids"])
def test_a_wrong_length_is_refused_with_both_numbers(what):
    with pytest.raises(ValueError, match=f"{what} has 2 entries and x has 6 rows"):
        Dataset.from_arrays(X, **{what: [0, 1]})


def test_items_without_a_length_are_refused():
    with pytest.raises(TypeError, match="items must have one entry per item, got generator"):
        Dataset.from_arrays(X, items=(i for i in range(6)))


@pytest.mark.parametrize("names", [["a"], "abc"])
def test_the_wrong_number_of_feature_names_is_refused(names):
    with pytest.raises(ValueError, match="feature_names must be 3 names"):
        Dataset.from_arrays(X, feature_names=names)


def test_repeated_ids_are_refused_by_name():
    with pytest.raises(ValueError, match="2 of them occur more than once, such as 'a', 'b'"):
        Dataset.from_arrays(X, ids=["a", "a", "b", "b", "c", "d"])


@pytest.mark.parametrize("bad", [1.5, True, None, (1, 2)])
def test_ids_other_than_int_and_str_are_refused(bad):
    with pytest.raises(TypeError, match=r"ids must be ints or strs, got .* in row 5"):
        Dataset.from_arrays(X, ids=[0, 1, 2, 3, 4, bad])


@pytest.mark.parametrize("bad", [2, -1, float("nan"), "1", None])
def test_truth_other_than_0_and_1_is_refused(bad):
    with pytest.raises(ValueError, match=r"y must be 1 \(anomaly\) or 0 \(normal\).*first in row 5"):
        Dataset.from_arrays(X, y=[0, 1, 0, 0, 0, bad])


@pytest.mark.parametrize("what", ["y", "x_y"])
def test_truth_and_classes_with_two_dimensions_are_refused(what):
    with pytest.raises(ValueError, match=rf"{what} must be 1-d, .* got shape \(6, 1\)"):
        Dataset.from_arrays(X, **{what: [[0], [1], [0], [0], [0], [0]]})


def test_missing_classes_are_refused():
    with pytest.raises(ValueError, match=r"x_y has 1 missing values \(first in row 4\)"):
        Dataset.from_arrays(X, x_y=["a", "b", "a", "a", None, "b"])


def test_a_single_class_is_refused():
    with pytest.raises(ValueError, match="one class only, 3"):
        Dataset.from_arrays(X, x_y=[3] * 6)


@pytest.mark.parametrize("x_y", [[0.5, 1, 2, 3, 4, 5], ["a", 1, "a", 1, "a", 1], [np.inf, 1, 2, 3, 4, 5]])
def test_classes_that_are_neither_all_int_nor_all_str_are_refused(x_y):
    with pytest.raises(TypeError, match="all ints or all strs"):
        Dataset.from_arrays(X, x_y=x_y)


# -- classes, ids, truth -----------------------------------------------------------------------------------------------


def test_classes_of_any_value_become_codes_with_their_names():
    ds = Dataset.from_arrays(X, x_y=np.array([9, 4, 4, 7, 9, 9]))
    assert ds.x_y.dtype == np.int64
    assert ds.x_y.tolist() == [2, 0, 0, 1, 2, 2]
    assert ds.class_names == (4, 7, 9)
    assert ds.n_classes == 3
    assert ds.given_class(0) == "9"


@pytest.mark.parametrize(
    ("x_y", "names"),
    [
        (["b", "a"] * 3, ("a", "b")),
        ([1.0, 2.0] * 3, (1, 2)),
        ([True, False] * 3, (0, 1)),
        (pd.Categorical(["u", "v"] * 3), ("u", "v")),
    ],
)
def test_classes_may_be_text_whole_floats_bools_or_categories(x_y, names):
    assert Dataset.from_arrays(X, x_y=x_y).class_names == names


def test_without_classes_there_is_no_given_class():
    ds = Dataset.from_arrays(X)
    assert (ds.x_y, ds.n_classes, ds.given_class(0)) == (None, 0, None)


@pytest.mark.parametrize("y", [[0, 1] * 3, [False, True] * 3, [0.0, 1.0] * 3, pd.array([0, 1] * 3, dtype="Int8")])
def test_truth_may_be_ints_bools_or_floats_and_is_kept_as_uint8(y):
    ds = Dataset.from_arrays(X, y=y)
    assert ds.y.dtype == np.uint8
    assert ds.y.tolist() == [0, 1] * 3


def test_ids_are_row_numbers_by_default():
    assert Dataset.from_arrays(X).ids.tolist() == list(range(6))


def test_ids_may_mix_ints_and_strs_and_keep_their_type():
    ids = [1, "b", np.int64(3), np.str_("d"), 2**70, "f"]
    ds = Dataset.from_arrays(X, ids=ids)
    assert ds.ids.tolist() == [1, "b", 3, "d", 2**70, "f"]
    assert {type(i) for i in ds.ids.tolist()} == {int, str}


def test_index_of_finds_rows_by_id():
    ds = Dataset.from_arrays(X, ids=list("abcdef"))
    assert ds.index_of(["c", "a"]).tolist() == [2, 0]
    assert ds.index_of("f").tolist() == [5]
    assert Dataset.from_arrays(X).index_of(np.int64(4)).tolist() == [4]
    assert ds.index_of([]).dtype == np.int64


def test_index_of_names_ids_that_are_not_there():
    with pytest.raises(KeyError, match="1 of 2 ids are not in 'my data', such as 'z'"):
        Dataset.from_arrays(X, ids=list("abcdef")).index_of(["a", "z"])


# -- reading -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("index", "rows"),
    [(3, [3]), ([4, 1], [4, 1]), ([], []), (slice(1, 3), [1, 2]), (X[:, 0] > -9, range(6)), (np.array([2]), [2])],
)
def test_rows_takes_an_int_a_sequence_a_mask_or_a_slice(index, rows):
    got = Dataset.from_arrays(X).rows(index)
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, X[list(rows)].reshape(-1, 3))


def test_chunks_cover_all_items_in_order():
    parts = list(Dataset.from_arrays(X).chunks(4))
    assert [(p.start, p.stop) for p, _ in parts] == [(0, 4), (4, 6)]
    np.testing.assert_array_equal(np.concatenate([rows for _, rows in parts]), X)


def test_chunks_of_nothing_are_refused_at_the_call():
    with pytest.raises(ValueError, match="at least 1"):
        Dataset.from_arrays(X).chunks(0)


def test_without_items_the_features_are_shown_by_name():
    item = Dataset.from_arrays(X, feature_names=["a", "b", "c"], ids=list("uvwxyz")).item(2)
    assert isinstance(item, pd.Series)
    assert (list(item.index), item.name) == (["a", "b", "c"], "w")
    np.testing.assert_array_equal(item, X[2])


def test_items_of_any_sequence_are_shown_by_position():
    assert Dataset.from_arrays(X, items=list("abcdef")).item(1) == "b"
    assert Dataset.from_arrays(X, items=pd.Series(list("abcdef"), index=range(6, 0, -1))).item(1) == "b"


def test_a_row_of_a_table_keeps_the_type_of_each_value():
    items = pd.DataFrame({"count": [1, 2, 3, 4, 5, 6], "share": [0.5] * 6})
    assert repr(Dataset.from_arrays(X, items=items).item(0)["count"]).removeprefix("np.int64(").startswith("1")


def test_the_repr_says_what_is_known():
    ds = Dataset.from_arrays(X, x_y=[1, 2] * 3, y=[1, 0, 0, 0, 0, 1], name="toy")
    assert repr(ds) == "Dataset 'toy': 6 items x 3 features, 2 classes, 2 known anomalies (33.3%)"
    assert repr(Dataset.from_arrays([[1], [2]])) == "Dataset 'my data': 2 items x 1 feature"


def test_a_dataset_can_be_pickled():
    ds = Dataset.from_arrays(X, ids=list("abcdef"))
    assert pickle.loads(pickle.dumps(ds)).fingerprint == ds.fingerprint
