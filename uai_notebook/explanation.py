"""Why an item is shown: what the model of the latest snapshot says of it, taken apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from .arguments import is_int
from .background import polite
from .datasets import Dataset
from .snapshot import FloatArray, Frame, Snapshot

if TYPE_CHECKING:
    from .session import ActiveSession

N_FEATURES, N_NEIGHBOURS = 8, 3
SUMMARY_ROWS = 4_000  # at most so many evenly spaced items give the median: a card must not wait for millions


@dataclass(frozen=True)
class Place:
    """Where an item stands: ``rank`` 1 is the highest of ``of`` scores; equal scores share a rank.

    ``rose`` is by how many places it rose (fell: negative) since round ``since``, among the ``among`` items that the
    history keeps of that round; None where the history has nothing to compare with.
    """

    rank: int
    of: int
    rose: int | None = None
    since: int | None = None
    among: int | None = None


@dataclass(frozen=True)
class Term:
    """One addend of the logit: ``weight * value``. ``mean`` is the mean value over all items."""

    name: str
    weight: float
    value: float
    mean: float

    @property
    def product(self) -> float:
        """What it adds to the logit."""
        return self.weight * self.value

    @property
    def against_mean(self) -> float:
        """What it adds to the logit beyond what it adds to the mean logit of all items."""
        return self.weight * (self.value - self.mean)


@dataclass(frozen=True)
class Neighbour:
    """A labelled item, its answer, its distance in l (or x), and the share of all items that are nearer."""

    index: int
    label: int
    distance: float
    nearer: float


@dataclass(frozen=True)
class Feature:
    """One feature of an item beside those of all items, in the units of the data.

    ``made`` is the model's reconstruction and ``share`` the share of the squared error, in [0, 1], both None where
    the learner reconstructs nothing. ``distance`` is that from the median in widths of the middle half of the items
    (of the whole range where the middle half has no width).
    """

    name: str
    value: float
    median: float
    low: float
    high: float
    distance: float
    made: float | None = None
    share: float | None = None


@dataclass(frozen=True, eq=False)
class Pictures:
    """An image, its reconstruction and x - x', each float32 (h, w) or (h, w, c), in the units of the data."""

    x: FloatArray
    made: FloatArray
    residual: FloatArray


@dataclass(frozen=True, eq=False)
class Explanation:
    """Everything that :func:`explain` knows of one item. It is all of one moment, the snapshot of round ``round``.

    Attributes
    ----------
    index : int
    id : int or str
    round : int
    base_score : float
        s(x).
    base_place : Place
    uai_logit, uai_score : float or None
        None until a learned score is there; ``uai_score`` is a probability only if ``probability`` says so.
    uai_place : Place or None
    probability : bool
    ranked_by : str
        What the queue is ranked by, in words.
    terms : tuple of Term
        Of the logit, eq. 3: "l1" ... "ld", "s", and "bias" last, whose value is 1. Their products sum to the logit, up
        to float32 rounding. Empty where the learned score is no linear function of [l; s].
    neighbours : tuple of Neighbour
        The nearest labelled items, nearest first, not the item itself.
    neighbours_in : str
        Where they are near, by Euclidean distance: "l", or "x" of a learner without latent, each feature divided by
        its range (our choice).
    pictures : Pictures or None
        Of images that the learner reconstructs.
    features : tuple of Feature
        Of tables: those of the largest squared error in the network's scale, or furthest from the median where the
        learner reconstructs nothing.
    squared_error : float or None
        |x - x'|^2 in the network's scale.
    classes : tuple of (str, float)
        The given class and its probability, then the most probable one if it is another; of classifiers only.

    Examples
    --------
    >>> import uai_notebook as uai
    >>> session = uai.ActiveSession(uai.load_dataset("digits_0"), config=uai.TrainConfig(pretrain_steps=20))
    >>> _ = session.train()
    >>> why = uai.explain(session, 7)
    >>> isinstance(why, uai.Explanation), why.base_place.of, why.score_is_error
    (True, 1637, True)
    """

    index: int
    id: int | str
    round: int
    base_score: float
    base_place: Place
    uai_logit: float | None
    uai_score: float | None
    uai_place: Place | None
    probability: bool
    ranked_by: str
    terms: tuple[Term, ...]
    neighbours: tuple[Neighbour, ...]
    pictures: Pictures | None
    features: tuple[Feature, ...]
    squared_error: float | None
    classes: tuple[tuple[str, float], ...]
    neighbours_in: str = "l"

    @property
    def score_is_error(self) -> bool:
        """Whether s(x) is the squared error of the reconstruction, as in eq. 5."""
        return self.squared_error is not None and bool(np.isclose(self.squared_error, self.base_score, rtol=1e-3))


