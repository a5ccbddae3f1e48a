"""plotly figures over rounds: separability (Appendix C.1), and what a model finds if it learns no more (C.2)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from uai_notebook.views import style
from uai_notebook.views.curves import thinned
from uai_notebook.views.frozen import FrozenRun, frozen_runs
from uai_notebook.views.separation import RANKINGS, separability

if TYPE_CHECKING:
    from uai_notebook.session import ActiveSession

_LOOKS = {
    "s": {"color": style.TEXT, "dash": "dash", "symbol": "square"},
    "s_uai": {"color": style.LINE_COLOURS[0], "dash": "solid", "symbol": "diamond"},
    "[l; s]": {"color": style.LINE_COLOURS[1], "dash": "solid", "symbol": "circle"},
}
_NAMES = {"s": "s", "s_uai": "s_uai", "[l; s]": "line in [l; s]"}
_MEASURES = {"ap": "average precision", "auc": "area under ROC"}
_ROUNDS = style.LINE_COLOURS[:4][::-1]  # few labels to many: the last one has the colour of what was found


def separability_curve(
    measured: ActiveSession | pd.DataFrame, *, on: str | None = None, height: int = 320
) -> go.Figure:
    """How s, s_uai and the plane [l; s] separate anomalies, over the labels the model was trained on.

    Parameters
    ----------
    measured : ActiveSession or DataFrame
        A session, or what :func:`~uai_notebook.views.separation` gave.
    on : str, optional
        "truth" or "known labels". By default the truth where there is one.
    height : int
        Pixels.

    Returns
    -------
    plotly.graph_objects.Figure
        Average precision on the left, area under the ROC curve on the right; bands are 95% limits.

    Raises
    ------
    ValueError
        Another ``on``.

    Examples
    --------
    >>> import uai_notebook as uai
    >>> session = uai.ActiveSession(uai.load_dataset("digits_0"), config=uai.TrainConfig(pretrain_steps=20))
    >>> _ = session.train()
    >>> [trace.name for trace in separability_curve(session).data if trace.visible and trace.showlegend]
    ['s', 'line in [l; s]']
    """
    table = measured if isinstance(measured, pd.DataFrame) else separability(measured)
    return go.Figure(
        data=separability_traces(table, on),
        layout=style.layout(height, margin={"l": 56, "r": 16, "t": 56, "b": 48}, **separability_layout(table, on)),
    )


def separability_traces(table: pd.DataFrame, on: str | None = None) -> list[dict[str, Any]]:
    """Per measure and ranking a band and a line, always twelve traces in this order."""
    rows = table[table["on"] == _chosen(table, on)].sort_values("round")
    traces = []
    for side, measure in enumerate(_MEASURES, start=1):
        for ranking in RANKINGS:
            part = rows[rows["ranking"] == ranking]
            traces += [_limits(part, measure, ranking, side), _line(part, measure, ranking, side)]
    return traces


def separability_layout(table: pd.DataFrame, on: str | None = None) -> dict[str, Any]:
    """Two panels, and a sentence that says what was measured."""
    chosen = _chosen(table, on)
    rows = table[table["on"] == chosen]
    layout: dict[str, Any] = {
        "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"},
        "hovermode": "x unified",
        "hoverlabel": {"bgcolor": "white", "font": {"color": "#222222"}},
        "shapes": [],
    }
    for side, (title, domain) in enumerate(zip(_MEASURES.values(), ([0, 0.45], [0.55, 1]), strict=True), start=1):
        n = "" if side == 1 else "2"
        layout[f"xaxis{n}"] = style.axis("labels trained on", domain=domain, anchor=f"y{n}", rangemode="tozero")
        layout[f"yaxis{n}"] = style.axis(title, range=[0, 1.02], anchor=f"x{n}", zeroline=False)
    text = "needs labels of both kinds"
    if len(rows):
        last = rows.iloc[-1]
        text = f"on {'the truth' if chosen == 'truth' else 'the labels known now'}: {last['n_anomalies']:,} anomalies"
        text += f" of {last['n']:,}" + ("" if chosen == "truth" else ", 95% limits; most were trained on")
    place = {"x": 0, "y": 1.0, "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "bottom"}
    note = {"text": text, "showarrow": False, "font": {"size": 11}, "yshift": 24, **place}
    return {**layout, "annotations": [note]}


def frozen_curves(session: ActiveSession, *, rounds: Sequence[int] | None = None, height: int = 320) -> go.Figure:
    """Found against audited, if training had stopped at some rounds: Figure 11 of the paper, for one session.

    Parameters
    ----------
    session : ActiveSession
    rounds : sequence of int, optional
        Key rounds; by default the first (no label: the base model), the latest, and two between.
    height : int
        Pixels.

    Returns
    -------
    plotly.graph_objects.Figure

    Examples
    --------
    >>> import uai_notebook as uai
    >>> session = uai.ActiveSession(uai.load_dataset("digits_0"), config=uai.TrainConfig(pretrain_steps=20))
    >>> _ = session.train()
    >>> [trace.name for trace in frozen_curves(session).data]
    ['no label']
    """
    runs = frozen_runs(session, rounds)
    margin = {"l": 56, "r": 16, "t": 56, "b": 48}
    return go.Figure(frozen_traces(runs), style.layout(height, margin=margin, **frozen_layout(session, runs)))


def frozen_traces(runs: Sequence[FrozenRun]) -> list[dict[str, Any]]:
    """One line per run; that of no label is dashed."""
    traces = []
    for i, run in enumerate(runs):
        x = thinned(len(run.found))
        place = (i - len(runs)) % len(_ROUNDS)
        colour = _ROUNDS[place] if run.n_labels else style.TEXT
        name = f"{run.n_labels:,} label{'s' * (run.n_labels != 1)}" if run.n_labels else "no label"
        # Not simplified: plotly would let a line rise to a step that lies beyond the edge of the plot.
        line = {"color": colour, "width": 2, "dash": "solid" if run.n_labels else "dash", "simplify": False}
        marker = {"symbol": style.LINE_SYMBOLS[place], "size": 6, "maxdisplayed": 8}
        mode = {"mode": "lines+markers", "marker": marker} if run.n_labels else {"mode": "lines"}
        look = {"line": line, "hovertemplate": "%{y:,}", "showlegend": True, **mode}
        traces.append({"type": "scatter", "x": x, "y": run.found[x], "name": name, **look})
    return traces


def frozen_layout(session: ActiveSession, runs: Sequence[FrozenRun]) -> dict[str, Any]:
    """Axes to three times the anomalies, or all that were asked; the rest is there when one zooms out."""
    most = max([int(run.found[-1]) for run in runs] or [1])
    reach = max([3 * most, 20, *(run.asked for run in runs)])
    known = "" if session.ds.y is not None else " (known labels only: a lower bound)"
    return {
        "xaxis": style.axis("items audited", range=[0, reach], zeroline=False),
        "yaxis": style.axis("anomalies found", rangemode="tozero", zeroline=False),
        "legend": {
            "title": {"text": "training stopped at", "font": {"size": 12}},
            **{"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"},
        },
        "hovermode": "x unified",
        "hoverlabel": {"bgcolor": "white", "font": {"color": "#222222"}},
        "shapes": [],
        "annotations": [],
    } | ({} if not known else {"yaxis": style.axis(f"found{known}", rangemode="tozero", zeroline=False)})


# -- inside ----------------------------------------------------------------------------------------------------------


def _chosen(table: pd.DataFrame, on: str | None) -> str:
    if on not in (None, "truth", "known labels"):
        raise ValueError(f'on={on!r}: expected "truth", "known labels" or None.')
    return on or ("truth" if (table["on"] == "truth").any() else "known labels")


def _line(part: pd.DataFrame, measure: str, ranking: str, side: int) -> dict[str, Any]:
    looks = _LOOKS[ranking]
    limits = part[[f"{measure}_low", f"{measure}_high"]].to_numpy(np.float32)
    interval = " (95%: %{customdata[0]:.3f} to %{customdata[1]:.3f})" if np.isfinite(limits).any() else ""
    return _axes(side) | {
        "mode": "lines+markers",
        "x": part["n_labels"].to_numpy(np.int32),
        "customdata": limits,
        "y": part[measure].to_numpy(np.float32),
        "name": _NAMES[ranking],
        "legendgroup": ranking,
        "showlegend": side == 1,
        "visible": len(part) > 0,
        "line": {"color": looks["color"], "dash": looks["dash"], "width": 2},
        "marker": {"symbol": looks["symbol"], "size": 6, "maxdisplayed": 8},
        "hovertemplate": f"%{{y:.3f}}{interval}",
    }


def _limits(part: pd.DataFrame, measure: str, ranking: str, side: int) -> dict[str, Any]:
    part = part[part[f"{measure}_low"].notna()]
    x, low, high = (part[name].to_numpy(np.float32) for name in ("n_labels", f"{measure}_low", f"{measure}_high"))
    red, green, blue = (int(_LOOKS[ranking]["color"][i : i + 2], 16) for i in (1, 3, 5))
    return _axes(side) | {
        "mode": "lines",
        "x": np.concatenate([x, x[::-1]]),
        "y": np.concatenate([low, high[::-1]]),
        "fill": "toself",
        "fillcolor": f"rgba({red}, {green}, {blue}, 0.18)",
        "line": {"width": 0},
        "hoverinfo": "skip",
        "legendgroup": ranking,
        "showlegend": False,
        "visible": len(part) > 0,
    }


def _axes(side: int) -> dict[str, Any]:
    n = "" if side == 1 else "2"
    return {"type": "scatter", "xaxis": f"x{n}", "yaxis": f"y{n}"}
