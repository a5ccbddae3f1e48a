"""The forests against coniferest itself, and the one-class SVM beyond the size of the exact one."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from coniferest.aadforest import AADForest
from sklearn.metrics import roc_auc_score
from sklearn.svm import OneClassSVM

import uai_notebook as uai
from uai_notebook.learners import OcSvmLearner, PineForestLearner, TreeAadLearner
from uai_notebook.learners import unsupervised as module

SEED = 4


@pytest.fixture(scope="module")
def data():
    """700 items of which the first 20 are anomalies."""
    x = np.random.default_rng(0).normal(size=(700, 5)).astype(np.float32)
    x[:20, :2] += 2.5
    return uai.Dataset.from_arrays(x, y=np.arange(700) < 20)


@pytest.fixture(scope="module")
def labels(data):
    index = np.r_[0:6, 300:340]
    return index, data.y[index].astype(np.int8)


def run(*parts):
    for part in parts:
        list(part)


def test_tree_aad_gives_coniferests_scores_turned_round(data, labels):
    index, label = labels
    learner = TreeAadLearner(data, SEED)
    run(learner.pretrain(), learner.update(index, label))
    forest = AADForest(random_seed=SEED, n_jobs=1).fit(data.x)
    np.testing.assert_array_equal(learner.evaluate().base_score, np.float32(-forest.score_samples(data.x)))
    forest.fit_known(data.x, data.x[index], np.where(label == 1, -1, 1))  # with all data where we give the labelled
    np.testing.assert_array_equal(learner.evaluate().uai_logit, np.float32(-forest.score_samples(data.x)))


def test_threads_change_nothing(data, labels):
    one, two = TreeAadLearner(data, SEED, n_jobs=1), TreeAadLearner(data, SEED, n_jobs=2)
    for learner in (one, two):
        run(learner.pretrain(), learner.update(*labels))
    np.testing.assert_allclose(one.evaluate().uai_logit, two.evaluate().uai_logit, rtol=1e-5)


def test_a_pine_forest_keeps_a_hundred_trees_and_changes_them_each_round(data, labels):
    learner = PineForestLearner(data, SEED)
    run(learner.pretrain())
    scores = [learner.evaluate().base_score]
    for _ in range(3):
        run(learner.update(*labels))
        assert len(learner._forest.core_forest) == 100
        scores.append(learner.evaluate().uai_logit)
    assert all(not np.array_equal(a, b) for a, b in pairwise(scores))


def test_a_pine_forest_without_labels_is_the_isolation_forest_again(data, labels):
    learner = PineForestLearner(data, SEED)
    run(learner.pretrain())
    first = learner.evaluate().base_score
    run(learner.update(*labels), learner.update(np.empty(0, np.int64), np.empty(0, np.int8)))
    snapshot = learner.evaluate()
    assert snapshot.uai_logit is None
    np.testing.assert_array_equal(snapshot.base_score, first)
    np.testing.assert_array_equal(learner.score(data.x), first)


@pytest.mark.parametrize("kind", [TreeAadLearner, PineForestLearner])
def test_labels_bring_the_other_anomalies_up(data, labels, kind):
    learner = kind(data, SEED)
    run(learner.pretrain())
    for _ in range(5):
        run(learner.update(*labels))
    snapshot = learner.evaluate()
    rest = np.setdiff1d(np.arange(700), labels[0])
    before, after = (roc_auc_score(data.y[rest], s[rest]) for s in (snapshot.base_score, snapshot.uai_logit))
    assert after > before


@pytest.mark.parametrize("kind", [TreeAadLearner, PineForestLearner])
def test_fewer_rows_than_a_tree_wants_are_fine(kind):
    ds = uai.Dataset.from_arrays([[0.0, 1], [1, 0], [5, 5]])
    learner = kind(ds)
    run(learner.pretrain(), learner.update(np.array([0]), np.int8([0])))
    assert np.isfinite(learner.evaluate().uai_logit).all()


# -- one-class SVM --------------------------------------------------------------------------------------------------


def test_the_exact_svm_is_scikit_learns_on_scaled_features(data):
    learner = OcSvmLearner(data, nu=0.2)
    run(learner.pretrain())
    low, high = data.x.min(0), data.x.max(0)
    scaled = (data.x - low) * (1 / (high.astype(float) - low)).astype(np.float32)
    reference = -OneClassSVM(nu=0.2).fit(scaled).score_samples(scaled)
    np.testing.assert_allclose(learner.evaluate().base_score, reference, rtol=1e-5)


def test_above_its_limit_the_svm_approximates_and_says_so(data, monkeypatch, caplog):
    exact = OcSvmLearner(data)
    assert repr(exact) == "OcSvmLearner(nu=0.1, exact: 700 rows)"
    monkeypatch.setattr(module, "LARGEST_EXACT", 699)
    near = OcSvmLearner(data)
    assert repr(near) == "OcSvmLearner(nu=0.1, Nystroem with 300 components: 700 rows)"
    with caplog.at_level("INFO", "uai_notebook"):
        run(exact.pretrain(), near.pretrain())
    assert "700 rows are more than 699" in caplog.text
    a, b = exact.evaluate().base_score, near.evaluate().base_score
    assert np.corrcoef(np.argsort(np.argsort(a)), np.argsort(np.argsort(b)))[0, 1] > 0.9


@pytest.mark.parametrize("nu", [0, -1, 1.5])
def test_a_share_outside_its_range_is_an_error(data, nu):
    with pytest.raises(ValueError, match="expected a number above 0 and up to 1"):
        OcSvmLearner(data, nu=nu)


def test_a_state_of_another_nu_is_refused(data):
    with pytest.raises(ValueError, match=r"nu=0\.1, not 0\.5"):
        OcSvmLearner(data, nu=0.5).load_state_dict(OcSvmLearner(data).state_dict())
