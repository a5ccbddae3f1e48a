"""What a session trains."""

from .base import Learner
from .uai import UaiLearner

__all__ = ["Learner", "UaiLearner"]
