"""What the page asks for under its folds, and notes."""

import re

import numpy as np
import pytest

import uai_notebook as uai
from uai_notebook.widget.folds import LISTED

BAD = '<img src=x onerror="alert(1)">'


def ask(page, kind, **content):
    """The HTML that comes for a question; None if nothing does."""
    said = reply(page, kind, **content)
    return said["html"] if said else None


def reply(page, kind, **content):
    """The message that comes for a question; None if nothing does."""
    page.came.clear()
    page.panel._receive(page.panel, {"kind": kind, "view": page.view, "key": "k", **content}, [])
    said = [message["content"] for message in page.came if message["method"] == "custom"]
    assert all(message["view"] == page.view and message["key"] == "k" for message in said)
    return said[0] if said else None


def test_why_an_item_is_shown_is_told_when_it_is_asked(show, trained):
    _, page = show(trained)
    assert "Base score" in ask(page, "why", index=int(trained.queue[0]))


def test_a_blind_panel_tells_why_only_after_the_answer(show, trained):
    _, page = show(trained, blind=True)
    item = int(trained.queue[0])
    assert "Base score" not in ask(page, "why", index=item)
    trained.label(item, uai.Label.NORMAL)
    assert "Base score" in ask(page, "why", index=item)


def test_the_outlook_is_told_before_and_after_the_first_model(show, trained, ds, make, numpy_learner):
    _, page = show(make(base=numpy_learner(ds)))
    assert "No model yet" in ask(page, "outlook")
    _, page = show(trained)
    assert uai.when_to_stop(trained).sentences[-1][:20] in ask(page, "outlook")


def test_the_outlook_has_a_line_with_its_round_once_there_are_enough_answers(show, ds, make):
    session = make(k=10)
    _, page = show(session)
    session.train()
    assert reply(page, "outlook")["line"] == ""
    session.label(session.queue, [1, 0] * 5)
    session.wait()  # the panel has begun the next training
    assert reply(page, "outlook")["line"] == f"round 2: {uai.when_to_stop(session).line}"


def test_the_outlook_shows_the_hits_of_the_last_rounds_and_what_came_of_chances_that_were_said(show, ds, make):
    session = make(k=10)
    for _ in range(7):
        session.train()
        session.label(session.queue, ds.y[session.queue])
    session.train()
    _, page = show(session)
    html = ask(page, "outlook")
    outlook = uai.when_to_stop(session)
    rows = [re.findall(r"<t[dh][^>]*>([^<]*)</t", row) for row in re.findall("<tr>(.*?)</tr>", html)]
    last = rows[1:6]
    assert [int(row[0]) for row in last] == [3, 4, 5, 6, 7]
    assert [int(row[2]) for row in last] == outlook.rounds["found"].tolist()[-5:]
    assert [float(row[3]) for row in last] == outlook.rounds["expected"].round(1).tolist()[-5:]
    assert [int(row[1]) for row in rows[7:]] == outlook.reliability["n"].tolist()
    assert [row[3] for row in rows[7:]] == [f"{came:.0%}" for came in outlook.reliability["came"]]


def test_a_closed_outlook_is_asked_again_by_round_and_not_by_answer(show, trained):
    _, page = show(trained)
    first = page.panel.state["model"]
    page.answer()
    assert page.panel.state["model"] == first
    trained.train()
    assert page.panel.state["model"] != first


def test_the_review_of_conflicts_says_who_says_what(show, trained):
    _, page = show(trained)
    trained.label([3, 5], [1, 1], annotator="Anna " + BAD)
    trained.label([3, 5], [1, 0], annotator="Ben")
    said = ask(page, "review", filter="conflicts", search="")
    assert 'data-index="3"' not in said
    assert "Anna &lt;img" in said
    assert "◆ Anomaly, Ben: ● Normal" in said
    assert "◆ Anomaly, Ben" not in ask(page, "review", filter="all", search="")


