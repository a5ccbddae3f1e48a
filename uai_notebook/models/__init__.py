"""torch modules only: base models, and the UAI layer that goes on top of any of them."""

from .base import BaseModel, BaseOutput, Stage
from .classifier import Classifier
from .dae import DenoisingAutoEncoder
from .dagmm import DAGMM
from .uai import UaiNet, UaiOutput

__all__ = [
    "DAGMM",
    "BaseModel",
    "BaseOutput",
    "Classifier",
    "DenoisingAutoEncoder",
    "Stage",
    "UaiNet",
    "UaiOutput",
]
