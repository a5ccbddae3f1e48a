"""Theorem 1, no free anomaly: what the mixture tells about p_anom."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from .mixtures import FloatArray
from .residual import Interval, ResidualSet

_BATCHES = 20
_T_95 = 2.093  # of Student's t with _BATCHES - 1 degrees of freedom, two-sided


def posterior_weight(p_anom: npt.ArrayLike, mixture: npt.ArrayLike, share: float, prior: npt.ArrayLike) -> FloatArray:
    """p(p_anom | p_full) relative to Uniform(P_2), not normalised: float64 (...).

    Parameters
    ----------
    p_anom : array_like (..., m)
        In P_2.
    mixture : array_like (m,)
    share : float
    prior : array_like (m,)
        What is known of p_normal: a Dirichlet distribution with these concentrations. Ones: nothing.

    Notes
    -----
    Lemma 1: p(p_2 | p_+) is the prior density of the p_1 that goes with p_2. The paper sets p_2 ~ Uniform(P) in the
    proof, so the theorem is that p_full does not change what was assumed of p_anom, beyond P_2.

    Examples
    --------
    >>> posterior_weight([[0, 1], [1, 0]], [0.5, 0.5], share=0.1, prior=[1, 1]).tolist()
    [1.0, 1.0]
    """
    p_normal = ResidualSet(mixture, share).partner(p_anom)
    power = np.asarray(prior, np.float64) - 1
    with np.errstate(divide="ignore"):
        terms = np.where(power == 0, 0, power * np.log(np.maximum(p_normal, 0)))
    log = terms.sum(-1)
    return np.asarray(np.exp(log - log.max()))


def distance_to_uniform(
    mixture: npt.ArrayLike, share: float, prior: npt.ArrayLike, n: int = 100_000, seed: int = 0
) -> Interval:
    """Total variation between p(p_anom | p_full) and Uniform(P_2) (Theorem 1), by Monte Carlo.

    Parameters
    ----------
    mixture : array_like (m,)
    share : float
    prior : array_like (m,)
        As in :func:`posterior_weight`.
    n : int
        Draws, in 20 batches from which the interval comes.
    seed : int

    Returns
    -------
    Interval

    Examples
    --------
    >>> for share in (0.1, 0.01):
    ...     print(round(distance_to_uniform([0.5, 0.3, 0.2], share, prior=[4, 6, 10]).value, 2))
    0.33
    0.03
    """
    p = ResidualSet(mixture, share).draw(n, np.random.default_rng(seed))
    weight = posterior_weight(p, mixture, share, prior)
    parts = [0.5 * float(np.mean(np.abs(w / w.mean() - 1))) for w in np.array_split(weight, _BATCHES)]
    half = _T_95 * float(np.std(parts, ddof=1)) / np.sqrt(_BATCHES)
    return Interval(float(np.mean(parts)), float(np.mean(parts) - half), float(np.mean(parts) + half))
