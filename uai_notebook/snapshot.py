"""What a learner says about every item at one moment, and the bounded record of it over rounds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from .thinning import thin_by_density

if TYPE_CHECKING:
    from .learners.replica import Replica

FloatArray = npt.NDArray[np.float32]
IndexArray = npt.NDArray[np.int64]


def sigmoid(logit: npt.ArrayLike) -> FloatArray:
    """Logistic function, float32, without overflow for large negative logits."""
    z = np.asarray(logit, dtype=np.float64)
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * z)), dtype=np.float32)


@dataclass(frozen=True, eq=False)
class Snapshot:
    """State of Algorithm 1 after one training: scores and latents of all n items.

    Attributes
    ----------
    base_score : float32 (n,)
        s(x) of the base model, eq. 5 or 7; higher is more anomalous.
    latent : float32 (n, d) or None
        l(x), or None where the learner has no latent.
    uai_logit : float32 (n,) or None
        The argument of the sigmoid in eq. 3, or None until the head has seen an anomaly and a normal.
        Rank by it: the sigmoid saturates and makes ties.
    round : int
        Accepted trainings before this one: 0 after pre-training.
    labeled_index, labeled_value : int64 (t,), int8 (t,)
        The labels the learner had when this training began; Unsure is not among them.
    losses : mapping of str to float
        Mean losses of the training that led here, for example ``{"base": .01, "uai": .2}``.
    probability : bool
        Whether ``uai_score`` is a probability; otherwise it is a learned score without a scale.
    head : float32 (d + 2,) or None
        W of eq. 3, first of l, then of s, and last its bias: ``uai_logit`` is ``[l, s, 1] @ head``. None where
        there is no logit, or it is no linear function of [l; s].
    replica : Replica or None
        A copy of the base model as it was at this moment, which :func:`~uai_notebook.explain` asks for
        reconstructions while the model itself goes on training; None where there is nothing to ask.

    Examples
    --------
    >>> import numpy as np
    >>> from uai_notebook import Snapshot
    >>> Snapshot(base_score=np.float32([1, 2]), uai_logit=np.float32([0, -4])).uai_score.round(3)
    array([0.5  , 0.018], dtype=float32)
    """

    base_score: FloatArray
    latent: FloatArray | None = None
    uai_logit: FloatArray | None = None
    round: int = 0
    labeled_index: IndexArray = field(default_factory=lambda: np.empty(0, np.int64))
    labeled_value: npt.NDArray[np.int8] = field(default_factory=lambda: np.empty(0, np.int8))
    losses: Mapping[str, float] = field(default_factory=dict)
    probability: bool = True
    head: FloatArray | None = None
    replica: Replica | None = None

    def __len__(self) -> int:
        return len(self.base_score)

    @property
    def n_labels(self) -> int:
        """Number of labels trained on, t."""
        return len(self.labeled_index)

    @property
    def uai_score(self) -> FloatArray | None:
        """s_uai(x) of eq. 3, float32 (n,); None where ``uai_logit`` is."""
        return self.uai_score_of(slice(None))

    def uai_score_of(self, items: Any) -> FloatArray | None:
        """``uai_score`` of some items, without computing it for all n."""
        if self.uai_logit is None:
            return None
        logit = self.uai_logit[items]
        return sigmoid(logit) if self.probability else logit

    @property
    def ranking_score(self) -> FloatArray:
        """What results are sorted by: the UAI logit where there is one, else the base score."""
        return self.base_score if self.uai_logit is None else self.uai_logit


@dataclass(frozen=True, eq=False)
class Frame:
    """One key round of a :class:`History`: the display items only, latents as float16.

    ``index`` (m,) names the items: the fixed display sample first, then items labelled since, in order
    of their first label. A later frame therefore only ever appends. The rest is as in :class:`Snapshot`.
    """

    round: int
    index: IndexArray
    base_score: FloatArray
    latent: npt.NDArray[np.float16] | None
    uai_logit: FloatArray | None
    n_labels: int
    head: FloatArray | None = None

    @property
    def nbytes(self) -> int:
        """Bytes held by the arrays of this frame (``index`` is shared between frames, and not counted)."""
        arrays = (self.base_score, self.latent, self.uai_logit)
        return sum(a.nbytes for a in arrays if a is not None)


class History:
    """Record over rounds, bounded in memory.

    Key frames hold a fixed display sample of at most ``max_items`` items plus every labelled one. When they
    outgrow ``max_bytes``, every second one is dropped, first and last kept. Scalars of every round are kept.

    Parameters
    ----------
    max_bytes : int
        Bound on all key frames together, bytes. Our choice: 200 MB.
    max_items : int
        Size of the display sample. Where the data are larger it is all of the sparse parts of the first round's
        (latent, score) plane and a share of the crowded ones: see :func:`~uai_notebook.thinning.thin_by_density`.
        Our choice: 60,000, which a browser draws within 50 ms.
    seed : int
        Of the display sample.

    Examples
    --------
    >>> import numpy as np
    >>> from uai_notebook import History, Snapshot
    >>> history = History(max_items=2)
    >>> history.append(Snapshot(base_score=np.float32([3, 1, 2])), labeled=[0])
    >>> len(history.frames), history.unsupervised_order
    (1, array([0, 2, 1]))
    """

    def __init__(self, max_bytes: int = 200_000_000, max_items: int = 60_000, seed: int = 0) -> None:
        self.max_bytes, self.max_items, self._seed = max_bytes, max_items, seed
        self._index = self._buffer = np.empty(0, np.int64)
        self._member = np.empty(0, bool)
        self._frames: list[Frame] = []
        self._scalars: list[dict[str, float]] = []
        self._stride = 1  # how many rounds lie between kept frames after thinning
        self._first_scores: FloatArray | None = None

    @property
    def frames(self) -> tuple[Frame, ...]:
        """Key frames, oldest first; the last one is the latest round."""
        return tuple(self._frames)

    @property
    def scalars(self) -> tuple[dict[str, float], ...]:
        """One dict per round: round, n_labels, n_anomalies, seconds, losses."""
        return tuple(self._scalars)

    @property
    def nbytes(self) -> int:
        """Bytes held by all key frames and the display index."""
        return self._index.nbytes + sum(f.nbytes for f in self._frames)

    @property
    def first_scores(self) -> FloatArray | None:
        """Base scores of all items in the first round, float32 (n,); None before it."""
        return self._first_scores

    @property
    def unsupervised_order(self) -> IndexArray | None:
        """All items by the base score of the first snapshot, most anomalous first: what an unsupervised
        ranking would have asked. int64 (n,), None before the first round."""
        if self._first_scores is None:
            return None
        return np.argsort(-self._first_scores, kind="stable").astype(np.int64)

    def append(
        self, snapshot: Snapshot, labeled: npt.ArrayLike = (), scalars: Mapping[str, float] | None = None
    ) -> None:
        """Record one round; ``labeled`` are the items labelled so far, in order of their first label."""
        if self._first_scores is None:
            self._start(snapshot)
        losses = {f"loss_{name}": value for name, value in snapshot.losses.items()}
        self.skip(labeled, {"round": snapshot.round, "n_labels": snapshot.n_labels, **losses, **(scalars or {})})
        self._keep(self._frame(snapshot))

    def skip(self, labeled: npt.ArrayLike, scalars: Mapping[str, float]) -> None:
        """Record a round that is not the first, and keep no frame of it."""
        self._join(labeled)
        self._scalars.append(dict(scalars))

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps: the scalars of every round and the first base scores, no frames."""
        names = sorted({name for scalars in self._scalars for name in scalars})
        return {
            "first_scores": self._first_scores,
            "scalars": {name: np.asarray([s.get(name, np.nan) for s in self._scalars]) for name in names},
        }

    def load_state_dict(self, state: Mapping[str, Any], snapshot: Snapshot) -> None:
        """Go on with the record of :meth:`state_dict`; ``snapshot``, that of its last round, is the first frame."""
        columns = {name: values.tolist() for name, values in state["scalars"].items()}
        rounds = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        scalars = [{name: v for name, v in of_round.items() if not np.isnan(v)} for of_round in rounds]
        self.restore(snapshot, snapshot.labeled_index, state["first_scores"], scalars)

    def restore(
        self,
        snapshot: Snapshot,
        labeled: npt.ArrayLike,
        first_scores: FloatArray,
        scalars: Iterable[Mapping[str, float]],
        frames: Sequence[Frame] = (),
    ) -> None:
        """Go on with a record of which frames, oldest first, and scalars were kept.

        ``snapshot`` and ``labeled`` are those of its last round; ``first_scores`` are the base scores of its first.
        """
        if frames:
            self._buffer = self._index = frames[-1].index
            self._member = np.zeros(len(snapshot), bool)
            self._member[self._index] = True
        else:
            self._start(snapshot)
        self._first_scores = first_scores
        for frame in frames:  # all of them begin alike; anything else is no frame of this record
            m = len(frame.index)
            if frame.round <= snapshot.round and np.array_equal(frame.index, self._index[:m]):
                self._frames.append(replace(frame, index=self._index[:m]))
        gaps = np.diff([frame.round for frame in self._frames if frame.round < snapshot.round])
        self._stride = max(1, int(gaps.max(initial=1)))
        if not self._frames or self._frames[-1].round < snapshot.round:
            self._join(labeled)
            self._keep(self._frame(snapshot))
        self._scalars = [dict(of_round) for of_round in scalars]

    def _start(self, snapshot: Snapshot) -> None:
        n = len(snapshot)
        self._first_scores = snapshot.base_score
        sample = np.arange(n)
        if n > self.max_items:
            x, y = _plane(snapshot)
            sample = thin_by_density(x, y, self.max_items, np.random.default_rng(self._seed))
        self._buffer, self._index = sample, sample
        self._member = np.zeros(n, bool)
        self._member[sample] = True

    def _join(self, labeled: npt.ArrayLike) -> None:
        labeled = np.asarray(labeled, dtype=np.int64)
        new = labeled[~self._member[labeled]]
        self._member[new] = True
        self._extend(new)

    def _extend(self, new: IndexArray) -> None:
        # Frames hold views of one growing buffer, so that 500 rounds do not keep 500 copies of the index.
        m = len(self._index)
        if m + len(new) > len(self._buffer):
            self._buffer = np.concatenate([self._index, np.empty(len(new) + m // 4, np.int64)])
        self._buffer[m : m + len(new)] = new
        self._index = self._buffer[: m + len(new)]

    def _frame(self, snapshot: Snapshot) -> Frame:
        i = self._index
        limit = np.finfo(np.float16).max  # a latent beyond it would become infinite
        latent = None if snapshot.latent is None else snapshot.latent[i].clip(-limit, limit).astype(np.float16)
        logit = None if snapshot.uai_logit is None else snapshot.uai_logit[i]
        return Frame(snapshot.round, i, snapshot.base_score[i], latent, logit, snapshot.n_labels, snapshot.head)

    def _keep(self, frame: Frame) -> None:
        # The latest round is always there; a former latest stays only if it lies on the stride.
        if len(self._frames) > 1 and self._frames[-1].round % self._stride:
            self._frames.pop()
        self._frames.append(frame)
        while len(self._frames) > 2 and self.nbytes > self.max_bytes:
            self._stride *= 2
            first, *inner, last = self._frames
            self._frames = [first, *(f for f in inner if f.round % self._stride == 0), last]


def _plane(snapshot: Snapshot) -> tuple[FloatArray, FloatArray]:
    """About where points of a snapshot lie on a plot: first principal axis of the latent, and score."""
    y = snapshot.base_score
    known = y[np.isfinite(y)]
    if len(known) and known.min() >= 0:  # the plot's axis is then logarithmic
        y = np.log(y + max(float(np.median(known)), 1e-30) / 100)
    latent = snapshot.latent
    if latent is None or not latent.shape[1]:
        return np.zeros_like(y), y
    finite = latent[np.isfinite(latent).all(axis=1)].astype(np.float64)
    if not len(finite):
        return np.zeros_like(y), y
    centred = finite[:: 1 + len(finite) // 20_000] - finite.mean(axis=0)
    direction = np.linalg.eigh(centred.T @ centred)[1][:, -1].astype(np.float32)
    return latent @ direction, y
