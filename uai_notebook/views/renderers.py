"""An item becomes HTML that is safe to show: whatever comes from the data is escaped.

Text that a renderer returns is text. HTML comes only from an object with ``_repr_html_`` that the user's own renderer
returned; an item never brings its own.
"""

from __future__ import annotations

import base64
import io
import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from uai_notebook.datasets import Dataset
from uai_notebook.views.text import escaped

if TYPE_CHECKING:
    from PIL.Image import Image

Renderer = Callable[[Any], Any]

_CARD_PIXELS, _THUMBNAIL_PIXELS = 512, 96
_SHOWN_PIXELS = 224  # small images are enlarged to this
_PIXELATED = 64  # below this, pixels stay sharp squares
_MAX_TEXT = 20_000
_MAX_CELL, _MAX_TITLE = 80, 2_000
_MAX_ROWS, _MAX_FEATURES = 40, 500  # beyond the first: a scroll box; beyond the second: left out
_MAX_COMPARED = 50_000  # items that a value is compared with: a card must not wait for millions

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Html:
    """HTML of the user's own making."""

    text: str


@dataclass(frozen=True)
class _Failure:
    """What went wrong, in words."""

    text: str


def render_item(ds: Dataset, index: int, renderer: Renderer | None = None) -> str:
    """An item as HTML, large.

    Parameters
    ----------
    ds : Dataset
    index : int
        Row of the item.
    renderer : function, optional
        Takes ``ds.item(index)``. It may return text (shown as text, never as HTML), an image (array, PIL or
        matplotlib), a Series (shown as a table), or any object with ``_repr_html_`` or ``_repr_png_``.

    Returns
    -------
    str
        HTML. A renderer that fails gives a box that says how; nothing is raised.

    Examples
    --------
    >>> ds = Dataset.from_arrays([[1.0], [2.0]], items=["<b>one</b>", "two"])
    >>> "&lt;b&gt;one&lt;/b&gt;" in render_item(ds, 0)
    True
    """
    return _rendered(ds, index, renderer, _card)


def render_thumbnail(ds: Dataset, index: int, renderer: Renderer | None = None) -> str:
    """An item as HTML of about 48 pixels: the image, or the id and the beginning of what there is to read.

    Takes what :func:`render_item` takes. Only ``img`` and ``span``, so that it may stand in a button.

    Examples
    --------
    >>> ds = Dataset.from_arrays([[1.0, 2.5], [3.0, 4.0]], ids=["a", "b"])
    >>> "1<br>2.5" in render_thumbnail(ds, 0)
    True
    """
    return _rendered(ds, index, renderer, _thumbnail)


# -- from an item to one of: Image, Series, str, _Html, _Failure -----------------------------------------------------


def _rendered(ds: Dataset, index: int, renderer: Renderer | None, draw: Callable[[Dataset, int, Any], str]) -> str:
    try:
        item = ds.item(index)
        content = _content(item, ds) if renderer is None else _result(renderer(item), ds)
        return draw(ds, index, content)
    except Exception as error:
        _log.debug("item %r could not be rendered", index, exc_info=True)
        return draw(ds, index, _Failure(f"{type(error).__name__}: {_words(error)}"))


def _words(error: Exception) -> str:
    try:
        return str(error)
    except Exception:
        return "(its text cannot be shown)"


def _content(item: Any, ds: Dataset) -> Any:
    """What to show of an item, or of a result that is plain data."""
    if isinstance(item, str | pd.Series):
        return item
    if isinstance(item, np.ndarray) and _is_image(item):
        return _image(item, ds.value_range)
    if _comes_from(item, "PIL"):
        return _plain_image(item)
    return repr(item)


def _result(result: Any, ds: Dataset) -> Any:
    """What to show of a renderer's result."""
    if _comes_from(result, "plotly"):
        return _Failure("a plotly figure cannot be shown here; return an image, text, or a matplotlib figure")
    figure = result.get_figure() if callable(getattr(result, "get_figure", None)) else result  # of matplotlib axes
    if callable(getattr(figure, "savefig", None)):
        return _matplotlib_image(figure)
    if isinstance(result, str | pd.Series) or _comes_from(result, "PIL"):
        return _content(result, ds)
    for name in ("_repr_html_", "_repr_png_"):
        method = getattr(result, name, None)
        shown = method() if callable(method) else None
        if isinstance(shown, tuple):  # (data, metadata)
            shown = shown[0]
        if shown is not None:
            return _Html(str(shown)) if name == "_repr_html_" else _png_image(shown)
    return _content(result, ds)


