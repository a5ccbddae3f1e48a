"""LODA-AAD against independent references: histograms by numpy, the weights by their optimality conditions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

import uai_notebook as uai
from uai_notebook.learners import LodaLearner
from uai_notebook.learners import loda as module
from uai_notebook.learners.histograms import LOWEST_DENSITY, bin_counts, candidates, choose_bins
from uai_notebook.learners.labeled import newest
from uai_notebook.learners.loda import learn_weights, random_projections


def penalised_likelihood(values, bins):
    """Birge and Rozenholc (2006), one histogram at a time."""
    counts, _ = np.histogram(values, bins)
    counts = counts[counts > 0]
    return np.sum(counts * np.log(bins * counts / len(values))) - (bins - 1 + np.log(bins) ** 2.5)


# -- histograms -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("draw", ["normal", "exponential", "uniform", "two heaps"])
def test_the_number_of_bins_is_the_best_of_those_tried(draw):
    rng = np.random.default_rng(5)
    heaps = np.r_[rng.normal(size=400), rng.normal(9, 0.3, size=400)]
    values = heaps if draw == "two heaps" else getattr(rng, draw)(size=800)
    tries = candidates(len(values))
    by_hand = [penalised_likelihood(values, bins) for bins in tries]
    assert choose_bins(values, np.ones(len(values)), tries) == tries[np.argmax(by_hand)]


def test_repeated_values_count_as_often_as_they_occur():
    rng = np.random.default_rng(6)
    values, repeats = rng.normal(size=300), rng.integers(1, 5, size=300)
    expanded = np.repeat(values, repeats)
    tries = candidates(len(expanded))
    assert choose_bins(values, repeats.astype(float), tries) == choose_bins(expanded, np.ones(len(expanded)), tries)


def test_equal_values_make_one_bin():
    assert choose_bins(np.full(50, 3.5), np.ones(50), candidates(50)) == 1


@pytest.mark.parametrize("n", [2, 3, 10, 1_000, 500_000])
def test_numbers_of_bins_go_from_one_to_n_by_log_n_in_steps_of_five_percent(n):
    tries = candidates(n)
    assert (tries[0], tries[-1]) == (1, max(int(n / np.log(n)), 1))
    assert (np.diff(tries) <= 0.05 * tries[:-1] + 1).all()  # rounding may add one


def test_the_features_are_minus_the_logarithm_of_the_density():
    x = np.random.default_rng(7).normal(size=(500, 1))
    learner = LodaLearner(uai.Dataset.from_arrays(x), n_projections=1)
    list(learner.pretrain())
    z = ((x - x.min()) / (x.max() - x.min())).ravel() * np.sign(learner._projections.toarray().item())
    density, edges = np.histogram(z, len(learner._surprise[0]), density=True)
    inside = np.abs(z[:, None] - edges).min(axis=1) > 1e-5  # float32 decides about values on an edge
    expected = -np.log(density[np.clip(np.searchsorted(edges, z) - 1, 0, len(density) - 1)])
    np.testing.assert_allclose(learner.evaluate().base_score[inside], expected[inside], rtol=2e-2, atol=2e-2)


def test_what_lies_beyond_the_data_counts_as_the_outermost_bin():
    x = np.random.default_rng(8).normal(size=(400, 1))
    learner = LodaLearner(uai.Dataset.from_arrays(x))
    list(learner.pretrain())
    end = x.max()
    assert learner.score([[end + 1e6]]) == learner.score([[end]])


def test_an_empty_bin_has_a_finite_feature():
    x = np.r_[np.random.default_rng(9).normal(size=500), 1000.0][:, None]
    learner = LodaLearner(uai.Dataset.from_arrays(x), n_projections=1)
    list(learner.pretrain())
    assert learner.score([[500.0]]) == pytest.approx(-np.log(LOWEST_DENSITY), rel=1e-5)


def test_counts_are_weighted():
    assert bin_counts(np.array([0, 2, 2]), np.array([1.0, 2, 3]), 4).tolist() == [1, 0, 5, 0]


# -- projections ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2, 6, 9, 121, 784])
def test_projections_are_of_unit_length_with_about_root_d_entries(d):
    projections = random_projections(d, 50, seed=3).toarray()
    np.testing.assert_allclose(np.linalg.norm(projections, axis=1), 1, rtol=1e-5)
    assert set((projections != 0).sum(axis=1)) == {int(np.ceil(d**0.5 - 1e-9))} or d in (1, 2)


def test_each_feature_is_in_some_projection():
    assert (random_projections(20, 300, seed=0).toarray() != 0).any(axis=0).all()


# -- weights --------------------------------------------------------------------------------------------------------


def primal(weights, features, anomaly, threshold, rank_item, prior):
    """The loss of Das et al. (2016), written out label by label."""
    total = np.sum((weights - prior) ** 2)
    for x, is_anomaly in zip(features, anomaly, strict=True):
        sign = 1 if is_anomaly else -1
        cost = (100 / anomaly.sum()) if is_anomaly else 1 / (~anomaly).sum()
        total += cost * max(0.0, sign * (threshold - weights @ x))
        total += cost / (100 if is_anomaly else 1) * 0.001 * max(0.0, sign * (weights @ (rank_item - x)))
    return total


@pytest.fixture(params=[(5, 20), (1, 0), (0, 4), (30, 3)])
def problem(request):
    """Features of labelled items, their labels, a threshold, the tau-th item and uniform weights."""
    anomalies, normals = request.param
    rng = np.random.default_rng(anomalies)
    features = rng.normal(2, 1, size=(anomalies + normals, 12))
    features[:anomalies, :4] += 1
    prior = np.full(12, 12**-0.5)
    return features, np.arange(anomalies + normals) < anomalies, 7.0, rng.normal(2, 1, size=12), prior


def test_the_minimum_of_the_dual_is_that_of_the_loss(problem, monkeypatch):
    monkeypatch.setattr(module, "TOLERANCE", 1e-14)
    weights, loss = learn_weights(*problem)
    assert np.linalg.norm(weights) == pytest.approx(1)
    # The length is lost by normalising: on the ray of the weights the loss comes down to the minimum, never below.
    along = minimize_scalar(
        lambda length: primal(length * weights, *problem), bounds=(0, 9), method="bounded", options={"xatol": 1e-9}
    )
    assert along.fun == pytest.approx(loss, rel=1e-5)


def test_no_other_weights_have_a_smaller_loss(problem):
    _, loss = learn_weights(*problem)
    rng = np.random.default_rng(0)
    prior = problem[-1]
    for scale in (1e-3, 1e-2, 0.1, 1):
        for _ in range(50):
            assert primal(prior + scale * rng.normal(size=12), *problem) >= loss - 1e-4


def test_labelled_anomalies_come_to_lie_above_labelled_normals():
    rng = np.random.default_rng(1)
    features = rng.normal(size=(40, 30)) + 3
    anomaly = np.arange(40) < 8
    features[anomaly, :15] += 1.0
    weights, _ = learn_weights(features, anomaly, 17.0, features.mean(0), np.full(30, 30**-0.5))
    score = features @ weights
    assert score[anomaly].mean() > score[~anomaly].mean() + 1


def test_the_newest_labels_are_kept_and_sorted_by_item():
    index, label = newest(np.array([9, 4, 7, 1]), np.int8([1, 0, 1, 0]), 3)
    assert (index.tolist(), label.tolist()) == ([1, 4, 7], [0, 0, 1])
    assert newest(np.empty(0, np.int64), np.empty(0, np.int8), 3)[0].tolist() == []


def test_an_unknown_number_of_projections_is_an_error(ds):
    with pytest.raises(ValueError, match="n_projections=0: expected at least 1"):
        LodaLearner(ds, n_projections=0)
