"""Equal rows are found exactly, and scored once."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import uai_notebook as uai
from uai_notebook import distinct as module
from uai_notebook.distinct import distinct_rows
from uai_notebook.learners import UaiLearner
from uai_notebook.training import Rows, evaluate


def repeated(n=600, m=90, classes=False, seed=0):
    """n items of at most m distinct rows, with small whole numbers as one-hot columns have them."""
    rng = np.random.default_rng(seed)
    pool = np.c_[rng.integers(0, 2, (m, 4)), rng.normal(size=(m, 2)).round(1)].astype(np.float32)
    return uai.Dataset.from_arrays(pool[rng.integers(m, size=n)], x_y=rng.integers(3, size=n) if classes else None)


def reference(ds):
    """The same by a dictionary of tuples."""
    classes = np.zeros(len(ds)) if ds.x_y is None else ds.x_y
    seen: dict[tuple, int] = {}
    place = [seen.setdefault((*row, c), len(seen)) for row, c in zip(ds.x.tolist(), classes, strict=True)]
    return len(seen), place


@pytest.mark.parametrize("classes", [False, True])
def test_distinct_rows_are_those_a_dictionary_finds(classes, monkeypatch):
    monkeypatch.setattr(module, "CHUNK_ROWS", 64)
    ds = repeated(classes=classes)
    m, place = reference(ds)
    found = distinct_rows(ds)
    assert len(found.first) == m
    assert found.place.tolist() == place
    assert (np.diff(found.first) > 0).all()
    np.testing.assert_array_equal(ds.x[found.first][found.place], ds.x)


def test_items_of_more_dimensions_have_distinct_rows_too():
    flat = repeated()
    shaped = uai.Dataset.from_arrays(flat.x.reshape(-1, 3, 2))
    np.testing.assert_array_equal(distinct_rows(shaped).place, distinct_rows(flat).place)


def test_minus_zero_is_the_same_number_as_zero():
    found = distinct_rows(uai.Dataset.from_arrays(np.array([[0.0], [-0.0], [1.0], [0.0]])))
    assert found.place.tolist() == [0, 0, 1, 0]


def test_nothing_is_gained_where_fewer_than_a_tenth_are_repeated():
    x = np.arange(100.0)[:, None]
    x[:10] = 0
    assert distinct_rows(uai.Dataset.from_arrays(x)) is None
    x[:12] = 0
    assert len(distinct_rows(uai.Dataset.from_arrays(x)).first) == 89


def test_two_rows_of_one_hash_are_never_taken_for_equal(monkeypatch):
    ds = repeated()
    monkeypatch.setattr(module, "_hashes", lambda ds: np.arange(len(ds), dtype=np.uint64) % 50)
    assert distinct_rows(ds) is None


@pytest.mark.parametrize("base", ["dae", "class"])
@pytest.mark.parametrize("resident", [False, True])
def test_evaluating_distinct_rows_gives_what_the_plain_evaluation_gives(base, resident):
    ds = repeated(n=3000, m=1500, classes=True)
    learner = UaiLearner(ds, base, uai.TrainConfig(hidden=(16, 4), pretrain_steps=20))
    for _ in learner.pretrain():
        pass
    rows = Rows(ds, torch.device("cpu"), resident=resident)
    assert len(rows.distinct.first) < 0.9 * len(ds)
    once = evaluate(learner.net, rows)
    plain_rows = Rows(ds, torch.device("cpu"))
    plain_rows.distinct = None
    for fast, plain in zip(once, evaluate(learner.net, plain_rows), strict=True):
        assert fast.shape == plain.shape
        assert fast.dtype == plain.dtype == np.float32
        np.testing.assert_allclose(fast, plain, rtol=1e-4, atol=1e-5)
        representative = rows.distinct.first[rows.distinct.place]
        np.testing.assert_array_equal(fast, fast[representative])


def test_few_repeated_rows_leave_the_evaluation_as_it_was(ds):
    rows = Rows(ds, torch.device("cpu"))
    assert rows.distinct is None
    for (a, a_y), (b, b_y) in zip(rows.chunks(32), rows.distinct_chunks(32), strict=True):
        assert torch.equal(a, b)
        assert torch.equal(a_y, b_y)


def test_a_dataset_is_not_changed_by_looking_for_distinct_rows():
    ds = repeated(classes=True)
    before = ds.x.copy()
    distinct_rows(ds)
    np.testing.assert_array_equal(ds.x, before)
