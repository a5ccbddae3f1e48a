"""Several annotators in one session: agreement, conflicts, decisions."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score

import uai_notebook as uai
from uai_notebook.agreement import cohen_kappa
from uai_notebook.arguments import MERGED
from uai_notebook.labels import LabelStore


@pytest.fixture
def two(make):
    """Anna and Ben on items 0 to 5; they disagree on 1 and 2, and one of them is unsure of 3 and 4."""
    session = make(k=5)
    session.label(range(6), [1, 1, 0, -1, 1, 0], annotator="Anna")
    session.label(range(6), [1, 0, 1, 0, -1, 0], annotator="Ben")
    return session


# -- kappa ------------------------------------------------------------------------------------------------------------


def said_by(ds, answers):
    store = LabelStore(ds)
    for name, labels in answers.items():
        items = np.flatnonzero(labels > -2)
        store.add(items.tolist(), labels[items].tolist(), annotator=name)
    return store


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("unsure", [False, True])
def test_kappa_is_that_of_scikit_learn(ds, seed, unsure):
    rng = np.random.default_rng(seed)
    answers = {name: rng.choice([1, 0, -1, -2], 80, p=[0.4, 0.3, 0.2, 0.1]) for name in ("Anna", "Ben", "Cleo")}
    answers["Ben"] = np.where(rng.random(80) < 0.6, answers["Anna"], answers["Ben"])
    table = uai.agreement_table(said_by(ds, answers), unsure=unsure)
    assert table[["annotator", "other"]].values.tolist() == [["Anna", "Ben"], ["Anna", "Cleo"], ["Ben", "Cleo"]]
    for row in table.itertuples():
        a, b = answers[row.annotator], answers[row.other]
        both = (a > -2) & (b > -2) if unsure else (a > -1) & (b > -1)
        assert row.n == both.sum()
        assert row.agree == pytest.approx((a[both] == b[both]).mean())
        assert row.kappa == pytest.approx(cohen_kappa_score(a[both], b[both]))
        assert row.low <= row.kappa <= row.high


def test_the_interval_holds_the_true_kappa_about_as_often_as_it_says(ds):
    share = np.array([[0.3, 0.1], [0.1, 0.5]])  # kappa .583
    rng = np.random.default_rng(0)
    held = []
    for _ in range(200):
        pairs = rng.choice(4, 80, p=share.ravel())
        table = uai.agreement_table(said_by(ds, {"Anna": pairs // 2, "Ben": pairs % 2}), seed=int(rng.integers(99)))
        held.append(table["low"][0] <= float(cohen_kappa(share)) <= table["high"][0])
    assert 0.89 <= np.mean(held) <= 0.99


def test_kappa_is_missing_where_it_is_not_defined(ds):
    never = {"Anna": np.where(np.arange(80) < 40, 1, -2), "Ben": np.where(np.arange(80) < 40, -2, 1)}
    (row,) = uai.agreement_table(said_by(ds, never)).itertuples()
    assert row.n == 0
    assert np.isnan([row.agree, row.kappa, row.low, row.high]).all()
    always = {"Anna": np.ones(80, int), "Ben": np.ones(80, int)}
    (row,) = uai.agreement_table(said_by(ds, always)).itertuples()
    assert (row.n, row.agree) == (80, 1.0)
    assert np.isnan([row.kappa, row.low, row.high]).all()
    assert uai.agreement_table(said_by(ds, {"Anna": np.ones(80, int)})).empty


def test_the_last_word_of_an_annotator_counts_and_what_was_taken_back_does_not(make):
    session = make()
    for label, name in ((1, "Anna"), (0, "Ben"), (0, "Anna"), (1, "Ben")):
        session.label(7, label, annotator=name)
    session.undo()
    assert uai.agreement_table(session)["agree"].tolist() == [1.0]
    session.redo()
    assert uai.agreement_table(session)["agree"].tolist() == [0.0]


def test_a_level_that_is_none_is_said(two):
    with pytest.raises(ValueError, match="level=95: expected a share"):
        uai.agreement_table(two, level=95)


# -- conflicts and decisions ------------------------------------------------------------------------------------------


def test_conflicts_are_where_one_says_anomaly_and_another_normal(two):
    found = uai.conflicts(two)
    assert found[["index", "anomaly", "normal", "unsure"]].values.tolist() == [
        [1, "Anna", "Ben", ""],
        [2, "Ben", "Anna", ""],
    ]
    assert found["decision"].isna().all()
    two.label(1, -1, annotator="Cleo")
    assert uai.conflicts(two)["unsure"].tolist() == ["Cleo", ""]


def test_annotators_may_come_to_agree(two):
    two.label(1, 0, annotator="Anna")
    assert uai.conflicts(two)["index"].tolist() == [2]


def test_a_decision_is_one_more_label_that_the_model_learns(two):
    uai.adjudicate(two, 2, 1, annotator="Cleo")
    found = uai.conflicts(two)
    assert found["index"].tolist() == [1, 2], "open ones first"
    assert found["decision"].tolist() == [found["decision"][0], 1]
    assert found["decided_by"].tolist() == ["", "Cleo"]
    row = two.labels.set_index("index").loc[2]
    assert (row["label"], row["annotator"]) == (1, "Cleo")
    assert found.set_index("index").loc[2, ["anomaly", "normal"]].tolist() == ["Ben", "Anna"]
    assert uai.agreement_table(two)["n"].tolist() == [4], "a decision is no opinion"


def test_a_decision_can_be_changed_and_taken_back(two):
    uai.adjudicate(two, [1, 2], [1, -1], annotator="Anna")
    assert uai.conflicts(two)["decision"].tolist() == [1, -1]
    uai.adjudicate(two, 2, 0, annotator="Cleo")
    assert uai.conflicts(two)["decided_by"].tolist() == ["Anna", "Cleo"]
    two.undo()
    assert uai.conflicts(two)["decided_by"].tolist() == ["Anna", "Anna"]
    two.undo()
    assert uai.conflicts(two)["decision"].isna().all()
    assert two.store.get(1).annotator == MERGED
    two.undo()
    assert two.store.get(1).annotator == "Ben"


def test_decisions_survive_a_restart(make, ds, tmp_path):
    session = make(path=tmp_path / "s")
    session.label([1, 2], 1, annotator="Anna")
    session.label([1, 2], 0, annotator="Ben")
    uai.adjudicate(session, 1, 1, annotator="Cleo")
    before = uai.conflicts(session)
    session.close()
    after = uai.conflicts(uai.ActiveSession.resume(tmp_path / "s", ds))
    assert after.equals(before)


@pytest.mark.parametrize(
    ("item", "name", "message"),
    [
        (0, "Cleo", r"items \[0\] are in no conflict"),
        (40, "Cleo", "in no conflict"),
        (1, " ", "the name of who"),
        (1, MERGED, "stands for merges"),
    ],
)
def test_what_cannot_be_decided_is_said(two, item, name, message):
    before = two.labels
    with pytest.raises(ValueError, match=message):
        uai.adjudicate(two, item, 1, annotator=name)
    assert two.labels.equals(before)
