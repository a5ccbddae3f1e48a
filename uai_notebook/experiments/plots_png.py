"""A described figure as a PNG, by matplotlib and without a browser (extra ``[export]``)."""

from __future__ import annotations

import math
import textwrap
from typing import Any

from .plots import BAND_OPACITY, Curve, Figure, Panel, Points, caption_lines, colours, legend_parts, right_label

DOTS_PER_INCH = 130
_PANEL = (4.2, 3.2)  # inches, labels included
_ALONE = 6.0  # width of a panel that has no neighbour
_TITLE_CHARACTERS = 10  # per inch
_LABEL_CHARACTERS = 44  # along an axis
_GAP = 0.35  # inches around a legend line, and beside its text
_CHARACTER = 0.072  # inches, at the size of the legend
_CAPTION_CHARACTERS = 15  # per inch
_TEXT, _SMALL = 9, 8  # points
_GREY = "#555555"


def to_matplotlib(figure: Figure) -> Any:
    """The figure on white, as a ``matplotlib.figure.Figure`` that no window and no global state knows.

    Raises
    ------
    ImportError
        matplotlib is missing.
    """
    try:
        from matplotlib.figure import Figure as Canvas
        from matplotlib.layout_engine import ConstrainedLayoutEngine
    except ImportError as error:
        raise ImportError(
            'Drawing a PNG needs matplotlib, which is not installed: pip install "uai_notebook[export]"'
        ) from error
    rows, columns = figure.shape
    width = columns * _PANEL[0] if columns > 1 else _ALONE
    title = textwrap.wrap(figure.title, int(width * _TITLE_CHARACTERS))
    caption = caption_lines(figure, int(width * _CAPTION_CHARACTERS))
    in_row = _names_per_row(figure, width)
    above = 0.24 * math.ceil(len(legend_parts(figure)) / in_row) + 0.05
    height = rows * _PANEL[1] + above + 0.15 + 0.2 * len(title) + 0.17 * len(caption)
    drawn = Canvas(figsize=(width, height), layout=ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.06))
    title_text = drawn.suptitle(_plain("\n".join(title)), fontsize=_TEXT + 2, x=0.01, ha="left")
    caption_text = drawn.supxlabel(_plain("\n".join(caption)), fontsize=_SMALL, color=_GREY, x=0.01, ha="left")
    grid = drawn.add_gridspec(rows + 1, columns, height_ratios=[above, *[_PANEL[1]] * rows])
    _draw_legend(drawn.add_subplot(grid[0, :]), figure, in_row)
    for i, panel in enumerate(figure.panels):
        _draw_panel(drawn.add_subplot(grid[1 + i // columns, i % columns]), panel, colours(figure))
    _settle(drawn, [title_text, caption_text])
    return drawn


def _settle(drawn: Any, texts: list[Any]) -> None:
    """Lay out once and round: the solver's last digits vary from run to run, and with them the shades of pixels."""
    drawn.draw_without_rendering()
    drawn.set_layout_engine("none")
    for axes in drawn.axes:
        axes.set_position([round(part, 4) for part in axes.get_position().bounds])
    for text in texts:
        text.set_position([round(part, 4) for part in text.get_position()])


def _names_per_row(figure: Figure, width: float) -> int:
    names = list(legend_parts(figure))
    widest = max((len(name) for name in names), default=0) * _CHARACTER + 2 * _GAP
    rows = math.ceil(len(names) / max(1, int((width - _GAP) / widest)))
    return max(1, math.ceil(len(names) / max(1, rows)))


def _draw_legend(axes: Any, figure: Figure, in_row: int) -> None:
    from matplotlib.lines import Line2D

    axes.axis("off")
    colour_of, handles = colours(figure), []
    for name, part in legend_parts(figure).items():
        look: dict[str, Any] = {"marker": "o", "linestyle": "none", "markersize": 6}
        if isinstance(part, Curve):
            look = {"linestyle": _dashes(part), "linewidth": 2}
        else:
            look["marker"] = _MARKERS[part.symbol]
        handles.append(Line2D([], [], color=colour_of[name], label=_plain(name), **look))
    handles = [handle for column in range(in_row) for handle in handles[column::in_row]]  # they fill columns first
    if handles:
        axes.legend(handles=handles, loc="center left", ncols=in_row, frameon=False, fontsize=_TEXT, borderpad=0)


def _draw_panel(axes: Any, panel: Panel, colour_of: dict[str, str]) -> None:
    right = axes.twinx() if panel.has_right_axis else axes
    for part in panel.parts:
        colour = colour_of[part.name]
        if isinstance(part, Points):
            area = (part.size * 0.75) ** 2  # 96 pixels an inch, 72 points
            axes.scatter(
                part.x, part.y, s=area, marker=_MARKERS[part.symbol], color=colour, alpha=part.opacity, linewidths=0
            )
            continue
        on = right if part.right_axis else axes
        if part.low is not None:
            on.fill_between(part.x, part.low, part.high, color=colour, alpha=BAND_OPACITY, linewidth=0)
        on.plot(part.x, part.y, color=colour, linestyle=_dashes(part), linewidth=1.6)
    _draw_axes(axes, panel)
    if panel.has_right_axis:
        right.set_ylabel(_wrapped(right_label(panel)), fontsize=_TEXT)
        right.set_ylim(bottom=0)
        right.tick_params(labelsize=_SMALL)
        right.yaxis.set_major_formatter("{x:,g}")
        right.spines["top"].set_visible(False)


def _draw_axes(axes: Any, panel: Panel) -> None:
    axes.set_title(_wrapped(panel.title), fontsize=_TEXT + 1)
    axes.set_xlabel(_wrapped(panel.x_label), fontsize=_TEXT)
    axes.set_ylabel(_wrapped(panel.y_label), fontsize=_TEXT)
    axes.tick_params(labelsize=_SMALL)
    axes.set_xscale("log" if panel.x_log else "linear")
    axes.set_yscale("log" if panel.y_log else "linear")
    if panel.x_range is not None:
        axes.set_xlim(*panel.x_range)
    if panel.y_range is not None:
        axes.set_ylim(*panel.y_range)
    for axis, log in ((axes.xaxis, panel.x_log), (axes.yaxis, panel.y_log)):
        if not log:
            axis.set_major_formatter("{x:,g}")
    axes.grid(color="#8c8c8c", alpha=0.25, linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


_MARKERS: dict[str, Any] = {"circle": "o", "diamond": "D"}


def _dashes(curve: Curve) -> str:
    return ":" if curve.right_axis else "--" if curve.dash else "-"


def _wrapped(text: str) -> str:
    return _plain(textwrap.fill(text, _LABEL_CHARACTERS))


def _plain(text: str) -> str:
    return text.replace("$", r"\$")  # matplotlib reads formulas
