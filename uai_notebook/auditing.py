"""Random audits: a share of what is asked is drawn at random, and says how many anomalies are still out there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .arguments import check_chosen
from .query import QueryStrategy
from .snapshot import IndexArray, Snapshot

if TYPE_CHECKING:
    from .datasets import Dataset

LEVEL = 0.95  # of the interval


@dataclass(frozen=True, eq=False)
class Audits:
    """Which items are asked at random.

    Each place of a batch is an audit with chance ``share``. What is audited is always the first item without an answer
    in one random ``order`` of all items, which follows from the seed and the ids. So nothing has to be remembered: the
    journal's answers and settings say which were audits.

    Parameters
    ----------
    share : float
        0: no audits.
    order : int64 (n,)
        All items in random order; empty without audits.

    Examples
    --------
    >>> import numpy as np
    >>> from uai_notebook import Snapshot, query
    >>> from uai_notebook.auditing import Audits
    >>> audits, snapshot = Audits(0.5, order=np.arange(40)), Snapshot(np.arange(40, dtype=np.float32))
    >>> audits.select(query.RULES["base"], snapshot, np.arange(40), 4, np.random.default_rng(1))
    array([39, 38,  0, 37])
    """

    share: float = 0.0
    order: IndexArray = field(default_factory=lambda: np.empty(0, np.int64))

    @classmethod
    def of(cls, ds: Dataset, share: Any, seed: int) -> Audits:
        """The audits of a session. ValueError if ``share`` is no number in [0, 1]."""
        number = isinstance(share, int | float | np.number) and not isinstance(share, bool)
        if not number or not 0 <= share <= 1:
            raise ValueError(f"audit={share!r}: expected the share of random audits, 0 to 1, such as 0.05.")
        return cls(float(share), random_order(ds, seed)) if share else cls()

    def select(
        self, query: QueryStrategy, snapshot: Snapshot, unlabeled: IndexArray, k: int, rng: np.random.Generator
    ) -> npt.NDArray[np.integer]:
        """What ``query`` would ask, with audits in some places: at most k of ``unlabeled``.

        Raises
        ------
        ValueError
            With audits, ``query`` gave what it may not choose; without, that is for the caller to check.
        """
        if not self.share:
            return query(snapshot, unlabeled, k, rng)
        k = min(k, len(unlabeled))
        # Decided for each place: however few of a batch are answered before the next one, the share is the same.
        audited = rng.random(k) < self.share
        free = np.zeros(len(self.order), bool)
        free[unlabeled] = True
        drawn = self.order[free[self.order]][: audited.sum()]
        ranked = np.empty(0, np.int64)
        if not audited.all():
            free[drawn] = False
            chosen = query(snapshot, np.setdiff1d(unlabeled, drawn), k - len(drawn), rng)
            ranked = np.asarray(check_chosen(chosen, free, k - len(drawn)), np.int64)
        asked = np.full(k, -1, np.int64)
        asked[audited] = drawn
        asked[np.flatnonzero(~audited)[: len(ranked)]] = ranked  # a query function may give fewer
        return asked[asked >= 0]


def random_order(ds: Dataset, seed: int) -> IndexArray:
    """All items in an order that depends on the seed and their ids only: the same if the data are reordered."""
    key = str(int(seed)).encode()
    drawn = [blake2b(f"{type(i).__name__} {i}".encode("utf-8", "replace"), key=key, digest_size=8) for i in _plain(ds)]
    return np.argsort([int.from_bytes(d.digest(), "big") for d in drawn], kind="stable").astype(np.int64)


def _plain(ds: Dataset) -> list[int | str]:
    plain: list[int | str] = ds.ids.tolist()
    return plain


@dataclass(frozen=True)
class Draws:
    """Items drawn at random from those without an answer, in the order they were drawn; each array is (A,).

    Attributes
    ----------
    items : int64
    label : int8
        Their answers; -1 is unsure.
    found, left : int64
        Anomalies known, and items without an answer, when each was drawn.
    """

    items: IndexArray
    label: npt.NDArray[np.int8]
    found: IndexArray
    left: IndexArray


def draws(order: IndexArray, answered: IndexArray, label: npt.NDArray[np.int8]) -> Draws:
    """Which of the answers were random draws.

    Parameters
    ----------
    order : int64 (n,)
        Of :class:`Audits`; empty: nothing was drawn.
    answered, label : int64 (t,), int8 (t,)
        Items in the order they were first answered, and what is known of them now.

    Notes
    -----
    The first item of ``order`` without an answer is, whatever was asked until then, a random one of all without an
    answer, for the order was drawn before. It stays the next one until it is answered; then the next is looked for.
    So each item that had no answer when its turn came is a fair draw, and those that ranking was faster to ask are
    left out.
    """
    place = np.full(len(order), -1, np.int64)
    if len(order):  # else there are no audits
        place[answered] = np.arange(len(answered))
    known = np.append(0, np.cumsum(label == 1))
    rows, turn = [], 0  # turn: how many answers there were when the item's turn came
    for i in order.tolist():
        if place[i] < 0:
            break
        if place[i] >= turn:
            rows.append((i, label[place[i]], known[turn], len(order) - turn))
            turn = int(place[i]) + 1
    columns = np.array(rows, np.int64).reshape(-1, 4).T
    return Draws(columns[0], columns[1].astype(np.int8), columns[2], columns[3])


@dataclass(frozen=True)
class Remaining:
    """How many anomalies, of whatever kind, are among the items without an answer, by random audits.

    Attributes
    ----------
    n_audits, n_anomalies : int
        Audits with a sure answer, and anomalies among them.
    estimate : float
    low, high : int
        95% limits.
    """

    n_audits: int
    n_anomalies: int
    estimate: float
    low: int
    high: int


def remaining(drawn: Draws, n_found: int, n_left: int) -> Remaining | None:
    """Estimate from random draws how many anomalies remain; None without a sure draw.

    Parameters
    ----------
    drawn : Draws
    n_found, n_left : int
        Anomalies known, and items without an answer, now.

    Returns
    -------
    Remaining or None

    Notes
    -----
    With N anomalies in all, a draw among M items of which f anomalies were known already is one with chance
    (N - f) / M, whatever the ranking asked. The limits are the N beyond which so few, or so many, anomalies among the
    draws have a chance of 2.5% or less (Clopper-Pearson, for chances that differ); our choice, since they hold for
    any number of audits. Draws that the expert was unsure of are left out.

    Examples
    --------
    >>> import numpy as np
    >>> from uai_notebook.auditing import Draws, remaining
    >>> nothing = np.zeros(60, np.int64)
    >>> remaining(Draws(np.arange(60), nothing.astype(np.int8), nothing, nothing + 1000), n_found=8, n_left=900)
    Remaining(n_audits=60, n_anomalies=0, estimate=0.0, low=0, high=51)
    """
    sure = drawn.label >= 0
    found, left = drawn.found[sure], drawn.left[sure].astype(np.float64)
    if not len(found):
        return None
    hits = int((drawn.label[sure] == 1).sum())

    def chance(total: int, at_most: int) -> float:
        return _chance_at_most(((total - found) / left).clip(0, 1), at_most)

    tail = (1 - LEVEL) / 2
    low = _first(n_found, n_found + n_left, lambda total: 1 - chance(total, hits - 1) > tail)
    high = _first(n_found, n_found + n_left + 1, lambda total: chance(total, hits) <= tail) - 1
    estimate = (hits + (found / left).sum()) / (1 / left).sum() - n_found
    return Remaining(
        len(found), hits, float(np.clip(estimate, 0, n_left)), low - n_found, max(high, low, n_found) - n_found
    )


def _chance_at_most(chances: npt.NDArray[np.float64], most: int) -> float:
    """The chance of at most so many successes of independent draws with these chances."""
    if most < 0:
        return 0.0
    counts = np.zeros(most + 1)  # chance of 0, 1, ... most successes so far
    counts[0] = 1.0
    for p in chances.tolist():
        counts[1:] = counts[1:] * (1 - p) + counts[:-1] * p
        counts[0] *= 1 - p
    return float(counts.sum())


def _first(low: int, high: int, holds: Any) -> int:
    """The first whole number of low to high for which it holds, ``high`` if there is none before; holds stays true."""
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low


def answers_in_order(given: Sequence[tuple[int, Any]], current: dict[int, Any]) -> tuple[list[int], list[Any]]:
    """Items that have an answer now, in the order they were first answered, and those first answers."""
    first: dict[int, Any] = {}
    for i, answer in given:
        if i in current:
            first.setdefault(i, answer)
    return list(first), list(first.values())