def test_the_review_lists_answers_by_filter_and_search(show, trained):
    _, page = show(trained)
    trained.label([3, 14, 15], [1, 0, -1])
    every = ask(page, "review", filter="all", search="")
    assert [every.index(f'data-index="{i}"') for i in (15, 14, 3)] == sorted(
        every.index(f'data-index="{i}"') for i in (15, 14, 3)
    )
    only = ask(page, "review", filter="anomalies", search="")
    assert 'data-index="3"' in only
    assert "Anomaly" in only
    assert 'data-index="14"' not in only
    assert 'data-index="3"' not in ask(page, "review", filter="all", search="1")


def test_a_long_review_says_how_many_there_are(show, numpy_learner):
    ds = uai.Dataset.from_arrays(np.random.default_rng(0).normal(size=(LISTED + 20, 2)))
    session = uai.ActiveSession(ds, base=numpy_learner(ds))
    session.label(np.arange(LISTED + 5), 0)
    _, page = show(session)
    said = ask(page, "review", filter="all", search="")
    assert f"{LISTED + 5} items, the first {LISTED} are listed" in said
    assert said.count("data-index") == LISTED


def test_a_note_is_journaled_shown_on_the_card_and_in_the_review_as_text(show, trained):
    panel, page = show(trained)
    item = int(trained.queue[0])
    page.send("note", index=item, text=BAD)
    assert trained.notes == {item: BAD}
    assert panel.cards[str(item)]["note"] == BAD  # the page sets it as a value, never as HTML
    said = ask(page, "review", filter="notes", search="")
    assert "&lt;img src=x" in said
    assert "<img src=x" not in said
    page.send("note", index=item, text="")
    assert trained.notes == {}


def test_every_new_label_note_and_model_is_a_reason_to_ask_again(show, trained):
    _, page = show(trained)
    stamps = [page.panel.state["stamp"]]
    page.answer()
    stamps.append(page.panel.state["stamp"])
    page.send("note", index=0, text="seen")
    stamps.append(page.panel.state["stamp"])
    page.send("undo")
    stamps.append(page.panel.state["stamp"])
    assert len(set(stamps)) == 4


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("why", {"index": -1}),
        ("why", {"index": 10**9}),
        ("why", {"index": "0"}),
        ("why", {}),
        ("review", {"filter": "nonsense"}),
        ("review", {"filter": BAD}),
        ("review", {"filter": ["all"]}),
        ("review", {"search": 3}),
        ("review", {"search": "x" * 201}),
    ],
)
def test_a_question_that_makes_no_sense_gets_a_sentence(show, trained, kind, content):
    _, page = show(trained)
    said = ask(page, kind, **content)
    assert "This could not be shown" in said
    assert "<img" not in said


@pytest.mark.parametrize("key", [None, 3, "k" * 1001, ["k"]])
def test_a_question_without_a_name_gets_no_answer(show, trained, key):
    _, page = show(trained)
    assert ask(page, "outlook", key=key) is None


@pytest.mark.parametrize("text", [None, 3, "x" * 10_001])
def test_a_note_that_is_none_changes_nothing_and_is_told(show, trained, text):
    _, page = show(trained)
    assert page.send("note", index=0, text=text)["message"]
    assert trained.notes == {}


def test_labels_whose_items_are_gone_are_in_the_status(tmp_path, show, numpy_learner):
    x = np.random.default_rng(0).normal(size=(9, 2))
    old, new = (uai.Dataset.from_arrays(x[:n], ids=[f"i{i}" for i in range(n)], name="d") for n in (9, 7))
    session = uai.ActiveSession.open(tmp_path / "s", old, base=numpy_learner(old), k=3)
    session.label([1, 7, 8], [1, 0, 0])
    session.close()
    with pytest.warns(UserWarning, match="2 are not in this data"):
        session = uai.ActiveSession.open(tmp_path / "s", new, base=numpy_learner(new), k=3)
    panel, _ = show(session)
    assert "2 labels not used: the data lack their items or have changed them" in panel.state["status"]


def test_a_save_that_failed_is_in_the_status(show, trained):
    panel, _ = show(trained)
    trained.save_problem = "model not saved: disk full"
    panel._push()
    assert panel.state["status"].endswith("model not saved: disk full")
