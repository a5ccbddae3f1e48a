"""A session as it is now, as a picture and tables that need no kernel, script or network."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from ..labels import Label
from ..session import ActiveSession
from ..snapshot import Frame
from ..views.renderers import render_thumbnail
from ..views.text import escaped
from .status import card_title, status_line

_CANDIDATES, _FOUND = 10, 20  # rows of the tables, our choice
_POINTS = 1500  # of the picture
_PICTURE, _THUMBNAILS = 150_000, 100_000  # bytes at most; the picture is there twice, all together stays below 500 kB
_WIDTH = 300  # pixels of one round

_CELL = "padding:3px 10px 3px 0;text-align:left;border:0;border-bottom:1px solid rgba(140,140,140,0.35)"
_NUMBER = _CELL.replace("left", "right") + ";font-variant-numeric:tabular-nums"
_BLOCK = "margin:0 0 10px 0"


@dataclass(frozen=True)
class Frozen:
    """What a session was at one moment, for Jupyter to show: HTML without scripts, a PNG, and a line of text.

    Attributes
    ----------
    html : str
    png : bytes or None
        None before there is a model.
    text : str
    """

    html: str
    png: bytes | None
    text: str

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        return self.html

    def _repr_png_(self) -> bytes | None:
        return self.png


def freeze(session: ActiveSession, renderer: Callable[[Any], Any] | None = None, blind: bool = False) -> Frozen:
    """Take a still of a session: see :meth:`uai_notebook.Explorer.freeze`.

    Parameters
    ----------
    session : ActiveSession
    renderer : function, optional
        Of items; see :class:`~uai_notebook.widget.LabelPanel`.
    blind : bool
        Leave out what names the score of an item without a label.

    Raises
    ------
    ImportError
        matplotlib is missing: ``pip install "uai_notebook[export]"``.

    Examples
    --------
    >>> import uai_notebook as uai
    >>> freeze(uai.ActiveSession(uai.load_dataset("digits_0")))
    Round 0 · 0 labeled (0 anomalies) · not saved
    """
    status, frames = status_line(session), session.history.frames
    shown = [frames[i] for i in sorted({0, len(frames) // 2, len(frames) - 1})] if frames else []
    picture = _picture(session, shown) if shown else None
    thumbnails = _Thumbnails(session, renderer)
    parts = [
        _head(session, status),
        _image(picture, shown) if picture else "<p>There is no model yet.</p>",
        _numbers(session, shown),
        _candidates(session, thumbnails, blind),
        _found(session, thumbnails),
    ]
    style = "font-family:system-ui,sans-serif;max-width:980px"
    # Jupyter would draw what stands between dollars as a formula; these classes keep MathJax 2 and 3 out.
    page = f'<div class="uai-frozen tex2jax_ignore mathjax_ignore" style="{style}">{"".join(parts)}</div>'
    return Frozen(page, picture, status)


def show(still: Frozen) -> Frozen | None:
    """Put a still into the cell that runs, and give None; where there is no IPython, give the still."""
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        return still
    if get_ipython() is None:
        return still
    display(still)
    return None


# -- the picture -----------------------------------------------------------------------------------------------------


def _picture(session: ActiveSession, shown: Sequence[Frame]) -> bytes:
    """Some rounds side by side, and under them the discovery curve."""
    from ..views.figures import discovery_curve
    from ..views.film.evolving import evolution
    from ..views.pictures.save import png

    rounds = evolution(session, rounds=[frame.round for frame in shown], rescale=len(shown) > 1, max_points=_POINTS)
    curve = discovery_curve([session], height=320)
    for scale, colours in ((1.5, 64), (1.0, 32)):
        width = _WIDTH if len(shown) > 1 else 700
        strip = png(rounds, range(len(shown)), width=width, scale=scale)
        below = png(curve, width=max(_width(strip, scale), 500), scale=scale)
        together = _stacked([strip, below], colours)
        if len(together) <= _PICTURE:
            break
    return together


def _width(picture: bytes, scale: float) -> int:
    from PIL import Image

    return round(Image.open(io.BytesIO(picture)).width / scale)


def _stacked(pictures: Iterable[bytes], colours: int) -> bytes:
    from PIL import Image

    opened = [Image.open(io.BytesIO(picture)).convert("RGB") for picture in pictures]
    size = (max(picture.width for picture in opened), sum(picture.height for picture in opened))
    sheet, top = Image.new("RGB", size, "white"), 0
    for picture in opened:
        sheet.paste(picture, (0, top))
        top += picture.height
    buffer = io.BytesIO()
    sheet.quantize(colours, dither=Image.Dither.NONE).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _image(picture: bytes, shown: Sequence[Frame]) -> str:
    rounds = ", ".join(str(frame.round + 1) for frame in shown)  # counted from one, as everywhere on the page
    words = f"Anomaly score against latent in rounds {rounds}, and anomalies found against items asked"
    data = base64.b64encode(picture).decode()
    style = "max-width:100%;height:auto;background:#ffffff;border-radius:4px"  # its text is dark on any page
    return f'<p style="{_BLOCK}"><img alt="{words}" style="{style}" src="data:image/png;base64,{data}"></p>'


# -- words and tables ------------------------------------------------------------------------------------------------


def _head(session: ActiveSession, status: str) -> str:
    words = [f"{len(session.ds):,} items", f"base {session.settings['base']}"]
    words += [session.ranked_by] if session.ranked_by else []
    words.append(f"frozen {datetime.now():%Y-%m-%d %H:%M}")
    title = f"<strong>{escaped(session.ds.name)}</strong> · {escaped(' · '.join(words))}"
    return f'<p style="{_BLOCK}">{title}<br>{escaped(status)}</p>'


def _numbers(session: ActiveSession, shown: Sequence[Frame]) -> str:
    """Average precision and area under the ROC curve in the rounds of the picture."""
    from ..views.separation import RANKINGS, known_at, round_rows, table, truth_rows

    index, value = session.current_labels()
    rows: list[dict[str, Any]] = []
    for frame in shown:
        known = known_at(frame, index, value)
        rows += round_rows(frame, known, "known labels", session.seed, limits=True) if session.ds.y is None else []
        rows += [] if session.ds.y is None else truth_rows(session, frame)
    measured = table(rows)
    if measured.empty:
        return ""
    lines = []
    for _, part in measured.groupby("round"):
        values: Any = part.set_index("ranking")
        cells = [_with_limits(values, r, m) if r in values.index else "" for m in ("ap", "auc") for r in RANKINGS]
        lines.append([f"{part['round'].max() + 1}", f"{int(part['n_labels'].max()):,}", *cells])
    last = measured.iloc[-1]
    of = f"{last['n_anomalies']:,} anomalies of {last['n']:,}"
    on = f"on the truth, {of}"
    if session.ds.y is None:
        on = f"on the labels known now, {of}, most of them trained on, with 95% limits"
    head = ["round", "labels", *(f"{what} of {r}" for what in ("AP", "AUC") for r in RANKINGS)]
    return _table(f"How well anomalies separate, {on}", head, lines)


def _with_limits(values: pd.DataFrame, ranking: str, measure: str) -> str:
    """A number, and its 95% limits where it has some."""
    value, low, high = (float(values.at[ranking, f"{measure}{end}"]) for end in ("", "_low", "_high"))  # type: ignore[arg-type]
    return f"{value:.3f}" if np.isnan(low) else f"{value:.3f} ({low:.2f} to {high:.2f})"


def _candidates(session: ActiveSession, thumbnails: _Thumbnails, blind: bool) -> str:
    queue, snapshot = session.queue[:_CANDIDATES].tolist(), session.snapshot
    if not queue or snapshot is None:
        return ""
    head, rows = ["preview", "item"] + ([] if blind else ["base score", _learned(session)]), []
    for index in queue:
        row = [thumbnails.of(index), escaped(card_title(session.ds, index))]
        if not blind:
            learned = snapshot.uai_score_of(index)
            row += [_number(snapshot.base_score[index]), "" if learned is None else f"{learned:.3f}"]
        rows.append(row)
    return _table(f"The next {len(rows)} candidates" if len(rows) > 1 else "The next candidate", head, rows, raw=2)


def _found(session: ActiveSession, thumbnails: _Thumbnails) -> str:
    labels = session.labels
    found = labels[labels["label"] == Label.ANOMALY]
    if found.empty:
        return ""
    head, rows = ["preview", "item", "in round", "base score then", f"{_learned(session)} then"], []
    for row in found.iloc[::-1].head(_FOUND).to_dict("records"):
        number = row["round"] + bool(pd.notna(row["base_score"]))  # 0: before there was a model
        title = escaped(card_title(session.ds, row["index"]))
        scores = [_number(row["base_score"]), _number(row["uai_score"])]
        rows.append([thumbnails.of(row["index"]), title, f"{number}", *scores])
    more = f", the latest {_FOUND}" if len(found) > _FOUND else ""
    return _table(f"{len(found):,} {'anomaly' if len(found) == 1 else 'anomalies'} found{more}", head, rows, raw=2)


def _learned(session: ActiveSession) -> str:
    return "UAI probability" if session.snapshot is None or session.snapshot.probability else "learned score"


def _table(title: str, head: Sequence[str], rows: Iterable[Sequence[str]], raw: int = 0) -> str:
    """A table; the first ``raw`` cells of a row are HTML already and stand left, the others are numbers."""
    styles = [_CELL if i < raw else _NUMBER for i in range(len(head))]
    top = "".join(f'<th scope="col" style="{s}">{escaped(name)}</th>' for s, name in zip(styles, head, strict=True))
    lines = []
    for row in rows:
        cells = [cell if i < raw else escaped(cell) for i, cell in enumerate(row)]
        lines.append("".join(f'<td style="{s}">{cell}</td>' for s, cell in zip(styles, cells, strict=True)))
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    caption = f'<caption style="text-align:left;font-weight:600;padding:4px 0">{escaped(title)}</caption>'
    style = f"border-collapse:collapse;border:0;color:inherit;{_BLOCK}"
    return f'<table style="{style}">{caption}<thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>'


class _Thumbnails:
    """Small pictures of items until they are too many bytes; then names have to do."""

    def __init__(self, session: ActiveSession, renderer: Callable[[Any], Any] | None) -> None:
        self._session, self._renderer, self._left = session, renderer, _THUMBNAILS

    def of(self, index: int) -> str:
        drawn = render_thumbnail(self._session.ds, index, self._renderer)
        size = len(drawn.encode())
        if size > self._left:
            return ""
        self._left -= size
        return drawn


def _number(value: Any) -> str:
    return "" if value is None or pd.isna(value) else f"{np.float64(value) + 0.0:.4g}"  # no -0
