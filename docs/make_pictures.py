"""Draw Figures 9, 10 and 11 of the paper, animated, into ``docs/img``: ``make pictures``.

They are drawn from committed results alone: from the points that runs of Figures 9 and 10 left at some budgets, and
from the curves that runs of Figure 11 left. ``python -m uai_notebook.experiments figure9`` (or figure10, figure11)
recomputes those. Another file of runs may be named: ``python docs/make_pictures.py runs.jsonl``. The background is
light on purpose: a picture in a page cannot know whether the page is dark.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from uai_notebook import views
from uai_notebook.experiments import frozen, latents
from uai_notebook.experiments.results import Result, committed, read_results
from uai_notebook.experiments.units import settings_of
from uai_notebook.snapshot import Frame

WIDTH = 480  # pixels of a GIF
SECONDS = 1.2
NAMES = {
    "mnist_0_2": "MNIST 0-2",
    "mnist_hard": "MNIST hard",
    "kddcup": "KDDCUP",
    "kddcup_rev": "KDDCUP-Rev",
    "thyroid": "Thyroid",
    "arrhythmia": "Arrhythmia",
}


def main(results: Sequence[Result], folder: Path) -> list[str]:
    """Draw what there are results for; returns a line per picture, and one per picture that is missing."""
    folder.mkdir(parents=True, exist_ok=True)
    said = []
    for figure in latents.METHOD:
        for dataset in latents.DATASETS:
            said += draw_latents(results, figure, dataset, folder)
    for dataset in frozen.BUDGETS:
        said += draw_choices(results, dataset, folder)
    return said


def draw_latents(results: Sequence[Result], figure: str, dataset: str, folder: Path) -> list[str]:
    """l against s of one data set: a GIF of all budgets, and a strip of those that the paper shows."""
    method = latents.METHOD[figure]
    run = frozen.probed(results, dataset, method, settings_of(latents.CONFIG))
    if run is None:
        return [f"missing: {figure} of {dataset}: python -m uai_notebook.experiments {figure}"]
    frames, truth = frames_of(run)
    fig = views.evolution(frames, truth=truth, color="truth", rescale=True, height=500)
    fig.update_layout(title_text=f"{figure.replace('figure', 'Figure ')}: {method} on {NAMES[dataset]}")
    stem = f"{figure}_{dataset}"
    shown = [i for i, frame in enumerate(frames) if frame.n_labels in latents.SHOWN]
    made = [
        views.save(fig, folder / f"{stem}.gif", seconds=SECONDS, width=WIDTH),
        views.save(fig, folder / f"{stem}.png", frames=shown, width=300, scale=1.5),
    ]
    return [told(path) for path in made]


def frames_of(run: Result) -> tuple[list[Frame], np.ndarray]:
    """The points that a run left at its budgets as frames, and which of them are anomalies."""
    points = {int(b): probe["latent"] for b, probe in run.extra["probes"].items()}
    truth = np.asarray(next(iter(points.values()))["y"])
    frames = [
        Frame(
            round=-(-b // run.k),
            index=np.arange(len(truth)),
            base_score=np.asarray(point["s"], np.float32),
            latent=np.asarray(point["l"], np.float16)[:, None],
            uai_logit=None,
            n_labels=b,
        )
        for b, point in sorted(points.items())
    ]
    return frames, truth


def draw_choices(results: Sequence[Result], dataset: str, folder: Path) -> list[str]:
    """The choices of one data set as a GIF; the axis goes to three times the anomalies."""
    run = frozen.probed(results, dataset)
    if run is None:
        return [f"missing: figure11 of {dataset}: python -m uai_notebook.experiments figure11"]
    largest = frozen.BUDGETS[dataset]
    curves = {int(b): probe["frozen"] for b, probe in run.extra["probes"].items() if int(b) <= largest}
    reach = max(3 * run.n_anomalies, *(curve["asked"] for curve in curves.values()))
    reach = min(reach, max(curve["all_found_at"] for curve in curves.values()))
    title = f"Figure 11: choices of {run.method} on {NAMES[dataset]}"
    fig = views.choices(curves, title=title, reach=reach, height=440)
    return [told(views.save(fig, folder / f"figure11_{dataset}.gif", seconds=SECONDS, width=WIDTH))]


def told(path: Path) -> str:
    """Name and size of a picture."""
    return f"{path.name}: {path.stat().st_size / 1000:.0f} kB"


if __name__ == "__main__":
    source = Path(sys.argv[1]) if len(sys.argv) > 1 else committed()
    print("\n".join(main(read_results(source), Path(__file__).parent / "img")))
