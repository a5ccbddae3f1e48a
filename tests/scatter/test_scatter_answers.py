"""Answers for many items at once: from a message of the page to one line of the journal."""

import json

import numpy as np
import pytest

import uai_notebook as uai


def answer(page, items, label=1, selection=1, view="a", buffers=None):
    """What the page sends when a person answers a selection; returns the messages that come back."""
    data = [memoryview(np.asarray(items, "<i4").tobytes())] if buffers is None else buffers
    page.scatter._handle_custom_msg({"kind": "label", "view": view, "selection": selection, "label": label}, data)
    taken, page.messages = page.messages, []
    return [content for content, _ in taken]


@pytest.fixture
def ready(show, new_session):
    """A scatter that somebody listens to, its page, and what the listener got."""
    scatter, page = show(new_session())
    heard = []
    scatter.on_label(lambda items, label: heard.append((items.tolist(), label)))
    page.ready()
    return scatter, page, heard


@pytest.mark.parametrize("label", [1, 0, -1])
def test_a_selection_is_one_call_and_one_reply_to_its_view(ready, label):
    _, page, heard = ready
    assert answer(page, [5, 3, 59], label) == [
        {"kind": "labeled", "view": "a", "selection": 1, "ok": True, "text": ""},
    ]
    assert heard == [([5, 3, 59], label)]


def test_a_selection_counts_once(ready):
    _, page, heard = ready
    answer(page, [1, 2], selection=4)
    assert answer(page, [1, 2], selection=4) == []
    assert answer(page, [7], selection=3) == []
    answer(page, [9], selection=5)
    assert heard == [([1, 2], 1), ([9], 1)]


def test_views_number_their_selections_apart(ready):
    _, page, heard = ready
    page.ready("b")
    answer(page, [1], selection=1)
    answer(page, [2], selection=1, view="b")
    assert len(heard) == 2


@pytest.mark.parametrize(
    ("items", "options"),
    [
        ([60], {}),
        ([-1], {}),
        ([1, 1], {}),
        ([], {}),
        (np.arange(61), {}),
        ([1], {"label": 2}),
        ([1], {"label": True}),
        ([1], {"label": "1"}),
        ([1], {"label": None}),
        ([1], {"selection": "1"}),
        ([1], {"selection": None}),
        ([1], {"selection": 0}),
        ([1], {"view": "other"}),
        ([1], {"view": None}),
        ([1], {"view": ["a"]}),
        ([1], {"buffers": []}),
        ([1], {"buffers": [b"\0\0\0"]}),
        ([1], {"buffers": [b"\0\0\0\0", b"\0\0\0\0"]}),
        ([1], {"buffers": [[1]]}),
    ],
)
def test_answers_that_do_not_fit_are_dropped(ready, items, options):
    _, page, heard = ready
    assert answer(page, items, **options) == []
    assert heard == []


def test_the_page_is_told_what_went_wrong_and_the_others_still_hear(ready, caplog):
    scatter, page, heard = ready
    scatter.on_label(lambda items, label: 1 / 0)
    page.messages.clear()
    (reply,) = answer(page, [3])
    assert not reply["ok"]
    assert reply["text"] == "ZeroDivisionError: division by zero"
    assert heard == [([3], 1)]
    assert "on_label callback failed for 1 items" in caplog.text


def test_a_lasso_is_offered_while_somebody_takes_the_answers(show, new_session):
    scatter, page = show(new_session())
    assert page.ready()[0][0]["options"]["label"] is False
    remove = scatter.on_label(lambda items, label: None)
    assert page.messages.pop()[0]["options"]["label"] is True
    remove()
    assert page.messages.pop()[0]["options"]["label"] is False
    remove()  # once more does no harm
    assert page.messages == []


# -- in an Explorer ----------------------------------------------------------------------------------------------------


@pytest.fixture
def explorer(ds, make, numpy_learner, tmp_path):
    """An Explorer of a saved session with a first model."""
    session = make(base=numpy_learner(ds), path=tmp_path / "session")
    session.train()
    explorer = uai.Explorer(session, train_every=1000)
    yield explorer
    explorer.close()


@pytest.fixture
def page_of(show):
    """A function that gives the page of a scatter."""
    return show.page


def test_a_lasso_is_one_line_of_the_journal_and_one_step_of_undo(explorer, page_of, tmp_path):
    session, page = explorer.session, page_of(explorer.scatter)
    page.ready()
    items = [int(session.on_screen), 70, 71, 72]
    (*_, reply) = answer(page, items, label=0)
    assert reply["ok"]
    assert session.labels["index"].tolist() == items
    assert explorer.panel.state["current"] not in items  # what was answered leaves the screen
    lines = [json.loads(line) for line in (tmp_path / "session" / "labels.jsonl").read_text().splitlines()]
    assert [line["label"] for line in lines if line.get("op") == "label"] == [[0, 0, 0, 0]]
    session.undo()
    assert len(session.labels) == 0


def test_what_a_session_refuses_stands_in_the_panel_and_in_the_reply(explorer, page_of):
    explorer.session.close("This cell was run again.")
    page = page_of(explorer.scatter)
    page.ready()
    reply = answer(page, [3])[-1]
    assert "This cell was run again." in reply["text"]
    assert "This cell was run again." in explorer.panel.state["message"]


def test_label_many_raises_what_it_shows(explorer):
    with pytest.raises(IndexError):
        explorer.panel.label_many([80], 1)
    assert explorer.panel.state["message"].startswith("IndexError")
    assert len(explorer.session.labels) == 0


def test_enough_answers_of_a_lasso_start_a_training(explorer, page_of):
    explorer.panel.train_every = 3
    page = page_of(explorer.scatter)
    page.ready()
    answer(page, [3, 4, 70])
    explorer.session.wait()
    assert explorer.session.round == 1
