"""Learners other than networks in the Explorer: no latent, and scores that are no probabilities."""

from __future__ import annotations

import time

import numpy as np
import pytest

import uai_notebook as uai
from uai_notebook.widget import Explorer

SECONDS = 30
AAD = ("loda_aad", "tree_aad", "pine_forest")
UNSUPERVISED = ("isolation_forest", "oc_svm")
COLUMNS = ("x", "y", "uai")


def wait_for(condition):
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.005)


@pytest.fixture(params=[*AAD, *UNSUPERVISED])
def name(request) -> str:
    return request.param


@pytest.fixture
def explorer(make, name):
    """An Explorer of a session of 5 items at a time, ready to be labelled."""
    explorer = Explorer(make(base=name))
    wait_for(lambda: explorer.panel.state["phase"] == "labeling")
    yield explorer
    explorer.session.cancel()
    explorer.panel.close()
    explorer.scatter.close()


def frames(explorer) -> list[tuple[dict, dict]]:
    """What the scatter sends to a new page: the content of each frame and its arrays."""
    sent: list[tuple[dict, list]] = []
    explorer.scatter.send = lambda content, buffers=None: sent.append((content, buffers))
    explorer.scatter._handle_custom_msg({"kind": "ready", "view": "test"}, [])
    return [
        (
            content,
            {n: np.frombuffer(b, np.float32) for n, b in zip(content["arrays"], buffers, strict=True) if n in COLUMNS},
        )
        for content, buffers in sent
        if "frame" in content
    ]


def label_a_round(explorer, ds):
    session = explorer.session
    queue = session.queue
    session.label(queue, ds.y[queue])
    session.train()


def test_points_lie_on_an_axis_of_the_features_that_says_so(explorer, ds):
    label_a_round(explorer, ds)
    sent = frames(explorer)
    titles = [content["x_title"] for content, _ in sent if "x_title" in content]
    assert titles == ["first principal axis of the features (this learner has no latent)"]
    for _, arrays in sent:
        assert arrays["x"].shape == (80,)
        assert np.isfinite(arrays["x"]).all()
    axis = uai.views.LatentAxis.fit_features(ds.x)
    np.testing.assert_allclose(sent[0][1]["x"], axis(ds.x), rtol=1e-5)


def test_the_axis_does_not_turn_from_round_to_round(explorer, ds):
    first = frames(explorer)[0][1]["x"]
    label_a_round(explorer, ds)
    assert all(np.array_equal(arrays["x"], first) for _, arrays in frames(explorer))


def test_a_learned_score_is_shown_as_it_is_and_not_as_a_probability(explorer, ds, name):
    label_a_round(explorer, ds)
    snapshot = explorer.session.snapshot
    latest = max(frames(explorer), key=lambda sent: sent[0]["frame"]["round"])
    assert latest[0]["frame"]["probability"] is False
    np.testing.assert_array_equal(latest[1]["y"], snapshot.base_score)
    if name in AAD:
        np.testing.assert_array_equal(latest[1]["uai"], snapshot.uai_logit)
    else:
        assert "uai" not in latest[1]


def test_the_card_of_an_item_calls_the_scores_what_they_are(explorer, ds, name):
    label_a_round(explorer, ds)
    current = explorer.panel.state["current"]
    wait_for(lambda: str(current) in explorer.panel.cards or current in explorer.panel.cards)
    text = str(explorer.panel.state) + str(explorer.panel.cards)
    assert "base score" in text
    assert "probability" not in text
    assert "UAI" not in text
    assert ("learned score" if name in AAD else "no score learned from labels") in text


def test_the_ranking_is_called_what_it_is(make, ds, name):
    session = make(base=name, query="uai")
    session.train()
    session.label([0, 20], [1, 0])
    session.train()
    assert session.ranked_by == ("ranked by learned score" if name in AAD else "ranked by base score")


def test_the_curve_and_the_figure_without_a_widget_are_drawn(explorer, ds):
    label_a_round(explorer, ds)
    assert len(explorer.curve.data) > 0
    snapshot = explorer.session.snapshot
    figure = uai.views.latent_score(snapshot, labels=explorer.session.labels, x=ds.x)
    assert "features" in figure.layout.xaxis.title.text
    with pytest.raises(ValueError, match=r"has no latent.*Pass x=ds\.x"):
        uai.views.latent_score(snapshot)
