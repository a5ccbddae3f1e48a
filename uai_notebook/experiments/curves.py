"""Figures 3, 6, 7 and 8: anomalies found against budget on the variants of MNIST and Fashion-MNIST."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .choice import Choice
from .plots import Curve, Figure, Panel, save
from .results import Result
from .tables import markdown
from .units import BASES, Run

METHODS = (*BASES["dae"], *BASES["class"])
K = 10


class Plan(NamedTuple):
    """How far the first seed goes, and the others."""

    first: int = 5000
    others: int = 1000
    seeds: int = 3


class Drawing(NamedTuple):
    """A figure of the paper: its data sets, and up to which budgets its panels go."""

    title: str
    datasets: tuple[str, ...]
    zooms: tuple[int, ...]


MNIST = ("mnist_0", "mnist_0_2", "mnist_hard", "mnist_pca")
PLANS = {
    "fashion_mnist_0_2": Plan(first=1000, seeds=1),
    "fashion_mnist_hard": Plan(first=1000, seeds=1),
    "fashion_mnist_pca": Plan(first=1000, seeds=1),
}
"""Where we run less than on MNIST and Fashion-MNIST_0, for the time it takes."""

DRAWINGS = {
    "figure3": Drawing("Figure 3: MNIST", MNIST, (5000,)),
    "figure6": Drawing("Figure 6: MNIST, small budgets", MNIST, (1000,)),
    "figure7": Drawing("Figure 7: Fashion-MNIST_0 and _0-2", ("fashion_mnist_0", "fashion_mnist_0_2"), (1000, 5000)),
    "figure8": Drawing(
        "Figure 8: Fashion-MNIST_hard and _pca", ("fashion_mnist_hard", "fashion_mnist_pca"), (250, 1000)
    ),
}


def runs(name: str, choice: Choice) -> list[Run]:
    """The runs of a figure: all short ones first, then the first seed's to a larger budget."""
    wanted = set(choice.methods_of(METHODS))
    bases = [base for base in ("dae", "class") if wanted & set(BASES[base])]
    found = []
    for dataset in choice.datasets_of(DRAWINGS[name].datasets):
        plan = PLANS.get(dataset, Plan())
        for seed in reversed(range(choice.seeds or plan.seeds)):
            budget = choice.budget or (plan.others if seed else plan.first)
            found += [Run(dataset, base, seed, budget, K) for base in bases]
    return sorted(found, key=lambda run: run.budget)


def figure(name: str, results: Sequence[Result]) -> Figure | None:
    """Give a figure of what was run, None of nothing."""
    drawing, chosen = DRAWINGS[name], _chosen(name, results)
    panels = [
        Panel(dataset, "budget b", "anomalies found", _curves(chosen[dataset], zoom))
        for zoom in drawing.zooms
        for dataset in drawing.datasets
        if any(chosen[dataset].values())
    ]
    dashed = any(curve.dash for panel in panels for curve in panel.curves)
    caption = (
        f"Median with the band from worst to best, over {_seeds(chosen)}{'; dashed: fewer seeds' * dashed}. k = 10, "
        "rule adaptive. The paper has five seeds, and curves that go on to larger budgets."
    )
    return Figure(drawing.title, panels, columns=2, caption=caption) if panels else None


def show(name: str, results: Sequence[Result], folder: Path) -> str:
    """Draw a figure; returns a Markdown table of what was found, for Figure 3 with the paper's claims checked."""
    drawn, chosen = figure(name, results), _chosen(name, results)
    if drawn is None:
        return "Nothing has been run yet.\n"
    save(drawn, folder / name)
    text = f"![{drawn.title}]({name}.png)\n\n{drawn.caption}\n\n" + _table(chosen)
    return text + (claims_checked(results) if name == "figure3" else "")


def _chosen(name: str, results: Sequence[Result]) -> dict[str, dict[str, list[Result]]]:
    datasets = DRAWINGS[name].datasets
    return {dataset: {method: longest(results, dataset, method) for method in METHODS} for dataset in datasets}


def longest(results: Sequence[Result], dataset: str, method: str) -> list[Result]:
    """Of each seed the run to the largest budget, in the order of the seeds."""
    best: dict[int, Result] = {}
    for r in results:
        alike = (r.dataset, r.method, r.k, r.config) == (dataset, method, K, {}) and r.query in ("base", "adaptive")
        if alike and r.budget >= best.get(r.seed, r).budget:
            best[r.seed] = r
    return [best[seed] for seed in sorted(best)]


