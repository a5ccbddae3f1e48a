"""Play, pause and a slider for a plotly figure with frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from uai_notebook.views import style

_MILLISECONDS = 600  # a picture stays, our choice
_ROOM = 96  # pixels under the axis title for buttons and slider


def controls(names: Sequence[str], titles: Sequence[str], bottom: int = 56) -> dict[str, Any]:
    """Layout with a button to play, one to pause, and a slider.

    Parameters
    ----------
    names : sequence of str
        Of the frames, in their order.
    titles : sequence of str
        What the slider says of each.
    bottom : int
        Pixels between the axes and the slider: room for ticks and the title of the axis.

    Returns
    -------
    dict
        ``updatemenus``, ``sliders`` and ``margin``, whose bottom has room for them.

    Examples
    --------
    >>> layout = controls(["0", "1"], ["round 0", "round 1"])
    >>> [step["label"] for step in layout["sliders"][0]["steps"]]
    ['round 0', 'round 1']
    """
    under = {"y": 0, "yanchor": "top", "bgcolor": style.NO_BACKGROUND, "bordercolor": style.TEXT, "borderwidth": 1}
    buttons = {
        "type": "buttons",
        "direction": "left",
        "showactive": False,
        "x": 0,
        "xanchor": "left",
        "pad": {"t": bottom + 12, "r": 12},
        **under,
        "buttons": [_button("Play", None, _MILLISECONDS), _button("Pause", [None], 0)],
    }
    slider = {
        "active": 0,
        "x": 0.26,
        "len": 0.74,
        "pad": {"t": bottom, "b": 8, "r": 48},  # half of the last title
        **under,
        "activebgcolor": style.TEXT,
        "tickcolor": style.TEXT,
        "currentvalue": {"xanchor": "left", "font": {"size": 13}},
        "steps": [{**_button(title, [name], 0), "label": title} for name, title in zip(names, titles, strict=True)],
    }
    return {"updatemenus": [buttons], "sliders": [slider], "margin": {"b": bottom + _ROOM}}


def _button(label: str, frames: list[str | None] | None, milliseconds: int) -> dict[str, Any]:
    # WebGL traces, and traces that were empty, are seen only after a full redraw. No transition: points would fly.
    options = {
        "mode": "immediate",
        "fromcurrent": True,
        "frame": {"duration": milliseconds, "redraw": True},
        "transition": {"duration": 0},
    }
    return {"label": label, "method": "animate", "args": [frames, options]}
