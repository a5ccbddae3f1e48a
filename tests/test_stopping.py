"""When to stop: what counts, what is expected, what remains, and the rule of the hint."""

from __future__ import annotations

import threading

import numpy as np
import pandas as pd
import pytest

import uai_notebook as uai
from uai_notebook.calibration import calibrate, logit_of


def answered(session, rounds, y=None):
    """Answer whole rounds with the truth."""
    y = session.ds.y if y is None else y
    for _ in range(rounds):
        session.train()
        session.label(session.queue, y[session.queue])
    session.train()
    return session


def test_it_counts_answers_by_rank_only(make, ds):
    session = make(k=5)
    session.label([70, 71], [1, 0])  # nobody asked
    answered(session, 3)
    session.label(session.queue[:2], [-1, 1])
    asked = session.labels.query("asked and label >= 0")
    out = uai.when_to_stop(session)
    assert out.n_ranked == out.recent == len(asked)
    assert out.recent_found == int(asked["label"].sum())
    assert out.n_found == int((session.labels["label"] == 1).sum())
    assert out.n_left == len(ds) - session.n_labels


def test_random_audits_are_not_answers_by_rank(make, ds):
    session = answered(make(k=5, audit=0.4), 6)
    out = uai.when_to_stop(session)
    assert out.remaining.n_audits > 3
    assert out.n_ranked + out.remaining.n_audits == session.n_asked
    remain = int(ds.y.sum()) - out.n_found
    assert out.remaining.low <= remain <= out.remaining.high


def test_what_is_expected_is_the_calibrated_sum_over_what_ranks_highest(make):
    session = answered(make(k=5), 5)
    out = uai.when_to_stop(session)
    known = session.labels
    found = calibrate(logit_of(known["uai_score"]), known["label"])
    free = np.setdiff1d(np.arange(80), known["index"])
    best = free[np.argsort(-session.snapshot.ranking_score[free], kind="stable")[:5]]
    mean, _ = found.expected(session.snapshot.uai_logit[best])
    assert out.expected == pytest.approx(mean)
    assert out.likely[0] <= out.expected <= out.likely[1]
    assert out.k == 5


def test_a_relabelled_item_counts_with_the_score_from_before_its_first_answer(make):
    session = answered(make(k=5), 3)
    first = uai.when_to_stop(session)
    item = int(session.labels["index"].iloc[-1])
    session.label(item, int(session.labels["label"].iloc[-1]))  # the same answer again, now that it was trained on
    again = uai.when_to_stop(session)
    assert again.expected == pytest.approx(first.expected)
    pd.testing.assert_frame_equal(again.rounds, first.rounds)


def test_nothing_is_expected_before_ten_answers(make):
    session = make(k=5)
    session.train()
    session.label(session.queue, 0)
    out = uai.when_to_stop(session)
    assert (out.expected, out.likely, out.at_least, out.stop, out.line) == (None, None, 0, False, "")
    assert "After 10 answers" in " ".join(out.sentences)


def test_rounds_say_what_was_asked_found_and_expected_before(make):
    session = answered(make(k=5), 5)
    rounds = uai.when_to_stop(session).rounds
    assert rounds["round"].tolist() == [0, 1, 2, 3, 4]
    assert rounds["asked"].tolist() == [5] * 5
    assert rounds["found"].tolist() == session.labels.groupby("round")["label"].sum().tolist()
    assert np.isnan(rounds["expected"].iloc[0])
    assert rounds["expected"].iloc[1:].between(0, 5).all()


def test_reliability_is_of_all_answers_but_the_first_round(make):
    table = uai.when_to_stop(answered(make(k=5), 5)).reliability
    assert table["n"].sum() == 20


class Hits:
    """Answers by rank without a model: what the rule sees."""

    def __init__(self, make, hits, found=1):
        self.session = make(ds=uai.Dataset.from_arrays(np.random.default_rng(0).normal(size=(200, 3))), k=10)
        self.session.train()
        if found:
            self.session.label(199, 1)
        for i in range(0, len(hits), 10):
            waiting = self.session.queue
            self.session.label(waiting, hits[i : i + 10])
            self.session.refill()

    @property
    def outlook(self):
        return uai.when_to_stop(self.session)


def test_the_hint_comes_when_the_last_50_and_the_next_are_under_what_is_worth_it(make):
    assert Hits(make, [0] * 50).outlook.stop
    assert not Hits(make, [0] * 40).outlook.stop  # too few answers
    assert not Hits(make, [0] * 47 + [1] * 3).outlook.stop  # 6%
    assert not Hits(make, [0] * 50, found=0).outlook.stop  # nothing was ever found


