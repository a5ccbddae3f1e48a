"""Snapshots, and the bounded history of them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from uai_notebook import History, Snapshot
from uai_notebook.snapshot import sigmoid


def snapshot(n=6, round=0, d=2, logit=True, shift=0.0):
    base = np.arange(n, dtype=np.float32) + shift
    latent = None if d is None else np.full((n, d), round, np.float32)
    return Snapshot(base, latent, -base if logit else None, round=round, losses={"total": 0.5})


def test_sigmoid_is_the_logistic_function_without_overflow():
    z = np.array([-1000.0, -50, -1, 0, 1, 50, 1000])
    with np.errstate(all="raise"):
        s = sigmoid(z)
    assert s.dtype == np.float32
    np.testing.assert_allclose(s[2:5], 1 / (1 + np.exp(-z[2:5])), rtol=1e-6)
    assert s[0] == 0
    assert s[-1] == 1


def test_a_snapshot_is_frozen_and_has_the_names_of_the_contract():
    snap = snapshot()
    for name in (
        "round",
        "n_labels",
        "labeled_index",
        "labeled_value",
        "latent",
        "base_score",
        "uai_logit",
        "uai_score",
    ):
        assert hasattr(snap, name)
    with pytest.raises(dataclasses.FrozenInstanceError):
        snap.round = 3
    assert len(snap) == 6
    assert (snap.n_labels, snap.labeled_index.dtype, snap.labeled_value.dtype) == (0, np.int64, np.int8)


def test_uai_score_is_none_without_a_logit_and_a_probability_only_where_the_learner_gives_one():
    assert snapshot(logit=False).uai_score is None
    np.testing.assert_array_equal(snapshot().uai_score, sigmoid(snapshot().uai_logit))
    plain = dataclasses.replace(snapshot(), probability=False)
    np.testing.assert_array_equal(plain.uai_score, plain.uai_logit)


def test_the_ranking_score_is_the_logit_else_the_base_score():
    assert snapshot().ranking_score is not None
    np.testing.assert_array_equal(snapshot().ranking_score, snapshot().uai_logit)
    np.testing.assert_array_equal(snapshot(logit=False).ranking_score, snapshot().base_score)


# -- history --------------------------------------------------------------------------------------------------------


def test_a_history_keeps_every_frame_while_there_is_room():
    history = History()
    assert history.unsupervised_order is None
    for r in range(5):
        history.append(snapshot(round=r), [r], {"seconds": 1.0})
    assert [frame.round for frame in history.frames] == [0, 1, 2, 3, 4]
    assert history.scalars[3] == {"round": 3, "n_labels": 0, "loss_total": 0.5, "seconds": 1.0}
    assert history.frames[2].latent.dtype == np.float16
    assert (history.frames[2].latent == 2).all()


def test_the_order_of_the_unsupervised_ranking_is_of_the_first_round():
    history = History()
    history.append(snapshot(n=4))
    history.append(snapshot(n=4, round=1, shift=9.0))
    assert history.unsupervised_order.tolist() == [3, 2, 1, 0]


def test_a_history_is_bounded_keeps_first_and_last_and_all_scalars():
    history = History(max_bytes=2_000)
    for r in range(200):
        history.append(snapshot(n=10, round=r))
        assert history.nbytes <= 2_000
        assert history.frames[-1].round == r
        assert history.frames[0].round == 0
    rounds = [frame.round for frame in history.frames]
    assert rounds == sorted(set(rounds))
    assert len(rounds) > 3
    assert len(set(np.diff(rounds[:-1]))) == 1
    assert len(history.scalars) == 200


def test_large_data_are_shown_by_a_fixed_sample_and_every_labelled_item_joins_it():
    history, again = History(max_items=50, seed=3), History(max_items=50, seed=3)
    for h in (history, again):
        h.append(snapshot(n=500), [])
        h.append(snapshot(n=500, round=1), [7, 499])
        h.append(snapshot(n=500, round=2), [7, 499, 3])
    first, second, third = history.frames
    assert len(first.index) == 50
    assert {7, 499} <= set(second.index.tolist())
    assert 3 in third.index
    for earlier, later in ((first, second), (second, third)):
        np.testing.assert_array_equal(later.index[: len(earlier.index)], earlier.index)
    assert all(len(np.unique(frame.index)) == len(frame.index) for frame in history.frames)
    np.testing.assert_array_equal(third.base_score, np.arange(500, dtype=np.float32)[third.index])
    np.testing.assert_array_equal(third.index, again.frames[-1].index)


def test_a_history_takes_learners_without_latent_or_logit_and_latents_beyond_float16():
    history = History()
    history.append(snapshot(d=None, logit=False))
    assert history.frames[0].latent is None
    assert history.frames[0].uai_logit is None
    assert history.frames[0].nbytes == 6 * 4
    big = Snapshot(np.zeros(2, np.float32), np.float32([[1e9], [-1e9]]))
    history = History()
    history.append(big)
    assert np.isfinite(history.frames[0].latent).all()


def test_a_display_sample_keeps_what_lies_alone_in_the_plane_of_latent_and_score():
    rng = np.random.default_rng(0)
    latent, score = rng.normal(0, 0.1, (5_000, 2)).astype(np.float32), rng.random(5_000).astype(np.float32) + 1
    latent[7], score[11] = [30, 0], 500
    history = History(max_items=500)
    history.append(Snapshot(score, latent))
    assert {7, 11} <= set(history.frames[0].index.tolist())
    assert len(history.frames[0].index) == 500


def test_scores_and_latents_that_are_not_finite_can_be_thinned_as_well():
    for latent in (None, np.full((50, 2), np.nan, np.float32), np.zeros((50, 0), np.float32)):
        for score in (np.full(50, np.nan, np.float32), np.full(50, np.inf, np.float32), np.zeros(50, np.float32)):
            history = History(max_items=10)
            history.append(Snapshot(score, latent))
            assert len(history.frames[0].index) == 10
