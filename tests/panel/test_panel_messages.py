"""What the panel tells the page, when the disk is full and with several threads."""

import errno
import json
import os
import threading
import time

import pytest

SECONDS = 60  # how long anything in here may take at most


def journal_fails(monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)


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
    assert not len(trained._observers)


# -- a disk that fails -------------------------------------------------------------------------------------------------


def test_a_full_disk_is_said_and_the_answer_is_not_shown_as_given(make, show, tmp_path, monkeypatch, labels):
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
def test_an_undo_that_cannot_be_journaled_did_not_happen(make, show, tmp_path, monkeypatch, kind, labels):
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


# -- threads ---------------------------------------------------------------------------------------------------------


def test_clicks_of_two_threads_and_a_training_at_once_end_in_the_last_state(
    ds, make, numpy_learner, show, labels, settle
):
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
    page.answer(1)  # the training is held until it is told to go on
    assert holding.training


@pytest.mark.timeout(120)
def test_who_observes_the_state_may_use_the_panel(trained, show):
    panel, page = show(trained)
    panel.observe(lambda change: panel.visit(60) if change["new"]["current"] != 60 else None, "state")
    thread = threading.Thread(target=page.answer, daemon=True)
    thread.start()
    thread.join(SECONDS)
    assert not thread.is_alive()


def test_quick_answers_that_come_in_two_threads_the_wrong_way_round_keep_their_order(
    trained, show, labels, monkeypatch
):
    monkeypatch.setattr("uai_notebook.widget.panel._ORDER_SECONDS", SECONDS)  # on a busy machine, too
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
