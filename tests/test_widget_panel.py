"""The click path without a browser: what the panel makes of messages, and what it tells the page."""

import errno
import gc
import json
import os
import sys
import threading
import time

import numpy as np
import pytest

import uai_notebook as uai
from uai_notebook.widget.panel import KEYS, LabelPanel

SECONDS = 20  # how long anything in here may take at most


class Page:
    """Stands for one view: it sends what panel.js sends, and keeps what comes."""

    def __init__(self, panel, view="v"):
        self.panel, self.view, self.seq, self.came = panel, view, 0, []
        panel._send = lambda message, buffers=None: self.came.append(message)

    def send(self, kind, **more):
        self.seq += 1
        content = {"kind": kind, "view": self.view, "seq": self.seq, "seen": self.panel.state["message_id"], **more}
        self.panel._receive(self.panel, content, [])
        return self.panel.state

    def answer(self, label=0):
        """Answer the item shown; the next open one is shown at once, as in panel.js."""
        state = self.panel.state
        shown = state["current"]
        open_items = [e["index"] for e in state["batch"] if e["label"] is None and e["index"] != shown]
        self.send("label", index=shown, label=label, next=next(iter(open_items), None))
        return shown

    @property
    def updates(self):
        return [message for message in self.came if message["method"] == "update"]


@pytest.fixture
def show():
    """A function that makes a panel and its page. Panels are closed at the end."""
    made = []

    def build(session, **options):
        made.append(LabelPanel(session, **options))
        return made[-1], Page(made[-1])

    yield build
    for panel in made:
        panel.session.cancel()
        panel.close()


@pytest.fixture
def trained(ds, make, numpy_learner):
    """A session with a first model and 5 candidates, whose trainings take no time."""
    session = make(base=numpy_learner(ds))
    session.train()
    return session


def wait_for(condition):
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.002)


def labels(session):
    return list(zip(*(column.tolist() for column in session.current_labels()), strict=True))


def settle():
    """Wait for the end of all trainings, and of what they tell the page."""
    wait_for(lambda: not any(thread.name == "uai_notebook training" for thread in threading.enumerate()))


def release(session):
    """Let a training that is held come to its end, with what it starts in turn."""
    session.learner.hold.clear()
    settle()


def journal_fails(monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)


# -- answers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", [1, 0, -1])
def test_a_label_message_is_a_label_of_the_session(trained, show, label):
    panel, page = show(trained)
    item = page.answer(label)
    assert labels(trained) == [(item, label)]
    assert {"index": item, "label": label} in panel.state["batch"]
    assert panel.state["acks"] == {"v": 1}
    assert panel.state["message"] == ""


def test_the_next_item_is_the_one_the_browser_has_already_drawn(trained, show):
    panel, page = show(trained)
    first, *_, last = trained.batch.tolist()
    page.send("label", index=first, label=0, next=last)
    assert panel.state["current"] == trained.on_screen == last


def test_without_a_next_item_the_best_open_one_is_shown(trained, show):
    panel, page = show(trained)
    first, second, *_ = trained.batch.tolist()
    page.send("label", index=first, label=0)
    assert panel.state["current"] == second


def test_a_late_click_answers_the_item_it_names(trained, show):
    panel, page = show(trained)
    first, second, third, *_ = trained.batch.tolist()
    panel.visit(third)  # the screen changed while the click was under way
    page.send("label", index=first, label=1, next=second)
    assert labels(trained) == [(first, 1)]


def test_a_late_click_on_an_item_of_the_last_round_answers_that_item(ds, make, numpy_learner, show):
    session = make(base=numpy_learner(ds), query=lambda snapshot, free, k, rng: free[snapshot.round * 40 :][:k])
    session.train()
    panel, page = show(session, train_every=100)
    old = session.batch[0]
    panel.visit(70)
    session.train()
    assert old not in session.batch
    page.send("label", index=int(old), label=1, next=70)
    assert labels(session) == [(old, 1)]
    assert session.labels["asked"].all()
    assert panel.state["current"] == 70


def test_an_answer_may_be_changed(trained, show):
    _panel, page = show(trained)
    item = page.answer(0)
    page.send("label", index=item, label=1, next=None)
    assert labels(trained) == [(item, 1)]


