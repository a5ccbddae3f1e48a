"""What the panel says, word for word."""

import re
from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pytest

import uai_notebook as uai
from uai_notebook.snapshot import Snapshot
from uai_notebook.training import Progress
from uai_notebook.widget.status import (
    Cards,
    Ranks,
    card_title,
    done_line,
    error_details,
    progress_state,
    status_line,
    waiting_line,
)


@pytest.fixture
def trained(ds, make, numpy_learner):
    """A session with a first model."""
    session = make(base=numpy_learner(ds), budget=20)
    session.train()
    return session


def session_of(**parts):
    """As much of a session as the words need."""
    return SimpleNamespace(**parts)


def test_the_status_line_is_the_one_of_the_design():
    counts = {uai.Label.ANOMALY: 6, uai.Label.NORMAL: 38, uai.Label.UNSURE: 3}
    saved = datetime(2026, 1, 2, 12, 3, 11, tzinfo=UTC)
    store = type("Store", (SimpleNamespace,), {"__len__": lambda s: 47})(counts=lambda: counts, saved_at=saved)
    session = session_of(
        store=store,
        round=4,
        budget=200,
        n_asked=47,
        path="runs/demo",
        snapshot=session_of(n_labels=40),
        unmatched={},
        save_problem="",
    )
    assert status_line(session) == (
        "Round 5 · 47 labeled (6 anomalies, 3 unsure) · budget 47 of 200 · model trained on 40 of 44 · saved 12:03:11"
    )


def test_a_new_session_in_memory_is_round_0_and_not_saved(ds, make, numpy_learner):
    assert status_line(make(base=numpy_learner(ds))) == "Round 0 · 0 labeled (0 anomalies) · not saved"


def test_one_anomaly_is_one_anomaly_and_unsure_is_told_only_if_there_is_one(trained):
    trained.label(trained.queue[:1], 1)
    assert status_line(trained) == (
        "Round 1 · 1 labeled (1 anomaly) · budget 1 of 20 · model trained on 0 of 1 · not saved"
    )
    trained.label(trained.queue[:1], -1)
    assert "2 labeled (1 anomaly, 1 unsure) · budget 2 of 20 · model trained on 0 of 1" in status_line(trained)


def test_the_round_is_the_one_being_labelled(trained):
    trained.label(trained.queue, 0)
    trained.train()
    assert status_line(trained).startswith("Round 2 · 5 labeled")


def test_a_session_in_a_folder_says_when_it_was_saved(make, tmp_path):
    session = make(path=tmp_path / "s")
    session.label(1, 1)
    assert re.search(r" · saved \d\d:\d\d:\d\d$", status_line(session))
    assert f"{session.store.saved_at:%H:%M:%S}" in status_line(session)


def test_the_done_line_says_what_was_found_with_the_budget(ds, make, numpy_learner):
    session = make(base=numpy_learner(ds), budget=5)
    session.train()
    assert done_line(session) == ""
    session.label(session.queue, [1, 1, 0, 0, -1])
    assert done_line(session) == "Budget of 5 used: 2 anomalies found"


def test_the_done_line_says_that_nothing_is_left(make, numpy_learner):
    data = uai.Dataset.from_arrays(np.eye(6))
    session = make(ds=data, base=numpy_learner(data))
    session.train()
    session.label(range(6), 0)
    assert done_line(session) == "All 6 items are labeled: 0 anomalies found"


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"closed": "It was closed."}, "It was closed."),
        ({"training": True}, "Training the first model: candidates appear when it is done."),
        ({}, "No model yet: press Train now."),
        ({"phase": "failed"}, "No model yet: press Train now."),
        ({"snapshot": 1, "training": True}, "Training: the next candidates appear when it is done."),
        ({"snapshot": 1}, "No candidate is waiting."),
    ],
)
def test_the_place_of_a_candidate_says_what_is_waited_for(state, words):
    session = session_of(**{"closed": "", "snapshot": None, "training": False, "phase": "new", **state})
    assert waiting_line(session) == words


