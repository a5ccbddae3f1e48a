"""Thinning of a scatter by density."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uai_notebook.thinning import CELLS, thin_by_density


def rng():
    return np.random.default_rng(0)


def test_few_points_are_all_kept():
    assert thin_by_density(np.arange(5), np.arange(5), 5, rng()).tolist() == [0, 1, 2, 3, 4]


def test_points_far_out_are_kept_and_the_crowd_is_thinned():
    crowd = rng().normal(0, 0.01, (100_000, 2))
    far = rng().uniform(-10, 10, (200, 2))
    points = np.concatenate([crowd, far])
    kept = thin_by_density(*points.T, 5_000, rng())
    assert len(kept) == 5_000
    lonely = np.flatnonzero(np.hypot(*points.T) > 1)
    assert np.isin(lonely, kept).mean() > 0.99  # a random sample would keep 5 %


@given(st.integers(1, 400), st.integers(1, 400), st.integers(0, 5))
def test_exactly_as_many_are_kept_as_asked_for_each_once(n, limit, spread):
    x, y = np.random.default_rng(n).normal(size=(2, n)).round(spread)
    kept = thin_by_density(x, y, limit, rng())
    assert len(kept) == min(n, limit)
    assert (np.diff(kept) > 0).all()
    assert kept.min() >= 0
    assert kept.max() < n


def test_no_cell_keeps_more_than_one_point_above_another_that_was_cut():
    x = np.repeat([0.0, 1.0, 2.0, 3.0], [1, 10, 100, 1000])
    kept = thin_by_density(x, x, 60, rng())
    per_cell = np.unique(x[kept], return_counts=True)[1]
    assert per_cell[:2].tolist() == [1, 10]
    assert per_cell[2:].sum() == 49
    assert abs(int(per_cell[2]) - int(per_cell[3])) <= 1


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_points_without_a_place_share_one_cell(bad):
    x = np.concatenate([np.full(1_000, bad), np.linspace(0, 1, CELLS)])
    kept = thin_by_density(x, x, CELLS + 1, rng())
    assert (kept < 1_000).sum() <= 2


def test_the_same_generator_gives_the_same_choice():
    x = rng().normal(size=1_000)
    assert np.array_equal(thin_by_density(x, x, 100, rng()), thin_by_density(x, x, 100, rng()))
