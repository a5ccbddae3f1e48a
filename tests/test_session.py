"""ActiveSession without files: Algorithm 1, what a session knows, and its end."""

from __future__ import annotations

import inspect

import numpy as np
import pandas as pd
import pytest

import uai_notebook as uai

A, N, U = uai.Label.ANOMALY, uai.Label.NORMAL, uai.Label.UNSURE


# -- Algorithm 1 ----------------------------------------------------------------------------------------------------


def test_a_new_session_knows_nothing(make):
    session = make()
    assert (session.phase, session.round, session.n_labels, session.done) == ("new", 0, 0, False)
    assert session.snapshot is None
    assert session.queue.dtype == np.int64
    assert len(session.queue) == 0
    assert session.ranked_by == ""
    assert len(session.labels) == 0
    assert session.results()["base_score"].isna().all()
    assert not session.training


def test_the_first_training_is_the_pretraining_and_offers_the_k_highest_base_scores(make):
    session = make()
    snapshot = session.train()
    assert snapshot is session.snapshot
    assert (snapshot.round, session.round, session.phase) == (0, 0, "labeling")
    assert session.progress[:2] == (30, 30)
    assert session.queue.tolist() == np.argsort(-snapshot.base_score, kind="stable")[:5].tolist()
    assert snapshot.uai_logit is None


def test_each_further_training_is_a_round_on_all_labels(make):
    session = make()
    session.train()
    for r in range(1, 4):
        session.label(session.queue, [A, N, N, A, N])
        snapshot = session.train()
        assert (snapshot.round, session.round, snapshot.n_labels) == (r, r, 5 * r)
        assert session.progress[:2] == (5, 5)
    assert snapshot.labeled_index.tolist() == session.labels["index"].tolist()
    assert snapshot.labeled_value.tolist() == session.labels["label"].tolist()
    assert (snapshot.labeled_index.dtype, snapshot.labeled_value.dtype) == (np.int64, np.int8)
    assert [s["round"] for s in session.history.scalars] == [0, 1, 2, 3]


def test_a_labelled_item_is_never_asked_again(make):
    for rule in ("adaptive", "paper", "base", "uai", "random"):
        session, seen = make(query=rule), set()
        for _ in range(6):
            session.train()
            queue = session.queue.tolist()
            assert not seen & set(queue)
            seen |= set(queue)
            session.label(queue, [A, N, U, N, A])


def test_the_queue_is_what_is_unanswered_and_the_batch_what_was_offered(make):
    session = make()
    session.train()
    batch = session.batch.tolist()
    session.label(batch[1], N)
    session.label(batch[3], U)
    assert session.queue.tolist() == [batch[0], batch[2], batch[4]]
    assert session.batch.tolist() == batch


def test_unsure_is_kept_not_trained_on_and_not_asked_again(make):
    session = make()
    session.train()
    queue = session.queue
    session.label(queue, [A, U, N, U, N])
    snapshot = session.train()
    assert snapshot.labeled_index.tolist() == queue[[0, 2, 4]].tolist()
    assert not set(queue.tolist()) & set(session.queue.tolist())
    assert session.n_labels == 5


def test_there_is_no_uai_score_until_an_anomaly_and_a_normal_were_seen(make):
    session = make()
    session.train()
    session.label(session.queue[:2], [A, U])
    assert session.train().uai_logit is None
    assert session.snapshot.uai_score is None
    session.label(session.queue[:1], N)
    snapshot = session.train()
    assert snapshot.uai_logit.shape == (80,)
    assert ((snapshot.uai_score >= 0) & (snapshot.uai_score <= 1)).all()


def test_the_paper_hands_over_at_the_eleventh_call(make, ds):
    session, by = make(query="paper", k=3), []
    for _ in range(12):
        snapshot = session.train()
        base = np.argsort(-snapshot.base_score, kind="stable")
        free = [i for i in base.tolist() if i not in session.store]
        by.append("s" if session.queue.tolist() == free[:3] else "uai")
        session.label(session.queue, ds.y[session.queue])
    assert by[:10] == ["s"] * 10
    assert session.ranked_by == "ranked by UAI"


