"""Figures 9 and 10: l(x) against s(x) as labels come in, with a latent of one dimension (Appendix C.1)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..training import TrainConfig
from .choice import Choice
from .frozen import probed
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


def runs(name: str, choice: Choice) -> list[Run]:
    """One seed per data set: the figure shows the first."""
    seeds = range(choice.seeds or 1)
    budget = choice.budget or BUDGET
    datasets = choice.datasets_of(DATASETS)
    return [Run(dataset, BASE[name], seed, budget, config=CONFIG) for seed in seeds for dataset in datasets]


def show(name: str, results: Sequence[Result], folder: Path) -> str:
    """Draw the figure; returns a table of how separable the plane is."""
    panels, rows = [], []
    for dataset in DATASETS:
        run = probed(results, dataset, METHOD[name], settings_of(CONFIG))
        if run is None:
            continue
        frames = {int(b): probe["latent"] for b, probe in run.extra["probes"].items()}
        panels += [_panel(dataset, b, frames[b]) for b in SHOWN if b in frames]
        for b, frame in frames.items():
            values = [frame[what].get(which) for what in ("ap", "auc") for which in ("base", "uai", "plane")]
            rows.append([dataset, f"{b:,}", *("" if value is None else f"{value:.3f}" for value in values)])
    if not panels:
        return "Nothing has been run yet.\n"
    caption = "2,000 items drawn at random, anomalies on top. The axes of one row differ: the network moves both."
    title = f"{name.replace('figure', 'Figure ')}: {METHOD[name]}, l(x) against s(x) as labels come in"
    save(Figure(title, panels, columns=len(SHOWN), caption=caption), folder / name)
    head = [
        "data set",
        "labels b",
        "AP of s",
        "AP of s_uai",
        "AP of [l; s]",
        "AUC of s",
        "AUC of s_uai",
        "AUC of [l; s]",
    ]
    return f"![{title}]({name}.png)\n\n{caption}\n\n" + markdown(head, rows)


def _panel(dataset: str, b: int, frame: dict[str, list[float]]) -> Panel:
    l, s, anomalous = np.asarray(frame["l"]), np.asarray(frame["s"]), np.asarray(frame["y"]) == 1  # noqa: E741
    points = [
        Points("normal", l[~anomalous], s[~anomalous], opacity=0.4),
        Points("anomaly", l[anomalous], s[anomalous], opacity=0.8),
    ]
    return Panel(f"{dataset}, b = {b:,}", "latent l(x)", "score s(x)", points=points)
