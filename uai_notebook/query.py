"""Which items to ask about next: ``select_top`` of Algorithm 1 and its variants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from .snapshot import IndexArray, Snapshot

#: ``(snapshot, unlabeled (m,), k, rng) -> (<= k,)``, indices relative to the Dataset, best first.
QueryStrategy = Callable[[Snapshot, IndexArray, int, np.random.Generator], npt.NDArray[np.integer]]

COLD_START_CALLS = 10  # Appendix A.1: "for the first 10 calls of select_top"


def top(score: npt.NDArray[np.floating], items: IndexArray, k: int) -> IndexArray:
    """The ``k`` of ``items`` with the highest score, best first; equal scores in the order of the data."""
    values = score[items]
    if k < len(items):  # n log k would do; a partition is n
        bound = np.partition(values, len(values) - k)[len(values) - k]
        items, values = items[values >= bound], values[values >= bound]
    return np.asarray(items[np.argsort(-values, kind="stable")][:k], dtype=np.int64)


def always_base(snapshot: Snapshot) -> bool:
    """Never hand over: rank by s."""
    return False


def always_uai(snapshot: Snapshot) -> bool:
    """No cold start: rank by s_uai as soon as it is trained."""
    return True


def after_ten_calls(snapshot: Snapshot) -> bool:
    """The paper's rule (A.1): s for the first 10 calls, s_uai after."""
    return snapshot.round >= COLD_START_CALLS


def after_two_of_each(snapshot: Snapshot) -> bool:
    """Our rule: s_uai once 2 anomalies and 2 normals are labelled, at the latest after 10 calls.

    With k = 3 and a budget of 29 the paper's rule would never hand over within the budget.
    """
    anomalies = int((snapshot.labeled_value == 1).sum())
    return min(anomalies, snapshot.n_labels - anomalies) >= 2 or after_ten_calls(snapshot)


@dataclass(frozen=True)
class TopScore:
    """Ask for the highest scores: s until ``hand_over`` says so, s_uai after (while it is not trained, s).

    Examples
    --------
    >>> import numpy as np
    >>> from uai_notebook import Snapshot, query
    >>> snapshot = Snapshot(base_score=np.float32([.1, .9, .5]))
    >>> query.RULES["paper"](snapshot, np.array([0, 2]), 1, np.random.default_rng(0))
    array([2])
    """

    hand_over: Callable[[Snapshot], bool]

    def __call__(self, snapshot: Snapshot, unlabeled: IndexArray, k: int, rng: np.random.Generator) -> IndexArray:
        return top(snapshot.ranking_score if self.uses_uai(snapshot) else snapshot.base_score, unlabeled, k)

    def uses_uai(self, snapshot: Snapshot) -> bool:
        """Whether this snapshot is ranked by s_uai."""
        return snapshot.uai_logit is not None and self.hand_over(snapshot)

    def describe(self, snapshot: Snapshot) -> str:
        """What the ranking is, in the words of the widget."""
        if self.uses_uai(snapshot):
            return "ranked by UAI" if snapshot.probability else "ranked by learned score"
        if self.hand_over is after_ten_calls or self.hand_over is after_two_of_each:
            return f"ranked by base score (round {min(snapshot.round + 1, COLD_START_CALLS)} of {COLD_START_CALLS})"
        return "ranked by base score"


@dataclass(frozen=True)
class Random:
    """Ask at random: the baseline that every rule has to beat."""

    def __call__(self, snapshot: Snapshot, unlabeled: IndexArray, k: int, rng: np.random.Generator) -> IndexArray:
        return np.asarray(rng.choice(unlabeled, size=min(k, len(unlabeled)), replace=False), dtype=np.int64)

    def describe(self, snapshot: Snapshot) -> str:
        """What the ranking is, in the words of the widget."""
        return "in random order"


RULES: dict[str, TopScore | Random] = {
    "adaptive": TopScore(after_two_of_each),
    "paper": TopScore(after_ten_calls),
    "base": TopScore(always_base),
    "uai": TopScore(always_uai),
    "random": Random(),
}


def rule(query: str | QueryStrategy) -> QueryStrategy:
    """The rule of a name, or the function itself. ValueError if there is no such rule."""
    if callable(query):
        return query
    if query not in RULES:
        raise ValueError(
            f"query={query!r}: expected one of {', '.join(RULES)}, or a function "
            "(snapshot, unlabeled, k, rng) -> indices."
        )
    return RULES[query]


def name_of(query: QueryStrategy) -> str:
    """The name of a rule, or "function <name>" of somebody's own: never the same by chance."""
    for name, known in RULES.items():
        if query is known:
            return name
    return f"function {getattr(query, '__name__', type(query).__name__)}"


def describe(query: QueryStrategy, snapshot: Snapshot) -> str:
    """How a rule ranks this snapshot, for people."""
    if isinstance(query, TopScore | Random):
        return query.describe(snapshot)
    return f"ranked by {getattr(query, '__name__', type(query).__name__)}"
