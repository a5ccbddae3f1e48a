"""Colours and markers of every picture (Okabe-Ito), for Python; ``widget/static`` has its own copy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from uai_notebook.labels import Label

TEXT = "#767676"  # axis text on a transparent background: 4.5 : 1 on white, 4.2 : 1 on JupyterLab's dark #111111
GRID = "rgba(140, 140, 140, 0.25)"
UNLABELED = "#8C8C8C"
NO_BACKGROUND = "rgba(0, 0, 0, 0)"
FONT_SIZE = 12
# Not wanted: the bar covers the legend, and the last one, "Share chart" of plotly 7, would upload the data.
_BUTTONS = ["lasso2d", "select2d", "zoomin2d", "zoomout2d", "autoscale2d", "sendChartToCloud"]


@dataclass(frozen=True)
class Mark:
    """How one kind of label is drawn: never by colour alone."""

    word: str
    colour: str
    symbol: str
    size: int


# In the order of drawing: what comes later lies on top.
MARKS = {
    Label.UNSURE: Mark("unsure", "#767676", "x-thin", 8),
    Label.NORMAL: Mark("normal", "#0072B2", "circle", 8),
    Label.ANOMALY: Mark("anomaly", "#D55E00", "diamond", 10),
}

# Lines of a discovery curve differ in colour and in marker. Dashes are kept for what was not asked.
LINE_COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
LINE_SYMBOLS = ("circle", "square", "triangle-up", "diamond", "cross", "x", "star")


def axis(title: str, **options: Any) -> dict[str, Any]:
    """A plotly axis without frame, its text readable on light and dark."""
    grid = {"gridcolor": GRID, "zerolinecolor": GRID, "linecolor": TEXT}
    return {"title": {"text": title, "standoff": 8}, "tickcolor": TEXT, **grid, **options}


def layout(height: int, **options: Any) -> dict[str, Any]:
    """A plotly layout with transparent background, so that the page shows through."""
    return {
        "template": "none",
        "height": height,
        "paper_bgcolor": NO_BACKGROUND,
        "plot_bgcolor": NO_BACKGROUND,
        "font": {"color": TEXT, "size": FONT_SIZE, "family": "system-ui, sans-serif"},
        "hoverlabel": {"namelength": -1},  # whole: an escaped name that is cut would be another text
        "modebar": {"bgcolor": NO_BACKGROUND, "color": TEXT, "activecolor": TEXT, "remove": _BUTTONS},
        **options,
    }
