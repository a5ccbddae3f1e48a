"""Anomalies found against items asked (Figures 3, 6-8, 11): the numbers, without a picture."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np
import numpy.typing as npt

from uai_notebook.labels import Label

if TYPE_CHECKING:
    from uai_notebook.session import ActiveSession

_CURVES = ("found", "ranking")  # the arrays of a Run

CurveArray = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Run:
    """What one line of the figure shows.

    Attributes
    ----------
    name : str
    found : tuple of int32 (t + 1,)
        One curve per seed; see :func:`found_curve`.
    ranking : tuple of int32 (b + 1,)
        What the ranking before any label would have found, one per seed; empty if unknown.
    ranking_name : str
        What that line may claim.
    budget : int or None
    n_anomalies, n_items : int or None
        Among the items that could be asked; None without truth.
    """

    name: str
    found: tuple[CurveArray, ...]
    ranking: tuple[CurveArray, ...] = ()
    ranking_name: str = ""
    budget: int | None = None
    n_anomalies: int | None = None
    n_items: int | None = None

    @property
    def length(self) -> int:
        """Items on the horizontal axis."""
        return max([self.budget or 0, *(len(curve) - 1 for curve in (*self.found, *self.ranking))])

    def same_picture(self, other: Run) -> bool:
        """Whether nothing has to be drawn again."""
        mine, its = ([vars(run)[name] for name in vars(run) if name not in _CURVES] for run in (self, other))
        return mine == its and all(
            len(a) == len(b) and all(np.array_equal(c, d) for c, d in zip(a, b, strict=True))
            for a, b in ((getattr(self, name), getattr(other, name)) for name in _CURVES)
        )


def found_curve(labels: npt.ArrayLike) -> CurveArray:
    """Anomalies among the first 0, 1, ..., t answers.

    Parameters
    ----------
    labels : array_like of int (t,)
        Answers in the order asked: 1 anomaly, 0 normal, -1 unsure (asked, and not found).

    Returns
    -------
    int32 (t + 1,)

    Examples
    --------
    >>> found_curve([0, 1, -1, 1]).tolist()
    [0, 0, 1, 1, 2]
    """
    found = np.asarray(labels) == Label.ANOMALY
    return np.concatenate([[0], np.cumsum(found)]).astype(np.int32)


def ranking_curve(
    order: npt.NDArray[np.integer], anomaly: npt.NDArray[Any], budget: int, skip: npt.ArrayLike = ()
) -> CurveArray:
    """Anomalies found by asking in a fixed order.

    Parameters
    ----------
    order : int (n,)
        All items, first asked first.
    anomaly : bool or int (n,)
        Which items are anomalies.
    budget : int
        Items asked.
    skip : int (m,)
        Items that nobody had to ask for.

    Returns
    -------
    int32 (budget + 1,), or shorter if there are fewer items

    Examples
    --------
    >>> ranking_curve(np.array([2, 0, 1]), np.array([1, 0, 1]), budget=2).tolist()
    [0, 1, 2]
    """
    known = np.asarray(skip, dtype=np.int64)
    order = order[: budget + len(known)]  # whatever is skipped, no more can be needed
    asked = order[~np.isin(order, known)][:budget]
    return found_curve(np.asarray(anomaly)[asked] == 1)


def random_curve(n_anomalies: int, n_items: int, budget: int) -> npt.NDArray[np.float32]:
    """Anomalies expected among 0, 1, ..., budget items drawn at random: float32 (budget + 1,).

    Examples
    --------
    >>> random_curve(5, 10, 2).tolist()
    [0.0, 0.5, 1.0]
    """
    drawn = np.arange(min(budget, n_items) + 1)
    return (drawn * (n_anomalies / max(n_items, 1))).astype(np.float32)


def band(curves: Sequence[CurveArray]) -> tuple[npt.NDArray[np.float32], CurveArray, CurveArray]:
    """Median, smallest and largest of several seeds, up to the end of the shortest.

    Examples
    --------
    >>> [line.tolist() for line in band([found_curve([0, 1]), found_curve([1, 1, 1])])]
    [[0.0, 0.5, 1.5], [0, 0, 1], [0, 1, 2]]
    """
    length = min(len(curve) for curve in curves)
    table = np.stack([curve[:length] for curve in curves])
    return np.median(table, axis=0).astype(np.float32), table.min(axis=0), table.max(axis=0)


def thinned(length: int, limit: int = 1000) -> CurveArray:
    """At most ``limit`` positions of a curve of ``length`` points, first and last kept."""
    return np.unique(np.linspace(0, length - 1, min(length, limit)).astype(np.int32))


def session_run(session: ActiveSession, name: str = "", order: npt.NDArray[np.int64] | None = None) -> Run:
    """The curve of one session, and what its first ranking would have found.

    Items labelled without being asked are left out of both, and of the truth: neither had to find them.

    Parameters
    ----------
    session : ActiveSession
        Any phase.
    name : str
        Of the line; by default the base model's.
    order : int64 (n,), optional
        ``session.history.unsupervised_order``, if the caller keeps it.

    Notes
    -----
    The first snapshot of a resumed session, or of one that began with labels, was trained on labels: the name of
    the line then says so.
    """
    labels = session.labels
    asked = labels["asked"].to_numpy(dtype=bool)
    index, value = labels["index"].to_numpy(), labels["label"].to_numpy()
    t, given = int(asked.sum()), index[~asked]
    y = session.ds.y
    order = session.history.unsupervised_order if order is None else order
    run = Run(
        name=name or session_names([session])[0],
        found=(found_curve(value[asked]),),
        budget=session.budget,
        n_anomalies=None if y is None else int(y.sum() - y[given].sum()),
        n_items=None if y is None else len(y) - len(given),
    )
    first = next(iter(session.history.scalars), None)
    if order is None or first is None:
        return run
    notes = [f"trained on {first['n_labels']:.0f} labels"] if first["n_labels"] else []
    length = max(t, session.budget or 0)
    if y is None:  # an item without an answer cannot count: a lower bound
        y, length = np.zeros(len(session.ds), np.uint8), t
        y[index[value == Label.ANOMALY]] = 1
        notes.append("known labels only")
    title = "first base score" if first["n_labels"] else "unsupervised ranking"
    title = f"{title} ({', '.join(notes or ['no labels used'])})"
    return replace(run, ranking=(ranking_curve(order, y, length, given),), ranking_name=title)


def session_names(sessions: Sequence[ActiveSession]) -> list[str]:
    """A name per session: its base model, and whatever else tells it from the others."""
    parts: list[dict[str, str]] = [
        {
            "data": s.ds.name,
            "base": f"active, base {s.settings['base']}",
            "query": str(s.settings["query"]),
            "k": f"k={s.k}",
            "seed": f"seed {s.seed}",
        }
        for s in sessions
    ]
    telling = [key for key in parts[0] if key == "base" or len({p[key] for p in parts}) > 1]
    names = [", ".join(p[key] for key in telling) for p in parts]
    if len(set(names)) < len(names):
        names = [f"{name} ({i})" for i, name in enumerate(names, start=1)]
    return names


def as_runs(runs: Any) -> list[Run]:
    """What a user gives to ``discovery_curve`` as runs; ValueError if it cannot be one."""
    if _is_session(runs):
        runs = [runs]
    if isinstance(runs, Mapping):
        named = {str(name): value for name, value in runs.items()}
    else:
        sessions = list(runs)
        if not all(_is_session(s) for s in sessions):
            raise ValueError(
                "discovery_curve: give a list of ActiveSession, or a dict of name -> session or labels in the order "
                "asked, so that each line has a name."
            )
        named = dict(zip(session_names(sessions), sessions, strict=True)) if sessions else {}
    if not named:
        raise ValueError("discovery_curve: no runs given; expected at least one.")
    return [_run(name, value) for name, value in named.items()]


def _is_session(value: Any) -> TypeGuard[ActiveSession]:
    return hasattr(value, "history") and hasattr(value, "labels")  # its module, and torch, need not be imported


def _run(name: str, value: Any) -> Run:
    if _is_session(value):
        return session_run(value, name)
    parts = list(value)
    if not parts or not (_is_session(parts[0]) or np.ndim(parts[0])):
        parts = [parts]  # one sequence of labels
    return _merged(name, [_run_of_seed(name, part) for part in parts])


def _run_of_seed(name: str, value: Any) -> Run:
    if _is_session(value):
        return session_run(value, name)
    labels = np.asarray(value)
    if labels.ndim != 1 or not np.isin(labels, [label.value for label in Label]).all():
        raise ValueError(
            f"discovery_curve: run {name!r} holds {str(value)[:60]}: expected labels in the order asked, each 1 "
            "(anomaly), 0 (normal) or -1 (unsure), or a list of such sequences, one per seed."
        )
    return Run(name, (found_curve(labels),))


def _merged(name: str, runs: Sequence[Run]) -> Run:
    """Several seeds of one thing as one run; a number is kept where all agree."""

    def common(values: Iterable[Any]) -> Any:
        first, *others = values
        return first if all(v == first for v in others) else None

    return Run(
        name=name,
        found=tuple(curve for run in runs for curve in run.found),
        ranking=tuple(curve for run in runs for curve in run.ranking),
        ranking_name=common(run.ranking_name for run in runs) or "first base score",
        budget=common(run.budget for run in runs),
        n_anomalies=common(run.n_anomalies for run in runs),
        n_items=common(run.n_items for run in runs),
    )
