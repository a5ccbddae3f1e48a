"""When to stop: how often asking pays now, what the next items may bring, and what is known of the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .auditing import Draws, Remaining, answers_in_order, draws, remaining
from .calibration import LIMIT, Calibration, calibrate, logit_of, predictions, reliability
from .labels import Label
from .snapshot import IndexArray, Snapshot

if TYPE_CHECKING:
    from .session import ActiveSession

WORTH = 0.05
RECENT = 50  # answers: at 5% they hold two or three anomalies, so that none of them says something
FEWEST = 10  # answers before anything is expected of the next
SHOWN = 500  # answers whose predictions are checked
SUPPORT = 20  # the last answers, whose scores say for which scores the calibration may speak
_ONE_SIDED, _TWO_SIDED = 1.645, 1.645  # normal deviates of 95% one-sided, and of 90%


@dataclass(frozen=True, eq=False)
class Outlook:
    """What :func:`when_to_stop` knows. Answers "by rank" are those to asked items that were no random audits.

    Attributes
    ----------
    n_found, n_left : int
        Anomalies known, and items without an answer.
    n_ranked : int
        Sure answers by rank.
    recent, recent_found : int
        The last answers by rank, at most 50, and anomalies among them.
    k : int
        How many items are asked next.
    expected : float or None
        Anomalies among these, by the calibrated probability; None with fewer than 10 answers by rank.
    likely : (int, int) or None
        90% limits of that.
    at_least : int
        A lower bound (95%) on the anomalies that remain of the kinds found: those expected among the next 50 items,
        as far as they score as high as what was asked last. How many there are of other kinds it does not say.
    remaining : Remaining or None
        How many remain of any kind, by random audits; None without audits.
    audit_share : float
        Share of what is asked that is drawn at random.
    worth : float
        The hit rate under which asking does not pay.
    stop : bool
        The hint, see :func:`when_to_stop`.
    rounds : DataFrame
        One row per round of answers by rank: round, asked, found, rate, expected (before the answers; nan at first).
    reliability : DataFrame
        What the calibration said before each of the last 500 answers by rank against what came: see
        :func:`~uai_notebook.calibration.reliability`.

    Examples
    --------
    >>> import uai_notebook as uai
    >>> ds = uai.load_dataset("digits_0")
    >>> config = uai.TrainConfig(pretrain_steps=50, round_steps=5)
    >>> session = uai.simulate(uai.ActiveSession(ds, budget=30, config=config), uai.Oracle(ds.y), progress=False)
    >>> outlook = uai.when_to_stop(session)
    >>> outlook.recent, outlook.k, outlook.remaining, isinstance(outlook, uai.Outlook)
    (30, 10, None, True)
    """

    n_found: int
    n_left: int
    n_ranked: int
    recent: int
    recent_found: int
    k: int
    expected: float | None
    likely: tuple[int, int] | None
    at_least: int
    remaining: Remaining | None
    audit_share: float
    worth: float
    stop: bool
    rounds: pd.DataFrame
    reliability: pd.DataFrame

    @property
    def line(self) -> str:
        """The shortest form, for a status line; empty with too few answers."""
        if not self.n_left:
            return "nothing is left to ask"
        if self.expected is None:
            return ""
        next_k = f"about {self.expected:.1f} anomalies in the next {self.k}"
        return f"{next_k}: little left of the kinds found" if self.stop else next_k

    @property
    def sentences(self) -> list[str]:
        """All of it in words."""
        said = [f"Anomalies among the last {self.recent} asked by rank: {self.recent_found}."] if self.recent else []
        if not self.n_left:
            return [*said, "Nothing is left to ask: every item has an answer."]
        if self.expected is not None and self.likely is not None:
            low, high = self.likely
            said.append(f"In the next {self.k} about {self.expected:.1f} are expected ({low} to {high} with 90%).")
        else:
            said.append(f"After {FEWEST} answers by rank it is said what to expect of the next ones.")
        return [*said, *self._rest(), self._hint()]

    def _rest(self) -> list[str]:
        least = f"At least {self.at_least} more of the kinds found remain" if self.at_least else ""
        if self.remaining is None:
            unknown = (
                "how many remain is not known, for what is asked by rank says nothing of what ranks low (Theorem 1)"
            )
            wait = "the first random audit will say more" if self.audit_share else "audit=0.05 would ask some at random"
            return [f"{least}; {unknown}: {wait}." if least else f"{unknown[0].upper()}{unknown[1:]}: {wait}."]
        r = self.remaining
        text = (
            f"{r.n_anomalies} of {r.n_audits} random audits were anomalies: {r.low:,} to {r.high:,} of the "
            f"{self.n_left:,} items left are, with 95%, of whatever kind; about {r.estimate:,.0f}."
        )
        return [f"{least}.", text] if least else [text]

    def _hint(self) -> str:
        rule = f"fewer than {self.worth:.0%} of the last {RECENT} and of the next {self.k}"
        if self.stop:
            return f"Stopping is reasonable: {rule} are anomalies. Of kinds that rank low there may be more."
        return f"No hint to stop: it is given when {rule} are anomalies."


def when_to_stop(session: ActiveSession, worth: float = WORTH) -> Outlook:
    """How often asking pays now, what to expect of the next k, and what is known of the rest.

    Parameters
    ----------
    session : ActiveSession
        Trained at least once.
    worth : float
        Share of anomalies under which asking does not pay, in (0, 1): it is your time.

    Returns
    -------
    Outlook
        The hint ``stop`` is given when an anomaly was found, fewer than ``worth`` of the last 50 answers by rank were
        anomalies, and fewer than ``worth`` of the next k are expected to be; and when every item has an answer. Of
        items without one it never says that none is an anomaly.

    Raises
    ------
    RuntimeError
        No training was accepted yet.
    ValueError
        ``worth`` outside (0, 1).

    Notes
    -----
    What is asked is what ranks highest, so answers are no random draw: they can say how often items are anomalies that
    are asked by rank with such a score (:func:`~uai_notebook.calibration.calibrate`, on scores from before each
    answer), and so what the next ones bring. Of items that rank low they say nothing, and Theorem 1 says that the data
    alone do not either: limits on all that remain need random audits (``ActiveSession(..., audit=0.05)``). How
    far from the truth all this is: ``results/stopping.md``.

    Examples
    --------
    >>> import uai_notebook as uai
    >>> session = uai.ActiveSession(uai.load_dataset("digits_0"), config=uai.TrainConfig(pretrain_steps=20))
    >>> _ = session.train()
    >>> print(uai.when_to_stop(session).sentences[0])
    After 10 answers by rank it is said what to expect of the next ones.
    """
    if not isinstance(worth, int | float) or not 0 < worth < 1:
        raise ValueError(f"worth={worth!r}: expected a share of anomalies between 0 and 1, such as 0.05.")
    snapshot = session.snapshot
    if snapshot is None:
        raise RuntimeError("there is no model yet: call session.train() first.")
    known = _Known.of(session, snapshot)
    ranked, left, share = known.ranked, known.left, session.audits.share
    following = _next(session, snapshot, left)
    calibration = calibrate(ranked.logit, ranked.label) if len(ranked.label) >= FEWEST else None
    mean, sd = (None, 0.0) if calibration is None else calibration.expected(ranked.logits_now[following])
    last = ranked.label[-RECENT:]
    few = len(last) >= RECENT and last.mean() < worth and mean is not None and mean < worth * len(following)
    return Outlook(
        n_found=known.n_found,
        n_left=len(left),
        n_ranked=len(ranked.label),
        recent=len(last),
        recent_found=int(last.sum()),
        k=len(following),
        expected=mean,
        likely=None if mean is None else _limits(mean, sd, len(following)),
        at_least=_at_least(calibration, ranked, left, following),
        remaining=remaining(known.drawn, known.n_found, len(left)) if share else None,
        audit_share=share,
        worth=float(worth),
        stop=not len(left) or bool(known.n_found and few),
        **_checked(ranked),
    )


# -- inside ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Known:
    """What is known now: answers by rank, random draws, items without an answer (m,), and anomalies."""

    ranked: _Ranked
    drawn: Draws
    left: IndexArray
    n_found: int

    @classmethod
    def of(cls, session: ActiveSession, snapshot: Snapshot) -> _Known:
        with session._lock:  # others may be labeling
            current, given = session.store.current, session.store.given()
        items, first = answers_in_order(given, current)
        index = np.asarray(items, np.int64)
        label = np.asarray([current[i].label for i in items], np.int8)
        drawn = draws(session.audits.order, index, label)
        asked = np.asarray([answer.asked for answer in first], bool)
        by_rank = asked & (label != Label.UNSURE) & ~np.isin(index, drawn.items)
        free = np.ones(len(session.ds), bool)
        free[index] = False
        ranked = _Ranked.of(snapshot, [first[i] for i in np.flatnonzero(by_rank)], label[by_rank])
        return cls(ranked, drawn, np.flatnonzero(free), int((label == 1).sum()))


@dataclass(frozen=True, eq=False)
class _Ranked:
    """Sure answers by rank, oldest first: logits from before each, labels, rounds; and the logits of all items now."""

    logit: npt.NDArray[np.float64]
    label: npt.NDArray[np.int8]
    round: IndexArray
    logits_now: npt.NDArray[np.float64]

    @classmethod
    def of(cls, snapshot: Snapshot, answers: list[Any], label: npt.NDArray[np.int8]) -> _Ranked:
        nothing = np.full(len(snapshot), np.nan)
        scores = [a.uai_score if snapshot.probability and a.uai_score is not None else np.nan for a in answers]
        now = nothing if snapshot.uai_logit is None or not snapshot.probability else snapshot.uai_logit
        # A learned score that is no probability has another scale after each round: only the hit rate is used.
        return cls(
            logit_of(scores),
            label,
            np.asarray([a.round for a in answers], np.int64),
            np.asarray(now, np.float64).clip(-LIMIT, LIMIT),
        )


def _next(session: ActiveSession, snapshot: Snapshot, left: IndexArray) -> IndexArray:
    """What ranking would ask next, k items or what is left."""
    k = min(session.k, len(left))
    if not k:
        return np.empty(0, np.int64)
    return np.asarray(session.query(snapshot, left, k, np.random.default_rng(session.seed)), np.int64)


def _limits(mean: float, sd: float, most: int) -> tuple[int, int]:
    low, high = mean - _TWO_SIDED * sd, mean + _TWO_SIDED * sd
    return int(np.floor(max(low, 0.0))), int(np.ceil(min(high, most)))


def _at_least(calibration: Calibration | None, ranked: _Ranked, left: IndexArray, following: IndexArray) -> int:
    """The lower limit among the next items that score as high as what was asked last; without scores, the next k.

    No more than 50 items: an error of the calibration is the same for all, and over thousands it is no bound any more.
    """
    if calibration is None:
        return 0
    recent = ranked.logit[-SUPPORT:]
    lowest = np.nanmin(recent) if np.isfinite(recent).any() else np.nan
    now = ranked.logits_now
    scores = now[following]
    if np.isfinite(lowest) and np.isfinite(now).all():
        highest = np.sort(now[left])[-RECENT:]
        scores = highest[highest >= lowest]
    mean, sd = calibration.expected(scores)
    return int(np.floor(max(mean - _ONE_SIDED * sd, 0.0)))


def _checked(ranked: _Ranked) -> dict[str, pd.DataFrame]:
    """The tables of what was expected and what came."""
    logit, label, rounds = ranked.logit[-SHOWN:], ranked.label[-SHOWN:], ranked.round[-SHOWN:]
    said = predictions(logit, label, rounds)
    table = pd.DataFrame({"round": rounds, "label": label.astype(np.int64), "said": said})
    grouped = table.groupby("round", sort=False)
    per_round = pd.DataFrame(
        {
            "asked": grouped["label"].size(),
            "found": grouped["label"].sum(),
            "rate": grouped["label"].mean(),
            "expected": grouped["said"].sum(min_count=1),
        }
    ).reset_index()
    return {"rounds": per_round, "reliability": reliability(said, label)}
