"""A trained learner apart from the items it was trained on."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import numpy.typing as npt

from ..datasets import Dataset
from ..learners import Learner, UaiLearner
from ..snapshot import FloatArray


def blank(shape: tuple[int, ...], class_names: tuple[int | str, ...] = ()) -> Dataset:
    """A Dataset of two items of nothing: what a network needs to be made, and none of anybody's data."""
    d = int(np.prod(shape))
    return Dataset(
        x=np.zeros((2, *shape), np.float32),
        name="nothing",
        ids=np.arange(2),
        feature_names=tuple(f"x{j}" for j in range(d)),
        x_y=np.zeros(2, np.int64) if class_names else None,
        class_names=class_names,
    )


def network_of(learner: Learner, ds: Dataset) -> Learner:
    """A copy of a network that holds no data; any other learner as it is."""
    if not isinstance(learner, UaiLearner):
        return learner
    # The module is copied whole and gets its weights once more: it may hold what no state_dict has.
    module = copy.deepcopy(learner.net.base)
    new = UaiLearner(blank(ds.x.shape[1:], ds.class_names), module, learner.config)
    new.load_state_dict(learner.state_dict())
    return new


def needs_classes(learner: Learner) -> bool:
    """Whether given classes count for the score; where they do not they may be anything."""
    return isinstance(learner, UaiLearner) and learner.net.base.needs_x_y


def score_both(learner: Any, rows: FloatArray, x_y: npt.NDArray[Any] | None) -> tuple[FloatArray, FloatArray | None]:
    """Base and learned scores of new rows. TypeError for a learner of somebody's own that has only one."""
    if not hasattr(learner, "score_both"):
        raise TypeError(
            f"{type(learner).__name__} has no score_both(rows, x_y): give it one, as the protocol Learner says."
        )
    base, learned = learner.score_both(rows, x_y)
    return base, learned
