"""How often a score was right: probabilities learned from predictions that were made before their answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pandas as pd

FloatArray = npt.NDArray[np.float64]

HALF_LIFE = 10  # answers: older ones count half, for each round has another model, and anomalies become fewer
WINDOW = 20 * HALF_LIFE  # answers further back count for nothing
LIMIT = 12.0  # logits beyond it are taken for it: a saturated score is not surer than one in 160,000
PRIOR_MEAN = np.array([-2.0, 0.0])  # one in eight, whatever the score says
PRIOR_SD = np.array([2.0, 0.15])
BINS = (0.0, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0)


@dataclass(frozen=True, eq=False)
class Calibration:
    """Platt scaling: the chance of an anomaly is sigma(a + b z) for the logit z of s_uai.

    Attributes
    ----------
    weights : float64 (2,)
        a and b, the most probable ones under the prior.
    covariance : float64 (2, 2)
        How sure they are (Laplace approximation).
    """

    weights: FloatArray
    covariance: FloatArray

    def probability(self, logit: npt.ArrayLike) -> FloatArray:
        """The chance of an anomaly for logits (m,)."""
        return _sigmoid(_design(logit) @ self.weights)

    def expected(self, logit: npt.ArrayLike) -> tuple[float, float]:
        """How many anomalies among items with logits (m,): mean and standard deviation.

        The deviation is that of the draw, and that of not knowing a and b.
        """
        x = _design(logit)
        p = _sigmoid(x @ self.weights)
        slope = (p * (1 - p)) @ x
        return float(p.sum()), float(np.sqrt((p * (1 - p)).sum() + slope @ self.covariance @ slope))


def calibrate(logit: npt.ArrayLike, label: npt.ArrayLike) -> Calibration:
    """Learn from answers, oldest first.

    Parameters
    ----------
    logit : array_like (t,)
        Of s_uai when each answer was given; nan where there was none, and then the answers with one count alone.
    label : array_like (t,)
        1 anomaly, 0 normal.

    Notes
    -----
    Our choices, by log loss on the sets of ``results/stopping.md`` with other seeds: answers lose half of their weight
    every 10; a starts at -2 +- 2, b at 0 +- .15. Without a logit, or with fewer than five, a alone is learned: the
    hit rate of the last answers.

    Examples
    --------
    >>> from uai_notebook.calibration import calibrate
    >>> found = calibrate([4, 4, 4, 4, -4, -4, -4, -4] * 5, [1, 1, 1, 0, 0, 0, 0, 0] * 5)
    >>> found.probability([4, -4]).round(1).tolist()
    [0.5, 0.1]
    """
    z, y = np.asarray(logit, np.float64)[-WINDOW:], np.asarray(label, np.float64)[-WINDOW:]
    known = np.isfinite(z)
    weight = 0.5 ** (np.arange(len(z))[::-1] / HALF_LIFE)
    if known.sum() >= 5:
        z, y, weight = z[known], y[known], weight[known]
    else:
        z = np.zeros(len(z))
    x, w = _design(z), PRIOR_MEAN.copy()
    precision = covariance = np.diag(PRIOR_SD**-2.0)
    for _ in range(50):
        p = _sigmoid(x @ w)
        covariance = np.asarray(np.linalg.inv((x * (weight * p * (1 - p))[:, None]).T @ x + precision), np.float64)
        step = covariance @ (x.T @ (weight * (y - p)) - precision @ (w - PRIOR_MEAN))
        w = w + np.clip(step, -1, 1)  # Newton's steps overshoot where the sigmoid is flat
        if np.abs(step).max() < 1e-8:
            break
    return Calibration(w, covariance)


def predictions(logit: npt.ArrayLike, label: npt.ArrayLike, block: Sequence[int] | npt.NDArray[np.int64]) -> FloatArray:
    """What the calibration said of each answer before its block of answers (a round) began; nan in the first block."""
    z, y, of = np.asarray(logit, np.float64), np.asarray(label), np.asarray(block)
    said = np.full(len(z), np.nan)
    starts = np.flatnonzero(of[1:] != of[:-1]) + 1  # of all blocks but the first
    for start, end in pairwise([*starts, len(z)]):
        said[start:end] = calibrate(z[:start], y[:start]).probability(z[start:end])
    return said


def reliability(said: npt.ArrayLike, label: npt.ArrayLike) -> pd.DataFrame:
    """What was said against what came: low, high (of the bin), n, said (mean), came (share of anomalies).

    Examples
    --------
    >>> from uai_notebook.calibration import reliability
    >>> reliability([0.02, 0.5, 0.5], [0, 1, 0]).to_dict("list")
    {'low': [0.0, 0.4], 'high': [0.05, 0.6], 'n': [1, 2], 'said': [0.02, 0.5], 'came': [0.0, 0.5]}
    """
    p, y = np.asarray(said, np.float64), np.asarray(label, np.float64)
    p, y = p[np.isfinite(p)], y[np.isfinite(p)]
    place = np.searchsorted(BINS[1:-1], p, side="right")
    there = np.unique(place)
    return pd.DataFrame(
        {
            "low": [BINS[b] for b in there],
            "high": [BINS[b + 1] for b in there],
            "n": [int((place == b).sum()) for b in there],
            "said": [float(p[place == b].mean()) for b in there],
            "came": [float(y[place == b].mean()) for b in there],
        }
    )


def logit_of(probability: npt.ArrayLike) -> FloatArray:
    """The inverse of the sigmoid, within +-12; nan where there is no probability."""
    p = np.asarray(probability, np.float64).clip(1e-9, 1 - 1e-9)
    return np.asarray(np.log(p / (1 - p)).clip(-LIMIT, LIMIT), np.float64)


def _design(logit: npt.ArrayLike) -> FloatArray:
    z = np.nan_to_num(np.asarray(logit, np.float64)).clip(-LIMIT, LIMIT)
    return np.column_stack([np.ones(len(z)), z])


def _sigmoid(z: FloatArray) -> FloatArray:
    return 0.5 * (1.0 + np.tanh(0.5 * z))
