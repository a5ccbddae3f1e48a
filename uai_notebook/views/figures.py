"""plotly figures of a snapshot and of a session: nothing here needs a widget or a kernel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

from uai_notebook.snapshot import FloatArray, IndexArray, Snapshot
from uai_notebook.views import style
from uai_notebook.views.curves import Run, as_runs, band, random_curve, thinned
from uai_notebook.views.projection import LatentAxis
from uai_notebook.views.text import plotly_text

_MAX_POINTS = 50_000
_SMALLEST = 1e-6  # of the largest score: what lies below is drawn at the bottom of a log axis, as in LatentScatter
_HEAVY_TAIL = 20  # largest score over median, our choice
#: How items without a label are drawn.
DOTS = {"color": style.UNLABELED, "size": 4, "opacity": 0.6}
_HOVER = "item %{customdata}<br>latent %{x:.4~g}<br>score %{y:.4~g}<extra>%{fullData.name}</extra>"


def latent_score(
    snapshot: Snapshot,
    labels: Any = None,
    *,
    x: npt.ArrayLike | None = None,
    axis: LatentAxis | None = None,
    log: bool | None = None,
    height: int = 480,
    max_points: int = _MAX_POINTS,
) -> go.Figure:
    """Latent against anomaly score, one point per item: Figures 9 and 10 of the paper.

    Parameters
    ----------
    snapshot : Snapshot
        Of n items.
    labels : DataFrame or (index, value), optional
        ``session.labels``, or items int (t,) and their labels (t,): 1 anomaly, 0 normal, -1 unsure. By default the
        labels that the model was trained on.
    x : array_like (n,) or (n, ...), optional
        Where points lie horizontally, or features to take an axis of. Needed where the learner has no latent.
    axis : LatentAxis, optional
        Fitted on this snapshot unless given; give the same one to compare rounds.
    log : bool, optional
        Scale of the score. By default log if no score is negative and the largest is over 20 times the median.
    height : int
        Pixels.
    max_points : int
        Unlabeled items drawn. If there are more, the highest scores and a random sample of the others are.

    Returns
    -------
    plotly.graph_objects.Figure

    Raises
    ------
    ValueError
        No latent and no ``x``; arrays of another length; labels of items that the snapshot does not have; ``log``
        for negative scores.

    Examples
    --------
    >>> snapshot = Snapshot(np.float32([0.1, 0.2, 9.0]), latent=np.float32([[0], [1], [5]]))
    >>> fig = latent_score(snapshot, labels=([2, 0], [1, 0]))
    >>> [trace.name for trace in fig.data]
    ['unlabeled (1)', 'normal (1)', 'anomaly (1)']
    """
    n = len(snapshot)
    across, title = _coordinates(snapshot, x, axis)
    index, value = labels_of(snapshot, labels)
    log = is_heavy_tailed(snapshot.base_score) if log is None else log
    up, notes = log_scores(snapshot.base_score) if log else (snapshot.base_score, [])
    free = np.ones(n, bool)
    free[index] = False
    unlabeled = np.flatnonzero(free)
    drawn = _sample(unlabeled, snapshot.base_score, max_points)
    if len(drawn) < len(unlabeled):
        notes.insert(0, f"{len(drawn):,} of {len(unlabeled):,} unlabeled items drawn, the highest scores among them")
    fig = go.Figure(layout=style.layout(height, margin={"l": 64, "r": 16, "t": 92 if notes else 72, "b": 56}))
    fig.add_trace(_points(f"unlabeled ({len(unlabeled):,})", drawn, across, up, DOTS))
    for label, mark in style.MARKS.items():
        items = index[value == label]
        if len(items):
            fig.add_trace(_points(f"{mark.word} ({len(items):,})", items, across, up, marker_of(mark)))
    trained = f"{snapshot.n_labels:,} label{'s' * (snapshot.n_labels != 1)}"
    fig.update_layout(
        title=title_of(f"Round {snapshot.round + 1}, model trained on {trained}", "; ".join(notes)),
        xaxis=style.axis(plotly_text(title), zeroline=False),
        yaxis=score_axis(up, log),
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom", "itemsizing": "constant"},
    )
    return fig


def discovery_curve(runs: Any, *, unsupervised: bool = True, height: int = 420) -> go.Figure:
    """Anomalies found against items asked: Figures 3, 6 to 8 and 11 of the paper.

    Parameters
    ----------
    runs : list of ActiveSession, or dict of name to run
        A run is a session, the labels in the order asked (1 anomaly, 0 normal, -1 unsure), or a list of either, one
        per seed: then the line is the median, and the band goes from the worst seed to the best, up to the end of the
        shortest.
    unsupervised : bool
        For sessions: also what the first ranking would have found, and what random order would.
    height : int
        Pixels.

    Returns
    -------
    plotly.graph_objects.Figure

    Raises
    ------
    ValueError
        No runs, runs without names, or something that is not a label.

    Examples
    --------
    >>> fig = discovery_curve({"good": [1, 1, 0], "three seeds": [[0, 1], [1, 1], [0, 0]]})
    >>> [(trace.name, trace.y.tolist()) for trace in fig.data if trace.name]
    [('good', [0, 1, 2, 2]), ('three seeds (median of 3)', [0.0, 0.0, 1.0])]
    """
    lines = as_runs(runs)
    fig = go.Figure(layout=style.layout(height, margin={"l": 64, "r": 16, "t": 40, "b": 56}, **curve_layout(lines)))
    for i, run in enumerate(lines):
        fig.add_traces([*_band_traces(run, i), found_trace(run, i)])
        if unsupervised and run.ranking:
            fig.add_trace(ranking_trace(run, i if len(lines) > 1 else None, prefix=len(lines) > 1))
    if unsupervised:
        chances = {(run.n_anomalies, run.n_items): run for run in lines if run.n_items}
        fig.add_traces([random_trace(run) for run in chances.values()])
    return fig


def found_trace(run: Run, i: int = 0) -> dict[str, Any]:
    """Line number ``i``: anomalies found by a run, the median of its seeds."""
    name = plotly_text(run.name)
    if len(run.found) > 1:
        name += f" (median of {len(run.found)})"
    return _line(run.found, name, _colour(i)) | {
        "mode": "lines+markers",
        "zorder": 1,  # where lines meet, this one is seen
        "line": {"color": _colour(i), "width": 2.5},
        "marker": {"symbol": style.LINE_SYMBOLS[i % len(style.LINE_SYMBOLS)], "size": 7, "maxdisplayed": 8},
        "legendgroup": str(i),
    }


def ranking_trace(run: Run, i: int | None = None, prefix: bool = False) -> dict[str, Any]:
    """Dashed: what the ranking before any label would have found; in grey if ``i`` is None."""
    colour = style.TEXT if i is None else _colour(i)
    name = plotly_text(f"{run.name}, {run.ranking_name}" if prefix else run.ranking_name)
    return _line(run.ranking, name, colour) | {"line": {"color": colour, "width": 2, "dash": "dash"}}


def random_trace(run: Run) -> dict[str, Any]:
    """Dotted: what random order would find on average."""
    curves = [] if run.n_items is None else [random_curve(run.n_anomalies or 0, run.n_items, run.length)]
    trace = _line(curves, "random order (expected)", style.TEXT)
    return trace | {"line": {"color": style.TEXT, "width": 1.5, "dash": "dot"}}


def curve_layout(runs: Sequence[Run]) -> dict[str, Any]:
    """Axes, and lines at the budget and at all anomalies where the runs agree on them."""
    length = max(run.length for run in runs)
    budget, total = ({getattr(run, name) for run in runs} for name in ("budget", "n_anomalies"))
    shapes, notes = [], []
    line = {"color": style.TEXT, "width": 1}
    title = "items asked"
    if len(budget) == 1 and (b := budget.pop()) is not None:
        shapes.append({"type": "line", "x0": b, "x1": b, "y0": 0, "y1": 1, "yref": "paper", "line": line})
        title += f" (budget {b:,})"
    if len(total) == 1 and (a := total.pop()) is not None and a <= length:  # else it could not be reached here
        shapes.append({"type": "line", "x0": 0, "x1": 1, "y0": a, "y1": a, "xref": "paper", "line": line})
        place = {"x": 0, "y": a, "xref": "paper", "xanchor": "left", "yanchor": "bottom", "showarrow": False}
        notes.append({"text": f"all {a:,} anomalies", "font": {"size": 11}, **place})
    counts = {"rangemode": "tozero", "zeroline": False, "autorangeoptions": {"include": 4}}  # no halves on the axis
    return {
        "xaxis": style.axis(title, **counts),
        "yaxis": style.axis("anomalies found", **counts),
        "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"},
        "hovermode": "x unified",
        "hoverlabel": {"bgcolor": "white", "font": {"color": "#222222"}},
        "shapes": shapes,
        "annotations": notes,
    }


def labels_of(snapshot: Snapshot, labels: Any) -> tuple[IndexArray, npt.NDArray[np.int64]]:
    """Items int64 (t,) and their labels (t,): those given, as in :func:`latent_score`, or those trained on."""
    if labels is None:
        labels = snapshot.labeled_index, snapshot.labeled_value
    elif isinstance(labels, pd.DataFrame):
        labels = labels["index"], labels["label"]
    index, value = (np.asarray(part) for part in labels)
    if index.shape != value.shape or index.ndim != 1:
        raise ValueError(f"labels for {index.shape} items, but {value.shape} values: give one per item.")
    if not np.isin(value, list(style.MARKS)).all():
        raise ValueError("labels must be 1 (anomaly), 0 (normal) or -1 (unsure).")
    index = index.astype(np.int64)
    if len(index) and not 0 <= index.min() <= index.max() < len(snapshot):
        raise ValueError(f"labels of items {index.min()} to {index.max()}, but the snapshot has {len(snapshot)} items.")
    return index, value.astype(np.int64)


def marker_of(mark: style.Mark) -> dict[str, Any]:
    """A plotly marker."""
    # Thin crosses have no face: their line is their colour.
    edge = {"color": mark.colour, "width": 2} if mark.symbol == "x-thin" else {"color": "white", "width": 1}
    return {"color": mark.colour, "symbol": mark.symbol, "size": mark.size, "line": edge}


# -- inside ----------------------------------------------------------------------------------------------------------


def _coordinates(snapshot: Snapshot, x: npt.ArrayLike | None, axis: LatentAxis | None) -> tuple[FloatArray, str]:
    n = len(snapshot)
    if x is not None:
        values = np.asarray(x)
        if values.ndim == 0 or len(values) != n:
            raise ValueError(f"latent_score: x has shape {values.shape}, but the snapshot has {n} items.")
        if values.ndim == 1:
            return values.astype(np.float32), "x" if axis is None else axis.label
        axis = LatentAxis.fit_features(values) if axis is None else axis
        return axis(values), axis.label
    if snapshot.latent is None:
        raise ValueError(
            "latent_score: this snapshot has no latent, because its learner has none. Pass x=ds.x for the first "
            "principal axis of the features, or x= one number per item."
        )
    axis = LatentAxis.fit(snapshot.latent) if axis is None else axis
    return axis(snapshot.latent), axis.label


def is_heavy_tailed(score: FloatArray) -> bool:
    """Whether scores are drawn on a log axis unless somebody says otherwise."""
    finite = score[np.isfinite(score)]
    return len(finite) > 0 and finite.min() >= 0 and bool(finite.max() > _HEAVY_TAIL * np.median(finite))


def log_scores(score: FloatArray, smallest: float = _SMALLEST) -> tuple[FloatArray, list[str]]:
    """Scores that a log axis can show, none below ``smallest`` of the largest, and a note if some had to be raised."""
    finite = score[np.isfinite(score)]
    if len(finite) and finite.min() < 0:
        raise ValueError("log=True needs scores that are not negative; use log=False.")
    if not (finite > 0).any():
        return score, []
    floor = np.float32(max(finite[finite > 0].min(), finite.max() * smallest))
    raised = int((score < floor).sum())
    notes = [f"{raised:,} scores below {floor:.1g} drawn at the bottom"] if raised else []
    return np.maximum(score, floor), notes


def score_axis(score: FloatArray, log: bool) -> dict[str, Any]:
    """The axis of some scores."""
    if not log:
        return style.axis("anomaly score s", type="linear")
    shown = score[np.isfinite(score) & (score > 0)]
    decades = np.log10(shown.max() / shown.min()) if len(shown) else 0
    # Over many decades 2 and 5 between them would be clutter.
    return style.axis("anomaly score s (log)", type="log", exponentformat="power", dtick=1 if decades > 4 else None)


def _sample(items: IndexArray, score: FloatArray, limit: int) -> IndexArray:
    """At most ``limit`` of ``items``, a tenth of them the highest scores, which a random sample would miss."""
    if len(items) <= limit:
        return items
    n_top = limit // 10
    order = np.argsort(-score[items], kind="stable")
    others = np.random.default_rng(0).choice(order[n_top:], limit - n_top, replace=False)
    return np.sort(items[np.concatenate([order[:n_top], others])])


def _points(name: str, items: IndexArray, x: FloatArray, y: FloatArray, marker: dict[str, Any]) -> go.Scattergl:
    # int64 would travel as a JSON list.
    which = {"x": x[items], "y": y[items], "customdata": items.astype(np.int32)}
    return go.Scattergl(**which, name=name, mode="markers", marker=marker, hovertemplate=_HOVER)


def title_of(text: str, note: str = "") -> dict[str, Any]:
    """Title of a figure, and under it, small, what has to be known of the picture."""
    title: dict[str, Any] = {
        "text": text,
        "font": {"size": 15},
        "x": 0,
        "xref": "paper",
        "yref": "container",
        "y": 0.97,
    }
    return title | ({"subtitle": {"text": note, "font": {"size": 11}}} if note else {})


def _colour(i: int) -> str:
    return style.LINE_COLOURS[i % len(style.LINE_COLOURS)]


def _line(curves: Sequence[npt.NDArray[Any]], name: str, colour: str) -> dict[str, Any]:
    """The median of some curves as a trace; invisible if there are none."""
    curve = band(curves)[0] if len(curves) > 1 else np.asarray([*curves, np.zeros(1, np.int32)][0])
    x = thinned(len(curve))
    return {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": curve[x],
        "name": name,
        "visible": len(curves) > 0,
        "showlegend": True,
        "line": {"color": colour},
        "hovertemplate": "%{y:,.1~f}",
    }


def _band_traces(run: Run, i: int) -> list[dict[str, Any]]:
    """From the worst seed to the best, as a shade."""
    if len(run.found) < 2:
        return []
    _, low, high = band(run.found)
    x = thinned(len(low))
    common = {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "line": {"width": 0},
        "hoverinfo": "skip",
        "showlegend": False,
    }
    red, green, blue = (int(_colour(i)[j : j + 2], 16) for j in (1, 3, 5))
    shade = {"fill": "tonexty", "fillcolor": f"rgba({red}, {green}, {blue}, 0.2)", "legendgroup": str(i)}
    return [{**common, "y": low[x], "legendgroup": str(i)}, {**common, "y": high[x], **shade}]