def found_at(results: Sequence[Result], budget: int) -> list[int]:
    """Anomalies found at a budget, of the seeds that went so far."""
    return [r.curve[budget // K - 1] if budget else 0 for r in results if r.budget >= budget]


def _curves(of: dict[str, list[Result]], zoom: int) -> list[Curve]:
    curves = []
    for method, results in of.items():
        if results:
            b = np.arange(0, min(zoom, max(r.budget for r in results)) + 1, K)
            found = [found_at(results, int(budget)) for budget in b]
            seeds = np.array([len(f) for f in found])
            # The median of fewer seeds is another curve: one line through both would jump where a seed ends.
            for part in np.split(np.arange(len(b)), np.flatnonzero(np.diff(seeds)) + 1):
                of_part = [found[i] for i in part]
                median = [float(np.median(f)) for f in of_part]
                low, high = [min(f) for f in of_part], [max(f) for f in of_part]
                curves.append(Curve(method, b[part], median, low, high, dash=bool(seeds[part[0]] < seeds[0])))
    return curves


def _seeds(chosen: dict[str, dict[str, list[Result]]]) -> str:
    """How many seeds went how far, in words; the fewest of any method that was run."""
    lists = [results for of in chosen.values() for results in of.values() if results]
    parts = []
    for budget in sorted({r.budget for results in lists for r in results}):
        seeds = {len(found_at(results, budget)) for results in lists} - {0}
        plural = "" if seeds == {1} else "s"
        parts.append(f"{' or '.join(map(str, sorted(seeds)))} seed{plural} to b = {budget:,}")
    return ", ".join(parts)


def _table(chosen: dict[str, dict[str, list[Result]]]) -> str:
    rows = []
    for dataset, of in chosen.items():
        for budget in (100, 250, 500, 1000, 5000):
            found = {method: found_at(results, budget) for method, results in of.items()}
            if any(found.values()):
                n = next(r.n_anomalies for results in of.values() for r in results)
                seeds = min(len(f) for f in found.values() if f)
                rows.append([dataset, f"{budget:,}", f"{n:,}", seeds, *(_spread(found[m]) for m in METHODS)])
    return markdown(["found: median (worst to best)", "b", "anomalies", "seeds", *METHODS], rows)


def _spread(found: list[int]) -> str:
    if not found:
        return ""
    return f"{np.median(found):,.0f}" + (f" ({min(found):,} to {max(found):,})" if len(found) > 1 else "")


BUDGET = 1000
STRONG = 0.5


def claims_checked(results: Sequence[Result]) -> str:
    """The claims of Section 4.1 at every budget of Figure 3 that was run, as Markdown lists."""
    chosen = _chosen("figure3", results)
    lists = [claims(chosen, budget) for budget in (BUDGET, *DRAWINGS["figure3"].zooms)]
    return "".join("\n" + "".join(f"- {line}\n" for line in lines) for lines in lists if lines)


def claims(chosen: dict[str, dict[str, list[Result]]], budget: int) -> list[str]:
    """Check what Section 4.1 says of Figure 3, at a budget; nothing if no run went so far.

    "Strong" is more than half of what can be found within the budget, min(b, anomalies), "weak" less; "robust" is
    strong on all four (our reading: the paper gives no numbers).
    """
    share: dict[tuple[str, str], float] = {}
    for dataset, of in chosen.items():
        for method, results in of.items():
            found = found_at(results, budget)
            if found:
                share[dataset, method] = float(np.median(found)) / min(budget, results[0].n_anomalies)
    if not share:
        return []
    clustered, sparse = ("mnist_0", "mnist_0_2"), ("mnist_hard", "mnist_pca")
    checks = [
        ("Class is strong on _0 and _0-2", "Class", clustered, True),
        ("Class is weak on _hard and _pca", "Class", sparse, False),
        ("DAE is strong on _hard and _pca", "DAE", sparse, True),
        ("DAE is weak on _0 and _0-2", "DAE", clustered, False),
        ("DAE_uai is robust on all four", "DAE_uai", (*clustered, *sparse), True),
        ("Class_uai is robust on all four", "Class_uai", (*clustered, *sparse), True),
    ]
    lines = [f"The paper's claims at b = {budget:,}; strong: more than {STRONG:.0%} of min(b, anomalies), our reading."]
    for text, method, datasets, strong in checks:
        values = {dataset: share.get((dataset, method)) for dataset in datasets}
        known = [value for value in values.values() if value is not None]
        holds = all((value > STRONG) == strong for value in known)
        verdict = "not run yet" if len(known) < len(datasets) else "holds" if holds else "does not hold"
        shown = ", ".join(f"{d.removeprefix('mnist')} {v:.0%}" for d, v in values.items() if v is not None)
        lines.append(f"{text}: **{verdict}**" + (f" ({shown})." if shown else "."))
    return lines
