"""torch modules only: base models, and the UAI layer that goes on top of any of them."""

from .base import BaseModel, BaseOutput
from .classifier import Classifier
from .dae import DenoisingAutoEncoder
from .uai import UaiNet, UaiOutput

__all__ = ["BaseModel", "BaseOutput", "Classifier", "DenoisingAutoEncoder", "UaiNet", "UaiOutput"]