def test_undo_shows_the_item_again_and_redo_gives_the_answer_again(trained, show):
    panel, page = show(trained)
    item = page.answer(1)
    assert (panel.state["undo"], panel.state["redo"]) == (True, False)
    page.send("undo")
    assert trained.n_labels == 0
    assert panel.state["current"] == item
    assert (panel.state["undo"], panel.state["redo"]) == (False, True)
    page.send("redo")
    assert labels(trained) == [(item, 1)]
    assert panel.state["current"] != item


@pytest.mark.parametrize("kind", ["undo", "redo"])
def test_nothing_to_undo_or_redo_is_no_error(trained, show, kind):
    panel, page = show(trained)
    before = panel.state["current"]
    assert page.send(kind)["message"] == ""
    assert panel.state["current"] == before


def test_any_item_can_be_visited_and_labelled_and_spends_no_budget(trained, show):
    panel, page = show(trained)
    other = next(i for i in range(80) if i not in trained.batch)
    panel.visit(other)
    assert panel.state["current"] == other
    assert panel.state["batch"][0] == {"index": other, "label": None}
    assert str(other) in panel.cards
    page.answer(1)
    assert labels(trained) == [(other, 1)]
    assert trained.n_asked == 0
    assert panel.state["current"] in trained.batch
    assert other not in [entry["index"] for entry in panel.state["batch"]]


def test_undo_brings_a_visited_item_back_to_the_screen(trained, show):
    panel, page = show(trained)
    panel.visit(60)
    page.answer(1)
    page.send("undo")
    assert panel.state["current"] == 60


def test_show_moves_inside_the_batch_and_labels_nothing(trained, show):
    _panel, page = show(trained)
    last = int(trained.batch[-1])
    assert page.send("show", index=last)["current"] == last
    assert trained.n_labels == 0


def test_acknowledgements_are_kept_for_each_view(trained, show):
    panel, page = show(trained, train_every=100)
    other = Page(panel, "w")
    page.answer()
    page.answer()
    other.answer()
    assert panel.state["acks"] == {"v": 2, "w": 1}


def test_acknowledgements_of_old_views_are_forgotten(trained, show):
    panel, _ = show(trained)
    for number in range(50):
        Page(panel, f"view{number}").send("show", index=0)
    assert len(panel.state["acks"]) <= 20
    assert panel.state["acks"]["view49"] == 1


def test_export_sends_the_labels_as_csv_to_the_view_that_asked(trained, show):
    _panel, page = show(trained)
    item = page.answer(1)
    page.came.clear()
    page.send("export")
    (message,) = [m["content"] for m in page.came if m["method"] == "custom"]
    assert (message["kind"], message["view"], message["name"]) == ("file", "v", "tiny_labels.csv")
    head, row = message["text"].splitlines()
    assert head.startswith("index,id,label,asked")
    assert row.startswith(f"{item},{item},1,True")


def test_the_name_of_an_exported_file_is_no_path(make, show, numpy_learner):
    data = uai.Dataset.from_arrays(np.eye(6), name="../../etc/a b")
    _panel, page = show(make(ds=data, base=numpy_learner(data)))
    page.send("export")
    assert page.came[0]["content"]["name"] == "______etc_a_b_labels.csv"


def test_ready_calls_what_waits_for_the_first_paint_once(trained, show):
    panel, page = show(trained)
    calls = []
    panel.on_painted(lambda: calls.append(1))
    page.send("ready")
    page.send("ready")
    assert calls == [1]


# -- untrusted messages ----------------------------------------------------------------------------------------------

BAD_LABELS = [
    {"index": 80},
    {"index": -1},
    {"index": 10**30},
    {"index": True},
    {"index": 1.0},
    {"index": "1"},
    {"index": None},
    {"index": [1, 2]},
    {"index": {"a": 1}},
    {"label": 7},
    {"label": -2},
    {"label": True},
    {"label": 1.0},
    {"label": "1"},
    {"label": None},
    {"label": [1]},
    {"label": float("nan")},
    {"next": 80},
    {"next": True},
    {"next": "x"},
    {"next": [1]},
]


