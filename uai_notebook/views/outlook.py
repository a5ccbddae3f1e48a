"""When to stop, as a figure: what each round found, what was expected of it, and how far that can be trusted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go

from uai_notebook.stopping import Outlook, when_to_stop
from uai_notebook.views import style

if TYPE_CHECKING:
    from uai_notebook.session import ActiveSession

_FOUND, _EXPECTED = style.LINE_COLOURS[0], style.LINE_COLOURS[1]


def stopping_curve(measured: ActiveSession | Outlook, *, height: int = 320) -> go.Figure:
    """What each round of answers by rank found, what was expected of it before, and how reliable that is.

    Parameters
    ----------
    measured : ActiveSession or Outlook
        A trained session, or what :func:`~uai_notebook.when_to_stop` said.
    height : int
        Pixels.

    Returns
    -------
    plotly.graph_objects.Figure
        On the left found and expected by round; on the right how often items were anomalies that had a calibrated
        probability of about so much: on the dashed line it is right.

    Raises
    ------
    RuntimeError
        The session has no model yet.

    Examples
    --------
    >>> import uai_notebook as uai
    >>> session = uai.ActiveSession(uai.load_dataset("digits_0"), config=uai.TrainConfig(pretrain_steps=20))
    >>> _ = session.train()
    >>> [trace.name for trace in uai.views.stopping_curve(session).data]
    ['found', 'expected', 'answers', 'right']
    """
    outlook = measured if isinstance(measured, Outlook) else when_to_stop(measured)
    margin = {"l": 56, "r": 16, "t": 56, "b": 48}
    return go.Figure(_traces(outlook), style.layout(height, margin=margin, **_layout(outlook)))


def _traces(outlook: Outlook) -> list[dict[str, Any]]:
    rounds, table = outlook.rounds, outlook.reliability
    x = rounds["round"].to_numpy(np.int32) + 1  # rounds are counted from one wherever people see them
    n = table["n"].to_numpy(np.float64)
    size = 6 + 14 * np.sqrt(n / n.max()) if len(n) else n
    answers = [f"{count:,} answer{'s' * (count != 1)}" for count in table["n"].tolist()]
    found = {"mode": "lines+markers", "line": {"color": _FOUND, "width": 2}, "marker": {"symbol": "diamond", "size": 6}}
    expected = {"mode": "lines", "line": {"color": _EXPECTED, "width": 2, "dash": "dash"}}
    right = {"mode": "lines", "line": {"color": style.TEXT, "dash": "dot"}, "hoverinfo": "skip", "showlegend": False}
    return [
        {"type": "scatter", "x": x, "y": rounds["found"].to_numpy(np.int32), "name": "found", **found},
        {"type": "scatter", "x": x, "y": rounds["expected"].to_numpy(np.float32), "name": "expected", **expected},
        {
            "type": "scatter",
            "xaxis": "x2",
            "yaxis": "y2",
            "mode": "markers",
            "x": table["said"].to_numpy(np.float32),
            "y": table["came"].to_numpy(np.float32),
            "marker": {"color": _EXPECTED, "size": size, "symbol": "circle"},
            "text": answers,
            "hovertemplate": "said %{x:.2f}, came %{y:.2f}<br>%{text}<extra></extra>",
            "name": "answers",
            "showlegend": False,
        },
        {"type": "scatter", "xaxis": "x2", "yaxis": "y2", "x": [0, 1], "y": [0, 1], "name": "right", **right},
    ]


def _layout(outlook: Outlook) -> dict[str, Any]:
    top = float(max([1.0, *outlook.rounds["found"], *outlook.rounds["expected"].dropna()]))
    place = {"x": 0, "y": 1.0, "xref": "paper", "yref": "paper", "xanchor": "left", "yanchor": "bottom"}
    text = outlook.line or "not enough answers by rank yet"
    return {
        "legend": {"orientation": "h", "x": 0, "xanchor": "left", "y": 1.02, "yanchor": "bottom"},
        "hoverlabel": {"bgcolor": "white", "font": {"color": "#222222"}},
        "annotations": [{"text": text, "showarrow": False, "font": {"size": 11}, "yshift": 24, **place}],
        "xaxis": style.axis("round", domain=[0, 0.55], zeroline=False),
        "yaxis": style.axis("anomalies", range=[0, 1.05 * top], zeroline=False),
        "xaxis2": style.axis("probability that was said", domain=[0.68, 1], anchor="y2", range=[-0.05, 1.05]),
        "yaxis2": style.axis("share that came", anchor="x2", range=[-0.05, 1.05]),
    }
