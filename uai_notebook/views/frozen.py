"""What a model finds if it learns no more (Appendix C.2, Figure 11): the numbers, without a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from uai_notebook.snapshot import Frame, IndexArray, Snapshot
from uai_notebook.views.curves import CurveArray, found_curve

if TYPE_CHECKING:
    from uai_notebook.session import ActiveSession

SHOWN_ROUNDS = 4  # curves of one picture that can be told apart


@dataclass(frozen=True)
class FrozenRun:
    """What is found if training stops at one round (Appendix C.2).

    Attributes
    ----------
    round, n_labels : int
        Of the model.
    asked : int
        Items that had been asked by then: they come first, in their order.
    found : int32 (m + 1,)
        Anomalies among the first 0, 1, ..., m items, up to the last anomaly.
    """

    round: int
    n_labels: int
    asked: int
    found: CurveArray


def frozen_curve(
    asked: IndexArray, score: npt.NDArray[Any], anomaly: npt.NDArray[Any], skip: npt.ArrayLike = ()
) -> CurveArray:
    """Anomalies found by the items asked, then the rest by a score, without training; ends at the last anomaly.

    Parameters
    ----------
    asked : int64 (t,)
        Items in the order asked.
    score : float32 (n,)
        Of all items.
    anomaly : (n,)
        1 where an item is one.
    skip : array_like of int, optional
        Items labelled without being asked: they are no part of it.

    Examples
    --------
    >>> frozen_curve(np.array([2]), np.float32([0.1, 0.9, 0.5, 0.2]), np.array([0, 1, 0, 0])).tolist()
    [0, 0, 1]
    """
    rest = np.ones(len(score), bool)
    rest[asked] = False
    rest[np.asarray(skip, np.int64)] = False
    others = np.flatnonzero(rest)
    order = np.concatenate([asked, others[np.argsort(-score[others], kind="stable")]])
    found = found_curve(np.asarray(anomaly)[order])
    return found[: int(np.searchsorted(found, found[-1])) + 1]


def frozen_runs(session: ActiveSession, rounds: Sequence[int] | None = None) -> list[FrozenRun]:
    """The curve of some key rounds: by default the first, the latest and two between.

    Without a truth only the labels known now count, and a curve is a lower bound. Where the display leaves items out
    (above 60,000) only the first round and the latest have all of them.
    """
    views = _complete_views(session)
    if rounds is None:
        spread = np.linspace(0, len(views) - 1, min(SHOWN_ROUNDS, len(views)))
        views = [views[i] for i in np.unique(spread.astype(int))]
    else:
        views = [view for view in views if view.round in set(rounds)]
    labels = session.labels
    index, value, was_asked = (labels[name].to_numpy() for name in ("index", "label", "asked"))
    anomaly = session.ds.y
    if anomaly is None:
        anomaly = np.zeros(len(session.ds), np.uint8)
        anomaly[index[value == 1]] = 1
    return [_frozen_run(view, index, value, was_asked, anomaly) for view in views]


def _complete_views(session: ActiveSession) -> list[Snapshot | Frame]:
    """Key rounds that have a score of every item."""
    history, latest = session.history, session.snapshot
    views: list[Snapshot | Frame] = [f for f in history.frames if len(f.index) == len(session.ds)]
    if latest is None or (views and views[-1].round == latest.round):
        return views
    order = history.unsupervised_order
    if not views and latest.round and order is not None and not history.scalars[0]["n_labels"]:
        score = np.empty(len(order), np.float32)
        score[order] = -np.arange(len(order))  # of the first round the order is kept
        views.append(Snapshot(score))
    return [*views, latest]


def _frozen_run(
    view: Snapshot | Frame,
    index: IndexArray,
    value: npt.NDArray[np.int8],
    was_asked: npt.NDArray[np.bool_],
    anomaly: npt.NDArray[Any],
) -> FrozenRun:
    score = view.base_score if view.uai_logit is None else view.uai_logit
    if isinstance(view, Frame):  # in the order of its display
        of_item = np.empty_like(score)
        of_item[view.index] = score
        score = of_item
    known = int(np.searchsorted(np.cumsum(value >= 0), view.n_labels)) + 1 if view.n_labels else 0
    asked = index[:known][was_asked[:known]]
    found = frozen_curve(asked, score, anomaly, skip=index[~was_asked])
    return FrozenRun(view.round, view.n_labels, len(asked), found)