@pytest.mark.parametrize("bad", BAD_LABELS, ids=str)
def test_a_label_message_that_does_not_fit_is_refused_in_words_and_labels_nothing(make, show, tmp_path, bad):
    session = make(path=tmp_path / "s")
    journal = (tmp_path / "s" / "labels.jsonl").read_bytes()
    _panel, page = show(session)
    state = page.send("label", **{"index": 1, "label": 1, "next": 2, **bad})
    assert "expected" in state["message"]
    assert session.n_labels == 0
    assert (tmp_path / "s" / "labels.jsonl").read_bytes() == journal
    assert state["acks"] == {"v": 1}  # the page may not wait for ever
    assert page.send("label", index=1, label=1, next=None)["message"] == ""
    assert labels(session) == [(1, 1)]


@pytest.mark.parametrize("missing", ["index", "label"])
def test_a_label_message_with_a_part_missing_is_refused(trained, show, missing):
    _panel, page = show(trained)
    content = {"index": 1, "label": 1}
    del content[missing]
    assert page.send("label", **content)["message"]
    assert trained.n_labels == 0


@pytest.mark.parametrize("index", [80, -1, True, 1.5, "1", None])
def test_a_show_message_that_does_not_fit_leaves_the_screen_as_it_is(trained, show, index):
    panel, page = show(trained)
    before = panel.state["current"]
    state = page.send("show", index=index)
    assert "expected" in state["message"]
    assert state["current"] == before


@pytest.mark.parametrize(
    "content",
    [
        None,
        "label",
        [1],
        {},
        {"kind": None},
        {"kind": ["label"]},
        {"kind": "_push"},
        {"kind": "__class__"},
        {"kind": "label", "index": 1, "label": 1},
        {"kind": "label", "view": 3, "seq": 1, "index": 1, "label": 1},
        {"kind": "label", "view": "v", "seq": "1", "index": 1, "label": 1},
        {"kind": "label", "view": "v", "seq": True, "index": 1, "label": 1},
        {"kind": "label", "view": "v", "seq": 1.5, "index": 1, "label": 1},
    ],
    ids=str,
)
def test_a_message_of_another_form_does_nothing(trained, show, content):
    panel, _ = show(trained)
    panel._receive(panel, content, [])
    assert trained.n_labels == 0
    assert panel.state["acks"] == {}


def test_the_name_of_a_view_cannot_grow_the_state(trained, show):
    panel, _ = show(trained)
    Page(panel, "x" * 1_000_000).send("undo")
    assert len(json.dumps(panel.state)) < 20_000


@pytest.mark.parametrize("part", ["index", "label", "next"])
def test_a_huge_string_is_refused_in_few_words(trained, show, part):
    _panel, page = show(trained)
    state = page.send("label", **{"index": 1, "label": 1, "next": 2, part: "x" * 1_000_000})
    assert trained.n_labels == 0
    assert 0 < len(state["message"] + state["details"]) < 20_000


@pytest.mark.parametrize("index", [80, -1, 10**6])
def test_an_item_that_is_not_there_cannot_be_visited(trained, show, index):
    panel, page = show(trained)
    before = panel.state["current"]
    with pytest.raises(IndexError, match="expected 0 to 79"):
        panel.visit(index)
    assert page.send("undo")["current"] == before


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


def test_answers_given_during_a_round_start_the_next_one(holding, show):
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


def test_the_item_on_screen_survives_a_new_snapshot(holding, show):
    panel, page = show(holding)
    for _ in range(7):
        page.answer(1)
    shown = panel.state["current"]
    release(holding)
    assert holding.round == 1
    assert panel.state["current"] == shown


def test_a_visited_item_survives_a_new_snapshot(holding, show):
    panel, page = show(holding)
    for _ in range(5):
        page.answer()
    panel.visit(70)
    release(holding)
    assert panel.state["current"] == 70


def test_an_answered_item_on_screen_survives_a_new_snapshot(holding, show):
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


def test_continue_raises_the_budget_by_k_and_goes_on(ds, make, numpy_learner, show):
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


def test_train_now_trains_on_what_there_is(holding, show):
    _panel, page = show(holding)
    page.answer(1)
    assert page.send("train")["phase"] == "training"
    release(holding)
    assert holding.snapshot.n_labels == 1


def test_cancel_ends_the_training_keeps_the_labels_and_pauses(holding, show):
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


