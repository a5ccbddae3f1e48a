"""How well anomalies separate, round by round: numbers beside the picture of Appendix C.1."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from uai_notebook.snapshot import FloatArray, Frame, Snapshot

if TYPE_CHECKING:
    from uai_notebook.session import ActiveSession

RANKINGS = ("s", "s_uai", "[l; s]")
"""What is measured: the base score, the UAI score, and a logistic regression fitted on the plane of both."""

MEASURES = ("ap", "auc")
FOLDS = 5
RESAMPLES = 200  # of the bootstrap: 95% limits are then good to about a point in their second digit
MAX_ITEMS = 100_000  # of larger data so many are drawn at random: a fit stays below seconds, our choice


@dataclass(frozen=True)
class Separation:
    """Average precision and area under the ROC curve of each ranking that there is.

    Attributes
    ----------
    n, n_anomalies : int
        Items that were measured, and anomalies among them.
    ap, auc : mapping of str to float
        By the names of ``RANKINGS``; a ranking that cannot be had is not there.
    ap_interval, auc_interval : mapping of str to (float, float)
        95% limits; empty if they were not asked for.
    """

    n: int
    n_anomalies: int
    ap: Mapping[str, float]
    auc: Mapping[str, float]
    ap_interval: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    auc_interval: Mapping[str, tuple[float, float]] = field(default_factory=dict)


def separation(
    view: Snapshot | Frame, y: npt.ArrayLike, *, items: npt.ArrayLike | None = None, seed: int = 0, limits: bool = False
) -> Separation:
    """Measure one round.

    Parameters
    ----------
    view : Snapshot or Frame
        Of n items.
    y : array_like (n,) or (m,)
        1 anomaly, 0 normal: of all items, or of ``items``.
    items : array_like of int (m,), optional
        Positions in ``view`` that ``y`` belongs to.
    seed : int
        Of folds, of resamples, and of the draw where there are more than 100,000 items.
    limits : bool
        Also 95% limits, by the percentiles of 200 bootstrap resamples of the items (models stay as they are).

    Returns
    -------
    Separation
        Empty where ``y`` is of one kind only. "s_uai" is not there before the UAI layer is trained; "[l; s]" needs
        a latent and five items of each kind.

    Notes
    -----
    "[l; s]" is the linear separability of Appendix C.1: every item is scored by a class-balanced logistic regression
    on standardised [l; s] that was fitted on the other four fifths.

    Examples
    --------
    >>> snapshot = Snapshot(np.float32([5, 1, 4, 2]), uai_logit=np.float32([9, -3, -2, 2]))
    >>> result = separation(snapshot, [1, 0, 0, 1])
    >>> round(result.auc["s"], 2), round(result.auc["s_uai"], 2)
    (0.75, 1.0)
    """
    y = np.asarray(y)
    rows = np.arange(len(y)) if items is None else np.asarray(items, np.int64)
    if len(rows) > MAX_ITEMS:
        drawn = np.sort(np.random.default_rng(seed).choice(len(rows), MAX_ITEMS, replace=False))
        rows, y = rows[drawn], y[drawn]
    n_anomalies = int((y == 1).sum())
    if not 0 < n_anomalies < len(y):
        return Separation(len(y), n_anomalies, {}, {})
    scores = _rankings(view, rows, y, seed)
    weights = None
    if limits:
        counts = np.random.default_rng(seed).multinomial(len(y), np.full(len(y), 1 / len(y)), RESAMPLES)
        weights = counts[_both_kinds(counts, y)].astype(np.float64)
    measured: dict[str, dict[str, Any]] = {f"{m}{part}": {} for m in MEASURES for part in ("", "_interval")}
    for name, score in scores.items():
        for measure, value in zip(MEASURES, _ap_auc(score, y), strict=True):
            measured[measure][name] = float(value[0])
        if weights is not None and len(weights):
            for measure, values in zip(MEASURES, _ap_auc(score, y, weights), strict=True):
                low, high = np.percentile(values, [2.5, 97.5])
                measured[f"{measure}_interval"][name] = (float(low), float(high))
    return Separation(len(y), n_anomalies, **measured)


def separability(session: ActiveSession, *, limits: bool = True) -> pd.DataFrame:
    """The numbers of every key round of a session, on the labels known now and on the truth where there is one.

    All rounds are measured on the same labels, those known now, so that what changes is the model. These are not a
    random draw: the query chose them, and the UAI layer was trained on most. On the truth there is no such bias; where
    the display leaves items out (above 60,000), only the latest round has all and is measured on it.

    Parameters
    ----------
    session : ActiveSession
    limits : bool
        Whether to compute the 95% limits on known labels.

    Returns
    -------
    DataFrame
        One row per round, data and ranking: round, n_labels, on ("known labels" or "truth"), n, n_anomalies, ranking
        (of ``RANKINGS``), ap, ap_low, ap_high, auc, auc_low, auc_high. Limits are nan on the truth.

    Examples
    --------
    >>> import uai_notebook as uai
    >>> session = uai.ActiveSession(uai.load_dataset("digits_0"), config=uai.TrainConfig(pretrain_steps=20))
    >>> _ = session.train()
    >>> separability(session)[["round", "on", "ranking"]].values.tolist()
    [[0, 'truth', 's'], [0, 'truth', '[l; s]']]
    """
    index, value = session.current_labels()
    rows: list[dict[str, Any]] = []
    for frame in session.history.frames:
        rows += round_rows(frame, known_at(frame, index, value), "known labels", session.seed, limits)
        if session.ds.y is not None:
            rows += truth_rows(session, frame)
    return table(rows)


def truth_rows(session: ActiveSession, frame: Frame) -> list[dict[str, Any]]:
    """Rows of one key round on the truth; none where the display leaves items out and the round is not the latest."""
    y, snapshot = session.ds.y, session.snapshot
    assert y is not None
    if len(frame.index) == len(y):
        return round_rows(frame, (np.arange(len(y)), y[frame.index]), "truth", session.seed)
    if snapshot is not None and snapshot.round == frame.round:
        return round_rows(snapshot, (np.arange(len(y)), y), "truth", session.seed)
    return []


def known_at(
    frame: Frame, index: npt.NDArray[np.int64], value: npt.NDArray[np.int8]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int8]]:
    """Positions in a frame of labelled items that it has, and their labels; Unsure is left out."""
    index, value = index[value >= 0], value[value >= 0]
    order = np.argsort(frame.index, kind="stable")
    place = np.searchsorted(frame.index, index, sorter=order).clip(max=len(order) - 1)
    position = order[place] if len(index) else place
    there = frame.index[position] == index
    return position[there], value[there]


def round_rows(
    view: Snapshot | Frame,
    known: tuple[npt.NDArray[np.int64], npt.NDArray[Any]],
    on: str,
    seed: int = 0,
    limits: bool = False,
) -> list[dict[str, Any]]:
    """Rows of the table for one round: ``known`` are positions in ``view`` and their kinds."""
    items, y = known
    result = separation(view, y, items=items, seed=seed, limits=limits)
    nothing = (np.nan, np.nan)
    rows = []
    for ranking in result.ap:
        row = {"round": view.round, "n_labels": view.n_labels, "on": on, "n": result.n}
        row |= {"n_anomalies": result.n_anomalies, "ranking": ranking}
        for measure, values, intervals in (
            ("ap", result.ap, result.ap_interval),
            ("auc", result.auc, result.auc_interval),
        ):
            low, high = intervals.get(ranking, nothing)
            row |= {measure: values[ranking], f"{measure}_low": low, f"{measure}_high": high}
        rows.append(row)
    return rows


def table(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Rows of :func:`round_rows` as a DataFrame, its columns there even without rows."""
    limits = [f"{measure}{part}" for measure in MEASURES for part in ("", "_low", "_high")]
    return pd.DataFrame(rows, columns=["round", "n_labels", "on", "n", "n_anomalies", "ranking", *limits])


