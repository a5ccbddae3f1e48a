"""A figure described once and drawn twice: by plotly for the screen, by matplotlib for paper.

A :class:`Figure` is a grid of :class:`Panel`, each with :class:`Curve` and :class:`Points`. A name has one colour
over all panels and in both drawings, and one entry in the shared legend.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..views import style
from ..views.curves import thinned

if TYPE_CHECKING:
    import plotly.graph_objects as go

#: Okabe-Ito as in the widget, and two greys; more names than these need colours given.
COLOURS = (*style.LINE_COLOURS, "#333333", "#999999")
BAND_OPACITY = 0.2
MAX_CURVE_POINTS = 2000  # drawn per curve: the width of a panel in pixels, three times over


def _array(values: Any, name: str, what: str, length: int | None = None) -> npt.NDArray[np.float64]:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or (length is not None and len(array) != length):
        expected = "one dimension" if length is None else f"shape ({length},), as x has"
        raise ValueError(f"{name!r}: {what} has shape {array.shape}; expected {expected}.")
    return array


@dataclass(frozen=True, eq=False)
class Curve:
    """A line, and the band around it.

    Parameters
    ----------
    name : str
        In the legend; curves of one name share their colour. Empty: no entry.
    x, y : array_like (n,)
        Not finite: a gap.
    low, high : array_like (n,), optional
        Edges of the band, both or neither: worst and best seed, say.
    color : str, optional
        "#rrggbb"; by default the next of ``COLOURS``.
    dash : bool
        Drawn dashed.
    right_axis : bool
        Measured on the right axis, and drawn dotted.

    Raises
    ------
    ValueError
        Arrays of another length, or one edge of the band without the other.

    Notes
    -----
    Of more than ``MAX_CURVE_POINTS`` points that many are drawn, evenly spaced, the first and the last among them.
    """

    name: str
    x: Any
    y: Any
    low: Any = None
    high: Any = None
    color: str | None = None
    dash: bool = False
    right_axis: bool = False

    def __post_init__(self) -> None:
        if (self.low is None) != (self.high is None):
            raise ValueError(f"{self.name!r}: a band needs both low and high; give both or neither.")
        _set_arrays(self, ("y", "low", "high"))
        drawn = thinned(len(self.x), MAX_CURVE_POINTS)
        if len(drawn) < len(self.x):
            for what in ("x", "y", "low", "high"):
                if getattr(self, what) is not None:
                    object.__setattr__(self, what, getattr(self, what)[drawn])


@dataclass(frozen=True, eq=False)
class Points:
    """A cloud of points.

    Parameters
    ----------
    name : str
        In the legend, as in :class:`Curve`.
    x, y : array_like (n,)
    color : str, optional
        "#rrggbb"; by default the next of ``COLOURS``.
    size : float
        Diameter, pixels.
    opacity : float
        0 to 1.
    symbol : str
        "circle" or "diamond": clouds that are told apart differ in shape as well.
    """

    name: str
    x: Any
    y: Any
    color: str | None = None
    size: float = 4
    opacity: float = 0.6
    symbol: str = "circle"

    def __post_init__(self) -> None:
        _set_arrays(self, ("y",))


def _set_arrays(part: Curve | Points, others: Sequence[str]) -> None:
    object.__setattr__(part, "x", _array(part.x, part.name, "x"))
    for what in others:
        if getattr(part, what) is not None:
            object.__setattr__(part, what, _array(getattr(part, what), part.name, what, len(part.x)))


@dataclass(frozen=True, eq=False)
class Panel:
    """One pair of axes.

    Parameters
    ----------
    title, x_label, y_label : str
    curves : sequence of Curve
    points : sequence of Points
        Drawn under the curves; of several, the last lies on top.
    right_label : str
        Of the right axis, which is there if a curve is measured on it.
    x_range, y_range : (float, float), optional
        By default what is drawn.
    x_log, y_log : bool
        Logarithmic axes.
    """

    title: str
    x_label: str
    y_label: str
    curves: Sequence[Curve] = ()
    points: Sequence[Points] = ()
    right_label: str = ""
    x_range: tuple[float, float] | None = None
    y_range: tuple[float, float] | None = None
    x_log: bool = False
    y_log: bool = False

    @property
    def parts(self) -> list[Curve | Points]:
        """All that is drawn, what lies on top last."""
        return [*self.points, *self.curves]

    @property
    def has_right_axis(self) -> bool:
        """Whether a curve is measured on the right axis."""
        return any(curve.right_axis for curve in self.curves)


@dataclass(frozen=True, eq=False)
class Figure:
    """Panels in rows, a shared legend, and a caption.

    Parameters
    ----------
    title : str
    panels : sequence of Panel
        From left to right, then down.
    columns : int
        Panels per row.
    caption : str
        What lines and bands are; under the panels.

    Raises
    ------
    ValueError
        No panels, no columns, or more names without a colour than ``COLOURS``.

    Examples
    --------
    >>> line = Curve("DAE_uai", [0, 10, 20], [0, 2, 9], low=[0, 1, 7], high=[0, 4, 10])
    >>> figure = Figure("Anomalies found", [Panel("thyroid", "budget", "found", [line])], columns=1)
    >>> colours(figure)
    {'DAE_uai': '#D55E00'}
    >>> [trace.name for trace in to_plotly(figure).data]
    ['DAE_uai', 'DAE_uai']
    """

    title: str
    panels: Sequence[Panel]
    columns: int = 2
    caption: str = ""

    def __post_init__(self) -> None:
        if not self.panels or self.columns < 1:
            raise ValueError(
                f"figure {self.title!r}: {len(self.panels)} panels in {self.columns} columns; expected at least one of "
                "each."
            )
        colours(self)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        columns = min(self.columns, len(self.panels))
        return math.ceil(len(self.panels) / columns), columns


def colours(figure: Figure) -> dict[str, str]:
    """The colour of each name: that of the first part which gives one, otherwise the next of ``COLOURS``."""
    parts = [part for panel in figure.panels for part in panel.parts]
    found = {part.name: "" for part in parts}
    found.update({part.name: part.color for part in reversed(parts) if part.color})
    left = [colour for colour in COLOURS if colour not in found.values()]
    missing = [name for name, colour in found.items() if not colour]
    if len(missing) > len(left):
        raise ValueError(f"figure {figure.title!r} has {len(missing)} names and {len(left)} colours left: give color=.")
    return found | dict(zip(missing, left, strict=False))


def legend_parts(figure: Figure) -> dict[str, Curve | Points]:
    """What stands for each name in the legend: its first part."""
    found: dict[str, Curve | Points] = {}
    for panel in figure.panels:
        for part in panel.parts:
            found.setdefault(part.name, part)
    return {name: part for name, part in found.items() if name}


def caption_lines(figure: Figure, characters: int) -> list[str]:
    """The caption, broken into lines of at most that many characters."""
    return textwrap.wrap(figure.caption, characters)


def right_label(panel: Panel) -> str:
    """Label of the right axis, which says how its curves are drawn."""
    return f"{panel.right_label} (dotted)"


def save(figure: Figure, stem: Path | str, html: bool = True) -> list[Path]:
    """Write ``stem.png``, and ``stem.html`` if wanted; give their paths.

    Parameters
    ----------
    figure : Figure
    stem : path
        Without an ending; its folder is made.
    html : bool
        Also write the interactive page. It works offline because plotly.js is in it, which makes it 5 MB or more:
        committed results are PNG (some 60-400 kB), and pages are written where they are looked at.

    Raises
    ------
    ImportError
        matplotlib is missing.
    """
    from .plots_png import DOTS_PER_INCH, to_matplotlib

    stem = Path(stem)
    png = stem.with_name(stem.name + ".png")
    drawn = to_matplotlib(figure)
    stem.parent.mkdir(parents=True, exist_ok=True)
    drawn.savefig(png, dpi=DOTS_PER_INCH)
    if not html:
        return [png]
    page = stem.with_name(stem.name + ".html")
    config = {"displaylogo": False, "responsive": True}
    to_plotly(figure).write_html(page, config=config, include_plotlyjs=True, full_html=True)
    return [page, png]


def to_plotly(figure: Figure) -> go.Figure:
    """The figure for the screen; transparent, so that it suits light and dark pages."""
    from .plots_screen import to_plotly as draw

    return draw(figure)
