"""A plotly figure as a file: one page that plays offline, a PNG or a GIF drawn without a browser."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from uai_notebook.views.pictures.drawing import Image, draw_sheet
from uai_notebook.views.pictures.parts import Picture, pictures_of
from uai_notebook.views.pictures.sheet import Sheet, make_sheet

if TYPE_CHECKING:
    from PIL.Image import Image as PilImage

_WIDTH, _STRIP_WIDTH = 700, 360  # CSS pixels of a picture alone, and of one of a strip
_STRIP_HEIGHT = 380
_SLIDER = 96  # pixels of a figure's height that its slider takes, and a picture does not need
_COLOURS = 128  # of a GIF: points differ in few colours, the others smooth their edges
_LAST = 4  # times as long as the others the last picture of a GIF stays
_NO_DITHER: Any = 0  # Pillow.Image.Dither.NONE, which would have to be imported
_SUFFIXES = (".html", ".png", ".gif")


def save(
    fig: Any,
    path: str | Path,
    *,
    frames: Sequence[int | str] | None = None,
    seconds: float = 0.5,
    width: int | None = None,
    scale: float | None = None,
) -> Path:
    """Write a plotly figure to a file. No browser is needed, and none is started.

    Parameters
    ----------
    fig : plotly.graph_objects.Figure
        ``.png`` and ``.gif`` draw lines and points ("scatter" and "scattergl"), on white.
    path : str or Path
        The ending says what is written. ``.html``: one page of about 5 MB with plotly.js in it, which plays with no
        network. ``.png``: the figure; of one with frames some of them, side by side. ``.gif``: one picture per frame.
    frames : sequence of int or str, optional
        Which frames of an animated figure, by position or by what the slider calls them. By default all, in a PNG
        the first, the middle and the last.
    seconds : float
        How long a picture of a GIF stays; the last one stays four times as long.
    width : int, optional
        Of one picture, pixels of the page. By default that of the figure or 700; 360 each if there are several.
    scale : float, optional
        Pixels of the file per pixel of the page: 2 for a PNG, 1 for a GIF.

    Returns
    -------
    Path
        Of the file. It is written whole or not at all.

    Raises
    ------
    ValueError
        Another ending, no such frame, a GIF of a figure without frames, something that cannot be drawn.
    FileNotFoundError
        The folder does not exist.
    ImportError
        matplotlib is missing: ``pip install "uai_notebook[export]"``.

    Examples
    --------
    >>> import tempfile, plotly.graph_objects as go
    >>> folder = tempfile.TemporaryDirectory()
    >>> save(go.Figure(go.Scatter(x=[0, 1], y=[1, 3])), Path(folder.name) / "line.png").name
    'line.png'
    >>> folder.cleanup()
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in _SUFFIXES:
        raise ValueError(f"{path.name!r} ends in {suffix or 'nothing'}: expected one of {', '.join(_SUFFIXES)}.")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"the folder {path.parent} does not exist: make it first.")
    if suffix == ".html":
        if frames is not None or width is not None or scale is not None:
            raise ValueError(
                "frames, width and scale are for .png and .gif: a page has all frames and fits its window."
            )
        return _write(path, lambda: _page(fig).encode("utf-8", "replace"))
    if suffix == ".png":
        return _write(path, lambda: png(fig, frames, width=width, scale=2.0 if scale is None else scale))
    return _write(path, lambda: gif(fig, frames, seconds, width=width, scale=1.0 if scale is None else scale))


