"""The parts of a plotly figure as plain values: colours, texts, arrays, and the pictures of an animation."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Colour = tuple[float, float, float, float]

_TYPES = ("scatter", "scattergl")
#: The order of colours of traces that name none, as plotly's.
_COLORWAY = ("#636efa", "#EF553B", "#00cc96", "#ab63fa", "#FFA15A", "#19d3f3", "#FF6692", "#B6E880")


@dataclass(frozen=True, eq=False)
class Picture:
    """One moment of a figure: the figure itself, or one frame of it merged into it.

    Attributes
    ----------
    title : str
        What the slider, or else the frame, is called; empty without frames.
    traces : list of dict
        As plotly has them, invisible ones left out.
    layout : dict
    """

    title: str
    traces: list[dict[str, Any]]
    layout: dict[str, Any]


def pictures_of(fig: Any) -> list[Picture]:
    """The pictures of a figure: one per frame, or one if there are none.

    Raises
    ------
    TypeError
        Not a plotly figure.
    ValueError
        A kind of trace that cannot be drawn without a browser, or nothing to draw.
    """
    if not all(hasattr(fig, name) for name in ("data", "layout", "to_plotly_json")):
        raise TypeError(f"expected a plotly figure, such as views.evolution gives, not {type(fig).__name__}.")
    traces = [trace.to_plotly_json() for trace in fig.data]
    layout = fig.layout.to_plotly_json()
    if not traces:
        raise ValueError("this figure has no traces: there is nothing to draw.")
    _check_types(traces)
    _colour_traces(traces, layout)
    frames = list(getattr(fig, "frames", ()) or ())
    if not frames:
        return [_picture("", traces, layout)]
    titles = _titles(layout)
    found = []
    for i, frame in enumerate(frames):
        parts = [part.to_plotly_json() for part in frame.data or ()]
        places = range(len(parts)) if frame.traces is None else frame.traces
        changed = list(traces)
        for place, part in zip(places, parts, strict=True):
            changed[place] = merged(traces[place], part)
        name = frame.name or str(i)
        found.append(_picture(titles.get(name, name), changed, merged(layout, frame.layout.to_plotly_json())))
        _check_types(changed)
    return found


def merged(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """``old`` with what ``new`` has, mapping by mapping.

    Examples
    --------
    >>> merged({"a": {"b": 1, "c": 2}}, {"a": {"c": 3}})
    {'a': {'b': 1, 'c': 3}}
    """
    both = dict(old)
    for key, value in new.items():
        inner = isinstance(value, Mapping) and isinstance(both.get(key), Mapping) and "bdata" not in value
        both[key] = merged(both[key], value) if inner else value
    return both


def numbers(values: Any, what: str) -> npt.NDArray[np.float64]:
    """An array of plotly as float64 (n,): None is NaN.

    Raises
    ------
    ValueError
        Dates or categories.
    """
    if isinstance(values, Mapping) and "bdata" in values:  # how plotly writes an array into JSON
        values = np.frombuffer(base64.b64decode(values["bdata"]), dtype=np.dtype(values["dtype"]))
    try:
        return np.asarray([] if values is None else values, dtype=np.float64).reshape(-1)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{what} holds {str(values)[:60]}: only numbers can be drawn without a browser. Save it as .html."
        ) from error


def plain(text: Any) -> str:
    """A text of plotly without its tags.

    Examples
    --------
    >>> plain("a <b>bold</b> word<br>and x &lt; 2")
    'a bold word\\nand x < 2'
    """
    lines = re.sub(r"<br\s*/?>", "\n", str(text or ""))
    return html.unescape(re.sub(r"<[^>]*>", "", lines))


def colour(value: Any) -> Colour:
    """A CSS colour as red, green, blue and opacity from 0 to 1.

    Raises
    ------
    ValueError
        Not a colour, or one that is written as hsl() or hsv().

    Examples
    --------
    >>> colour("rgba(255, 0, 0, 0.5)")
    (1.0, 0.0, 0.0, 0.5)
    """
    from matplotlib.colors import to_rgba

    text = str(value).strip().lower()
    if text == "transparent":
        return 0.0, 0.0, 0.0, 0.0
    match = re.fullmatch(r"rgba?\(([^)]*)\)", text)
    if match is None:
        try:
            red, green, blue, opacity = to_rgba(text)
        except ValueError as error:
            raise ValueError(f"{value!r} is not a colour that can be drawn: give a name, #rrggbb or rgb().") from error
        return red, green, blue, opacity
    parts = [float(part) for part in match[1].split(",")]
    return parts[0] / 255, parts[1] / 255, parts[2] / 255, parts[3] if len(parts) > 3 else 1.0


def subplot_of(trace: Mapping[str, Any]) -> tuple[str, str]:
    """Keys of the two axes of a trace in the layout: ("xaxis", "yaxis2")."""
    return axis_key(trace.get("xaxis", "x")), axis_key(trace.get("yaxis", "y"))


def axis_key(reference: str) -> str:
    """ "x2" is "xaxis2" in the layout."""
    return f"{reference[0]}axis{reference[1:]}"


# -- inside ----------------------------------------------------------------------------------------------------------


def _check_types(traces: Sequence[Mapping[str, Any]]) -> None:
    others = sorted({t.get("type", "scatter") for t in traces} - set(_TYPES))
    if others:
        raise ValueError(
            f"traces of type {', '.join(others)} cannot be drawn without a browser, only {' and '.join(_TYPES)}: "
            "save the figure as .html."
        )


def _colour_traces(traces: list[dict[str, Any]], layout: Mapping[str, Any]) -> None:
    """Traces that name no colour get the next one, as in plotly."""
    way = layout.get("colorway") or layout.get("template", {}).get("layout", {}).get("colorway") or _COLORWAY
    for i, trace in enumerate(traces):
        own = way[i % len(way)]
        line, marker = trace.get("line", {}), trace.get("marker", {})
        first = line.get("color") or (marker.get("color") if isinstance(marker.get("color"), str) else None) or own
        trace["line"] = {"color": first, **line}
        trace["marker"] = {"color": first, **marker}


def _picture(title: str, traces: Sequence[dict[str, Any]], layout: dict[str, Any]) -> Picture:
    shown = [trace for trace in traces if trace.get("visible", True) is True]
    return Picture(plain(title), shown, layout)


def _titles(layout: Mapping[str, Any]) -> dict[str, str]:
    """Name of a frame -> what the slider calls it."""
    found = {}
    for slider in layout.get("sliders", ()):
        for step in slider.get("steps", ()):
            names = (step.get("args") or [None])[0]
            if isinstance(names, Sequence) and not isinstance(names, str):
                names = names[0] if len(names) == 1 else None
            if isinstance(names, str) and step.get("label"):
                found[names] = step["label"]
    return found
