"""Does the UAI layer help? Anomalies found within a budget by DAE and Class, alone and with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..training import TrainConfig
from .runs import BASES, METHODS, Result, Run


class Plan(NamedTuple):
    """How a data set is run."""

    budget: int
    seeds: int


PLANS = {"digits_0": Plan(150, 5), "fashion_mnist_0": Plan(1000, 3)}
OTHERS = Plan(1000, 3)


def runs(
    datasets: Sequence[str] = (),
    methods: Sequence[str] = (),
    seeds: int | None = None,
    budget: int | None = None,
    config: TrainConfig | None = None,
) -> list[Run]:
    """Give the runs of this experiment, those of short data sets first.

    Parameters
    ----------
    datasets, methods : sequence of str
        Default: all of ``PLANS``, and all methods. A base model and its UAI twin come from one run.
    seeds, budget : int, optional
        Default: those of ``PLANS``.
    config : TrainConfig, optional
        Default: the paper's.

    Raises
    ------
    ValueError
        No such data set or method, or a number below 1.
    """
    unknown = [method for method in methods if method not in METHODS]
    if unknown:
        raise ValueError(f"no method is called {unknown[0]!r}: expected some of {', '.join(METHODS)}.")
    for name, value in (("seeds", seeds), ("budget", budget)):
        if value is not None and value < 1:
            raise ValueError(f"{name}={value}: expected at least 1.")
    wanted = set(methods or METHODS)
    bases = [base for base, names in BASES.items() if wanted & set(names)]
    found = []
    for dataset in datasets or PLANS:
        plan = PLANS.get(dataset, OTHERS)
        found += [
            Run(dataset, base, seed, budget or plan.budget, config=config or TrainConfig())
            for seed in range(seeds or plan.seeds)
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
    rows: dict[str, list[Result]] = {}
    for result in sorted(results, key=lambda r: (r.dataset, r.budget)):
        rows.setdefault(repr(result.key[1:2] + result.key[3:]), []).append(result)
    lines += [_row(row) for row in rows.values()]
    return "\n".join(lines) + "\n"


def _row(results: Sequence[Result]) -> str:
    first = results[0]
    of: dict[str, dict[int, Result]] = {method: {} for method in METHODS}
    for result in results:
        of[result.method][result.seed] = result
    present = [seeds.keys() for seeds in of.values() if seeds]
    seeds = sorted(set.intersection(*(set(keys) for keys in present)))
    sums = {m: sum(of[m][s].found for s in seeds) for m in METHODS if of[m]}
    cells = [
        f"{sums[m]:,} ({', '.join(str(of[m][s].found) for s in seeds)})" if m in sums and seeds else "" for m in METHODS
    ]
    ratio = f"{sums['DAE_uai'] / sums['DAE']:.1f}" if sums.get("DAE") and "DAE_uai" in sums else ""
    anomalies = sum(next(r for r in results if r.seed == seed).n_anomalies for seed in seeds)
    name = first.dataset + "".join(f", {key}={value}" for key, value in _unusual(first).items())
    return f"| {name} | {first.budget:,} | {len(seeds)} | {anomalies:,} | {' | '.join(cells)} | {ratio} |"


def _unusual(result: Result) -> dict[str, object]:
    settings = {"k": result.k, "query": result.query}
    usual = {"k": 10, "query": "adaptive"}
    return {name: value for name, value in settings.items() if value != usual[name]} | result.config
