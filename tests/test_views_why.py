"""The card that says why: what it shows, what it hides, and that nothing of the data becomes markup."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import uai_notebook as uai
from uai_notebook.explanation import Explanation, Feature, Place
from uai_notebook.views.why import explanation_html

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "'><svg/onload=alert(1)>",
    "</table></div><iframe src=javascript:alert(1)>",
    "<a href='javascript:alert(1)'>x</a>",
    "&lt;script&gt;",
]
TAGS = {"div", "ul", "li", "figure", "img", "figcaption", "table", "caption", "thead", "tbody", "tr", "th", "td", "p"}
TAGS |= {"details", "summary", "svg", "rect", "span", "br", "b"}
NAMES = {"class", "style", "src", "alt", "scope", "width", "height", "aria-hidden", "x", "fill", "title"}


class Seen(HTMLParser):
    """What a browser would make of it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.names: set[str] = set()
        self.sources: list[str] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.names.update(name for name, _ in attrs)
        self.sources += [value for name, value in attrs if name == "src"]

    def handle_data(self, data):
        self.words += data + " "


def trained(make, **options):
    session = make(**options)
    session.train()
    session.label([0, 1, 20], [1, 1, 0])
    session.train()
    session.label([21], [-1])
    return session


def table(n=30):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(n, len(HOSTILE))), columns=HOSTILE)
    frame["kind"] = pd.Series([HOSTILE[i % len(HOSTILE)] for i in range(n)])
    frame.index = [f"{HOSTILE[i % len(HOSTILE)]}{i}" for i in range(n)]
    return frame


def test_words_of_the_data_never_become_markup(make):
    ds = uai.Dataset.from_frame(table())
    seen = Seen(uai.views.why_html(trained(make, ds=ds), 5))
    assert seen.tags <= TAGS
    assert seen.names <= NAMES
    assert all(source.startswith("data:image/png;base64,") for source in seen.sources)
    assert "<script>alert(1)</script>" in seen.words


def test_names_of_classes_and_texts_never_become_markup(make):
    x = np.random.default_rng(0).normal(size=(30, 4))
    names = [HOSTILE[i % len(HOSTILE)] for i in range(30)]
    ids = [f"\ud800{name}{i}" for i, name in enumerate(names)]  # a lone surrogate cannot be sent
    ds = uai.Dataset.from_arrays(x, items=names, x_y=names, ids=ids)
    html = uai.views.why_html(trained(make, ds=ds, base="class"), 5, renderer=lambda item: item)
    seen = Seen(html)
    html.encode()
    assert seen.tags <= TAGS
    assert seen.names <= NAMES
    assert "Given as" in seen.words


@given(st.lists(st.text(), min_size=2, max_size=4))
def test_no_name_whatever_becomes_markup(names):
    features = tuple(Feature(name, 1.0, 0.5, 0.0, 2.0, 1.0) for name in names)
    place = Place(1, 2)
    classes = tuple((name, 0.5) for name in names)
    why = Explanation(0, 0, 0, 1.0, place, None, None, None, True, "", (), (), None, features, None, classes)
    html = explanation_html(why)
    seen = Seen(html)
    assert seen.tags <= TAGS
    assert seen.names <= NAMES
    assert "".join(seen.words.split()).count("range") >= 1
    html.encode()


def test_the_error_of_a_failure_never_becomes_markup(make, monkeypatch):
    def fails(session, index):
        raise ValueError("<script>alert(1)</script>")

    session = trained(make)
    monkeypatch.setattr("uai_notebook.views.why.explain", fails)
    seen = Seen(uai.views.why_html(session, 5))
    assert seen.tags == {"p"}
    assert "could not be explained" in seen.words


def test_blind_says_nothing_of_the_model_until_the_item_has_an_answer(make):
    session = trained(make)
    before = uai.views.why_html(session, 5, blind=True)
    assert Seen(before).words.strip() == "Hidden until you have labelled this item."
    session.label(5, 0)
    assert uai.views.why_html(session, 5, blind=True) == uai.views.why_html(session, 5)
    assert "rank" in uai.views.why_html(session, 5)


def test_the_card_has_ranks_terms_features_and_neighbours(make):
    session = trained(make)
    words = Seen(uai.views.why_html(session, 5)).words
    why = uai.explain(session, 5)
    assert f"rank {why.uai_place.rank} of 80" in words
    assert f"{why.uai_logit:+.3f}" in words
    assert all(f"{term.product:+.3f}" in words for term in why.terms)
    assert all(f.name in words for f in why.features)
    assert all(f"item {n.index}" in words for n in why.neighbours)
    assert "of the model of round 2" in words


def test_an_image_has_three_pictures_each_with_a_name(make):
    images = np.random.default_rng(0).integers(0, 255, (40, 5, 5, 3), dtype=np.uint8)
    html = uai.views.why_html(trained(make, ds=uai.Dataset.from_images(images)), 5)
    for name in ("input", "reconstruction", "residual"):
        assert f'alt="{name}"' in html
    assert "its squares sum to the base score" in html


@pytest.mark.parametrize("base", ["loda_aad", "isolation_forest", "dagmm", "dsebm_e", "dcn", "class"])
def test_every_learner_has_a_card(make, base):
    words = Seen(uai.views.why_html(trained(make, base=base), 5)).words
    assert "rank" in words
    assert ("facts of the data" in words) == (base in {"loda_aad", "isolation_forest", "class"})


def test_of_an_image_that_nothing_reconstructs_it_says_so(make):
    images = uai.Dataset.from_images(np.random.default_rng(0).integers(0, 255, (40, 5, 5), dtype=np.uint8))
    for base, said in (("loda_aad", True), ("dae", False)):
        assert ("has no reconstruction" in uai.views.why_html(trained(make, ds=images, base=base), 5)) == said


@pytest.mark.parametrize(
    ("value", "shown"), [(31645.1, "31645"), (-2e9, "-2e+09"), (0.12345, "0.1235"), (7.0, "7"), (9999.6, "10000")]
)
def test_numbers_are_short_and_large_ones_plain(value, shown):
    feature = Feature("x", value, 0.0, 0.0, 1.0, 1.0)
    why = Explanation(0, 0, 0, 1.0, Place(1, 2), None, None, None, True, "", (), (), None, (feature,), None, ())
    assert shown in Seen(explanation_html(why)).words.split()


def test_nothing_has_a_colour_of_its_own_but_bars_and_pictures(make):
    html = uai.views.why_html(trained(make), 5)
    assert "background" not in html
    assert "color:#" not in html


def test_before_the_first_training_it_says_so(make):
    assert "No model yet" in uai.views.why_html(make(), 5)
