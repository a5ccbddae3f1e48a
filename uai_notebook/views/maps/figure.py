"""A plotly figure of UMAP maps: of the latents, of raw x, and with the gradient through l stopped for contrast."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from uai_notebook.datasets import Dataset
from uai_notebook.snapshot import FloatArray, Frame, IndexArray, Snapshot
from uai_notebook.views import style
from uai_notebook.views.figures import DOTS, labels_of, marker_of, title_of
from uai_notebook.views.maps.input import FEWEST, Choice, choose_items
from uai_notebook.views.maps.job import LatentMap, MapJob
from uai_notebook.views.text import plotly_text

if TYPE_CHECKING:
    from uai_notebook.session import ActiveSession

_HOVER = "item %{customdata}<extra>%{fullData.name}</extra>"


@dataclass(frozen=True, eq=False)
class _Panel:
    title: str
    job: MapJob
    frame: Frame


def latent_map(
    session: ActiveSession | Snapshot,
    *,
    of: str = "latent",
    ds: Dataset | npt.ArrayLike | None = None,
    labels: Any = None,
    seed: int = 0,
    max_items: int = 5000,
    cache: str | Path | None = None,
    contrast: ActiveSession | Snapshot | None = None,
    height: int = 480,
) -> go.Figure:
    """Maps of the items by UMAP: neighbours in the latent space, or in x, are neighbours on the plot.

    Takes some ten seconds on a free core, in processes of low priority. :class:`~uai_notebook.views.maps.MapJob` is
    the same without waiting.

    Parameters
    ----------
    session : ActiveSession or Snapshot
        Trained.
    of : str
        "latent": of l of the current round. "x": of the features, scaled as they are for learning. "both": x beside l.
    ds : Dataset or array_like (n, ...), optional
        Where the features are, if a snapshot is given: ``session.ds`` otherwise.
    labels : DataFrame or (index, value), optional
        ``session.labels``, or items int (t,) and labels (t,): 1 anomaly, 0 normal, -1 unsure. By default those of the
        session, or of the training. ``(np.arange(len(ds)), ds.y)`` shows the truth.
    seed : int
        Of what is random: same seed, same figure.
    max_items : int
        Items drawn: all with a label, and of the others all of the sparse parts of the plane of latent and score.
    cache : str or Path, optional
        Folder where maps are kept.
    contrast : ActiveSession or Snapshot, optional
        Of the same items, drawn at the right: :func:`uai_notebook.replay.retrain` with ``through_latent=False`` shows
        what the gradient through l does (Appendix C.1).
    height : int
        Pixels.

    Returns
    -------
    plotly.graph_objects.Figure

    Raises
    ------
    ValueError
        No training yet, no latent, no features, another ``of``, or a contrast of other items.
    RuntimeError
        UMAP failed, with why.

    Examples
    --------
    >>> latent_map(Snapshot(np.float32([1, 2])), of="both")
    Traceback (most recent call last):
    ValueError: latent_map: of="both" needs the features: pass ds=.
    """
    snapshot, ds, labels = _of_session(session, ds, labels)
    other = None if contrast is None else _of_session(contrast, None, None)[0]
    _check(snapshot, of, ds, other, max_items)
    index, value = labels_of(snapshot, labels)
    items = _items(snapshot, index, Choice(int(max_items), seed=int(seed)))

    def panel(title: str, shown: Snapshot, what: str = "latent") -> _Panel:
        frame = _frame(shown, items)
        x = None if what == "latent" else ds
        return _Panel(title, MapJob([frame], what, x=x, seed=seed, max_items=max_items, cache=cache), frame)

    panels = [panel("raw x", snapshot, "x")] if of != "latent" else []
    if of != "x":
        panels.append(panel("l of the latest round" if other is None else "gradient through l", snapshot))
    if other is not None:
        panels.append(panel("gradient stopped at l", other))
    maps = _computed([panel.job for panel in panels])
    return _figure(panels, maps, (index, value), snapshot, height)


def _of_session(session: Any, ds: Any, labels: Any) -> tuple[Snapshot, Any, Any]:
    if isinstance(session, Snapshot):
        return session, ds, labels
    if session.snapshot is None:
        raise ValueError("latent_map: this session has not been trained: call its train() first.")
    return session.snapshot, session.ds if ds is None else ds, session.current_labels() if labels is None else labels


def _check(snapshot: Snapshot, of: str, ds: Any, other: Snapshot | None, max_items: int) -> None:
    if of not in ("latent", "x", "both"):
        raise ValueError(f'latent_map: of={of!r}: expected "latent", "x" or "both".')
    if of != "latent" and ds is None:
        raise ValueError(f'latent_map: of="{of}" needs the features: pass ds=.')
    if of != "latent" and len(ds) != len(snapshot):
        raise ValueError(f"latent_map: ds has {len(ds):,} items, but the snapshot has {len(snapshot):,}.")
    if of != "x" and snapshot.latent is None:
        raise ValueError('latent_map: this learner has no latent: use of="x".')
    if other is not None and of == "x":
        raise ValueError('latent_map: contrast is drawn beside l, so it goes with of="latent" or of="both".')
    if other is not None and (len(other) != len(snapshot) or other.latent is None):
        what = "no latent" if other.latent is None else f"{len(other):,} items"
        raise ValueError(f"latent_map: contrast has {what}: expected latents of the same {len(snapshot):,} items.")
    if max_items < FEWEST:
        raise ValueError(f"latent_map: max_items={max_items!r}: expected at least {FEWEST}.")


def _items(snapshot: Snapshot, labeled: IndexArray, choice: Choice) -> IndexArray:
    """The items drawn, the same in all panels."""
    first = np.zeros(len(snapshot), bool)
    # The truth of everything would say nothing about which to draw.
    first[labeled if len(labeled) <= choice.limit else snapshot.labeled_index] = True
    rows = snapshot.base_score[:, None] if snapshot.latent is None else snapshot.latent
    return choose_items(rows, snapshot.base_score, first, choice)


def _frame(snapshot: Snapshot, items: IndexArray) -> Frame:
    # As History keeps it: the same latents then give the same map as in the Explorer.
    limit = np.finfo(np.float16).max
    latent = None if snapshot.latent is None else snapshot.latent[items].clip(-limit, limit).astype(np.float16)
    logit = None if snapshot.uai_logit is None else snapshot.uai_logit[items]
    return Frame(snapshot.round, items, snapshot.base_score[items], latent, logit, snapshot.n_labels, snapshot.head)


def _computed(jobs: list[MapJob]) -> list[LatentMap]:
    """All at once; if one fails or the wait is interrupted, the others end too."""
    try:
        for job in jobs:
            job.start()
        return [job.wait() for job in jobs]
    finally:
        for job in jobs:
            job.cancel()


def _figure(
    panels: list[_Panel],
    maps: list[LatentMap],
    labels: tuple[IndexArray, npt.NDArray[np.int64]],
    snapshot: Snapshot,
    height: int,
) -> go.Figure:
    fig = make_subplots(1, len(panels), subplot_titles=[panel.title for panel in panels], horizontal_spacing=0.06)
    missing = 0
    for column, (panel, made) in enumerate(zip(panels, maps, strict=True), start=1):
        points = made(panel.frame)
        assert points is not None
        missing = max(missing, int(np.isnan(points[:, 0]).sum()))
        for trace in _traces(panel.frame.index, points, labels):
            fig.add_trace(trace.update(showlegend=column == 1), 1, column)
        fig.update_xaxes(_axis(made.titles[0]), row=1, col=column)
        fig.update_yaxes(_axis(made.titles[1]), row=1, col=column)
    note = _note(panels[0].frame.index, len(snapshot), labels[0], missing)
    trained = f"{snapshot.n_labels:,} label{'s' * (snapshot.n_labels != 1)}"
    title = title_of(f"Round {snapshot.round + 1}, model trained on {trained}", note)
    margin = {"l": 40, "r": 16, "t": 124 if note else 104, "b": 48}
    # Above the titles of the panels.
    legend = {"orientation": "h", "x": 0, "xanchor": "left", "y": 1.07, "yanchor": "bottom", "itemsizing": "constant"}
    return fig.update_layout(style.layout(height, margin=margin, title=title, legend=legend))


def _note(drawn: IndexArray, n: int, labeled: IndexArray, missing: int) -> str:
    notes = []
    if len(drawn) < n:
        all_labels = ", all with a label among them" if len(labeled) and np.isin(labeled, drawn).all() else ""
        notes.append(f"{len(drawn):,} of {n:,} items drawn{all_labels}")
    if missing:
        notes.append(f"{missing:,} that are not finite left out")
    return "; ".join(notes)


def _traces(
    items: IndexArray, points: FloatArray, labels: tuple[IndexArray, npt.NDArray[np.int64]]
) -> list[go.Scattergl]:
    index, value = labels
    free = ~np.isin(items, index)
    traces = [_dots("unlabeled", free, items, points, DOTS)] if free.any() else []
    for label, mark in style.MARKS.items():
        which = np.isin(items, index[value == label])
        if which.any():
            traces.append(_dots(mark.word, which, items, points, marker_of(mark)))
    return traces


def _dots(
    word: str, which: npt.NDArray[np.bool_], items: IndexArray, points: FloatArray, marker: dict[str, Any]
) -> go.Scattergl:
    return go.Scattergl(
        x=points[which, 0],
        y=points[which, 1],
        customdata=items[which].astype(np.int32),  # int64 would travel as a JSON list
        name=f"{word} ({int(which.sum()):,})",
        legendgroup=word,
        mode="markers",
        marker=marker,
        hovertemplate=_HOVER,
    )


def _axis(title: str) -> dict[str, Any]:
    """Without numbers: only neighbourhoods mean something."""
    return style.axis(plotly_text(title), zeroline=False, showticklabels=False)
