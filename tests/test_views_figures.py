"""The figures of the paper, and the numbers in them."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

import uai_notebook as uai
from uai_notebook import views
from uai_notebook.views import style
from uai_notebook.views.curves import band, found_curve, random_curve, ranking_curve, session_run, thinned
from uai_notebook.views.projection import LatentAxis

ANSWERS = st.lists(st.sampled_from([-1, 0, 1]), max_size=30)


def a_snapshot(n: int = 50, d: int | None = 2, **more: Any) -> uai.Snapshot:
    rng = np.random.default_rng(0)
    latent = None if d is None else rng.normal(size=(n, d)).astype(np.float32)
    values = {"base_score": rng.random(n).astype(np.float32) + 0.5, "latent": latent, **more}
    return uai.Snapshot(**values)


def a_session(truth: bool = True, **options: Any) -> uai.ActiveSession:
    x = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    y = (np.arange(60) % 6 == 0).astype(np.uint8)
    ds = uai.Dataset.from_arrays(x, y=y if truth else None)
    config = uai.TrainConfig(hidden=(4, 2), pretrain_steps=3, round_steps=2, batch_size=16, labeled_batch=16)
    return uai.ActiveSession(ds, k=5, config=config, **options)


def named(fig: go.Figure) -> dict[str, Any]:
    return {trace.name: trace for trace in fig.data if trace.name}


def starting(fig: go.Figure, name: str) -> Any:
    return next(trace for trace in fig.data if (trace.name or "").startswith(name))


# -- latent against score --------------------------------------------------------------------------------------------


def test_each_item_is_drawn_once_with_the_labels_on_top() -> None:
    snapshot = a_snapshot(d=1)
    fig = views.latent_score(snapshot, ([3, 4, 5, 9], [1, 0, -1, 0]))
    assert [t.name for t in fig.data] == ["unlabeled (46)", "unsure (1)", "normal (2)", "anomaly (1)"]
    items = np.concatenate([t.customdata for t in fig.data])
    assert sorted(items.tolist()) == list(range(50))
    anomaly = fig.data[-1]
    assert anomaly.x.tolist() == [snapshot.latent[3, 0]]  # type: ignore[index]
    assert anomaly.y.tolist() == [snapshot.base_score[3]]
    assert (anomaly.marker.color, anomaly.marker.symbol) == ("#D55E00", "diamond")


def test_arrays_travel_in_four_bytes() -> None:
    for trace in views.latent_score(a_snapshot(), ([1], [1])).data:
        assert trace.x.dtype == trace.y.dtype == np.float32
        assert trace.customdata.dtype == np.int32
        assert trace.type == "scattergl"


def test_labels_come_from_the_snapshot_unless_given() -> None:
    snapshot = a_snapshot(labeled_index=np.array([7]), labeled_value=np.int8([1]))
    assert "anomaly (1)" in named(views.latent_score(snapshot))
    assert "anomaly (1)" not in named(views.latent_score(snapshot, ([], [])))


def test_labels_of_a_session_are_taken() -> None:
    labels = pd.DataFrame({"index": [1, 2], "label": np.int8([1, -1]), "asked": [True, True]})
    assert {"anomaly (1)", "unsure (1)"} < set(named(views.latent_score(a_snapshot(), labels)))


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (([1, 2], [1]), "one per item"),
        (([1], [2]), "must be 1"),
        (([50], [1]), "has 50 items"),
        (([-1], [1]), "has 50 items"),
        ((1, 1), "one per item"),
    ],
)
def test_labels_that_do_not_fit_are_refused(labels: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        views.latent_score(a_snapshot(), labels)


def test_a_given_axis_is_used_and_named() -> None:
    snapshot = a_snapshot()
    axis = LatentAxis(np.array([0.0, 2.0]), np.zeros(2), "<my> axis")
    fig = views.latent_score(snapshot, axis=axis)
    np.testing.assert_allclose(fig.data[0].x, 2 * snapshot.latent[:, 1], rtol=1e-6)  # type: ignore[index]
    assert fig.layout.xaxis.title.text == "&lt;my&gt; axis"


def test_without_latent_x_is_asked_for() -> None:
    with pytest.raises(ValueError, match=r"no latent.*ds\.x"):
        views.latent_score(a_snapshot(d=None))


def test_without_latent_x_may_be_values_or_features() -> None:
    snapshot = a_snapshot(n=4, d=None)
    assert views.latent_score(snapshot, x=[4, 3, 2, 1]).data[0].x.tolist() == [4, 3, 2, 1]
    features = np.random.default_rng(1).normal(size=(4, 2, 2))
    fig = views.latent_score(snapshot, x=features)
    np.testing.assert_allclose(fig.data[0].x, LatentAxis.fit_features(features)(features))
    assert "features" in fig.layout.xaxis.title.text
    axis = LatentAxis.fit_features(features * 2)
    np.testing.assert_allclose(views.latent_score(snapshot, x=features, axis=axis).data[0].x, axis(features))
    named_axis = views.latent_score(snapshot, x=[4, 3, 2, 1], axis=axis)
    assert named_axis.layout.xaxis.title.text == axis.label


@pytest.mark.parametrize("x", [3.0, [1.0, 2.0]])
def test_x_of_another_length_is_refused(x: Any) -> None:
    with pytest.raises(ValueError, match="50 items"):
        views.latent_score(a_snapshot(), x=x)


@pytest.mark.parametrize(
    ("score", "scale"),
    [
        ([1, 2, 3], "linear"),
        ([1, 2, 300], "log"),
        ([0, 2, 300], "log"),
        ([-1, 2, 300], "linear"),
        ([np.nan] * 3, "linear"),
    ],
)
def test_the_score_axis_is_log_for_heavy_tails(score: list[float], scale: str) -> None:
    assert views.latent_score(a_snapshot(n=3, base_score=np.float32(score))).layout.yaxis.type == scale


def test_the_scale_of_the_score_can_be_chosen() -> None:
    assert views.latent_score(a_snapshot(), log=True).layout.yaxis.type == "log"
    heavy = a_snapshot(n=3, base_score=np.float32([1, 2, 300]))
    assert views.latent_score(heavy, log=False).layout.yaxis.type == "linear"


def test_many_decades_have_one_tick_each() -> None:
    assert views.latent_score(a_snapshot(n=2, base_score=np.float32([1e-5, 5])), log=True).layout.yaxis.dtick == 1
    assert views.latent_score(a_snapshot(n=2, base_score=np.float32([1e-3, 5])), log=True).layout.yaxis.dtick is None


def test_zeros_are_drawn_at_the_bottom_of_a_log_axis_and_said() -> None:
    fig = views.latent_score(a_snapshot(n=4, base_score=np.float32([0, 1e-9, 2, 300])))
    np.testing.assert_allclose(fig.data[0].y, [3e-4, 3e-4, 2, 300], rtol=1e-6)
    assert "2 scores below 0.0003" in fig.layout.title.subtitle.text


def test_a_log_axis_of_nothing_but_zeros_is_no_error() -> None:
    assert views.latent_score(a_snapshot(n=2, base_score=np.zeros(2, np.float32)), log=True).data[0].y.tolist() == [
        0,
        0,
    ]


def test_a_log_axis_is_refused_for_negative_scores() -> None:
    with pytest.raises(ValueError, match="not negative"):
        views.latent_score(a_snapshot(n=2, base_score=np.float32([-1, 2])), log=True)


def test_too_many_items_are_thinned_and_said_and_labels_are_not() -> None:
    snapshot = a_snapshot(n=1000)
    index = np.arange(200)
    fig = views.latent_score(snapshot, (index, np.ones(200)), max_points=100)
    drawn = fig.data[0].customdata
    assert len(set(drawn.tolist())) == 100
    assert not set(drawn.tolist()) & set(index.tolist())
    highest = index[-1] + 1 + np.argsort(-snapshot.base_score[200:])[:10]
    assert set(highest.tolist()) <= set(drawn.tolist())
    assert "100 of 800 unlabeled items drawn" in fig.layout.title.subtitle.text
    assert len(fig.data[1].x) == 200
    assert fig.data[0].name == "unlabeled (800)"


def test_nothing_is_said_where_nothing_is_left_out() -> None:
    assert views.latent_score(a_snapshot()).layout.title.subtitle.text is None


# -- the numbers of a discovery curve --------------------------------------------------------------------------------


@given(ANSWERS)
def test_the_found_curve_counts_anomalies(labels: list[int]) -> None:
    assert found_curve(labels).tolist() == [labels[:t].count(1) for t in range(len(labels) + 1)]


@given(
    st.permutations(range(8)),
    st.lists(st.booleans(), min_size=8, max_size=8),
    st.integers(0, 9),
    st.sets(st.integers(0, 7)),
)
def test_the_ranking_curve_asks_in_order_and_skips(
    order: list[int], y: list[bool], budget: int, skip: set[int]
) -> None:
    asked = [i for i in order if i not in skip][:budget]
    expected = [sum(y[i] for i in asked[:t]) for t in range(len(asked) + 1)]
    assert ranking_curve(np.array(order), np.array(y), budget, list(skip)).tolist() == expected


def test_random_order_finds_what_chance_gives() -> None:
    rng = np.random.default_rng(0)
    y = np.array([1] * 4 + [0] * 16)
    drawn = np.mean([np.cumsum(rng.permutation(y)) for _ in range(4000)], axis=0)
    np.testing.assert_allclose(random_curve(4, 20, 50)[1:], drawn, atol=0.06)
    assert random_curve(0, 0, 5).tolist() == [0]


@given(st.lists(ANSWERS, min_size=1, max_size=5))
def test_the_band_is_that_of_each_position(runs: list[list[int]]) -> None:
    curves = [found_curve(run) for run in runs]
    middle, low, high = band(curves)
    assert len(middle) == min(map(len, curves))
    for t in range(len(middle)):
        at = sorted(int(curve[t]) for curve in curves)
        assert (low[t], middle[t], high[t]) == (at[0], np.median(at), at[-1])


@given(st.integers(1, 5000), st.integers(2, 100))
def test_thinning_keeps_both_ends(length: int, limit: int) -> None:
    kept = thinned(length, limit).tolist()
    assert kept[0] == 0
    assert kept[-1] == length - 1
    assert len(kept) == min(length, limit)
    assert kept == sorted(set(kept))


# -- the curve of a session ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def simulated() -> uai.ActiveSession:
    session = a_session(budget=20)
    return uai.simulate(session, uai.Oracle(session.ds.y), progress=False)


def test_a_session_is_compared_with_its_first_ranking_and_chance(simulated: uai.ActiveSession) -> None:
    lines = named(views.discovery_curve([simulated]))
    assert list(lines) == ["active, base dae", "unsupervised ranking (no labels used)", "random order (expected)"]
    found, ranking, chance = lines.values()
    assert found.y.tolist() == [0, *np.cumsum(simulated.labels["label"] == 1)]
    y, order = simulated.ds.y, simulated.history.unsupervised_order
    assert y is not None
    assert order is not None
    assert ranking.y.tolist() == [int(y[order[:b]].sum()) for b in range(21)]
    assert chance.y[-1] == pytest.approx(20 / 6)
    assert (ranking.line.dash, chance.line.dash) == ("dash", "dot")


def test_budget_and_total_are_marked(simulated: uai.ActiveSession) -> None:
    layout = views.discovery_curve([simulated]).layout
    assert layout.xaxis.title.text == "items asked (budget 20)"
    assert {(s.x0, s.x1) for s in layout.shapes if s.yref == "paper"} == {(20, 20)}
    assert [(a.text, a.y) for a in layout.annotations] == [("all 10 anomalies", 10)]


def test_a_total_out_of_reach_is_not_drawn() -> None:
    assert not views.discovery_curve([a_session(budget=5)]).layout.annotations


def test_a_session_may_be_given_alone_and_without_comparison(simulated: uai.ActiveSession) -> None:
    assert len(views.discovery_curve(simulated, unsupervised=False).data) == 1


def test_a_new_session_without_truth_is_an_empty_curve() -> None:
    fig = views.discovery_curve([a_session(truth=False)])
    assert [trace.y.tolist() for trace in fig.data] == [[0]]
    assert not fig.layout.shapes


def test_without_truth_the_ranking_counts_what_is_known() -> None:
    session = a_session(truth=False, query="random", budget=40)
    session.train()
    session.label(session.queue, [1, 1, 0, -1, 1])
    ranking = starting(views.discovery_curve([session]), "unsupervised")
    assert ranking.name == "unsupervised ranking (known labels only)"
    order = session.history.unsupervised_order
    assert order is not None
    anomalies = set(session.labels.query("label == 1")["index"])
    assert ranking.y.tolist() == [len(anomalies & set(order[:b].tolist())) for b in range(6)]


def test_what_nobody_had_to_ask_counts_for_no_line() -> None:
    session = a_session(budget=20)
    session.train()
    order = session.history.unsupervised_order
    assert order is not None
    assert session.ds.y is not None
    given_away = [*[int(i) for i in order if session.ds.y[i]][:3], int(order[-1])]
    session.label([i for i in given_away if i not in session.queue], 1)
    volunteered = session.labels["index"].tolist()
    session.label(session.queue, 0)
    run = session_run(session)
    assert run.found[0].tolist() == [0] * (session.n_asked + 1)
    rest = [i for i in order.tolist() if i not in volunteered]
    assert run.ranking[0].tolist() == [int(session.ds.y[rest[:b]].sum()) for b in range(21)]
    assert run.n_items == 60 - len(volunteered)
    assert run.n_anomalies == 10 - int(session.ds.y[volunteered].sum())


@pytest.mark.parametrize("truth", [True, False])
def test_a_first_ranking_that_saw_labels_says_so(truth: bool) -> None:
    session = a_session(truth=truth)
    session.label([0, 1], [1, 0])
    session.train()
    name = session_run(session).ranking_name
    assert name == f"first base score (trained on 2 labels{'' if truth else ', known labels only'})"


def test_runs_are_told_apart_by_what_differs() -> None:
    sessions = [a_session(seed=0), a_session(seed=1), a_session(seed=1, query="random")]
    names = [t.name for t in views.discovery_curve(sessions, unsupervised=False).data]
    assert names == [
        "active, base dae, adaptive, seed 0",
        "active, base dae, adaptive, seed 1",
        "active, base dae, random, seed 1",
    ]
    same = views.discovery_curve([a_session(), a_session()], unsupervised=False)
    assert [t.name for t in same.data] == ["active, base dae (1)", "active, base dae (2)"]


def test_lines_of_several_runs_differ_in_colour_and_marker(simulated: uai.ActiveSession) -> None:
    fig = views.discovery_curve({"a": [1], "b": [0], "c": simulated})
    lines = named(fig)
    assert len({lines[name].line.color for name in "abc"}) == 3
    assert len({lines[name].marker.symbol for name in "abc"}) == 3
    dashed = lines["c, unsupervised ranking (no labels used)"]
    assert dashed.line.color == lines["c"].line.color


def test_chance_is_drawn_once_per_data_set(simulated: uai.ActiveSession) -> None:
    fig = views.discovery_curve({"a": simulated, "b": simulated})
    assert sum(t.name == "random order (expected)" for t in fig.data) == 1


def test_several_seeds_become_a_median_in_a_band() -> None:
    fig = views.discovery_curve({"seeds": [[0, 1, 1], [1, 1, 1], [0, 0, 0, 1]]})
    low, high, middle = fig.data
    assert (low.y.tolist(), high.y.tolist()) == ([0, 0, 0, 0], [0, 1, 2, 3])
    assert middle.y.tolist() == [0, 0, 1, 2]
    assert middle.name == "seeds (median of 3)"
    assert high.fill == "tonexty"


def test_several_seeds_may_be_sessions_or_the_rows_of_an_array(simulated: uai.ActiveSession) -> None:
    fig = views.discovery_curve({"mine": [simulated, simulated], "table": np.array([[0, 1], [1, 1]])})
    assert starting(fig, "mine (median of 2)").y[-1] == (simulated.labels["label"] == 1).sum()
    assert starting(fig, "table").y.tolist() == [0, 0.5, 1.5]
    assert fig.layout.xaxis.title.text == "items asked"  # the budget of one run is not that of all


def test_seeds_that_disagree_on_their_ranking_claim_less(simulated: uai.ActiveSession) -> None:
    other = a_session(budget=20)
    other.label([0], [1])
    other.train()
    fig = views.discovery_curve({"mine": [simulated, other]})
    assert starting(fig, "first base score")


def test_a_run_may_be_empty() -> None:
    assert views.discovery_curve({"nothing yet": []}).data[0].y.tolist() == [0]


def test_long_runs_are_thinned() -> None:
    fig = views.discovery_curve({"long": np.ones(100_000, int)})
    assert len(fig.data[0].x) <= 1000
    assert (fig.data[0].x[-1], fig.data[0].y[-1]) == (100_000, 100_000)


@pytest.mark.parametrize("runs", [[], {}])
def test_no_runs_are_refused(runs: Any) -> None:
    with pytest.raises(ValueError, match="no runs"):
        views.discovery_curve(runs)


def test_labels_without_a_name_are_refused() -> None:
    with pytest.raises(ValueError, match="dict of name"):
        views.discovery_curve([[0, 1, 1]])


@pytest.mark.parametrize("run", [[0, 2], ["yes"], [[[1]]]])
def test_runs_of_something_else_are_refused(run: Any) -> None:
    with pytest.raises(ValueError, match="labels in the order asked"):
        views.discovery_curve({"mine": run})


def test_names_are_text_and_not_html() -> None:
    evil = "<a href='x'>y</a>"
    assert views.discovery_curve({evil: [1]}).data[0].name == "&lt;a href='x'&gt;y&lt;/a&gt;"


def test_names_are_no_formulas_and_have_nothing_that_svg_cannot_carry() -> None:
    name = views.discovery_curve({"$\\href{x}{y}$ \x1b \ud800": [1]}).data[0].name
    assert name == "&#36;\\href{x}{y}&#36; \ufffd ?"


# -- style and imports -----------------------------------------------------------------------------------------------


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    r, g, b = (c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def contrast(a: str, b: str) -> float:
    low, high = sorted([luminance(a), luminance(b)])
    return (high + 0.05) / (low + 0.05)


def test_text_is_readable_on_light_and_dark() -> None:
    assert contrast(style.TEXT, "#FFFFFF") >= 4.5
    assert contrast(style.TEXT, "#111111") >= 4.1  # no grey reaches 4.5 on both


@pytest.mark.parametrize("colour", [*(mark.colour for mark in style.MARKS.values()), style.UNLABELED])
def test_marks_are_visible_on_light_and_dark(colour: str) -> None:
    assert min(contrast(colour, "#FFFFFF"), contrast(colour, "#111111")) >= 3


def test_figures_are_transparent() -> None:
    for fig in (views.latent_score(a_snapshot()), views.discovery_curve({"a": [1]})):
        assert fig.layout.paper_bgcolor == fig.layout.plot_bgcolor == "rgba(0, 0, 0, 0)"


def test_importing_views_imports_neither_plotly_nor_pillow_nor_jupyter() -> None:
    code = """
import sys, uai_notebook.views as views
assert "LatentAxis" in dir(views)
loaded = {"plotly.graph_objects", "PIL", "ipywidgets", "IPython", "anywidget"} & set(sys.modules)
assert not loaded, loaded
views.latent_score, views.discovery_curve, views.render_item, views.render_thumbnail, views.LatentAxis
loaded = {"ipywidgets", "IPython", "anywidget"} & set(sys.modules)
assert not loaded, loaded
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_unknown_view_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nothing_here"):
        views.nothing_here
