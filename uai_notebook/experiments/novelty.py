"""Figure 4: known and new kinds of anomalies in new data, as labels come in on the training set (Section 4.3)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..training import TrainConfig
from .choice import Choice
from .frozen import probed
from .plots import Curve, Figure, Panel, save
from .results import Result
from .tables import markdown
from .units import Run, Unit, settings_of
from .zong import SETTINGS

DATASET = "kddcup_rev"
N = 24_319
MEMORY = 1000
DAGMM = TrainConfig(
    hidden=SETTINGS[DATASET].hidden,
    optimizer="adam",
    lr=1e-4,
    batch_size=SETTINGS[DATASET].batch,
    pretrain_steps=20_000,
)
"""Net, Adam and batches of Zong; about as many steps as their 400 epochs of half of the data."""

METHODS = ("DAGMM", "DAE", "LODA-AAD", "DAE_uai")
PANELS = {"seen": "seen kinds of anomalies", "unseen": "new (unseen) kinds of anomalies"}


def runs(choice: Choice) -> list[Unit]:
    """Runs over the whole budget of KDDCUP-Rev: those of Table 1, and DAGMM."""
    choice.datasets_of((DATASET,))
    methods, budget = choice.methods_of(METHODS), choice.budget or N
    found: list[Unit] = []
    for seed in range(choice.seeds or 1):
        if "DAGMM" in methods:
            found.append(Run(DATASET, "dagmm", seed, budget, config=DAGMM, active=False))
        if "LODA-AAD" in methods:
            found.append(Run(DATASET, "loda_aad", seed, budget, query="uai", options=(("memory", MEMORY),)))
        if {"DAE", "DAE_uai"} & set(methods):
            found.append(Run(DATASET, "dae", seed, budget))
    return found


def show(results: Sequence[Result], folder: Path) -> str:
    """Draw the figure; returns a table of the recalls."""
    recalls = {name: by_budget for name in METHODS if (by_budget := _recalls(results, name))}
    if not recalls:
        return "Nothing has been run yet.\n"
    last = max(b for by_budget in recalls.values() for b in by_budget)
    panels = [
        Panel(
            title,
            "budget b on the training set",
            "recall at 7,315 on the test set",
            [*_curves(recalls, kind, last), *_found(results, last)],
            right_label="anomalies found in training",
            y_range=(0.0, 1.0),
        )
        for kind, title in PANELS.items()
    ]
    caption = (
        "Our test set: the 60,593 normal connections and attacks drawn to the paper's counts, 3,817 of seen and 3,498 "
        "of unseen types. Dashed: no label seen; DAGMM has Zong's net and learns from all of the training set, attacks "
        "included. Dotted: found in training, right axis."
    )
    save(
        Figure("Figure 4: new data with new kinds of anomalies", panels, columns=2, caption=caption), folder / "figure4"
    )
    rows = [
        [name, f"{b:,}", *(f"{recall[kind]:.3f}" for kind in PANELS)]
        for name, by_budget in recalls.items()
        for b, recall in by_budget.items()
    ]
    return f"![Figure 4](figure4.png)\n\n{caption}\n\n" + markdown(
        ["method", "labels b", "recall, seen", "recall, unseen"], rows
    )


def _recalls(results: Sequence[Result], name: str) -> dict[int, dict[str, float]]:
    """Recall of each kind by budget; of what learns nothing from labels at b = 0 alone."""
    run = _run_of(results, name)
    if run is None:
        return {}
    found = {int(b): p["test"] for b, p in run.extra["probes"].items() if "test" in p}
    return {0: found[0]} if name in ("DAE", "DAGMM") else found


def _run_of(results: Sequence[Result], name: str) -> Result | None:
    """The run that has the numbers of a method: of the DAE that with labels, which begins without."""
    source = {"DAE": "DAE_uai", "DAGMM": "DAGMM (ranked)"}.get(name, name)
    config = {"DAGMM": settings_of(DAGMM), "LODA-AAD": {"memory": MEMORY}}.get(name)
    return probed(results, DATASET, source, config)


def _curves(recalls: dict[str, dict[int, dict[str, float]]], kind: str, last: int) -> list[Curve]:
    curves = []
    for name, by_budget in recalls.items():
        points = {b: recall[kind] for b, recall in by_budget.items()}
        if len(points) == 1:
            points = {0: points[0], last: points[0]}
        curves.append(Curve(name, list(points), list(points.values()), dash=name in ("DAE", "DAGMM")))
    return curves


def _found(results: Sequence[Result], last: int) -> list[Curve]:
    curves = []
    for name in ("LODA-AAD", "DAE_uai"):
        run = _run_of(results, name)
        if run is not None:
            b = [min(run.k * (i + 1), run.budget) for i in range(len(run.curve))]
            curves.append(Curve(f"{name}, found in training", b, run.curve, right_axis=True))
    return curves
