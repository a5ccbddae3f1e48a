"""What goes into a map: which items, and their rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from uai_notebook.datasets import Dataset
from uai_notebook.snapshot import FloatArray, Frame, IndexArray
from uai_notebook.thinning import thin_by_density
from uai_notebook.views.projection import LatentAxis

FEWEST = 10  # items: the neighbourhoods of fewer say nothing, our choice
MOST_PLACED = 100_000  # rows beside the fitted items, all rounds together: about half a minute of one core
MOST_VALUES = 10_000_000  # the same in numbers, for wide x


@dataclass(frozen=True, eq=False)
class Choice:
    """Which items a map is fitted on: at most ``limit``, and ``labeled`` first."""

    limit: int = 5000
    labeled: IndexArray = field(default_factory=lambda: np.empty(0, np.int64))
    seed: int = 0


@dataclass(frozen=True, eq=False)
class MapInput:
    """Rows for one UMAP.

    Attributes
    ----------
    index : int64 (t,)
        Items of the map, ascending.
    fit : int64 (k,)
        Positions in ``index`` of the items it is fitted on.
    places : list of int64 (m,)
        Positions in ``index`` of what is placed on it: the rest of the last round, then each earlier round.
    rows : list of float32
        (k, d) for ``fit``, then (m, d) for each of ``places``.
    what : str
        What is mapped, in words.
    n_items, n_bad : int
        Items of the last round, and how many of them are left out because something about them is not finite.
    """

    index: IndexArray
    fit: IndexArray
    places: list[IndexArray]
    rows: list[FloatArray]
    what: str
    n_items: int
    n_bad: int

    @property
    def note(self) -> str:
        """How many items are on the map, and why not all, in words."""
        words = f"{len(self.index):,} of {self.n_items:,} items on the map"
        if len(self.fit) < len(self.index):
            words += f", fitted on {len(self.fit):,} of them"
        return words + (f"; {self.n_bad:,} left out: their {self.what} is not finite" if self.n_bad else "")


def latent_input(frames: Sequence[Frame], choice: Choice) -> MapInput:
    """Fit on the latents of the last frame, place those of the others.

    Raises
    ------
    ValueError
        A last frame without latents, frames whose latents differ in dimension, or fewer than 10 items.
    """
    last = frames[-1]
    if last.latent is None:
        raise ValueError('this learner has no latent, so there is no map of it: use of="x".')
    sizes = {frame.latent.shape[1] for frame in frames if frame.latent is not None}
    if len(sizes) > 1:
        raise ValueError(f"the frames have latents of {sorted(sizes)} dimensions: give frames of one session.")
    made = _input(last, last.latent.astype(np.float32), choice, len(frames), "l")
    for frame in frames[:-1]:
        where, rows = _of_frame(frame, made.index)
        made.places.append(where)
        made.rows.append(rows)
    return made


def x_input(frame: Frame, x: Dataset | npt.ArrayLike | None, choice: Choice) -> MapInput:
    """Fit on the features of a frame's items, scaled.

    Raises
    ------
    ValueError
        No x, one that lacks items of the frame, or fewer than 10 items.
    """
    return _input(frame, _features(x, frame.index), choice, 1, "x")


def choose_items(rows: FloatArray, score: FloatArray, first: npt.NDArray[np.bool_], choice: Choice) -> IndexArray:
    """At most ``choice.limit`` positions, ascending: those ``first`` (n,), and of the others all of the sparse parts
    of the plane of ``rows`` (n, d; their principal axis) and ``score`` (n,), and a share of the crowded ones."""
    rng = np.random.default_rng(choice.seed)
    must, others = np.flatnonzero(first), np.flatnonzero(~first)
    if len(must) > choice.limit:
        return np.sort(rng.choice(must, choice.limit, replace=False))
    if len(others):
        across = LatentAxis.fit(rows)(rows[others])
        others = others[thin_by_density(across, score[others], choice.limit - len(must), rng)]
    return np.sort(np.concatenate([must, others]))


def _input(frame: Frame, rows: FloatArray, choice: Choice, n_frames: int, letter: str) -> MapInput:
    """Of one frame, with ``rows`` (m, d) for its items."""
    what = f"{letter} ({rows.shape[1]}-d)"
    finite = np.isfinite(rows).all(axis=1)
    order = np.flatnonzero(finite)[np.argsort(frame.index[finite])]
    index, rows, score = frame.index[order], rows[order], frame.base_score[order]
    n_bad = len(frame.index) - len(index)
    if len(index) < FEWEST:
        left_out = f", and {n_bad:,} whose {what} is not finite" if n_bad else ""
        raise ValueError(f"a map of {what} needs at least {FEWEST} items, and there are {len(index)}{left_out}.")
    if not np.ptp(rows, axis=0).any():
        raise ValueError(f"{what} is the same for all items, so there is no map of it.")
    fit = choose_items(rows, score, np.isin(index, choice.labeled), choice)
    beside = (len(index) - len(fit)) * n_frames
    if beside > MOST_PLACED or beside * rows.shape[1] > MOST_VALUES:
        index, rows, fit = index[fit], rows[fit], np.arange(len(fit))
    rest = np.setdiff1d(np.arange(len(index)), fit)
    return MapInput(index, fit, [rest], [rows[fit], rows[rest]], what, len(frame.index), n_bad)


def _of_frame(frame: Frame, index: IndexArray) -> tuple[IndexArray, FloatArray]:
    """Positions in ``index`` of the items that a frame has with a finite latent, and these latents."""
    if frame.latent is None:
        return np.empty(0, np.int64), np.empty((0, 1), np.float32)
    _, where, place = np.intersect1d(index, frame.index, return_indices=True)
    latent = frame.latent[place].astype(np.float32)
    finite = np.isfinite(latent).all(axis=1)
    return where[finite].astype(np.int64), latent[finite]


def _features(x: Any, index: IndexArray) -> FloatArray:
    """Scaled features (m, d) of the items ``index``: as a learner scales a Dataset, else each to [0, 1]."""
    if x is None:
        raise ValueError('of="x" needs x: a Dataset, or an array with a row per item.')
    n = len(x)
    if len(index) and index.max() >= n:
        raise ValueError(f"x has {n} rows, but there is an item {index.max()}: give the x of all items.")
    if isinstance(x, Dataset):
        from uai_notebook.training import fit_scaling

        offset, factor = fit_scaling(x)
        return np.asarray((x.rows(index) - offset) * factor, np.float32).reshape(len(index), -1)
    rows = np.asarray(x)[index].reshape(len(index), -1).astype(np.float64)
    finite = rows[np.isfinite(rows).all(axis=1)]
    low, high = (finite.min(axis=0), finite.max(axis=0)) if len(finite) else (0.0, 1.0)
    span = np.asarray(high - low)
    scale = np.divide(1.0, span, out=np.zeros_like(span), where=span > 0)
    return np.asarray((rows - low) * scale, np.float32)
