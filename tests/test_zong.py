"""Zong's protocol: the halves, the share flagged, and each method on data of which it is known what lies apart."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score, precision_score, recall_score

import uai_notebook as uai
from uai_notebook.experiments import units, zong
from uai_notebook.experiments.zong import METHODS, NATURAL, SETTINGS, ZongRun, halves, run_on

rng = np.random.default_rng(0)
Y = (rng.permutation(1000) < 100).astype(np.int8)


@pytest.fixture(scope="module")
def apart():
    """1,000 items, one in ten of them far outside."""
    x = np.random.default_rng(1).normal(size=(1000, 6))
    x[Y == 1] *= 8
    return uai.Dataset.from_arrays(x, y=Y)


@pytest.fixture
def quick(monkeypatch):
    """Trainings of a few steps."""
    monkeypatch.setattr(zong, "STEPS", 30)


# -- the halves -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("contamination", [0.0, 0.02, 0.05])
def test_anomalies_are_the_given_share_of_the_training_items(contamination):
    train, _ = halves(Y, contamination, 3)
    assert Y[train].mean() == pytest.approx(contamination, abs=0.001)


def test_without_a_share_the_half_is_as_it_was_drawn():
    train, test = halves(Y, None, 3)
    assert len(train) == len(test) == 500
    assert sorted([*train, *test]) == list(range(1000))


def test_a_share_that_the_half_cannot_reach_keeps_all_its_anomalies():
    np.testing.assert_array_equal(halves(Y, 0.5, 3)[0], halves(Y, None, 3)[0])


def test_the_test_half_and_the_normal_training_items_do_not_depend_on_the_contamination():
    (clean, test), (dirty, same) = halves(Y, 0.0, 5), halves(Y, 0.05, 5)
    np.testing.assert_array_equal(test, same)
    np.testing.assert_array_equal(clean, dirty[Y[dirty] == 0])


def test_halves_are_those_of_the_seed():
    np.testing.assert_array_equal(halves(Y, 0.0, 1)[0], halves(Y, 0.0, 1)[0])
    assert not np.array_equal(halves(Y, 0.0, 1)[1], halves(Y, 0.0, 2)[1])


# -- the scores -----------------------------------------------------------------------------------------------------


def test_precision_recall_and_f1_are_scikit_learns_for_the_flagged_share():
    score = np.random.default_rng(2).normal(size=1000).astype(np.float32) + Y
    scores = zong._scored(Y, score, 0.15, 0.0, {})
    flagged = score >= np.sort(score)[-150]
    assert scores.n_flagged == 150
    for ours, theirs in zip(
        (scores.precision, scores.recall, scores.f1), (precision_score, recall_score, f1_score), strict=True
    ):
        assert ours == pytest.approx(theirs(Y, flagged))


def test_equal_scores_do_not_flag_more_than_the_share():
    scores = zong._scored(Y, np.zeros(1000, np.float32), 0.2, 0.0, {})
    assert (scores.n_flagged, scores.n_test) == (200, 1000)


# -- the methods ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
def test_a_run_is_that_of_its_seed_and_says_what_it_was(apart, method, quick):
    run = ZongRun("apart", method, 0.0, 4)
    torch.manual_seed(1)
    first = run_on(apart, run)
    torch.manual_seed(2)
    again = run_on(apart, run)
    assert (first.precision, first.recall, first.settings) == (again.precision, again.recall, again.settings)
    assert first.n_test == 500
    assert first.n_flagged == 50  # the share of the set's anomalies
    assert first.settings["train_anomalies"] == 0
    assert first.settings["flagged"] == pytest.approx(0.1)


@pytest.mark.parametrize("method", METHODS)
def test_a_clean_training_finds_what_lies_outside(apart, method, monkeypatch):
    monkeypatch.setattr(zong, "STEPS", 800)
    assert run_on(apart, ZongRun("apart", method, 0.0, 0)).f1 > 0.3  # by chance: .1


def test_features_are_scaled_by_their_range_over_all_items_and_not_once_more(apart, monkeypatch):
    seen = []
    learner_of = zong._learner

    def watched(known, *rest):
        learner, settings = learner_of(known, *rest)
        seen.append((known, learner.rows.batch(torch.arange(len(known)))[0].numpy()))
        return learner, settings

    monkeypatch.setattr(zong, "_learner", watched)
    monkeypatch.setattr(zong, "STEPS", 2)
    run_on(apart, ZongRun("apart", "DAGMM", 0.0, 2))
    ((known, batch),) = seen
    train, _ = halves(Y, 0.0, 2)
    span = np.ptp(apart.x, axis=0)
    np.testing.assert_allclose(known.x, (apart.x[train] - apart.x.min(0)) / span, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(batch, known.x)


@pytest.mark.parametrize(("contamination", "nu"), [(0.0, 0.1), (0.05, 0.05), (None, 0.1)])
def test_the_one_class_svm_knows_the_share_of_anomalies_in_training(apart, contamination, nu):
    settings = run_on(apart, ZongRun("apart", "OC-SVM", contamination, 0)).settings
    assert settings["kernel"] == "exact"
    assert settings["nu"] == pytest.approx(nu, abs=0.03)


def test_settings_are_those_of_zongs_section_4_3():
    assert {name: setting.epochs for name, setting in SETTINGS.items()} == {
        "kddcup": 200,
        "thyroid": 20_000,
        "arrhythmia": 10_000,
        "kddcup_rev": 400,
    }
    assert set(SETTINGS) == set(NATURAL)


def test_an_epoch_is_as_many_batches_as_hold_the_items_once():
    assert zong._config("DAGMM", SETTINGS["thyroid"], 1840).pretrain_steps == 20_000 * 2
    assert zong._config("DAGMM", SETTINGS["arrhythmia"], 193).pretrain_steps == 10_000 * 2
    assert zong._config("DAGMM", zong.OTHER, 193).pretrain_steps == zong.STEPS
    assert zong._config("PAE", SETTINGS["thyroid"], 1840).pretrain_steps == zong.STEPS


class Killed(BaseException):
    """As Ctrl-C is: not an Exception."""


@pytest.mark.parametrize("method", ["PAE", "DSEBM-r", "DCN", "DAGMM"])
def test_an_interrupted_training_goes_on_in_its_middle_with_the_same_result(apart, method, monkeypatch, tmp_path):
    monkeypatch.setattr(zong, "STEPS", 60)
    monkeypatch.setattr(units, "CHECKPOINT_SECONDS", 0.0)
    run, path = ZongRun("apart", method, 0.0, 3), tmp_path / "run.npz"
    scores = []
    scored = zong._scored
    monkeypatch.setattr(zong, "_scored", lambda y, score, *rest: scores.append(score) or scored(y, score, *rest))
    run_on(apart, run)

    def killed(line):
        if line.startswith("step 47 of 60, about "):
            raise Killed

    with pytest.raises(Killed):
        run_on(apart, run, path, killed)
    lines = []
    run_on(apart, run, path, lines.append)
    assert lines[:2] == ["goes on from step 47", "step 48 of 60, about 0 min left in this run"]
    np.testing.assert_array_equal(*scores)


def test_a_checkpoint_of_other_data_is_refused(apart, monkeypatch, tmp_path):
    monkeypatch.setattr(zong, "STEPS", 5)
    monkeypatch.setattr(units, "CHECKPOINT_SECONDS", 0.0)
    path = tmp_path / "run.npz"
    run_on(apart, ZongRun("apart", "DAGMM", 0.0, 3), path, lambda line: None)
    with pytest.raises(ValueError, match=r"run\.npz belongs to other data: delete it"):
        run_on(apart, ZongRun("apart", "DAGMM", 0.0, 4), path, lambda line: None)


def test_threads_are_as_they_were_after_a_run(apart, quick):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        run_on(apart, ZongRun("apart", "DAGMM", None, 0))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_wrong_methods_and_shares_are_errors_at_once(apart):
    with pytest.raises(ValueError, match=r"method='PCA': expected one of OC-SVM, .*, DAGMM"):
        ZongRun("thyroid", "PCA", 0.0, 0)
    with pytest.raises(ValueError, match=r"contamination=1\.5: expected a share from 0 to less than 1, or None"):
        ZongRun("thyroid", "DAGMM", 1.5, 0)
    with pytest.raises(ValueError, match="has no y: this protocol needs the truth"):
        run_on(uai.Dataset.from_arrays(apart.x), ZongRun("apart", "DAGMM", 0.0, 0))