def limits_of(row: Mapping[Any, Any], measure: str) -> str:
    """The 95% limits of a measure in words, empty where it has none."""
    low, high = (row.get(f"{measure}_{end}") for end in ("low", "high"))
    return "" if pd.isna(low) or pd.isna(high) else f"{low:.2f}\N{EN DASH}{high:.2f}"


def words_of(measured: pd.DataFrame, number: int) -> str:
    """Lines for plotly on a round, one per ranking under one that says on what; empty where it was not measured.

    Examples
    --------
    >>> row = {"round": 3, "on": "truth", "n": 1600, "n_anomalies": 18, "ranking": "s", "ap": 0.5, "auc": 0.75}
    >>> words_of(pd.DataFrame([row]), 3)
    'truth, 18 anomalies of 1,600:<br>s: AP 0.500, AUC 0.750'
    """
    part = measured[measured["round"] == number]
    if (part["on"] == "truth").any():
        part = part[part["on"] == "truth"]
    lines: list[str] = []
    for row in part.to_dict("records"):
        said = []
        for measure in MEASURES:
            limits = limits_of(row, measure)
            said.append(f"{measure.upper()} {row[measure]:.3f}{limits and f' ({limits})'}")
        lines = lines or [f"{row['on']}, {row['n_anomalies']:,} anomalies of {row['n']:,}:"]
        lines.append(f"{row['ranking']}: {', '.join(said)}")
    return "<br>".join(lines)


