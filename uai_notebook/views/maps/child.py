"""The other process of :mod:`uai_notebook.views.maps.process`: ``python -m uai_notebook.views.maps.child FOLDER``.

It reads ``input.npz``, writes ``output.npz`` beside it, and says how far it is, line by line: "STEP OF TEXT".
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

PART = 100  # steps of one part of the work: loading, fitting, placing one array
NEIGHBOURS = 15  # of umap-learn's own default
NICE = 10

Matrix = npt.NDArray[np.float32]


class Neighbours:
    """Exact nearest neighbours among the fitted items, as umap's search index answers.

    umap's own is compiled anew in each process, about 30 s of a core, and below 4,096 items it calls Python for each
    pair to place. Trees and matrix products need neither at this size.
    """

    _angular_trees = False  # umap asks for it

    def __init__(self, rows: Matrix) -> None:
        from sklearn.neighbors import NearestNeighbors

        self._search = NearestNeighbors(n_jobs=1).fit(rows)

    def query(self, rows: Matrix, k: int, epsilon: float = 0.0) -> tuple[npt.NDArray[np.int32], Matrix]:
        """Positions (m, k) and distances (m, k) of the k nearest of each row (m, d), the nearest first."""
        distance, position = self._search.kneighbors(rows, k)
        return position.astype(np.int32), distance.astype(np.float32)


class Epochs:
    """The file that umap's progress bar writes to: lines of our own come out of it."""

    encoding = "ascii"

    def __init__(self) -> None:
        self.before, self.of, self.text = 0, 0, ""

    def write(self, text: str) -> None:
        """Take "EPOCH EPOCHS" from the bar."""
        numbers = text.split()
        if len(numbers) == 2 and all(number.isdigit() for number in numbers) and int(numbers[1]):
            tell(self.before + PART * int(numbers[0]) // int(numbers[1]), self.of, self.text)

    def flush(self) -> None:
        """Nothing waits: each line is flushed."""


def tell(step: int, of: int, text: str) -> None:
    """One line for the parent."""
    sys.stdout.write(f"{step} {of} {text}\n")
    sys.stdout.flush()


def compute(fit: Matrix, places: list[Matrix], seed: int) -> list[Matrix]:
    """Coordinates (n, 2) of the fitted rows, then of each array that is placed among them: the rest of the round, and
    the other rounds."""
    if fit.shape[1] == 1:  # there are no two principal axes to start from; a column of zeros changes no distance
        fit, *places = (np.pad(rows, ((0, 0), (0, 1))) for rows in (fit, *places))
    of = PART * (2 + len(places))
    tell(0, of, "loading UMAP")
    import umap

    epochs = Epochs()
    epochs.of = of
    neighbours = Neighbours(fit)
    k = min(NEIGHBOURS, len(fit) - 1)
    model = umap.UMAP(
        n_neighbors=k,
        # Principal axes, not the spectral start: maps of one session are then turned alike, and it always converges.
        init="pca",
        precomputed_knn=(*neighbours.query(fit, k), neighbours),
        random_state=seed,  # also keeps umap to one thread, without which the map would not be the same again
        transform_seed=seed,
        n_jobs=1,
        tqdm_kwds={"file": epochs, "disable": False, "bar_format": "{n} {total} ", "mininterval": 0.2},
    )
    epochs.before, epochs.text = PART, "fitting"
    tell(PART, of, epochs.text)
    found = [model.fit_transform(fit)]
    for i, rows in enumerate(places):
        epochs.before = PART * (2 + i)
        # The first is the rest of the round that was fitted.
        epochs.text = f"placing round {i} of {len(places) - 1}" if i else "placing the rest"
        if len(rows):
            tell(epochs.before, of, epochs.text)
            found.append(model.transform(rows))
        else:
            found.append(np.empty((0, 2), np.float32))
    tell(of, of, "done")
    return found


def main(folder: Path) -> None:
    """Read, compute, write."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # interrupting a cell reaches all processes of a kernel
    if hasattr(os, "nice"):
        os.nice(NICE)
    with np.load(folder / "input.npz", allow_pickle=False) as file:
        arrays: dict[str, Any] = {name: file[name] for name in file.files}
    places = [arrays[f"place_{i}"] for i in range(len(arrays) - 2)]
    try:
        found = compute(arrays["fit"], places, int(arrays["seed"]))
        np.savez(folder / "output.npz", **{f"part_{i}": part for i, part in enumerate(found)})  # type: ignore[arg-type]
    except BrokenPipeError:  # the parent is gone, and nobody else would take the folder away
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
