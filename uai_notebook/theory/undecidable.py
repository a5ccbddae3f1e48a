"""Figure 2: data whose anomalies cannot be decided on without asking (Section 2.1)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

_CORNERS = np.array([[-3.0, -2.0], [3.0, -2.0], [0.0, 3.0]])  # of the triangle: one wide cluster at each
_FOURTH = np.array([5.5, 4.5])  # centre of the dense cluster
_WIDTH = 0.55  # standard deviation of a wide cluster
_EDGE = 2.2  # standard deviations


class Undecidable(NamedTuple):
    """Items among which either of two groups may be the anomalies.

    Attributes
    ----------
    x : float64 (n, 2)
    x_y : int64 (n,)
        Class, 0 to 2.
    clustered, scattered : bool (n,)
        The two answers, of equal size: Figure 2, center and right.
    """

    x: FloatArray
    x_y: npt.NDArray[np.int64]
    clustered: npt.NDArray[np.bool_]
    scattered: npt.NDArray[np.bool_]


def undecidable(n: int = 1000, seed: int = 0, share: float = 0.05) -> Undecidable:
    """Data like those of Figure 2: three classes, four visible clusters, and points that belong to none.

    Parameters
    ----------
    n : int
        Items, at least 100.
    seed : int
    share : float
        Of the items, in each of the two groups that may be anomalies; at most .2.

    Returns
    -------
    Undecidable

    Raises
    ------
    ValueError
        Fewer items, or another share.

    Notes
    -----
    Section 2.1 describes the picture, its recipe is not given. Our choice: three wide clusters, one per class, at the
    corners of a triangle; a small dense fourth one outside it, of class 0; and points all over the triangle with a
    class at random, none of them in a cluster.

    Examples
    --------
    >>> data = undecidable(1000)
    >>> data.x.shape, int(data.clustered.sum()), int(data.scattered.sum())
    ((1000, 2), 50, 50)
    """
    if n < 100 or not 0 < share <= 0.2:
        raise ValueError(
            f"undecidable: n={n}, share={share}; expected n of at least 100 and a share above 0, up to .2."
        )
    rng = np.random.default_rng(seed)
    few = round(n * share)
    x_y = np.concatenate([np.arange(n - 2 * few) % 3, np.zeros(few, np.int64), rng.integers(3, size=few)])
    wide = _CORNERS[x_y[: n - 2 * few]] + _WIDTH * _disc(n - 2 * few, rng)
    dense = _FOURTH + _WIDTH / 4 * _disc(few, rng)
    x = np.concatenate([wide, dense, _between(few, rng)])
    group = np.repeat([0, 1, 2], [n - 2 * few, few, few])
    order = rng.permutation(n)
    return Undecidable(x[order], x_y[order], group[order] == 1, group[order] == 2)


def _disc(n: int, rng: np.random.Generator) -> FloatArray:
    """Normal draws, those beyond ``_EDGE`` drawn again, so that a cluster has a visible edge: (n, 2)."""
    found = np.zeros((0, 2))
    while len(found) < n:
        draws = rng.normal(size=(n, 2))
        found = np.concatenate([found, draws[np.linalg.norm(draws, axis=1) < _EDGE]])
    return found[:n]


def _between(n: int, rng: np.random.Generator) -> FloatArray:
    """Points uniform in the triangle and outside its clusters: (n, 2)."""
    found = np.zeros((0, 2))
    while len(found) < n:
        points = rng.dirichlet(np.ones(3), 4 * n) @ _CORNERS
        apart = np.linalg.norm(points[:, None] - _CORNERS, axis=2).min(1)
        found = np.concatenate([found, points[apart > 1.5 * _EDGE * _WIDTH]])
    return found[:n]
