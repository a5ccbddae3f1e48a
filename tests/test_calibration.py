"""Calibrated probabilities: against scikit-learn, against numbers drawn from known chances, and without peeking."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from uai_notebook import calibration
from uai_notebook.calibration import calibrate, logit_of, predictions, reliability


def drawn(n, a=-1.0, b=0.8, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.normal(0, 3, n)
    return z, (rng.random(n) < 1 / (1 + np.exp(-a - b * z))).astype(int)


def test_it_is_logistic_regression_with_weights_where_the_prior_is_wide(monkeypatch):
    monkeypatch.setattr(calibration, "PRIOR_SD", np.array([1e3, 1e3]))
    z, y = drawn(60)
    found = calibrate(z, y)
    weight = 0.5 ** (np.arange(60)[::-1] / calibration.HALF_LIFE)
    reference = LogisticRegression(C=1e9, tol=1e-10).fit(z[:, None], y, sample_weight=weight)
    np.testing.assert_allclose(found.weights, [reference.intercept_[0], reference.coef_[0, 0]], rtol=1e-3)


def test_without_answers_it_is_the_prior():
    found = calibrate([], [])
    assert found.weights.tolist() == [-2, 0]
    np.testing.assert_allclose(found.covariance, np.diag([4, 0.0225]))


def test_it_learns_chances_that_do_not_change(monkeypatch):
    monkeypatch.setattr(calibration, "HALF_LIFE", 1e9)
    monkeypatch.setattr(calibration, "WINDOW", 10_000)
    found = calibrate(*drawn(5000))
    np.testing.assert_allclose(found.weights, [-1.0, 0.8], atol=0.12)


def test_recent_answers_count_more():
    hits_first = calibrate(np.zeros(60), [1] * 30 + [0] * 30).probability([0])[0]
    hits_last = calibrate(np.zeros(60), [0] * 30 + [1] * 30).probability([0])[0]
    assert hits_first < 0.2
    assert hits_last > 0.8


def test_without_scores_the_hit_rate_alone_counts():
    y = [1, 0, 0, 0] * 10
    assert calibrate(np.full(40, np.nan), y).probability([np.nan, 9.0]) == pytest.approx([0.23, 0.23], abs=0.05)
    scored = np.r_[np.full(36, np.nan), 1.0, 2.0, 3.0, 4.0]
    assert calibrate(scored, y).weights[1] == pytest.approx(0, abs=1e-9)


def test_saturated_and_extreme_scores_do_no_harm():
    found = calibrate([1e30, -1e30, 12, -12] * 10, [1, 0, 1, 0] * 10)
    assert np.isfinite(found.weights).all()
    assert np.isfinite(found.expected([1e30, -1e30])).all()
    assert logit_of([0.0, 1.0, 0.5]).tolist() == [-12, 12, 0]
    assert np.isnan(logit_of([np.nan]))


def test_the_expected_number_and_its_deviation_are_those_of_many_draws():
    z, y = drawn(40)
    found, next_ten = calibrate(z, y), np.linspace(-3, 6, 10)
    rng = np.random.default_rng(0)
    weights = rng.multivariate_normal(found.weights, found.covariance, 20_000)
    chance = 1 / (1 + np.exp(-(weights @ np.stack([np.ones(10), next_ten]))))
    counts = (rng.random(chance.shape) < chance).sum(axis=1)
    mean, sd = found.expected(next_ten)
    assert mean == pytest.approx(counts.mean(), abs=0.4)
    assert sd == pytest.approx(counts.std(), rel=0.15)


def test_predictions_know_nothing_of_their_own_block_or_later():
    z, y = drawn(30)
    block = np.repeat([0, 1, 3], 10)
    said = predictions(z, y, block)
    assert np.isnan(said[:10]).all()
    np.testing.assert_allclose(said[10:20], calibrate(z[:10], y[:10]).probability(z[10:20]))
    changed = y.copy()
    changed[20:] = 1 - changed[20:]
    np.testing.assert_array_equal(predictions(z, changed, block), said)
    assert predictions([], [], np.empty(0, np.int64)).tolist() == []


def test_reliability_compares_what_was_said_with_what_came():
    rng = np.random.default_rng(0)
    p = rng.random(4000)
    table = reliability(np.append(p, np.nan), np.append(rng.random(4000) < p, 1))
    assert table["n"].sum() == 4000
    np.testing.assert_allclose(table["said"], table["came"], atol=0.06)
    assert ((table["said"] >= table["low"]) & (table["said"] <= table["high"])).all()


def test_the_ends_of_the_bins_belong_to_a_bin():
    assert reliability([0.0, 1.0], [0, 1])["n"].tolist() == [1, 1]