def explain(
    session: ActiveSession, index: int, n_features: int = N_FEATURES, n_neighbours: int = N_NEIGHBOURS
) -> Explanation:
    """Say why an item is shown.

    May be called at any time in any thread, also while a round trains: everything, reconstruction included, is of the
    accepted snapshot, which holds its own copy of the base model. Only the neighbours' answers are those of now.

    Parameters
    ----------
    session : ActiveSession
        Trained at least once.
    index : int
        Any item.
    n_features : int
        At most so many features of a table.
    n_neighbours : int
        At most so many labelled items.

    Returns
    -------
    Explanation

    Raises
    ------
    RuntimeError
        No training was accepted yet.
    TypeError, IndexError
        Not an item, no such item.
    ValueError
        ``n_features`` or ``n_neighbours`` is no whole number, or below 0.

    Notes
    -----
    Eq. 3 is linear in [l; s], so that its terms explain the logit exactly. That holds for the UAI layer only: what
    made l is not taken apart. Distances are Euclidean in l, unscaled, as the layer reads it (our choice).

    Examples
    --------
    >>> import uai_notebook as uai
    >>> ds = uai.load_dataset("digits_0")
    >>> session = uai.ActiveSession(ds, config=uai.TrainConfig(pretrain_steps=20, round_steps=5))
    >>> session.label([0, 1], [uai.Label.NORMAL, uai.Label.ANOMALY])
    >>> _ = session.train()
    >>> why = uai.explain(session, 7)
    >>> [term.name for term in why.terms][-3:], len(why.neighbours), why.pictures.made.shape
    (['l8', 's', 'bias'], 2, (8, 8))
    """
    snapshot, ds = session.snapshot, session.ds
    if snapshot is None:
        raise RuntimeError("there is nothing to explain yet: call session.train() first.")
    if not is_int(index):
        raise TypeError(f"item {index!r}: expected a whole number, the item's row in the Dataset.")
    for name, count in (("n_features", n_features), ("n_neighbours", n_neighbours)):
        if not is_int(count) or count < 0:
            raise ValueError(f"{name}={count!r}: expected a whole number of at least 0.")
    if not 0 <= index < len(ds):
        raise IndexError(f"item {index!r}: expected 0 to {len(ds) - 1}.")
    index = int(index)
    before = _round_before(session, snapshot)
    learned = snapshot.uai_logit
    with polite(1):  # one row: a second thread would wait for a core that a training has
        rebuilt, classes = _rebuilt(ds, snapshot, index), _classes(ds, snapshot, index)
    shape = _image_shape(ds, index)
    return Explanation(
        index=index,
        id=ds.ids[index],
        round=snapshot.round,
        base_score=float(snapshot.base_score[index]),
        base_place=_place(snapshot.base_score, index, before, None if before is None else before.base_score),
        uai_logit=None if learned is None else float(learned[index]),
        uai_score=None if learned is None else float(snapshot.uai_score_of([index])[0]),  # type: ignore[index]
        uai_place=None
        if learned is None
        else _place(learned, index, before, None if before is None else before.uai_logit),
        probability=snapshot.probability,
        ranked_by=session.ranked_by,
        terms=_terms(snapshot, index),
        neighbours=_neighbours(_distances(ds, snapshot, index), index, *session.current_labels(), n_neighbours),
        neighbours_in="x" if snapshot.latent is None else "l",
        pictures=_pictures(snapshot, rebuilt, shape) if rebuilt is not None and shape is not None else None,
        features=() if shape is not None else _features(ds, index, snapshot, rebuilt, n_features),
        squared_error=None if rebuilt is None else float(np.square(rebuilt[0] - rebuilt[1], dtype=np.float64).sum()),
        classes=classes,
    )


