"""The card that says why an item is shown: an explanation as HTML that is safe to show, on light and dark."""

from __future__ import annotations

import base64
import io
import logging
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from uai_notebook.explanation import Explanation, Feature, Pictures, Place, Term, explain
from uai_notebook.labels import Label
from uai_notebook.views.renderers import Renderer, render_thumbnail
from uai_notebook.views.style import MARKS
from uai_notebook.views.table import Markup, shortened, small_table

if TYPE_CHECKING:
    from uai_notebook.session import ActiveSession

HIDDEN = "Hidden until you have labelled this item."
NOT_YET = "No model yet: the reasons appear after the first training."
NOT_REBUILT = "This learner has no reconstruction of an image."
_MORE, _LESS = "#D55E00", "#0072B2"  # above and below what is compared with; the sign is written, too
_SIGN = {Label.ANOMALY: "◆", Label.NORMAL: "●", Label.UNSURE: "✕"}
_PIXELS = 96  # width of each picture
_log = logging.getLogger(__name__)


def why_html(session: ActiveSession, index: int, *, blind: bool = False, renderer: Renderer | None = None) -> str:
    """The reasons for one item as HTML: ranks, reconstruction, the terms of the logit, the nearest labelled items.

    Parameters
    ----------
    session : ActiveSession
    index : int
        Any item.
    blind : bool
        Whether an item without an answer shows nothing of what the model thinks.
    renderer : function, optional
        Draws the neighbours, as in :func:`~uai_notebook.views.render_item`.

    Returns
    -------
    str
        HTML without scripts, styles of the page or ids, whose words from the data are escaped. Nothing is raised: what
        cannot be explained is a sentence, and labeling goes on.

    Examples
    --------
    >>> import uai_notebook as uai
    >>> session = uai.ActiveSession(uai.load_dataset("digits_0"), config=uai.TrainConfig(pretrain_steps=20))
    >>> "No model yet" in uai.views.why_html(session, 7)
    True
    >>> _ = session.train()
    >>> "reconstruction" in uai.views.why_html(session, 7), "rank" in uai.views.why_html(session, 7, blind=True)
    (True, False)
    """
    if blind and index not in session.store:
        return _note(HIDDEN)
    if session.snapshot is None:
        return _note(NOT_YET)
    try:
        why = explain(session, index)
        return explanation_html(why, _neighbours(session, why, renderer))
    except Exception as error:  # a card that fails must not take the label buttons with it
        _log.warning("item %r could not be explained", index, exc_info=True)
        return _note(f"This item could not be explained ({type(error).__name__}: {error}).")


def explanation_html(why: Explanation, neighbours: str = "") -> str:
    """An explanation as HTML; ``neighbours`` is HTML of the labelled items, which needs the session to be drawn."""
    parts = [
        _scores(why),
        _classes(why.classes),
        "" if why.pictures is None else _pictures(why.pictures, why),
        _features(why.features),
        _note("" if why.features or why.classes or why.squared_error is not None else NOT_REBUILT),
        neighbours,
        _terms(why),
        _note(f"All of this is of the model of round {why.round + 1}."),
    ]
    return f'<div class="uai-why-card">{"".join(parts)}</div>'


# -- scores and ranks --------------------------------------------------------------------------------------------------


def _scores(why: Explanation) -> str:
    lines = []
    if why.uai_place is not None and why.uai_score is not None:
        name = "UAI probability" if why.probability else "Learned score"
        lines.append(f"{name} {why.uai_score:.3f}: {_place(why.uai_place)}")
    elif why.probability:
        lines.append("The UAI layer is not trained yet: it needs an anomaly and a normal item.")
    lines.append(f"Base score {why.base_score + 0.0:.4g}: {_place(why.base_place)}")
    return _list(lines)


def _place(place: Place) -> str:
    text = f"rank {place.rank:,} of {place.of:,}"
    if place.rose is None or place.since is None or place.among is None:
        return text
    moved = f"up {place.rose:,}" if place.rose > 0 else f"down {-place.rose:,}" if place.rose < 0 else "as"
    among = "" if place.among == place.of else f" among the {place.among:,} items that are kept"
    return f"{text}, {moved} {'since' if place.rose else 'in'} round {place.since + 1}{among}"


def _classes(classes: tuple[tuple[str, float], ...]) -> str:
    if not classes:
        return ""
    (given, chance), *other = classes
    text = f"Given as {given}, which the classifier finds {chance:.2%} probable"
    return _list([text + "".join(f"; it says {name} ({p:.2%})" for name, p in other) + "."])


# -- pictures ----------------------------------------------------------------------------------------------------------


def _pictures(pictures: Pictures, why: Explanation) -> str:
    low = min(float(pictures.x.min()), float(pictures.made.min()))
    high = max(float(pictures.x.max()), float(pictures.made.max()))
    largest = float(np.abs(pictures.residual).max())
    shown = [
        (_grey(pictures.x, low, high), "input"),
        (_grey(pictures.made, low, high), "reconstruction"),
        (_signed(pictures.residual, largest), "residual"),
    ]
    drawn = "".join(
        f'<figure style="margin:0;text-align:center"><img src="{_png(pixels)}" alt="{name}" '
        f'style="width:{_PIXELS}px;max-width:100%;height:auto;image-rendering:pixelated;outline:1px solid #8C8C8C">'
        f"<figcaption>{name}</figcaption></figure>"
        for pixels, name in shown
    )
    text = f"Residual: orange is more than reconstructed, blue less, up to {largest:.3g}."
    if why.score_is_error:
        text += " In the network's scale its squares sum to the base score."
    elif why.squared_error is not None:
        text += f" Its squares sum to {why.squared_error:.3g}, which is not what this model scores by."
    row = f'<div style="display:flex;flex-wrap:wrap;gap:8px;margin:4px 0">{drawn}</div>'
    return row + _note(text)


