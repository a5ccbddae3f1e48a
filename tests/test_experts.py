"""Oracle and simulate: Algorithm 1 without a person."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import uai_notebook as uai


class Scripted:
    """An expert that notes what it was asked."""

    def __init__(self, y):
        self.y, self.asked = np.asarray(y), []

    def audit(self, index):
        self.asked.append(index.tolist())
        return self.y[index]


def test_an_oracle_knows_the_truth():
    answers = uai.Oracle([0, 1, 0]).audit(np.array([1, 0]))
    assert answers.tolist() == [1, 0]
    assert answers.dtype == np.int8


def test_an_oracle_without_truth_says_that_only_a_person_can_label(ds):
    with pytest.raises(ValueError, match=r"Oracle\(None\): this Dataset has no truth y, so only a person can label it"):
        uai.Oracle(uai.Dataset.from_arrays(ds.x).y)


@pytest.mark.parametrize("y", [[[0, 1]], [0, 2], [0.5, 1]])
def test_an_oracle_takes_one_zero_or_one_per_item(y):
    with pytest.raises(ValueError, match="expected one value per item, 1 anomaly or 0 normal"):
        uai.Oracle(y)


def test_simulate_asks_k_at_a_time_up_to_the_budget_and_cuts_the_last_batch(make, ds):
    expert = Scripted(ds.y)
    session = make(k=5, budget=12)
    assert uai.simulate(session, expert, progress=False) is session
    assert [len(asked) for asked in expert.asked] == [5, 5, 2]
    assert len({i for asked in expert.asked for i in asked}) == 12
    assert (session.n_asked, session.n_labels, session.done, session.phase) == (12, 12, True, "done")
    assert session.round == 2
    assert len(session.queue) == 0


def test_simulate_without_a_budget_asks_everything_once(make):
    small = uai.Dataset.from_arrays(np.random.default_rng(0).normal(size=(13, 5)), y=[1] * 3 + [0] * 10)
    session = uai.simulate(make(ds=small, k=5), uai.Oracle(small.y), progress=False)
    assert session.n_labels == 13
    assert session.done
    assert session.results()["label"].notna().all()


def test_simulate_is_algorithm_1_by_hand(make, ds):
    simulated = uai.simulate(make(budget=15), uai.Oracle(ds.y), progress=False)
    by_hand = make(budget=15)
    while not by_hand.done:
        by_hand.train()
        by_hand.label(by_hand.queue, ds.y[by_hand.queue])
    assert simulated.labels["index"].tolist() == by_hand.labels["index"].tolist()
    np.testing.assert_array_equal(simulated.snapshot.uai_logit, by_hand.snapshot.uai_logit)


def test_simulate_goes_on_from_where_the_session_is(make, ds):
    session = make(budget=10)
    session.train()
    session.label(session.queue[:3], 0)
    expert = Scripted(ds.y)
    uai.simulate(session, expert, progress=False)
    assert [len(asked) for asked in expert.asked] == [2, 5]
    assert session.n_asked == 10


def test_simulate_goes_on_where_a_process_was_killed_in_a_training(make, ds, tmp_path):
    whole = make(budget=20)
    uai.simulate(whole, uai.Oracle(ds.y), progress=False)
    session = make(budget=20, path=tmp_path)
    session.train()
    session.label(session.queue, uai.Oracle(ds.y).audit(session.queue))
    session.close()
    for file in (tmp_path / "checkpoints").iterdir():
        file.unlink()
    again = uai.ActiveSession.resume(tmp_path, ds)
    uai.simulate(again, uai.Oracle(ds.y), progress=False)
    assert again.labels["index"].tolist() == whole.labels["index"].tolist()
    np.testing.assert_array_equal(again.snapshot.ranking_score, whole.snapshot.ranking_score)


def test_simulate_takes_unsure_which_spends_budget(make):
    expert = Scripted(np.full(80, -1))
    session = uai.simulate(make(budget=10), expert, progress=False)
    assert session.n_asked == 10
    assert session.snapshot.n_labels == 0
    assert session.snapshot.uai_logit is None


def test_simulate_never_refills_also_with_an_observer_that_starts_training(make, ds):
    alone = uai.simulate(make(budget=20), uai.Oracle(ds.y), progress=False)
    watched = make(budget=20)

    def as_a_widget(changes):
        if "labels" in changes and not len(watched.queue) and not watched.done:
            watched.start()

    watched.observe(as_a_widget)
    uai.simulate(watched, uai.Oracle(ds.y), progress=False)
    assert watched.labels["index"].tolist() == alone.labels["index"].tolist()
    assert watched.labels["round"].tolist() == alone.labels["round"].tolist()
    assert watched.round == alone.round
    assert watched.refills


def test_simulate_trains_once_a_round_whatever_moment_an_observers_training_ends(make, ds, monkeypatch):
    """The training that an observer started may end between simulate's look and its wait."""
    session = make(budget=10)
    session.train()
    session.label(session.queue, 0)
    real = type(session).training.fget

    def looked(self):
        was = real(self)
        self.wait()
        return was

    session.start()
    monkeypatch.setattr(type(session), "training", property(looked))
    uai.simulate(session, uai.Oracle(ds.y), progress=False)
    assert session.round == 1


def test_simulate_turns_refills_on_again_after_an_error(make):
    class Failing:
        def audit(self, index):
            raise RuntimeError("gone home")

    session = make(budget=10)
    with pytest.raises(RuntimeError, match="gone home"):
        uai.simulate(session, Failing(), progress=False)
    assert session.refills


def test_simulate_stops_when_its_training_is_cancelled(ds, make, numpy_learner):
    session = make(base=numpy_learner(ds))
    session.learner.hold.set()
    threading.Thread(target=lambda: (session.learner.entered.wait(5), session.cancel()), daemon=True).start()
    try:
        uai.simulate(session, uai.Oracle(ds.y), progress=False)
    except Exception as error:
        assert "cancel" in str(error).lower() or type(error).__name__ == "Cancelled", repr(error)  # noqa: PT017
    assert session.n_labels == 0


def test_simulate_shows_a_bar(make, ds, capsys):
    uai.simulate(make(budget=5), uai.Oracle(ds.y))
    assert "anomalies=" in capsys.readouterr().err


def test_simulate_of_a_session_that_is_done_does_nothing(make, ds):
    session = uai.simulate(make(budget=5), uai.Oracle(ds.y), progress=False)
    expert = Scripted(ds.y)
    uai.simulate(session, expert, progress=False)
    assert expert.asked == []
