"""How a model's choices evolve with the number of labels it was fed: Figure 11 of the paper, animated."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from uai_notebook.views import style
from uai_notebook.views.curves import thinned
from uai_notebook.views.figures import title_of
from uai_notebook.views.film.animation import controls
from uai_notebook.views.frozen import frozen_runs
from uai_notebook.views.text import plotly_text

if TYPE_CHECKING:
    from uai_notebook.session import ActiveSession

_NOW, _EARLIER, _END = "#0072B2", "#A6CBE3", "#D55E00"
_HOVER = "%{y:,} of the first %{x:,}"
_EMPTY: dict[str, Any] = {"x": [None], "y": [None]}  # one point that is not drawn: plotly hides a trace without any


@dataclass(frozen=True, eq=False)
class Choices:
    """Anomalies ``y`` among the first ``x`` items that a network fed with ``b`` labels chooses, float64 (p,)."""

    b: int
    x: npt.NDArray[np.float64]
    y: npt.NDArray[np.float64]


def choices(
    curves: ActiveSession | Mapping[Any, Any],
    *,
    title: str = "Choices of a network fed with b labels",
    reach: int | None = None,
    height: int = 460,
) -> go.Figure:
    """Anomalies found against items audited, if a network learns from b labels only: Figure 11 (Appendix C.2).

    Each line is the b items that were labelled, and then the ranking of the network as it was then. One frame per
    budget; earlier ones stay as pale lines, the base model alone (b = 0) as a dashed one.

    Parameters
    ----------
    curves : ActiveSession or mapping of int to curve
        A session gives its key rounds. Else budgets b and their curves: a pair of items audited (p,) and anomalies
        found (p,), or a mapping with these as ``b`` and ``found``, as the probes of the experiments are.
    title : str
    reach : int, optional
        Items on the horizontal axis; by default up to the end of the longest line.
    height : int
        Pixels.

    Returns
    -------
    plotly.graph_objects.Figure
        With one frame per budget. The axes do not move.

    Raises
    ------
    ValueError
        No curves, or lengths that differ.

    Notes
    -----
    A line stops where all anomalies have been found, as in the paper. Without a truth only the labels known now
    count: lines are lower bounds.

    Examples
    --------
    >>> fig = choices({0: ([1, 2, 3], [0, 0, 1]), 2: ([1, 2], [0, 1])})
    >>> [step.label for step in fig.layout.sliders[0].steps]
    ['b = 0', 'b = 2']
    """
    lines = _lines(curves)
    pictures = [_traces(lines, i) for i in range(len(lines))]
    names = [f"b = {line.b:,}" for line in lines]
    furthest = max(line.x[-1] for line in lines) if reach is None else reach
    layout = style.layout(
        height,
        margin={"l": 64, "r": 16, "t": 76, "b": 56},
        title=title_of(plotly_text(title)),
        legend={"orientation": "h", "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom"},
        xaxis=style.axis("items audited", range=[0, float(furthest) * 1.02], zeroline=False),
        yaxis=style.axis("anomalies found", range=[0, max(line.y[-1] for line in lines) * 1.05], zeroline=False),
    )
    fig = go.Figure(data=pictures[0], layout=layout)
    fig.frames = [
        go.Frame(name=name, data=[{"type": "scatter", "x": t["x"], "y": t["y"]} for t in traces], traces=[0, 1, 2, 3])
        for name, traces in zip(names, pictures, strict=True)
    ]
    fig.update_layout(controls(names, names))
    return fig


# -- inside ----------------------------------------------------------------------------------------------------------


def _lines(curves: Any) -> list[Choices]:
    """Of the fewest labels first, each from (0, 0)."""
    if hasattr(curves, "history"):  # a session
        runs = frozen_runs(curves, [frame.round for frame in curves.history.frames])
        curves = {run.asked: _thin(run.found) for run in runs}
    lines = sorted((_line(b, curve) for b, curve in dict(curves).items()), key=lambda line: line.b)
    if not lines:
        raise ValueError("choices: no curves given; expected at least one, such as {0: (audited, found)}.")
    return lines


def _thin(found: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    x = thinned(len(found))
    return x, found[x]


def _line(b: Any, curve: Any) -> Choices:
    asked = int(b)
    if isinstance(curve, Mapping):
        asked = int(curve.get("asked", b))  # a whole number of rounds
        curve = curve["b"], curve["found"]
    x, y = (np.asarray(part, np.float64) for part in curve)
    if x.ndim != 1 or x.shape != y.shape or not len(x):
        raise ValueError(
            f"choices: for b = {b} items of shape {x.shape} and anomalies of shape {y.shape}; expected (p,)."
        )
    if x[0] > 0:
        x, y = np.append(0.0, x), np.append(0.0, y)
    return Choices(asked, x, y)


def _traces(lines: Sequence[Choices], i: int) -> list[dict[str, Any]]:
    """The base model, earlier budgets, this one, and where its labels end: the same four in each frame."""
    base = [line for line in lines[:1] if line.b == 0]
    earlier = [line for line in lines[:i] if line.b > 0]
    now = [line for line in lines[i : i + 1] if line.b > 0]
    ends = [(line.b, float(np.interp(line.b, line.x, line.y))) for line in now if line.b <= line.x[-1]]
    looks = (
        (_joined(base), "no label", {"color": style.TEXT, "width": 2, "dash": "dash"}),
        (_joined(earlier), "fewer labels", {"color": _EARLIER, "width": 1.5}),
        (_joined(now), "b labels, then its ranking", {"color": _NOW, "width": 2.5}),
    )
    found = [
        # Not simplified: plotly would let a line rise to a step that lies beyond the edge of the plot.
        {**points, "mode": "lines", "name": name, "line": {**line, "simplify": False}, "hovertemplate": _HOVER}
        for points, name, line in looks
    ]
    marker = {"color": _END, "symbol": "diamond", "size": 10, "line": {"color": "white", "width": 1}}
    point = {"x": [ends[0][0]], "y": [ends[0][1]]} if ends else _EMPTY
    found.append({**point, "mode": "markers", "name": "its labels end here", "marker": marker, "hoverinfo": "skip"})
    return [{"type": "scatter", **trace} for trace in found]


def _joined(lines: Sequence[Choices]) -> dict[str, Any]:
    """Several lines as one, with gaps between them."""
    if not lines:
        return _EMPTY
    gap = np.array([np.nan])
    parts = [part for line in lines for part in ((line.x, line.y), (gap, gap))][:-1]
    return {"x": np.concatenate([x for x, _ in parts]), "y": np.concatenate([y for _, y in parts])}
