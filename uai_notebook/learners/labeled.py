"""Which labels a learner with a limited memory learns from."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..snapshot import IndexArray


def newest(
    index: IndexArray, label: npt.NDArray[np.int8], memory: int | None = None
) -> tuple[IndexArray, npt.NDArray[np.int8]]:
    """The last ``memory`` labels of those in the order given, all if None; sorted by item, int64 (t,), int8 (t,).

    Sorted, since the same labels must give the same model, in whatever order they came.

    Notes
    -----
    App. B.2: the memory of LODA-AAD and Tree-AAD is limited on KDDCUP, forgetting the oldest labels.

    Examples
    --------
    >>> import numpy as np
    >>> newest(np.array([7, 9, 2]), np.int8([1, 0, 1]), memory=2)
    (array([2, 9]), array([1, 0], dtype=int8))
    """
    if memory is not None:
        index, label = index[-memory:], label[-memory:]
    order = np.argsort(index)
    return index[order], label[order]
