"""One trace of a plotly figure drawn on matplotlib axes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from uai_notebook.views.pictures.parts import colour, numbers

POINT = 0.72  # points in a CSS pixel, at 100 pixels an inch
_DASHES = {
    "solid": "-",
    "dash": (0, (5, 3)),
    "dot": (0, (1.2, 2)),
    "dashdot": (0, (5, 2, 1.2, 2)),
    "longdash": (0, (9, 4)),
    "longdashdot": (0, (9, 3, 1.2, 3)),
}
_STEPS = {"hv": "steps-post", "vh": "steps-pre", "hvh": "steps-mid"}
#: plotly's symbol -> matplotlib's, and how much larger its square is than the diameter that plotly means
_SYMBOLS = {
    "circle": ("o", 1.0),
    "square": ("s", 1.0),
    "diamond": ("D", 0.92),
    "triangle-up": ("^", 1.1),
    "triangle-down": ("v", 1.1),
    "triangle-left": ("<", 1.1),
    "triangle-right": (">", 1.1),
    "cross": ("P", 1.1),
    "x": ("X", 1.1),
    "x-thin": ("x", 1.0),
    "cross-thin": ("+", 1.2),
    "star": ("*", 1.5),
    "pentagon": ("p", 1.1),
    "hexagon": ("h", 1.1),
}
_LINES_ONLY = "x+"  # symbols without a face


def draw_trace(
    axes: Any, trace: Mapping[str, Any], layout: Mapping[str, Any], before: Mapping[str, Any] | None
) -> None:
    """Fill, line, error bars and markers of a trace.

    Parameters
    ----------
    axes : matplotlib.axes.Axes
    trace, layout : dict
        As plotly has them.
    before : dict or None
        The trace before it on the same axes, to which ``fill="tonexty"`` goes.

    Raises
    ------
    ValueError
        A symbol, a dash or a colour that is not known.
    """
    name = f"trace {trace.get('name') or '(without a name)'}"
    x, y = numbers(trace.get("x"), f"x of {name}"), numbers(trace.get("y"), f"y of {name}")
    if trace.get("x") is None:
        x = np.arange(len(y), dtype=np.float64)
    n = min(len(x), len(y))
    x, y = x[:n], y[:n]
    _fill(axes, trace, x, y, before)
    mode = trace.get("mode", "lines+markers")
    line = trace.get("line", {})
    if "lines" in mode and line.get("width", 2) > 0:
        axes.plot(x, y, **line_style(trace), drawstyle=_STEPS.get(line.get("shape", "linear"), "default"), zorder=2)
    _error_bars(axes, trace, x, y)
    if "markers" in mode and np.isfinite(x + y).any():
        _markers(axes, trace, layout, x, y)


def line_style(trace: Mapping[str, Any]) -> dict[str, Any]:
    """Colour, width and dashes for matplotlib."""
    line = trace.get("line", {})
    dash = line.get("dash", "solid")
    if dash not in _DASHES:
        try:
            lengths = [float(part.removesuffix("px").removesuffix("%")) for part in dash.replace(",", " ").split()]
            style: Any = (0, lengths)
        except ValueError as error:
            raise ValueError(f"dash={dash!r} cannot be drawn; expected one of {', '.join(_DASHES)}.") from error
    else:
        style = _DASHES[dash]
    red, green, blue, opacity = colour(line.get("color", "#444444"))
    return {
        "color": (red, green, blue, opacity * trace.get("opacity", 1.0)),
        "linewidth": line.get("width", 2) * POINT,
        "linestyle": style,
    }


def marker_style(trace: Mapping[str, Any], place: int | None = None) -> dict[str, Any]:
    """Shape, area (points squared), face, edge and its width; of one point if colours or symbols are arrays."""
    marker = trace.get("marker", {})
    symbol, size = _one(marker.get("symbol", "circle"), place), float(_one(marker.get("size", 6), place))
    shape, factor = _shape(symbol)
    edge = marker.get("line", {})
    open_ = str(symbol).endswith("-open")
    face = _face(marker, place)
    width = edge.get("width", 1 if open_ else 0)
    look = {"marker": shape, "s": (size * POINT * factor) ** 2, "linewidths": width * POINT}
    opacity = marker.get("opacity", 1.0)
    opacity = float(_one(opacity, place)) * trace.get("opacity", 1.0)
    if shape in _LINES_ONLY:
        drawn = face if open_ or "color" not in edge else colour(_one(edge["color"], place))
        return {**look, "c": [_faded(drawn, opacity)], "linewidths": max(width, 1) * POINT}
    if open_:
        return {**look, "c": "none", "edgecolors": [_faded(face, opacity)]}
    border = _faded(colour(_one(edge["color"], place)), opacity) if width and "color" in edge else "none"
    return {**look, "c": [_faded(face, opacity)], "edgecolors": border}


def colour_scale(marker: Mapping[str, Any], layout: Mapping[str, Any]) -> tuple[Any, Any, Mapping[str, Any]]:
    """Colour map, norm, and the settings that they come from (``marker`` or a colour axis)."""
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    settings: Mapping[str, Any] = layout.get(marker["coloraxis"], {}) if marker.get("coloraxis") else marker
    values = numbers(marker["color"], "marker.color")
    finite = values[np.isfinite(values)]
    low, high = settings.get("cmin"), settings.get("cmax")
    if low is None or high is None:
        low, high = (finite.min(), finite.max()) if len(finite) else (0.0, 1.0)
    scale = settings.get("colorscale")
    if scale is None or isinstance(scale, str):
        from matplotlib import colormaps

        colours = colormaps[(scale or "plasma").lower()]
    else:
        colours = LinearSegmentedColormap.from_list("scale", [(float(at), colour(c)) for at, c in scale])
    return (colours.reversed() if settings.get("reversescale") else colours), Normalize(low, high), settings


def has_scale(trace: Mapping[str, Any]) -> bool:
    """Whether the markers of a trace are coloured by numbers."""
    value = trace.get("marker", {}).get("color")
    if value is None or isinstance(value, str):
        return False
    return isinstance(value, Mapping) or np.issubdtype(np.asarray(value).dtype, np.number)


# -- inside ----------------------------------------------------------------------------------------------------------


def _markers(
    axes: Any, trace: Mapping[str, Any], layout: Mapping[str, Any], x: npt.NDArray[Any], y: npt.NDArray[Any]
) -> None:
    marker = trace.get("marker", {})
    which = np.flatnonzero(np.isfinite(x) & np.isfinite(y))
    most = marker.get("maxdisplayed", 0)
    if 0 < most < len(which):
        which = which[np.unique(np.linspace(0, len(which) - 1, most).round().astype(int))]
    zorder = 3 + trace.get("zorder", 0) / 100
    if has_scale(trace):
        colours, norm, _ = colour_scale(marker, layout)
        look = marker_style({**trace, "marker": {**marker, "color": "#000000"}})
        values = numbers(marker["color"], "marker.color")[which]
        drawn = colours(norm(values))
        drawn[:, 3] *= marker.get("opacity", 1.0) * trace.get("opacity", 1.0)
        target = "edgecolors" if look["c"] == "none" else "c"
        axes.scatter(x[which], y[which], **{**look, target: drawn}, zorder=zorder)
        return
    arrays = [v for key in ("color", "symbol", "size", "opacity") if _is_array(v := marker.get(key))]
    if not arrays:
        axes.scatter(x[which], y[which], **marker_style(trace), zorder=zorder)
        return
    for i in which:  # each point has a look of its own
        axes.scatter(x[i], y[i], **marker_style(trace, int(i)), zorder=zorder)


def _fill(
    axes: Any, trace: Mapping[str, Any], x: npt.NDArray[Any], y: npt.NDArray[Any], before: Mapping[str, Any] | None
) -> None:
    fill = trace.get("fill", "none")
    if fill in ("none", None) or not len(x):
        return
    red, green, blue, opacity = colour(trace.get("line", {}).get("color", "#444444"))
    face = colour(trace["fillcolor"]) if trace.get("fillcolor") else (red, green, blue, opacity / 2)
    if fill == "toself":
        axes.fill(x, y, color=face, linewidth=0, zorder=1)
    elif fill == "tozeroy" or (fill == "tonexty" and before is None):
        axes.fill_between(x, y, color=face, linewidth=0, zorder=1)
    elif fill == "tonexty" and before is not None:
        other = np.interp(x, numbers(before.get("x"), "x"), numbers(before.get("y"), "y"))
        axes.fill_between(x, y, other, color=face, linewidth=0, zorder=1)
    else:
        raise ValueError(f"fill={fill!r} cannot be drawn; expected tonexty, tozeroy or toself.")


def _error_bars(axes: Any, trace: Mapping[str, Any], x: npt.NDArray[Any], y: npt.NDArray[Any]) -> None:
    bars = trace.get("error_y", {})
    if not bars or bars.get("visible") is False or bars.get("array") is None:
        return
    up = numbers(bars["array"], "error_y.array")
    down = numbers(bars["arrayminus"], "error_y.arrayminus") if bars.get("arrayminus") is not None else up
    drawn = colour(bars.get("color") or trace["line"]["color"])
    axes.errorbar(x, y, yerr=[down, up], fmt="none", ecolor=drawn, elinewidth=bars.get("thickness", 2) * POINT)


def _shape(symbol: Any) -> tuple[str, float]:
    name = str(symbol).removesuffix("-open")
    if name not in _SYMBOLS:
        raise ValueError(f"symbol={symbol!r} cannot be drawn; expected one of {', '.join(_SYMBOLS)}, or these -open.")
    return _SYMBOLS[name]


def _face(marker: Mapping[str, Any], place: int | None) -> tuple[float, float, float, float]:
    value = _one(marker.get("color", "#444444"), place)
    return colour(value) if isinstance(value, str) else (0.27, 0.27, 0.27, 1.0)


def _faded(drawn: Sequence[float], opacity: float) -> tuple[float, float, float, float]:
    return drawn[0], drawn[1], drawn[2], drawn[3] * opacity


def _is_array(value: Any) -> bool:
    return isinstance(value, Sequence | np.ndarray) and not isinstance(value, str)


def _one(value: Any, place: int | None) -> Any:
    """A setting that may be one for all points, or an array."""
    return value[place or 0] if _is_array(value) and len(value) else value
