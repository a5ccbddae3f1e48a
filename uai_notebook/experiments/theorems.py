"""The theorems of Section 2.1, Appendices D and E, with numbers: what holds, and what does not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from ..theory import (
    Interval,
    draw_distributions,
    estimate_volume,
    largest_weight,
    lower_bound,
    mix,
    residual_sets,
    total_variation,
    upper_bound,
)
from . import theorem_figures as figures
from .plots import save
from .results import Result
from .theorem_figures import MIXTURE, SHARES, Pairs


def show(results: Sequence[Result], folder: Path, html: bool = True) -> str:
    """Draw four figures into the folder; returns all findings as Markdown. Needs none of the results."""
    pairs, distances = figures.random_pairs(), figures.posterior(SHARES)
    drawn = {
        "sets": figures.sets_figure(),
        "volume": figures.volume_figure(),
        "posterior": figures.posterior_figure(),
        "bounds": figures.bounds_figure(pairs),
    }
    for name, figure in drawn.items():
        save(figure, Path(folder) / f"theorems_{name}", html)
    return report(pairs, distances)


def make(folder: Path, html: bool = True) -> list[Path]:
    """Write the figures, as pages (if ``html``) and PNG, and ``theorems.md`` into the folder; give their paths."""
    folder = Path(folder)
    (folder / "theorems.md").write_text(show((), folder, html), encoding="utf-8")
    return sorted(folder.glob("theorems*"))


def report(pairs: Pairs, distances: dict[str, list[Interval]]) -> str:
    """All findings as Markdown."""
    parts = [_HEAD, _lemma1(), _lemma2(), _theorem1(distances), _theorem2(pairs), _theorem3(pairs)]
    return "\n".join(parts)


_HEAD = """# The theorems, checked

`lambda` is the share of anomalies, p_full = (1 - lambda) p_normal + lambda p_anom; distances are total variation.

| statement | verdict |
|---|---|
| Lemma 1: both forms of P_1 and P_2 are the same sets | holds, for a given lambda |
| Lemma 2: P_1 shrinks to p_full | holds; eq. 9, the way there, is too coarse to say how |
| Lemma 2: P_2 grows to all on the support | holds for finitely many outcomes, not for infinitely many |
| Theorem 1: p_full says nothing about p_anom | holds if P_2 is everything and p_normal is not known too well |
| Theorem 2: upper bound, tight for lambda near 0 | holds, but is tight nowhere |
| Theorem 3: lower bound, tight for lambda near 1 | holds, is met at every lambda; a step of its proof is misprinted |
"""


def _lemma1() -> str:
    tested = figures.both_forms_agree()
    return f"""## Lemma 1: what the parts of a mixture can be

![The residual sets](theorems_sets.png)

{tested.tested:,} distributions over 2 to 10 outcomes, lambda .05 to .95, were tested for P_1 and P_2 in both forms:
{tested.inside:,} are members, and the forms disagree on {tested.differ}.

As printed, "lambda in [0, 1]" stands inside the sets. Read as "for some lambda", lambda = 0 would put everything into
P_2; it is read as given.
"""


def _lemma2() -> str:
    rows = []
    for share in SHARES:
        p1, p2 = residual_sets(MIXTURE, share)
        rows.append((f"{share:g}", f"{p1.volume:.3g}", f"{p1.radius:.3g}", f"{p2.volume:.3g}", f"{p2.radius:.3g}"))
    size = _table(("lambda", "volume of P_1", "radius of P_1", "volume of P_2", "radius of P_2"), rows)
    return f"""## Lemma 2: P_1 shrinks, P_2 grows

![Sizes of the residual sets](theorems_volume.png)

p_full = {MIXTURE}; volumes are shares of all distributions, radii distances from p_full; both exact.

{size}
P_2 is everything as soon as lambda <= min p_full = {min(MIXTURE):g}: no limit is needed. P_1 is P_2 mirrored at p_full
and scaled by lambda / (1 - lambda).

{_eq9()}

With more outcomes P_2 is smaller. Its volume, for a uniform p_full ({_DRAWS:,} draws, 95% interval):

{_table(("outcomes", *(f"lambda = {s:g}" for s in _MANY)), _by_outcomes())}
With infinitely many outcomes eq. 10 fails for a p_anom of heavier tail than p_full: it is in P_2 for no lambda
above 0, though distributions as near to it as one likes are. For example `p_full(k) = .5 * .5^k` and
`p_anom(k) = .2 * .8^k`, which have the same support. Cut off after m outcomes, the largest
lambda for which p_anom is in P_2 is

{_table(("m", *(f"{m}" for m in _CUTS)), [("largest lambda", *(f"{_geometric(m):.2g}" for m in _CUTS))])}"""


_DRAWS, _MANY, _CUTS = 1000, (0.2, 0.1, 0.05), (5, 10, 20, 40, 80)


def _eq9() -> str:
    share = 0.05
    p2 = residual_sets(MIXTURE, share)[1]
    p = p2.draw(10_000, np.random.default_rng(0))
    true, printed = p2.partner(p), np.array(MIXTURE) - share * p
    off, away = np.abs(true - printed).sum(1), np.abs(true - MIXTURE).sum(1)
    return f"""Eq. 9 writes a member of P_1 as p_full - lambda p. That sums to 1 - lambda, and has to be divided by it.
