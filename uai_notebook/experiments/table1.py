"""Table 1: F1 on the eleven real data sets, budget = number of anomalies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..datasets.sets import ENTRIES
from ..training import TrainConfig
from .choice import Choice
from .paper import TABLE1, TABLE1_SETS
from .results import Result, by_seed, read_results
from .tables import Cell, markdown, write_csv
from .units import Run, Unit, ZongUnit, settings_of
from .zong import OTHER, STEPS, Setting

SEEDS = 5
LONG = {"kddcup": 1, "kddcup_rev": 1}  # seeds of DAE_uai, LODA-AAD and Tree-AAD where a run takes hours
MEMORY = {"kddcup": {"memory": 1000}, "kddcup_rev": {"memory": 1000}}
"""Newest labels that LODA-AAD and Tree-AAD keep (App. B.2)."""

PAPER_BUDGET = {"kddcup": 10_000}  # where DAE_uai (paper) is run up to, our choice
ORDER = (
    *("abalone", "yeast", "ctg", "thyroid", "arrhythmia", "mammography", "shuttle"),
    *("creditcard", "covtype", "kddcup_rev", "kddcup"),
)
"""From short runs to long ones."""

INEXACT = ("kddcup", "kddcup_rev", "ctg", "creditcard")
"""Sets whose data are not exactly the paper's: see ``load_dataset``."""

GRID = (
    TrainConfig(hidden=(64, 8)),
    TrainConfig(hidden=(16, 2)),
    TrainConfig(noise=0.3),
    TrainConfig(noise=0.01),
    TrainConfig(pretrain_steps=1000),
)
"""Configurations of the DAE beside the fixed one: the best of all is what App. A.3 reports (ours; the authors' grid is
not given)."""

METHODS = (
    *("DAGMM (clean)", "DAGMM (dirty)", "LODA-AAD", "LODA-AAD (raw)", "Tree-AAD"),
    *("DAE (fixed)", "DAE (best of grid)", "DAE_uai (paper)", "DAE_uai (adaptive)"),
)
OURS = "DAE_uai (adaptive)"
SECOND_MACHINE = Path("second_machine") / "runs.jsonl"
"""Beside the results file: runs of ``OURS`` on another processor, made with ``--results``."""

AAD = {
    "LODA-AAD": ("loda_aad", {}),
    "LODA-AAD (raw)": ("loda_aad", {"scale": False}),
    "Tree-AAD": ("tree_aad", {}),
}
"""Base and options of the learners that are no networks."""

PAPER_NAME = {
    "LODA-AAD (raw)": "LODA-AAD",
    "DAE (fixed)": "DAE",
    "DAE (best of grid)": "DAE",
    "DAE_uai (paper)": "DAE_uai",
    "DAE_uai (adaptive)": "DAE_uai",
}
"""Their names in the paper."""


def k_of(n_anomalies: int) -> int:
    """Items asked at a time: 10, or 3 below 100 anomalies (App. A.3)."""
    return 3 if n_anomalies < 100 else 10


def runs(choice: Choice) -> list[Unit]:
    """All units of the table, short ones first."""
    methods = choice.methods_of(METHODS)
    found: list[Unit] = []
    for dataset in sorted(choice.datasets_of(TABLE1_SETS), key=ORDER.index):
        n = ENTRIES[dataset].n_anomalies
        for method in methods:
            found += _units(method, dataset, n, choice)
    return found


def _units(method: str, dataset: str, n: int, choice: Choice) -> list[Unit]:
    k, budget = k_of(n), choice.budget or n
    seeds = range(choice.seeds or SEEDS)
    few = range(choice.seeds or LONG.get(dataset, SEEDS))
    if method == "DAE_uai (adaptive)":
        return [Run(dataset, "dae", seed, budget, k) for seed in few]
    if method == "DAE_uai (paper)":
        b = choice.budget or min(budget, PAPER_BUDGET.get(dataset, budget))
        return [Run(dataset, "dae", seed, b, k, "paper") for seed in few]
    if method == "DAE (fixed)":
        return [Run(dataset, "dae", seed, budget, k, active=False) for seed in seeds]
    if method == "DAE (best of grid)":
        return [Run(dataset, "dae", seed, budget, k, config=c, active=False) for c in GRID for seed in seeds]
    if method in AAD:
        base, own = AAD[method]
        options = tuple({**own, **MEMORY.get(dataset, {})}.items())
        return [Run(dataset, base, seed, budget, k, "uai", options=options) for seed in few]
    return [ZongUnit(dataset, "DAGMM", 0.0 if method == "DAGMM (clean)" else None, seed) for seed in seeds]


