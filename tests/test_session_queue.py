"""What is asked next: budget, undo, and refills while the network trains."""

from __future__ import annotations

import numpy as np

import uai_notebook as uai

A, N, U = uai.Label.ANOMALY, uai.Label.NORMAL, uai.Label.UNSURE


def first(snapshot, unlabeled, k, rng):
    """A query function: in the order of the data."""
    return unlabeled[:k]


# -- budget ---------------------------------------------------------------------------------------------------------


def test_the_last_batch_is_cut_to_the_budget_and_then_the_session_is_done(make):
    session = make(k=5, budget=7)
    session.train()
    session.label(session.queue, N)
    assert not session.done
    session.train()
    assert len(session.queue) == 2
    session.label(session.queue, U)
    assert (session.n_asked, session.done, session.phase) == (7, True, "done")
    session.train()
    assert len(session.queue) == 0


def test_undo_gives_budget_back(make):
    session = make(k=5, budget=5)
    session.train()
    session.label(session.queue[:4], N)
    last = session.queue[0]
    session.label(last, U)
    assert session.done
    assert session.undo() == [last]
    assert not session.done
    assert session.phase == "labeling"
    assert session.queue.tolist() == [last]
    session.redo()
    assert session.done


def test_an_answer_is_never_refused_and_what_was_not_asked_spends_nothing(make):
    session = make(k=5, budget=5)
    session.train()
    asked = session.queue
    others = [i for i in range(80) if i not in asked]
    session.label(others[:3], N)
    assert (session.n_asked, session.n_labels) == (0, 3)
    session.label(asked, N)
    assert session.done
    session.label(others[3], A)
    session.label(asked[0], A)
    assert (session.n_asked, session.n_labels, session.done) == (5, 9, True)
    assert session.labels.set_index("index")["asked"].to_dict() == {
        **dict.fromkeys(others[:4], False),
        **dict.fromkeys(asked.tolist(), True),
    }


def test_labelling_an_item_again_spends_nothing_more(make):
    session = make(k=5, budget=10)
    session.train()
    i = session.queue[0]
    for label in (A, N, U):
        session.label(i, label)
        assert session.n_asked == 1


def test_the_budget_may_be_raised(make):
    session = make(k=5, budget=5)
    session.train()
    session.label(session.queue, N)
    session.budget = 8
    assert (session.done, session.phase) == (False, "labeling")
    session.refill()
    assert len(session.queue) == 3


def test_a_lowered_budget_shortens_the_queue(make):
    session = make(k=5, budget=10)
    session.train()
    session.label(session.queue, N)
    session.train()
    session.budget = 6
    assert len(session.queue) <= 1


def test_answers_to_replaced_offers_do_not_let_the_queue_exceed_the_budget(make):
    session = make(k=5, budget=5, query="random")
    session.train()
    old = session.queue
    session.train()
    assert set(old.tolist()) != set(session.queue.tolist())
    session.label(old, N)
    assert session.done
    assert len(session.queue) == 0


def test_an_item_that_comes_back_on_screen_does_not_let_the_queue_exceed_the_budget(make):
    session = make(k=5, budget=6, query="random")
    session.train()
    old = session.queue
    session.train()
    gone = next(i for i in old.tolist() if i not in session.queue)
    session.label(session.queue, N)
    session.train()
    assert len(session.queue) == 1
    session.show(gone)
    assert len(session.queue) == 1


def test_nothing_left_to_ask_is_done(make):
    session = make()
    session.train()
    session.label(range(79), N)
    assert not session.done
    session.train()
    assert session.queue.tolist() == [79]
    session.label(79, A)
    assert session.done


# -- undo -----------------------------------------------------------------------------------------------------------


def test_an_undone_answer_is_asked_again_first(make):
    session = make()
    session.train()
    queue = session.queue.tolist()
    session.label(queue, N)
    session.train()
    following = session.queue.tolist()
    session.undo()
    assert session.queue.tolist()[:5] == queue
    session.redo()
    assert session.queue.tolist() == following


def test_the_queue_never_exceeds_k_also_after_undo_over_rounds(make):
    session = make(k=3)
    for _ in range(3):
        session.train()
        session.label(session.queue, N)
    session.train()
    for _ in range(3):
        session.undo()
        assert len(session.queue) <= 3


