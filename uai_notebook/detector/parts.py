"""What a detector is given and what it makes of it: labels, the cut, ranks."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.utils.validation import column_or_1d

from ..arguments import LABEL_VALUES
from ..query import top
from ..snapshot import Snapshot

UNLABELLED_SHARE = 0.1  # taken for anomalies where no label says where to cut. Our choice

FloatArray = npt.NDArray[np.float64]


def cut_of(snapshot: Snapshot, contamination: str | float) -> float:
    """The score above which an item is called an anomaly.

    Examples
    --------
    >>> import numpy as np
    >>> from uai_notebook import Snapshot
    >>> scores = np.float32([1, 2, 3, 4])
    >>> cut_of(Snapshot(scores), 0.5), cut_of(Snapshot(scores, uai_logit=scores), "auto")
    (2.5, 0.0)
    >>> cut_of(Snapshot(scores, None, scores, 0, np.array([0, 3]), np.int8([0, 1]), probability=False), "auto")
    2.5
    """
    score = snapshot.ranking_score.astype(np.float64)
    if contamination != "auto":
        return float(np.quantile(score, 1 - float(contamination)))
    anomalies = int((snapshot.labeled_value == 1).sum())
    if snapshot.uai_logit is not None and snapshot.probability:
        # The top of a ranking was asked: how many anomalies there were says nothing of the rest. p_anom must exceed
        # that share, as well as 1/2.
        normals = len(snapshot.labeled_value) - anomalies
        return max(0.0, float(np.log(anomalies / normals))) if anomalies and normals else 0.0
    if snapshot.uai_logit is None or not 0 < anomalies < len(snapshot.labeled_value):
        return float(np.quantile(score, 1 - UNLABELLED_SHARE))
    return _between_labels(score[snapshot.labeled_index], snapshot.labeled_value == 1)


def _between_labels(score: FloatArray, anomaly: npt.NDArray[np.bool_]) -> float:
    """The cut with the fewest errors on labelled items; between two scores, the highest of equally good ones."""
    order = np.argsort(score, kind="stable")
    score, anomaly = score[order], anomaly[order]
    # A cut before place j calls all from j on: errors are the anomalies below and the normals from there on.
    errors = np.concatenate([[0], np.cumsum(anomaly)]) + np.concatenate([np.cumsum(~anomaly[::-1])[::-1], [0]])
    middle = np.concatenate([[score[0] - 1], (score[1:] + score[:-1]) / 2, [score[-1]]])
    allowed = np.concatenate([[True], score[1:] > score[:-1], [True]])
    errors = np.where(allowed, errors, len(score) + 1)
    return float(middle[np.flatnonzero(errors == errors.min())[-1]])


def labels_of(y: Any, n: int) -> npt.NDArray[np.int8]:
    """Labels (n,): 1, 0 and -1. ValueError for others."""
    if y is None:
        return np.full(n, -1, np.int8)
    given = column_or_1d(y)
    if len(given) != n:
        raise ValueError(f"y has {len(given)} labels for {n} items: expected one each.")
    unknown = sorted(
        {str(value) for value in given.tolist() if not isinstance(value, Real) or value not in LABEL_VALUES}
    )
    if unknown:
        raise ValueError(
            f"Unknown label type or value in y: {', '.join(unknown[:5])}. Expected 1 (anomaly), 0 (normal) and -1 (no "
            "label). scikit-learn's outlier detectors have -1 for an outlier and 1 for the rest: (y == -1) gives ours."
        )
    return np.asarray(given, np.int8)


def one_each(x_y: Any, m: int) -> npt.NDArray[Any]:
    classes = np.asarray(x_y)
    if classes.shape != (m,):
        raise ValueError(f"x_y has shape {classes.shape} for {m} items: expected one class each.")
    return classes


def check_known(classes: npt.NDArray[Any], names: tuple[int | str, ...]) -> None:
    """ValueError for given classes (m,) that the model was not trained with."""
    unknown = [str(name) for name in classes.tolist() if name not in names]
    if unknown:
        raise ValueError(
            f"x_y of {len(classes):,} rows has {len(unknown):,} that are unknown: "
            f"{', '.join(sorted(set(unknown))[:5])}. Expected one of {', '.join(map(str, names))} for each row."
        )


def ids_of(ids: Any, X: Any, m: int) -> list[Any]:
    if ids is None:
        ids = X.index if isinstance(X, pd.DataFrame) else range(m)
    if len(ids) != m:
        raise ValueError(f"{len(ids)} ids for {m} items: expected one each.")
    return list(ids)


def ranks(score: FloatArray | None, ranked: npt.NDArray[np.bool_]) -> Any:
    """1 for the highest score of those ``ranked``; the others have none. Int64 (m,)."""
    ranks = pd.array([pd.NA] * len(ranked), dtype="Int64")
    items = np.flatnonzero(ranked)
    if score is not None:
        ranks[top(score, items, len(items))] = np.arange(1, len(items) + 1)
    return ranks
