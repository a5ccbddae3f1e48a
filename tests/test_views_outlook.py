"""The figure of when to stop."""

from __future__ import annotations

import numpy as np
import pytest

import uai_notebook as uai


@pytest.fixture
def session(make, ds):
    session = make(k=5)
    for _ in range(4):
        session.train()
        session.label(session.queue, ds.y[session.queue])
    return session


def test_it_shows_what_each_round_found_and_what_was_expected(session):
    outlook = uai.when_to_stop(session)
    found, expected, answers, _ = uai.views.stopping_curve(outlook).data
    assert found.x.tolist() == expected.x.tolist() == [1, 2, 3, 4]
    assert found.y.tolist() == outlook.rounds["found"].tolist()
    np.testing.assert_allclose(expected.y, outlook.rounds["expected"], rtol=1e-6)
    np.testing.assert_allclose(answers.x, outlook.reliability["said"], rtol=1e-6)
    np.testing.assert_allclose(answers.y, outlook.reliability["came"], rtol=1e-6)
    assert sum(int(text.split()[0]) for text in answers.text) == 15


def test_it_takes_a_session_or_an_outlook(session):
    assert uai.views.stopping_curve(session) == uai.views.stopping_curve(uai.when_to_stop(session))


def test_a_session_without_answers_has_an_empty_figure_that_says_so(make):
    session = make()
    session.train()
    figure = uai.views.stopping_curve(session)
    assert [len(trace.x) for trace in figure.data] == [0, 0, 0, 2]
    assert "not enough answers" in figure.layout.annotations[0].text


def test_lines_differ_by_more_than_colour_and_the_ground_shows_through(session):
    figure = uai.views.stopping_curve(session)
    found, expected = figure.data[:2]
    assert found.line.dash != expected.line.dash
    assert figure.layout.paper_bgcolor == figure.layout.plot_bgcolor == "rgba(0, 0, 0, 0)"
