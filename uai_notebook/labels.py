"""Labels, and the store that keeps them: journal first, then everything else.

Sign and labels, stated once: 1 is an anomaly, 0 is normal, -1 is unsure; a higher score is more anomalous.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .arguments import check_answers
from .journal import Journal

if TYPE_CHECKING:
    from .datasets import Dataset

JOURNAL_NAME = "labels.jsonl"
SKETCH_SIZE = 64


class Label(IntEnum):
    """What an expert says of one item.

    Examples
    --------
    >>> from uai_notebook import Label
    >>> [label.value for label in (Label.ANOMALY, Label.NORMAL, Label.UNSURE)]
    [1, 0, -1]
    """

    ANOMALY = 1
    NORMAL = 0
    UNSURE = -1


@dataclass(frozen=True)
class Answer:
    """The latest answer for one item, with what was known when it was given."""

    label: int
    asked: bool
    annotator: str
    time: str
    round: int
    base_score: float | None
    uai_score: float | None
    order: tuple[int, int]  # number of the event, place in the call


@dataclass(frozen=True)
class _Step:
    """One undoable call: the answers it gave, and those they replaced (None: there was none)."""

    after: dict[int, Answer]
    before: dict[int, Answer | None]


class LabelStore:
    """Label events in order, and the current answer per item.

    One call of :meth:`add` is one journal line and one undo step. An undo is one more event: nothing is ever
    taken out of the journal.

    Parameters
    ----------
    ds : Dataset
        The items that are labelled.
    journal : Journal, optional
        Where events are written. None: memory only.

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
        self.saved_at: datetime | None = None
        self._current: dict[int, Answer] = {}
        self._in_order = True  # whether _current is in the order the answers were given
        self._counts = {label.value: 0 for label in Label}
        self._n_asked = 0
        self._done: list[_Step] = []
        self._undone: list[_Step] = []
        self._n_events = 0
        self._ever_asked: set[int] = set()
        self._settings: dict[str, Any] = dict(journal.header.get("settings", {})) if journal else {}

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
            "sketch": _sketch(ds),
            "created": _now(),
            "settings": dict(settings or {}),
        }
        return cls(ds, Journal.create(path, header))

    @classmethod
    def open(cls, folder: str | Path, ds: Dataset) -> LabelStore:
        """Read a journal and replay it on ``ds``, which may have grown or been reordered since.

        Raises
        ------
        FileNotFoundError
            No journal there.
        ValueError
            A corrupt line, or a journal of other data.
        """
        journal, events = Journal.open(Path(folder) / JOURNAL_NAME)
        _check_same_data(journal.header, ds, journal.path)
        store = cls(ds, journal)
        match = _ItemMatch(ds, events)
        for number, event in enumerate(events, start=2):
            try:
                store._replay(event, match)
            except (KeyError, TypeError, ValueError, IndexError) as error:
                raise ValueError(f"line {number} of {journal.path} is not a valid label event: {error!r}") from error
        if match.missing:
            names = ", ".join(repr(i) for i in list(match.missing)[:5])
            warnings.warn(
                f"{len(match.missing)} labelled items are not in this data, or changed (ids {names}). Their labels "
                "stay in the journal and are not used.",
                UserWarning,
                stacklevel=2,
            )
        return store

    @property
    def settings(self) -> dict[str, Any]:
        """The latest session settings; empty if none were given."""
        return dict(self._settings)

    def set_settings(self, settings: Mapping[str, Any]) -> None:
        """Journal settings that have changed."""
        if dict(settings) != self._settings:
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
            "id": [_plain(self.ds.ids[i]) for i in index],
            "hash": [f"{int(self.ds.item_hash[i]):016x}" for i in index] if self.journal else [],
            "label": [int(v) for v in label],
            "asked": [bool(v) for v in asked] if asked is not None else [True] * t,
            "annotator": annotator,
            "time": _now(),
            "round": int(round),
            "base_score": _numbers(base_score, t),
            "uai_score": _numbers(uai_score, t),
        }
        step = self._step(event, list(index), self._n_events + 1)
        self._write(event)
        self._apply(step)
        self._undone.clear()

    def undo(self) -> list[int]:
        """Take back the last call that still counts; returns its items, empty if there was none."""
        return self._turn("undo") if self._done else []

    def redo(self) -> list[int]:
        """Give the last undone call again; returns its items, empty if there was none."""
        return self._turn("redo") if self._undone else []

    def end_round(self, n_labels: int) -> None:
        """Record that a training was accepted: the paper's calls are counted across restarts."""
        self._write({"op": "round", "round": self.rounds + 1, "n_labels": n_labels, "time": _now()})
        self.rounds += 1

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
        current = self.current
        answers = list(current.values())

        def column(name: str, dtype: str) -> pd.Series[Any]:
            return pd.Series([getattr(answer, name) for answer in answers], dtype=dtype)

        return pd.DataFrame(
            {
                "index": pd.Series(list(current), dtype="int64"),
                "id": pd.Series([self.ds.ids[i] for i in current], dtype="object"),
                "label": column("label", "int8"),
                "asked": column("asked", "bool"),
                "annotator": column("annotator", "object"),
                "time": pd.to_datetime(column("time", "object"), utc=True).dt.as_unit("ms"),
                "round": column("round", "int64"),
                "base_score": column("base_score", "float64"),
                "uai_score": column("uai_score", "float64"),
            }
        )

    # -- inside -------------------------------------------------------------------------------------------------

    def _write(self, event: dict[str, Any]) -> None:
        if self.journal is not None:
            self.journal.append(event)
            self.saved_at = datetime.now().astimezone()
        self._n_events += 1

    def was_asked(self, index: int) -> bool:
        """Whether an answer for this item was ever asked for, taken back or not."""
        return index in self._ever_asked

    def _step(self, event: Mapping[str, Any], index: Sequence[int | None], number: int) -> _Step:
        """The step of a label event; ``index`` has None where an item is not in this data."""
        after = {}
        columns = (event[name] for name in ("label", "asked", "base_score", "uai_score"))
        for place, (i, label, asked, base, learned) in enumerate(zip(index, *columns, strict=True)):
            if i is not None:
                value, order = Label(label).value, (number, place)
                when = (event["annotator"], event["time"], event["round"])
                after[i] = Answer(value, asked, *when, base_score=base, uai_score=learned, order=order)
        return _Step(after, {i: self._current.get(i) for i in after})

    def _apply(self, step: _Step) -> None:
        for i, answer in step.after.items():
            self._replace(i, answer)
        self._ever_asked.update(i for i, answer in step.after.items() if answer.asked)
        self._done.append(step)

    def _revert(self, step: _Step) -> None:
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
        self._write({"op": op, "time": _now()})
        return self._step_back() if op == "undo" else self._step_again()

    def _step_back(self) -> list[int]:
        step = self._done.pop()
        self._revert(step)
        return list(step.after)

    def _step_again(self) -> list[int]:
        step = self._undone.pop()
        self._apply(step)
        return list(step.after)

    def _replay(self, event: Mapping[str, Any], match: _ItemMatch) -> None:
        self._n_events += 1
        op = event["op"]
        if op == "label":
            index = [match.row(i, h) for i, h in zip(event["id"], event["hash"], strict=True)]
            self._apply(self._step(event, index, self._n_events))
            self._undone.clear()
        elif op == "undo":
            self._step_back()
        elif op == "redo":
            self._step_again()
        elif op == "round":
            self.rounds = int(event["round"])
        elif op == "settings":
            self._settings = dict(event["settings"])
        else:
            raise ValueError(f"unknown event {op!r}")


