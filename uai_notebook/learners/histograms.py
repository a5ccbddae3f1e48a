"""Regular histograms with the number of bins of Birge and Rozenholc (2006)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..snapshot import IndexArray

LOWEST_DENSITY = 1e-8  # of an empty bin: its logarithm must be finite
RATIO = 1.05  # of two numbers of bins that are tried


def candidates(n: int) -> IndexArray:
    """Numbers of bins to try for n values, int64 (c,): 1 to n / log n.

    Notes
    -----
    Our choice: all small numbers, then each 5% above the last. The penalised likelihood is flat around its maximum,
    and trying every number, or 500 equidistant ones as Das et al.'s code does, takes most of the time of LODA.
    """
    most = max(int(n / np.log(n)), 1)
    steps = int(np.log(most) / np.log(RATIO)) + 2
    return np.unique(np.rint(np.geomspace(1, most, steps)).astype(np.int64))


def choose_bins(values: npt.NDArray[np.floating], repeats: npt.NDArray[np.float64], tries: IndexArray) -> int:
    """The number D out of ``tries`` that maximises sum_j N_j log(D N_j / n) - (D - 1 + (log D)^2.5).

    Parameters
    ----------
    values : float (m,)
        Where the bins are.
    repeats : float64 (m,)
        How often each value occurs; n in all.
    tries : int64 (c,)
        Of :func:`candidates`.

    Returns
    -------
    int
        1 if all values are equal.

    Notes
    -----
    Birge and Rozenholc (2006): N_j is the count of bin j.

    Examples
    --------
    >>> import numpy as np
    >>> values = np.repeat([0.0, 1.0], 500) + np.linspace(0, 0.1, 1000)
    >>> choose_bins(values, np.ones(1000), candidates(1000)) > 1
    True
    """
    order = np.argsort(values)
    ordered = values[order].astype(float)
    low, span = ordered[0], ordered[-1] - ordered[0]
    if not span > 0:
        return 1
    below = np.concatenate([[0.0], np.cumsum(repeats[order])])
    n = below[-1]
    # All histograms side by side: each begins at its entry of ``start`` and has D + 1 edges.
    start = np.concatenate([[0], np.cumsum(tries + 1)[:-1]])
    edges = (np.arange(int((tries + 1).sum())) - np.repeat(start, tries + 1)) / np.repeat(tries, tries + 1)
    cumulative = below[np.searchsorted(ordered, low + span * edges)]
    cumulative[start + tries] = n  # the last bin is closed
    counts = np.diff(cumulative, append=n)
    counts[start + tries] = 0  # from one histogram to the next
    likelihood = np.add.reduceat(counts * np.log(np.maximum(counts, 1.0)), start) + n * np.log(tries / n)
    return int(tries[np.argmax(likelihood - (tries - 1 + np.log(tries) ** 2.5))])


def bin_counts(code: npt.NDArray[np.intp], repeats: npt.NDArray[np.float64], bins: int) -> npt.NDArray[np.float64]:
    """How many values are in each bin, float64 (bins,)."""
    counts: npt.NDArray[np.float64] = np.bincount(code, weights=repeats, minlength=bins).astype(np.float64, copy=False)
    return counts
