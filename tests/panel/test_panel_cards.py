"""What the panel shows of an item, and its options."""

import gc
import json
import sys

import numpy as np
import pytest

import uai_notebook as uai
from uai_notebook.widget.panel import KEYS, LabelPanel

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


@pytest.mark.parametrize("key", [" ", "Enter", "ArrowUp", "F2", "é", "T"])
def test_what_browsers_call_a_key_can_be_one(trained, show, key):
    panel, _ = show(trained, keys={"anomaly": key})
    assert panel.key_map["anomaly"] == [key.lower() if len(key) == 1 else key]


@pytest.mark.parametrize("key", [None, 5, "", ["Tab"], [""], [None], "space", "Ctrl+J", "ab"], ids=repr)
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
