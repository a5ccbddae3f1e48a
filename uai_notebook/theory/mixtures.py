"""Mixtures of two distributions, what their parts can be (Lemmas 1 and 2), and distances (Theorems 2 and 3)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]


def mix(p_normal: npt.ArrayLike, p_anom: npt.ArrayLike, share: float) -> FloatArray:
    """p_full = (1 - share) * p_normal + share * p_anom, eq. 1: float64 (..., m).

    Examples
    --------
    >>> mix([0.5, 0.5], [0, 1], share=0.5).tolist()
    [0.25, 0.75]
    """
    return (1 - share) * np.asarray(p_normal, np.float64) + share * np.asarray(p_anom, np.float64)


def total_variation(p: npt.ArrayLike, q: npt.ArrayLike) -> Any:
    """Largest difference of probability over all events, half the L1 distance: float64 (...).

    Examples
    --------
    >>> total_variation([0.5, 0.5, 0], [0, 0.5, 0.5])
    0.5
    """
    distance = 0.5 * np.abs(np.asarray(p, np.float64) - np.asarray(q, np.float64)).sum(-1)
    return float(distance) if np.ndim(distance) == 0 else distance


def draw_distributions(n: int, m: int, rng: np.random.Generator) -> FloatArray:
    """Distributions over m outcomes from the paper's Uniform(P): float64 (n, m).

    Examples
    --------
    >>> draw_distributions(2, 5, np.random.default_rng(0)).sum(axis=1).round(9).tolist()
    [1.0, 1.0]
    """
    return rng.dirichlet(np.ones(m), n)


def upper_bound(share: npt.ArrayLike) -> Any:
    """Theorem 2: the total variation between p_full and p_normal is at most this.

    Notes
    -----
    The distance itself is share * total_variation(p_anom, p_normal), so at most share, and equal to it for disjoint
    p_normal and p_anom. The theorem's bound behaves as sqrt(share / 2) for small shares: it holds, but is not tight.

    Examples
    --------
    >>> round(upper_bound(0.01), 4)
    0.0709
    """
    bound = np.sqrt(0.5 * -np.log1p(-np.asarray(share, np.float64)))
    return float(bound) if np.ndim(bound) == 0 else bound


def lower_bound(share: npt.ArrayLike, m: npt.ArrayLike) -> Any:
    """Theorem 3: the largest total variation between p_full and p_normal, over p_normal, is at least this.

    Parameters
    ----------
    share : array_like (...)
    m : array_like of int (...)
        Outcomes, |A| of the paper, whose "|A - 1| / |A|" is read as (|A| - 1) / |A|.

    Examples
    --------
    >>> lower_bound(0.5, m=4)
    0.375
    """
    bound = np.asarray(share, np.float64) * (1 - 1 / np.asarray(m, np.float64))
    return float(bound) if np.ndim(bound) == 0 else bound


def largest_distance(p_anom: npt.ArrayLike, share: float) -> Any:
    """The left side of Theorem 3, exact: total variation between p_full and the p_normal farthest from it.

    Notes
    -----
    That p_normal puts all on the outcome where p_anom is smallest (Appendix E), so the distance is
    share * (1 - min p_anom). It equals the lower bound for the uniform p_anom alone.

    Examples
    --------
    >>> largest_distance([0.25, 0.25, 0.5], share=0.5)
    0.375
    """
    distance = share * (1 - np.asarray(p_anom, np.float64).min(-1))
    return float(distance) if np.ndim(distance) == 0 else distance
