"""The item under the pointer, and what a person who labels blind may see."""

import json

import pytest

import uai_notebook as uai


def ask(page, index, view="a"):
    page.say({"kind": "preview", "view": view, "index": index})
    taken, page.messages = page.messages, []
    return [content for content, _ in taken]


def test_a_preview_goes_to_the_view_that_asks(show, new_session):
    _, page = show(new_session(), preview=lambda index: f"<b>{index}</b>")
    assert page.ready()[0][0]["options"]["preview"] is True
    assert ask(page, 7) == [{"kind": "preview", "view": "a", "index": 7, "html": "<b>7</b>"}]


@pytest.mark.parametrize("index", [-1, 60, True, 2.0, "1", None, [1]])
def test_no_preview_of_what_is_no_item(show, new_session, index):
    _, page = show(new_session(), preview=str)
    page.ready()
    assert ask(page, index) == []


def test_no_preview_for_unknown_views_or_without_a_renderer(show, new_session):
    _, page = show(new_session(), preview=str)
    assert ask(page, 1) == []
    _, page = show(new_session())
    assert page.ready()[0][0]["options"]["preview"] is False
    assert ask(page, 1) == []


def test_a_blind_scatter_says_so_and_rings_nothing(show, new_session):
    session = new_session()
    session.train()
    _, page = show(session, blind=True)
    content, _ = page.ready()[0]
    assert content["options"]["blind"] is True
    assert content["candidates"] == {"queue": [], "current": None}
    assert content["options"]["colors"] == []  # truth is not offered


def test_the_explorer_shows_what_its_panel_shows(ds, make, numpy_learner, show):
    session = make(base=numpy_learner(ds))
    session.train()
    explorer = uai.Explorer(session, renderer=lambda item: "<script>text</script>", train_every=1000)
    try:
        page = show.page(explorer.scatter)
        page.ready()
        (reply,) = ask(page, 66)
        assert "&lt;script&gt;" in reply["html"]
        json.dumps(reply)
    finally:
        explorer.close()