# -- inside ----------------------------------------------------------------------------------------------------------


def _rankings(
    view: Snapshot | Frame, rows: npt.NDArray[np.int64], y: npt.NDArray[Any], seed: int
) -> dict[str, FloatArray]:
    score = view.base_score[rows]
    found = {"s": score}
    if view.uai_logit is not None:
        found["s_uai"] = view.uai_logit[rows]
    if view.latent is not None and min((y == 1).sum(), (y != 1).sum()) >= FOLDS:
        plane = np.column_stack([view.latent[rows], score]).astype(np.float64)
        found["[l; s]"] = _of_the_others(plane, y, seed)
    return {name: np.where(np.isnan(values), -np.inf, values) for name, values in found.items()}


def _of_the_others(plane: npt.NDArray[np.float64], y: npt.NDArray[Any], seed: int) -> npt.NDArray[Any]:
    """Each item's distance from the line that was fitted without its fifth of the items."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    limit = float(np.finfo(np.float32).max)
    plane = np.nan_to_num(plane, posinf=limit, neginf=-limit)
    fit = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=1000))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    decided: npt.NDArray[Any] = cross_val_predict(fit, plane, y, cv=folds, method="decision_function")
    return decided


def _both_kinds(counts: npt.NDArray[Any], y: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Which resamples hold an anomaly and a normal."""
    anomalies = counts @ (y == 1)
    both: npt.NDArray[np.bool_] = (anomalies > 0) & (anomalies < len(y))
    return both


def _ap_auc(
    score: npt.NDArray[Any], y: npt.NDArray[Any], weights: npt.NDArray[np.float64] | None = None
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Average precision and area under the ROC curve, each (b,), for ``weights`` (b, n) of the items.

    Items of equal score enter together, as in scikit-learn, with which a test compares.
    """
    order = np.argsort(-score, kind="stable")
    ordered = score[order]
    ends = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]), len(score) - 1)  # the last item of each score
    weights = np.ones((1, len(score))) if weights is None else weights[:, order]
    positive = y[order] == 1
    true = np.cumsum(weights * positive, axis=1)[:, ends]
    false = np.cumsum(weights * ~positive, axis=1)[:, ends]
    new_true, new_false = np.diff(true, axis=1, prepend=0.0), np.diff(false, axis=1, prepend=0.0)
    shown = np.maximum(true + false, 1e-300)
    ap = (new_true * true / shown).sum(axis=1) / true[:, -1]
    auc = (new_false * (true - new_true / 2)).sum(axis=1) / (true[:, -1] * false[:, -1])
    return ap, auc
