"""LODA-AAD: histograms of random projections, and the weights of Das et al. (2016) that learn from labels."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.optimize import Bounds, minimize

from ..datasets import Dataset
from ..distinct import distinct_rows
from ..snapshot import FloatArray, IndexArray, Snapshot
from ..training import Progress, fit_scaling
from .histograms import LOWEST_DENSITY, bin_counts, candidates, choose_bins
from .labeled import newest

PROJECTIONS = 300
GROUP = 10  # projections built between two reports of progress
ROWS = 8192  # new rows scored at a time

# The weight update of Das et al. (2016).
ANOMALY_COST, NORMAL_COST, RANK_COST = 100.0, 1.0, 0.001  # Ca, Cn, Cx
TAU = 0.03  # share of items above the hinge's threshold
PRIOR = 2.0  # 1 / sigma^2
TOLERANCE = 1e-7  # relative, of the loss


class LodaLearner:
    """LODA-AAD: a weight for each of 300 one-dimensional histograms, learned from labels.

    An item's score is the weighted sum of its features, -log density under the histogram of each random projection.
    Weights start uniform, which is LODA; labels move them (:func:`learn_weights`).

    Parameters
    ----------
    ds : Dataset
        What is looked at. Equal rows are kept once: the features take 4 bytes x 300 x distinct rows.
    seed : int
        Of the projections.
    memory : int, optional
        How many of the newest labels are learned from (App. B.2); all by default.
    scale : bool
        Whether features are brought to [0, 1] first; False takes them as they are.
    n_projections : int
        Histograms. Our choice: 300, where the rule of the authors' code stops.

    Raises
    ------
    ValueError
        ``memory`` or ``n_projections`` below 1.

    Notes
    -----
    Pevny (2016): projections have 1 - 1/sqrt(d) zeros, the rest are normal. Das et al. (2016) learn the weights; the
    paper runs their code (App. A.2) and does not say on which scale. Our choices: features are scaled to [0, 1] first,
    as for the networks (Table 1 of our results has raw ones too: which is better depends on the data); a projection
    has unit length; an empty bin, and what lies beyond the histogram's range in new data, count as in the authors'
    code: the first has density 1e-8, the second belongs to the outermost bin.

    Examples
    --------
    >>> import numpy as np
    >>> from uai_notebook import Dataset
    >>> from uai_notebook.learners import LodaLearner
    >>> x = np.random.default_rng(0).normal(size=(200, 3))
    >>> x[7] = 9
    >>> learner = LodaLearner(Dataset.from_arrays(x))
    >>> _ = list(learner.pretrain())
    >>> int(learner.evaluate().base_score.argmax())
    7
    """

    def __init__(
        self,
        ds: Dataset,
        seed: int = 0,
        memory: int | None = None,
        scale: bool = True,
        n_projections: int = PROJECTIONS,
    ) -> None:
        if n_projections < 1 or (memory is not None and memory < 1):
            raise ValueError(f"memory={memory!r}, n_projections={n_projections!r}: expected at least 1 each.")
        self.ds, self.seed, self.memory, self.scale = ds, int(seed), memory, scale
        self._uniform = np.full(n_projections, n_projections**-0.5)
        zero, one = np.zeros(1, np.float32), np.ones(1, np.float32)
        self._offset, self._factor = fit_scaling(ds) if scale else (zero, one)
        self._forget()

    @property
    def options(self) -> dict[str, Any]:
        """What a checkpoint compares: other options make another model."""
        return {"memory": self.memory, "scale": self.scale, "n_projections": len(self._uniform)}

    def _forget(self) -> None:
        self._features = np.empty((0, 0), np.float32)  # (projections, distinct rows); empty until they are built
        self._base = np.empty(0, np.float32)  # base scores of the distinct rows
        self._weights = self._uniform
        self._learned = False
        self._loss = 0.0

    def pretrain(self) -> Iterator[Progress]:
        """Build the histograms, ten at a time."""
        self._forget()
        m = len(self._uniform)
        distinct = distinct_rows(self.ds)
        first = np.arange(len(self.ds)) if distinct is None else distinct.first
        self._place: IndexArray | None = None if distinct is None else distinct.place
        repeats = np.ones(len(first)) if distinct is None else np.bincount(distinct.place).astype(float)
        self._projections = random_projections(self.ds.n_features, m, self.seed)
        self._low, self._scale = np.zeros(m), np.zeros(m)
        self._surprise: list[FloatArray] = []
        columns = np.ascontiguousarray(self._scaled(self.ds.rows(first)).T)
        features = np.empty((m, len(first)), np.float32)
        tries = candidates(len(self.ds))
        of = -(-m // GROUP)
        for step in range(of):
            group = slice(step * GROUP, min((step + 1) * GROUP, m))
            for j, z in enumerate(self._projections[group] @ columns, start=group.start):
                bins = choose_bins(z, repeats, tries)
                self._low[j], span = float(z.min()), float(z.max()) - float(z.min())
                self._scale[j] = bins / span if span > 0 else 0.0
                code = self._bin(z, j, bins)
                density = bin_counts(code, repeats, bins) / len(self.ds) * (self._scale[j] or 1.0)
                self._surprise.append((-np.log(np.maximum(density, LOWEST_DENSITY))).astype(np.float32))
                features[j] = self._surprise[j][code]
            if step + 1 == of:  # before the last report: whoever waits for it may stop listening
                self._features, self._base = features, self._uniform.astype(np.float32) @ features
            yield Progress(step + 1, of, float("nan"))

    def update(self, index: npt.NDArray[np.int64], label: npt.NDArray[np.int8]) -> Iterator[Progress]:
        """Learn the weights from all labels, or from the newest ``memory``. Without labels they are uniform."""
        index, label = newest(index, label, self.memory)
        self._learned = len(index) > 0
        if not self._learned:
            self._weights, self._loss = self._uniform, 0.0
        else:
            rows = index if self._place is None else self._place[index]
            threshold, rank_item = self._threshold()
            features = self._features[:, rows].T.astype(float)
            self._weights, self._loss = learn_weights(features, label == 1, threshold, rank_item, self._uniform)
        yield Progress(1, 1, self._loss)

    def evaluate(self) -> Snapshot:
        """Score all items; the learned score is there from the first label on and is not a probability."""
        self._check_built()
        base = self._of_items(self._base)
        learned = self._of_items(self._scores()) if self._learned else None
        return Snapshot(base, None, learned, losses={"total": self._loss}, probability=False)

    def score(self, rows: npt.ArrayLike, x_y: npt.ArrayLike | None = None) -> FloatArray:
        """Learned scores (m,) of new rows (m, ...), unscaled like ``ds.x``; base scores without labels."""
        base, learned = self.score_both(rows)
        return base if learned is None else learned

    def score_both(self, rows: npt.ArrayLike, x_y: npt.ArrayLike | None = None) -> tuple[FloatArray, FloatArray | None]:
        """Base scores (m,) and learned scores (m,) of new rows; no learned ones without labels."""
        self._check_built()
        x = np.asarray(rows, np.float32)
        weights = np.stack([self._uniform, self._weights]).astype(np.float32)
        parts = [np.empty((2, 0), np.float32)]
        for start in range(0, len(x), ROWS):
            projected = self._projections @ np.ascontiguousarray(self._scaled(x[start : start + ROWS]).T)
            features = np.empty(projected.shape, np.float32)
            for j, (z, surprise) in enumerate(zip(projected, self._surprise, strict=True)):
                features[j] = surprise[self._bin(z, j, len(surprise))]
            parts.append(weights @ features)
        base, learned = np.concatenate(parts, axis=1)
        return base, learned if self._learned else None

    def state_dict(self) -> dict[str, Any]:
        """The weights. Projections and histograms follow from the data and the seed."""
        return {
            "seed": self.seed,
            "built": len(self._features) > 0,
            "weights": self._weights.copy(),
            "learned": self._learned,
            "loss": self._loss,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` gave; builds the histograms again if need be. ValueError if it differs."""
        if state["seed"] != self.seed or len(state["weights"]) != len(self._uniform):
            raise ValueError(
                f"the state is of LODA with seed {state['seed']} and {len(state['weights'])} projections, not with "
                f"seed {self.seed} and {len(self._uniform)}: give the same again."
            )
        if not state["built"]:
            self._forget()
        elif not len(self._features):
            for _ in self.pretrain():
                pass
        self._weights = np.array(state["weights"], float)
        self._learned, self._loss = bool(state["learned"]), float(state["loss"])

    def _check_built(self) -> None:
        if not len(self._features):
            raise RuntimeError("LODA has no histograms yet: run pretrain() to its end first.")

    def _scaled(self, x: FloatArray) -> FloatArray:
        scaled: FloatArray = ((x - self._offset) * self._factor).reshape(len(x), -1)
        return scaled

    def _bin(self, z: npt.NDArray[Any], j: int, bins: int) -> npt.NDArray[np.intp]:
        """Bins of values z (m,) of projection j; what lies beyond the range belongs to the outermost bin."""
        code: npt.NDArray[np.intp] = np.clip((z - self._low[j]) * self._scale[j], 0, bins - 1).astype(np.intp)
        return code

    def _scores(self) -> FloatArray:
        """Scores of the distinct rows with the current weights."""
        scores: FloatArray = self._weights.astype(np.float32) @ self._features
        return scores

    def _of_items(self, values: FloatArray) -> FloatArray:
        return values if self._place is None else values[self._place]

    def _threshold(self) -> tuple[float, npt.NDArray[np.float64]]:
        """The score below which all but a share tau of the items lie, and the features of the item there."""
        self._check_built()
        scores = self._of_items(self._scores())
        above = min(round(TAU * len(scores)), len(scores) - 1)
        item = int(np.argpartition(-scores, above)[above])
        row = item if self._place is None else int(self._place[item])
        return float(np.quantile(scores, 1 - above / len(scores))), self._features[:, row].astype(float)


