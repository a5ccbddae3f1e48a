"""What a session trains."""

from .base import Learner
from .forest import PineForestLearner, TreeAadLearner
from .loda import LodaLearner
from .registry import learner_names, make_learner
from .uai import UaiLearner
from .unsupervised import IsolationForestLearner, OcSvmLearner

__all__ = [
    "IsolationForestLearner",
    "Learner",
    "LodaLearner",
    "OcSvmLearner",
    "PineForestLearner",
    "TreeAadLearner",
    "UaiLearner",
    "learner_names",
    "make_learner",
]