At lambda = {share:g} the two are {off.mean():.3g} apart in L1, while a member (of 10,000 uniform draws) is on average
{away.mean():.3g} from p_full: the factor that eq. 9 leaves out counts for more than the p that it keeps."""


def _by_outcomes() -> list[tuple[str, ...]]:
    rows = []
    for m in figures.OUTCOMES:
        cells = [estimate_volume(residual_sets(np.full(m, 1 / m), share)[1], _DRAWS) for share in _MANY]
        rows.append((f"{m:,}", *(_interval(cell) for cell in cells)))
    return rows


def _geometric(m: int) -> float:
    k = np.arange(m)
    full, anom = 0.5**k, 0.8**k
    return largest_weight(anom / anom.sum(), full / full.sum())


def _theorem1(distances: dict[str, list[Interval]]) -> str:
    rows = [(f"{share:g}", *(_interval(values[i]) for values in distances.values())) for i, share in enumerate(SHARES)]
    names = [f"{name}: Dirichlet{figures.PRIORS[name]}" for name in distances]
    p_normal, p_anom = draw_distributions(2, 3, np.random.default_rng(0))
    recovered = [residual_sets(mix(p_normal, p_anom, s), s)[0].partner(p_normal) for s in SHARES]
    error = float(np.max(total_variation(recovered, p_anom)))
    small = estimate_volume(residual_sets(np.full(1000, 1e-3), 0.2)[1], _DRAWS)
    return f"""## Theorem 1: no free anomaly

![Distance to the uniform distribution](theorems_posterior.png)

Distance of p(p_anom | p_full) to Uniform(P_2), by what is known of p_normal; p_full = {MIXTURE}; Monte Carlo, 95%
interval:

{_table(("lambda", *names), rows)}
It goes to zero with lambda in each column; with nothing known it is zero at every lambda. The proof starts from
p_anom ~ Uniform(P), so what the theorem says is that p_full does not change this, but for P_2. Two conditions are
not in its words:

- P_2 has to be nearly everything. With 1,000 equally likely outcomes and lambda = .2, p_full excludes all but
  {_interval(small)} of the distributions (Lemma 2).
- p_normal has to have a prior density, continuous and positive at p_full. If p_normal is known exactly (the
  semi-supervised setting of Section 2), p_anom = (p_full - (1 - lambda) p_normal) / lambda is known at every lambda
  above 0: recovered here with a largest error of {error:.0e} for lambda down to {min(SHARES):g}. But an error in
  p_full or p_normal grows by up to 1 / lambda on the way.
"""


def _theorem2(pairs: Pairs) -> str:
    shares = (*SHARES[::-1], 0.9, 0.99)
    rows = []
    for s in shares:
        true, bound = total_variation(mix([1, 0], [0, 1], s), [1, 0]), upper_bound(s)
        rows.append((f"{s:g}", f"{true:.3g}", f"{bound:.3g}", f"{bound / true:.2f}"))
    grid = np.linspace(0.001, 0.999, 99_801)
    ratio = upper_bound(grid) / grid
    broken, over = (int((pairs.distance > b + 1e-12).sum()) for b in (upper_bound(pairs.share), pairs.share))
    return f"""## Theorem 2: upper bound

![Bounds and true distances](theorems_bounds.png)

{len(pairs.share):,} random pairs exceed the bound {broken} times. But the distance is lambda * TV(p_normal,
p_anom), so lambda itself is a bound (exceeded {over} times), and disjoint pairs meet it. The paper's behaves as
sqrt(lambda / 2):

{_table(("lambda", "disjoint pair", "Theorem 2", "ratio"), rows)}
The ratio is smallest, {ratio.min():.3f}, at lambda = {grid[ratio.argmin()]:.3f}, and grows without limit as lambda
goes to 0. From lambda = 1 - exp(-2) = {1 - np.exp(-2):.3f} on the bound is above 1 and says nothing. What is lost
is lost in Pinsker's inequality: the divergence itself reaches log 1 / (1 - lambda) for disjoint pairs.
"""


def _theorem3(pairs: Pairs) -> str:
    broken = int((pairs.largest < lower_bound(pairs.share, pairs.m) - 1e-12).sum())
    rows = []
    for m in (2, 5, 10, 100):
        p_anom, far = np.full(m, 1 / m), np.eye(m)[0]
        cells = [total_variation(mix(far, p_anom, s), far) / lower_bound(s, m) for s in (0.01, 0.5, 0.99)]
        rows.append((f"{m}", *(f"{cell:.6f}" for cell in cells)))
    return f"""## Theorem 3: lower bound of the largest distance

{len(pairs.share):,} random p_anom, each with the p_normal farthest from it, are below the bound {broken} times. The
largest distance is lambda (1 - min p_anom), so the bound is met by the uniform p_anom alone, and there at every
lambda, not only near 1. Distance over bound, uniform p_anom:

{_table(("outcomes", "lambda = .01", "lambda = .5", "lambda = .99"), rows)}
"|A - 1| / |A|" is read as (|A| - 1) / |A|. Step (a) of the proof prints max over p_1 of min over p_2; that is 0, as
p_2 = p_1 is allowed. With min over p_2 of max over p_1 the steps that follow are right.

The theorem lets p_full move along with p_normal. For a p_full that is given, which is the question asked, the
largest distance is the radius of P_1 in the table of Lemma 2: at most lambda, and lambda where some outcomes have
that probability together.
"""


def _interval(value: Interval) -> str:
    return f"{value.value:.3g} ({value.low:.3g} to {value.high:.3g})"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---:"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