def png(
    fig: Any,
    frames: Sequence[int | str] | None = None,
    *,
    width: int | None = None,
    scale: float = 2.0,
    colours: int | None = None,
) -> bytes:
    """The bytes of a PNG; ``colours`` makes it smaller by drawing with so many only. See :func:`save`."""
    pictures = pictures_of(fig)
    if len(pictures) > 1 and frames is None:
        frames = sorted({0, len(pictures) // 2, len(pictures) - 1})
    chosen = _choose(pictures, frames)
    sheet = _sheet(pictures, fig, len(chosen), width, scale)
    drawn = _pil(draw_sheet(chosen, sheet))
    if colours is not None:
        drawn = drawn.quantize(colours, dither=_NO_DITHER)
    buffer = io.BytesIO()
    drawn.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def gif(
    fig: Any,
    frames: Sequence[int | str] | None = None,
    seconds: float = 0.5,
    *,
    width: int | None = None,
    scale: float = 1.0,
) -> bytes:
    """The bytes of a GIF that is repeated for ever. See :func:`save`."""
    pictures = pictures_of(fig)
    if len(pictures) == 1 and not pictures[0].title:
        raise ValueError("a GIF needs a figure with frames, such as views.evolution gives: save this one as .png.")
    if not 0.02 <= seconds <= 600:
        raise ValueError(f"seconds={seconds}: expected 0.02 to 600 per picture.")
    chosen = _choose(pictures, frames)
    sheet = _sheet(pictures, fig, 1, width, scale)
    drawn = [_pil(draw_sheet([picture], sheet)) for picture in chosen]
    palette = _palette(drawn)
    first, *others = [picture.quantize(palette=palette, dither=_NO_DITHER) for picture in drawn]
    times = [round(1000 * seconds)] * len(drawn)
    times[-1] *= _LAST
    buffer = io.BytesIO()
    first.save(buffer, "GIF", save_all=True, append_images=others, duration=times, loop=0, optimize=False)
    return buffer.getvalue()


# -- inside ----------------------------------------------------------------------------------------------------------


def _page(fig: Any) -> str:
    if not hasattr(fig, "to_html"):
        raise TypeError(f"expected a plotly figure, such as views.evolution gives, not {type(fig).__name__}.")
    config = {"displaylogo": False, "responsive": True}
    page: str = fig.to_html(config=config, include_plotlyjs=True, include_mathjax=False, auto_play=False)
    return page


def _choose(pictures: Sequence[Picture], frames: Sequence[int | str] | None) -> list[Picture]:
    if frames is None:
        return list(pictures)
    if isinstance(frames, str) or not len(frames):
        raise ValueError(f"frames={frames!r}: expected positions or names, such as [0, -1].")
    by_title = {picture.title: picture for picture in pictures}
    found = []
    for frame in frames:
        if isinstance(frame, str):
            if frame not in by_title:
                raise ValueError(f"there is no frame {frame!r}; this figure has {', '.join(map(repr, by_title))}.")
            found.append(by_title[frame])
        else:
            if not -len(pictures) <= frame < len(pictures):
                raise ValueError(f"there is no frame {frame}: this figure has {len(pictures)}.")
            found.append(pictures[int(frame)])
    return found


def _sheet(pictures: Sequence[Picture], fig: Any, columns: int, width: int | None, scale: float) -> Sheet:
    if not 0 < scale <= 10 or (width is not None and not 120 <= width <= 10_000):
        raise ValueError(f"width={width}, scale={scale}: expected 120 to 10,000 pixels, and a scale of up to 10.")
    layout = fig.layout
    if columns > 1:
        width = width or _STRIP_WIDTH
        return make_sheet(pictures, columns, width, round(_STRIP_HEIGHT * max(width / _STRIP_WIDTH, 0.9)), scale)
    height = (layout.height or 450) - (_SLIDER if layout.sliders else 0)
    own = layout.width or _WIDTH
    width = width or own
    return make_sheet(pictures, 1, width, round(height * max(width / own, 1.0)), scale)


def _pil(drawn: Image) -> PilImage:
    from PIL import Image as pil

    return pil.fromarray(drawn)


def _palette(drawn: Sequence[PilImage]) -> PilImage:
    """One palette for all pictures, so that nothing flickers: of some of them, those at the ends among them."""
    from PIL import Image as pil

    places = np.unique(np.linspace(0, len(drawn) - 1, min(len(drawn), 6)).round().astype(int))
    together = np.concatenate([np.asarray(drawn[i]) for i in places])
    colours = np.asarray(pil.fromarray(together).quantize(_COLOURS, dither=_NO_DITHER).getpalette(), np.uint8)
    colours = colours.reshape(-1, 3)
    paper = together[0, 0]
    # Pillow looks a colour up by its first six bits, and would take a shade beside the paper for the paper.
    colours[np.abs(colours.astype(int) - paper).max(axis=1) < 8] = paper
    palette = pil.new("P", (1, 1))
    palette.putpalette(colours.tobytes())
    return palette


def _write(path: Path, make: Callable[[], bytes]) -> Path:
    """Make the content, and only then touch the file: under another name first, so that no half is ever there."""
    content = make()
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        temporary.unlink(missing_ok=True)  # it may be a link to somewhere else
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    return path
