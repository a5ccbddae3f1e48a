"""Who answers: ``expert.audit`` of Algorithm 1. A person answers through the widget, an oracle from the truth."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from .labels import Label

if TYPE_CHECKING:
    from .session import ActiveSession


class Expert(Protocol):
    """Protocol of an expert.

    Examples
    --------
    >>> class Sceptic:
    ...     def audit(self, index):
    ...         return [0] * len(index)
    """

    def audit(self, index: npt.NDArray[np.int64]) -> npt.ArrayLike:
        """Labels (m,) of the items ``index`` (m,): 1 anomaly, 0 normal, -1 unsure."""
        ...


class Oracle:
    """An expert that knows the truth, for experiments and demos.

    Parameters
    ----------
    y : array_like of int (n,)
        1 anomaly, 0 normal.

    Examples
    --------
    >>> import numpy as np
    >>> from uai_notebook import Oracle
    >>> Oracle([0, 1, 0]).audit(np.array([1, 2]))
    array([1, 0], dtype=int8)
    """

    def __init__(self, y: npt.ArrayLike | None) -> None:
        if y is None:
            raise ValueError("Oracle(None): this Dataset has no truth y, so only a person can label it.")
        self.y = np.asarray(y)
        if self.y.ndim != 1 or not np.isin(self.y, (0, 1)).all():
            raise ValueError(f"Oracle: y has shape {self.y.shape}: expected one value per item, 1 anomaly or 0 normal.")

    def audit(self, index: npt.NDArray[np.int64]) -> npt.NDArray[np.int8]:
        """The truth of the items ``index``."""
        return np.asarray(self.y[index], dtype=np.int8)


def simulate(
    session: ActiveSession,
    expert: Expert,
    progress: bool = True,
    after_round: Callable[[ActiveSession], None] | None = None,
) -> ActiveSession:
    """Algorithm 1 with an expert that answers at once, until the budget is used.

    Goes on from where the session is: answers already given count.

    Parameters
    ----------
    session : ActiveSession
        Trained or new.
    expert : Expert
        For example ``Oracle(ds.y)``.
    progress : bool
        Show a bar.
    after_round : callable, optional
        Called with the session after each round's answers, before the next training: checkpoints, measurements.

    Returns
    -------
    ActiveSession
        The same one; not done if its training was cancelled on the way.

    Examples
    --------
    >>> import uai_notebook as uai
    >>> ds = uai.load_dataset("digits_0")
    >>> session = uai.ActiveSession(ds, budget=20, config=uai.TrainConfig(pretrain_steps=20, round_steps=5))
    >>> uai.simulate(session, uai.Oracle(ds.y), progress=False).n_labels
    20
    """
    from tqdm.auto import tqdm

    refills, session.refills = session.refills, False  # a refill would ask from an old model
    try:
        total = len(session.ds) if session.budget is None else session.budget
        with tqdm(total=total, initial=session.n_asked, unit="label", disable=not progress) as bar:
            while not session.done:
                if session.training:  # started by somebody else, a widget for example
                    session.wait()
                queue, before = session.queue, session.snapshot
                if not len(queue):
                    session.train()
                    if session.snapshot is before:  # the training was cancelled
                        break
                    continue  # rounds that were done again ask nothing: then comes a new one
                session.label(queue, expert.audit(queue))
                if after_round is not None:
                    after_round(session)
                bar.update(len(queue))
                bar.set_postfix(anomalies=session.store.counts()[Label.ANOMALY], refresh=False)
    finally:
        session.refills = refills
    return session
