"""What p_normal and p_anom can be, once their mixture is known: Lemmas 1 and 2."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from .mixtures import FloatArray, draw_distributions

_ROUNDING = 1e-9  # of sums and of borders
_MOST_OUTCOMES = 18  # exact volumes go through all 2^m sets of outcomes


_AT_ONCE, _MOST_TRIES = 10_000, 500  # random distributions drawn for those in a set


class Interval(NamedTuple):
    """An estimate and its 95% confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class ResidualSet:
    """All that a component of a mixture can be: {p in P | weight * p <= mixture} (Lemma 1).

    Parameters
    ----------
    mixture : array_like (m,)
        p-bar.
    weight : float
        Of the component, between 0 and 1: 1 - share for P_1, share for P_2 (see :func:`residual_sets`).

    Raises
    ------
    ValueError
        Not a distribution, or a weight that is not between 0 and 1.

    Notes
    -----
    The paper writes the condition "lambda in [0, 1]" inside the set. Read as "for some lambda", it would let
    lambda = 0 put every distribution into P_2; lambda is taken as given here. At lambda = 0 itself nothing is mixed
    in: P_2 would hold distributions outside the support of p-bar, which its limit (eq. 10) does not.

    Examples
    --------
    >>> p1, p2 = residual_sets([0.5, 0.3, 0.2], share=0.1)
    >>> bool(p2.contains([0, 0, 1])), bool(p1.contains([0, 0, 1]))
    (True, False)
    >>> p2.volume, round(p1.volume, 4)
    (1.0, 0.0123)
    """

    mixture: Any
    weight: float

    def __post_init__(self) -> None:
        mixture = np.asarray(self.mixture, np.float64)
        if mixture.ndim != 1 or mixture.min(initial=0) < 0 or abs(mixture.sum() - 1) > _ROUNDING:
            raise ValueError(f"mixture={str(self.mixture)[:60]}: expected non-negative numbers (m,) that sum to 1.")
        if not 0 < self.weight < 1:
            raise ValueError(f"weight={self.weight}: expected a number between 0 and 1, both excluded.")
        object.__setattr__(self, "mixture", mixture)

    def contains(self, p: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """Whether weight * p <= mixture, the second form of Lemma 1: bool (...) of distributions (..., m)."""
        p = np.asarray(p, np.float64)
        fits: npt.NDArray[np.bool_] = (self.weight * p <= self.mixture + _ROUNDING).all(-1)
        return _is_distribution(p, _ROUNDING) & fits

    def contains_by_partner(self, p: npt.ArrayLike) -> npt.NDArray[np.bool_]:
        """The same by the first form: some distribution, mixed with p, gives the mixture."""
        rest = 1 - self.weight
        partner = self.partner(p)
        fits: npt.NDArray[np.bool_] = (rest * partner <= self.mixture + _ROUNDING).all(-1)
        return _is_distribution(partner, _ROUNDING / rest) & fits

    def partner(self, p: npt.ArrayLike) -> FloatArray:
        """The other component, (mixture - weight * p) / (1 - weight), a distribution only if p is in the set."""
        partner: FloatArray = (self.mixture - self.weight * np.asarray(p, np.float64)) / (1 - self.weight)
        return partner

    @property
    def other(self) -> ResidualSet:
        """The set of the other component."""
        return ResidualSet(self.mixture, 1 - self.weight)

    @property
    def volume(self) -> float:
        """Share of Uniform(P) that lies in the set, exact.

        Raises
        ------
        ValueError
            More than 18 outcomes: use :func:`estimate_volume`.

        Notes
        -----
        Our formula. For limits u = mixture / weight on the simplex, inclusion and exclusion over the sets S of
        outcomes gives the sum of (-1)^|S| max(0, 1 - u(S))^(m-1). And ``partner`` maps one set onto the other, linearly
        and by the factor weight / (1 - weight) in each of the m - 1 dimensions: so the small set, where the sum would
        lose its digits, follows from the large one.
        """
        if self.weight > 0.5:
            return float(((1 - self.weight) / self.weight) ** (len(self.mixture) - 1) * self.other.volume)
        left = np.maximum(0, 1 - _over_subsets(self.mixture) / self.weight)
        sign = 1 - 2 * (_over_subsets(np.ones_like(self.mixture)) % 2)
        powers = np.where(left > 0, left ** (len(self.mixture) - 1), 0)
        return float(np.clip(np.sum(sign * powers), 0, 1))

    @property
    def radius(self) -> float:
        """Largest total variation from the mixture to a distribution in the set, exact.

        Raises
        ------
        ValueError
            More than 18 outcomes.

        Notes
        -----
        Our formula: a p that gives the outcomes S as much as it can has p(S) = min(1, mixture(S) / weight), so the
        radius is the largest min(1, mixture(S) / weight) - mixture(S).
        """
        mass = _over_subsets(self.mixture)
        return float(np.max(np.minimum(1, mass / self.weight) - mass))

    def draw(self, n: int, rng: np.random.Generator) -> FloatArray:
        """Distributions, uniform in the set: float64 (n, m).

        Raises
        ------
        ValueError
            Next to no distribution is in the set, or its partners' set: drawing by rejection would not end.
        """
        if self.weight > 0.5:  # small: where the partners of a large set's uniform draws are uniform
            return self.other.partner(self.other.draw(n, rng))
        found, tries = [np.zeros((0, len(self.mixture)))], _MOST_TRIES
        while sum(map(len, found)) < n:
            if not tries:
                raise ValueError(
                    f"weight={self.weight:g}: fewer than {n:,} of {_MOST_TRIES * _AT_ONCE:,} random distributions are "
                    "in this set; take fewer outcomes, or a smaller weight."
                )
            p = draw_distributions(_AT_ONCE, len(self.mixture), rng)
            found.append(p[self.contains(p)])
            tries -= 1
        return np.concatenate(found)[:n]


def residual_sets(mixture: npt.ArrayLike, share: float) -> tuple[ResidualSet, ResidualSet]:
    """P_1, where p_normal lies, and P_2, where p_anom lies, given p_full and lambda (Lemma 1).

    Examples
    --------
    >>> [round(part.radius, 3) for part in residual_sets([0.5, 0.3, 0.2], share=0.01)]
    [0.008, 0.8]
    """
    return ResidualSet(mixture, 1 - share), ResidualSet(mixture, share)


def largest_weight(p: npt.ArrayLike, mixture: npt.ArrayLike) -> float:
    """The largest weight that a component p can have in a mixture; 0 if it cannot be one.

    Notes
    -----
    Eq. 10 says that any p on the support of the mixture can be p_anom once lambda is small enough: once it is below
    this weight, the smallest ratio mixture / p. On finitely many outcomes that is a positive number. On infinitely
    many it may be 0: then p is in P_2 for no lambda at all.

    Examples
    --------
    >>> largest_weight([0, 1], [0.75, 0.25]), largest_weight([1, 0], [0, 1])
    (0.25, 0.0)
    """
    p, mixture = np.asarray(p, np.float64), np.asarray(mixture, np.float64)
    return float(np.min(mixture[p > 0] / p[p > 0]))


def estimate_volume(part: ResidualSet, n: int = 100_000, seed: int = 0) -> Interval:
    """Share of Uniform(P) in the set, for any number of outcomes, from n draws; Wilson's interval.

    Examples
    --------
    >>> part = residual_sets([0.5, 0.3, 0.2], share=0.4)[1]
    >>> low, high = estimate_volume(part)[1:]
    >>> low < part.volume < high
    True
    """
    rng, m = np.random.default_rng(seed), len(part.mixture)
    step = max(1, 2_000_000 // m)  # 16 MB at a time
    inside = sum(int(part.contains(draw_distributions(min(step, n - i), m, rng)).sum()) for i in range(0, n, step))
    share, z2 = inside / n, 1.96**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = np.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n * n))) / (1 + z2 / n)
    return Interval(share, max(0.0, float(middle - half)), min(1.0, float(middle + half)))


def _is_distribution(p: FloatArray, tolerance: float) -> npt.NDArray[np.bool_]:
    enough: npt.NDArray[np.bool_] = (p >= -tolerance).all(-1) & (np.abs(p.sum(-1) - 1) <= p.shape[-1] * tolerance)
    return enough


def _over_subsets(values: FloatArray) -> FloatArray:
    """Sums of the values over all 2^m sets of outcomes."""
    if len(values) > _MOST_OUTCOMES:
        raise ValueError(
            f"the mixture has {len(values)} outcomes: exact results go through all sets of them, of at most "
            f"{_MOST_OUTCOMES}; use estimate_volume, or join outcomes."
        )
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums, sums + value])
    return sums
