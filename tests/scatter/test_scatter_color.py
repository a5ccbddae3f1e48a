"""What a scatter can be coloured by, and what it sends for it."""

import numpy as np
import pandas as pd
import pytest

FRAME = pd.DataFrame(
    {
        "amount": np.append(np.arange(59.0), 1e6),
        "age": np.append([np.nan, np.inf], np.full(58, 30)),
        "country": ["Japan", None, "<b>France</b>"] * 20,
        "paid": [True, False] * 30,
        "name": [f"person {i}" for i in range(60)],
        "when": pd.date_range("2020", periods=60),
        "tags": [[i] for i in range(60)],
    }
)
COLUMNS = [["column:0", "amount"], ["column:1", "age"], ["column:2", "country"], ["column:3", "paid"]]


@pytest.fixture
def session(new_session):
    session = new_session()
    session.ds.items = FRAME
    session.train()
    return session


def ask(page, key, view="a"):
    page.say({"kind": "color", "view": view, "key": key})
    return page.take()


def test_numbers_and_few_texts_are_offered_and_truth_last(show, session):
    _, page = show(session)
    assert [list(pair) for pair in page.ready()[0][0]["options"]["colors"]] == [
        *COLUMNS,
        ["truth", "truth (simulation)"],
    ]


def test_nothing_is_offered_without_a_table_and_without_truth(show, new_session):
    session = new_session()
    session.ds.y = None
    _, page = show(session)
    assert page.ready()[0][0]["options"]["colors"] == []


def test_a_column_of_numbers_comes_with_the_ends_of_its_scale(show, session):
    _, page = show(session)
    page.ready()
    ((content, arrays),) = ask(page, "column:0")
    assert content["view"] == "a"
    np.testing.assert_array_equal(arrays["values"], FRAME["amount"].to_numpy(np.float32))
    choice = content["choice"]
    assert (choice["key"], choice["name"], choice["least"], choice["most"]) == ("column:0", "amount", 0.0, 1e6)
    assert [choice["low"], choice["high"]] == pytest.approx(np.percentile(FRAME["amount"], [2, 98]))


def test_what_is_not_a_number_has_no_colour(show, session):
    _, page = show(session)
    page.ready()
    ((content, arrays),) = ask(page, "column:1")
    assert np.isnan(arrays["values"][:2]).all()
    assert content["choice"]["low"] == content["choice"]["most"] == 30


@pytest.mark.parametrize(
    ("key", "categories", "codes"),
    [("column:2", ["<b>France</b>", "Japan"], [1, np.nan, 0]), ("column:3", ["False", "True"], [1, 0, 1])],
)
def test_few_values_are_categories(show, session, key, categories, codes):
    _, page = show(session)
    page.ready()
    ((content, arrays),) = ask(page, key)
    assert content["choice"]["categories"] == categories
    np.testing.assert_array_equal(arrays["values"][:3], codes)


def test_truth_travels_when_a_person_chooses_it(show, session):
    session.ds.y = np.arange(60) % 2
    _, page = show(session)
    assert not any("values" in arrays for _, arrays in page.ready())
    ((content, arrays),) = ask(page, "truth")
    assert content["choice"]["categories"] == ["anomaly", "normal"]
    np.testing.assert_array_equal(arrays["values"] == 0, session.ds.y == 1)


def test_a_blind_scatter_never_tells_the_truth(show, session):
    scatter, page = show(session, rings=False)
    assert ["truth", "truth (simulation)"] not in [list(pair) for pair in page.ready()[0][0]["options"]["colors"]]
    assert ask(page, "truth") == []
    with pytest.raises(ValueError, match="blind"):
        scatter.color_by("truth")


@pytest.mark.parametrize("key", ["column:4", "column:99", "amount", "given", "label", 3, None, ["truth"], "x" * 10_000])
def test_what_is_not_on_offer_is_not_sent(show, session, key):
    _, page = show(session)
    page.ready()
    assert ask(page, key) == []


def test_only_views_that_are_there_are_answered(show, session):
    _, page = show(session)
    page.ready()
    assert ask(page, "column:0", view="other") == []
    assert ask(page, "column:0", view=["a"]) == []


def test_color_by_reaches_every_view_and_those_that_come_later(show, session):
    scatter, page = show(session)
    page.ready("a")
    scatter.color_by("country")
    ((content, arrays),) = page.take()
    assert (content["view"], content["choice"]["name"]) == (None, "country")
    assert len(arrays["values"]) == 60
    content, arrays = page.ready("b")[-1]
    assert (content["view"], content["choice"]["name"]) == ("b", "country")


@pytest.mark.parametrize(("what", "key"), [("label", "label"), ("base score", "score"), ("uai", "uai")])
def test_what_the_browser_has_is_only_named(show, session, what, key):
    scatter, page = show(session)
    page.ready()
    scatter.color_by(what)
    ((content, arrays),) = page.take()
    assert content["choice"]["key"] == key
    assert arrays == {}


def test_an_array_of_ones_own_has_a_name(show, session):
    scatter, page = show(session)
    page.ready()
    scatter.color_by(np.arange(60), name="distance")
    ((content, arrays),) = page.take()
    assert content["choice"]["name"] == "distance"
    np.testing.assert_array_equal(arrays["values"], np.arange(60))
    assert ask(page, "given")[0][0]["choice"]["name"] == "distance"  # after another choice, from the menu


@pytest.mark.parametrize(
    ("what", "match"),
    [
        ("colour", "expected one of label, base score, uai, amount, age, country, paid, truth"),
        ([1, 2, 3], r"shape \(3,\), expected one for each of 60 items"),
        ([f"text {i}" for i in range(60)], "60 different values"),
        (pd.date_range("2020", periods=60), "expected numbers"),
    ],
)
def test_what_cannot_be_a_colour_is_refused_in_words(show, session, what, match):
    scatter, _ = show(session)
    with pytest.raises(ValueError, match=match):
        scatter.color_by(what)


def test_truth_of_data_without_it_is_refused(show, session):
    session.ds.y = None
    scatter, _ = show(session)
    with pytest.raises(ValueError, match="give it as y="):
        scatter.color_by("truth")
