"""Which points of a large scatter are drawn: all of the sparse parts, a share of the crowded ones."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

CELLS = 256  # along each axis: about the points that fit beside each other on a plot, our choice


def thin_by_density(x: npt.ArrayLike, y: npt.ArrayLike, limit: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Choose ``limit`` of n points so that no cell of a grid keeps more than it must.

    Every cell of 256 x 256 keeps all its points up to a number that is the same for all cells, so that single
    points far out stay and only the crowd becomes thinner. A plain random sample would lose them.

    Parameters
    ----------
    x, y : array_like (n,)
        Coordinates, any range. What is not finite counts as a cell of its own.
    limit : int
        Points kept.
    rng : numpy.random.Generator
        Chooses within a cell.

    Returns
    -------
    int64 (min(n, limit),)
        Positions, ascending.

    Examples
    --------
    >>> x = np.append(np.zeros(1000), 5.0)  # a crowd, and one far from it
    >>> thin_by_density(x, x, 10, np.random.default_rng(0))[-1]
    np.int64(1000)
    """
    column, row = _cells(np.asarray(x, np.float64)), _cells(np.asarray(y, np.float64))
    cell = column * (CELLS + 1) + row
    n = len(cell)
    if n <= limit:
        return np.arange(n)
    shuffled = rng.permutation(n)
    by_cell = shuffled[np.argsort(cell[shuffled], kind="stable")]
    _, first, counts = np.unique(cell[by_cell], return_index=True, return_counts=True)
    place = np.arange(n) - np.repeat(first, counts)  # 0, 1, ... within its cell
    cap = _cap(counts, limit)
    # What the cap leaves over goes to the next place of random cells, so that exactly `limit` are kept.
    next_ones = rng.permutation(by_cell[place == cap])[: limit - int(np.minimum(counts, cap).sum())]
    return np.sort(np.concatenate([by_cell[place < cap], next_ones]))


def _cells(values: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Cell of each value on one axis, 0 to 255; 256 where it is not finite."""
    finite = np.isfinite(values)
    if not finite.any():
        return np.full(len(values), CELLS)
    low, high = values[finite].min(), values[finite].max()
    share = (np.where(finite, values, low) - low) / ((high - low) or 1.0)
    return np.where(finite, np.minimum((share * CELLS).astype(np.int64), CELLS - 1), CELLS)


def _cap(counts: npt.NDArray[np.int64], limit: int) -> int:
    """The largest whole number c with sum(min(counts, c)) <= limit."""
    ascending = np.sort(counts)
    below = np.concatenate([[0], np.cumsum(ascending)])  # all of the first i cells
    left = np.arange(len(counts), 0, -1)
    caps = (limit - below[:-1]) // left  # if cells i, i + 1, ... are all cut to the same number
    cut = np.flatnonzero(caps < ascending)
    return int(caps[cut[0]])
