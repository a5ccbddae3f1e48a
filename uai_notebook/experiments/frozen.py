"""Figure 11: the choices a model makes when it is fed labels only until a budget, and ranks the rest untrained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .choice import Choice
from .plots import Curve, Figure, Panel, save
from .results import Result
from .tables import markdown
from .units import BASES, Run

BUDGETS = {"kddcup": 3_000, "thyroid": 531, "kddcup_rev": 4_000, "arrhythmia": 60}
"""The largest budget shown: the paper's; of Arrhythmia it gives none."""

SHOWN = {
    "kddcup": (0, 300, 1_000, 3_000),
    "thyroid": (0, 51, 150, 531),
    "kddcup_rev": (0, 250, 1_000, 4_000),
    "arrhythmia": (0, 10, 20, 60),
}
"""Budgets whose curves are drawn; the table has all that were probed."""

LINES = (("no label: DAE", "#999999"), ("few labels", "#56B4E9"), ("more", "#0072B2"), ("most", "#08306b"))
"""Names and colours of the curves of a panel, by the place of their budget in SHOWN."""

K = {"thyroid": 3, "arrhythmia": 3}
METHODS = BASES["dae"]
"""One run has both: the base model alone is the network without labels."""


def runs(choice: Choice) -> list[Run]:
    """One run per data set. Of a longer one that was made for a table, the probes are used as well: see ``show``."""
    choice.methods_of(METHODS)
    names = sorted(choice.datasets_of(BUDGETS), key=lambda name: BUDGETS[name])
    seeds = range(choice.seeds or 1)
    return [Run(name, "dae", s, choice.budget or BUDGETS[name], K.get(name, 10)) for name in names for s in seeds]


def show(results: Sequence[Result], folder: Path) -> str:
    """Draw the figure; returns a table: found within as many items as there are anomalies, by labels given."""
    panels, rows = [], []
    for dataset, largest in BUDGETS.items():
        run = probed(results, dataset)
        if run is None:
            continue
        frozen = {int(b): p["frozen"] for b, p in run.extra["probes"].items() if int(b) <= largest}
        asked = [frozen[b]["asked"] for b in SHOWN[dataset] if b in frozen]  # a whole number of rounds
        title = f"{dataset}: b = {', '.join(f'{b:,}' for b in asked)}"
        panels.append(Panel(title, "items audited", "anomalies found", _curves(dataset, frozen)))
        for curve in frozen.values():
            points = zip(curve["b"], curve["found"], strict=True)
            at, found = max((point for point in points if point[0] <= run.n_anomalies), default=(0, 0))
            found_in = [f"{found:,} in {at:,}", f"{run.n_anomalies:,}"]
            rows.append([dataset, f"{curve['asked']:,}", *found_in, f"{curve['all_found_at']:,}"])
    if not panels:
        return "Nothing has been run yet.\n"
    caption = (
        "Each line: a network that was fed labels up to a budget b (b = 0: the base model alone), its choices up to "
        "there and then its ranking with no further training. Lines stop where all anomalies have been found. "
        f"The largest budgets are the paper's; of Arrhythmia it gives none, ours is {BUDGETS['arrhythmia']}."
    )
    save(Figure("Figure 11: DAE_uai with a limited budget", panels, columns=2, caption=caption), folder / "figure11")
    head = ["data set", "labels b", "found in the first", "anomalies", "all found after"]
    return f"![Figure 11](figure11.png)\n\n{caption}\n\n" + markdown(head, rows)


def probed(
    results: Sequence[Result], dataset: str, method: str = "DAE_uai", config: Mapping[str, Any] | None = None
) -> Result | None:
    """The run of a method on a data set that was probed at the largest budget, seed 0 and rule adaptive first.

    ``config`` are its settings, by default those of the paper.
    """
    found = _with_probes(results, dataset, method, dict(config or {}))
    found.sort(key=lambda r: (max(map(int, r.extra["probes"])), r.query == "adaptive", -r.seed))
    return found[-1] if found else None


def probed_runs(results: Sequence[Result], dataset: str, method: str, config: Mapping[str, Any]) -> list[Result]:
    """All seeds of a method with given settings that were probed at the same, largest, budgets; lowest seed first."""
    found = _with_probes(results, dataset, method, dict(config))
    most = max((list(r.extra["probes"]) for r in found), key=len, default=[])
    return sorted((r for r in found if list(r.extra["probes"]) == most), key=lambda r: r.seed)


def _with_probes(results: Sequence[Result], dataset: str, method: str, config: dict[str, Any]) -> list[Result]:
    wanted = (dataset, method, config)
    return [r for r in results if (r.dataset, r.method, r.config) == wanted and "probes" in r.extra]


def _curves(dataset: str, frozen: dict[int, dict[str, list[int]]]) -> list[Curve]:
    return [
        Curve(name, [0, *frozen[b]["b"]], [0, *frozen[b]["found"]], dash=b == 0, color=color)
        for b, (name, color) in zip(SHOWN[dataset], LINES, strict=True)
        if b in frozen
    ]
