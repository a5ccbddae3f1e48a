"""Pictures of a plotly figure, drawn side by side by matplotlib and without a browser (extra ``[export]``)."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from uai_notebook.views.pictures.artists import POINT, colour_scale, has_scale, line_style, marker_style
from uai_notebook.views.pictures.axes import draw_picture
from uai_notebook.views.pictures.parts import Picture, colour, plain
from uai_notebook.views.pictures.sheet import (
    BAR,
    CHARACTER,
    FONT,
    GAP,
    INCH,
    RIGHT,
    TEXT,
    Sheet,
    above,
    has_bar,
    pixels,
    safe,
    share,
    write,
)

Image = npt.NDArray[np.uint8]

_ROW = 20  # of a legend
_HANDLE = 44  # pixels of a legend entry besides its text


def draw_sheet(pictures: Sequence[Picture], sheet: Sheet) -> Image:
    """Draw pictures side by side with one title and legend: uint8 (h, w, 3).

    Raises
    ------
    ImportError
        matplotlib is missing.
    ValueError
        Something that cannot be drawn without a browser.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            'Drawing a picture needs matplotlib, which is not installed: pip install "uai_notebook[export]"'
        ) from error
    first = pictures[0]
    size = (sheet.width / INCH, sheet.height / INCH)
    paper = colour(first.layout.get("paper_bgcolor", "white"))
    drawn = Figure(figsize=size, dpi=INCH * sheet.scale, facecolor=paper[:3] if paper[3] > 0.99 else "white")
    top = _headings(drawn, pictures, sheet)
    inner = (sheet.width - sheet.left - RIGHT - BAR * has_bar(pictures) - (sheet.columns - 1) * GAP) / sheet.columns
    for i, picture in enumerate(pictures):
        box = (sheet.left + i * (inner + GAP), sheet.bottom, inner, sheet.height - top - sheet.bottom)
        draw_picture(drawn, picture, box, sheet, with_labels=i == 0)
    _draw_bar(drawn, pictures, sheet, top)
    canvas = FigureCanvasAgg(drawn)
    canvas.draw()  # type: ignore[no-untyped-call]
    return np.asarray(canvas.buffer_rgba())[:, :, :3].copy()  # type: ignore[no-untyped-call]


# -- inside ----------------------------------------------------------------------------------------------------------


def _headings(drawn: Any, pictures: Sequence[Picture], sheet: Sheet) -> float:
    """Title, what is under it, and the legend; gives the pixels that they and what stands above the axes take."""
    layout, y = pictures[0].layout, 12.0
    title = layout.get("title", {})
    characters = int((sheet.width - 32) / CHARACTER)
    lines = [(line, 15, 21) for line in textwrap.wrap(plain(title.get("text")), int(characters * 0.8))]
    note = plain(title.get("subtitle", {}).get("text"))
    lines += [(line, 11, 16) for line in textwrap.wrap(note, int(characters * 1.08))]
    for text, size, step in lines:
        write(drawn, text, (16, sheet.height - y), size, va="top", ha="left")
        y += step
    y += 4 * bool(lines)
    y += _legend(drawn, pictures, sheet, y)
    return y + above(layout) + 22 * any(picture.title for picture in pictures) + 4


def _legend(drawn: Any, pictures: Sequence[Picture], sheet: Sheet, y: float) -> float:
    from matplotlib.lines import Line2D

    if pictures[0].layout.get("showlegend") is False:
        return 0
    entries = legend_entries(pictures)
    names = [plain(trace["name"]) for trace in entries]
    x, row = 16.0, 0
    limit = sheet.width - 16
    title = plain(pictures[0].layout.get("legend", {}).get("title", {}).get("text"))
    if title and entries:
        write(drawn, title, (x, sheet.height - y - _ROW / 2), FONT, va="center", ha="left")
        x += CHARACTER * len(title) + 12
    for name, trace in zip(names, entries, strict=True):
        width = _HANDLE + CHARACTER * len(name)
        if x > 16 and x + width > limit:
            x, row = 16.0, row + 1
        middle = sheet.height - y - _ROW * row - _ROW / 2
        place = {"transform": pixels(drawn), "clip_on": False}
        if "lines" in trace.get("mode", "lines+markers"):
            drawn.add_artist(Line2D([x, x + 24], [middle, middle], **line_style(trace), **place))
        if "markers" in trace.get("mode", "lines+markers"):
            _legend_marker(drawn, trace, (x + 12, middle))
        write(drawn, name, (x + 30, middle), FONT, va="center", ha="left")
        x += width
    return _ROW * (row + 1) if entries else 0


def _legend_marker(drawn: Any, trace: Mapping[str, Any], at: tuple[float, float]) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.markers import MarkerStyle

    look = marker_style(trace if not has_scale(trace) else {**trace, "marker": {"color": "#888888", "size": 6}})
    face = look["c"] if isinstance(look["c"], str) else look["c"][0]
    edge = look.get("edgecolors", face)
    edge = edge if isinstance(edge, str) or not isinstance(edge, list) else edge[0]
    size = max(math.sqrt(look["s"]), 7 * POINT)
    drawn.add_artist(
        Line2D(
            [at[0]],
            [at[1]],
            marker=MarkerStyle(look["marker"]),
            markersize=size,
            markerfacecolor=face,
            markeredgecolor=edge,
            markeredgewidth=look["linewidths"],
            linestyle="none",
            transform=pixels(drawn),
        )
    )


def legend_entries(pictures: Sequence[Picture]) -> list[dict[str, Any]]:
    """The traces that the legend names, each name once."""
    found: dict[str, dict[str, Any]] = {}
    alone = sum(len(picture.traces) for picture in pictures) == len(pictures)
    for picture in pictures:
        for trace in picture.traces:
            shown = trace.get("showlegend", picture.layout.get("showlegend", not alone))
            if shown and trace.get("name"):
                found.setdefault(trace["name"], trace)
    return list(found.values())


def _draw_bar(drawn: Any, pictures: Sequence[Picture], sheet: Sheet, top: float) -> None:
    from matplotlib.cm import ScalarMappable

    scaled = next((t for p in pictures for t in p.traces if has_scale(t)), None)
    if scaled is None or not has_bar(pictures):
        return
    colours, norm, settings = colour_scale(scaled["marker"], pictures[0].layout)
    box = (sheet.width - BAR, sheet.bottom, 12, sheet.height - top - sheet.bottom)
    axes = drawn.add_axes(share(box, sheet))
    bar = drawn.colorbar(ScalarMappable(norm, colours), cax=axes)
    bar.outline.set_visible(False)
    title = settings.get("colorbar", {}).get("title", {})
    bar.set_label(safe(plain(title.get("text"))), fontsize=FONT * POINT, color=TEXT)
    axes.tick_params(labelsize=11 * POINT, colors=TEXT, length=2)
