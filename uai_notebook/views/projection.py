"""One horizontal axis for latents of any dimension: the latent itself, or its first principal axis."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from uai_notebook.snapshot import FloatArray

_MAX_ROWS = 20_000  # rows a fit looks at: the axis of a larger set would not move visibly
_WIDE = 1_000  # above so many features the fit looks at _WIDE_ROWS rows, so that eigh stays below a second
_WIDE_ROWS = 1_000


@dataclass(frozen=True, eq=False)
class LatentAxis:
    """A fixed linear map from latents to one coordinate.

    Fit it once and use it for every round: an axis fitted anew for each round would turn, and the
    movement of points between rounds would then say nothing.

    Attributes
    ----------
    weights : float64 (d,)
        Direction; of unit length for latents.
    centre : float64 (d,)
        What is subtracted first.
    label : str
        Axis title.
    of_features : bool
        Whether the axis maps the items' features (a learner without a latent) instead of latents.

    Examples
    --------
    >>> axis = LatentAxis.fit(np.array([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]], np.float32))
    >>> axis.label
    'first principal axis of the latent (2-d)'
    >>> axis(np.array([[3.0, 4.0], [6.0, 8.0]], np.float32)).round(3).tolist()
    [0.0, 5.0]
    """

    weights: npt.NDArray[np.float64]
    centre: npt.NDArray[np.float64]
    label: str
    of_features: bool = False

    @classmethod
    def fit(cls, latent: npt.ArrayLike) -> LatentAxis:
        """Axis of latents (n, d): the latent itself where d is 1, as in Figures 9 and 10 of the paper
        (Appendix C.1); else the direction of largest variance (our choice: the paper shows d = 1 only)."""
        rows = _finite_rows(_matrix(latent))
        d = rows.shape[1]
        if d == 1:
            return cls(np.ones(1), np.zeros(1), "latent l")
        weights, centre = _principal_axis(rows)
        return cls(weights, centre, f"first principal axis of the latent ({d}-d)")

    @classmethod
    def fit_features(cls, x: npt.ArrayLike) -> LatentAxis:
        """Axis of the items themselves (n, ...), features min-max scaled, for a learner without a latent."""
        rows = _finite_rows(_matrix(x))
        low, high = (rows.min(axis=0), rows.max(axis=0)) if len(rows) else (np.zeros(rows.shape[1]),) * 2
        span = high - low
        scale = np.divide(1.0, span, out=np.zeros_like(span), where=span > 0)  # a constant feature counts for nothing
        weights, centre = _principal_axis((rows - low) * scale)
        # ((x - low) * scale - centre) @ weights, written as one map of x
        label = "first principal axis of the features (this learner has no latent)"
        return cls(weights * scale, low + centre * span, label, of_features=True)

    def __call__(self, latent: npt.ArrayLike) -> FloatArray:
        """Coordinate of each row of (n, d) or (n, ...), float32 (n,)."""
        rows = _matrix(latent)
        d = len(self.weights)
        if rows.shape[1] != d:
            raise ValueError(f"latent has {rows.shape[1]} columns, this axis was fitted on {d}: fit a new LatentAxis")
        if np.array_equal(self.weights, [1.0]):
            return np.array(rows[:, 0] - self.centre[0], dtype=np.float32)
        with np.errstate(over="ignore", invalid="ignore"):  # a broken latent gives a broken coordinate, quietly
            # float32 keeps a wide product at half the memory; the centre is taken off afterwards in float64.
            product = rows.astype(np.float32, copy=False) @ self.weights.astype(np.float32)
            return np.asarray(product.astype(np.float64) - self.centre @ self.weights, dtype=np.float32)


def _matrix(values: npt.ArrayLike) -> npt.NDArray[np.floating]:
    """(n, ...) as a float matrix (n, d), not copied where that can be avoided."""
    a = np.asarray(values)
    if not np.issubdtype(a.dtype, np.floating):
        a = a.astype(np.float32)
    if a.ndim == 0:
        raise ValueError("expected one row per item, shape (n, d), but got a single number")
    return a.reshape(len(a), -1) if a.size else a.reshape(len(a), int(np.prod(a.shape[1:])))


def _finite_rows(rows: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Evenly spread rows for a fit, float64, without those that hold NaN or infinity."""
    limit = _MAX_ROWS if rows.shape[1] <= _WIDE else _WIDE_ROWS
    if len(rows) > limit:
        rows = rows[np.linspace(0, len(rows) - 1, limit).astype(np.int64)]
    finite: npt.NDArray[np.float64] = rows[np.isfinite(rows).all(axis=1)].astype(np.float64)
    return finite


def _principal_axis(rows: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(direction, mean) of rows (m, d): unit length, its largest loading positive."""
    m, d = rows.shape
    if m == 0:
        return np.eye(1, d)[0], np.zeros(d)
    centre = rows.mean(axis=0)
    centred = rows - centre
    if d <= m:
        direction = np.linalg.eigh(centred.T @ centred)[1][:, -1]
    else:  # fewer rows than columns: the small Gram matrix has the same answer
        direction = centred.T @ np.linalg.eigh(centred @ centred.T)[1][:, -1]
        length = np.linalg.norm(direction)
        direction = direction / length if length > 0 else np.eye(1, d)[0]
    largest = direction[np.abs(direction).argmax()]
    return (direction if largest >= 0 else -direction), centre
