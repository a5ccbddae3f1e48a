"""Does Class_uai's plane [l; s] separate with a latent of one dimension? Sizes of l, and settings that might help."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from ..training import TrainConfig
from .choice import Choice
from .results import Result
from .tables import markdown
from .units import BASES, Run

DATASET, BUDGET, SEEDS = "digits_0_2", 250, 5
SIZES = (1, 2, 4, 8)
ONE = TrainConfig(hidden=(256, 64, 1))

SETTINGS: dict[str, tuple[TrainConfig, str]] = {
    "lr .001": (replace(ONE, lr=0.001), "adaptive"),
    "uai_weight .1": (replace(ONE, uai_weight=0.1), "adaptive"),
    "500 steps per round": (replace(ONE, round_steps=500), "adaptive"),
    "hidden (256, 256, 1)": (replace(ONE, hidden=(256, 256, 1)), "adaptive"),
    "query paper": (ONE, "paper"),
    "query random": (ONE, "random"),
    "no gradient through l": (replace(ONE, through_latent=False), "adaptive"),
}
"""What is changed of a latent of one dimension."""


def runs(choice: Choice) -> list[Run]:
    """Each size of the latent by both base models, then each setting with one dimension."""
    choice.datasets_of([DATASET])
    seeds, budget = range(choice.seeds or SEEDS), choice.budget or BUDGET
    wanted = [(base, replace(ONE, hidden=(256, 64, size)), "adaptive") for size in SIZES for base in ("class", "dae")]
    wanted += [("class", config, query) for config, query in SETTINGS.values()]
    return [Run(DATASET, base, seed, budget, query=q, config=config) for base, config, q in wanted for seed in seeds]


def show(results: Sequence[Result], folder: Path) -> str:
    """Average precision of the plane before and after, by size and setting."""
    of = {result.key: result for result in results}
    groups: dict[tuple[str, str], list[Result]] = {}
    for run in runs(Choice()):
        if run.keys[-1] in of:
            groups.setdefault((BASES[run.base].active, _named(run)), []).append(of[run.keys[-1]])
    rows = []
    for (method, what), there in groups.items():
        first, last = ([_plane(result, b) for result in there] for b in (0, BUDGET))
        grown = sum(after > before for before, after in zip(first, last, strict=True))
        found = np.mean([result.found for result in there])
        means = [f"{np.mean(first):.3f}", f"{np.mean(last):.3f}"]
        rows.append([method, what, *means, f"{grown} of {len(there)}", f"{found:.0f} of {there[0].n_anomalies}"])
    if not rows:
        return "Nothing has been run yet.\n"
    head = ["model", "latent", "AP of [l; s], b = 0", f"b = {BUDGET}", "rises in", "found"]
    return (
        f"{DATASET}: cross-validated average precision of [l; s] against the truth of all items, mean over {SEEDS} "
        f"seeds, by size of the latent; then one dimension with one setting changed.\n\n{markdown(head, rows)}"
    )


def _named(run: Run) -> str:
    for name, changed in SETTINGS.items():
        if (run.config, run.query) == changed:
            return f"1, {name}"
    return str(run.config.hidden[-1])


def _plane(result: Result, b: int) -> float:
    return float(result.extra["probes"][str(b)]["latent"]["ap"]["plane"])
