"""Random audits: what is drawn, what it says, and that sessions remember it."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest

import uai_notebook as uai
from uai_notebook.auditing import Audits, Draws, draws, random_order, remaining

SNAPSHOT = uai.Snapshot(np.arange(200, dtype=np.float32))
BASE = uai.query.RULES["base"]


@pytest.fixture(scope="module")
def rows():
    return uai.Dataset.from_arrays(np.random.default_rng(0).normal(size=(200, 3)))


def chosen(audits, k=10, seed=0, unlabeled=None):
    unlabeled = np.arange(200) if unlabeled is None else unlabeled
    return audits.select(BASE, SNAPSHOT, unlabeled, k, np.random.default_rng(seed)).tolist()


# -- what is asked ---------------------------------------------------------------------------------------------------


def test_without_audits_the_rule_chooses_alone(rows):
    assert chosen(Audits.of(rows, 0, 0)) == list(range(199, 189, -1))
    assert len(Audits.of(rows, 0, 0).order) == 0


def test_audits_are_the_first_of_the_order_without_an_answer_and_ranking_fills_the_rest():
    audits = Audits(0.3, np.arange(200))  # ranking asks from the other end
    for seed in range(30):
        got = chosen(audits, seed=seed, unlabeled=np.arange(5, 200))
        drawn = [i for i in got if i < 100]
        assert drawn == list(range(5, 5 + len(drawn)))
        assert [i for i in got if i >= 100] == list(range(199, 199 - 10 + len(drawn), -1))


def test_any_place_of_a_batch_is_an_audit_equally_often():
    audits = Audits(0.2, np.arange(200))
    places = np.array([[i < 100 for i in chosen(audits, seed=seed)] for seed in range(600)])
    assert np.abs(places.mean(axis=0) - 0.2).max() < 0.06


def test_the_same_generator_gives_the_same_choice(rows):
    audits = Audits.of(rows, 0.3, 0)
    assert chosen(audits, seed=4) == chosen(audits, seed=4)


def test_all_may_be_audits(rows):
    audits = Audits.of(rows, 1, 0)
    assert chosen(audits) == audits.order[:10].tolist()
    few = np.array([3, 150])
    assert sorted(chosen(audits, unlabeled=few)) == [3, 150]


def test_a_rule_that_gives_fewer_than_asked_leaves_places_out(rows):
    audits = Audits.of(rows, 0.5, 0)
    got = audits.select(lambda s, u, k, rng: u[:1], SNAPSHOT, np.arange(200), 6, np.random.default_rng(0))
    assert len(set(got.tolist())) == len(got) < 6


@pytest.mark.parametrize("audit", [0, 0.3])
@pytest.mark.parametrize(
    "query",
    [
        lambda snapshot, unlabeled, k, rng: unlabeled[:k] + 0.6,
        lambda snapshot, unlabeled, k, rng: unlabeled[: k + 3],
        lambda snapshot, unlabeled, k, rng: unlabeled[[0] * k],
        lambda snapshot, unlabeled, k, rng: unlabeled[:0],
        lambda snapshot, unlabeled, k, rng: np.setdiff1d(np.arange(80), unlabeled)[:1],
    ],
    ids=["floats", "too many", "twice", "none", "answered or drawn"],
)
def test_what_a_query_function_may_not_choose_is_refused_with_audits_and_without(make, query, audit):
    session = make(query=query, audit=audit)
    session.label(0, 0)
    with pytest.raises(RuntimeError, match=r"the query function gave .*: expected 1 to [1-5] different indices"):
        session.train()


def test_the_order_belongs_to_ids_not_to_rows(rows):
    turned = uai.Dataset.from_arrays(rows.x[::-1], ids=rows.ids[::-1])
    assert [turned.ids[i] for i in random_order(turned, 3)] == [rows.ids[i] for i in random_order(rows, 3)]
    assert random_order(rows, 3).tolist() != random_order(rows, 4).tolist()
    assert sorted(random_order(rows, 3)) == list(range(200))


@pytest.mark.parametrize("share", [-0.1, 1.5, "5%", True, None, float("nan")])
def test_a_share_that_is_none_is_an_error(make, share):
    with pytest.raises(ValueError, match="share of random audits"):
        make(audit=share)


# -- which answers were draws ----------------------------------------------------------------------------------------


def test_draws_are_those_that_had_no_answer_when_their_turn_came():
    order = np.array([4, 2, 0, 3, 1, 5])
    #        asked by rank  draw     by rank   draw
    answered = np.array([2, 4, 5, 0])
    found = draws(order, answered, np.array([1, 0, 1, 1], np.int8))
    assert found.items.tolist() == [4, 0]  # 2 had its answer before its turn
    assert found.label.tolist() == [0, 1]
    assert found.found.tolist() == [0, 1]  # when 4 was drawn nothing was known; when 0 was, item 2
    assert found.left.tolist() == [6, 4]


def test_a_draw_is_fair_whatever_ranking_asks():
    """Over many orders, the share of anomalies among draws is that of the items left, though ranking takes the best."""
    rng, hits, expected = np.random.default_rng(0), [], []
    y = np.zeros(60, int)
    y[:12] = 1
    score = uai.Snapshot((y + rng.normal(size=60)).astype(np.float32))
    for _ in range(400):
        audits, answered = Audits(0.3, rng.permutation(60)), []
        while len(answered) < 30:
            left = np.setdiff1d(np.arange(60), answered)
            answered += audits.select(BASE, score, left, 6, rng)[: rng.integers(1, 7)].tolist()
        drawn = draws(audits.order, np.array(answered), y[answered].astype(np.int8))
        hits += (drawn.label == 1).tolist()
        expected += ((12 - drawn.found) / drawn.left).tolist()
    assert np.mean(hits) == pytest.approx(np.mean(expected), abs=0.015)


# -- how many remain -------------------------------------------------------------------------------------------------


def drawn(hits, audits, left=1000, found=0):
    label = np.array([1] * hits + [0] * (audits - hits), np.int8)
    return Draws(np.arange(audits), label, np.full(audits, found), np.full(audits, left))


def test_the_limits_are_those_of_clopper_and_pearson():
    got = remaining(drawn(3, 50), n_found=3, n_left=900)
    assert got.estimate == pytest.approx(3 / 50 * 1000 - 3)

    def at_most(total, most):
        p = total / 1000
        return sum(comb(50, j) * p**j * (1 - p) ** (50 - j) for j in range(most + 1))

    low, high = got.low + 3, got.high + 3
    assert 1 - at_most(low, 2) > 0.025 >= 1 - at_most(low - 1, 2)
    assert at_most(high, 3) > 0.025 >= at_most(high + 1, 3)


def test_what_is_found_by_ranking_is_not_said_to_remain():
    a = remaining(drawn(0, 80, left=1000, found=0), n_found=0, n_left=900)
    b = remaining(drawn(0, 80, left=1000, found=30), n_found=30, n_left=900)
    assert (a.low, a.high) == (b.low, b.high)


def test_the_limits_stay_among_the_items_left():
    assert remaining(drawn(5, 5), 5, 20).high == 20
    assert remaining(drawn(0, 1), 0, 20).low == 0
    assert remaining(drawn(0, 500), 0, 3).high <= 3


def test_unsure_draws_are_left_out():
    unsure = Draws(np.arange(3), np.array([-1, -1, -1], np.int8), np.zeros(3, int), np.full(3, 10))
    assert remaining(unsure, 0, 10) is None
    assert remaining(drawn(0, 0), 0, 10) is None


def test_the_limits_hold_the_truth_about_as_often_as_they_say():
    rng, held = np.random.default_rng(1), []
    for _ in range(150):
        y = (rng.permutation(500) < 25).astype(np.int8)
        score = uai.Snapshot((2 * y + rng.normal(size=500)).astype(np.float32))
        audits, answered = Audits(0.2, rng.permutation(500)), []
        while len(answered) < 150:
            left = np.setdiff1d(np.arange(500), answered)
            answered += audits.select(BASE, score, left, 10, rng).tolist()
        label = y[answered]
        got = remaining(draws(audits.order, np.array(answered), label), int(label.sum()), 350)
        held.append(got.low <= 25 - label.sum() <= got.high)
    assert np.mean(held) >= 0.93


# -- in a session ----------------------------------------------------------------------------------------------------


def test_a_session_asks_its_share_and_the_journal_says_which(make, ds, tmp_path):
    session = make(audit=0.3, path=tmp_path / "s", k=10)
    session.train()
    for _ in range(3):
        session.label(session.queue, ds.y[session.queue])
        session.train()
    labels = session.labels
    found = draws(session.audits.order, labels["index"].to_numpy(), labels["label"].to_numpy())
    assert 3 <= len(found.items) <= 20
    session.close()
    again = uai.ActiveSession.resume(tmp_path / "s", ds)
    assert again.audits.share == 0.3
    assert again.settings == session.settings
    assert again.queue.tolist() == session.queue.tolist()
    assert again.audits.order.tolist() == session.audits.order.tolist()


def test_audits_may_be_asked_for_later_and_switched_off(make, ds, config, tmp_path):
    make(path=tmp_path / "s").train()
    later = uai.ActiveSession.open(tmp_path / "s", ds, k=5, config=config, audit=0.5)
    assert later.settings["audit"] == 0.5
    off = uai.ActiveSession.open(tmp_path / "s", ds, k=5, config=config, audit=0)
    assert "audit" not in off.settings


def test_without_audits_sessions_and_their_settings_are_as_before(make):
    assert "audit" not in make().settings
