"""The plotly traces of one scene: dots, the line of the UAI head, and labels on top."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from uai_notebook.labels import Label
from uai_notebook.snapshot import FloatArray
from uai_notebook.views import style
from uai_notebook.views.film.colouring import Groups, Scale
from uai_notebook.views.film.frames import NO_LABEL, Film, Scene
from uai_notebook.views.text import plotly_text

_SVG_POINTS = 5_000  # above, WebGL draws; below, SVG also works where that is missing
_LINE_POINTS = 200
_HOVER = "item %{customdata}<br>%{x:.4~g}, %{y:.4~g}<extra>%{fullData.name}</extra>"
_EMPTY: dict[str, Any] = {"x": [None], "y": [None]}  # one point that is not drawn: plotly hides a trace without any


def traces_of(film: Film, look: Groups | Scale, i: int) -> list[dict[str, Any]]:
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
    shared = {"mode": "markers", "name": plotly_text(name), "hovertemplate": _HOVER}
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
