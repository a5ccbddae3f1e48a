"""What a session trains: the small protocol that the torch networks and any other learner satisfy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from ..snapshot import Snapshot
from ..training import Progress


@runtime_checkable
class Learner(Protocol):
    """Protocol of a learner over one Dataset.

    A learner that cannot divide its work yields one :class:`~uai_notebook.training.Progress`. All of it runs in
    one thread at a time, not always the same one.

    A learner may have ``score_both(rows, x_y=None)``, which gives base and learned scores of new data, (m,) each, the
    second None without labels: a detector then tells new kinds of anomalies from known ones (Sec. 4.3).

    Examples
    --------
    >>> from uai_notebook import Learner
    >>> from uai_notebook.learners import UaiLearner
    >>> issubclass(UaiLearner, Learner)
    True
    """

    def pretrain(self) -> Iterator[Progress]:
        """Fit without labels; a generator of progress."""
        ...

    def update(self, index: npt.NDArray[np.int64], label: npt.NDArray[np.int8]) -> Iterator[Progress]:
        """Train on all labels so far: items (t,) and their values 1 or 0, in the order given; t may be 0."""
        ...

    def evaluate(self) -> Snapshot:
        """Score all items. The session fills in the round and the labels."""
        ...

    def score(self, rows: npt.ArrayLike, x_y: npt.ArrayLike | None = None) -> npt.NDArray[np.float32]:
        """Scores (m,) of new data, rows of the Dataset's unscaled form; higher is more anomalous."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """A copy of everything that training changes, as plain arrays and numbers."""
        ...

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The inverse; afterwards training goes on exactly as it would have from there."""
        ...
