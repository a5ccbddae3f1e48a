"""What a session trains."""

from .base import Learner
from .loda import LodaLearner
from .registry import learner_names, make_learner
from .uai import UaiLearner

__all__ = ["Learner", "LodaLearner", "UaiLearner", "learner_names", "make_learner"]
