"""Answers for many items at once, from a lasso: checked, and given to whoever asked for them once."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np

from uai_notebook.labels import Label
from uai_notebook.snapshot import IndexArray

_log = logging.getLogger(__name__)
_LABELS = tuple(int(label) for label in Label)

Callback = Callable[[IndexArray, int], object]


class Answers:
    """What views say about selections of n items; each selection counts once."""

    def __init__(self, n: int) -> None:
        self._n = n
        self._latest: dict[str, int] = {}  # number of the last selection of each view
        self.callbacks: list[Callback] = []

    def forget(self, view: str) -> None:
        """The view is gone, or begins anew."""
        self._latest.pop(view, None)

    def take(self, view: str, content: dict[str, Any], buffers: object) -> dict[str, Any] | None:
        """Call the callbacks; returns the reply, or None for what does not fit or came before."""
        items, label, number = _items(buffers, self._n), content.get("label"), content.get("selection")
        if items is None or type(label) is not int or label not in _LABELS or type(number) is not int:
            _log.warning("answers that do not fit: %.200r", content)
            return None
        if number <= self._latest.get(view, 0):
            return None
        self._latest[view] = number
        problem = self._call(items, label)
        return {"kind": "labeled", "view": view, "selection": number, "ok": not problem, "text": problem}

    def _call(self, items: IndexArray, label: int) -> str:
        """What went wrong, in words."""
        problems = []
        for callback in tuple(self.callbacks):
            try:
                callback(items, label)
            except Exception as error:  # it would reach neither the cell nor the page
                _log.exception("on_label callback failed for %d items", len(items))
                problems.append(f"{type(error).__name__}: {error}"[:500])
        return problems[0] if problems else ""


def _items(buffers: object, n: int) -> IndexArray | None:
    """int64 (m,), different items of n, from one buffer of int32; None if it is anything else."""
    if not isinstance(buffers, list | tuple) or len(buffers) != 1:
        return None
    try:
        data = memoryview(buffers[0])
    except TypeError:
        return None
    if not data.c_contiguous or data.nbytes % 4 or not 0 < data.nbytes <= 4 * n:
        return None
    items = np.frombuffer(data.cast("B"), "<i4").astype(np.int64)
    fits = items.min() >= 0 and items.max() < n and len(np.unique(items)) == len(items)
    return items if fits else None
