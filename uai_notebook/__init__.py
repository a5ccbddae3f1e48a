"""Active anomaly detection in a notebook.

Label the candidates that a network shows, and it learns from each answer (UaiNets: a logistic layer on the latent
and the score of any unsupervised anomaly model). Start with :func:`explore`, :class:`ActiveSession` or the
quickstart notebook, ``python -m uai_notebook``.

Importing this runs no third-party import: each name loads what it needs when it is first used (PEP 562).
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:
    from . import query as query
    from . import views as views
    from .agreement import adjudicate as adjudicate
    from .agreement import agreement_table as agreement_table
    from .agreement import conflicts as conflicts
    from .datasets import Dataset as Dataset
    from .datasets import list_datasets as list_datasets
    from .datasets import load_dataset as load_dataset
    from .detector import UaiDetector as UaiDetector
    from .experts import Expert as Expert
    from .experts import Oracle as Oracle
    from .experts import simulate as simulate
    from .explanation import Explanation as Explanation
    from .explanation import explain as explain
    from .export import clipboard_text as clipboard_text
    from .export import read_table as read_table
    from .export import save_table as save_table
    from .export import with_items as with_items
    from .labels import Label as Label
    from .labels import LabelStore as LabelStore
    from .learners import Learner as Learner
    from .merging import merge_sessions as merge_sessions
    from .models import BaseModel as BaseModel
    from .models import BaseOutput as BaseOutput
    from .models import Classifier as Classifier
    from .models import DenoisingAutoEncoder as DenoisingAutoEncoder
    from .models import UaiNet as UaiNet
    from .query import QueryStrategy as QueryStrategy
    from .replay import retrain as retrain
    from .review import review_items as review_items
    from .review import review_table as review_table
    from .session import ActiveSession as ActiveSession
    from .snapshot import History as History
    from .snapshot import Snapshot as Snapshot
    from .stopping import Outlook as Outlook
    from .stopping import when_to_stop as when_to_stop
    from .training import Progress as Progress
    from .training import TrainConfig as TrainConfig
    from .widget import Explorer as Explorer
    from .widget import LabelPanel as LabelPanel
    from .widget import LatentScatter as LatentScatter
    from .widget import explore as explore

_MODULE_OF = {
    "ActiveSession": "session",
    "BaseModel": "models",
    "BaseOutput": "models",
    "Classifier": "models",
    "Dataset": "datasets",
    "DenoisingAutoEncoder": "models",
    "Expert": "experts",
    "Explanation": "explanation",
    "Explorer": "widget",
    "History": "snapshot",
    "Label": "labels",
    "LabelPanel": "widget",
    "LabelStore": "labels",
    "LatentScatter": "widget",
    "Learner": "learners",
    "Oracle": "experts",
    "Outlook": "stopping",
    "Progress": "training",
    "QueryStrategy": "query",
    "Snapshot": "snapshot",
    "TrainConfig": "training",
    "UaiDetector": "detector",
    "UaiNet": "models",
    "adjudicate": "agreement",
    "agreement_table": "agreement",
    "clipboard_text": "export",
    "conflicts": "agreement",
    "explain": "explanation",
    "explore": "widget",
    "list_datasets": "datasets",
    "load_dataset": "datasets",
    "merge_sessions": "merging",
    "read_table": "export",
    "retrain": "replay",
    "review_items": "review",
    "review_table": "review",
    "save_table": "export",
    "simulate": "experts",
    "when_to_stop": "stopping",
    "with_items": "export",
}
_MODULES = ("query", "views")

__all__ = ["__version__", *sorted(_MODULE_OF), *_MODULES]  # noqa: PLE0604  (all are strings)

logging.getLogger(__name__).addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f".{name}", __name__)
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f".{_MODULE_OF[name]}", __name__), name)
    globals()[name] = value  # next time without this function
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
