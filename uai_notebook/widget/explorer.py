"""Explorer: candidates, latent-vs-score scatter and discovery curve around one session, in one cell."""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets
import numpy as np
import pandas as pd
import traitlets

from ..datasets import Dataset, load_dataset
from ..session import ActiveSession
from .panel import LabelPanel, check_keys, check_train_every
from .scatter import LatentScatter

#: Which run of a cell made which Explorers.
_by_cell: dict[str, tuple[str | None, list[Explorer]]] = {}


class StatusLine(anywidget.AnyWidget):
    """One line over the whole width, read out politely when it changes; the panel of the same Explorer writes it.

    It also makes the plotly figure below fit its column: plotly looks at its width only when the window changes, and
    a figure that came when the page was already there not even then.
    """

    _esm = """
function render({ model, el }) {
  const line = document.createElement("div");
  line.className = "uai-status-line";
  line.setAttribute("aria-live", "polite");
  line.textContent = model.get("text");
  el.append(line);
  const fit = () => {
    const plots = line.closest(".uai-explorer")?.querySelectorAll(".js-plotly-plot") ?? [];
    for (const plot of plots)
      if (plot.clientWidth && plot.clientWidth !== plot._fullLayout?.width)
        window.Plotly ? window.Plotly.Plots.resize(plot) : window.dispatchEvent(new Event("resize"));
  };
  const sizes = new ResizeObserver(fit);
  sizes.observe(line);
  const drawn = (event) => sizes.observe(event.detail.element); // which may be in the page only later
  document.addEventListener("plotlywidget-after-render", drawn);
  return () => {
    sizes.disconnect();
    document.removeEventListener("plotlywidget-after-render", drawn);
  };
}
export default { render };
"""
    text = traitlets.Unicode().tag(sync=True)


class Explorer(ipywidgets.VBox):
    """The active loop in a cell.

    Displaying it is enough: a new session starts to train, candidates appear, answers are journaled, and the
    network learns from every ``train_every`` of them while labeling goes on.

    Parameters
    ----------
    session : ActiveSession
        What is explored.
    renderer, train_every, blind, keys
        See :class:`LabelPanel`.

    Attributes
    ----------
    panel : LabelPanel
    scatter : LatentScatter
    curve : plotly.graph_objects.FigureWidget
        The discovery curve; made when a browser has drawn the panel, or when first asked for.

    Examples
    --------
    >>> import uai_notebook as uai
    >>> session = uai.ActiveSession(uai.load_dataset("digits_0"), config=uai.TrainConfig(pretrain_steps=20))
    >>> explorer = uai.Explorer(session)
    >>> _ = session.wait()
    >>> len(explorer.panel.state["batch"])
    10
    >>> explorer.close()
    """

    def __init__(
        self,
        session: ActiveSession,
        renderer: Callable[[Any], Any] | None = None,
        train_every: int | None = None,
        blind: bool = False,
        keys: Mapping[str, Any] | None = None,
    ) -> None:
        self._closed = True  # until there is something to close: Widget.__del__ calls close()
        self._curve_lock = threading.Lock()
        self.session, self._renderer, self._blind = session, renderer, blind
        self.panel = LabelPanel(session, renderer, train_every, blind, keys)
        self.scatter = LatentScatter(session, blind=blind, preview=self.panel.preview)
        self.scatter.on_pick(self.panel.visit)
        self.scatter.on_label(self.panel.label_many)
        self._curve: Any = None
        self._status = StatusLine(text=self.panel.state["status"])
        self._side = ipywidgets.VBox([self.scatter], layout={"flex": "3 1 460px", "min_width": "0"})
        self.panel.layout.flex, self.panel.layout.min_width = "2 1 320px", "0"
        self._row = ipywidgets.Box(
            [self.panel, self._side], layout={"display": "flex", "flex_flow": "row wrap", "grid_gap": "8px"}
        )
        super().__init__([self._status, self._row])
        self.add_class("uai-explorer")
        self._closed = False
        self._replace_older()
        self.panel.on_painted(lambda: threading.Thread(target=self._make_curve_later, daemon=True).start())
        if session.phase == "new" and not session.closed:
            session.start()

    @property
    def curve(self) -> Any:
        """The discovery curve, a plotly FigureWidget."""
        self._make_curve()
        return self._curve.figure

    def freeze(self) -> Any:
        """Put a still of all this into the cell that calls: a picture and tables that outlive the kernel.

        GitHub, nbviewer, nbconvert and a notebook opened tomorrow show it. It holds what the session says now: the
        first, a middle and the latest round, the discovery curve, candidates (without scores if ``blind``) and the
        anomalies found. Outside of IPython it is returned; in a notebook it is shown, and None is returned.

        Raises
        ------
        ImportError
            matplotlib is missing: ``pip install "uai_notebook[export]"``.
        """
        from .freeze import freeze, show

        return show(freeze(self.session, self._renderer, self._blind))

    def close(self) -> None:
        """Remove the widgets; the session goes on to exist."""
        with self._curve_lock:
            if self._closed:
                return
            self._closed = True
        if self._curve is not None:
            self._curve.close()
        for explorers in _by_cell.values():
            if self in explorers[1]:
                explorers[1].remove(self)
        # Layouts and boxes too: ipywidgets keeps every widget that is not closed, and so would the session be kept.
        for widget in (self.panel, self.scatter, self._status, self._row, self._side):
            widget.layout.close()
            widget.close()
        self.layout.close()
        super().close()

    def _make_curve_later(self) -> None:
        # Importing plotly takes more than a second, which the first model and its candidates need more.
        with contextlib.suppress(RuntimeError):  # a failed training: the panel says so
            self.session.wait()
        self._make_curve()

    def _make_curve(self) -> None:
        from .curve import DiscoveryCurve

        with self._curve_lock:
            if self._curve is None and not self._closed:
                self._curve = DiscoveryCurve(self.session, on_measured=self.scatter.show_numbers)
                self._side.children = (*self._side.children, self._curve.tabs, self._curve.figure)

    def _replace_older(self) -> None:
        """Running a cell again replaces its Explorers, and leaves no second trainer behind."""
        cell, run = _cell_id(), _run_id()
        if cell is None:
            return
        older_run, older = _by_cell.get(cell, (None, []))
        if run is not None and run == older_run:
            older.append(self)  # another one of the same run
            return
        _by_cell[cell] = (run, [self])
        for explorer in older:
            if explorer.session is not self.session:
                explorer.session.close("This cell was run again: label in its new output.")
            explorer.close()