def show(results: Sequence[Result], folder: Path) -> str:
    """Markdown of the table, ours beside the paper's; writes table1.csv."""
    cells = {(dataset, method): _cell(results, dataset, method) for dataset in TABLE1_SETS for method in METHODS}
    rows = [[dataset, *(cells[dataset, method] for method in METHODS)] for dataset in TABLE1_SETS]
    flat = [[dataset, method, *cell.row()] for (dataset, method), cell in cells.items()]
    write_csv(folder / "table1.csv", ["dataset", "method", *Cell.HEAD], flat)
    lines = _remarks(cells) + _once_more(cells, read_results(folder / SECOND_MACHINE))
    listed = "".join(f"- {line}\n" for line in lines)
    return markdown(["F1, mean ± sd (paper, difference)", *METHODS], rows) + f"\n{listed}"


def _cell(results: Sequence[Result], dataset: str, method: str) -> Cell:
    n = ENTRIES[dataset].n_anomalies
    paper = TABLE1[PAPER_NAME.get(method, method)][TABLE1_SETS.index(dataset)]
    if method == "DAE (best of grid)":
        tried = [_mean(_dae(results, dataset, n, config), paper) for config in ({}, *map(settings_of, GRID))]
        return max(tried, key=lambda cell: cell.mean) if all(cell.values for cell in tried) else Cell((), paper)
    shorter = method == "DAE_uai (paper)" and dataset in PAPER_BUDGET
    return _mean(results_of(results, dataset, method, n), paper, PAPER_BUDGET[dataset] if shorter else None)


def results_of(results: Sequence[Result], dataset: str, method: str, n: int) -> list[Result]:
    """The results of a method of this table on a data set with ``n`` anomalies, in the order of their seeds."""
    if method.startswith("DAGMM"):
        share = 0.0 if method == "DAGMM (clean)" else None
        return by_seed(results, method="DAGMM", dataset=dataset, query="zong", config={"contamination": share})
    if method == "DAE (fixed)":
        return _dae(results, dataset, n, {})
    name, query = ("DAE_uai", method[9:-1]) if method.startswith("DAE_uai") else (PAPER_NAME.get(method, method), "uai")
    config = {**AAD[method][1], **MEMORY.get(dataset, {})} if method in AAD else {}
    budget = PAPER_BUDGET.get(dataset, n) if query == "paper" else n
    return by_seed(results, method=name, dataset=dataset, query=query, budget=budget, k=k_of(n), config=config)


def _dae(results: Sequence[Result], dataset: str, n: int, config: dict[str, Any]) -> list[Result]:
    return by_seed(results, method="DAE", dataset=dataset, query="base", budget=n, k=k_of(n), config=config)


def _mean(results: Sequence[Result], paper: float, budget: int | None = None) -> Cell:
    """Mean F1; with a ``budget`` smaller than the paper's the precision, which nothing of the paper stands beside."""
    seeds = "" if len(results) in (0, SEEDS) else f" [{len(results)} seed{'s' * (len(results) > 1)}]"
    if budget is not None:
        return Cell(tuple(r.precision for r in results), None, f" precision at b = {budget:,}{seeds}")
    return Cell(tuple(r.f1 for r in results), paper, seeds)