def test_several_items_in_one_call_are_one_step(make):
    session = make()
    session.label([3, 4, 5], [A, N, U])
    session.label([6], A)
    assert session.undo() == [6]
    assert session.undo() == [3, 4, 5]
    assert session.undo() == []
    assert session.n_labels == 0
    assert session.redo() == [3, 4, 5]
    session.label(9, N)
    assert session.redo() == []


def test_undo_of_what_was_not_asked_does_not_put_it_into_the_queue(make):
    session = make(query=first)
    session.train()
    session.label(70, A)
    session.undo()
    assert session.queue.tolist() == [0, 1, 2, 3, 4]


# -- refills --------------------------------------------------------------------------------------------------------


def test_a_queue_that_empties_while_a_job_trains_is_refilled_from_the_last_snapshot(holding):
    order = np.argsort(-holding.snapshot.base_score, kind="stable").tolist()
    holding.label(order[0], A)
    holding.start()
    assert holding.queue.tolist() == order[1:5]
    holding.label(order[1:5], N)
    assert holding.queue.tolist() == order[5:10]
    assert holding.snapshot.round == 0
    holding.label(order[5:10], N)
    assert holding.queue.tolist() == order[10:15]
    assert holding.labels["asked"].all()


def test_a_training_that_starts_on_an_empty_queue_refills_it_at_once(holding):
    holding.label(holding.queue, N)
    assert len(holding.queue) == 0
    holding.start()
    assert len(holding.queue) == 5


def test_a_refill_respects_the_budget(holding):
    holding.budget = 7
    holding.start()
    holding.label(holding.queue, N)
    assert len(holding.queue) == 2
    holding.label(holding.queue, N)
    assert len(holding.queue) == 0


def test_a_job_trains_on_the_labels_at_its_start(holding):
    holding.label(holding.queue, [A, N, N, N, N])
    holding.start()
    holding.label(holding.queue, N)
    assert holding.n_untrained == 5
    holding.learner.hold.clear()
    snapshot = holding.wait()
    assert snapshot.n_labels == 5
    assert holding.n_labels == 10
    assert holding.n_untrained == 5


def test_the_new_snapshot_replaces_what_is_unanswered_but_never_the_item_on_screen(holding):
    holding.query = uai.query.RULES["random"]
    holding.label(holding.queue, [A, N, N, N, N])
    holding.start()
    refill = holding.queue.tolist()
    holding.show(refill[2])
    holding.label(refill[0], N)
    holding.learner.hold.clear()
    holding.wait()
    queue = holding.queue.tolist()
    assert queue[0] == refill[2]
    assert len(queue) == 5
    assert not {refill[0]} & set(queue)
    assert set(queue) != set(refill)


def test_an_answered_item_on_screen_does_not_stay(holding):
    i = int(holding.queue[0])
    holding.show(i)
    holding.start()
    holding.label(i, N)
    holding.learner.hold.clear()
    holding.wait()
    assert i not in holding.queue
    assert len(holding.queue) == 5


def test_an_item_that_was_replaced_comes_back_when_it_is_shown(make):
    session = make(query="random")
    session.train()
    old = session.queue.tolist()
    session.train()
    gone = next(i for i in old if i not in session.queue)
    session.show(gone)
    assert session.queue[0] == gone
    assert len(session.queue) == 5
    session.label(gone, N)
    assert session.labels["asked"].tolist() == [True]


def test_showing_what_was_never_offered_does_not_put_it_into_the_queue(make):
    session = make(query=first)
    session.train()
    for index in (70, 10**9, None):
        session.show(index)
        assert session.queue.tolist() == [0, 1, 2, 3, 4]


def test_without_refills_the_queue_stays_empty_while_a_job_trains(holding):
    holding.refills = False
    holding.start()
    holding.label(holding.queue, N)
    assert len(holding.queue) == 0


def test_refill_goes_on_without_a_training_and_only_when_the_queue_is_empty(make):
    session = make()
    session.refill()
    assert len(session.queue) == 0
    session.train()
    queue = session.queue.tolist()
    session.refill()
    assert session.queue.tolist() == queue
    session.label(queue, N)
    session.refill()
    assert len(session.queue) == 5
    assert session.round == 0
