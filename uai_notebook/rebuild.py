"""A session's model after a restart: from its newest checkpoint, and by doing trainings of its journal again."""

from __future__ import annotations

import hashlib
import logging
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from .answers import Label, Training, redone
from .background import Cancelled, polite, scored, sure, training_steps
from .labels import LabelStore
from .learners import Learner
from .matching import ordered_digest
from .snapshot import History, Snapshot
from .training import Progress

if TYPE_CHECKING:
    from .session import ActiveSession

FRAMES = 40  # of a history that is made again, at most so many, for each costs a scoring of all items. Our choice
_log = logging.getLogger(__name__)


@dataclass(eq=False)
class Rebuild:
    """Trainings that a journal says were accepted, done again in their order: the same model, bit for bit.

    It is what a :class:`~uai_notebook.background.TrainingJob` is for a new round; the session accepts the result and
    journals nothing.

    Attributes
    ----------
    past : list of Training
        What is done again; the first begins with pre-training if it did so then.
    history : callable
        Makes the history up to there.
    seed : int
        Of the session.
    round_steps : int
        About how many steps a round has, for the progress bar.
    done_history, trained
        Of the last run: the history with all these rounds, and the labels of the last one, the unsure ones included.
    """

    learner: Learner
    store: LabelStore
    past: list[Training]
    history: Callable[[], History]
    threads: int
    seed: int
    round_steps: int
    done_history: History = field(default_factory=History)
    trained: dict[int, int] = field(default_factory=dict)

    def run(self, report: Callable[[Progress], None], stop: Callable[[], bool]) -> Snapshot:
        """Train, and score all items. Raises :class:`~uai_notebook.background.Cancelled` when ``stop`` says so."""
        history, every = self.history(), max(1, len(self.past) // FRAMES)
        states = self.store.rewound(at for training in self.past for at in (training.began or 0, training.ended))
        rest, done = len(self.past), 0
        for place, training in enumerate(self.past):
            rest -= 1
            then = next(states)
            self.trained = {i: answer.label for i, answer in then.current.items()}
            index, value = sure(*then.arrays())
            steps = 0
            seed = (self.seed, training.round)
            for progress in training_steps(self.learner, index, value, bool(training.data), training.updates, seed):
                steps = progress.step
                report(Progress(done + steps, done + progress.of + rest * self.round_steps, progress.loss))
                if stop():
                    raise Cancelled
            done += steps
            labeled = next(states).arrays()[0]
            if place == 0 or not rest or training.round % every == 0:
                snapshot = scored(self.learner, len(self.store.ds), training.round, index, value)
                history.append(snapshot, labeled, training.scalars)
            else:
                history.skip(labeled, told(training))
        if stop():
            raise Cancelled
        self.done_history = history
        return snapshot


def told(training: Training) -> dict[str, float]:
    """What a history keeps of a training."""
    return {"round": training.round, "n_labels": training.n_labels, **training.scalars}


def restore(session: ActiveSession) -> Rebuild | None:
    """Bring a session that was opened from its folder to its newest checkpoint.

    Returns what is still to be done again before it has its model, None if that is nothing or cannot be known: then
    the first training is a new one, on all labels at once.
    """
    folder, store = session._folder, session._store
    if folder is None or store.journal is None or not store.trainings:
        return None
    past = redone(store.trainings, ordered_digest(session.ds))
    if not past:
        return None
    digests = store.journal.digests([training.ended for training in past])
    folder.cache.digests = {training.round: digest for training, digest in zip(past, digests, strict=True)}
    before = session.learner.state_dict()
    for round_, state in folder.cache.checkpoints():
        place = round_ - past[0].round
        try:
            return _restored(session, state, past, place)
        except Exception as error:  # a learner has its own for a state that does not fit
            _log.warning("the checkpoint of round %d was passed over: %s", round_, error)
            session.learner.load_state_dict(before)
    began, here = past[0].weights, session.first_weights
    if began and here and began != here:  # a checkpoint would have had all of it
        warnings.warn(
            f"the model of {session.path} cannot be made again: there is no checkpoint, and {session.settings['base']} "
            "was given with other first weights than then. The next training fits a new one to all labels.",
            stacklevel=4,
        )
        return None
    return _rebuild(session, past, lambda: History(seed=session.seed))


def weights_digest(learner: Any) -> str:
    """Names the content of a learner's state: 64 hex digits; empty if it has none that can be named.

    A learner that fails here is not refused: its training says so, and can be tried again.
    """
    sha = hashlib.sha256()

    def add(part: Any) -> None:
        if isinstance(part, Mapping):
            for key in sorted(part, key=str):
                sha.update(repr(key).encode())
                add(part[key])
        elif isinstance(part, list | tuple):
            for one in part:
                add(one)
        elif hasattr(part, "shape"):
            values = np.ascontiguousarray(part.detach().cpu() if hasattr(part, "detach") else part)
            sha.update(f"{values.dtype} {values.shape}".encode() + values.tobytes())
        elif isinstance(part, str | bytes | int | float | None):
            sha.update(repr(part).encode())
        else:
            raise TypeError

    try:
        add(learner.state_dict())
    except Exception:  # objects of somebody's own, or a learner that cannot tell its state
        return ""
    return sha.hexdigest()


def state_of(session: ActiveSession) -> dict[str, Any]:
    """What a checkpoint keeps of a session that has just accepted a training: :func:`restore` reads it."""
    return {
        "options": getattr(session.learner, "options", {}),
        "learner": session.learner.state_dict(),
        "index": np.fromiter(session._trained, np.int64, len(session._trained)),
        "value": np.fromiter(session._trained.values(), np.int8, len(session._trained)),
        "first_scores": session.history.first_scores,
    }


def _restored(session: ActiveSession, state: dict[str, Any], past: list[Training], place: int) -> Rebuild | None:
    learner, n, training = session.learner, len(session.ds), past[place]
    if state["options"] != getattr(learner, "options", {}):
        raise ValueError(f"it is of a learner with options {state['options']}")
    all_index, all_value, first_scores = state["index"], state["value"], state["first_scores"]
    if first_scores.shape != (n,) or first_scores.dtype != np.float32:
        raise ValueError("its first scores do not fit the data")
    trained = {int(i): int(Label(v)) for i, v in zip(all_index.tolist(), all_value.tolist(), strict=True)}
    index, value = sure(all_index, all_value)
    if len(index) != training.n_labels or any(not 0 <= i < n for i in trained):
        raise ValueError("its labels do not fit the journal")
    learner.load_state_dict(state["learner"])
    with polite(session.config.threads):  # scores are then the same to the last bit
        snapshot = scored(learner, n, training.round, index, value)

    def history() -> History:
        made = History(seed=session.seed)
        frames = [] if session._folder is None else session._folder.cache.frames(training.round, n)
        made.restore(snapshot, index, first_scores, [told(one) for one in past[: place + 1]], frames)
        return made

    if place + 1 < len(past):
        return _rebuild(session, past[place + 1 :], history)
    session.history = history()
    session._snapshot, session._trained = snapshot, trained
    return None


def _rebuild(session: ActiveSession, past: list[Training], history: Callable[[], History]) -> Rebuild:
    config = session.config
    return Rebuild(session.learner, session._store, past, history, config.threads, session.seed, config.round_steps)
