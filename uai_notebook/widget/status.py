"""What the panel says: pure functions of a session."""

from __future__ import annotations

import traceback
from typing import Any

import numpy as np

from ..datasets import Dataset
from ..labels import Label
from ..session import ActiveSession
from ..snapshot import Snapshot
from ..views.renderers import render_item, render_thumbnail


def status_line(session: ActiveSession) -> str:
    """One line: round, labels, budget, what the model was trained on, and when it was saved."""
    store = session.store
    counts = store.counts()
    parts = [f"Round {session.round + (session.snapshot is not None)}"]
    told = [_plural(counts[Label.ANOMALY], "anomaly", "anomalies")]
    if counts[Label.UNSURE]:
        told.append(f"{counts[Label.UNSURE]} unsure")
    parts.append(f"{len(store)} labeled ({', '.join(told)})")
    if session.budget is not None:
        parts.append(f"budget {session.n_asked} of {session.budget}")
    if session.snapshot is not None and len(store):
        sure = len(store) - counts[Label.UNSURE]
        parts.append(f"model trained on {session.snapshot.n_labels} of {sure}")
    if session.path is None:
        parts.append("not saved")
    elif store.saved_at is not None:
        parts.append(f"saved {store.saved_at:%H:%M:%S}")
    if session.unmatched:
        n = len(session.unmatched)
        parts.append(f"{_plural(n, 'label', 'labels')} not used: the data lack their items or have changed them")
    if session.save_problem:
        parts.append(session.save_problem)
    return sendable(" · ".join(parts))


def done_line(session: ActiveSession) -> str:
    """What is said when nothing is left to ask; empty while there is."""
    if session.phase != "done":
        return ""
    found = _plural(session.store.counts()[Label.ANOMALY], "anomaly", "anomalies") + " found"
    if len(session.store) >= len(session.ds):
        return f"All {len(session.ds)} items are labeled: {found}"
    return f"Budget of {session.budget} used: {found}"


def waiting_line(session: ActiveSession) -> str:
    """What stands in place of a candidate."""
    if session.closed:
        return session.closed
    if session.snapshot is None:
        if session.training:
            return "Training the first model: candidates appear when it is done."
        return "No model yet: press Train now."
    return "Training: the next candidates appear when it is done." if session.training else "No candidate is waiting."


def progress_state(session: ActiveSession) -> dict[str, Any]:
    """The training bar."""
    progress, seconds = session.progress, session.training_seconds
    if not session.training:
        return {"on": False, "step": 0, "of": 1, "text": ""}
    if progress is None:
        return {"on": True, "step": 0, "of": 1, "text": "Training starts"}
    loss = f" · loss {progress.loss:.3g}" if np.isfinite(progress.loss) else ""
    text = f"Training: step {progress.step} of {progress.of}{loss} · {seconds:.0f} s"
    if progress.step >= progress.of:
        text = f"Scoring all items · {seconds:.0f} s"
    return {"on": True, "step": progress.step, "of": progress.of, "text": text}


def error_details(error: BaseException) -> str:
    """The traceback, for the Details of a failure."""
    return sendable("".join(traceback.format_exception(error))[-6000:])


class Cards:
    """What is shown of each candidate. Pictures are made once; scores follow the snapshot."""

    def __init__(self, session: ActiveSession, renderer: Any = None, blind: bool = False, keep: int = 500) -> None:
        self._session, self._renderer, self._blind, self._keep = session, renderer, blind, keep
        self._pictures: dict[int, dict[str, str]] = {}
        self._ranks = Ranks()

    def draw(self, items: list[int]) -> None:
        """Make the pictures that are not there yet."""
        for index in items:
            if index not in self._pictures:
                self._pictures[index] = self._picture(index)
        for index in list(self._pictures)[: -self._keep]:
            self._pictures.pop(index, None)

    def __getitem__(self, index: int) -> dict[str, Any]:
        if index not in self._pictures:
            self.draw([index])
        hidden = self._blind and index not in self._session.store
        why = [] if hidden else self._ranks.lines(self._session.snapshot, index)
        return {**self._pictures[index], "why": why, "note": sendable(self._session.notes.get(index, ""))}

    def _picture(self, index: int) -> dict[str, str]:
        ds = self._session.ds
        return {
            "title": card_title(ds, index),
            "html": render_item(ds, index, self._renderer),
            "thumb": render_thumbnail(ds, index, self._renderer),
        }


def card_title(ds: Dataset, index: int) -> str:
    """Names the item and its given class, without which nobody can judge a wrong class."""
    given = ds.given_class(index)
    title = f"Item {ds.ids[index]}" + ("" if given is None else f" · labelled as {given}")
    return sendable(title)


def sendable(text: str) -> str:
    """Text without lone surrogates, which cannot be sent."""
    return text.encode("utf-8", "replace").decode("utf-8")


class Ranks:
    """Where an item stands among all; the sorting is done once per snapshot."""

    def __init__(self) -> None:
        # Replaced as one: several threads draw.
        self._sorted: tuple[Snapshot | None, dict[str, np.ndarray]] = (None, {})

    def lines(self, snapshot: Snapshot | None, index: int) -> list[str]:
        """ "base score 12.3 (rank 4 of 1,637)" and the same of the UAI score."""
        if snapshot is None:
            return []
        of, values = self._sorted
        if snapshot is not of:
            values = {"base": np.sort(snapshot.base_score)}
            if snapshot.uai_logit is not None:
                values["uai"] = np.sort(snapshot.uai_logit)
            self._sorted = (snapshot, values)
        lines = [
            f"base score {snapshot.base_score[index] + 0.0:.4g} ({_rank(values['base'], snapshot.base_score[index])})"
        ]
        learned = snapshot.uai_score_of(index)
        if learned is None or snapshot.uai_logit is None:
            needs = "UAI not trained yet: needs one of each"
            lines.append(needs if snapshot.probability else "no score learned from labels")
        else:
            name = "UAI probability" if snapshot.probability else "learned score"
            lines.append(f"{name} {learned:.3f} ({_rank(values['uai'], snapshot.uai_logit[index])})")
        return lines


def _rank(values: np.ndarray, score: float) -> str:
    return f"rank {len(values) - int(np.searchsorted(values, score, side='right')) + 1:,} of {len(values):,}"


def _plural(n: int, one: str, many: str) -> str:
    return f"{n} {one if n == 1 else many}"
