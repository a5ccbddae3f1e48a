"""How l(x) and s(x) separate as labels come in: Figures 9 and 10 of the paper (Appendix C.1), animated."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from uai_notebook.datasets import Dataset
from uai_notebook.labels import Label
from uai_notebook.snapshot import FloatArray, Frame, History
from uai_notebook.views import style
from uai_notebook.views.animation import controls
from uai_notebook.views.colouring import Groups, Scale, colouring
from uai_notebook.views.figures import score_axis, title_of
from uai_notebook.views.film import NO_LABEL, Film, Map, Plane, Scene, choose_frames, make_film
from uai_notebook.views.projection import LatentAxis

if TYPE_CHECKING:
    from uai_notebook.session import ActiveSession

_SVG_POINTS = 5_000  # above, WebGL draws; below, SVG also works where that is missing
_LINE_POINTS = 200
_NARROW = 600  # pixels between the margins of the narrowest page thought of
_HOVER = "item %{customdata}<br>%{x:.4~g}, %{y:.4~g}<extra>%{fullData.name}</extra>"
_LEGEND = {"orientation": "h", "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom", "itemsizing": "constant"}
_EMPTY: dict[str, Any] = {"x": [None], "y": [None]}  # one point that is not drawn: plotly hides a trace without any


def evolution(
    history: ActiveSession | History | Sequence[Frame],
    *,
    labels: Any = None,
    truth: npt.ArrayLike | None = None,
    color: str = "label",
    values: npt.ArrayLike | None = None,
    ds: Dataset | None = None,
    rounds: Sequence[int] | None = None,
    axis: LatentAxis | None = None,
    map: Map | None = None,
    log: bool | None = None,
    rescale: bool = False,
    max_points: int = 3000,
    height: int = 520,
) -> go.Figure:
    """Latent against anomaly score from round to round, with a slider: Figures 9 and 10 of the paper.

    Parameters
    ----------
    history : ActiveSession, History or sequence of Frame
        A session brings its labels and data with it.
    labels : DataFrame or (index, value), optional
        ``session.labels``, or items int (t,) and their labels (t,) in the order given: 1 anomaly, 0 normal,
        -1 unsure. An item is drawn as labelled from the first frame on that was trained on it.
    truth : array_like of int (n,), optional
        1 for anomalies; by default that of ``ds``. Only looked at for ``color="truth"``.
    color : str
        "label", "truth", "base score", "uai" (the probability of eq. 3), or a name for ``values``. Where it is not
        "label", labels are outlines around the dots.
    values : array_like (n,), optional
        A column of yours to colour by: numbers, or categories.
    ds : Dataset, optional
        Where ``truth`` comes from, and features to take an axis of if the learner has no latent.
    rounds : sequence of int, optional
        By default all key rounds, at most 40 of them, evenly spaced.
    axis : LatentAxis, optional
        By default fitted on the first frame; all frames share it.
    map : function, optional
        Gives both coordinates of a frame, float32 (m, 2), or None: a :class:`~uai_notebook.views.maps.LatentMap`.
    log : bool, optional
        Scale of the score. By default log if no score is negative and the largest is over 20 times the median.
    rescale : bool
        Whether the latent of each round is centred and drawn in a unit of its own. It often grows a hundredfold, so
        that on common axes early rounds are a stripe. Separability does not change: lines stay lines.
    max_points : int
        Unlabelled items drawn, the same ones in every frame, thinned where they are dense in the first.
    height : int
        Pixels.

    Returns
    -------
    plotly.graph_objects.Figure
        With one frame per round. The axes do not move.

    Raises
    ------
    ValueError
        No frames, no such round, no latent and no ``ds``, arrays of another length, no such colouring.

    Notes
    -----
    Where the latent has one dimension, the dotted line is where the UAI head gives one half (eq. 3); on a log axis
    it is a curve.

    Examples
    --------
    >>> from uai_notebook import History, Snapshot
    >>> history = History()
    >>> for i in range(3):
    ...     l, s = np.float32([[0], [i], [2 * i]]), np.float32([1, 2, 3 + i])
    ...     history.append(Snapshot(s, latent=l, round=i, labeled_index=np.arange(i), labeled_value=np.zeros(i)))
    >>> fig = evolution(history, labels=([0, 1], [0, 1]))
    >>> [step.label for step in fig.layout.sliders[0].steps]
    ['round 0, 0 labels', 'round 1, 1 label', 'round 2, 2 labels']
    """
    frames, labels, ds = _parts(history, labels, ds)
    film = make_film(choose_frames(frames, rounds), labels, Plane(axis, map, ds, log, rescale), max_points)
    look = colouring(film, color, _truth(truth, ds), values)
    pictures = [_traces(film, look, i) for i in range(len(film.scenes))]
    fig = go.Figure(data=pictures[0], layout=_layout(film, look, height))
    names = [f"round {scene.frame.round}" for scene in film.scenes]
    moving = ("x", "y", "customdata", "marker")
    fig.frames = [
        go.Frame(
            name=name,
            data=[{"type": t["type"]} | {key: t[key] for key in moving if key in t} for t in traces],
            traces=list(range(len(traces))),
        )
        for name, traces in zip(names, pictures, strict=True)
    ]
    fig.update_layout(controls(names, [scene.title for scene in film.scenes]))
    fig.update_layout(xaxis=_across(film), yaxis=_up(film))
    return fig


def compare(
    history: ActiveSession | History | Sequence[Frame],
    rounds: Sequence[int] | None = None,
    *,
    labels: Any = None,
    truth: npt.ArrayLike | None = None,
    color: str = "label",
    values: npt.ArrayLike | None = None,
    ds: Dataset | None = None,
    axis: LatentAxis | None = None,
    map: Map | None = None,
    log: bool | None = None,
    rescale: bool = False,
    max_points: int = 3000,
    height: int = 440,
) -> go.Figure:
    """Rounds side by side on the same axes, by default the first and the last.

    Takes what :func:`evolution` takes; ``rounds`` are two or more.

    Examples
    --------
    >>> from uai_notebook import History, Snapshot
    >>> history = History()
    >>> for i in range(3):
    ...     history.append(Snapshot(np.float32([1, 2, 3 + i]), latent=np.float32([[0], [i], [5]]), round=i))
    >>> fig = compare(history)
    >>> [note.text for note in fig.layout.annotations], fig.layout.xaxis.range == fig.layout.xaxis2.range
    (['round 0, 0 labels', 'round 2, 0 labels'], True)
    """
    frames, labels, ds = _parts(history, labels, ds)
    chosen = choose_frames(frames, rounds)
    if rounds is None:
        chosen = (chosen[0], chosen[-1]) if len(chosen) > 1 else chosen
    film = make_film(chosen, labels, Plane(axis, map, ds, log, rescale), max_points)
    look = colouring(film, color, _truth(truth, ds), values)
    n = len(film.scenes)
    titles = [scene.title for scene in film.scenes]
    fig = make_subplots(1, n, shared_yaxes=True, subplot_titles=titles, horizontal_spacing=0.04)
    fig.update_annotations(font_size=style.FONT_SIZE + 1)
    for i in range(n):
        for trace in _traces(film, look, i):
            fig.add_trace(
                {**trace, "showlegend": i == 0 and trace.get("showlegend", True), "legendgroup": trace["name"]},
                row=1,
                col=i + 1,
            )
    layout = _layout(film, look, height)
    layout["legend"] = _LEGEND | {"y": 1.08}  # above the titles of the panels
    layout["margin"]["t"] += 24
    fig.update_layout(layout)
    fig.update_xaxes(_across(film))
    fig.update_yaxes(_up(film))
    for i in range(1, n):
        fig.layout[f"yaxis{i + 1}"].title.text = None
    return fig


# -- inside ----------------------------------------------------------------------------------------------------------


def _parts(history: Any, labels: Any, ds: Dataset | None) -> tuple[Sequence[Frame], Any, Dataset | None]:
    """Frames, labels and data, of whatever was given."""
    if hasattr(history, "history"):  # a session, whose module, and torch, need not be imported
        labels = history.labels if labels is None else labels
        history, ds = history.history, history.ds if ds is None else ds
    return getattr(history, "frames", history), labels, ds


def _truth(truth: Any, ds: Dataset | None) -> Any:
    return ds.y if truth is None and ds is not None else truth


def _layout(film: Film, look: Groups | Scale, height: int) -> dict[str, Any]:
    notes = "; ".join(film.notes)
    names = [trace["name"] for trace in _traces(film, look, 0) if trace.get("showlegend", True)]
    margin = {"l": 64, "r": 16, "t": 54 + 18 * _legend_rows(names) + 20 * bool(notes), "b": 56}
    what = f"{film.titles[1].removesuffix(' (log)')} against {film.titles[0].split(', rescaled')[0]}"
    if film.mapped:
        what = "a map of the items"
    title = _plain(f"{what[:1].upper()}{what[1:]} as labels come in")
    layout = style.layout(height, margin=margin, title=title_of(title, notes), legend=_LEGEND)
    if isinstance(look, Scale):
        bar = {
            "title": {"text": html.escape(look.title, quote=False), "side": "right"},
            "thickness": 12,
            "outlinewidth": 0,
        }
        layout["coloraxis"] = {"colorscale": "Cividis", "cmin": look.range[0], "cmax": look.range[1], "colorbar": bar}
    return layout


def _legend_rows(names: Sequence[str]) -> int:
    """Rows that a legend takes in a figure of 700 pixels: entries are as wide as the widest unless all fit."""
    widths = [50 + 7 * len(name) for name in names]
    return 1 if sum(widths) <= _NARROW else math.ceil(len(names) / max(1, _NARROW // max(widths)))


def _across(film: Film) -> dict[str, Any]:
    return style.axis(_plain(film.titles[0]), zeroline=False, range=film.ranges[0])


def _up(film: Film) -> dict[str, Any]:
    low, high = film.ranges[1]
    shape = score_axis(np.asarray([low, high], np.float32), film.log)
    shape["title"]["text"] = _plain(film.titles[1])
    ends = [math.log10(low), math.log10(high)] if film.log else [low, high]
    return {**shape, "zeroline": False, "range": ends}


def _plain(text: str) -> str:
    return html.escape(text, quote=False)  # plotly reads tags


def _traces(film: Film, look: Groups | Scale, i: int) -> list[dict[str, Any]]:
    """The dots, the line of the head, and the labels on top: the same traces in each scene."""
    scene = film.scenes[i]
    webgl = max(len(scene.item) for scene in film.scenes) > _SVG_POINTS
    plain = isinstance(look, Groups) and look.of is None
    traces = _scale_dots(scene, look, i) if isinstance(look, Scale) else _group_dots(scene, look)
    if film.line and any(other.frame.head is not None for other in film.scenes):
        traces.append(_head_line(film, scene))
    there = {int(label) for s in film.scenes for label in np.unique(s.label)}
    traces += [_labelled(scene, label, outline=not plain) for label in style.MARKS if label in there]
    return [{"type": "scattergl" if webgl else "scatter", **trace} for trace in traces]


def _group_dots(scene: Scene, look: Groups) -> list[dict[str, Any]]:
    """A trace per group; where all are one group, labelled items are left to the marks on top."""
    group = look.group(scene)
    free = scene.label == NO_LABEL if look.of is None else np.ones(len(group), bool)
    return [
        _points(scene, free & (group == i), mark.word)
        | {"marker": {"color": mark.colour, "symbol": mark.symbol, "size": mark.size, "opacity": 0.6}}
        for i, mark in enumerate(look.marks)
    ]


def _scale_dots(scene: Scene, look: Scale, i: int) -> list[dict[str, Any]]:
    """Grey where there is no value, and the rest on the scale."""
    values = look.values[i]
    there = np.isfinite(values)
    # Without a point of the scale plotly would not know that the trace is on it.
    colours = values[there] if there.any() else np.zeros(1, np.float32)
    grey = {"color": style.UNLABELED, "size": 4, "opacity": 0.4}
    scaled = {"color": colours, "coloraxis": "coloraxis", "size": 5, "opacity": 0.8}
    shown = any(not np.isfinite(v).all() for v in look.values)
    return [
        _points(scene, ~there, f"{look.title} not known") | {"marker": grey, "showlegend": shown},
        _points(scene, there, look.title) | {"marker": scaled, "showlegend": False},
    ]


def _labelled(scene: Scene, label: Label, outline: bool) -> dict[str, Any]:
    """Marks of one label; as outlines around the dots where dots have a colour of their own."""
    mark = style.MARKS[label]
    # Thin crosses have no face: their line is their colour.
    edge = {"color": mark.colour, "width": 2} if outline or mark.symbol == "x-thin" else {"color": "white", "width": 1}
    marker = {"color": mark.colour, "symbol": mark.symbol, "size": mark.size, "line": edge}
    if outline:
        marker |= {"symbol": f"{mark.symbol}-open", "size": mark.size + 2, "line": {**edge, "width": 1.5}}
    name = f"labelled {mark.word}" if outline else mark.word
    return _points(scene, scene.label == label, name) | {"marker": marker}


def _points(scene: Scene, which: npt.NDArray[np.bool_], name: str) -> dict[str, Any]:
    shared = {"mode": "markers", "name": _plain(name), "hovertemplate": _HOVER}
    if not which.any():
        return {**_EMPTY, **shared}
    # int64 would travel as a JSON list.
    return {"x": scene.x[which], "y": scene.y[which], "customdata": scene.item[which].astype(np.int32), **shared}


def _head_line(film: Film, scene: Scene) -> dict[str, Any]:
    head = scene.frame.head
    if head is not None:  # of l = centre + unit x
        centre, unit = scene.unit
        head = np.array([head[0] * unit, head[1], head[2] + head[0] * centre], np.float32)
    x, y = head_line(head, film.ranges, film.log)
    return {
        **({"x": x, "y": y} if len(x) else _EMPTY),
        "mode": "lines",
        "name": "UAI probability 1/2",
        "line": {"color": style.TEXT, "width": 1.5, "dash": "dot"},
        "hoverinfo": "skip",
    }


def head_line(
    head: FloatArray | None, ranges: tuple[tuple[float, float], tuple[float, float]], log: bool
) -> tuple[FloatArray, FloatArray]:
    """Where a head of a latent of one dimension gives one half, inside the ranges of l and s.

    Parameters
    ----------
    head : float32 (3,) or None
        W of l, of s, and the bias (eq. 3).
    ranges : ((float, float), (float, float))
        Of l and of s.
    log : bool
        Whether s is drawn on a log axis; points then lie evenly on it.

    Returns
    -------
    float32 (p,), float32 (p,)
        l and s; empty where there is no line.

    Examples
    --------
    >>> l, s = head_line(np.float32([1, 2, -4]), ((0, 10), (0, 10)), log=False)
    >>> float(l[0]), float(s[0]), bool(np.allclose(l + 2 * s, 4))
    (0.0, 2.0, True)
    """
    if head is None or not np.isfinite(head).all() or not np.any(head[:2]):
        return np.empty(0, np.float32), np.empty(0, np.float32)
    of_l, of_s, bias = (float(w) for w in head)
    (left, right), (low, high) = ranges
    if abs(of_l) * (right - left) > abs(of_s) * (high - low):  # steep: go up
        s = np.geomspace(low, high, _LINE_POINTS) if log else np.linspace(low, high, _LINE_POINTS)
        l = -(of_s * s + bias) / of_l  # noqa: E741
    else:
        l = np.linspace(left, right, _LINE_POINTS)  # noqa: E741
        s = -(of_l * l + bias) / of_s
    inside = (l >= left) & (l <= right) & (s >= low) & (s <= high)
    return l[inside].astype(np.float32), s[inside].astype(np.float32)
