"""Does the UAI layer help? Anomalies found within a budget by DAE and Class, alone and with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..training import TrainConfig
from .choice import Choice
from .results import Result
from .units import BASES, Run


class Plan(NamedTuple):
    """How a data set is run."""

    budget: int
    seeds: int


PLANS = {"digits_0": Plan(150, 5), "fashion_mnist_0": Plan(1000, 3)}
OTHERS = Plan(1000, 3)
METHODS = (*BASES["dae"], *BASES["class"])


def runs(choice: Choice, config: TrainConfig | None = None) -> list[Run]:
    """Give the runs of this experiment, those of short data sets first. A base model and its UAI twin are one run."""
    wanted = set(choice.methods_of(METHODS))
    bases = [base for base in ("dae", "class") if wanted & set(BASES[base])]
    found = []
    for dataset in choice.datasets or PLANS:
        plan = PLANS.get(dataset, OTHERS)
        found += [
            Run(dataset, base, seed, choice.budget or plan.budget, config=config or TrainConfig())
            for seed in range(choice.seeds or plan.seeds)
            for base in bases
        ]
    return found


def table(results: Sequence[Result]) -> str:
    """Markdown: a row per data set and budget, a column per method with the sum over seeds and its parts.

    A seed counts once all methods of its row have it.
    """
    lines = [
        f"| data set | b | seeds | anomalies | {' | '.join(METHODS)} | DAE_uai / DAE |",
        f"|---|{'---:|' * (len(METHODS) + 4)}",
    ]
    rows: dict[tuple[str, int], dict[str, dict[int, Result]]] = {}
    for result in results:
        planned = PLANS.get(result.dataset)
        usual = result.method in METHODS and result.query in ("base", "adaptive") and not result.config
        if usual and planned is not None and (result.budget, result.k) == (planned.budget, 10):
            row = rows.setdefault((result.dataset, result.budget), {})
            row.setdefault(result.method, {})[result.seed] = result
    lines += [_row(*key, rows[key]) for key in sorted(rows)]
    return "\n".join(lines) + "\n"


def _row(dataset: str, budget: int, of: dict[str, dict[int, Result]]) -> str:
    seeds = sorted(set.intersection(*(set(of[method]) for method in of)))
    sums = {m: sum(of[m][s].found for s in seeds) for m in of}
    cells = [
        f"{sums[m]:,} ({', '.join(str(of[m][s].found) for s in seeds)})" if m in sums and seeds else "" for m in METHODS
    ]
    ratio = f"{sums['DAE_uai'] / sums['DAE']:.1f}" if sums.get("DAE") and "DAE_uai" in sums else ""
    anomalies = sum(next(iter(of.values()))[seed].n_anomalies for seed in seeds)
    return f"| {dataset} | {budget:,} | {len(seeds)} | {anomalies:,} | {' | '.join(cells)} | {ratio} |"