def _comes_from(value: Any, package: str) -> bool:
    """Whether a class of that package made the value; asks without importing it."""
    return any(cls.__module__.split(".")[0] == package for cls in type(value).__mro__)


def _is_image(array: npt.NDArray[Any]) -> bool:
    shaped = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3, 4))
    return shaped and array.size > 0 and array.dtype.kind in "buif"


def _image(array: npt.NDArray[Any], value_range: tuple[float, float] | None) -> Image:
    from PIL.Image import fromarray

    return fromarray(np.ascontiguousarray(_bytes(array.squeeze(2) if array.shape[2:] == (1,) else array, value_range)))


def _bytes(array: npt.NDArray[Any], value_range: tuple[float, float] | None) -> npt.NDArray[np.uint8]:
    """Pixels as 0..255: by the range of the data where the image keeps to it, else by its own values."""
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * 255
    finite = array[np.isfinite(array)] if array.dtype.kind == "f" else array
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
    within = value_range is not None and value_range[0] <= low and high <= value_range[1]
    if array.dtype == np.uint8 and not within:
        return array
    if value_range is not None and within:  # items may be other pictures than those that were learned from
        low, high = value_range
    scaled = (array.astype(np.float64) - low) / ((high - low) or 1.0) * 255
    pixels: npt.NDArray[np.uint8] = np.nan_to_num(scaled, nan=0.0).clip(0, 255).round().astype(np.uint8)
    return pixels


def _plain_image(image: Image) -> Image:
    """An image in a mode that PNG knows and that can be made smaller."""
    if image.mode in ("L", "RGB", "RGBA"):
        return image
    if image.mode.startswith(("I", "F")):
        return _image(np.asarray(image), None)
    return image.convert("RGBA" if image.has_transparency_data else "RGB")


def _png_image(png: bytes | str) -> Image:
    import PIL.Image

    data = base64.b64decode(png) if isinstance(png, str) else png
    return _plain_image(PIL.Image.open(io.BytesIO(data)))


def _matplotlib_image(figure: Any) -> Image:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", bbox_inches="tight")
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:  # else pyplot keeps every figure, and draws the next item into the last one
        pyplot.close(figure)
    return _png_image(buffer.getvalue())


# -- drawing ---------------------------------------------------------------------------------------------------------


def _card(ds: Dataset, index: int, content: Any) -> str:
    if isinstance(content, _Html):
        return f'<div class="uai-item-html">{content.text}</div>'
    if isinstance(content, _Failure):
        style = "margin:0;white-space:pre-wrap;border-left:4px solid #D55E00;padding:4px 8px"
        text = f"Item {_cut(str(ds.ids[index]), _MAX_CELL)} could not be rendered.\n{content.text}"
        return f'<pre class="uai-item-error" role="alert" style="{style}">{escaped(_cut(text, _MAX_TITLE))}</pre>'
    if isinstance(content, str):
        style = "margin:0;white-space:pre-wrap;overflow-wrap:anywhere"
        return f'<pre class="uai-item-text" style="{style}">{escaped(_cut(content, _MAX_TEXT))}</pre>'
    if isinstance(content, pd.Series):
        return _table(ds, content)
    w, h = content.size
    width = max(round(_SHOWN_PIXELS * min(w / h, 1)), 1) if max(w, h) < _SHOWN_PIXELS else min(w, _CARD_PIXELS)
    return _img(ds, index, content, _CARD_PIXELS, f"width:{width}px;max-width:100%;height:auto")


def _thumbnail(ds: Dataset, index: int, content: Any) -> str:
    if isinstance(content, _Html):
        lines = [str(ds.ids[index])]
    elif isinstance(content, _Failure):
        lines = [str(ds.ids[index]), content.text]
    elif isinstance(content, str):
        lines = [str(ds.ids[index]), content]
    elif isinstance(content, pd.Series):
        lines = [str(ds.ids[index]), *(_value(v) for v in content.iloc[:4])]
    else:
        return _img(ds, index, content, _THUMBNAIL_PIXELS, "object-fit:contain", 'width="48" height="48" ')
    style = "display:inline-block;width:48px;max-width:100%;height:48px;overflow:hidden;font-size:9px;line-height:1.15"
    text = "<br>".join(escaped(_cut(line, 40)) for line in lines)
    return f'<span class="uai-item-small" style="{style}" title="{_name(ds, index)}">{text}</span>'


