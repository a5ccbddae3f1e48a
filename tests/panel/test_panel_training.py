"""When the panel starts, pauses and cancels trainings, and what it says of them."""

import re
import threading
import time

import pytest

# -- when training starts --------------------------------------------------------------------------------------------


def test_training_starts_when_the_k_are_answered(holding, show):
    panel, page = show(holding)
    for _ in range(4):
        page.answer()
        assert not holding.training
    page.answer()
    assert holding.training
    assert panel.state["phase"] == "training"


@pytest.mark.parametrize("train_every", [1, 3])
def test_training_starts_after_train_every_answers(holding, show, train_every):
    _panel, page = show(holding, train_every=train_every)
    for _ in range(train_every):
        assert not holding.training
        page.answer()
    assert holding.training


def test_a_train_every_above_k_refills_the_queue_until_then(holding, show):
    panel, page = show(holding, train_every=7)
    for _ in range(6):
        assert panel.state["current"] is not None
        page.answer()
    assert not holding.training
    page.answer()
    assert holding.training


def test_answers_given_during_a_round_start_the_next_one(holding, show, release):
    _panel, page = show(holding)
    for _ in range(10):
        page.answer()
    assert holding.round == 0
    release(holding)
    assert holding.round == 2
    assert holding.snapshot.n_labels == 10


def test_a_candidate_is_always_there_while_a_round_trains(holding, show):
    panel, page = show(holding)
    seen = [page.answer() for _ in range(30)]
    assert None not in seen
    assert len(set(seen)) == 30
    assert holding.round == 0
    assert panel.state["current"] is not None


def test_the_item_on_screen_survives_a_new_snapshot(holding, show, release):
    panel, page = show(holding)
    for _ in range(7):
        page.answer(1)
    shown = panel.state["current"]
    release(holding)
    assert holding.round == 1
    assert panel.state["current"] == shown


def test_a_visited_item_survives_a_new_snapshot(holding, show, release):
    panel, page = show(holding)
    for _ in range(5):
        page.answer()
    panel.visit(70)
    release(holding)
    assert panel.state["current"] == 70


def test_an_answered_item_on_screen_survives_a_new_snapshot(holding, show, release):
    panel, page = show(holding, train_every=3)
    answered = [page.answer() for _ in range(3)]
    page.send("show", index=answered[1])
    release(holding)
    assert holding.round == 1
    assert panel.state["current"] == answered[1]


def test_nothing_trains_while_paused_and_resume_starts_what_is_due(holding, show):
    panel, page = show(holding)
    assert page.send("pause")["paused"]
    for _ in range(6):
        page.answer()
    assert not holding.training
    assert panel.state["current"] is not None
    assert not page.send("pause")["paused"]
    assert holding.training


def test_nothing_trains_by_itself_when_the_budget_is_used(ds, make, numpy_learner, show):
    session = make(base=numpy_learner(ds), budget=5)
    session.train()
    panel, page = show(session)
    for label in (1, 0, 0, -1, 0):
        page.answer(label)
    assert session.round == 0
    assert not session.training
    assert panel.state["phase"] == "done"
    assert panel.state["current"] is None
    assert panel.state["done"] == "Budget of 5 used: 1 anomaly found"
    assert panel.state["more"] == 5


def test_continue_raises_the_budget_by_k_and_goes_on(ds, make, numpy_learner, show, settle):
    session = make(base=numpy_learner(ds), budget=5)
    session.train()
    panel, page = show(session)
    for _ in range(5):
        page.answer()
    page.send("more")
    settle()
    assert session.round == 1
    assert session.budget == 10
    assert panel.state["more"] == 0
    assert panel.state["current"] in session.queue


def test_continue_twice_raises_the_budget_once(ds, make, numpy_learner, show):
    session = make(base=numpy_learner(ds), budget=5)
    session.train()
    _panel, page = show(session)
    for _ in range(5):
        page.answer()
    page.send("more")
    page.send("more")
    assert session.budget == 10