def random_projections(d: int, m: int, seed: int) -> sparse.csr_array:
    """Random directions as rows, float32 (m, d): 1 - 1/sqrt(d) of the entries are 0, the rest normal, length 1.

    Sparse also because its products add in one order however many rows there are: equal rows fall into equal bins.
    """
    rng = np.random.default_rng(seed)
    used = d - int(d * (1 - d**-0.5))
    columns = np.stack([np.sort(rng.permutation(d)[:used]) for _ in range(m)])
    values = rng.normal(size=(m, used))
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    starts = np.arange(0, m * used + 1, used)
    return sparse.csr_array((values.ravel().astype(np.float32), columns.ravel(), starts), shape=(m, d))


def learn_weights(
    features: npt.NDArray[np.float64],
    anomaly: npt.NDArray[np.bool_],
    threshold: float,
    rank_item: npt.NDArray[np.float64],
    prior: npt.NDArray[np.float64],
) -> tuple[npt.NDArray[np.float64], float]:
    """Weights (m,) of unit length under which labelled anomalies score above a threshold and normals below it.

    They minimise, over w, the mean hinge of the anomalies times 100 plus that of the normals, both at the
    threshold q; .001 times the same with the score of the tau-th item, w . ``rank_item``, for q; and
    |w - prior|^2.

    Parameters
    ----------
    features : float64 (t, m)
        Of the labelled items.
    anomaly : bool (t,)
        Their labels.
    threshold : float
        q, under the weights so far.
    rank_item : float64 (m,)
        Features of the item whose score is q.
    prior : float64 (m,)
        Uniform weights.

    Returns
    -------
    float64 (m,), float
        The weights, and the minimum.

    Notes
    -----
    The loss of Das et al. (2016), as in their code. Our choice is the solver: they take up to 1,000 steps of RMSprop,
    we solve the dual, a quadratic with bounds in two variables per label, by L-BFGS-B. F1 is the same.
    """
    sign = np.where(anomaly, 1.0, -1.0)
    share = 1.0 / np.where(anomaly, max(anomaly.sum(), 1), max((~anomaly).sum(), 1))
    signed = features * sign[:, None]
    t = len(sign)

    # Two hinges for each label, max(0, bound - row . w), where ``row`` is of ``signed``, or of it less the tau-th item.
    def times_rows(w: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        product = signed @ w
        return np.concatenate([product, product - sign * (rank_item @ w)])

    def sum_of_rows(force: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        total: npt.NDArray[np.float64] = (force[:t] + force[t:]) @ signed - (force[t:] @ sign) * rank_item
        return total

    cost = np.concatenate([share * np.where(anomaly, ANOMALY_COST, NORMAL_COST), share * RANK_COST])
    missing = np.concatenate([sign * threshold, np.zeros(t)]) - times_rows(prior)

    def dual(force: npt.NDArray[np.float64]) -> tuple[float, npt.NDArray[np.float64]]:
        moved = sum_of_rows(force) / PRIOR
        return float(PRIOR / 2 * moved @ moved - force @ missing), times_rows(moved) - missing

    options = {"maxiter": 2000, "maxfun": 4000, "ftol": TOLERANCE}
    solved = minimize(dual, np.zeros(2 * t), jac=True, method="L-BFGS-B", bounds=Bounds(0.0, cost), options=options)
    weights = prior + sum_of_rows(solved.x) / PRIOR
    return weights / np.linalg.norm(weights), float(-solved.fun)
