"""A base model as it was at one moment: what is asked about single items while training goes on."""

from __future__ import annotations

import copy
import logging
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from ..models import BaseModel
from ..snapshot import FloatArray
from ..training import Rows

_log = logging.getLogger(__name__)


class Rebuilt(NamedTuple):
    """Items and what the model makes of them, float32 (m, d) each, as the network sees them."""

    x: FloatArray
    made: FloatArray


class Replica:
    """A copy of a base model, never trained, on the cpu: it belongs to a snapshot and may be asked in any thread.

    Parameters
    ----------
    base : BaseModel
        Copied now. Random generators and tensors beside its weights, which evaluation does not use, are shared.
    rows : Rows
        Whose scaling belongs to the weights.

    Examples
    --------
    >>> import numpy as np, torch
    >>> from uai_notebook import Dataset, DenoisingAutoEncoder
    >>> from uai_notebook.learners.replica import Replica
    >>> from uai_notebook.training import Rows
    >>> rows = Rows(Dataset.from_arrays([[0.0, 10.0], [5.0, 20.0]]), torch.device("cpu"))
    >>> replica = Replica(DenoisingAutoEncoder(2), rows)
    >>> replica.reconstruct(np.float32([[5, 15]])).x
    array([[1. , 0.5]], dtype=float32)
    """

    def __init__(self, base: BaseModel, rows: Rows) -> None:
        module: Any = base
        shared = {id(value): value for part in module.modules() for value in vars(part).values() if _is_shared(value)}
        self._base: Any = copy.deepcopy(base, shared).to("cpu").eval()  # type: ignore[attr-defined]
        self._offset, self._factor = rows.offset.copy(), rows.factor.copy()

    @staticmethod
    def of(base: BaseModel, rows: Rows) -> Replica | None:
        """A replica of a model that can be asked something; None for any other, and for one that cannot be copied."""
        if not hasattr(base, "reconstruct") and not hasattr(base, "class_probability"):
            return None
        try:
            return Replica(base, rows)
        except Exception:  # of a user's module: its training must not fail for it
            _log.warning("%s cannot be copied: its reconstructions are not shown", type(base).__name__, exc_info=True)
            return None

    @property
    def reconstructs(self) -> bool:
        """Whether there is :meth:`reconstruct`."""
        return hasattr(self._base, "reconstruct")

    @property
    def classifies(self) -> bool:
        """Whether there is :meth:`class_probability`."""
        return hasattr(self._base, "class_probability")

    @torch.inference_mode()
    def reconstruct(self, rows: npt.ArrayLike, x_y: npt.NDArray[np.int64] | None = None) -> Rebuilt:
        """What the model makes of rows (m, ...), unscaled like ``ds.x``; ``x_y`` (m,) are codes of given classes."""
        x = self._scaled(rows)
        codes = None if x_y is None else torch.from_numpy(np.asarray(x_y, np.int64))
        made = self._base.reconstruct(x, codes).float().numpy()
        return Rebuilt(x.flatten(1).numpy(), made.reshape(len(made), -1))

    @torch.inference_mode()
    def class_probability(self, rows: npt.ArrayLike) -> FloatArray:
        """How probable each class is for rows (m, ...), unscaled like ``ds.x``: float32 (m, C)."""
        found: FloatArray = self._base.class_probability(self._scaled(rows)).float().numpy()
        return found

    def unscaled(self, values: FloatArray) -> FloatArray:
        """Scaled values (m, d) in the units of the data; of a constant feature, that constant."""
        offset, factor = self._offset.reshape(1, -1), self._factor.reshape(1, -1)
        with np.errstate(over="ignore"):
            back = np.divide(values, factor, out=np.zeros_like(values), where=factor > 0) + offset
        return np.asarray(back, np.float32)

    def _scaled(self, rows: npt.ArrayLike) -> torch.Tensor:
        return torch.from_numpy((np.array(rows, np.float32) - self._offset) * self._factor)


def _is_shared(value: Any) -> bool:
    return isinstance(value, torch.Generator | torch.Tensor)