def test_an_error_is_not_taken_away_by_a_click_that_was_under_way(make, show, tmp_path, monkeypatch):
    session = make(path=tmp_path / "s")
    session.train()
    panel, page = show(session)
    first, second, third, *_ = session.batch.tolist()
    with monkeypatch.context() as patch:
        journal_fails(patch)
        page.send("label", index=first, label=1, next=second)
    page.send("label", index=second, label=0, next=third, seen=0)  # sent before the answer to the first could come
    assert first not in session.store
    assert "NOT saved" in panel.state["message"] or panel.state["current"] == first


def test_a_cancel_that_comes_too_late_does_nothing(trained, show):
    _panel, page = show(trained)
    assert not page.send("cancel")["paused"]


def test_a_failed_training_is_said_and_retry_starts_it_again(trained, show):
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


def test_after_a_failure_nothing_trains_until_a_person_says_so(trained, show):
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


def test_a_panel_of_a_session_whose_batch_is_answered_has_a_candidate_or_trains(trained, show):
    trained.label(trained.queue, 0)
    panel, _ = show(trained)
    settle()
    assert panel.state["current"] is not None


def test_a_snapshot_that_comes_while_the_panel_is_made_is_not_missed(holding, show):
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


def test_the_elapsed_time_is_that_of_a_training_started_by_a_cell(holding, show):
    holding.start()
    holding._began -= 600
    panel, _ = show(holding)
    assert "600 s" in panel.progress["text"]


def test_train_now_during_a_training_does_not_restart_the_clock(holding, show):
    panel, page = show(holding)
    page.send("train")
    holding._began -= 600
    page.send("train")
    assert "600 s" in panel.progress["text"]


# -- blind, keys, options --------------------------------------------------------------------------------------------


def test_blind_hides_the_scores_of_an_item_until_it_is_answered(trained, show):
    panel, page = show(trained, blind=True)
    assert all(card["why"] == [] for card in panel.cards.values())
    item = page.answer()
    assert panel.cards[str(item)]["why"][0].startswith("base score ")
    assert [i for i, card in panel.cards.items() if card["why"]] == [str(item)]
    page.send("undo")
    assert panel.cards[str(item)]["why"] == []


def test_the_scores_are_shown_where_nothing_is_blind(trained, show):
    panel, _ = show(trained)
    assert all(card["why"] for card in panel.cards.values())


def test_keys_of_single_actions_can_be_replaced(trained, show):
    panel, _ = show(trained, keys={"anomaly": ["j"], "redo": "r"})
    assert panel.key_map["anomaly"] == ["j"]
    assert panel.key_map["redo"] == ["r"]
    assert panel.key_map["normal"] == list(KEYS["normal"])


@pytest.mark.parametrize("keys", [{"anomaly": ["n"]}, {"anomaly": ["N"]}, {"anomaly": "j", "normal": "j"}])
def test_a_key_that_would_do_two_things_is_refused(trained, keys):
    with pytest.raises(ValueError, match="would do two things"):
        LabelPanel(trained, keys=keys)


def test_an_unknown_action_is_refused_by_name(trained):
    with pytest.raises(ValueError, match="no action anomalie: expected some of anomaly, normal"):
        LabelPanel(trained, keys={"anomalie": ["j"]})


def test_a_key_given_as_a_capital_is_the_key(trained, show):
    panel, _ = show(trained, keys={"anomaly": ["J"]})
    assert panel.key_map["anomaly"] == ["j"]


@pytest.mark.parametrize("key", [None, 5, "", ["Tab"], [""], [None]], ids=repr)
def test_what_is_no_key_is_refused_in_words(trained, key):
    with pytest.raises((ValueError, TypeError), match="anomaly"):
        LabelPanel(trained, keys={"anomaly": key})


@pytest.mark.parametrize("train_every", [0, -1, True, 2.0, "5"])
def test_a_train_every_that_is_no_count_is_refused(trained, train_every):
    with pytest.raises(ValueError, match="train_every"):
        LabelPanel(trained, train_every=train_every)


@pytest.mark.parametrize("options", [{"keys": {"x": "y"}}, {"train_every": 0}], ids=str)
def test_a_panel_that_could_not_be_made_leaves_no_trace(trained, monkeypatch, options):
    ignored = []
    monkeypatch.setattr(sys, "unraisablehook", lambda problem: ignored.append(problem.exc_value))
    observers = len(trained._observers)
    with pytest.raises(ValueError):
        LabelPanel(trained, **options)
    gc.collect()
    assert ignored == []
    assert len(trained._observers) == observers


