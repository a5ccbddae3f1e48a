"""The sheet that pictures of a plotly figure are drawn on: its measures, and text in pixels."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from uai_notebook.views.pictures.artists import POINT, has_scale
from uai_notebook.views.pictures.parts import Picture, axis_key, numbers, plain, subplot_of

INCH = 100  # CSS pixels
TEXT = "#444444"  # on white, which every picture has: it cannot know the page
FONT = 12
RIGHT, BAR = 16, 78  # pixels beside the axes; the second for a colour bar
_BOTTOM, _LINE = 52, 15  # with a title of one line; and for each more
CHARACTER = 6.7  # pixels, on average, at size 12
_LEFT = 66, 38, 7  # at least; and for a title, and for a character of a tick
GAP = 16  # between pictures of a strip

Box = tuple[float, float, float, float]  # left, bottom, width, height in pixels from the lower left


@dataclass(frozen=True, eq=False)
class Sheet:
    """The measures that all sheets of a figure share, so that nothing moves in an animation.

    Attributes
    ----------
    width, height : int
        Of the whole sheet, CSS pixels.
    columns : int
        Pictures side by side.
    scale : float
        Pixels per CSS pixel.
    ranges : dict of (float, float)
        Of each axis of the layout, over all pictures.
    left, bottom : int
        Pixels beside and under the axes, for their titles and numbers.
    """

    width: int
    height: int
    columns: int
    scale: float
    ranges: dict[str, tuple[float, float]]
    left: int
    bottom: int


def make_sheet(pictures: Sequence[Picture], columns: int, width: int, height: int, scale: float) -> Sheet:
    """Measure: ``width`` and ``height`` are those of the axes of one picture and what is around it."""
    ranges = axis_ranges(pictures)
    left = _left(pictures[0].layout, ranges)
    inner = width - left - RIGHT
    total = left + columns * inner + (columns - 1) * GAP + RIGHT + BAR * has_bar(pictures)
    lines = [_lines(axis, inner) for key, axis in pictures[0].layout.items() if key.startswith("xaxis")]
    bottom = _BOTTOM + _LINE * (max([1, *lines]) - 1)
    return Sheet(int(total), height, columns, scale, ranges, left, bottom)


def axis_ranges(pictures: Sequence[Picture]) -> dict[str, tuple[float, float]]:
    """Range of each axis in units of the data: the figure's own, or what all pictures need."""
    layout = pictures[0].layout
    values: dict[str, list[npt.NDArray[np.float64]]] = {}
    for picture in pictures:
        for trace in picture.traces:
            for key, part in zip(subplot_of(trace), ("x", "y"), strict=True):
                values.setdefault(key, []).append(numbers(trace.get(part), f"{part} of a trace"))
    for key, more in _standing(layout):
        if key in values:
            values[key].append(more)
    found = {}
    for key, parts in values.items():
        axis, together = layout.get(key, {}), np.concatenate(parts)
        log = axis.get("type") == "log"
        own = axis.get("range")
        if own is not None and all(end is not None for end in own):
            found[key] = (10.0 ** own[0], 10.0 ** own[1]) if log else (float(own[0]), float(own[1]))
        else:
            found[key] = _needed(together, log, axis.get("rangemode") == "tozero")
    return found


def has_bar(pictures: Sequence[Picture]) -> bool:
    """Whether some markers need a colour bar."""

    def shown(trace: Mapping[str, Any], layout: Mapping[str, Any]) -> bool:
        marker = trace.get("marker", {})
        settings = layout.get(marker["coloraxis"], {}) if marker.get("coloraxis") else marker
        on: bool = settings.get("showscale", bool(marker.get("coloraxis")))
        return has_scale(trace) and on

    return any(shown(trace, picture.layout) for picture in pictures for trace in picture.traces)


def above(layout: Mapping[str, Any]) -> float:
    """Pixels that notes take which stand on top of the axes."""
    tall = [0.0]
    for note in layout.get("annotations", ()):
        if note.get("yref", "y") == "paper" and note.get("y", 0) >= 1:
            tall.append(18.0 * (1 + plain(note.get("text")).count("\n")) + max(note.get("yshift", 0), 0))
    return max(tall)


def share(box: Box, sheet: Sheet) -> Box:
    """A box as a share of the sheet."""
    left, bottom, width, height = box
    return left / sheet.width, bottom / sheet.height, width / sheet.width, height / sheet.height


def area_of(drawn: Any, box: Box) -> Any:
    """plotly's "paper": 0 to 1 over the axes of a picture."""
    from matplotlib.transforms import Bbox, BboxTransformTo, TransformedBbox

    return BboxTransformTo(TransformedBbox(Bbox.from_bounds(*box), pixels(drawn)))


def pixels(drawn: Any) -> Any:
    """CSS pixels from the lower left of the sheet."""
    from matplotlib.transforms import Affine2D

    return Affine2D().scale(1 / INCH) + drawn.dpi_scale_trans


def write(drawn: Any, text: str, at: tuple[float, float], size: float, **options: Any) -> None:
    """A line of text in pixels."""
    drawn.text(*at, safe(text), transform=pixels(drawn), fontsize=size * POINT, color=TEXT, **options)


def wrapped(text: str, width: float) -> str:
    """A text in lines of at most ``width`` pixels."""
    return "\n".join(textwrap.wrap(text, max(8, int(width / CHARACTER))))


def safe(text: str) -> str:
    """Text that matplotlib does not take for a formula."""
    return text.replace("$", r"\$")


# -- inside ----------------------------------------------------------------------------------------------------------


def _lines(axis: Mapping[str, Any], width: float) -> int:
    start, end = axis.get("domain", (0, 1))
    return wrapped(plain(axis.get("title", {}).get("text")), width * (end - start)).count("\n") + 1


def _standing(layout: Mapping[str, Any]) -> list[tuple[str, npt.NDArray[np.float64]]]:
    """Axes and values at which lines, rectangles and notes stand, which an axis without a range holds as well."""
    found = []
    for part in (*layout.get("shapes", ()), *layout.get("annotations", ())):
        for which in "xy":
            reference = part.get(f"{which}ref", which)
            if reference == "paper" or " domain" in reference:
                continue
            ends = [part[name] for name in (which, f"{which}0", f"{which}1") if isinstance(part.get(name), int | float)]
            decades = "text" in part and layout.get(axis_key(reference), {}).get("type") == "log"  # a note's way
            found.append((axis_key(reference), 10.0 ** np.array(ends) if decades else np.array(ends, np.float64)))
    return found


def _needed(values: npt.NDArray[np.float64], log: bool, to_zero: bool) -> tuple[float, float]:
    values = values[np.isfinite(values) & ((values > 0) | (not log))]
    if not len(values):
        return (0.1, 1.0) if log else (0.0, 1.0)
    low, high = (math.log10(v) if log else float(v) for v in (values.min(), values.max()))
    space = 0.05 * (high - low) or 0.5
    low, high = low - space, high + space
    if to_zero and not log:
        low, high = (0.0 if values.min() >= 0 else low), (0.0 if values.max() < 0 else high)
    return (10.0**low, 10.0**high) if log else (low, high)


def _left(layout: Mapping[str, Any], ranges: Mapping[str, tuple[float, float]]) -> int:
    ends = [e for key, r in ranges.items() if key[0] == "y" and layout.get(key, {}).get("type") != "log" for e in r]
    widest = max([len(f"{end:,.0f}") for end in ends] or [0])
    least, title, character = _LEFT
    return max(least, title + character * widest)
