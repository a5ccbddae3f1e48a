"""Figure 2: the same data, two answers, and how a model's capacity picks one of them (Section 2.1)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..theory import Undecidable, undecidable
from ..views import style
from .plots import Curve, Figure, Panel, Points, save
from .results import Result

COMPONENTS = (1, 2, 3, 4, 8, 16)  # of a Gaussian mixture: its capacity
SEEDS = 5
_BANDWIDTH = 0.3  # of the kernel density, about half the spread of a wide cluster
_COLOURS = {
    "anomalies, or flagged": "#D55E00",
    "class 1": "#0072B2",
    "class 2": "#009E73",
    "class 3": "#CC79A7",
}


class Found(NamedTuple):
    """Of as many items as a group has: how many of the top ones are in it, (clustered, scattered)."""

    clustered: int
    scattered: int


def gaussian_mixture_score(x: npt.NDArray[np.float64], components: int) -> npt.NDArray[np.float64]:
    """-log p(x) under a mixture of so many Gaussians, fitted to the same x: float64 (n,). Higher: more anomalous."""
    from sklearn.mixture import GaussianMixture

    model = GaussianMixture(components, reg_covar=1e-3, random_state=0).fit(x)
    return -np.asarray(model.score_samples(x), np.float64)


def kernel_score(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """-log p(x) under a density with a bump at each item, the largest capacity: float64 (n,)."""
    from sklearn.neighbors import KernelDensity

    return -np.asarray(KernelDensity(bandwidth=_BANDWIDTH).fit(x).score_samples(x), np.float64)


def top(data: Undecidable, score: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """The items with the highest scores, as many as each group has: bool (n,)."""
    flagged = np.zeros(len(score), bool)
    flagged[np.argsort(-score, kind="stable")[: data.clustered.sum()]] = True
    return flagged


def found(data: Undecidable, score: npt.NDArray[np.float64]) -> Found:
    """What the top items would have found under either answer.

    Examples
    --------
    >>> data = undecidable(1000)
    >>> found(data, gaussian_mixture_score(data.x, 1))
    Found(clustered=50, scattered=0)
    >>> found(data, kernel_score(data.x))
    Found(clustered=0, scattered=50)
    """
    flagged = top(data, score)
    return Found(int((flagged & data.clustered).sum()), int((flagged & data.scattered).sum()))


def by_capacity(seeds: int = SEEDS) -> dict[str, list[Found]]:
    """What each model finds, per seed of the data: by number of components, and "kernel density"."""
    data = [undecidable(seed=seed) for seed in range(seeds)]
    results = {str(k): [found(d, gaussian_mixture_score(d.x, k)) for d in data] for k in COMPONENTS}
    return results | {"kernel density": [found(d, kernel_score(d.x)) for d in data]}


def figure(results: dict[str, list[Found]]) -> Figure:
    """The three panels of the paper, what a low and a high capacity flag, and all capacities between them."""
    data = undecidable()
    low, high = top(data, gaussian_mixture_score(data.x, 1)), top(data, kernel_score(data.x))
    raw = [_cloud(f"class {c + 1}", data, data.x_y == c) for c in range(3)]
    panels = [
        _panel("Left: raw data, three classes", raw),
        _panel("Center: possible clustered anomalies", _split(data, data.clustered)),
        _panel("Right: possible low-density anomalies", _split(data, data.scattered)),
        _panel("Low capacity (one Gaussian) flags ...", _split(data, low)),
        _panel("High capacity (kernel density) flags ...", _split(data, high)),
        _capacity_panel(results),
    ]
    return Figure(
        "Figure 2: undecidable without a prior, or an expert",
        panels,
        columns=3,
        caption=f"{len(data.x):,} items, {data.clustered.sum()} in each of the two groups that may be the anomalies. A "
        f"model flags as many items as a group has, those with the least density. Last panel: median over "
        f"{len(next(iter(results.values())))} draws of the data; the band goes from the smallest to the largest.",
    )


def _capacity_panel(results: dict[str, list[Found]]) -> Panel:
    curves = []
    for name, column, colour in (("clustered found", 0, "#E69F00"), ("scattered found", 1, "#56B4E9")):
        values = np.array([[run[column] for run in results[str(k)]] for k in COMPONENTS], np.float64)
        curves.append(Curve(name, COMPONENTS, np.median(values, 1), values.min(1), values.max(1), color=colour))
    return Panel("... depending on its capacity", "components of a Gaussian mixture", "items found", curves)


def _panel(title: str, points: list[Points]) -> Panel:
    return Panel(title, "feature 1", "feature 2", points=points)


def _split(data: Undecidable, flagged: npt.NDArray[np.bool_]) -> list[Points]:
    return [_cloud("other items", data, ~flagged), _cloud("anomalies, or flagged", data, flagged)]


def _cloud(name: str, data: Undecidable, items: npt.NDArray[np.bool_]) -> Points:
    x = data.x[items]
    return Points(name, x[:, 0], x[:, 1], color=_COLOURS.get(name, style.UNLABELED), size=5)


def report(results: dict[str, list[Found]]) -> str:
    """The numbers as Markdown."""
    group = int(undecidable().clustered.sum())
    lines = [
        "# Figure 2: one data set, two answers",
        "",
        "![Figure 2](figure2.png)",
        "",
        "The paper describes its data (three classes, four visible clusters, scattered points) and gives no recipe; "
        f"ours is `uai_notebook.theory.undecidable`. Each of two groups of {group} items may be the anomalies: a dense "
        f"cluster, or scattered points. A model flags the {group} items with the least density. How many of each group "
        f"are among them, median (smallest to largest) over {len(next(iter(results.values())))} draws of the data:",
        "",
        "| model | clustered found | scattered found |",
        "|---|---:|---:|",
    ]
    for name, runs in results.items():
        model = name if not name.isdigit() else f"Gaussian mixture, {name} component{'s' * (name != '1')}"
        cells = [f"{np.median(v):g} ({min(v)} to {max(v)})" for v in zip(*runs, strict=True)]
        lines.append(f"| {model} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def show(results: Sequence[Result], folder: Path, html: bool = True) -> str:
    """Draw ``figure2`` into the folder; returns the numbers as Markdown. Needs none of the results."""
    found_by = by_capacity()
    save(figure(found_by), Path(folder) / "figure2", html)
    return report(found_by)


def make(folder: Path, html: bool = True) -> list[Path]:
    """Write ``figure2`` as a page (if ``html``), a PNG and Markdown into the folder; give their paths."""
    folder = Path(folder)
    (folder / "figure2.md").write_text(show((), folder, html), encoding="utf-8")
    return sorted(folder.glob("figure2.*"))
