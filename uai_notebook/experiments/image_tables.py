"""Tables 2 and 4: the variants of MNIST and Fashion-MNIST in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..datasets import load_dataset
from .choice import Choice
from .paper import TABLE2, TABLE4
from .results import Result
from .tables import markdown, write_csv
from .units import Unit

TABLES = {"table2": TABLE2, "table4": TABLE4}


def runs(choice: Choice) -> list[Unit]:
    """Nothing is run: the table is made of the data. ValueError if a part of it is asked for."""
    if choice != Choice():
        raise ValueError("nothing is run here: --datasets, --methods, --seeds and --budget have no use.")
    return []


def show(name: str, results: Sequence[Result], folder: Path) -> str:
    """Markdown: what ``load_dataset`` gives, beside the paper's numbers; writes a CSV file."""
    rows, flat = [], []
    for dataset, paper in TABLES[name].items():
        ds = load_dataset(dataset, quiet=True)
        assert ds.y is not None
        ours = (ds.n_features, ds.n_classes, len(ds), int(ds.y.sum()))
        rows.append([dataset, *(_cell(*pair) for pair in zip(ours, paper, strict=True)), f"{ds.y.mean():.1%}"])
        flat.append([dataset, *ours, *paper, *(a - b for a, b in zip(ours, paper, strict=True))])
    names = ["dimensions", "classes", "instances", "anomalies"]
    write_csv(
        folder / f"{name}.csv",
        ["dataset", *names, *(f"{what}_{n}" for what in ("paper", "difference") for n in names)],
        flat,
    )
    text = markdown(["ours (paper's, where it differs)", *names, "anomaly ratio"], rows)
    return text + (
        "\n- _0 and _0-2: the paper's counts are one random draw per item, ours exactly a tenth of each class.\n"
        "- _hard: the paper's weak classifier is not described; ours is one recipe for both data sets.\n"
    )


def _cell(ours: int, paper: int) -> str:
    return f"{ours:,}" if ours == paper else f"{ours:,} ({paper:,})"
