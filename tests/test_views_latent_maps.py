"""The plotly figure of latent maps."""

from __future__ import annotations

from concurrent.futures import CancelledError

import numpy as np
import plotly.graph_objects as go
import pytest

import uai_notebook as uai
from uai_notebook.views.maps import figure as latent_maps
from uai_notebook.views.maps.figure import latent_map

N = 120


def snapshot_of(seed=0, n=N, **options):
    latent = np.random.default_rng(seed).normal(size=(n, 3)).astype(np.float32)
    latent[: n // 4] += 9
    return uai.Snapshot(np.arange(n, dtype=np.float32), latent=latent, round=4, **options)


@pytest.fixture(scope="module")
def snapshot():
    return snapshot_of(labeled_index=np.array([2, 80, 90]), labeled_value=np.array([1, 0, 0], np.int8))


@pytest.fixture(scope="module")
def figure(snapshot):
    """All three panels of 100 of the 120 items, by the real UMAP."""
    x = np.random.default_rng(5).normal(size=(N, 6))
    labels = ([2, 3, 80, 90], [1, -1, 0, 0])
    return latent_map(snapshot, of="both", ds=x, contrast=snapshot_of(1), labels=labels, max_items=100)


def panels_of(fig):
    found = {}
    for trace in fig.data:
        found.setdefault(trace.xaxis, []).append(trace)
    return list(found.values())


def test_x_and_l_with_and_without_the_gradient_lie_side_by_side(figure):
    assert isinstance(figure, go.Figure)
    assert [note.text for note in figure.layout.annotations] == [
        "raw x",
        "gradient through l",
        "gradient stopped at l",
    ]
    titles = [axis.title.text for axis in figure.select_xaxes()]
    assert titles == ["UMAP 1 of x (6-d)", *[f"UMAP 1 of l (3-d), fitted at {n} labels" for n in (3, 0)]]


def test_every_panel_shows_the_same_items_with_their_labels(figure):
    panels = panels_of(figure)
    assert len(panels) == 3
    for traces in panels:
        names = [trace.name for trace in traces]
        assert names == ["unlabeled (96)", "unsure (1)", "normal (2)", "anomaly (1)"]
        assert [trace.customdata.tolist() for trace in traces[1:]] == [[3], [80, 90], [2]]
        assert all(np.isfinite(trace.x).all() and np.isfinite(trace.y).all() for trace in traces)
    drawn = [{int(i) for trace in traces for i in trace.customdata} for traces in panels]
    assert drawn[0] == drawn[1] == drawn[2]
    assert len(drawn[0]) == 100


def test_points_differ_between_the_panels(figure):
    first, second, third = ([*traces[0].x] for traces in panels_of(figure))
    assert first != second != third


def test_a_cluster_of_the_latent_is_one_of_the_map(figure):
    (dots, *_) = panels_of(figure)[1]
    points = np.stack([dots.x, dots.y], axis=1)
    there = np.asarray(dots.customdata) < N // 4
    centre, other = points[there].mean(axis=0), points[~there].mean(axis=0)
    closer = np.linalg.norm(points - centre, axis=1) < np.linalg.norm(points - other, axis=1)
    assert (closer == there).mean() > 0.95


def test_each_label_is_in_the_legend_once_and_toggles_all_panels(figure):
    shown = [trace for trace in figure.data if trace.showlegend]
    assert [trace.legendgroup for trace in shown] == ["unlabeled", "unsure", "normal", "anomaly"]
    assert {trace.legendgroup for trace in figure.data} == {trace.legendgroup for trace in shown}


def test_what_is_left_out_is_said(figure):
    assert figure.layout.title.text == "Round 5, model trained on 3 labels"
    assert figure.layout.title.subtitle.text == "100 of 120 items drawn, all with a label among them"


def test_marks_differ_in_shape_and_colour_as_in_every_picture(figure, snapshot):
    expected = {
        trace.name.split()[0]: (trace.marker.symbol, trace.marker.color)
        for trace in uai.views.latent_score(snapshot, ([2, 3, 80], [1, -1, 0])).data
    }
    for trace in figure.data:
        assert (trace.marker.symbol, trace.marker.color) == expected[trace.legendgroup]


def test_the_truth_of_all_items_does_not_change_which_are_drawn(snapshot):
    truth = np.arange(N), np.zeros(N, np.int64)
    choice = latent_maps.Choice(50)
    assert np.array_equal(
        latent_maps._items(snapshot, truth[0], choice), latent_maps._items(snapshot, snapshot.labeled_index, choice)
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"of": "pca"}, 'of=\'pca\': expected "latent", "x" or "both"'),
        ({"of": "x"}, 'of="x" needs the features: pass ds='),
        ({"of": "both", "ds": np.zeros((3, 2))}, "ds has 3 items, but the snapshot has 120"),
        ({"contrast": snapshot_of(n=8)}, "contrast has 8 items: expected latents of the same 120 items"),
        ({"contrast": uai.Snapshot(np.zeros(N, np.float32))}, "contrast has no latent"),
        ({"of": "x", "ds": np.zeros((N, 2)), "contrast": snapshot_of()}, "it goes with of"),
        ({"max_items": 5}, "max_items=5: expected at least 10"),
        ({"labels": ([500], [1])}, "labels of items 500 to 500"),
    ],
)
def test_what_does_not_fit_is_said_before_anything_is_computed(snapshot, options, message, monkeypatch):
    monkeypatch.setattr(latent_maps.MapJob, "start", None)
    with pytest.raises(ValueError, match=message):
        latent_map(snapshot, **options)


def test_a_session_brings_its_labels_and_its_features(make, ds, monkeypatch):
    session = make()
    with pytest.raises(ValueError, match=r"has not been trained: call its train\(\) first"):
        latent_map(session)
    session.train()
    session.label([0, 40], [1, 0])
    seen = {}

    def look(panels, maps, labels, snapshot, height):
        seen.update(panels=panels, labels=labels)

    monkeypatch.setattr(latent_maps, "_computed", lambda jobs: [])
    monkeypatch.setattr(latent_maps, "_figure", look)
    latent_map(session, of="both")
    assert seen["labels"][0].tolist() == [0, 40]
    assert [panel.title for panel in seen["panels"]] == ["raw x", "l of the latest round"]
    assert len(seen["panels"][0].frame.index) == len(ds)


def test_interrupting_the_wait_ends_all_of_them(snapshot, monkeypatch):
    jobs = []

    def interrupted(job, timeout=None):
        jobs.append(job)
        raise KeyboardInterrupt

    monkeypatch.setattr(latent_maps.MapJob, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        latent_map(snapshot, contrast=snapshot_of(2), seed=77)
    monkeypatch.undo()
    with pytest.raises(CancelledError):
        jobs[0].wait(5)


def test_it_is_one_of_the_views():
    assert uai.views.latent_map is latent_map
