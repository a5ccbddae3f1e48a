"""Numbers of how well anomalies separate."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

import uai_notebook as uai
from uai_notebook.snapshot import Frame, Snapshot
from uai_notebook.views import separation as sep


def snapshot(n=200, n_anomalies=40, apart=1.0, d=2, seed=0):
    rng = np.random.default_rng(seed)
    y = np.zeros(n, np.uint8)
    y[rng.permutation(n)[:n_anomalies]] = 1
    latent = (rng.normal(size=(n, d)) + apart * y[:, None]).astype(np.float32)
    score = rng.random(n).astype(np.float32) + np.float32(0.2) * y
    return Snapshot(score, latent, (score * 4 - 2).astype(np.float32)), y


@given(st.integers(0, 10_000), st.integers(0, 3), st.booleans())
def test_average_precision_and_auc_are_those_of_scikit_learn_with_ties_and_weights(seed, digits, weighted):
    rng = np.random.default_rng(seed)
    y = np.array([0, 1, *rng.integers(0, 2, 30)])
    score = rng.random(32).round(digits)
    weights = rng.integers(0, 3, (4, 32)).astype(float)
    weights[:, :2] = 1  # both kinds are there
    ap, auc = sep._ap_auc(score, y, weights if weighted else None)
    for i, w in enumerate(weights if weighted else [np.ones(32)]):
        assert ap[i] == pytest.approx(average_precision_score(y, score, sample_weight=w))
        assert auc[i] == pytest.approx(roc_auc_score(y, score, sample_weight=w))


def test_each_item_of_the_plane_is_scored_by_a_fit_without_it():
    # Noise in 41 dimensions separates 60 items perfectly for a fit that has seen them.
    y, found = np.repeat([0, 1], 30), []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        noise = Snapshot(rng.random(60).astype(np.float32), rng.normal(size=(60, 40)).astype(np.float32))
        found.append(sep.separation(noise, y).auc["[l; s]"])
    assert np.mean(found) == pytest.approx(0.5, abs=0.12)
    snap, y = snapshot(apart=4.0)
    assert sep.separation(snap, y).ap["[l; s]"] > 0.98


def test_rankings_that_cannot_be_had_are_left_out():
    snap, y = snapshot()
    full = sep.separation(snap, y)
    assert tuple(full.ap) == tuple(full.auc) == sep.RANKINGS
    assert set(sep.separation(Snapshot(snap.base_score, snap.latent), y).ap) == {"s", "[l; s]"}
    assert set(sep.separation(Snapshot(snap.base_score, None, snap.uai_logit), y).ap) == {"s", "s_uai"}
    few = np.where(np.cumsum(y) <= 4, y, 0)  # four anomalies cannot be in five folds
    assert set(sep.separation(snap, few).ap) == {"s", "s_uai"}


@pytest.mark.parametrize("kind", [0, 1])
def test_items_of_one_kind_only_give_no_number(kind):
    snap, y = snapshot()
    result = sep.separation(snap, np.full_like(y, kind))
    assert (result.ap, result.auc, result.n) == ({}, {}, 200)
    assert sep.separation(snap, [], items=[]).n == 0


def test_limits_hold_the_value_and_shrink_with_the_number_of_items():
    widths = []
    for n in (60, 2_000):
        snap, y = snapshot(n=n, n_anomalies=n // 3)
        result = sep.separation(snap, y, limits=True)
        for name in sep.RANKINGS:
            low, high = result.ap_interval[name]
            assert low <= result.ap[name] <= high
            assert result.auc_interval[name][0] <= result.auc[name] <= result.auc_interval[name][1]
        low, high = result.auc_interval["s"]
        widths.append(high - low)
    assert widths[1] < widths[0] / 2


def test_95_percent_limits_hold_the_truth_in_about_95_of_100_draws():
    rng, hits = np.random.default_rng(0), 0
    true_auc = 0.5 + 0.5 * 0.2 * (2 - 0.2)  # P(u + .2 > v) for two uniform numbers: 1 - .8^2 / 2
    for i in range(100):
        y = np.repeat([0, 1], [60, 40])
        score = (rng.random(100) + 0.2 * y).astype(np.float32)
        low, high = sep.separation(Snapshot(score), y, seed=i, limits=True).auc_interval["s"]
        hits += low <= true_auc <= high
    assert 88 <= hits <= 100


def test_scores_and_latents_that_are_not_finite_do_not_stop_it():
    snap, y = snapshot()
    snap.base_score[:3], snap.latent[3:6] = np.nan, np.inf
    assert set(sep.separation(snap, y, limits=True).ap) == set(sep.RANKINGS)


def test_more_items_than_the_limit_are_drawn_at_random_and_counted(monkeypatch):
    monkeypatch.setattr(sep, "MAX_ITEMS", 100)
    snap, y = snapshot()
    result = sep.separation(snap, y)
    assert result.n == 100
    assert result.n_anomalies == pytest.approx(20, abs=8)


def test_labelled_items_are_found_in_a_frame_that_lacks_some():
    frame = Frame(3, np.array([5, 2, 9]), np.zeros(3, np.float32), None, None, 4)
    position, value = sep.known_at(frame, np.array([9, 7, 2, 5]), np.int8([1, 1, 0, -1]))
    assert position.tolist() == [2, 1]
    assert value.tolist() == [1, 0]
    assert sep.known_at(frame, np.empty(0, np.int64), np.empty(0, np.int8))[0].tolist() == []


@pytest.fixture(scope="module")
def session():
    ds = uai.load_dataset("digits_0")
    config = uai.TrainConfig(hidden=(32, 2), pretrain_steps=200, round_steps=20)
    done = uai.ActiveSession(ds, "class", budget=60, config=config)
    return uai.simulate(done, uai.Oracle(ds.y), progress=False)


def test_a_session_is_measured_in_every_key_round_on_known_labels_and_on_the_truth(session):
    rows = sep.separability(session)
    assert sorted(set(rows["round"])) == [frame.round for frame in session.history.frames]
    truth, known = (rows[rows["on"] == on] for on in ("truth", "known labels"))
    assert set(truth["n"]) == {len(session.ds)}
    assert set(known["n"]) == {60}
    assert set(known["n_anomalies"]) == {session.store.counts()[1]}
    assert truth["ap_low"].isna().all()
    assert (known["ap_low"] <= known["ap_high"]).all()
    last = truth[(truth["round"] == truth["round"].max()) & (truth["ranking"] == "s_uai")].iloc[0]
    assert last["ap"] == pytest.approx(average_precision_score(session.ds.y, session.snapshot.uai_logit))


def test_the_truth_of_thinned_rounds_is_not_measured_but_that_of_the_latest(session, monkeypatch):
    from uai_notebook.snapshot import History

    thin = History(max_items=50)
    thin.append(session.snapshot)
    monkeypatch.setattr(session, "history", thin)
    assert set(sep.separability(session).query("on == 'truth'")["n"]) == {len(session.ds)}
    old = Frame(-1, *(getattr(thin.frames[0], name) for name in ("index", "base_score", "latent", "uai_logit")), 0)
    assert sep.truth_rows(session, old) == []


def test_data_without_truth_are_measured_on_known_labels_only():
    ds = uai.Dataset.from_arrays(np.random.default_rng(0).normal(size=(50, 3)))
    config = uai.TrainConfig(hidden=(4, 2), pretrain_steps=5, round_steps=2)
    session = uai.ActiveSession(ds, config=config)
    session.train()
    empty = sep.separability(session)
    assert len(empty) == 0
    assert {"round", "ap_low", "auc"} <= set(empty.columns)
    session.label([0, 1, 2], [1, 0, -1])
    assert set(sep.separability(session)["on"]) == {"known labels"}
    assert set(sep.separability(session)["n"]) == {2}