def _grey(values: npt.NDArray[Any], low: float, high: float) -> npt.NDArray[np.uint8]:
    scaled = (values.astype(np.float64) - low) / ((high - low) or 1.0) * 255
    pixels: npt.NDArray[np.uint8] = scaled.clip(0, 255).round().astype(np.uint8)
    return pixels.squeeze(2) if pixels.shape[2:] == (1,) else pixels


def _signed(residual: npt.NDArray[Any], largest: float) -> npt.NDArray[np.uint8]:
    """Colour by sign, opacity by size: nothing of it depends on the background. Channels are averaged."""
    flat = residual if residual.ndim == 2 else residual.mean(axis=2)
    strength = np.abs(flat) / (largest or 1.0)
    colours = np.array([_rgb(_LESS), _rgb(_MORE)], np.float64)[(flat > 0).astype(np.int64)]
    return np.dstack([colours, 255 * strength]).clip(0, 255).round().astype(np.uint8)


def _rgb(colour: str) -> list[int]:
    return [int(colour[i : i + 2], 16) for i in (1, 3, 5)]


def _png(pixels: npt.NDArray[np.uint8]) -> str:
    from PIL.Image import fromarray

    buffer = io.BytesIO()
    fromarray(np.ascontiguousarray(pixels)).save(buffer, format="PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


# -- tables ------------------------------------------------------------------------------------------------------------


def _features(features: tuple[Feature, ...]) -> str:
    if not features:
        return ""
    made = features[0].made is not None
    heads = ["value", *(["model's value", "share of error"] if made else []), "median", "range"]
    rows = []
    for f in features:
        values = [_number(f.value)]
        if f.made is not None and f.share is not None:
            values += [_number(f.made), f"{f.share:.0%}"]
        rows.append((f.name, [*values, _number(f.median), f"{_number(f.low)} to {_number(f.high)}"]))
    title = "Features that the model reconstructs worst" if made else "Features furthest from the median"
    note = "" if made else _note("This learner has no reconstruction: these are facts of the data, not its reasons.")
    return small_table(title, ["feature", *heads], rows) + note


def _terms(why: Explanation) -> str:
    if not why.terms or why.uai_logit is None:
        return ""
    rows = [
        (t.name, [f"{t.weight:+.3g}", _number(t.value), f"{t.product:+.3f}", _bar(t, why.terms)]) for t in why.terms
    ]
    rows.append(("logit", ["", "", f"{why.uai_logit:+.3f}", ""]))
    text = "The UAI layer adds these up (eq. 3). Bars: each against its mean over all items."
    table = small_table("Terms of the UAI logit", ["part", "weight", "value", "product", "against the mean"], rows)
    return f"<details><summary>Terms of the UAI logit {why.uai_logit:+.2f}</summary>{table}{_note(text)}</details>"


def _bar(term: Term, terms: tuple[Term, ...]) -> str:
    largest = max(abs(t.against_mean) for t in terms) or 1.0
    width, value = 40 * abs(term.against_mean) / largest, term.against_mean + 0.0  # no -0.000
    left = 40.0 if value > 0 else 40 - width
    colour = _MORE if value > 0 else _LESS
    return Markup(
        f'<span style="white-space:nowrap">{value:+.3f} <svg width="80" height="8" aria-hidden="true">'
        f'<rect x="{left:.1f}" width="{width:.1f}" height="8" fill="{colour}"/>'
        '<rect x="39.5" width="1" height="8" fill="currentColor"/></svg></span>'
    )


# -- labelled items ----------------------------------------------------------------------------------------------------


def _neighbours(session: ActiveSession, why: Explanation, renderer: Renderer | None) -> str:
    if not why.neighbours:
        return ""
    items = []
    for n in why.neighbours:
        word = MARKS[Label(n.label)].word
        near = f"distance {n.distance:.3g}; {n.nearer:.1%} of items are nearer"
        name = shortened(f"item {session.ds.ids[n.index]}")
        items.append(
            f'<li style="display:flex;gap:6px;align-items:center">{render_thumbnail(session.ds, n.index, renderer)}'
            f"<span>{_SIGN[Label(n.label)]} {word}<br>{name}<br>{near}</span></li>"
        )
    style = "list-style:none;margin:2px 0;padding:0;display:flex;flex-wrap:wrap;gap:4px 14px"
    where = "l" if why.neighbours_in == "l" else "x (each feature divided by its range)"
    return f'<div><b>Nearest labelled items in {where}</b><ul style="{style}">{"".join(items)}</ul></div>'


# -- words -------------------------------------------------------------------------------------------------------------


def _number(value: float) -> str:
    plain = abs(value) < 1e7 and (value.is_integer() or abs(value) >= 9999.5)  # 21414 rather than 2.141e+04
    return f"{value:.0f}" if plain else f"{value:.4g}"


def _list(lines: list[str]) -> str:
    items = "".join(f"<li>{shortened(line)}</li>" for line in lines)
    return f'<ul class="uai-why-lines" style="list-style:none;margin:0;padding:0">{items}</ul>'


def _note(text: str) -> str:
    return f'<p class="uai-why-note" style="margin:2px 0">{shortened(text)}</p>' if text else ""
