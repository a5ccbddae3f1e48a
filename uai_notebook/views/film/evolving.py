"""How l(x) and s(x) separate as labels come in: Figures 9 and 10 of the paper (Appendix C.1), animated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from uai_notebook.datasets import Dataset
from uai_notebook.snapshot import Frame, History
from uai_notebook.views import style
from uai_notebook.views.figures import score_axis, title_of
from uai_notebook.views.film.animation import controls
from uai_notebook.views.film.colouring import Groups, Scale, colouring
from uai_notebook.views.film.frames import Film, Map, Plane, choose_frames, make_film
from uai_notebook.views.film.scene_traces import traces_of
from uai_notebook.views.projection import LatentAxis
from uai_notebook.views.separation import words_of
from uai_notebook.views.text import plotly_text

if TYPE_CHECKING:
    from uai_notebook.session import ActiveSession

_LINE = 16  # pixels of a line of numbers
_NARROW = 600  # pixels between the margins of the narrowest page thought of
_LEGEND = {"orientation": "h", "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom", "itemsizing": "constant"}


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
    numbers: pd.DataFrame | None = None,
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
        As ``Snapshot.round`` counts them, from 0. By default all key rounds, at most 40 of them, evenly spaced.
    axis : LatentAxis, optional
        By default fitted on the first frame; all frames share it.
    map : function, optional
        Gives both coordinates of a frame, float32 (m, 2), or None: a :class:`~uai_notebook.views.maps.LatentMap`.
    log : bool, optional
        Scale of the score. By default log if no score is negative and the largest is over 20 times the median.
    rescale : bool
        Whether the latent of each round is centred and drawn in a unit of its own. It often grows a hundredfold, so
        that on common axes early rounds are a stripe. Separability does not change: lines stay lines.
    numbers : DataFrame, optional
        What :func:`~uai_notebook.views.separability` gives: its numbers of a round stand above the picture of it, on
        the truth where the table has them. Rows of one kind only, ``table[table["on"] == "known labels"]``, choose.
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
    ['round 1, 0 labels', 'round 2, 1 label', 'round 3, 2 labels']
    """
    frames, labels, ds = _parts(history, labels, ds)
    film = make_film(choose_frames(frames, rounds), labels, Plane(axis, map, ds, log, rescale), max_points)
    look = colouring(film, color, _truth(truth, ds), values)
    pictures = [traces_of(film, look, i) for i in range(len(film.scenes))]
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
    if numbers is not None:
        _put_numbers(fig, [words_of(numbers, scene.frame.round) for scene in film.scenes])
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
    (['round 1, 0 labels', 'round 3, 0 labels'], True)
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
        for trace in traces_of(film, look, i):
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
    names = [trace["name"] for trace in traces_of(film, look, 0) if trace.get("showlegend", True)]
    margin = {"l": 64, "r": 16, "t": 54 + 18 * _legend_rows(names) + 20 * bool(notes), "b": 56}
    up = film.titles[1].removesuffix(" (log)").removeprefix("anomaly ")
    what = f"{up} against {film.titles[0].split(', rescaled')[0]}"
    if film.mapped:
        what = "a map of the items"
    title = plotly_text(f"{what[:1].upper()}{what[1:]} as labels come in")
    layout = style.layout(height, margin=margin, title=title_of(title, notes), legend=_LEGEND)
    if isinstance(look, Scale):
        bar = {
            "title": {"text": plotly_text(look.title), "side": "right"},
            "thickness": 12,
            "outlinewidth": 0,
        }
        layout["coloraxis"] = {"colorscale": "Cividis", "cmin": look.range[0], "cmax": look.range[1], "colorbar": bar}
    return layout


def _put_numbers(fig: go.Figure, words: Sequence[str]) -> None:
    """Between the legend and the axes, other ones in each frame, and as many lines in all."""
    lines = [text.count("<br>") + 1 for text in words]
    room = _LINE * max(lines)
    place = {"x": 0, "y": 1, "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "bottom", "align": "left"}
    notes = [
        [{**place, "text": text + "<br> " * (max(lines) - n), "showarrow": False, "font": {"size": 11}}]
        for text, n in zip(words, lines, strict=True)
    ]
    layout = fig.layout
    axes = layout.height - layout.margin.t - layout.margin.b
    layout.height, layout.margin.t, layout.legend.y = layout.height + room, layout.margin.t + room, 1 + room / axes
    layout.annotations = notes[0]
    for frame, note in zip(fig.frames, notes, strict=True):
        frame.layout.annotations = note


def _legend_rows(names: Sequence[str]) -> int:
    """Rows that a legend takes in a figure of 700 pixels: entries are as wide as the widest unless all fit."""
    widths = [50 + 7 * len(name) for name in names]
    return 1 if sum(widths) <= _NARROW else math.ceil(len(names) / max(1, _NARROW // max(widths)))


def _across(film: Film) -> dict[str, Any]:
    return style.axis(plotly_text(film.titles[0]), zeroline=False, range=film.ranges[0])


def _up(film: Film) -> dict[str, Any]:
    low, high = film.ranges[1]
    shape = score_axis(np.asarray([low, high], np.float32), film.log)
    shape["title"]["text"] = plotly_text(film.titles[1])
    ends = [math.log10(low), math.log10(high)] if film.log else [low, high]
    return {**shape, "zeroline": False, "range": ends}
