"""Which learner a name stands for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..datasets import Dataset
from ..training import TrainConfig
from .base import Learner
from .forest import PineForestLearner, TreeAadLearner
from .loda import LodaLearner
from .uai import BASES, UaiLearner
from .unsupervised import IsolationForestLearner, OcSvmLearner

#: What is not a network under a UAI layer: ``(ds, seed, **options) -> Learner``.
_OTHERS: dict[str, Callable[..., Learner]] = {
    "loda_aad": LodaLearner,
    "tree_aad": TreeAadLearner,
    "pine_forest": PineForestLearner,
    "isolation_forest": IsolationForestLearner,
    "oc_svm": OcSvmLearner,
}


def learner_names() -> tuple[str, ...]:
    """All names that a session takes for ``base``: networks, then other learners."""
    return (*BASES, *_OTHERS)


def make_learner(ds: Dataset, base: Any, config: TrainConfig | None = None, seed: int = 0, **options: Any) -> Learner:
    """The learner of a name or of a torch module; a learner is returned as it is.

    Parameters
    ----------
    ds : Dataset
        What is looked at.
    base : str, BaseModel or Learner
        One of :func:`learner_names`, a module to put a UAI layer on, or any learner.
    config : TrainConfig, optional
        Of networks; other learners have no use for it.
    seed : int
        Of all that is random.
    **options
        Of a learner that is no network, such as ``memory``: how many of the newest labels an AAD learner learns from
        (App. B.2).

    Raises
    ------
    ValueError
        An unknown name.
    TypeError
        Neither a name nor a learner nor a module that fits, or an option that it does not have.
    ImportError
        The learner needs a package that is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from uai_notebook import Dataset
    >>> ds = Dataset.from_arrays(np.random.default_rng(0).normal(size=(50, 3)))
    >>> type(make_learner(ds, "loda_aad", memory=1000)).__name__
    'LodaLearner'
    """
    if isinstance(base, str) and base not in learner_names():
        raise ValueError(f"base={base!r}: expected one of {', '.join(learner_names())}, a BaseModel or a Learner.")
    if isinstance(base, str) and base in _OTHERS:
        return _OTHERS[base](ds, seed=seed, **options)
    if options:
        raise TypeError(f"base={base!r} has no option {', '.join(options)}: only {', '.join(_OTHERS)} have options.")
    if isinstance(base, Learner) and not isinstance(base, type | str):
        return base
    return UaiLearner(ds, base, config, seed)
