"""item_hash and fingerprint: an item keeps its hash wherever it is."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from uai_notebook.datasets import Dataset

X = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
TABLE = pd.DataFrame(
    {
        "count": [1, 2, 3, 4],
        "size": [0.5, 1.5, 2.5, 3.5],
        "colour": ["red", "blue", "red", "green"],
        "kind": pd.Categorical(["a", "b", "a", "b"]),
        "bad": [0, 0, 0, 1],
    }
)


def test_the_hash_of_an_array_row_is_blake2b_of_its_bytes_and_class():
    ds = Dataset.from_arrays(X, x_y=[3, 4] * 4)
    expected = hashlib.blake2b(X[1].tobytes() + b"4", digest_size=8).digest()
    assert ds.item_hash.dtype == np.uint64
    assert ds.item_hash[1] == int.from_bytes(expected, "little")


def test_reordered_arrays_have_reordered_hashes_and_the_same_fingerprint():
    order = np.random.default_rng(1).permutation(8)
    a, b = Dataset.from_arrays(X), Dataset.from_arrays(X[order])
    np.testing.assert_array_equal(a.item_hash[order], b.item_hash)
    assert a.fingerprint == b.fingerprint
    assert len(a.fingerprint) == 32


def test_a_subset_keeps_the_hashes_of_its_items():
    a, b = Dataset.from_arrays(X, x_y=list("abcabcab")), Dataset.from_arrays(X[1:3], x_y=["b", "c"])
    np.testing.assert_array_equal(a.item_hash[1:3], b.item_hash)


def test_another_class_or_another_value_is_another_item():
    changed = X.copy()
    changed[0, 0] += 1
    a = Dataset.from_arrays(X, x_y=[1, 2] * 4)
    assert Dataset.from_arrays(X, x_y=[2, 2, *([1, 2] * 3)]).item_hash[0] != a.item_hash[0]
    assert Dataset.from_arrays(changed, x_y=[1, 2] * 4).fingerprint != a.fingerprint


def test_truth_ids_and_names_do_not_enter_the_hash():
    a, b = Dataset.from_arrays(X), Dataset.from_arrays(X, y=[1] + [0] * 7, ids=list("abcdefgh"), name="other")
    assert a.fingerprint == b.fingerprint


def test_reordered_tables_have_the_same_fingerprint():
    a, b = Dataset.from_frame(TABLE, y="bad"), Dataset.from_frame(TABLE.iloc[::-1], y="bad")
    np.testing.assert_array_equal(a.item_hash[::-1], b.item_hash)
    assert a.fingerprint == b.fingerprint


def test_a_gap_or_a_new_category_elsewhere_does_not_change_the_hash_of_a_row():
    more = pd.concat([TABLE, pd.DataFrame({"size": [9.0], "colour": ["violet"], "bad": [0]})], ignore_index=True)
    assert more["count"].dtype == float
    np.testing.assert_array_equal(
        Dataset.from_frame(TABLE, y="bad").item_hash, Dataset.from_frame(more, y="bad").item_hash[:4]
    )


@pytest.mark.parametrize("dtype", ["category", "string", object])
def test_the_type_of_a_text_column_does_not_change_the_hash(dtype):
    a = Dataset.from_frame(TABLE, y="bad")
    b = Dataset.from_frame(TABLE.astype({"colour": dtype}), y="bad")
    np.testing.assert_array_equal(a.item_hash, b.item_hash)


def test_the_truth_of_a_table_does_not_enter_the_hash():
    a = Dataset.from_frame(TABLE, y="bad")
    b = Dataset.from_frame(TABLE.assign(bad=[1, 0, 0, 0]), y="bad")
    assert a.fingerprint == b.fingerprint


def test_every_other_column_of_a_table_enters_the_hash():
    a = Dataset.from_frame(TABLE, y="bad", ignore=["size"], x_y="kind")
    for column, value in {"count": 9, "size": 9.0, "colour": "red", "kind": "a"}.items():
        changed = TABLE.copy()
        changed.loc[1, column] = value
        differs = a.item_hash != Dataset.from_frame(changed, y="bad", ignore=["size"], x_y="kind").item_hash
        assert differs.tolist() == [False, True, False, False]


def test_equal_values_of_different_type_are_different_items_whatever_else_is_in_the_column():
    df = pd.DataFrame({"a": [1, 2, 3], "b": [1, True, "x"]})
    whole, part = Dataset.from_frame(df), Dataset.from_frame(df.iloc[1:])
    np.testing.assert_array_equal(whole.item_hash[1:], part.item_hash)


def test_the_hash_of_a_table_is_the_same_in_every_python_process():
    code = (
        "import pandas as pd; from uai_notebook.datasets import Dataset;"
        "df = pd.DataFrame({'a': [1, 2], 'b': ['x', None], 'c': [('u', 1), ('v', 2)]});"
        "print(Dataset.from_frame(df, ignore='c').fingerprint)"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code], env={**os.environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1