# -- messages to the page --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["undo", "pause", "show", "label", "train", "nonsense in a known form"])
def test_one_event_is_one_message(holding, show, kind):
    _panel, page = show(holding)
    page.answer()
    page.came.clear()
    if kind.startswith("nonsense"):
        page.send("label", index=7000, label=1)
    elif kind in ("show", "label"):
        a, b = holding.queue[-2:].tolist()
        page.send(kind, index=a, label=0, next=b)
    else:
        page.send(kind)
    # A training that runs tells its progress besides, at most twice a second.
    states = [message for message in page.came if message.get("state", {}).keys() != {"progress"}]
    assert len(states) == 1
    assert "state" in states[0]["state"]


def test_the_answer_that_starts_a_training_is_acknowledged_first(holding, show):
    panel, page = show(holding)
    for _ in range(4):
        page.answer()
    page.came.clear()
    item = page.answer()
    assert holding.training
    first, second = (m["state"] for m in page.updates if m["state"].keys() != {"progress"})
    assert {"index": item, "label": 0} in first["state"]["batch"]
    assert first["state"]["acks"] == {"v": 5}
    assert second["state"]["phase"] == panel.state["phase"] == "training"


def test_a_visit_is_one_message(trained, show):
    panel, page = show(trained)
    panel.visit(60)
    assert len(page.came) == 1


def test_a_message_of_the_state_can_be_sent(trained, show):
    _panel, page = show(trained)
    page.answer(-1)
    json.dumps(page.came[-1], allow_nan=False)


def test_nothing_is_sent_after_close(trained, show):
    panel, page = show(trained)
    panel.close()
    page.came.clear()
    trained.label(1, 1)
    assert page.came == []
    assert trained._observers == []


def test_a_full_disk_is_said_and_the_answer_is_not_shown_as_given(make, show, tmp_path, monkeypatch):
    session = make(path=tmp_path / "s")
    session.train()
    panel, page = show(session)
    before = panel.state["current"]
    with monkeypatch.context() as patch:
        journal_fails(patch)
        item = page.answer(1)
    assert item == before
    assert "NOT saved: No space left on device" in panel.state["message"]
    assert {"index": item, "label": None} in panel.state["batch"]
    assert panel.state["current"] == item
    assert panel.state["acks"] == {"v": 1}
    assert session.n_labels == 0
    page.answer(1)
    assert panel.state["message"] == ""
    assert labels(session) == [(item, 1)]


@pytest.mark.parametrize("kind", ["undo", "redo"])
def test_an_undo_that_cannot_be_journaled_did_not_happen(make, show, tmp_path, monkeypatch, kind):
    session = make(path=tmp_path / "s")
    session.train()
    panel, page = show(session)
    page.answer(1)
    if kind == "redo":
        page.send("undo")
    before = labels(session)
    with monkeypatch.context() as patch:
        journal_fails(patch)
        page.send(kind)
    assert "NOT saved" in panel.state["message"]
    assert labels(session) == before


def test_an_answer_is_in_the_journal_before_it_is_shown_as_given(make, show, tmp_path):
    session = make(path=tmp_path / "s")
    session.train()
    panel, page = show(session)
    item = panel.state["current"]
    on_disk = []

    def send(message, buffers=None):
        given = {"index": item, "label": 1} in message["state"].get("state", {}).get("batch", [])
        if given:
            on_disk.append(b'"op":"label"' in (tmp_path / "s" / "labels.jsonl").read_bytes())

    panel._send = send
    page.answer(1)
    assert on_disk == [True]


# -- threads ---------------------------------------------------------------------------------------------------------


