"""torch modules only: base models, and the UAI layer that goes on top of any of them."""

from .base import BaseModel, BaseOutput, Stage
from .classifier import Classifier
from .dae import DenoisingAutoEncoder
from .dagmm import DAGMM
from .dcn import DCN
from .dsebm import DSEBM
from .pae import PretrainedAutoEncoder
from .uai import UaiNet, UaiOutput

__all__ = [
    "DAGMM",
    "DCN",
    "DSEBM",
    "BaseModel",
    "BaseOutput",
    "Classifier",
    "DenoisingAutoEncoder",
    "PretrainedAutoEncoder",
    "Stage",
    "UaiNet",
    "UaiOutput",
]