def test_labels_may_come_before_the_first_training(make):
    session = make(budget=10)
    session.label([0, 1, 40], [A, A, N])
    assert session.phase == "new"
    assert session.labels["asked"].tolist() == [False] * 3
    assert session.labels["base_score"].isna().all()
    assert session.n_asked == 0
    snapshot = session.train()
    assert (snapshot.round, snapshot.n_labels) == (0, 3)
    assert snapshot.uai_logit is not None
    assert not {0, 1, 40} & set(session.queue.tolist())


def test_the_scores_of_an_answer_are_those_of_the_moment_it_was_given(make):
    session = make()
    old = session.train()
    i, j = session.queue[:2].tolist()
    session.label([i, j], [A, N])
    new = session.train()
    session.label(session.queue[0], N)
    frame = session.labels
    np.testing.assert_allclose(frame["base_score"][:2], old.base_score[[i, j]])
    assert frame["uai_score"].isna().tolist() == [True, True, False]
    assert frame["uai_score"][2] == pytest.approx(new.uai_score[frame["index"][2]])
    assert frame["round"].tolist() == [0, 0, 1]


# -- what is known --------------------------------------------------------------------------------------------------


def test_labels_have_the_columns_and_dtypes_of_the_contract(make):
    session = make()
    session.train()
    session.label(session.queue[:2], [A, U], annotator="me")
    frame = session.labels
    names = ["index", "id", "label", "asked", "annotator", "time", "round", "base_score", "uai_score"]
    assert list(frame.columns) == names
    assert frame["index"].dtype == np.int64
    assert frame["label"].dtype == np.int8
    assert frame["label"].tolist() == [1, -1]
    assert frame["annotator"].tolist() == ["me", "me"]
    assert pd.Timestamp.now("UTC") - frame["time"][0] < pd.Timedelta("60s")


def test_results_have_all_items_best_first(make, ds):
    session = make()
    session.label([7, 30], [A, N])
    snapshot = session.train()
    frame = session.results()
    assert {"id", "label", "base_score", "uai_score", "rank"} <= set(frame.columns)
    assert sorted(frame["id"]) == list(range(80))
    assert frame["rank"].tolist() == list(range(1, 81))
    assert frame["id"].tolist() == np.argsort(-snapshot.uai_logit, kind="stable").tolist()
    labels = frame.set_index("id")["label"]
    assert (labels[7], labels[30]) == (1, 0)
    assert labels.isna().sum() == 78
    by_base = make()
    by_base.train()
    assert by_base.results()["base_score"].is_monotonic_decreasing
    assert by_base.results()["uai_score"].isna().all()


def test_results_carry_the_users_own_ids(make, ds):
    own = uai.Dataset.from_arrays(ds.x, ids=[f"n{i}" for i in range(80)])
    session = make(ds=own)
    session.label(3, A)
    frame = session.results().set_index("id")
    assert frame.loc["n3", "label"] == 1
    assert session.labels["id"].tolist() == ["n3"]


def test_untrained_answers_are_counted(make):
    session = make()
    session.train()
    session.label(session.queue, N)
    assert session.n_untrained == 5
    session.train()
    assert session.n_untrained == 0
    session.label(session.labels["index"][0], A)
    assert session.n_untrained == 1
    session.undo()
    assert session.n_untrained == 0


def test_current_labels_are_arrays(make):
    session = make()
    session.label([4, 2], [A, U])
    index, value = session.current_labels()
    assert (index.tolist(), value.tolist()) == ([4, 2], [1, -1])


# -- closing --------------------------------------------------------------------------------------------------------


def test_a_closed_session_refuses_answers_and_says_why(holding):
    holding.start()
    holding.close("moved away")
    assert not holding.training
    assert holding.closed == "moved away"
    for action in (lambda: holding.label(0, 1), holding.undo, holding.redo, holding.start, holding.train):
        with pytest.raises(RuntimeError, match="moved away"):
            action()


def test_the_names_of_the_contract_are_there(make):
    names = "train start wait cancel retry queue label undo redo snapshot history labels results phase done resume open"
    session = make()
    assert [name for name in names.split() if not hasattr(session, name)] == []
    parameters = list(inspect.signature(uai.ActiveSession).parameters)
    assert parameters[:8] == ["ds", "base", "k", "budget", "query", "seed", "path", "config"]
    assert list(inspect.signature(uai.ActiveSession.resume).parameters)[:4] == ["path", "ds", "base", "query"]
