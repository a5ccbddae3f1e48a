"""Messages of the page become answers of the session, or are refused in words."""

import csv
import json

import numpy as np
import pytest

import uai_notebook as uai

# -- answers ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("label", [1, 0, -1])
def test_a_label_message_is_a_label_of_the_session(trained, show, label, labels):
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


def test_a_late_click_answers_the_item_it_names(trained, show, labels):
    panel, page = show(trained)
    first, second, third, *_ = trained.batch.tolist()
    panel.visit(third)  # the screen changed while the click was under way
    page.send("label", index=first, label=1, next=second)
    assert labels(trained) == [(first, 1)]


def test_a_late_click_on_an_item_of_the_last_round_answers_that_item(ds, make, numpy_learner, show, labels):
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


def test_an_answer_may_be_changed(trained, show, labels):
    _panel, page = show(trained)
    item = page.answer(0)
    page.send("label", index=item, label=1, next=None)
    assert labels(trained) == [(item, 1)]


def test_undo_shows_the_item_again_and_redo_gives_the_answer_again(trained, show, labels):
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


def test_any_item_can_be_visited_and_labelled_and_spends_no_budget(trained, show, labels):
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


def test_acknowledgements_are_kept_for_each_view(trained, show, new_page):
    panel, page = show(trained, train_every=100)
    other = new_page(panel, "w")
    page.answer()
    page.answer()
    other.answer()
    assert panel.state["acks"] == {"v": 2, "w": 1}


def test_acknowledgements_of_old_views_are_forgotten(trained, show, new_page):
    panel, _ = show(trained)
    for number in range(50):
        new_page(panel, f"view{number}").send("show", index=0)
    assert len(panel.state["acks"]) <= 20
    assert panel.state["acks"]["view49"] == 1


def test_export_sends_the_labels_as_csv_to_the_view_that_asked(trained, show):
    _panel, page = show(trained)
    item = page.answer(1)
    page.came.clear()
    page.send("export")
    (message,) = [m["content"] for m in page.came if m["method"] == "custom"]
    assert (message["kind"], message["view"], message["name"]) == ("file", "v", "tiny_labels.csv")
    head, row = csv.reader(message["text"].splitlines())
    assert head[:4] == ["index", "id", "label", "asked"]
    assert row[:4] == [str(item), str(item), "1", "True"]


def test_what_is_exported_or_copied_runs_nothing_in_a_spreadsheet(make, show, numpy_learner):
    data = uai.Dataset.from_arrays(np.eye(3), ids=["=1+1", "b", "c"], name="d")
    session = make(ds=data, base=numpy_learner(data), k=1)
    _panel, page = show(session)
    session.label(0, 1)
    for kind, separator in (("export", ","), ("copy", "\t")):
        page.came.clear()
        page.send(kind)
        (text,) = [m["content"]["text"] for m in page.came if m["method"] == "custom"]
        assert text.splitlines()[1].startswith(f'0{separator}"\'=1+1"{separator}1')


@pytest.mark.parametrize("kind", ["export", "copy"])
def test_what_is_exported_or_copied_has_the_notes(trained, show, kind):
    _panel, page = show(trained)
    first, second = page.answer(1), page.answer(0)
    trained.note(second, "=odd, <b>one</b>")
    page.came.clear()
    page.send(kind)
    (text,) = [m["content"]["text"] for m in page.came if m["method"] == "custom"]
    rows = csv.DictReader(text.splitlines(), delimiter="," if kind == "export" else "\t")
    assert {int(row["index"]): row["note"] for row in rows} == {first: "", second: "'=odd, <b>one</b>"}


def test_a_note_with_half_a_character_is_exported_with_a_question_mark(trained, show):
    _panel, page = show(trained)
    trained.note(page.answer(1), "half \ud800")
    page.came.clear()
    assert page.send("export")["message"] == ""
    (text,) = [m["content"]["text"] for m in page.came if m["method"] == "custom"]
    assert "half ?" in text


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
def test_a_label_message_that_does_not_fit_is_refused_in_words_and_labels_nothing(make, show, tmp_path, bad, labels):
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


def test_the_name_of_a_view_cannot_grow_the_state(trained, show, new_page):
    panel, _ = show(trained)
    new_page(panel, "x" * 1_000_000).send("undo")
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
