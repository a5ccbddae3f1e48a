"""Labels, and the store that keeps them: journal first, then everything else."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .answers import Answer, Label, Step, Training, answers_of, frame_of, numbers, training_of
from .arguments import check_answers
from .batch import Batch
from .interrupts import uninterrupted
from .journal import Journal
from .matching import ItemMatch, check_same_data, has_row_ids, item_hash, plain_id, sketch

if TYPE_CHECKING:
    from .datasets import Dataset

__all__ = ["JOURNAL_NAME", "Answer", "Label", "LabelStore"]

JOURNAL_NAME = "labels.jsonl"
NOTE_LENGTH = 10_000  # characters. Our choice: a note is read beside an item


class LabelStore:
    """Label events in order, and the current answer per item.

    One call of :meth:`add` is one journal line and one undo step. An undo is one more event: nothing is ever
    taken out of the journal. Order is that of its lines; times are only shown.

    Parameters
    ----------
    ds : Dataset
        The items that are labelled.
    journal : Journal, optional
        Where events are written. None: memory only.

    Attributes
    ----------
    rounds : int
        Accepted rounds.
    trainings : list of Training
        Accepted trainings, those that began with pre-training included.
    batch : Batch
        What is asked.

    Examples
    --------
    >>> import numpy as np
    >>> from uai_notebook import Dataset, Label, LabelStore
    >>> store = LabelStore(Dataset.from_arrays(np.eye(4)))
    >>> store.add([2, 0], [Label.ANOMALY, Label.NORMAL])
    >>> [(i, answer.label) for i, answer in store.current.items()]
    [(2, 1), (0, 0)]
    >>> store.undo(), len(store.current)
    ([2, 0], 0)
    """

    def __init__(self, ds: Dataset, journal: Journal | None = None) -> None:
        self.ds, self.journal = ds, journal
        self.rounds = 0
        self.trainings: list[Training] = []
        self.batch = Batch(self)
        self.saved_at: datetime | None = None
        self._current: dict[int, Answer] = {}
        self._in_order = True  # whether _current is in the order the answers were given
        self._counts = {label.value: 0 for label in Label}
        self._n_asked = 0
        self._done: list[Step] = []
        self._undone: list[Step] = []
        self._notes: dict[int, str] = {}
        self._lost_notes: dict[Any, str] = {}  # id to why, of notes on what is not in this data
        self._complete = True  # whether this data have all items of the journal
        self._n_events = 0
        self._ever_asked: set[int] = set()
        self._settings = {} if journal is None else _settings_in(journal)

    # -- files --------------------------------------------------------------------------------------------------

    @classmethod
    def create(cls, folder: str | Path, ds: Dataset, settings: Mapping[str, Any] | None = None) -> LabelStore:
        """Start a journal in ``folder``, which is made if needed. FileExistsError if there is one."""
        path = Path(folder) / JOURNAL_NAME
        if Journal.exists(path):
            raise FileExistsError(
                f"{folder} already holds a session: use ActiveSession.open(...) to go on with it or start it, "
                "ActiveSession.resume(...) to go on only, or choose another folder."
            )
        header = {
            "dataset": ds.name,
            "fingerprint": ds.fingerprint,
            "n_items": len(ds),
            "row_ids": has_row_ids(ds),
            "sketch": sketch(ds),
            "created": _now(),
            "settings": dict(settings or {}),
        }
        return cls(ds, Journal.create(path, header))

    @classmethod
    def open(cls, folder: str | Path, ds: Dataset, read_only: bool = False) -> LabelStore:
        """Read a journal and replay it on ``ds``, which may have grown or been reordered since.

        Raises
        ------
        FileNotFoundError
            No journal there.
        ValueError
            A corrupt line, or a journal of other data.
        """
        journal, events = Journal.open(Path(folder) / JOURNAL_NAME, read_only)
        check_same_data(journal.header, ds, journal.path)
        store = cls(ds, journal)
        match = store._match(events)
        for event in events:
            store._replay(event, match)
        lost = store.unmatched
        if lost:
            names = ", ".join(repr(i) for i in list(lost)[:5])
            changed = sum(why == "changed" for why in lost.values())
            warnings.warn(
                f"of the labelled items, {changed} have changed and {len(lost) - changed} are not in this data "
                f"(ids {names}). Their labels stay in the journal and are not used.",
                UserWarning,
                stacklevel=2,
            )
        return store

    def rewound(self, counts: Iterable[int]) -> Iterator[LabelStore]:
        """This store as it was after so many events, for each of ``counts`` in ascending order.

        One store that moves on, which has no journal; this one's is read again. ValueError if it is damaged.
        """
        if self.journal is None:
            raise ValueError("a store in memory has no journal to read again.")
        _, events = Journal.open(self.journal.path, read_only=True)
        store, match = LabelStore(self.ds), self._match(events)
        for count in counts:
            for event in events[store._n_events : count]:
                store._replay(event, match)
            yield store

    @property
    def settings(self) -> dict[str, Any]:
        """The latest session settings; empty if none were given."""
        return dict(self._settings)

    def set_settings(self, settings: Mapping[str, Any]) -> None:
        """Journal settings that have changed."""
        if dict(settings) != self._settings:
            with uninterrupted():
                self._write({"op": "settings", "settings": dict(settings), "time": _now()})
                self._settings = dict(settings)

    # -- events -------------------------------------------------------------------------------------------------

    def add(
        self,
        index: Sequence[int],
        label: Sequence[int],
        *,
        asked: Sequence[bool] | None = None,
        annotator: str = "",
        round: int = 0,
        base_score: Sequence[float] | None = None,
        uai_score: Sequence[float] | None = None,
    ) -> None:
        """Journal the answers of one call, then count them. All sequences have the length of ``index``.

        Raises
        ------
        TypeError, IndexError, ValueError
            What was given does not fit; nothing was written.
        OSError
            The journal could not be written; nothing was counted.
        """
        index, label = check_answers(index, label, len(self.ds))
        t = len(index)
        for name, values in (("asked", asked), ("base_score", base_score), ("uai_score", uai_score)):
            if values is not None and len(values) != t:
                raise ValueError(f"{name} has {len(values)} values for {t} items: expected one each.")
        event = {
            "op": "label",
            **self._named(index),
            "label": [int(v) for v in label],
            "asked": [bool(v) for v in asked] if asked is not None else [True] * t,
            "annotator": annotator,
            "time": _now(),
            "round": int(round),
            "base_score": numbers(base_score, t),
            "uai_score": numbers(uai_score, t),
        }
        here = {} if self._complete else dict.fromkeys(self._ids(index), "")
        step = self._step(answers_of(event, index, self._n_events + 1), here)
        with uninterrupted():
            self._write(event)
            self._apply(step)
            self._undone.clear()

    def undo(self) -> list[int]:
        """Take back the last call that still counts; returns its items, empty if there was none."""
        return self._turn("undo") if self._done else []

    def redo(self) -> list[int]:
        """Give the last undone call again; returns its items, empty if there was none."""
        return self._turn("redo") if self._undone else []

    def end_training(
        self, round: int, n_labels: int, began: int, queue: Sequence[int], scalars: Mapping[str, float], **start: Any
    ) -> Training:
        """Record that a training was accepted.

        Parameters
        ----------
        round, n_labels
            Of its snapshot.
        began : int
            :attr:`n_events` when it took its labels.
        queue : sequence of int
            What is asked now.
        scalars : mapping of str to float
            For the history.
        **start
            ``data``, ``weights`` and ``updates`` of a :class:`Training` that began with pre-training.
        """
        number = self._n_events + 1
        event = {"op": "round", "round": round, "n_labels": n_labels, "began": began, "ended": number}
        event |= {"start": start} if start else {}
        finite = {name: float(value) for name, value in scalars.items() if np.isfinite(value)}
        event |= {**self._named(queue, "queue"), "scalars": finite, "time": _now()}
        with uninterrupted():
            self._write(event)
            return self._end_training(event, queue)

    def offer(self, items: Sequence[int]) -> None:
        """Ask these now, between two trainings."""
        event = {"op": "offer", **self._named(items, "queue"), "time": _now()}
        with uninterrupted():
            self._write(event)
            self.batch.offer(items)

    def note(self, index: int, text: str, annotator: str = "") -> None:
        """Journal a note on an item, in the place of an older one; an empty text takes it away. No undo step.

        Raises
        ------
        TypeError, IndexError, ValueError
            No such item, or no such text; nothing was written.
        OSError
            The journal could not be written.
        """
        (i,), _ = check_answers([index], 0, len(self.ds))
        if not isinstance(text, str):
            raise TypeError(f"note of type {type(text).__name__}: expected text.")
        if len(text) > NOTE_LENGTH:
            raise ValueError(f"a note of {len(text):,} characters: expected at most {NOTE_LENGTH:,}.")
        event = {"op": "note", **self._named([i]), "text": text, "annotator": annotator, "time": _now()}
        with uninterrupted():
            self._write(event)
            self._take_note(i, text)
            self._lost_notes.pop(self._ids([i])[0], None)

    @property
    def notes(self) -> dict[int, str]:
        """The note of each item that has one (a copy)."""
        return dict(self._notes)

    @property
    def unmatched(self) -> dict[Any, str]:
        """Labelled items and notes that count and are not in this data as they were: id to "changed" or "missing".

        An item that has changed and was labelled again, as it is now, is none of them until that is taken back.
        """
        found: dict[Any, str] = {}
        for step in () if self._complete else self._done:
            found.update(step.fates)
        return {i: why for i, why in {**found, **self._lost_notes}.items() if why}

    @property
    def n_events(self) -> int:
        """How many events there are; lines of the journal after its header."""
        return self._n_events

    @property
    def can_undo(self) -> bool:
        """Whether there is a call to take back."""
        return bool(self._done)

    @property
    def can_redo(self) -> bool:
        """Whether there is an undone call to give again."""
        return bool(self._undone)

    # -- what counts now ----------------------------------------------------------------------------------------

    @property
    def current(self) -> dict[int, Answer]:
        """Latest answer per item, in the order given (a copy)."""
        if not self._in_order:  # only after an undo: an answer that came back is not the latest
            self._current = dict(sorted(self._current.items(), key=lambda pair: pair[1].order))
            self._in_order = True
        return dict(self._current)

    def __len__(self) -> int:
        return len(self._current)

    def __contains__(self, index: int) -> bool:
        return index in self._current

    def get(self, index: int) -> Answer | None:
        """The latest answer for one item, or None."""
        return self._current.get(index)

    def given(self) -> list[tuple[int, Answer]]:
        """Every answer that was not taken back, in the order given: those too that a later one replaced."""
        return [pair for step in self._done for pair in step.after.items()]

    def counts(self) -> dict[int, int]:
        """Number of items per label value, all three keys present."""
        return dict(self._counts)

    @property
    def n_asked(self) -> int:
        """Items the queue offered that have an answer: what the budget counts."""
        return self._n_asked

    def arrays(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int8]]:
        """Items and latest labels in the order given: int64 (t,), int8 (t,); Unsure is -1."""
        current = self.current
        values = [answer.label for answer in current.values()]
        return np.fromiter(current, np.int64, len(current)), np.asarray(values, dtype=np.int8)

    def frame(self) -> pd.DataFrame:
        """Latest answers as a DataFrame, in the order given: the columns of ``session.labels``."""
        return frame_of(self.ds, self.current)

    # -- inside -------------------------------------------------------------------------------------------------

    def _write(self, event: dict[str, Any]) -> None:
        if self.journal is not None:
            self.journal.append(event)
            self.saved_at = datetime.now().astimezone()
        self._n_events += 1

    def was_asked(self, index: int) -> bool:
        """Whether an answer for this item was ever asked for, taken back or not."""
        return index in self._ever_asked

    def _ids(self, index: Iterable[int]) -> list[str | int]:
        return [plain_id(self.ds.ids[i]) for i in index]

    def _named(self, index: Sequence[int], key: str = "id") -> dict[str, list[Any]]:
        """What an event names items by."""
        return {key: self._ids(index), "hash": [item_hash(self.ds, i) for i in index] if self.journal else []}

    def _match(self, events: list[dict[str, Any]]) -> ItemMatch:
        header = {} if self.journal is None else self.journal.header
        return ItemMatch(self.ds, events, bool(header.get("row_ids", True)))

    def _step(self, after: dict[int, Answer], fates: Mapping[Any, str]) -> Step:
        return Step(after, {i: self._current.get(i) for i in after}, fates)

    def _apply(self, step: Step) -> None:
        for i, answer in step.after.items():
            self._replace(i, answer)
        self._ever_asked.update(i for i, answer in step.after.items() if answer.asked)
        self._done.append(step)

    def _revert(self, step: Step) -> None:
        for i, answer in step.before.items():
            self._replace(i, answer)
        self._in_order = False
        self._undone.append(step)

    def _replace(self, index: int, answer: Answer | None) -> None:
        """Set or remove the answer of an item. Counts go along: at 100,000 labels, counting anew costs a round."""
        for old, change in ((self._current.pop(index, None), -1), (answer, 1)):
            if old is not None:
                self._counts[old.label] += change
                self._n_asked += change * old.asked
        if answer is not None:
            self._current[index] = answer

    def _turn(self, op: str) -> list[int]:
        with uninterrupted():
            self._write({"op": op, "time": _now()})
            return self._step_back() if op == "undo" else self._step_again()

    def _step_back(self) -> list[int]:
        step = self._done.pop()
        self._revert(step)
        self.batch.bring_back(step.after)  # what was asked is asked again
        return list(step.after)

    def _step_again(self) -> list[int]:
        step = self._undone.pop()
        self._apply(step)
        return list(step.after)

    def _end_training(self, event: Mapping[str, Any], queue: Iterable[int] | None) -> Training:
        training = training_of(event, self._n_events)
        self.trainings.append(training)
        self.rounds = training.round
        if queue is not None:
            self.batch.offer(queue)
        return training

    def _take_note(self, index: int, text: str) -> None:
        self._notes.pop(index, None)
        if text:
            self._notes[index] = text

    def _replay(self, event: Mapping[str, Any], match: ItemMatch) -> None:
        self._n_events += 1
        self._complete = match.complete
        try:
            self._replay_one(event, match)
        except (KeyError, TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
            where = "" if self.journal is None else f" of {self.journal.path}"
            raise ValueError(f"line {self._n_events + 1}{where} is not a valid label event: {error!r}") from error

    def _replay_one(self, event: Mapping[str, Any], match: ItemMatch) -> None:
        op = event["op"]
        if op == "label":
            fates = {} if match.complete else match.fates(event)
            self._apply(self._step(answers_of(event, match.rows(event), self._n_events), fates))
            self._undone.clear()
        elif op == "undo":
            self._step_back()
        elif op == "redo":
            self._step_again()
        elif op == "round":
            has_queue = event.get("queue") is not None  # not in format 1
            self._end_training(event, match.rows_offered(event) if has_queue else None)
        elif op == "offer":
            self.batch.offer(match.rows_offered(event))
        elif op == "note":
            self._replay_note(event["text"], match.rows(event), match.fates(event))
        elif op == "settings":
            self._settings = dict(event["settings"])
        else:
            raise ValueError(f"unknown event {op!r}")

    def _replay_note(self, text: Any, rows: list[int | None], fates: Mapping[Any, str]) -> None:
        if not isinstance(text, str):
            raise TypeError(f"{text!r} is no text")
        (row,) = rows
        if row is not None:
            self._take_note(row, text)
        for i, why in fates.items():
            self._lost_notes.pop(i, None)
            if why and text:
                self._lost_notes[i] = why


def _settings_in(journal: Journal) -> dict[str, Any]:
    settings = journal.header.get("settings", {})
    if not isinstance(settings, dict):
        raise ValueError(f"line 1 of {journal.path} is not a valid header (settings {settings!r}): move the file away.")
    return dict(settings)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
