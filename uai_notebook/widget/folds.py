"""What the panel shows under its folds, as HTML: why an item is shown, when to stop, and the answers to look at again.

All of it is asked for by the page, while the fold is open; every word from the data is escaped.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..agreement import opinions_of
from ..labels import Label
from ..review import review_items
from ..session import ActiveSession
from ..stopping import Outlook, when_to_stop
from ..views.table import small_table
from ..views.text import escaped
from .status import card_title

LISTED = 100  # answers at once; a filter or a search finds the others
ROUNDS = 5  # the last ones, whose hit rates are shown
_SAID = {Label.ANOMALY: "◆ Anomaly", Label.NORMAL: "● Normal", Label.UNSURE: "✕ Unsure"}


class Shown(NamedTuple):
    """HTML for the inside, and a line of plain text that is read while the fold is closed."""

    html: str
    line: str = ""


def why(session: ActiveSession, content: dict[str, Any], *, blind: bool, renderer: Any) -> Shown:
    """The card of :func:`uai_notebook.views.why_html`; IndexError for no such item."""
    from ..views.why import why_html

    index = content.get("index")
    if type(index) is not int or not 0 <= index < len(session.ds):
        raise IndexError(f"expected an item from 0 to {len(session.ds) - 1}")
    return Shown(why_html(session, index, blind=blind, renderer=renderer))


def outlook(session: ActiveSession, content: dict[str, Any], *, blind: bool, renderer: Any) -> Shown:
    """What :func:`uai_notebook.when_to_stop` says, sentence by sentence, and in one line with the round it is of."""
    if session.snapshot is None:
        return Shown("<p>No model yet.</p>")
    found = when_to_stop(session)
    listed = "".join(f"<li>{escaped(sentence)}</li>" for sentence in found.sentences)
    line = f"round {session.round + 1}: {found.line}" if found.line else ""
    return Shown(f"<ul>{listed}</ul>{_hits(found)}{_trust(found)}", line)


def _hits(found: Outlook) -> str:
    """How many of the last rounds' answers by rank were anomalies, and how many were expected before."""
    if found.rounds.empty:
        return ""
    last = found.rounds[["round", "asked", "found", "expected"]].tail(ROUNDS)
    rows = [
        (f"{of + 1:.0f}", [f"{asked:.0f}", f"{hits:.0f}", "" if np.isnan(expected) else f"{expected:.1f}"])
        for of, asked, hits, expected in last.to_numpy(np.float64).tolist()
    ]
    return small_table("The last rounds, asked by rank", ["round", "asked", "anomalies", "expected"], rows)


def _trust(found: Outlook) -> str:
    """How often items were anomalies of which it was said before that they are with such a chance."""
    if found.reliability.empty:
        return ""
    rows = [
        (f"{low:.0%} to {high:.0%}", [f"{n:.0f}", f"{said:.0%}", f"{came:.0%}"])
        for low, high, n, said, came in found.reliability.to_numpy(np.float64).tolist()
    ]
    title = "Chances that were said before the answers, and what came"
    return small_table(title, ["chance", "answers", "said on average", "were anomalies"], rows)


def review(session: ActiveSession, content: dict[str, Any], *, blind: bool, renderer: Any) -> Shown:
    """A button for each item that passes the filter; ValueError for no such filter."""
    search = content.get("search", "")
    if not isinstance(search, str) or len(search) > 200:
        raise ValueError("expected a search of at most 200 characters")
    which = str(content.get("filter", "all"))
    items = review_items(session, which, search).tolist()
    said = _opinions(session) if which == "conflicts" else {}
    notes = session.notes
    rows = "".join(_row(session, i, said.get(i, ""), notes.get(i, "")) for i in items[:LISTED])
    first = f", the first {LISTED} are listed" if len(items) > LISTED else ""
    return Shown(f"<p>{len(items):,} item{'' if len(items) == 1 else 's'}{first}</p><ul>{rows}</ul>")


def _opinions(session: ActiveSession) -> dict[int, str]:
    """Who says what, by item."""
    several = opinions_of(session.store, more_than_once=True).items()
    return {
        i: ", ".join(f"{name or 'no name'}: {_SAID[Label(label)]}" for name, label in opinions.by_name.items())
        for i, opinions in several
    }


def _row(session: ActiveSession, index: int, opinions: str, note: str) -> str:
    answer = session.store.get(index)
    said = "no answer" if answer is None else _SAID[Label(answer.label)]
    parts = [card_title(session.ds, index), said]
    if answer is not None and answer.annotator:
        parts.append(f"by {answer.annotator}")
    if answer is not None and session.snapshot is not None:
        score = session.snapshot.uai_score_of(index)
        if score is not None:
            name = "UAI probability" if session.snapshot.probability else "learned score"
            parts.append(f"{name} {score:.3f}")
    parts += [text for text in (opinions, note) if text]
    text = escaped(" · ".join(parts))
    return f'<li><button type="button" class="uai-button" data-index="{index}">{text}</button></li>'


#: By the kind of the message that asks.
FOLDS: dict[str, Callable[..., Shown]] = {"why": why, "outlook": outlook, "review": review}


def unfold(session: ActiveSession, content: dict[str, Any], *, blind: bool, renderer: Any) -> Shown:
    """The answer to one question of the page, whatever it holds: what goes wrong is a sentence."""
    try:
        return FOLDS[content["kind"]](session, content, blind=blind, renderer=renderer)
    except Exception as error:  # nobody would see it, and labeling goes on
        return Shown(f"<p>{escaped(f'This could not be shown ({type(error).__name__}: {error}).')}</p>")
