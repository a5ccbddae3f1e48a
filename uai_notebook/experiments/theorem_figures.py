"""Measurements of the theorems of Section 2.1, Appendices D and E, and their figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..theory import (
    Interval,
    distance_to_uniform,
    draw_distributions,
    estimate_volume,
    largest_distance,
    lower_bound,
    mix,
    residual_sets,
    total_variation,
    upper_bound,
)
from .plots import Curve, Figure, Panel, Points

MIXTURE = (0.5, 0.3, 0.2)  # p_full of the examples
SHARES = (0.5, 0.2, 0.1, 0.05, 0.01, 0.001)
PRIORS = {  # of p_normal: Dirichlet concentrations
    "nothing known": (1, 1, 1),
    "a vague, wrong guess": (4, 6, 10),
    "nearly known": (100, 60, 40),
}
OUTCOMES = (2, 5, 10, 30, 100, 300, 1000)
_NORMAL, _ANOMALY, _SEEN, _EDGE = "#0072B2", "#D55E00", "#333333", "#999999"
_TRIANGLE = np.array([[0, 0], [1, 0], [0.5, np.sqrt(0.75)]])


# -- Lemmas 1 and 2 -------------------------------------------------------------------------------------------------


class Agreement(NamedTuple):
    """How many random distributions were tested against Lemma 1, in both forms, how many were in, how many differ."""

    tested: int
    inside: int
    differ: int


def both_forms_agree(n: int = 20_000, seed: int = 0) -> Agreement:
    """Test random distributions for membership in P_1 and P_2 of random mixtures, by either form of Lemma 1."""
    rng = np.random.default_rng(seed)
    tested = inside = differ = 0
    for m in (2, 3, 5, 10):
        for share in (0.05, 0.3, 0.6, 0.95):
            for part in residual_sets(draw_distributions(1, m, rng)[0], share):
                p = np.concatenate([draw_distributions(n // 64, m, rng), part.draw(n // 64, rng)])
                second = part.contains(p)
                tested, inside = tested + len(p), inside + int(second.sum())
                differ += int((second != part.contains_by_partner(p)).sum())
    return Agreement(tested, inside, differ)


def sets_figure(mixture: Sequence[float] = MIXTURE, shares: Sequence[float] = (0.6, 0.3, 0.1)) -> Figure:
    """P_1 and P_2 of a mixture over three outcomes, as parts of the triangle of all distributions."""
    panels = []
    for row, (name, colour) in enumerate(
        (("P_1: what p_normal can be", _NORMAL), ("P_2: what p_anom can be", _ANOMALY))
    ):
        for share in shares:
            part = residual_sets(mixture, share)[row]
            p = part.draw(1500, np.random.default_rng(0)) @ _TRIANGLE
            edge = _TRIANGLE[[0, 1, 2, 0]]
            seen = np.array([mixture]) @ _TRIANGLE
            clouds = [
                Points(name, p[:, 0], p[:, 1], colour, 4, 0.5),
                Points("p_full", seen[:, 0], seen[:, 1], _SEEN, 9, 1),
            ]
            title = f"{name[:3]} at λ = {share:g}: volume {part.volume:.3g}"
            panels.append(Panel(title, "", "", [Curve("", edge[:, 0], edge[:, 1], color=_EDGE)], clouds))
    return Figure(
        "Lemmas 1 and 2: the residual sets",
        panels,
        columns=max(2, len(shares)),
        caption="Each point of a triangle is a distribution over three outcomes, the corners put all on one; points "
        "drawn are uniform in the set. The volume is the share of all distributions. "
        f"p_full = ({', '.join(f'{p:g}' for p in mixture)}).",
    )


def volume_figure(mixture: Sequence[float] = MIXTURE, n: int = 1000) -> Figure:
    """Sizes of P_1 and P_2 against lambda, and of P_2 against the number of outcomes."""
    shares = np.geomspace(0.001, 0.6, 60)
    parts = [residual_sets(mixture, share) for share in shares]
    exact = [
        Curve("P_1", shares, [p1.volume for p1, _ in parts], color=_NORMAL),
        Curve("P_2", shares, [p2.volume for _, p2 in parts], color=_ANOMALY),
    ]
    radius = [
        Curve("P_1", shares, [p1.radius for p1, _ in parts]),
        Curve("P_2", shares, [p2.radius for _, p2 in parts]),
    ]
    many = []
    for share in (0.2, 0.1, 0.05):
        values = np.array([estimate_volume(residual_sets(np.full(m, 1 / m), share)[1], n) for m in OUTCOMES])
        many.append(Curve(f"P_2, uniform p_full, λ = {share:g}", OUTCOMES, *values.T))
    return Figure(
        "Lemma 2: how large the residual sets are",
        [
            Panel("Volume, three outcomes (exact)", "λ", "share of all distributions", exact, x_log=True, y_log=True),
            Panel(
                "Radius, three outcomes (exact)",
                "λ",
                "total variation from p_full",
                radius,
                x_log=True,
                y_log=True,
            ),
            Panel("P_2 over more outcomes", "outcomes |A|", "share of all distributions", many, x_log=True),
        ],
        columns=3,
        caption=f"Left and middle: p_full = ({', '.join(f'{p:g}' for p in mixture)}). Right: {n:,} uniform draws per "
        "value, with the 95% interval; for a fixed λ, P_2 is nearly everything only while there are few outcomes.",
    )


# -- Theorem 1 ------------------------------------------------------------------------------------------------------


def posterior(shares: Sequence[float], n: int = 40_000) -> dict[str, list[Interval]]:
    """Distance of p(p_anom | p_full) to Uniform(P_2), by what is known of p_normal, for each share."""
    return {name: [distance_to_uniform(MIXTURE, s, prior, n) for s in shares] for name, prior in PRIORS.items()}


def posterior_figure(shares: Sequence[float] = tuple(np.geomspace(0.001, 0.5, 14))) -> Figure:
    """Theorem 1: the distance goes to zero with lambda."""
    distances = posterior(shares)
    curves = [Curve(f"p_normal: {name}", shares, *np.array(values).T) for name, values in distances.items()]
    y = "p(p_anom | p_full) to Uniform(P_2)"
    return Figure(
        "Theorem 1: p_full says nothing about p_anom once λ is small",
        [
            Panel("Total variation", "λ", y, curves, x_log=True),
            Panel("... on a logarithmic axis", "λ", y, curves, x_log=True, y_log=True, y_range=(1e-4, 1)),
        ],
        caption=f"p_full = {MIXTURE}. By Monte Carlo, bands are 95% intervals. What is known of p_normal: "
        + "; ".join(f"{name}, Dirichlet{tuple(prior)}" for name, prior in PRIORS.items())
        + ". With nothing known the distance is 0 at every λ.",
    )


# -- Theorems 2 and 3 -----------------------------------------------------------------------------------------------


class Pairs(NamedTuple):
    """Random pairs of distributions in random mixtures: lambda, and the true distances, each float64 (n,)."""

    share: Any
    distance: Any
    m: Any
    largest: Any


def random_pairs(n: int = 5000, seed: int = 0) -> Pairs:
    """Total variation between p_full and p_normal, and the largest that another p_normal could give, measured."""
    rng = np.random.default_rng(seed)
    rows = []
    for _ in range(n):
        m, share = int(rng.integers(2, 11)), float(rng.uniform(0.001, 0.999))
        concentration = rng.choice([0.1, 1, 10])  # sparse pairs are nearly disjoint, smooth ones alike
        p1, p2 = rng.dirichlet(np.full(m, concentration), 2)
        farthest = np.eye(m)[p2.argmin()]
        largest = total_variation(mix(farthest, p2, share), farthest)
        rows.append((share, total_variation(mix(p1, p2, share), p1), m, largest))
    return Pairs(*np.array(rows).T)


def bounds_figure(pairs: Pairs, m: int = 5) -> Figure:
    """Theorems 2 and 3: the bounds and the true distances."""
    share = np.concatenate([np.geomspace(0.001, 0.05, 60), np.linspace(0.06, 0.999, 200)])
    line = [
        Curve("largest possible: disjoint pairs", share, share),
        Curve("Theorem 2", share, upper_bound(share)),
    ]
    cloud = Points("random pairs", pairs.share, pairs.distance, _EDGE, 3, 0.4)
    of_m = pairs.m == m
    worst = Points("random p_anom, farthest p_normal", pairs.share[of_m], pairs.largest[of_m], "#56B4E9", 3, 0.6)
    uniform = [largest_distance(np.full(m, 1 / m), s) for s in share]
    lower = [
        Curve("uniform p_anom, farthest p_normal", share, uniform),
        Curve("Theorem 3", share, lower_bound(share, m), dash=True),
    ]
    y = "total variation p_full to p_normal"
    return Figure(
        "Theorems 2 and 3: the bounds and the true distances",
        [
            Panel("Theorem 2, upper bound", "λ", y, line, [cloud], y_range=(0, 1.3)),
            Panel("... for small λ", "λ", y, line, [cloud], "", (0.001, 1), (0.0001, 2), True, True),
            Panel(f"Theorem 3, lower bound, |A| = {m}", "λ", y, lower, [worst], y_range=(0, 1.05)),
        ],
        columns=3,
        caption=f"{len(pairs.share):,} random pairs over 2 to 10 outcomes. Theorem 2 holds and is tight nowhere: "
        "disjoint pairs are λ apart. Theorem 3 is met by the uniform p_anom at every λ.",
    )
