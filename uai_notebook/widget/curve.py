"""The live curves over rounds: one small plotly ``FigureWidget`` with three pages that follows a session."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import pandas as pd

    from uai_notebook.session import ActiveSession
    from uai_notebook.snapshot import Frame
    from uai_notebook.views.curves import Run

_log = logging.getLogger(__name__)
_FOLLOWED = frozenset({"labels", "snapshot", "phase"})  # "phase" also stands for a new budget

PAGES = {"found": "Found", "separability": "Separability", "frozen": "If training had stopped"}
"""What can be shown, and the words on the buttons."""

_MEASURED_ROUNDS = 24  # of the separability page, evenly spread: each is fitted anew when labels come in
_PATIENCE = 1.0  # seconds of measuring after which what is there is drawn
_DELAY = 0.2  # seconds: drawing takes 8 ms, which a click must not wait for, and comes at most five times a second

# Text in the colour of the page's theme, which plotly cannot know.
_CSS = """
.uai-curve .main-svg text { fill: var(--jp-ui-font-color1, currentColor) !important; }
.uai-curve .main-svg .hoverlayer text { fill: #222222 !important; }
"""


class DiscoveryCurve:
    """Anomalies found against items asked, kept up to date while a session goes on; and two more pages.

    The pages are "found", "separability" (how well anomalies separate, round by round) and "frozen" (what would be
    found if training had stopped at a round). plotly is imported when one is made, and not before: it costs a second,
    and 14 MB in the browser for each figure, so there is one for all pages.

    Parameters
    ----------
    session : ActiveSession
        What is followed; only read.
    height : int
        Pixels.
    on_measured : callable, optional
        Takes the table of separability, in another thread, each time that the page of it is drawn anew.

    Attributes
    ----------
    figure : plotly.graph_objects.FigureWidget
        On the page "found" three lines, always in this order: found, found by the ranking before any label, random
        order.
    tabs : ipywidgets.ToggleButtons
        Chooses the page.
    page : str
        The page on show.

    Examples
    --------
    >>> import uai_notebook as uai
    >>> session = uai.ActiveSession(uai.load_dataset("digits_0"))
    >>> curve = DiscoveryCurve(session)
    >>> session.label([3, 4], [0, 1])  # not asked for: spends no budget, and does not count
    >>> curve.refresh()  # otherwise a moment later
    >>> curve.figure.data[0].y.tolist()
    [0]
    >>> curve.close()
    """

    def __init__(
        self, session: ActiveSession, height: int = 220, on_measured: Callable[[pd.DataFrame], object] | None = None
    ) -> None:
        import ipywidgets

        from uai_notebook.views import style
        from uai_notebook.views.curves import session_run

        self._session = session
        self._drawing = threading.Lock()  # taken before the session's own lock, never after
        self._waiting = threading.Lock()  # guards the timer; nothing else is taken under it
        self._timer: threading.Timer | None = None
        self._order: npt.NDArray[np.int64] | None = None
        self._on_measured = on_measured
        self._truth: dict[int, list[dict[str, Any]]] = {}  # what was measured, by round
        self._known: dict[int, list[dict[str, Any]]] = {}  # the same on the labels known now
        self._measured_in: int | None = None  # the round in which it was
        self._drawn: Any = session_run(session, "found")  # what is on the page: a Run, or (page, round)
        self.page = "found"
        layout = style.layout(height, autosize=True, **_found_layout(self._drawn))
        self.figure = _figure_class()(data=_traces(self._drawn), layout=layout)
        self.figure.add_class("uai-curve")
        names = [(words, page) for page, words in PAGES.items()]
        self.tabs = ipywidgets.ToggleButtons(options=names, layout={"margin": "4px 0 0"})
        self.tabs.style.button_width = "auto"
        self.tabs.observe(lambda change: self.show(change["new"]), "value")
        self._unsubscribe = session.observe(self._changed)
        self.figure.observe(self._comm_changed, "comm")
        self.refresh()  # what happened in between

    def show(self, page: str) -> None:
        """Turn to a page; it is drawn by another thread, a moment later. ValueError if there is none of that name."""
        if page not in PAGES:
            raise ValueError(f"page={page!r}: expected one of {', '.join(PAGES)}.")
        self.page = self.tabs.value = page
        self._draw_soon(0.0)

    def refresh(self) -> None:
        """Draw the session as it is now; does nothing if that is drawn."""
        with self._drawing:
            if self.figure.comm is None:
                return
            if self.page == "found":
                self._draw_found()
            else:
                self._draw_rounds(self.page)

    def _draw_found(self) -> None:
        from uai_notebook.views.curves import Run, session_run
        from uai_notebook.views.figures import curve_layout

        if self._order is None:  # sorts all items: once
            self._order = self._session.history.unsupervised_order
        run = session_run(self._session, "found", order=self._order)
        if not isinstance(self._drawn, Run):
            self._replace(_traces(run), _found_layout(run))
        elif not run.same_picture(self._drawn):
            with self.figure.batch_update():
                for trace, new in zip(self.figure.data, _traces(run), strict=True):
                    trace.x, trace.y, trace.name, trace.visible = (new[key] for key in ("x", "y", "name", "visible"))
                layout = curve_layout([run])
                self.figure.layout.shapes, self.figure.layout.annotations = layout["shapes"], layout["annotations"]
                self.figure.layout.xaxis.title.text = layout["xaxis"]["title"]["text"]
        self._drawn = run

    def _draw_rounds(self, page: str) -> None:
        """A page that only changes with the round."""
        from uai_notebook.views import rounds
        from uai_notebook.views.frozen import frozen_runs

        snapshot = self._session.snapshot
        drawn: tuple[str, int | None] = (page, -1 if snapshot is None else snapshot.round)
        if drawn == self._drawn:
            return
        if page == "frozen":
            runs = frozen_runs(self._session)
            self._replace(rounds.frozen_traces(runs), rounds.frozen_layout(self._session, runs))
        else:
            table, complete = self._measured(drawn[1] or 0)
            self._replace(rounds.separability_traces(table), rounds.separability_layout(table))
            if self._on_measured is not None:
                self._on_measured(table)
            if not complete:
                drawn = (page, None)
                self._draw_soon(0.0)
        self._drawn = drawn

    def _measured(self, latest: int) -> tuple[Any, bool]:
        """The table of separability of some key rounds, and whether it has all of them: after a second it is shown."""
        from uai_notebook.views.separation import known_at, round_rows, table, truth_rows

        session = self._session
        if self._measured_in != latest:
            self._known.clear()  # labels have come in since; the truth does not change
        self._measured_in = latest
        frames = _spread(session.history.frames, _MEASURED_ROUNDS)
        index, value = session.current_labels()
        until: float | None = None  # at least one is measured
        for frame in frames[-1:] + frames[:-1]:  # what is new first
            if frame.round in self._known:
                continue
            if until is not None and time.monotonic() > until:
                break
            until = until or time.monotonic() + _PATIENCE
            if session.ds.y is not None and frame.round not in self._truth:
                self._truth[frame.round] = truth_rows(session, frame)
            known = known_at(frame, index, value)
            self._known[frame.round] = round_rows(frame, known, "known labels", session.seed, limits=True)
        rows = [r for frame in frames for part in (self._known, self._truth) for r in part.get(frame.round, [])]
        return table(rows), all(frame.round in self._known for frame in frames)

    def _replace(self, traces: list[dict[str, Any]], layout: dict[str, Any]) -> None:
        """Another page: other traces on other axes."""
        with self.figure.batch_update():
            self.figure.data = ()
            self.figure.add_traces(traces)
            self.figure.update_layout({**_NO_AXES, **_small(layout)}, overwrite=True)

    def close(self) -> None:
        """Stop following the session and remove the figure from the page."""
        self._unsubscribe()
        with self._waiting:
            if self._timer is not None:
                self._timer.cancel()
        with self._drawing:
            for widget in (self.tabs.style, self.tabs.layout, self.tabs, self.figure):
                widget.close()

    def _changed(self, changes: frozenset[str]) -> None:
        if not changes & _FOLLOWED:
            return
        self._draw_soon(_DELAY)

    def _draw_soon(self, seconds: float) -> None:
        with self._waiting:
            if self._timer is None:  # else what changed now will be drawn with what changed before
                self._timer = threading.Timer(seconds, self._draw)
                self._timer.daemon = True
                self._timer.start()

    def _draw(self) -> None:
        with self._waiting:
            self._timer = None
        try:
            self.refresh()
        except Exception:  # a picture must not stop anything
            _log.exception("the discovery curve could not be drawn")

    def _comm_changed(self, change: Any) -> None:
        if change["new"] is None:  # the figure was closed by itself
            self._unsubscribe()


def discovery_widget(session: ActiveSession, height: int = 220) -> Any:
    """The figure of a new :class:`DiscoveryCurve`; it follows the session until it is closed.

    Examples
    --------
    >>> import uai_notebook as uai
    >>> figure = discovery_widget(uai.ActiveSession(uai.load_dataset("digits_0")))
    >>> len(figure.data)
    3
    >>> figure.close()
    """
    return DiscoveryCurve(session, height).figure


def _figure_class() -> Any:
    from plotly.graph_objects import FigureWidget

    class CurveFigure(FigureWidget):
        """It is told to the browser when it is complete: this thread is not the one that answers a page."""

        _css = _CSS

        def __init__(self, *arguments: Any, **options: Any) -> None:
            self._complete = False
            super().__init__(*arguments, **options)
            self._complete = True
            self.open()

        def open(self) -> None:
            if self._complete:
                super().open()

    return CurveFigure


def _traces(run: Run) -> list[dict[str, Any]]:
    from uai_notebook.views.figures import found_trace, random_trace, ranking_trace

    return [found_trace(run), ranking_trace(run), random_trace(run)]  # always these three: changed in place


def _found_layout(run: Run) -> dict[str, Any]:
    from uai_notebook.views.figures import curve_layout

    return _small(curve_layout([run]))


def _small(layout: dict[str, Any]) -> dict[str, Any]:
    """A layout for a few hundred pixels."""
    legend = {**layout["legend"], "font": {"size": 11}, "itemwidth": 30, "x": -0.05}
    top = 46 if any(note.get("yshift") for note in layout["annotations"]) else 30  # a note stands above the legend
    return {**layout, "margin": {"l": 48, "r": 12, "t": top, "b": 40}, "legend": legend}


_NO_AXES: dict[str, Any] = {"xaxis2": {}, "yaxis2": {}}


def _spread(frames: tuple[Frame, ...], limit: int) -> tuple[Frame, ...]:
    """At most ``limit`` of them, evenly, first and last kept."""
    if len(frames) <= limit:
        return frames
    step = (len(frames) - 1) / (limit - 1)
    return tuple(frames[round(i * step)] for i in range(limit))
