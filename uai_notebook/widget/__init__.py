"""The notebook: the only folder that imports anywidget or ipywidgets."""

from .explorer import Explorer, explore
from .panel import LabelPanel
from .scatter import LatentScatter

__all__ = ["Explorer", "LabelPanel", "LatentScatter", "explore"]
