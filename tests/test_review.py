"""The filters of the review list."""

from __future__ import annotations

import numpy as np
import pytest

import uai_notebook as uai
from uai_notebook.review import FILTERS


@pytest.fixture
def labelled(make):
    """Items 0, 1, 2 anomalies, 30, 31 normal, 50 unsure; trained on them."""
    session = make()
    session.train()
    session.label([30, 0, 1], [0, 1, 1])
    session.label([50, 31, 2], [-1, 0, 1], annotator="Ben")
    session.train()
    return session


def test_the_latest_answer_comes_first(labelled):
    assert uai.review_items(labelled).tolist() == [2, 31, 50, 1, 0, 30]
    labelled.label(0, 0)
    assert uai.review_items(labelled)[0] == 0


@pytest.mark.parametrize(("show", "found"), [("anomalies", [2, 1, 0]), ("normals", [31, 30]), ("unsure", [50])])
def test_a_label_is_a_filter(labelled, show, found):
    assert uai.review_items(labelled, show).tolist() == found


def test_what_was_taken_back_is_not_there(labelled):
    labelled.undo()
    assert uai.review_items(labelled).tolist() == [1, 0, 30]


def test_the_model_disagrees_where_p_anom_is_on_the_other_side_of_a_half(labelled):
    labelled.label([3, 4, 40, 41, 60], [0, 0, 1, 1, -1])  # wrong on purpose, and not trained on
    logit = labelled.snapshot.uai_logit
    items, label = labelled.current_labels()
    wrong = [i for i, v in zip(items, label, strict=True) if v >= 0 and (logit[i] > 0) != (v == 1)]
    found = uai.review_items(labelled, "disagree")
    assert sorted(found) == sorted(wrong)
    assert len(found) > 0
    assert (np.diff(np.abs(logit[found])) <= 0).all(), "the strongest first"
    table = uai.review_table(labelled, "disagree")
    assert (table["model"] != table["label"]).all()
    assert table["uai_score"].tolist() == pytest.approx(labelled.snapshot.uai_score[found].tolist())


def test_without_a_probability_the_model_calls_as_many_as_are_labelled(make, ds, numpy_learner):
    session = make(base=numpy_learner(ds))
    session.train()
    score = session.snapshot.base_score
    order = np.argsort(-score)
    session.label(order[[0, 1, 2, 70, 71, 72, 73]], [1, 0, 1, 0, 1, 0, -1])
    assert uai.review_items(session, "disagree").tolist() == [order[71], order[1]]
    session.label(order[[1, 71]], [1, 0])
    assert len(uai.review_items(session, "disagree")) == 0


def test_nothing_is_said_without_a_model_or_with_labels_of_one_kind(make):
    session = make()
    session.label([0, 1], [1, 0])
    assert len(uai.review_items(session, "disagree")) == 0
    assert uai.review_table(session)["model"].isna().all()
    other = make()
    other.train()
    other.label([0, 1], [1, 1])
    assert len(uai.review_items(other, "disagree")) == 0


def test_conflicts_are_those_of_annotators_open_ones_first(labelled):
    labelled.label([31, 2], [1, 0], annotator="Anna")
    uai.adjudicate(labelled, 31, 0, annotator="Cleo")
    assert uai.review_items(labelled, "conflicts").tolist() == [2, 31]


def test_notes_are_a_filter_and_are_searched(labelled):
    labelled.note(70, "A scratch")
    labelled.note(2, "fine")
    assert uai.review_items(labelled, "notes").tolist() == [2, 70]
    assert uai.review_items(labelled, "notes", search="scr").tolist() == [70]
    table = uai.review_table(labelled, "notes")
    assert table["note"].tolist() == ["fine", "A scratch"]
    assert table["label"].isna().tolist() == [False, True]


def test_an_annotator_finds_what_they_said_whatever_counts_now(labelled):
    labelled.label([0, 30], [0, 1], annotator="Ben")  # otherwise than before
    labelled.note(0, "odd")
    assert uai.review_items(labelled, "anomalies", annotator="").tolist() == [1, 0]
    assert uai.review_items(labelled, "anomalies", annotator="Ben").tolist() == [30, 2]
    assert uai.review_items(labelled, annotator="Ben").tolist() == [30, 0, 2, 31, 50]
    assert uai.review_items(labelled, "conflicts", annotator="Cleo").tolist() == []
    assert uai.review_items(labelled, "notes", annotator="Ben").tolist() == [0]
    assert uai.review_table(labelled, "anomalies", annotator="Ben")["label"].tolist() == [1, 1]


def test_text_is_searched_in_ids_as_it_is(make):
    x = np.random.default_rng(0).normal(size=(30, 3))
    ids = ["<b>", "a.c", "abc", "STRASSE", "straße", *range(25)]
    session = make(ds=uai.Dataset.from_arrays(x, ids=ids))
    session.label(range(30), 0)
    for text, found in (("<b", [0]), (".", [1]), ("A", [4, 3, 2, 1]), ("strasse", [4, 3]), ("24", [29]), ("zz", [])):
        assert uai.review_items(session, search=text).tolist() == found, text


@pytest.mark.parametrize("show", FILTERS)
def test_every_filter_works_on_an_empty_session_and_at_a_limit(make, labelled, show):
    assert len(uai.review_items(make(), show)) == 0
    assert uai.review_table(make(), show).empty
    table = uai.review_table(labelled, show, limit=1)
    assert table["index"].tolist() == uai.review_items(labelled, show)[:1].tolist()
    assert list(table)[:3] == ["index", "id", "label"]


def test_a_filter_that_is_none_is_said(labelled):
    with pytest.raises(ValueError, match="show='wrong': expected one of all, anomalies"):
        uai.review_items(labelled, "wrong")