# -- ranks -----------------------------------------------------------------------------------------------------------


def _round_before(session: ActiveSession, snapshot: Snapshot) -> Frame | None:
    """The latest key round before that of the snapshot that the history still has."""
    return next((f for f in reversed(session.history.frames) if f.round < snapshot.round), None)


def _place(score: FloatArray, index: int, before: Frame | None, old: FloatArray | None) -> Place:
    rank = _rank(score, score[index])
    if before is None or old is None:
        return Place(rank, len(score))
    position = np.flatnonzero(before.index == index)
    if not len(position):  # the display leaves it out
        return Place(rank, len(score))
    now = rank if len(before.index) == len(score) else _rank(score[before.index], score[index])
    return Place(rank, len(score), _rank(old, old[position[0]]) - now, before.round, len(before.index))


def _rank(score: FloatArray, of: Any) -> int:
    return int(np.count_nonzero(score > of)) + 1


# -- the logit, eq. 3 --------------------------------------------------------------------------------------------------


def _terms(snapshot: Snapshot, index: int) -> tuple[Term, ...]:
    if snapshot.head is None or snapshot.latent is None or snapshot.uai_logit is None:
        return ()
    d = snapshot.latent.shape[1]
    names = [*(f"l{j + 1}" for j in range(d)), "s", "bias"]
    values = [*snapshot.latent[index].tolist(), float(snapshot.base_score[index]), 1.0]
    means = [*snapshot.latent.mean(axis=0, dtype=np.float64), snapshot.base_score.mean(dtype=np.float64), 1.0]
    parts = zip(names, snapshot.head.tolist(), values, map(float, means), strict=True)
    return tuple(Term(*part) for part in parts)


# -- labelled items ----------------------------------------------------------------------------------------------------


def _distances(ds: Dataset, snapshot: Snapshot, index: int) -> npt.NDArray[np.floating[Any]]:
    """From an item to all, (n,): in l, or in x where there is no latent."""
    distance: npt.NDArray[np.floating[Any]] = np.empty(len(ds))
    if snapshot.latent is not None:
        apart = snapshot.latent - snapshot.latent[index]
        distance = np.sqrt(np.einsum("ij,ij->i", apart, apart))
        return distance
    x = ds.x.reshape(len(ds), -1)
    width = np.maximum(np.ptp(x, axis=0), np.finfo(np.float32).tiny)
    for part, rows in ds.chunks(10_000):
        apart = (rows.reshape(len(rows), -1) - x[index]) / width
        distance[part] = np.sqrt(np.einsum("ij,ij->i", apart, apart))
    return distance


def _neighbours(
    distance: npt.NDArray[np.floating[Any]],
    index: int,
    labeled: npt.NDArray[np.int64],
    value: npt.NDArray[np.int8],
    count: int,
) -> tuple[Neighbour, ...]:
    others = labeled != index
    labeled, value = labeled[others], value[others]
    nearest = np.argsort(distance[labeled], kind="stable")[:count]
    return tuple(
        Neighbour(
            int(i),
            int(v),
            float(distance[i]),
            max(int(np.count_nonzero(distance < distance[i])) - 1, 0) / len(distance),
        )
        for i, v in zip(labeled[nearest], value[nearest], strict=True)
    )


# -- what the base model makes of the item -----------------------------------------------------------------------------


