"""The live discovery curve follows a session, and leaves it alone."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

import uai_notebook as uai
from uai_notebook.widget import curve as curve_module
from uai_notebook.widget.curve import DiscoveryCurve, discovery_widget


def a_session(truth: bool = True, **options: object) -> uai.ActiveSession:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3)).astype(np.float32)
    y = (np.arange(60) % 6 == 0).astype(np.uint8)
    ds = uai.Dataset.from_arrays(x, y=y if truth else None)
    config = uai.TrainConfig(hidden=(4, 2), pretrain_steps=3, round_steps=2, batch_size=16, labeled_batch=16)
    return uai.ActiveSession(ds, k=5, config=config, **options)  # type: ignore[arg-type]


@pytest.fixture
def session() -> uai.ActiveSession:
    return a_session(budget=20)


@pytest.fixture
def curve(session: uai.ActiveSession) -> Iterator[DiscoveryCurve]:
    curve = DiscoveryCurve(session)
    yield curve
    curve.close()


def until(condition: object) -> None:
    end = time.monotonic() + 10
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.01)


def test_a_new_session_shows_an_empty_curve_and_the_budget(curve: DiscoveryCurve) -> None:
    found, ranking, chance = curve.figure.data
    assert found.y.tolist() == [0]
    assert not ranking.visible  # no snapshot, no ranking
    assert chance.y[-1] == pytest.approx(20 * 10 / 60)
    assert "budget 20" in curve.figure.layout.xaxis.title.text
    assert [note.text for note in curve.figure.layout.annotations] == ["all 10 anomalies"]


def test_it_follows_labels_and_snapshots_by_itself(session: uai.ActiveSession, curve: DiscoveryCurve) -> None:
    session.train()
    first = session.queue
    session.label(first, uai.Label.ANOMALY)
    until(lambda: curve.figure.data[0].y[-1] == 5)
    found, ranking, _ = curve.figure.data
    assert found.y.tolist() == [0, 1, 2, 3, 4, 5]
    assert ranking.visible
    assert len(ranking.y) == 21  # as far as the budget goes
    y, order = session.ds.y, session.history.unsupervised_order
    assert y is not None
    assert order is not None
    assert ranking.y.tolist() == [int(y[order[:b]].sum()) for b in range(21)]
    session.undo()
    until(lambda: curve.figure.data[0].y.tolist() == [0])


def test_a_raised_budget_moves_the_line(session: uai.ActiveSession, curve: DiscoveryCurve) -> None:
    session.budget = 30
    until(lambda: "budget 30" in curve.figure.layout.xaxis.title.text)
    assert curve.figure.layout.shapes[0].x0 == 30


def test_without_truth_only_known_labels_are_claimed() -> None:
    session = a_session(truth=False)
    curve = DiscoveryCurve(session)
    session.train()
    session.label(session.queue, [1, 0, -1, 1, 0])
    curve.refresh()
    found, ranking, chance = curve.figure.data
    assert found.y.tolist() == [0, 1, 1, 1, 2, 2]
    assert ranking.y.tolist() == [0, 1, 1, 1, 2, 2]  # the first batch is the first ranking
    assert "known labels only" in ranking.name
    assert not chance.visible
    curve.close()


def test_many_changes_are_drawn_together(session: uai.ActiveSession, curve: DiscoveryCurve, monkeypatch) -> None:
    session.train()
    until(lambda: curve._timer is None)
    drawn = []
    monkeypatch.setattr(curve, "refresh", lambda: drawn.append(len(session.labels)))
    for item in session.queue:
        session.label(int(item), 0)
    until(lambda: drawn)
    assert drawn == [5]


def test_training_progress_is_not_drawn(curve: DiscoveryCurve) -> None:
    curve._changed(frozenset({"progress", "queue"}))
    assert curve._timer is None


def test_what_is_drawn_already_sends_nothing(session: uai.ActiveSession, curve: DiscoveryCurve, monkeypatch) -> None:
    monkeypatch.setattr(type(curve.figure), "batch_update", lambda *_: pytest.fail("drawn again"))
    curve.refresh()


def test_a_failure_to_draw_is_logged_and_stops_nothing(
    session: uai.ActiveSession, curve: DiscoveryCurve, monkeypatch, caplog
) -> None:
    monkeypatch.setattr(curve, "refresh", lambda: 1 / 0)
    with caplog.at_level(logging.ERROR):
        session.label(3, 1)
        until(lambda: "could not be drawn" in caplog.text)
    assert len(session.labels) == 1
    until(lambda: curve._timer is None)  # the next change is drawn again


def test_a_closed_curve_no_longer_follows(session: uai.ActiveSession) -> None:
    curve = DiscoveryCurve(session)
    session.label(3, 1)
    timer = curve._timer
    assert timer is not None
    curve.close()
    timer.join(5)
    assert not timer.is_alive()
    assert not len(session._observers)
    curve.refresh()  # does nothing, and does not fail
    curve.close()


def test_closing_the_figure_ends_following(session: uai.ActiveSession) -> None:
    figure = discovery_widget(session)
    assert len(session._observers) == 1
    figure.close()
    assert not len(session._observers)


def test_it_can_be_drawn_from_many_threads(session: uai.ActiveSession, curve: DiscoveryCurve) -> None:
    session.train()
    failures: list[BaseException] = []

    def work(items: np.ndarray) -> None:
        try:
            for item in items:
                session.label(int(item), 1)
                curve.refresh()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(items,)) for items in np.array_split(session.queue, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    curve.refresh()
    assert not failures
    assert curve.figure.data[0].y.tolist() == [0, 1, 2, 3, 4, 5]


def test_its_text_takes_the_colour_of_the_theme(curve: DiscoveryCurve) -> None:
    assert "--jp-ui-font-color1" in curve.figure.get_state()["_css"]
    assert "uai-curve" in curve.figure._dom_classes
    assert curve.figure.layout.paper_bgcolor == "rgba(0, 0, 0, 0)"


def test_importing_the_module_does_not_import_plotly() -> None:
    code = f"import sys, {curve_module.__name__}; sys.exit('plotly.graph_objects' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_page_that_asks_for_all_widgets_never_gets_a_figure_that_is_half_made(monkeypatch) -> None:
    from ipywidgets.widgets import widget

    opened = []
    create = widget.comm.create_comm
    monkeypatch.setattr(widget.comm, "create_comm", lambda **options: opened.append(options) or create(**options))
    curve = DiscoveryCurve(a_session())
    states = [options["data"]["state"] for options in opened]
    assert [len(state["_widget_data"]) for state in states if "_widget_data" in state] == [3]
    assert next(state for state in states if "_widget_data" in state)["_widget_layout"]["height"] == 220
    curve.close()


# -- pages ----------------------------------------------------------------------------------------------------------


def test_pages_over_rounds_are_drawn_and_follow_the_session_and_the_first_one_comes_back() -> None:
    session = a_session(budget=20)
    curve = DiscoveryCurve(session)
    session.train()
    session.label(session.queue, [1, 0, 1, 0, 0])
    session.train()
    curve.tabs.value = "separability"

    def points() -> list[int]:  # s in two rounds, s_uai in the one that has it
        return [len(t.y) for t in curve.figure.data if t.mode == "lines+markers"][:2]

    until(lambda: len(curve.figure.data) == 12 and points() == [2, 1])
    until(lambda: "on the truth: 10 anomalies of 60" in curve.figure.layout.annotations[0].text)  # it comes last
    curve.show("frozen")
    until(lambda: curve.figure.layout.yaxis.title.text == "anomalies found" and len(curve.figure.data) == 2)
    session.label(session.queue, [0, 0, 1, 0, 0])
    session.train()
    until(lambda: len(curve.figure.data) == 3)
    curve.show("found")
    until(lambda: "items asked" in curve.figure.layout.xaxis.title.text)
    found = curve.figure.data[0]
    assert found.y.tolist()[-1] == session.labels["label"].eq(1).sum()
    session.label(session.queue[0], 1)
    until(lambda: len(curve.figure.data[0].y) == 12)  # changed in place again
    assert curve.figure.data[0] is found
    curve.close()


def test_who_asked_gets_the_numbers_of_known_labels_and_of_the_truth() -> None:
    session, got = a_session(), []
    curve = DiscoveryCurve(session, on_measured=got.append)
    session.train()
    session.label(session.queue, [1, 0, 1, 0, 0])
    session.train()
    curve.show("separability")
    until(lambda: got and set(got[-1]["round"]) == {0, 1})
    assert {(on, int(n)) for on, n in zip(got[-1]["on"], got[-1]["n"], strict=True)} == {
        ("known labels", 5),
        ("truth", 60),
    }
    known = got[-1]["on"] == "known labels"
    assert got[-1].loc[known, "ap_low"].notna().all()
    session.label(session.queue, [0, 0, 1, 0, 0])
    session.train()
    until(lambda: set(got[-1].loc[got[-1]["on"] == "known labels", "n"]) == {10} and set(got[-1]["round"]) == {0, 1, 2})
    curve.close()


def test_a_page_without_truth_is_measured_on_known_labels() -> None:
    session = a_session(truth=False)
    curve = DiscoveryCurve(session)
    session.train()
    session.label(session.queue, [1, 0, 1, 0, 0])
    session.train()
    curve.show("separability")
    until(lambda: "labels known now: 2 anomalies of 5" in str(curve.figure.layout.annotations))
    curve.close()


def test_a_page_of_another_name_is_an_error_and_nothing_is_drawn_before_the_first_round(curve: DiscoveryCurve) -> None:
    with pytest.raises(ValueError, match="expected one of found, separability, frozen"):
        curve.show("loss")
    for page in ("separability", "frozen", "found"):
        curve.page = page
        curve.refresh()


def test_rounds_that_take_long_to_measure_are_drawn_as_they_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curve_module, "_PATIENCE", 0.0)  # one round at a time
    session = a_session()
    curve = DiscoveryCurve(session)
    monkeypatch.setattr(curve, "_draw_soon", lambda seconds: None)  # by hand
    for _ in range(3):
        session.train()
        session.label(session.queue, [1, 0, 1, 0, 0])
    curve.page = "separability"
    seen = []
    for _ in range(3):
        curve.refresh()
        seen.append(next(len(t.x) for t in curve.figure.data if t.name == "s" and t.mode == "lines+markers"))
    assert seen == [1, 2, 3]
    assert curve._drawn == ("separability", 2)
    curve.close()