def test_clicks_of_two_threads_and_a_training_at_once_end_in_the_last_state(ds, make, numpy_learner, show):
    session = make(base=numpy_learner(ds, steps=20), k=5)
    session.train()
    panel, page = show(session, train_every=2)
    problems = []

    def click(view, items):
        try:
            for seq, item in enumerate(items, start=1):
                content = {"kind": "label", "view": view, "seq": seq, "index": item, "label": item % 2, "next": None}
                panel._receive(panel, content, [])
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=click, args=(v, range(s, 60, 2)), daemon=True) for v, s in (("a", 0), ("b", 1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert not any(thread.is_alive() for thread in threads), "deadlock"
    settle()
    assert problems == []
    assert sorted(labels(session)) == [(i, i % 2) for i in range(60)]
    assert panel.state == panel._state()
    assert panel.state["acks"] == {"a": 30, "b": 30}
    last = {}
    for message in page.updates:
        last.update(message["state"])
    assert last["state"] == panel.state
    assert last["progress"] == panel.progress
    assert not panel.progress["on"]


def test_a_click_does_not_wait_for_a_training(holding, show):
    _panel, page = show(holding)
    page.send("train")
    assert holding.learner.entered.wait(SECONDS)
    began = time.monotonic()
    page.answer(1)
    assert time.monotonic() - began < 2
    assert holding.training


@pytest.mark.timeout(60)
def test_who_observes_the_state_may_use_the_panel(trained, show):
    panel, page = show(trained)
    panel.observe(lambda change: panel.visit(60) if change["new"]["current"] != 60 else None, "state")
    thread = threading.Thread(target=page.answer, daemon=True)
    thread.start()
    thread.join(3)
    assert not thread.is_alive()


# -- what is shown of an item ----------------------------------------------------------------------------------------

EVIL = "<img src=x onerror=alert(1)>"


class Rich:
    def _repr_html_(self):
        return "<b>bold</b>"


def test_text_of_a_renderer_is_text(trained, show):
    panel, _ = show(trained, renderer=lambda item: EVIL)
    for card in panel.cards.values():
        assert "<img" not in card["html"] + card["thumb"]
        assert "&lt;img" in card["html"]


def test_html_of_a_renderer_is_html(trained, show):
    panel, _ = show(trained, renderer=lambda item: Rich())
    assert all("<b>bold</b>" in card["html"] for card in panel.cards.values())


def test_a_renderer_that_fails_is_said_on_the_card_and_labeling_goes_on(trained, show):
    panel, page = show(trained, renderer=lambda item: 1 / 0)
    assert "ZeroDivisionError" in panel.cards[str(panel.state["current"])]["html"]
    page.answer(1)
    assert trained.n_labels == 1


def test_names_of_items_and_classes_stand_only_where_text_stands(make, show, numpy_learner):
    data = uai.Dataset.from_arrays(
        np.random.default_rng(0).normal(size=(8, 3)),
        ids=[EVIL + str(i) for i in range(8)],
        x_y=[EVIL + "ab"[i % 2] for i in range(8)],
        items=[EVIL] * 8,
    )
    session = make(ds=data, base=numpy_learner(data))
    session.train()
    panel, _ = show(session)
    assert len(panel.cards) == 5
    for card in panel.cards.values():
        assert EVIL in card["title"]  # drawn with textContent
        assert "<img src=x" not in card["html"] + card["thumb"]


def test_an_id_that_is_no_text_can_be_sent(make, show, numpy_learner):
    data = uai.Dataset.from_arrays(np.eye(6), ids=["a\ud800"] + [str(i) for i in range(5)])
    session = make(ds=data, base=numpy_learner(data))
    panel, _ = show(session)
    panel.visit(0)
    json.dumps(panel.cards, ensure_ascii=False).encode()


def test_a_card_is_drawn_once(trained, show):
    calls = []

    def renderer(item):
        calls.append(1)
        return "text"

    _panel, page = show(trained, renderer=renderer)
    drawn = len(calls)
    page.answer()
    page.send("undo")
    assert len(calls) == drawn


def test_quick_answers_that_come_in_two_threads_the_wrong_way_round_keep_their_order(trained, show):
    panel, _ = show(trained)
    first, second = trained.queue[:2].tolist()

    def message(seq, index):
        return {"kind": "label", "view": "v", "seq": seq, "index": index, "label": 0, "next": None}

    late = threading.Thread(target=panel._receive, args=(panel, message(2, second), []))
    late.start()
    time.sleep(0.05)
    panel._receive(panel, message(1, first), [])
    late.join(SECONDS)
    assert labels(trained) == [(first, 0), (second, 0)]
    assert panel.state["acks"] == {"v": 2}
