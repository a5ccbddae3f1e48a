"""Figures 9 and 10: l(x) against s(x) as labels come in, with a latent of one dimension (Appendix C.1)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..labels import Label
from ..training import TrainConfig
from ..views import style
from .choice import Choice
from .frozen import probed_runs
from .plots import Figure, Panel, Points, save
from .results import Result
from .tables import markdown
from .units import Run, settings_of

CONFIG = TrainConfig(hidden=(256, 64, 1))
BUDGET = 2000
DATASETS = ("mnist_0_2", "mnist_hard")
BASE = {"figure9": "dae", "figure10": "class"}
METHOD = {"figure9": "DAE_uai", "figure10": "Class_uai"}
SHOWN = (0, 250, 2000)
SEEDS = 3
RANKINGS = ("s", "s_uai", "[l; s]")


def runs(name: str, choice: Choice) -> list[Run]:
    """Three seeds per data set: the figure shows the first, the table all; and one with the usual eight dimensions."""
    seeds = range(choice.seeds or SEEDS)
    budget = choice.budget or BUDGET
    datasets = choice.datasets_of(DATASETS)
    flat = [Run(dataset, BASE[name], seed, budget, config=CONFIG) for seed in seeds for dataset in datasets]
    return flat + [Run(dataset, BASE[name], 0, budget) for dataset in datasets]


def show(name: str, results: Sequence[Result], folder: Path) -> str:
    """Draw the figure; returns a table of how separable the plane is, and whether it became more so."""
    method, panels, rows, claims = METHOD[name], [], [], []
    for dataset in DATASETS:
        found = probed_runs(results, dataset, method, settings_of(CONFIG))
        if not found:
            continue
        frames = [_frames(run) for run in found]
        panels += [_panel(dataset, b, frames[0][b]) for b in SHOWN if b in frames[0]]
        rows += [_row(dataset, b, [f[b] for f in frames]) for b in frames[0]]
        claims.append(_claim(dataset, frames))
        wide = [_frames(run) for run in probed_runs(results, dataset, method, {})]
        if wide:
            rows += [_row(f"{dataset}, l of 8 dimensions", b, [f[b] for f in wide]) for b in wide[0]]
            claims.append(_claim(f"{dataset}, l of 8 dimensions", wide))
    if not panels:
        return "Nothing has been run yet.\n"
    caption = "2,000 items drawn at random, anomalies on top. The axes of one row differ: the network moves both."
    title = f"{name.replace('figure', 'Figure ')}: {method}, l(x) against s(x) as labels come in"
    save(Figure(title, panels, columns=len(SHOWN), caption=caption), folder / name)
    head = ["data set", "labels b", *(f"{what} of {which}" for what in ("AP", "AUC") for which in RANKINGS)]
    note = (
        "Against the truth of all items: mean over seeds, and in brackets each seed of [l; s]. [l; s]: each item is "
        "scored by a class-balanced logistic regression on standardised l and s that was fitted on the other four "
        "fifths, so it is 1 where the plane is linearly separable."
    )
    listed = "".join(f"- {claim}\n" for claim in claims)
    return f"![{title}]({name}.png)\n\n{caption}\n\n" + markdown(head, rows) + f"\n{note}\n\n{listed}"


def _frames(run: Result) -> dict[int, dict[str, Any]]:
    return {int(b): probe["latent"] for b, probe in run.extra["probes"].items() if "latent" in probe}


def _row(dataset: str, b: int, frames: Sequence[dict[str, Any]]) -> list[str]:
    """One budget: the mean of each number over seeds, and the seeds of the plane."""
    cells = []
    for what in ("ap", "auc"):
        for which in ("base", "uai", "plane"):
            values = [f[what][which] for f in frames if which in f[what]]
            seeds = f" ({', '.join(f'{v:.3f}' for v in values)})" if which == "plane" and len(values) > 1 else ""
            cells.append(f"{np.mean(values):.3f}{seeds}" if values else "")
    return [dataset, f"{b:,}", *cells]


def _claim(dataset: str, frames: Sequence[dict[int, dict[str, Any]]]) -> str:
    """The paper's claim (App. C.1), that anomalies become almost perfectly linearly separable, in numbers."""
    last = max(frames[0])
    first, end = ([f[b]["ap"]["plane"] for f in frames] for b in (0, last))
    grown = sum(after > before for before, after in zip(first, end, strict=True))
    return (
        f"{dataset}: average precision of [l; s] at b = {last:,} is above that at b = 0 in {grown} of {len(frames)} "
        f"runs ({np.mean(first):.3f} to {np.mean(end):.3f}); to perfect linear separability "
        f"{1 - np.mean(end):.3f} are missing."
    )


def _panel(dataset: str, b: int, frame: dict[str, Any]) -> Panel:
    l, s, anomalous = np.asarray(frame["l"]), np.asarray(frame["s"]), np.asarray(frame["y"]) == 1  # noqa: E741
    normal, anomaly = style.MARKS[Label.NORMAL], style.MARKS[Label.ANOMALY]
    points = [
        Points("normal", l[~anomalous], s[~anomalous], normal.colour, opacity=0.35),
        Points("anomaly", l[anomalous], s[anomalous], anomaly.colour, opacity=0.9, symbol=anomaly.symbol),
    ]
    return Panel(f"{dataset}, b = {b:,}", "latent l(x)", "score s(x)", points=points)
