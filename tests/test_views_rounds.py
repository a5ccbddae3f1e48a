"""Figures over rounds, and what is found if training stops."""

from __future__ import annotations

import numpy as np
import pytest

import uai_notebook as uai
from uai_notebook.snapshot import History
from uai_notebook.views import rounds
from uai_notebook.views.frozen import frozen_curve, frozen_runs
from uai_notebook.views.separation import separability


@pytest.fixture(scope="module")
def session():
    ds = uai.load_dataset("digits_0")
    config = uai.TrainConfig(hidden=(32, 2), pretrain_steps=300, round_steps=30)
    done = uai.ActiveSession(ds, "class", budget=80, config=config)
    return uai.simulate(done, uai.Oracle(ds.y), progress=False)


def test_a_frozen_curve_has_what_was_asked_first_and_then_the_ranking_up_to_the_last_anomaly():
    score, y = np.float32([0.1, 0.9, 0.5, 0.7, 0.2]), np.array([1, 0, 1, 0, 0])
    assert frozen_curve(np.array([3]), score, y).tolist() == [0, 0, 0, 1, 1, 2]  # 3, then 1, 2, 4, 0
    assert frozen_curve(np.array([], np.int64), score, y, skip=[1, 3]).tolist() == [0, 1, 1, 2]
    assert frozen_curve(np.array([3]), score, np.zeros(5)).tolist() == [0]


def test_the_rounds_of_a_session_stop_where_they_were(session):
    runs = frozen_runs(session)
    frames = session.history.frames
    assert [runs[0].round, runs[-1].round] == [frames[0].round, frames[-1].round]
    assert len(runs) == 4
    order = session.history.unsupervised_order
    assert runs[0].asked == 0
    np.testing.assert_array_equal(np.diff(runs[0].found), session.ds.y[order][: len(runs[0].found) - 1])
    asked = session.labels["index"].to_numpy()
    for run in runs:
        assert run.asked == run.n_labels
        assert run.found[-1] == session.ds.y.sum()
        assert run.found[run.asked] == session.ds.y[asked[: run.asked]].sum()
    assert [run.round for run in frozen_runs(session, rounds=[2])] == [2]


def test_items_labelled_without_being_asked_are_no_part_of_a_frozen_curve():
    ds = uai.load_dataset("digits_0")
    session = uai.ActiveSession(ds, "class", config=uai.TrainConfig(hidden=(8, 2), pretrain_steps=20, round_steps=2))
    given = np.flatnonzero(ds.y)[:3]
    session.label(given, 1)
    session.train()
    first = session.queue
    session.label(first, [int(v) for v in ds.y[first]])
    session.label(int(np.flatnonzero(ds.y == 0)[-1]), uai.Label.UNSURE)
    session.train()
    for run, asked in zip(frozen_runs(session), (0, len(first)), strict=True):
        assert run.asked == asked
        assert run.found[-1] == ds.y.sum() - len(given)


def test_of_data_shown_in_part_the_first_and_the_latest_round_are_there(session, monkeypatch):
    whole = frozen_runs(session)
    thin = History(max_items=50)
    for frame in session.history.frames:
        thin.append(uai.Snapshot(frame.base_score, round=frame.round, labeled_index=np.arange(frame.n_labels)))
    thin._first_scores = session.history._first_scores
    monkeypatch.setattr(session, "history", thin)
    first, last = frozen_runs(session)
    assert (first.n_labels, last.round) == (0, session.snapshot.round)
    np.testing.assert_array_equal(first.found, whole[0].found)
    np.testing.assert_array_equal(last.found, whole[-1].found)


def test_without_truth_a_frozen_curve_counts_known_labels_and_the_axis_says_so(session):
    ds = uai.Dataset.from_arrays(session.ds.x)
    blind = uai.ActiveSession(ds, config=uai.TrainConfig(hidden=(8, 2), pretrain_steps=5, round_steps=2))
    blind.train()
    blind.label(blind.queue[:4], [1, 0, 1, -1])
    blind.train()
    assert {int(run.found[-1]) for run in frozen_runs(blind)} == {2}
    assert "known labels only" in rounds.frozen_curves(blind).layout.yaxis.title.text
    assert "known labels only" not in rounds.frozen_curves(session).layout.yaxis.title.text


def test_a_line_of_the_separability_figure_is_a_column_of_its_table(session):
    table = separability(session)
    fig = rounds.separability_curve(table)
    assert len(fig.data) == 12
    lines = [t for t in fig.data if t.mode == "lines+markers"]
    assert [t.name for t in lines] == ["s", "s_uai", "line in [l; s]"] * 2
    part = table[(table["on"] == "truth") & (table["ranking"] == "s_uai")]
    np.testing.assert_allclose(lines[1].y, part["ap"], rtol=1e-6)
    np.testing.assert_allclose(lines[4].y, part["auc"], rtol=1e-6)
    assert lines[1].x.tolist() == part["n_labels"].tolist()
    assert "on the truth: 18 anomalies of 1,637" in fig.layout.annotations[0].text


def test_bands_are_drawn_on_known_labels_and_the_note_says_that_they_were_trained_on(session):
    fig = rounds.separability_curve(session, on="known labels")
    bands = [t for t in fig.data if t.fill == "toself"]
    assert any(t.visible for t in bands)
    assert "trained on" in fig.layout.annotations[0].text
    assert not any(t.visible for t in rounds.separability_curve(session).data if t.fill == "toself")


def test_the_pointer_tells_limits_where_there_are_some(session):
    line = next(t for t in rounds.separability_curve(session, on="known labels").data if t.mode == "lines+markers")
    assert "95%: %{customdata[0]:.3f} to %{customdata[1]:.3f}" in line.hovertemplate
    assert (line.customdata[:, 0] <= line.y + 1e-6).all()
    assert (line.customdata[:, 1] >= line.y - 1e-6).all()
    assert rounds.separability_curve(session).data[1].hovertemplate == "%{y:.3f}"


def test_a_frozen_line_is_flat_up_to_the_edge_of_the_plot(session):
    fig = rounds.frozen_curves(session)
    assert [line.line.simplify for line in fig.data] == [False] * len(fig.data)  # plotly would tilt the last piece
    assert fig.layout.legend.title.text == "training stopped at"


def test_another_place_to_measure_is_an_error(session):
    with pytest.raises(ValueError, match='expected "truth", "known labels" or None'):
        rounds.separability_curve(session, on="test")


def test_nothing_to_measure_gives_empty_panels_and_says_why(session):
    fig = rounds.separability_curve(separability(session).iloc[:0])
    assert "needs labels of both kinds" in fig.layout.annotations[0].text