def _rebuilt(ds: Dataset, snapshot: Snapshot, index: int) -> tuple[FloatArray, FloatArray] | None:
    """x and x' in the network's scale, float32 (d,) each."""
    if snapshot.replica is None or not snapshot.replica.reconstructs:
        return None
    x_y = None if ds.x_y is None else ds.x_y[[index]]
    x, made = snapshot.replica.reconstruct(ds.rows([index]), x_y)
    return (x[0], made[0]) if x.shape == made.shape else None


def _classes(ds: Dataset, snapshot: Snapshot, index: int) -> tuple[tuple[str, float], ...]:
    if snapshot.replica is None or not snapshot.replica.classifies or ds.x_y is None:
        return ()
    chance = snapshot.replica.class_probability(ds.rows([index]))[0]
    shown = dict.fromkeys([int(ds.x_y[index]), int(chance.argmax())])
    return tuple((str(ds.class_names[c]), float(chance[c])) for c in shown)


def _image_shape(ds: Dataset, index: int) -> tuple[int, ...] | None:
    """The shape of an item that is an image made of its features, else None."""
    item = None if ds.items is None else ds.item(index)
    if not isinstance(item, np.ndarray) or item.ndim not in (2, 3) or item.size != ds.n_features:
        return None
    if item.ndim == 3 and item.shape[2] not in (1, 3, 4):
        return None
    same = item.dtype.kind in "buif" and np.array_equal(item.ravel().astype(np.float32), ds.rows([index]).ravel())
    return item.shape if same else None


def _pictures(snapshot: Snapshot, rebuilt: tuple[FloatArray, FloatArray], shape: Sequence[int]) -> Pictures:
    assert snapshot.replica is not None
    x, made = snapshot.replica.unscaled(np.stack(rebuilt)).reshape(2, *shape)
    return Pictures(x, made, x - made)


# -- the features of a table -------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Summary:
    """Of each feature, float64 (d,): its median, its range, and what counts as one width."""

    median: npt.NDArray[np.float64]
    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    width: npt.NDArray[np.float64]


_summaries: WeakKeyDictionary[Dataset, _Summary] = WeakKeyDictionary()


def _summary(ds: Dataset) -> _Summary:
    """One pass over the data, kept as long as the Dataset lives."""
    found = _summaries.get(ds)
    if found is None:
        step = -(-len(ds) // SUMMARY_ROWS)
        some = ds.rows(slice(None, None, step)).reshape(-1, ds.n_features)
        first, median, third = np.percentile(some, [25, 50, 75], axis=0)
        parts = [(x.min(axis=0).ravel(), x.max(axis=0).ravel()) for _, x in ds.chunks(SUMMARY_ROWS)]
        low, high = (np.array(ends, np.float64) for ends in zip(*parts, strict=True))
        low, high = low.min(axis=0), high.max(axis=0)
        width = np.where(third > first, third - first, high - low)
        found = _summaries[ds] = _Summary(median.astype(np.float64), low, high, np.where(width > 0, width, 1.0))
    return found


def _features(
    ds: Dataset, index: int, snapshot: Snapshot, rebuilt: tuple[FloatArray, FloatArray] | None, count: int
) -> tuple[Feature, ...]:
    of, value = _summary(ds), ds.rows([index]).ravel().astype(np.float64)
    distance = np.abs(value - of.median) / of.width
    made = share = None
    if rebuilt is not None and snapshot.replica is not None:
        squared = np.square(rebuilt[0] - rebuilt[1], dtype=np.float64)
        share = squared / (squared.sum() or 1.0)
        made = snapshot.replica.unscaled(rebuilt[1][None])[0]
    chosen = np.argsort(-(distance if share is None else share), kind="stable")[:count]
    return tuple(
        Feature(
            name=ds.feature_names[j],
            value=float(value[j]),
            median=float(of.median[j]),
            low=float(of.low[j]),
            high=float(of.high[j]),
            distance=float(distance[j]),
            made=None if made is None else float(made[j]),
            share=None if share is None else float(share[j]),
        )
        for j in chosen.tolist()
    )