def _remarks(cells: dict[tuple[str, str], Cell]) -> list[str]:
    lines = [
        "Precision = found / budget, recall = found / anomalies; budget = number of anomalies, so F1 equals both. "
        f"Means over {SEEDS} seeds where no other number stands in brackets; k = 10, or 3 below 100 anomalies. "
        "The paper gives one DAE and one DAE_uai: its number stands beside both of ours.",
        "DAGMM follows Zong's protocol (half of the data for training, the other half ranked, a fixed share flagged; "
        "clean: no anomaly in training): its F1 is not comparable with those of a budget. On the seven sets that Zong "
        f"lacks, our settings: {_of_zong(OTHER)}, {STEPS:,} steps, and the share flagged is that of the anomalies. On "
        "all sets the reconstruction error is a mean over features, where Zong writes the sum (see Table 3).",
        "DAE (best of grid): the best mean of six configurations, chosen by the truth as in App. A.3, which nobody "
        f"without the truth could do: the fixed one ({_of_dae(TrainConfig().to_dict())}) and, with one thing changed "
        f"in each, {'; '.join(_of_dae(settings_of(config)) for config in GRID)}. The authors' grid is not given.",
        f"KDDCUP: DAE_uai (paper) is run up to b = {PAPER_BUDGET['kddcup']:,}, for the time it takes; its cell is the "
        "precision there.",
        "LODA-AAD on features scaled to [0, 1], as the networks, and on raw ones: the paper does not say which, and "
        "has one number for both.",
        "KDDCUP and KDDCUP-Rev: LODA-AAD and Tree-AAD keep the newest 1,000 labels. App. B.2 limits LODA-AAD on both "
        "and Tree-AAD on KDDCUP, and does not say to how many. On KDDCUP-Rev LODA-AAD finds the other attacks and "
        "hardly any smurf, seven in ten of all: so many and so alike that by its histograms they are the most usual "
        'items. The authors\' limit, of the "memory about the anomalies", may be another, but on a part of the set '
        "keeping as many labels of either kind, or even all, finds only some: see `tests/benchmarks/loda_memory.py`.",
        "Credit Card: a copy whose values are quantised and whose Time is partly interpolated. KDDCUP-Rev: the "
        "authors' draw is not known. CTG: 21 features, the paper says 22.",
    ]
    return lines + _verdict(cells)


def _once_more(cells: dict[tuple[str, str], Cell], results: Sequence[Result]) -> list[str]:
    """The same seeds on a processor that rounds differently: how far the table depends on the machine."""
    pairs = {d: (cells[d, OURS], again) for d in TABLE1_SETS if (again := _cell(results, d, OURS)).values}
    if not pairs:
        return []
    differ = [f"{dataset} {once.mean:.2f}, {again}" for dataset, (once, again) in pairs.items()]
    both = {d: Cell(once.values + again.values, once.paper) for d, (once, again) in pairs.items()}
    short = _below(both)
    return [
        "Another processor rounds differently, and after thousands of steps the same seed has another model: it is "
        f"one more draw. {OURS} above, and run again on a second machine (`{SECOND_MACHINE.as_posix()}`): "
        f"{'; '.join(differ)}. Both together against the rule of the line before: "
        f"{short or 'reached on every set that was run twice'}."
    ]


def _of_zong(setting: Setting) -> str:
    """Settings of a network in words."""
    layers = "-".join(map(str, ("d", *setting.hidden)))
    return f"layers {layers}, {setting.components} components, batches of {setting.batch:,}"


def _of_dae(settings: dict[str, Any]) -> str:
    """Those settings of a DAE that the grid varies, in words."""
    names = {"hidden": "layers", "noise": "noise", "pretrain_steps": "steps"}
    return ", ".join(f"{word} {settings[name]}" for name, word in names.items() if name in settings)


def _below(cells: dict[str, Cell]) -> str:
    """The sets that fall short of the paper, in words; empty if none does."""
    short = [f"{dataset} ({cell.difference:+.2f})" for dataset, cell in cells.items() if cell.falls_short()]
    return f"below on {', '.join(short)}" if short else ""


def _verdict(cells: dict[tuple[str, str], Cell]) -> list[str]:
    """Where DAE_uai (adaptive) is below the paper's by more than the larger of .03 and two standard errors."""
    ours = {dataset: cells[dataset, OURS] for dataset in TABLE1_SETS}
    exact = _below({dataset: cell for dataset, cell in ours.items() if dataset not in INEXACT})
    other = _below({dataset: cell for dataset, cell in ours.items() if dataset in INEXACT})
    missing = [dataset for dataset, cell in ours.items() if not cell.values]
    reached = "reached on every set that was run"
    said = [
        f"{OURS} against the paper's DAE_uai minus the larger of .03 and two standard errors, where the "
        f"data are exactly the paper's: {exact or reached}. "
        f"Where they are not: {other or reached}."
    ]
    return said + ([f"Not run to the end yet: {', '.join(missing)}."] if missing else [])