def explore(
    data: Dataset | pd.DataFrame | np.ndarray | str,
    *,
    path: str | Path | None = None,
    base: Any = None,
    renderer: Callable[[Any], Any] | None = None,
    train_every: int | None = None,
    blind: bool = False,
    keys: Mapping[str, Any] | None = None,
    **options: Any,
) -> Explorer:
    """Find the useful anomalies in ``data``: one call makes Dataset, session and Explorer.

    Run again, also in a new kernel, it goes on where it was.

    Parameters
    ----------
    data : Dataset, DataFrame, array or str
        What is looked at; a str is a name that :func:`load_dataset` knows.
    path : str or Path, optional
        Folder of the session. Default: ``uai_sessions/<name>-<fingerprint[:8]>`` under the current folder.
    base : str, BaseModel or Learner, optional
        Default: "class" where the data has given classes, else "dae".
    renderer, train_every, blind, keys
        See :class:`LabelPanel`.
    **options
        ``k``, ``budget``, ``query``, ``seed``, ``config``, ``annotator``, ``audit`` of :class:`ActiveSession`.

    Returns
    -------
    Explorer
        To be displayed.

    Examples
    --------
    >>> import tempfile, numpy as np, uai_notebook as uai
    >>> x = np.random.default_rng(0).normal(size=(50, 3))
    >>> folder = tempfile.TemporaryDirectory()
    >>> explorer = uai.explore(x, path=folder.name, config=uai.TrainConfig(pretrain_steps=20))
    >>> _ = explorer.session.wait()
    >>> explorer.session.phase
    'labeling'
    >>> explorer.close()
    >>> folder.cleanup()
    """
    check_keys(keys)  # before a folder is made
    if train_every is not None:
        check_train_every(train_every)
    ds = _as_dataset(data)
    if base is None:
        base = "dae" if ds.x_y is None else "class"
    if len(ds) < 10:
        options.setdefault("k", len(ds))
    session = ActiveSession.open(default_folder(ds) if path is None else path, ds, base=base, **options)
    return Explorer(session, renderer, train_every, blind, keys)


def default_folder(ds: Dataset) -> Path:
    """``uai_sessions/<name>-<fingerprint[:8]>``: the same data find their labels again."""
    name = re.sub(r"[^\w.-]+", "_", ds.name).strip("._")[:60] or "data"
    return Path("uai_sessions") / f"{name}-{ds.fingerprint[:8]}"


def _as_dataset(data: Any) -> Dataset:
    if isinstance(data, Dataset):
        return data
    if isinstance(data, str):
        return load_dataset(data)
    if isinstance(data, pd.DataFrame):
        return Dataset.from_frame(data)
    return Dataset.from_arrays(data)


def _cell_id() -> str | None:
    """Id of the notebook cell that runs, where the front end tells it (JupyterLab 4, Notebook 7)."""
    cell = _request().get("metadata", {}).get("cellId")
    return cell if isinstance(cell, str) else None


def _run_id() -> str | None:
    """Id of this run of it."""
    run = _request().get("header", {}).get("msg_id")
    return run if isinstance(run, str) else None


def _request() -> dict[str, Any]:
    """The message that made the kernel run what runs now; empty outside a kernel."""
    try:
        from IPython import get_ipython
    except ImportError:
        return {}
    shell = get_ipython()
    if shell is None or not hasattr(shell, "get_parent"):
        return {}
    return shell.get_parent() or {}