class _ItemMatch:
    """Finds the rows of journaled items: by id where the content is the same, else by the content alone."""

    def __init__(self, ds: Dataset, events: Iterable[Mapping[str, Any]]) -> None:
        self.missing: dict[Any, None] = {}
        ids = {_plain(item_id): row for row, item_id in enumerate(ds.ids)}
        content = [f"{int(h):016x}" for h in ds.item_hash] if ids else []
        wanted = {pair for event in events if event.get("op") == "label" for pair in _pairs(event)}
        self._rows = {(i, h): ids[i] for i, h in wanted if i in ids and content[ids[i]] == h}
        # Only reordered or grown data come to the rest. Items of the same content are interchangeable: each label
        # gets one that no other label has.
        taken = set(self._rows.values())
        free: dict[str, list[int]] = {}
        lost = {h for i, h in wanted if (i, h) not in self._rows}
        for row in reversed(range(len(ds))) if lost else ():
            if content[row] in lost and row not in taken:
                free.setdefault(content[row], []).append(row)
        for i, h in sorted(wanted - self._rows.keys(), key=str):
            if free.get(h):
                self._rows[i, h] = free[h].pop()

    def row(self, item_id: Any, item_hash: str) -> int | None:
        """The row of an item, or None if it is not in this data."""
        row = self._rows.get((item_id, item_hash))
        if row is None:
            self.missing[item_id] = None
        return row


def _pairs(event: Mapping[str, Any]) -> list[tuple[Any, str]]:
    ids, hashes = event.get("id"), event.get("hash")
    if not isinstance(ids, list) or not isinstance(hashes, list):
        return []  # the replay says which line it is
    return [(i, h) for i, h in zip(ids, hashes, strict=False) if isinstance(i, str | int) and isinstance(h, str)]


def _sketch(ds: Dataset) -> list[str]:
    """The smallest content hashes: they are all still there in grown or reordered data, none in other data."""
    return [f"{int(h):016x}" for h in np.unique(ds.item_hash)[:SKETCH_SIZE]]


def _check_same_data(header: Mapping[str, Any], ds: Dataset, path: Path) -> None:
    sketch = header.get("sketch", [])
    here = np.asarray([int(h, 16) for h in sketch], dtype=np.uint64)
    if header.get("fingerprint") == ds.fingerprint or np.isin(here, ds.item_hash).sum() * 2 > len(here):
        return
    raise ValueError(
        f"{path} holds labels of other data: {header.get('dataset')!r} with {header.get('n_items')} items, and this is "
        f"{ds.name!r} with {len(ds)} items of other content. Open it with its own data, or choose another folder."
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _plain(item_id: Any) -> str | int:
    return item_id if isinstance(item_id, str) else int(item_id)


def _numbers(values: Iterable[float] | None, t: int) -> list[float | None]:
    if values is None:
        return [None] * t
    return [float(v) if math.isfinite(v) else None for v in values]
