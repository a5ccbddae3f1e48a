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

from .journal import Journal

if TYPE_CHECKING:
    from .datasets import Dataset

JOURNAL_NAME = "labels.jsonl"
SKETCH_SIZE = 64


class Label(IntEnum):
    """What an expert says of one item."""

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
        self._done: list[_Step] = []
        self._undone: list[_Step] = []
        self._n_events = 0

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
        match = _ItemMatch(ds)
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
        """Session settings of the header; empty in memory."""
        return dict(self.journal.header.get("settings", {})) if self.journal else {}

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
        OSError
            The journal could not be written; nothing was counted.
        """
        t = len(index)
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
        self._write(event)
        self._apply(self._step(event, [int(i) for i in index]))
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
        return dict(sorted(self._current.items(), key=lambda pair: pair[1].order))

    def __len__(self) -> int:
        return len(self._current)

    def __contains__(self, index: int) -> bool:
        return index in self._current

    def get(self, index: int) -> Answer | None:
        """The latest answer for one item, or None."""
        return self._current.get(index)

    def counts(self) -> dict[int, int]:
        """Number of items per label value, all three keys present."""
        values = [answer.label for answer in self._current.values()]
        return {label.value: values.count(label.value) for label in Label}

    @property
    def n_asked(self) -> int:
        """Items the queue offered that have an answer: what the budget counts."""
        return sum(answer.asked for answer in self._current.values())

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
                "time": pd.to_datetime(column("time", "object"), utc=True),
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

    def _step(self, event: Mapping[str, Any], index: list[int | None]) -> _Step:
        """The step of a label event; ``index`` has None where an item is not in this data."""
        after = {}
        for j, i in enumerate(index):
            if i is not None:
                after[i] = Answer(
                    label=Label(event["label"][j]).value,
                    asked=event["asked"][j],
                    annotator=event["annotator"],
                    time=event["time"],
                    round=event["round"],
                    base_score=event["base_score"][j],
                    uai_score=event["uai_score"][j],
                    order=(self._n_events, j),
                )
        return _Step(after, {i: self._current.get(i) for i in after})

    def _apply(self, step: _Step) -> None:
        self._current.update(step.after)
        self._done.append(step)

    def _revert(self, step: _Step) -> None:
        for i, answer in step.before.items():
            if answer is None:
                self._current.pop(i, None)
            else:
                self._current[i] = answer
        self._undone.append(step)

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
            index = [match.row(i, int(h, 16)) for i, h in zip(event["id"], event["hash"], strict=True)]
            self._apply(self._step(event, index))
            self._undone.clear()
        elif op == "undo":
            self._step_back()
        elif op == "redo":
            self._step_again()
        elif op == "round":
            self.rounds = int(event["round"])
        else:
            raise ValueError(f"unknown event {op!r}")


class _ItemMatch:
    """Finds the row of a journaled item: by its id if the content is the same, else by its content alone."""

    def __init__(self, ds: Dataset) -> None:
        self._ds = ds
        self._ids = {_plain(item_id): row for row, item_id in enumerate(ds.ids)}
        self._rows: dict[int, list[int]] | None = None
        self._found: dict[tuple[Any, int], int | None] = {}
        self.missing: dict[Any, None] = {}

    def row(self, item_id: Any, item_hash: int) -> int | None:
        key = (item_id, item_hash)
        if key not in self._found:
            self._found[key] = row = self._search(item_id, item_hash)
            if row is None:
                self.missing[item_id] = None
        return self._found[key]

    def _search(self, item_id: Any, item_hash: int) -> int | None:
        row = self._ids.get(item_id)
        if row is not None and int(self._ds.item_hash[row]) == item_hash:
            return row
        if self._rows is None:  # only reordered or grown data come here
            self._rows = {}
            for i, value in enumerate(self._ds.item_hash.tolist()):
                self._rows.setdefault(value, []).append(i)
        taken = set(self._found.values())
        # Items of the same content are interchangeable: the first one that no other label took.
        return next((i for i in self._rows.get(item_hash, []) if i not in taken), None)


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
