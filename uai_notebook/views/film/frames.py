"""Where the items of a history lie in each of its frames, on axes that all frames share."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from uai_notebook.datasets import Dataset
from uai_notebook.labels import Label
from uai_notebook.snapshot import FloatArray, Frame, IndexArray
from uai_notebook.thinning import thin_by_density
from uai_notebook.views.figures import is_heavy_tailed, log_scores
from uai_notebook.views.projection import LatentAxis

MAX_FRAMES = 40  # our choice: more make a large file, and nobody looks at each
NO_LABEL = -2
_SPACE = 0.04  # of the range, left free at both ends of an axis

Map = Callable[[Frame], FloatArray | None]


@dataclass(frozen=True)
class Plane:
    """What the two axes are.

    Attributes
    ----------
    axis : LatentAxis or None
        Horizontal; None: fitted on the first frame.
    map : function or None
        Gives both coordinates of a frame, float32 (m, 2), instead of latent and score; None for a frame without.
        A :class:`~uai_notebook.views.maps.LatentMap` has ``titles`` as well.
    ds : Dataset or None
        Whose features are looked at where frames have no latent.
    log : bool or None
        Scale of the score; None: log where it is heavy-tailed.
    rescale : bool
        Whether the horizontal coordinate of each frame is centred and in a unit of its own.
    """

    axis: LatentAxis | None = None
    map: Map | None = None
    ds: Dataset | None = None
    log: bool | None = None
    rescale: bool = False


@dataclass(frozen=True, eq=False)
class Scene:
    """One frame as it is drawn.

    Attributes
    ----------
    frame : Frame
    place : int64 (m,)
        Positions in the arrays of the frame.
    item : int64 (m,)
    x, y : float32 (m,)
        NaN: not drawn.
    label : int8 (m,)
        What the model of this frame knew; ``NO_LABEL`` where it knew none.
    unit : (float, float)
        Centre and size of the unit that ``x`` is in: (0, 1) unless it was rescaled.
    """

    frame: Frame
    place: IndexArray
    item: IndexArray
    x: FloatArray
    y: FloatArray
    label: npt.NDArray[np.int8]
    unit: tuple[float, float] = (0.0, 1.0)

    @property
    def title(self) -> str:
        """ "round 4, 30 labels": counted from 1, as the page counts them."""
        n = self.frame.n_labels
        return f"round {self.frame.round + 1}, {n:,} label{'' if n == 1 else 's'}"


@dataclass(frozen=True, eq=False)
class Film:
    """Scenes with the same items and the same axes.

    Attributes
    ----------
    scenes : tuple of Scene
    titles : (str, str)
        Of the axes.
    ranges : ((float, float), (float, float))
        Lowest and highest of each axis over all scenes, with some space.
    log : bool
        Whether the vertical axis is logarithmic.
    line : bool
        Whether the head of a frame is a line in this plane: the latent itself against the score.
    notes : tuple of str
        What was left out.
    mapped : bool
        Whether a map gave both coordinates.
    """

    scenes: tuple[Scene, ...]
    titles: tuple[str, str]
    ranges: tuple[tuple[float, float], tuple[float, float]]
    log: bool
    line: bool
    notes: tuple[str, ...]
    mapped: bool = False


def make_film(frames: Sequence[Frame], labels: Any, plane: Plane, max_points: int) -> Film:
    """Place the items of some frames; see :func:`~uai_notebook.views.evolution` for what is drawn.

    Raises
    ------
    ValueError
        Frames without a latent and no data, frames of different items, nothing that a map has placed.
    """
    if max_points < 1:
        raise ValueError(f"max_points={max_points}: expected at least 1.")
    frames = _checked(frames)
    if plane.map is None and plane.axis is None:
        plane = replace(plane, axis=_axis(frames[0], plane.ds))
    placed = [(frame, xy) for frame, xy in zip(frames, _coordinates(frames, plane), strict=True) if xy is not None]
    if not placed:
        raise ValueError("the map has placed none of these frames: fit it on frames of this session.")
    notes = [f"{len(frames) - len(placed)} rounds are not on the map"] if len(placed) < len(frames) else []
    log, placed, raised = _scaled(placed, plane)
    index, value = given(labels)
    last = placed[-1][0].index
    chosen = _chosen(*placed[0], log, index, last, max_points)
    if len(chosen) < len(last):
        notes.append(f"{len(chosen):,} of {len(last):,} items drawn, thinned where they are dense")
    scenes = [_scene(frame, xy, chosen, known(index, value, frame.n_labels)) for frame, xy in placed]
    if plane.rescale:
        scenes = [_rescaled(scene, xy[:, 0]) for scene, (_, xy) in zip(scenes, placed, strict=True)]
    return Film(
        scenes=tuple(scenes),
        titles=_titles(plane, log),
        ranges=(_range([s.x for s in scenes], False), _range([s.y for s in scenes], log)),
        log=log,
        line=plane.map is None and _is_latent(frames[0], plane.axis),
        notes=(*notes, *raised),
        mapped=plane.map is not None,
    )


def choose_frames(frames: Iterable[Frame], rounds: Sequence[int] | None) -> tuple[Frame, ...]:
    """Those of the given rounds; by default all, or 40 evenly spaced ones with the first and the last.

    Raises
    ------
    ValueError
        No frames, or none of that round.
    """
    frames = tuple(frames)
    if not frames:
        raise ValueError("this history has no frames yet: train the session first.")
    if rounds is None:
        places = np.unique(np.linspace(0, len(frames) - 1, min(len(frames), MAX_FRAMES)).round().astype(int))
        return tuple(frames[i] for i in places)
    by_round = {frame.round: frame for frame in frames}
    missing = [r for r in rounds if r not in by_round]
    if missing or not len(rounds):
        there = ", ".join(map(str, by_round))
        raise ValueError(f"rounds={list(rounds)}: this history holds rounds {there}; give some of these.")
    return tuple(by_round[r] for r in rounds)


def given(labels: Any) -> tuple[IndexArray, npt.NDArray[np.int8]]:
    """Items and their labels in the order given, of a ``session.labels`` or two arrays; empty if None.

    Raises
    ------
    ValueError
        Lengths that differ, or something that is not a label.
    """
    if labels is None:
        return np.empty(0, np.int64), np.empty(0, np.int8)
    if isinstance(labels, pd.DataFrame):
        labels = labels["index"], labels["label"]
    index, value = (np.asarray(part) for part in labels)
    if index.ndim != 1 or index.shape != value.shape:
        raise ValueError(f"labels of {index.shape} items, but {value.shape} values: give one per item.")
    if not np.isin(value, [label.value for label in Label]).all():
        raise ValueError("labels must be 1 (anomaly), 0 (normal) or -1 (unsure).")
    return index.astype(np.int64), value.astype(np.int8)


def known(index: IndexArray, value: npt.NDArray[np.int8], n: int) -> tuple[IndexArray, npt.NDArray[np.int8]]:
    """What of some answers a model trained on the first ``n`` sure ones knew.

    Notes
    -----
    A frame says how many labels it was trained on, not which. They are taken to be the first n answers that are
    not Unsure; an Unsure, which no training sees, counts from the frame on that knew all sure answers before it
    (our choice). An answer that was changed later counts from its last change.

    Examples
    --------
    >>> index, value = given(([5, 7, 9, 8], [0, -1, 1, 1]))
    >>> [known(index, value, n)[0].tolist() for n in (0, 1, 2)]
    [[], [5, 7], [5, 7, 9]]
    """
    sure = np.flatnonzero(value != Label.UNSURE)
    end = 0 if n == 0 else len(value) if n >= len(sure) else int(sure[n])
    return index[:end], value[:end]


# -- inside ----------------------------------------------------------------------------------------------------------


def _checked(frames: Sequence[Frame]) -> tuple[Frame, ...]:
    """In the order of their rounds; a later one may only append items."""
    frames = tuple(sorted(frames, key=lambda frame: frame.round))
    for before, frame in itertools.pairwise(frames):
        if before.round == frame.round:
            raise ValueError(f"two frames of round {frame.round}: give each round once.")
        if not np.array_equal(before.index, frame.index[: len(before.index)]):
            raise ValueError(
                f"round {frame.round} does not begin with the items of round {before.round}: give frames of one "
                "History, whose later frames only append items."
            )
    return frames


def _coordinates(frames: Sequence[Frame], plane: Plane) -> list[FloatArray | None]:
    """(m, 2) of each frame."""
    if plane.map is not None:
        placed = [plane.map(frame) for frame in frames]
        for frame, xy in zip(frames, placed, strict=True):
            if xy is not None and np.shape(xy) != (len(frame.index), 2):
                raise ValueError(f"the map gave shape {np.shape(xy)} for {len(frame.index)} items; expected (m, 2).")
        return placed
    return [np.column_stack([_across(frame, plane), frame.base_score]) for frame in frames]


def _axis(frame: Frame, ds: Dataset | None) -> LatentAxis:
    if frame.latent is not None:
        return LatentAxis.fit(frame.latent)
    if ds is None:
        raise ValueError(
            "these frames have no latent, because their learner has none. Pass ds= for the first principal axis of "
            "its features."
        )
    return LatentAxis.fit_features(ds.x)


def _across(frame: Frame, plane: Plane) -> FloatArray:
    assert plane.axis is not None
    if frame.latent is not None and not plane.axis.of_features:
        return plane.axis(frame.latent.astype(np.float32))
    if plane.ds is None:
        raise ValueError("an axis of features needs the data: pass ds=.")
    return plane.axis(plane.ds.x[frame.index])


def _is_latent(frame: Frame, axis: LatentAxis | None) -> bool:
    """Whether the horizontal axis is the latent itself, in which the head is a line."""
    if axis is None or axis.of_features or frame.latent is None or frame.latent.shape[1] != 1:
        return False
    return np.array_equal(axis.weights, [1.0]) and np.array_equal(axis.centre, [0.0])


def _scaled(
    placed: list[tuple[Frame, FloatArray]], plane: Plane
) -> tuple[bool, list[tuple[Frame, FloatArray]], list[str]]:
    """Whether the score is drawn on a log axis, and scores that it can show."""
    if plane.map is not None:
        return False, placed, []
    scores = np.concatenate([xy[:, 1] for _, xy in placed])
    log = is_heavy_tailed(scores) if plane.log is None else plane.log
    if not log:
        return False, placed, []
    shown, notes = log_scores(scores, _smallest(scores))
    ends = np.cumsum([len(xy) for _, xy in placed])[:-1]
    parts = np.split(shown, ends)
    return (
        True,
        [(frame, np.column_stack([xy[:, 0], up])) for (frame, xy), up in zip(placed, parts, strict=True)],
        notes,
    )


def _smallest(scores: FloatArray) -> float:
    """What is drawn at the bottom lies below this share of the largest score.

    A millionth, as in a single round; less, down to 1e-12, if that would hide more than 2 % of the scores: a round
    in which all are tiny is part of the story.
    """
    positive = scores[np.isfinite(scores) & (scores > 0)].astype(np.float64)
    if not len(positive):
        return 1e-6
    return float(np.clip(np.quantile(positive, 0.02) / positive.max(), 1e-12, 1e-6))


def _chosen(first: Frame, xy: FloatArray, log: bool, labeled: IndexArray, last: IndexArray, limit: int) -> IndexArray:
    """Positions that are drawn: those that a thinning of the first frame keeps, and all that have a label."""
    with np.errstate(divide="ignore", invalid="ignore"):
        up = np.log(xy[:, 1]) if log else xy[:, 1]
    kept = thin_by_density(xy[:, 0], up, limit, np.random.default_rng(0))
    return np.union1d(kept, np.flatnonzero(np.isin(last, labeled)))


def _scene(frame: Frame, xy: FloatArray, chosen: IndexArray, answers: tuple[IndexArray, npt.NDArray[np.int8]]) -> Scene:
    place = chosen[chosen < len(frame.index)]
    item = frame.index[place]
    label = np.full(len(item), NO_LABEL, np.int8)
    order = np.argsort(item)
    at = np.searchsorted(item, answers[0], sorter=order).clip(max=max(len(item) - 1, 0))
    there = item[order[at]] == answers[0] if len(item) else np.zeros(len(answers[0]), bool)
    label[order[at[there]]] = answers[1][there]
    return Scene(frame, place, item, xy[place, 0], xy[place, 1], label)


def _rescaled(scene: Scene, across: FloatArray) -> Scene:
    """Centred at the median, in units of half of what 98 % of all items span."""
    low, middle, high = np.nanquantile(across, [0.01, 0.5, 0.99]) if np.isfinite(across).any() else (0.0, 0.0, 2.0)
    unit = float(high - low) / 2 or 1.0
    return replace(scene, x=((scene.x - middle) / unit).astype(np.float32), unit=(float(middle), unit))


def _titles(plane: Plane, log: bool) -> tuple[str, str]:
    if plane.axis is None or plane.map is not None:
        across, up = getattr(plane.map, "titles", ("map, first axis", "map, second axis"))
        return across, up
    across = plane.axis.label + (", rescaled per round" if plane.rescale else "")
    return across, "anomaly score s (log)" if log else "anomaly score s"


def _range(parts: Sequence[FloatArray], log: bool) -> tuple[float, float]:
    values = np.concatenate(parts).astype(np.float64)
    values = values[np.isfinite(values) & ((values > 0) | (not log))]
    if not len(values):
        return (0.1, 1.0) if log else (0.0, 1.0)
    low, high = (np.log10(v) if log else v for v in (values.min(), values.max()))
    space = _SPACE * (high - low) or 0.5
    low, high = low - space, high + space
    return (float(10**low), float(10**high)) if log else (float(low), float(high))
