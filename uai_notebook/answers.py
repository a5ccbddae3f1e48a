"""What an expert says of one item, and what a journal says of one training.

Sign and labels, stated once: 1 is an anomaly, 0 is normal, -1 is unsure; a higher score is more anomalous.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from .datasets import Dataset


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
class Step:
    """One undoable call: the answers it gave, and those they replaced (None: there was none).

    ``fates`` says what became of its items: see :meth:`~uai_notebook.matching.ItemMatch.fates`. It is empty where the
    data have all items of the journal.
    """

    after: dict[int, Answer]
    before: dict[int, Answer | None]
    fates: Mapping[Any, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Training:
    """One accepted training, as a journal has it: enough to do it again.

    Attributes
    ----------
    round, n_labels : int
        Of its snapshot.
    began : int or None
        How many events the journal had when it took its labels. None: not known (a journal of format 1).
    ended : int
        The number of its own event.
    data : str
        If it began with pre-training, the :func:`~uai_notebook.matching.ordered_digest` of the data; else empty.
    weights : str
        Likewise, the :func:`~uai_notebook.rebuild.weights_digest` it began with, if the model is the user's own.
    updates : int
        How many times it learned from its labels; 1 but for those that began with pre-training.
    scalars : mapping of str to float
        What the history keeps of it.
    """

    round: int
    n_labels: int
    began: int | None
    ended: int
    data: str
    weights: str
    updates: int
    scalars: Mapping[str, float]


def answers_of(event: Mapping[str, Any], index: Sequence[int | None], number: int) -> dict[int, Answer]:
    """The answers of a label event; ``index`` has None where an item is not in this data.

    Raises
    ------
    KeyError, TypeError, ValueError
        It is no valid label event.
    """
    after = {}
    columns = (event[name] for name in ("label", "asked", "base_score", "uai_score"))
    when = (_text(event["annotator"]), _time(event["time"]), _whole(event["round"]))
    for place, (i, label, asked, base, learned) in enumerate(zip(index, *columns, strict=True)):
        value = Label(label).value
        if i is not None:
            after[i] = Answer(value, bool(asked), *when, _score(base), _score(learned), (number, place))
    return after


def training_of(event: Mapping[str, Any], number: int) -> Training:
    """The training of a round event, which is the journal's ``number``-th. Raises as :func:`answers_of`."""
    start = event.get("start") or {}
    # A journal that somebody has edited counts its events wrongly: what was trained on is then not known.
    known = event.get("ended") == number and isinstance(event.get("began"), int)
    scalars = {str(name): float(value) for name, value in dict(event.get("scalars", {})).items()}
    return Training(
        round=_whole(event["round"]),
        n_labels=_whole(event["n_labels"]),
        began=int(event["began"]) if known and 0 <= event["began"] < number else None,
        ended=number,
        data=_text(start.get("data", "")),
        weights=_text(start.get("weights", "")),
        updates=_whole(start.get("updates", 1)),
        scalars=scalars,
    )


def redone(trainings: Sequence[Training], data: str) -> list[Training]:
    """The trainings that make the present model, the one that began with pre-training first.

    Empty if there are none, if one is not known well enough, or if they were of other data than ``data`` names.
    """
    first = next((n for n in reversed(range(len(trainings))) if trainings[n].data), None)
    made = [] if first is None else list(trainings[first:])
    in_order = all(b.round == a.round + 1 for a, b in pairwise(made))
    known = in_order and all(training.began is not None for training in made)
    return made if made and known and made[0].data == data else []


def frame_of(ds: Dataset, current: Mapping[int, Answer]) -> pd.DataFrame:
    """Answers as a DataFrame, in their order: the columns of ``session.labels``."""
    answers = list(current.values())

    def column(name: str, dtype: str) -> pd.Series[Any]:
        return pd.Series([getattr(answer, name) for answer in answers], dtype=dtype)

    return pd.DataFrame(
        {
            "index": pd.Series(list(current), dtype="int64"),
            "id": pd.Series([ds.ids[i] for i in current], dtype="object"),
            "label": column("label", "int8"),
            "asked": column("asked", "bool"),
            "annotator": column("annotator", "object"),
            "time": pd.to_datetime(column("time", "object"), utc=True, format="ISO8601").dt.as_unit("ms"),
            "round": column("round", "int64"),
            "base_score": column("base_score", "float64"),
            "uai_score": column("uai_score", "float64"),
        }
    )


def numbers(values: Iterable[float] | None, t: int) -> list[float | None]:
    """Scores as JSON has them; None for those that are not finite, or not there."""
    if values is None:
        return [None] * t
    return [float(v) if math.isfinite(v) else None for v in values]


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    return value


def _time(value: Any) -> str:
    when = datetime.fromisoformat(_text(value))
    if when.tzinfo is None or not 1700 < when.year < 2250:  # what a DataFrame can hold
        raise ValueError(f"{value!r} is no time with a time zone")
    return str(value)


def _whole(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 2**53:
        raise ValueError(f"{value!r} is no whole number of at least 0")
    return value


def _score(value: Any) -> float | None:
    if value is not None and type(value) not in (int, float):
        raise TypeError(f"{value!r} is no number")
    return None if value is None else float(value)
