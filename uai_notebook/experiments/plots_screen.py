"""A described figure as plotly draws it: zoom, hover, and names that can be switched off."""

from __future__ import annotations

import html
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from ..views import style
from .plots import BAND_OPACITY, Curve, Figure, Points, caption_lines, colours, legend_parts, right_label

_MANY = 5000  # points from which plotly draws by WebGL
_PANEL_HEIGHT = 340  # pixels
_NARROWEST = 800  # pixels of the page's width for which there is room for the legend
_CAPTION_CHARACTERS = 130  # per line


def to_plotly(figure: Figure) -> go.Figure:
    """The figure for the screen; see :func:`~uai_notebook.experiments.plots.to_plotly`."""
    rows, columns = figure.shape
    caption = [_escape(line) for line in caption_lines(figure, _CAPTION_CHARACTERS)]
    legend_rows = 1 + sum(50 + 7 * len(name) for name in legend_parts(figure)) // _NARROWEST
    top, bottom = 80 + 20 * legend_rows, 72 + 16 * len(caption)
    height = rows * _PANEL_HEIGHT + top + bottom
    drawn = make_subplots(
        rows,
        columns,
        subplot_titles=[_escape(panel.title) for panel in figure.panels],
        specs=[[{"secondary_y": True}] * columns for _ in range(rows)],
        vertical_spacing=95 / (rows * _PANEL_HEIGHT) if rows > 1 else 0,
        horizontal_spacing=0.14 if any(panel.has_right_axis for panel in figure.panels) else 0.09,
    )
    drawn.update_annotations(font_size=style.FONT_SIZE + 1)
    _add_panels(drawn, figure)
    drawn.update_layout(
        **style.layout(height, margin={"l": 72, "r": 24, "t": top, "b": bottom}),
        title={"text": _escape(figure.title), "x": 0, "xref": "paper", "y": 1 - 22 / height, "yref": "container"},
        legend={
            "orientation": "h",
            "itemsizing": "constant",
            "x": 0,
            "y": 1 - 40 / height,
            "yref": "container",
            "yanchor": "top",
        },
    )
    drawn.update_layout(modebar_remove=[*drawn.layout.modebar.remove, "sendChartToCloud"])  # uploads the data
    if caption:
        at = {"x": 0, "xref": "paper", "xanchor": "left", "y": 0, "yref": "paper", "yanchor": "top", "yshift": -56}
        drawn.add_annotation(text="<br>".join(caption), align="left", showarrow=False, **at)
    return drawn


def _add_panels(drawn: go.Figure, figure: Figure) -> None:
    colour_of, known = colours(figure), {""}  # names that the legend has
    for i, panel in enumerate(figure.panels):
        at = {"row": i // figure.shape[1] + 1, "col": i % figure.shape[1] + 1}
        webgl = any(len(cloud.x) > _MANY for cloud in panel.points)  # all or none: it lies over all that is not
        for part in panel.parts:
            on_right = isinstance(part, Curve) and part.right_axis
            colour = colour_of[part.name]
            traces = _curve(part, colour) if isinstance(part, Curve) else [_cloud(part, colour, webgl)]
            for trace in traces:
                trace.update(name=_escape(part.name), legendgroup=part.name)
                trace.showlegend = trace.showlegend is not False and part.name not in known
                drawn.add_trace(trace, secondary_y=on_right, **at)
            known.add(part.name)
        drawn.update_xaxes(**_axis(panel.x_label, panel.x_range, panel.x_log), **at)
        drawn.update_yaxes(**_axis(panel.y_label, panel.y_range, panel.y_log), secondary_y=False, **at)
        if panel.has_right_axis:
            right = {
                **_axis(right_label(panel), None, False),
                "showgrid": False,
                "rangemode": "tozero",
                "tickmode": "auto",
            }
            drawn.update_yaxes(**right, secondary_y=True, **at)


def _cloud(part: Points, colour: str, webgl: bool) -> Any:
    marker = {"color": colour, "size": part.size, "opacity": part.opacity, "symbol": part.symbol}
    kind = go.Scattergl if webgl else go.Scatter
    return kind(x=_single(part.x), y=_single(part.y), mode="markers", marker=marker)


def _curve(part: Curve, colour: str) -> list[Any]:
    x, y = _single(part.x), _single(part.y)
    line = {"color": colour, "width": 2, "dash": "dot" if part.right_axis else "dash" if part.dash else "solid"}
    traces = [go.Scatter(x=x, y=y, mode="lines", line=line)]
    if part.low is not None:
        red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
        edges = {"x": np.concatenate([x, x[::-1]]), "y": _single(np.concatenate([part.low, part.high[::-1]]))}
        band = {"fill": "toself", "fillcolor": f"rgba({red}, {green}, {blue}, {BAND_OPACITY})", "line": {"width": 0}}
        traces.insert(0, go.Scatter(**edges, **band, mode="lines", hoverinfo="skip", showlegend=False))
    return traces


def _axis(label: str, span: tuple[float, float] | None, log: bool) -> dict[str, Any]:
    if span is not None and log:
        span = (math.log10(span[0]), math.log10(span[1]))
    options: dict[str, Any] = {"type": "log", "dtick": 1, "exponentformat": "power"} if log else {}
    return style.axis(_escape(label), zeroline=False, range=span, automargin=True, **options)


def _single(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    return values.astype(np.float32)  # half the page


def _escape(text: str) -> str:
    return html.escape(text, quote=False)  # plotly reads tags