def _img(ds: Dataset, index: int, image: Image, limit: int, style: str, size: str = "") -> str:
    from PIL.Image import Resampling

    if max(image.size) < _PIXELATED:
        style += ";image-rendering:pixelated"
    if max(image.size) > limit:
        image = image.copy()
        image.thumbnail((limit, limit), Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, format="PNG")
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<img src="data:image/png;base64,{data}" alt="{_name(ds, index)}" {size}style="{style}">'


def _table(ds: Dataset, row: pd.Series[Any]) -> str:
    """A row as a table: feature, value, and the share of items that lie lower."""
    lower = _shares_below(ds, row)
    titles = ["feature", "value"] + ["higher than"] * bool(lower)
    head = "".join(f'<th scope="col" style="text-align:left">{title}</th>' for title in titles)
    lines = []
    for j, (name, value) in enumerate(row.iloc[:_MAX_FEATURES].items()):
        share = f'<td style="{_NUMBER}">{_share(lower[j]) if j in lower else ""}</td>' if lower else ""
        lines.append(f'<tr><th scope="row" style="{_CELL};font-weight:normal">{_cell(str(name))}</th>')
        style = _CELL if isinstance(value, str) else _NUMBER
        lines.append(f'<td style="{style}">{_cell(_value(value), value)}</td>{share}</tr>')
    table = f'<table class="uai-item-table" style="{_TABLE}"><thead><tr>{head}</tr></thead><tbody>'
    table += "".join(lines) + "</tbody></table>"
    if len(row) > _MAX_FEATURES:
        table += f"<p>and {len(row) - _MAX_FEATURES:,} more features</p>"
    if len(row) <= _MAX_ROWS:
        return table
    return f'<div tabindex="0" role="group" aria-label="{len(row):,} features" style="{_SCROLL}">{table}</div>'


_TABLE = "border-collapse:collapse;font-variant-numeric:tabular-nums"
_CELL = "text-align:left;padding-right:1em;overflow-wrap:anywhere"
_NUMBER = "text-align:left;padding-right:1em;overflow-wrap:normal"  # half a number is another number
_SCROLL = "max-height:400px;overflow:auto"


def _shares_below(ds: Dataset, row: pd.Series[Any]) -> dict[int, float]:
    """Place in the row -> share of items with a lower value, for the numbers of a row of ``ds``."""
    step = -(-len(ds) // _MAX_COMPARED)
    places = range(min(len(row), _MAX_FEATURES))
    if ds.items is None and row.index.equals(pd.Index(ds.feature_names)):
        below = (ds.x[::step].reshape(-1, ds.n_features)[:, : len(places)] < row.to_numpy()[: len(places)]).mean(axis=0)
        return dict(enumerate(below.tolist()))
    if not isinstance(ds.items, pd.DataFrame) or not row.index.equals(ds.items.columns):
        return {}  # not a row of the data: a renderer made it
    return dict(_frame_shares(ds.items.iloc[::step], row, places))


def _frame_shares(frame: pd.DataFrame, row: pd.Series[Any], places: range) -> Iterator[tuple[int, float]]:
    for j in places:
        column, value = frame.iloc[:, j], row.iloc[j]
        if not pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
            continue
        others = column.to_numpy(dtype=np.float64, na_value=np.nan)
        others = others[~np.isnan(others)]
        number = float("nan") if pd.isna(value) else float(value)
        if len(others) and not np.isnan(number):
            yield j, float((others < number).mean())


def _share(below: float) -> str:
    if below >= 0.995:
        return "&gt;99% of items"
    return f"{100 * below:.0f}% of items"


# -- words -----------------------------------------------------------------------------------------------------------


def _value(value: Any) -> str:
    """A value in a few characters; numbers with 4 significant digits."""
    if pd.api.types.is_scalar(value) and pd.isna(value):
        return "missing"
    if isinstance(value, float | np.floating):
        number = float(value)
        plain = abs(number) < 1e7 and (number.is_integer() or abs(number) >= 1e4)  # 21414 rather than 2.141e+04
        return f"{number:.0f}" if plain else f"{number:.4g}"
    return str(value)


def _cell(text: str, value: Any = None) -> str:
    """Text of a table cell; what is cut or rounded stands in full in the title."""
    full = str(value) if isinstance(value, float | np.floating) and not pd.isna(value) else text
    short = _cut(text, _MAX_CELL)
    if short == full:
        return escaped(text)
    return f'<span title="{escaped(_cut(full, _MAX_TITLE))}">{escaped(short)}</span>'


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _name(ds: Dataset, index: int) -> str:
    return escaped(_cut(f"item {ds.ids[index]}", _MAX_CELL))