def test_continue_without_a_budget_does_nothing(trained, show):
    _panel, page = show(trained)
    assert page.send("more")["message"] == ""
    assert trained.budget is None


def test_train_now_trains_on_what_there_is(holding, show, release):
    _panel, page = show(holding)
    page.answer(1)
    assert page.send("train")["phase"] == "training"
    release(holding)
    assert holding.snapshot.n_labels == 1


def test_cancel_ends_the_training_keeps_the_labels_and_pauses(holding, show, settle):
    panel, page = show(holding)
    for _ in range(5):
        page.answer()
    page.send("cancel")
    settle()
    assert panel.state["phase"] == "labeling"
    assert panel.state["paused"]
    assert (holding.round, holding.n_labels) == (0, 5)
    assert panel.state["current"] is not None
    assert not panel.progress["on"]


def test_a_cancel_that_comes_too_late_does_nothing(trained, show):
    _panel, page = show(trained)
    assert not page.send("cancel")["paused"]


def test_a_failed_training_is_said_and_retry_starts_it_again(trained, show, settle):
    panel, page = show(trained)
    trained.learner.update = lambda index, label: 1 / 0
    for _ in range(5):
        page.answer()
    settle()
    assert panel.state["phase"] == "failed"
    assert panel.state["message"] == "The training failed: division by zero. Your labels are kept."
    assert "ZeroDivisionError" in panel.state["details"]
    assert trained.n_labels == 5
    assert panel.state["current"] is not None, "labeling goes on"
    del trained.learner.update
    page.send("retry")
    settle()
    assert panel.state["phase"] == "labeling"
    assert trained.round == 1
    assert panel.state["message"] == ""


def test_after_a_failure_nothing_trains_until_a_person_says_so(trained, show, settle):
    panel, page = show(trained)
    trained.learner.update = lambda index, label: 1 / 0
    for _ in range(5):
        page.answer()
    settle()
    assert panel.state["phase"] == "failed"
    for _ in range(11):
        page.answer()
    assert panel.state["phase"] == "failed"
    assert trained.n_labels == 16


def test_a_closed_session_says_why_and_takes_no_answer(trained, show):
    panel, page = show(trained)
    trained.close("This cell was run again: label in its new output.")
    assert panel.state["closed"]
    page.send("label", index=1, label=1, next=None)
    assert panel.state["message"] == "This cell was run again: label in its new output."
    assert trained.n_labels == 0


def test_a_panel_of_a_session_whose_batch_is_answered_has_a_candidate_or_trains(trained, show, settle):
    trained.label(trained.queue, 0)
    panel, _ = show(trained)
    settle()
    assert panel.state["current"] is not None


def test_a_snapshot_that_comes_while_the_panel_is_made_is_not_missed(holding, show, release):
    holding.start()

    def renderer(_item):
        if threading.current_thread() is threading.main_thread():  # not when the training's own thread draws
            release(holding)
        return "text"

    panel, _ = show(holding, renderer=renderer)
    assert holding.phase == "labeling"
    assert panel.state["phase"] == "labeling"


def test_an_item_can_be_visited_when_two_panels_show_one_session(trained, show):
    panel, _ = show(trained)
    show(trained)
    panel.visit(60)
    assert panel.state["current"] == 60


def seconds_told(panel):
    """The seconds beside the bar, once the training has told of a step."""
    while panel.session.progress is None:
        time.sleep(0.002)
    panel._push()
    return int(re.search(r"(\d+) s$", panel.progress["text"])[1])


def test_the_elapsed_time_is_that_of_a_training_started_by_a_cell(holding, show):
    holding.start()
    holding._began -= 600
    panel, _ = show(holding)
    assert seconds_told(panel) >= 600


def test_train_now_during_a_training_does_not_restart_the_clock(holding, show):
    panel, page = show(holding)
    page.send("train")
    holding._began -= 600
    page.send("train")
    assert seconds_told(panel) >= 600