def test_a_panel_that_nothing_starts_says_what_to_press(ds, make, numpy_learner):
    assert waiting_line(make(base=numpy_learner(ds))) == "No model yet: press Train now."


@pytest.mark.parametrize(
    ("progress", "expected"),
    [
        (None, (0, 1, "Training starts")),
        (Progress(40, 100, 0.12345), (40, 100, "Training: step 40 of 100 · loss 0.123 · 3 s")),
        (Progress(40, 100, float("nan")), (40, 100, "Training: step 40 of 100 · 3 s")),
        (Progress(100, 100, 0.1), (100, 100, "Scoring all items · 3 s")),
    ],
)
def test_the_training_bar_is_determinate_and_named(progress, expected):
    state = progress_state(session_of(training=True, progress=progress, training_seconds=3.2))
    assert (state["step"], state["of"], state["text"]) == expected
    assert state["on"]


def test_without_a_training_there_is_no_bar():
    state = progress_state(session_of(training=False, progress=Progress(3, 5, 0.1), training_seconds=0.0))
    assert state == {"on": False, "step": 0, "of": 1, "text": ""}


def test_the_details_of_an_error_are_its_traceback_and_not_too_long():
    try:
        raise ValueError("the end of it " + "x" * 10_000 + " really")
    except ValueError as error:
        details = error_details(error)
    assert details.rstrip().endswith("really")
    assert len(details) <= 6000


def test_a_card_is_named_by_its_id_and_given_class():
    plain = uai.Dataset.from_arrays(np.eye(3), ids=["a", "b", "c"])
    assert card_title(plain, 1) == "Item b"
    classed = uai.Dataset.from_arrays(np.eye(3), x_y=["cat", "dog", "cat"])
    assert card_title(classed, 1) == "Item 1 · labelled as dog"


def test_ranks_count_from_1_at_the_top_and_ties_share_the_best():
    ranks = Ranks()
    snapshot = Snapshot(np.float32([5, 1, 5, 9]))
    assert ranks.lines(snapshot, 3)[0] == "base score 9 (rank 1 of 4)"
    assert ranks.lines(snapshot, 0)[0] == ranks.lines(snapshot, 2)[0] == "base score 5 (rank 2 of 4)"
    assert ranks.lines(snapshot, 1)[0] == "base score 1 (rank 4 of 4)"


def test_without_a_uai_score_the_card_says_what_it_needs():
    assert Ranks().lines(Snapshot(np.float32([1, 2])), 0)[1] == "UAI not trained yet: needs one of each"


def test_a_learner_that_is_no_uai_network_is_not_said_to_need_anything():
    snapshot = Snapshot(np.float32([1, 2]), probability=False)
    assert Ranks().lines(snapshot, 0)[1] == "no score learned from labels"


@pytest.mark.parametrize(("probability", "name"), [(True, "UAI probability 0.881"), (False, "learned score 2.000")])
def test_only_a_probability_is_called_one(probability, name):
    snapshot = Snapshot(np.float32([1, 2]), None, np.float32([2, -2]), probability=probability)
    assert Ranks().lines(snapshot, 0)[1] == f"{name} (rank 1 of 2)"


def test_before_the_first_model_a_card_gives_no_reason():
    assert Ranks().lines(None, 0) == []


def test_ranks_follow_the_snapshot():
    ranks = Ranks()
    ranks.lines(Snapshot(np.float32([1, 2])), 0)
    assert ranks.lines(Snapshot(np.float32([3, 2])), 0) == [
        "base score 3 (rank 1 of 2)",
        "UAI not trained yet: needs one of each",
    ]


def test_pictures_of_only_so_many_cards_are_kept(trained):
    cards = Cards(trained, keep=3)
    for index in range(10):
        cards[index]
    assert sorted(cards._pictures) == [7, 8, 9]
