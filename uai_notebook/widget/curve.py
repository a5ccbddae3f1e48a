"""The live discovery curve: a small plotly ``FigureWidget`` that follows a session."""

from __future__ import annotations

import logging
import threading
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from uai_notebook.session import ActiveSession

_log = logging.getLogger(__name__)
_FOLLOWED = frozenset({"labels", "snapshot", "phase"})  # "phase" also stands for a new budget
_CSS = """
.uai-curve .js-plotly-plot .main-svg text { fill: var(--jp-ui-font-color1, currentColor) !important; }
"""


def discovery_widget(session: ActiveSession, height: int = 220) -> Any:
    """Anomalies found against items asked, kept up to date while the session goes on.

    plotly is imported here and not before: it costs a second, and 14 MB in the browser for each widget, so make one.

    Parameters
    ----------
    session : ActiveSession
        What is followed; only read.
    height : int
        Pixels.

    Returns
    -------
    plotly.graph_objects.FigureWidget
        With ``refresh()``, called by itself when the session changes, and ``close()``, which ends that.

    Examples
    --------
    >>> import uai_notebook as uai
    >>> session = uai.ActiveSession(uai.load_dataset("digits_0"))
    >>> curve = discovery_widget(session)
    >>> session.label([3, 4], [0, 1])  # not asked for: spends no budget, and does not count
    >>> curve.data[0].y.tolist()
    [0]
    >>> curve.close()
    """
    return _widget_class()(session, height)


@cache
def _widget_class() -> Any:
    from plotly.graph_objects import FigureWidget

    from uai_notebook.views import style
    from uai_notebook.views.curves import Run, session_run
    from uai_notebook.views.figures import curve_layout, found_trace, random_trace, ranking_trace

    def traces(run: Run) -> list[dict[str, Any]]:
        return [found_trace(run), ranking_trace(run), random_trace(run)]  # always these three: changed in place

    class DiscoveryCurve(FigureWidget):
        """What :func:`discovery_widget` returns."""

        _css = _CSS  # text in the colour of the page's theme, which plotly cannot know

        def __init__(self, session: ActiveSession, height: int) -> None:
            run = session_run(session)
            margin = {"l": 48, "r": 12, "t": 8, "b": 40}
            super().__init__(data=traces(run), layout=style.layout(height, margin=margin, **curve_layout([run])))
            self.add_class("uai-curve")
            self._drawing = threading.Lock()  # taken before the session's own lock, never after
            self._drawn = run
            self._order: npt.NDArray[np.int64] | None = None
            self._session = session
            self._unsubscribe: Any = session.observe(self._changed)
            self.refresh()  # what happened in between

        def refresh(self) -> None:
            """Draw the session as it is now."""
            with self._drawing:
                if self._unsubscribe is None:
                    return
                if self._order is None:  # an argsort of all items: once
                    self._order = self._session.history.unsupervised_order
                run = session_run(self._session, order=self._order)
                if _same(run, self._drawn):
                    return
                with self.batch_update():
                    for trace, new in zip(self.data, traces(run), strict=True):
                        trace.update({key: new[key] for key in ("x", "y", "name", "visible")}, overwrite=True)
                    changed = curve_layout([run])
                    self.layout.shapes, self.layout.annotations = changed["shapes"], changed["annotations"]
                self._drawn = run

        def _changed(self, changes: frozenset[str]) -> None:
            if not changes & _FOLLOWED:
                return
            try:
                self.refresh()
            except Exception:  # a picture must not stop the session
                _log.exception("the discovery curve could not be drawn")

        def close(self) -> None:
            """Stop following the session and remove the widget from the page."""
            unsubscribe = getattr(self, "_unsubscribe", None)  # __del__ may call this after a failed __init__
            if unsubscribe is not None:
                self._unsubscribe = None
                unsubscribe()
            super().close()

    return DiscoveryCurve


def _same(a: Any, b: Any) -> bool:
    """Whether two runs draw the same picture."""
    lines = zip([*a.found, *a.ranking], [*b.found, *b.ranking], strict=False)
    counts = (len(a.ranking), a.ranking_name, a.budget, a.n_anomalies, a.n_items)
    return counts == (len(b.ranking), b.ranking_name, b.budget, b.n_anomalies, b.n_items) and all(
        x.shape == y.shape and bool((x == y).all()) for x, y in lines
    )
