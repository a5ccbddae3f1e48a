"""Several annotators: how far they agree, where they do not, and who decides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .arguments import MERGED, check_answers, check_name
from .labels import Answer, Label, LabelStore

if TYPE_CHECKING:
    from .session import ActiveSession

REPLICATES = 2000  # of the bootstrap. Our choice


@dataclass(slots=True)
class Opinions:
    """What was said of one item: the last word of each annotator, and the decision if there was a conflict."""

    by_name: dict[str, int] = field(default_factory=dict)
    asked_again: bool = False
    decision: Answer | None = None

    def add(self, answer: Answer) -> None:
        """Take the next answer in order."""
        if answer.annotator == MERGED:
            if answer.label == Label.UNSURE:
                self.asked_again, self.decision = True, None
        elif self.asked_again:
            self.decision = answer
        else:
            self.by_name[answer.annotator] = answer.label

    @property
    def sure(self) -> set[int]:
        """The labels of those who are sure."""
        return {label for label in self.by_name.values() if label != Label.UNSURE}

    @property
    def in_conflict(self) -> bool:
        """Whether one says anomaly and another normal. Unsure contradicts nobody."""
        return len(self.sure) > 1

    @property
    def together(self) -> int:
        """What counts: the decision, or else what all say who are sure; Unsure if they disagree."""
        if self.decision is not None:
            return self.decision.label
        return next(iter(self.sure)) if len(self.sure) == 1 else int(Label.UNSURE)


def opinions_of(store: LabelStore, more_than_once: bool = False) -> dict[int, Opinions]:
    """What was said of each item, or of those with several answers, by item, in the order of their first answers."""
    given = store.given()
    times = Counter(i for i, _ in given) if more_than_once else None
    found: dict[int, Opinions] = {}
    for i, answer in given:
        if times is None or times[i] > 1:
            if i not in found:
                found[i] = Opinions()
            found[i].add(answer)
    return found


def conflicts(session: ActiveSession | LabelStore) -> pd.DataFrame:
    """Items that one annotator calls an anomaly and another normal, decided or not, those to ask again first.

    Parameters
    ----------
    session : ActiveSession or LabelStore

    Returns
    -------
    DataFrame
        index, id; anomaly, normal, unsure: who says so, names with commas; decision: the label that was decided,
        missing while it is open; decided_by.

    Notes
    -----
    An item has one last word of each annotator; what comes after a conflict was marked is the decision:
    see :func:`adjudicate` and :func:`~uai_notebook.merge_sessions`.

    Examples
    --------
    >>> import numpy as np
    >>> import uai_notebook as uai
    >>> session = uai.ActiveSession(uai.Dataset.from_arrays(np.eye(12)))
    >>> session.label([3, 5], [1, 1], annotator="Anna")
    >>> session.label([3, 5], [1, 0], annotator="Ben")
    >>> found = uai.conflicts(session)
    >>> found[["index", "anomaly", "normal"]].values.tolist()
    [[5, 'Anna', 'Ben']]
    >>> uai.adjudicate(session, found["index"], uai.Label.NORMAL, annotator="Cleo")
    >>> uai.conflicts(session)[["decision", "decided_by"]].values.tolist()
    [[0, 'Cleo']]
    """
    store = _store(session)
    found = [(i, said) for i, said in opinions_of(store, more_than_once=True).items() if said.in_conflict]
    found.sort(key=lambda pair: pair[1].decision is not None)
    decisions = [said.decision for _, said in found]
    return pd.DataFrame(
        {
            "index": pd.Series([i for i, _ in found], dtype="int64"),
            "id": pd.Series([store.ds.ids[i] for i, _ in found], dtype="object"),
            **{label.name.lower(): _names(found, label) for label in Label},
            "decision": pd.array([pd.NA if a is None else a.label for a in decisions], dtype="Int8"),
            "decided_by": pd.Series(["" if a is None else a.annotator for a in decisions], dtype="object"),
        }
    )


def adjudicate(session: ActiveSession, index: Any, label: Any, annotator: str) -> None:
    """Decide conflicts: one more label for each item, of whoever decides, which is what the model learns.

    Where the conflict was not marked by a merge it is marked first, by an Unsure of "(merged)". Both are journaled, and
    can be taken back with ``session.undo()``, one after the other. The answers of the annotators stay as they are.

    Parameters
    ----------
    session : ActiveSession
    index : int or sequence of int
        Items of :func:`conflicts`, open or decided before.
    label : Label, int or sequence
        What is decided; Unsure is a decision too.
    annotator : str
        Who decides.

    Raises
    ------
    ValueError
        An item that is in no conflict, no name, no such label. Nothing was saved.
    OSError, RuntimeError
        As of :meth:`ActiveSession.label`.

    Examples
    --------
    See :func:`conflicts`.

    >>> import uai_notebook as uai
    >>> uai.adjudicate(uai.ActiveSession(uai.load_dataset("digits_0")), 3, uai.Label.NORMAL, annotator="Cleo")
    Traceback (most recent call last):
    ValueError: items [3] are in no conflict: expected some of conflicts(session)["index"].
    """
    items, values = check_answers(index, label, len(session.ds))
    if not check_name(annotator).strip():
        raise ValueError(f"annotator={annotator!r}: expected the name of who decides.")
    said = opinions_of(session.store)
    wrong = [i for i in items if i not in said or not said[i].in_conflict]
    if wrong:
        raise ValueError(f'items {wrong[:5]} are in no conflict: expected some of conflicts(session)["index"].')
    new = [i for i in items if not said[i].asked_again]
    if new:
        _mark(session, new)
    session.label(items, values, annotator=annotator)


def agreement_table(
    session: ActiveSession | LabelStore, *, unsure: bool = False, level: float = 0.95, seed: int = 0
) -> pd.DataFrame:
    """How far each two annotators agree on the items that both have answered: Cohen's kappa.

    Parameters
    ----------
    session : ActiveSession or LabelStore
    unsure : bool
        Whether Unsure counts as a third answer; otherwise items that one of the two is unsure of are left out.
    level : float
        Of the interval, in (0, 1).
    seed : int
        Of the bootstrap.

    Returns
    -------
    DataFrame, one row for each two annotators
        annotator, other; n: items that both have answered; agree: the share of them with the same answer; kappa; low
        and high: its interval. Missing where it is not defined: no items, or one and the same answer to all.

    Notes
    -----
    kappa = (p_o - p_e) / (1 - p_e), the agreement beyond that of two who answer at random as often as these do (Cohen
    1960). The interval is that of 2,000 bootstrap samples of the items, by percentiles (our choice); it is too short
    for a few dozen items, and of no length where all answers agree. Decisions of conflicts are not counted. What was
    asked is no random sample of the data: kappa is about the items that were shown.

    Examples
    --------
    >>> import numpy as np
    >>> import uai_notebook as uai
    >>> session = uai.ActiveSession(uai.Dataset.from_arrays(np.eye(12)))
    >>> session.label(range(8), [1, 1, 1, 1, 0, 0, 0, 0], annotator="Anna")
    >>> session.label(range(8), [1, 1, 1, 0, 0, 0, 0, 0], annotator="Ben")
    >>> uai.agreement_table(session)[["annotator", "other", "n", "agree", "kappa"]].values.tolist()
    [['Anna', 'Ben', 8, 0.875, 0.75]]
    """
    if not 0 < level < 1:
        raise ValueError(f"level={level!r}: expected a share between 0 and 1, such as 0.95.")
    answers: dict[str, dict[int, int]] = {}
    for i, said in opinions_of(_store(session)).items():
        for name, label in said.by_name.items():
            answers.setdefault(name, {})[i] = label
    rng = np.random.default_rng(seed)
    rows = []
    for a, b in combinations(sorted(answers), 2):
        table = _crossed(answers[a], answers[b], unsure)
        n = int(table.sum())
        drawn = rng.multinomial(n, table.ravel() / n, REPLICATES).reshape(-1, *table.shape) if n else table[None]
        low, high = _between(cohen_kappa(drawn), level)
        agree = float(np.trace(table) / n) if n else float("nan")
        rows.append((a, b, n, agree, float(cohen_kappa(table)), low, high))
    return pd.DataFrame(rows, columns=["annotator", "other", "n", "agree", "kappa", "low", "high"]).astype(
        {"n": "int64"}
    )


def cohen_kappa(table: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Cohen's kappa of counts (..., c, c), one annotator down and the other across; NaN where it is not defined.

    Examples
    --------
    >>> cohen_kappa([[4, 0], [1, 3]]).round(3)
    np.float64(0.75)
    """
    counts = np.asarray(table, np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = counts / counts.sum((-2, -1), keepdims=True)
        observed = np.trace(share, axis1=-2, axis2=-1)
        expected = (share.sum(-1) * share.sum(-2)).sum(-1)
        beyond: npt.NDArray[np.float64] = (observed - expected) / (1 - expected)
    return beyond


# -- inside -----------------------------------------------------------------------------------------------------------


def _store(session: ActiveSession | LabelStore) -> LabelStore:
    return session if isinstance(session, LabelStore) else session.store


def _mark(session: ActiveSession, items: list[int]) -> None:
    """Journal that the annotators disagree, said by a merge: a name that ``session.label`` takes from nobody."""
    store = session.store
    with session._lock:
        session._check_open()
        store.add(
            items,
            [Label.UNSURE] * len(items),
            asked=[store.was_asked(i) for i in items],
            annotator=MERGED,
            round=session.round,
        )
    session._observers.tell("labels", "queue")


def _names(found: list[tuple[int, Opinions]], label: Label) -> pd.Series[Any]:
    said = [", ".join(name for name, value in of.by_name.items() if value == label) for _, of in found]
    return pd.Series(said, dtype="object")


def _crossed(a: Mapping[int, int], b: Mapping[int, int], unsure: bool) -> npt.NDArray[np.int64]:
    """How often who of the two gave which answer to the items that both have answered, int64 (c, c)."""
    kinds = [label.value for label in Label if unsure or label != Label.UNSURE]
    table = np.zeros((len(kinds), len(kinds)), np.int64)
    for i in a.keys() & b.keys():
        if a[i] in kinds and b[i] in kinds:
            table[kinds.index(a[i]), kinds.index(b[i])] += 1
    return table


def _between(values: npt.NDArray[np.float64], level: float) -> tuple[float, float]:
    """The interval that holds the middle ``level`` of the values that are defined."""
    known = values[np.isfinite(values)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
