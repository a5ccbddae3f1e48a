"""The live discovery curve: a small plotly ``FigureWidget`` that follows a session."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from uai_notebook.session import ActiveSession
    from uai_notebook.views.curves import Run

_log = logging.getLogger(__name__)
_FOLLOWED = frozenset({"labels", "snapshot", "phase"})  # "phase" also stands for a new budget

_DELAY = 0.2  # seconds: drawing takes 8 ms, which a click must not wait for, and comes at most five times a second

# Text in the colour of the page's theme, which plotly cannot know.
_CSS = """
.uai-curve .main-svg text { fill: var(--jp-ui-font-color1, currentColor) !important; }
.uai-curve .main-svg .hoverlayer text { fill: #222222 !important; }
"""


class DiscoveryCurve:
    """Anomalies found against items asked, kept up to date while a session goes on.

    plotly is imported when one is made, and not before: it costs a second, and 14 MB in the browser for each
    figure, so make one.

    Parameters
    ----------
    session : ActiveSession
        What is followed; only read.
    height : int
        Pixels.

    Attributes
    ----------
    figure : plotly.graph_objects.FigureWidget
        Three lines, always in this order: found, found by the ranking before any label, random order.

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

    def __init__(self, session: ActiveSession, height: int = 220) -> None:
        from uai_notebook.views import style
        from uai_notebook.views.curves import session_run
        from uai_notebook.views.figures import curve_layout

        self._session = session
        self._drawing = threading.Lock()  # taken before the session's own lock, never after
        self._waiting = threading.Lock()  # guards the timer; nothing else is taken under it
        self._timer: threading.Timer | None = None
        self._order: npt.NDArray[np.int64] | None = None
        self._drawn: Run = session_run(session, "found")
        layout = style.layout(
            height, autosize=True, margin={"l": 48, "r": 12, "t": 30, "b": 40}, **curve_layout([self._drawn])
        )
        layout["legend"] |= {"font": {"size": 11}, "itemwidth": 30, "x": -0.05}
        self.figure = _figure_class()(data=_traces(self._drawn), layout=layout)
        self.figure.add_class("uai-curve")
        self._unsubscribe = session.observe(self._changed)
        self.figure.observe(self._comm_changed, "comm")
        self.refresh()  # what happened in between

    def refresh(self) -> None:
        """Draw the session as it is now; does nothing if that is drawn."""
        from uai_notebook.views.curves import session_run
        from uai_notebook.views.figures import curve_layout

        with self._drawing:
            if self._order is None:  # sorts all items: once
                self._order = self._session.history.unsupervised_order
            run = session_run(self._session, "found", order=self._order)
            if self.figure.comm is None or run.same_picture(self._drawn):
                return
            with self.figure.batch_update():
                for trace, new in zip(self.figure.data, _traces(run), strict=True):
                    trace.x, trace.y, trace.name, trace.visible = (new[key] for key in ("x", "y", "name", "visible"))
                layout = curve_layout([run])
                self.figure.layout.shapes, self.figure.layout.annotations = layout["shapes"], layout["annotations"]
                self.figure.layout.xaxis.title.text = layout["xaxis"]["title"]["text"]
            self._drawn = run

    def close(self) -> None:
        """Stop following the session and remove the figure from the page."""
        self._unsubscribe()
        with self._waiting:
            if self._timer is not None:
                self._timer.cancel()
        with self._drawing:
            self.figure.close()

    def _changed(self, changes: frozenset[str]) -> None:
        if not changes & _FOLLOWED:
            return
        with self._waiting:
            if self._timer is None:  # else what changed now will be drawn with what changed before
                self._timer = threading.Timer(_DELAY, self._draw)
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
        _css = _CSS

    return CurveFigure


def _traces(run: Run) -> list[dict[str, Any]]:
    from uai_notebook.views.figures import found_trace, random_trace, ranking_trace

    return [found_trace(run), ranking_trace(run), random_trace(run)]  # always these three: changed in place
