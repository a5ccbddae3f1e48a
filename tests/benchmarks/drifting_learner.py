"""A learner that has its rounds ready at once: for benchmarks and tests of how rounds are drawn, sent and kept."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from uai_notebook import Dataset, Progress, Snapshot


class DriftingLearner:
    """Satisfies the protocol Learner; a round moves every latent a little along a way of its own.

    It learns nothing. What a session does with its snapshots is the real thing.

    Parameters
    ----------
    ds : Dataset
    d : int
        Dimension of the latent.
    seed : int
    seconds : float
        How long a round takes. While it does, the page finishes with what came before.

    Attributes
    ----------
    given : list of float
        When each snapshot was handed over, seconds since 1970: its round is its place.

    Examples
    --------
    >>> ds = Dataset.from_arrays(np.random.default_rng(0).normal(size=(50, 3)))
    >>> snapshot = DriftingLearner(ds).evaluate()
    >>> snapshot.latent.shape, snapshot.uai_logit
    ((50, 8), None)
    """

    def __init__(self, ds: Dataset, d: int = 8, seed: int = 0, seconds: float = 0.0) -> None:
        rng = np.random.default_rng(seed)
        self._latent = rng.normal(size=(len(ds), d)).astype(np.float32)
        self._way = rng.normal(scale=0.1, size=(len(ds), d)).astype(np.float32)
        self._rounds, self._labeled = 0, False
        self.seconds, self.given = seconds, list[float]()

    def pretrain(self) -> Iterator[Progress]:
        """Nothing to do."""
        yield Progress(1, 1, 0.0)

    def update(self, index: npt.NDArray[np.int64], label: npt.NDArray[np.int8]) -> Iterator[Progress]:
        """One round on; there is a UAI logit once both answers were given."""
        self._rounds += 1
        self._labeled = len(np.unique(label)) == 2
        for step in range(1, 11):
            time.sleep(self.seconds / 10)
            yield Progress(step, 10, 0.0)

    def evaluate(self) -> Snapshot:
        """Latents where they are now, and as score the sum of their squares."""
        latent = self._latent + self._rounds * self._way
        score = np.square(latent).sum(axis=1)
        head = np.append(np.full(latent.shape[1], 0.1), [0.2, -4.0]).astype(np.float32)
        logit = latent @ head[:-2] + score * head[-2] + head[-1]
        self.given.append(time.time())
        return Snapshot(score, latent, logit, head=head) if self._labeled else Snapshot(score, latent)

    def score(self, rows: npt.ArrayLike, x_y: npt.ArrayLike | None = None) -> npt.NDArray[np.float32]:
        """Sum of the squares of a row."""
        return np.square(np.asarray(rows, np.float32)).sum(axis=1)

    def state_dict(self) -> dict[str, Any]:
        """How far it is."""
        return {"rounds": self._rounds, "labeled": self._labeled}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Be as far as that."""
        self._rounds, self._labeled = state["rounds"], state["labeled"]
