"""Query rules: what is asked next, and when s hands over to s_uai."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from uai_notebook import Snapshot, query

BASE = np.float32([0.1, 0.9, 0.5, 0.7, 0.3])
LOGIT = np.float32([5, -5, 3, -3, 0])
ALL = np.arange(5)


def snapshot(round=0, anomalies=0, normals=0, logit=LOGIT):
    value = np.int8([1] * anomalies + [0] * normals)
    return Snapshot(BASE, None, logit, round=round, labeled_index=np.arange(len(value)), labeled_value=value)


def ask(name, snap, unlabeled=ALL, k=2, seed=0):
    return query.rule(name)(snap, unlabeled, k, np.random.default_rng(seed)).tolist()


BY_BASE, BY_UAI = [1, 3], [0, 2]


def test_the_paper_asks_by_base_score_for_exactly_the_first_ten_calls():
    assert query.COLD_START_CALLS == 10
    asked = [ask("paper", snapshot(round=r, anomalies=9, normals=9)) for r in range(12)]
    assert asked == [BY_BASE] * 10 + [BY_UAI] * 2


@pytest.mark.parametrize(
    ("anomalies", "normals", "round", "expected"),
    [
        (0, 0, 0, BY_BASE),
        (1, 9, 5, BY_BASE),
        (9, 1, 5, BY_BASE),
        (2, 2, 1, BY_UAI),
        (1, 1, 9, BY_BASE),
        (1, 1, 10, BY_UAI),
    ],
)
def test_adaptive_hands_over_at_two_of_each_and_at_the_latest_after_ten_calls(anomalies, normals, round, expected):
    assert ask("adaptive", snapshot(round, anomalies, normals)) == expected


def test_base_never_hands_over_and_uai_always_has():
    assert ask("base", snapshot(99, 9, 9)) == BY_BASE
    assert ask("uai", snapshot(0, 1, 1)) == BY_UAI


@pytest.mark.parametrize("name", ["paper", "adaptive", "base", "uai"])
def test_a_head_that_is_not_trained_falls_back_to_the_base_score(name):
    assert ask(name, snapshot(20, 5, 5, logit=None)) == BY_BASE


def test_ranking_is_by_logit_where_the_sigmoid_has_ties():
    snap = Snapshot(np.zeros(3, np.float32), None, np.float32([40, 60, 50]))
    assert len(set(snap.uai_score.tolist())) == 1
    assert ask("uai", snap, np.arange(3), k=3) == [1, 2, 0]


def test_only_unlabeled_items_are_asked():
    for name in query.RULES:
        assert set(ask(name, snapshot(20, 5, 5), np.array([2, 4]), k=2)) == {2, 4}


def test_random_is_reproducible_and_different_and_every_item_has_a_chance():
    draws = [tuple(ask("random", snapshot(), seed=seed)) for seed in range(60)]
    assert draws == [tuple(ask("random", snapshot(), seed=seed)) for seed in range(60)]
    assert {i for draw in draws for i in draw} == set(range(5))
    assert all(len(set(draw)) == 2 for draw in draws)
    assert ask("random", snapshot(), np.array([3]), k=4) == [3]


@settings(max_examples=50, deadline=None)
@given(
    arrays(np.float32, st.integers(1, 30), elements=st.sampled_from([0.0, 0.5, 1.0, -2.0, 7.0])),
    st.integers(1, 40),
    st.randoms(),
)
def test_top_is_the_head_of_a_stable_sort(score, k, random):
    items = np.array(sorted(random.sample(range(len(score)), random.randint(1, len(score)))))
    expected = sorted(items.tolist(), key=lambda i: (-score[i], i))[:k]
    chosen = query.top(score, items, k)
    assert chosen.tolist() == expected
    assert chosen.dtype == np.int64


def test_rule_takes_names_and_functions_and_names_the_rules_otherwise():
    def mine(snap, unlabeled, k, rng):
        return unlabeled[:k]

    assert query.rule(mine) is mine
    assert query.rule("paper") is query.RULES["paper"]
    for unknown in ("entropy", None, 3):
        with pytest.raises(ValueError, match="expected one of adaptive, paper, base, uai, random, or a function"):
            query.rule(unknown)


def test_the_ranking_is_said_in_words():
    def mine(snap, unlabeled, k, rng):
        return unlabeled[:k]

    words = {
        ("paper", 2): "ranked by base score (round 3 of 10)",
        ("paper", 10): "ranked by UAI",
        ("adaptive", 0): "ranked by base score (round 1 of 10)",
        ("base", 0): "ranked by base score",
        ("random", 0): "in random order",
    }
    assert {key: query.describe(query.RULES[key[0]], snapshot(key[1])) for key in words} == words
    assert query.describe(query.RULES["paper"], snapshot(30, logit=None)) == "ranked by base score (round 10 of 10)"
    learned = dataclasses.replace(snapshot(10), probability=False)
    assert query.describe(query.RULES["paper"], learned) == "ranked by learned score"
    assert query.describe(mine, snapshot()) == "ranked by mine"
    assert query.describe(_Callable(), snapshot()) == "ranked by _Callable"


class _Callable:
    def __call__(self, snap, unlabeled, k, rng):
        return unlabeled[:k]


def test_a_learned_score_that_is_no_probability_is_not_called_uai():
    index, value = np.arange(4), np.array([1, 1, 0, 0], np.int8)
    logit = np.zeros(4, np.float32)
    snapshot = Snapshot(logit, uai_logit=logit, labeled_index=index, labeled_value=value, probability=False)
    assert query.describe(query.RULES["adaptive"], snapshot) == "ranked by learned score"