def test_what_is_worth_it_is_for_the_person_to_say(make):
    session = Hits(make, [0] * 30 + [1] + [0] * 19).session
    assert uai.when_to_stop(session, worth=0.2).stop
    assert not uai.when_to_stop(session, worth=0.005).stop


def test_the_words_of_the_hint_and_of_its_absence(make):
    stop = Hits(make, [0] * 50).outlook
    assert "Stopping is reasonable" in stop.sentences[-1]
    assert "fewer than 5% of the last 50 and of the next 10" in stop.sentences[-1]
    assert "Of kinds that rank low there may be more" in stop.sentences[-1]
    assert stop.line.endswith("little left of the kinds found")
    go_on = Hits(make, [1, 0] * 10).outlook
    assert go_on.sentences[-1].startswith("No hint to stop")
    assert go_on.line.startswith("about")


def test_without_audits_it_says_what_cannot_be_known(make):
    out = uai.when_to_stop(answered(make(k=5), 4))
    assert out.remaining is None
    assert "Theorem 1" in " ".join(out.sentences)
    assert "audit=0.05" in " ".join(out.sentences)


def test_with_audits_it_gives_limits(make):
    out = uai.when_to_stop(answered(make(k=5, audit=0.5), 4))
    text = " ".join(out.sentences)
    assert f"of {out.remaining.n_audits} random audits were anomalies" in text
    assert "Theorem 1" not in text


def test_the_lower_bound_is_one_on_easy_data(make):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 4))
    x[:60] += 6  # one kind, far away, more than were asked
    ds = uai.Dataset.from_arrays(x, y=(np.arange(300) < 60).astype(int))
    session = answered(make(ds=ds, k=10), 4)
    out = uai.when_to_stop(session)
    left = 60 - out.n_found
    assert 0 < out.at_least <= left


@pytest.mark.parametrize("base", ["loda_aad", "isolation_forest", "class"])
def test_learners_without_a_probability_are_judged_by_their_hit_rate(make, base):
    session = answered(make(base=base, k=5), 5)
    out = uai.when_to_stop(session)
    assert 0 <= out.expected <= 5
    if base != "class":
        rate = calibrate(np.full(out.n_ranked, np.nan), session.labels["label"]).probability([0])[0]
        assert out.expected == pytest.approx(5 * rate)


@pytest.mark.parametrize("asked", [0, 15])
@pytest.mark.parametrize("audit", [0, 0.3])
def test_when_all_are_answered_it_says_that_nothing_is_left_to_ask(make, ds, asked, audit):
    session = answered(make(k=5, audit=audit), asked // 5)
    session.label(np.arange(80), ds.y)
    out = uai.when_to_stop(session)
    assert (out.k, out.n_left, out.stop) == (0, 0, True)
    assert out.line == "nothing is left to ask"
    assert out.sentences[-1] == "Nothing is left to ask: every item has an answer."
    assert not any("expected" in said or "remain" in said for said in out.sentences)


def test_it_needs_a_model_and_a_share(make):
    session = make()
    with pytest.raises(RuntimeError, match=r"session.train\(\)"):
        uai.when_to_stop(session)
    session.train()
    for worth in (0, 1, -1, "5%"):
        with pytest.raises(ValueError, match="share of anomalies"):
            uai.when_to_stop(session, worth=worth)


def test_it_may_be_asked_while_others_label(make, ds):
    session, failed, done = answered(make(k=5), 2), [], threading.Event()

    def ask():
        try:
            while not done.is_set():
                uai.when_to_stop(session)
        except Exception as error:
            failed.append(error)

    askers = [threading.Thread(target=ask) for _ in range(3)]
    for thread in askers:
        thread.start()
    for i in range(200):
        session.label(i % 80, int(ds.y[i % 80]))
        if i % 7 == 0:
            session.undo()
    done.set()
    for thread in askers:
        thread.join()
    assert not failed


def test_after_a_restart_it_says_the_same(make, ds, tmp_path):
    session = answered(make(k=5, audit=0.3, path=tmp_path / "s"), 4)
    before = uai.when_to_stop(session)
    session.close()
    after = uai.when_to_stop(uai.ActiveSession.resume(tmp_path / "s", ds))
    assert after.sentences == before.sentences
    pd.testing.assert_frame_equal(after.reliability, before.reliability)
