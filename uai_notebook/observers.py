"""Who is told that a session has changed."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

Observer = Callable[[frozenset[str]], None]

_log = logging.getLogger(__name__)


class Observers:
    """Functions that are called with what has changed, on the thread that changed it, under no lock.

    Examples
    --------
    >>> observers, heard = Observers(), []
    >>> end = observers.add(heard.append)
    >>> observers.tell("labels")
    >>> end()
    >>> observers.tell("queue")
    >>> heard
    [frozenset({'labels'})]
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._observers: list[Observer] = []

    def __len__(self) -> int:
        return len(self._observers)

    def add(self, observer: Observer) -> Callable[[], None]:
        """Call ``observer`` from now on; returns a function that ends it."""
        with self._lock:
            self._observers.append(observer)

        def end() -> None:
            with self._lock:
                if observer in self._observers:
                    self._observers.remove(observer)

        return end

    def tell(self, *changes: str) -> None:
        """Tell all of them."""
        with self._lock:
            observers = list(self._observers)
        for observer in observers:
            try:
                observer(frozenset(changes))
            except Exception:  # a broken view must not stop the loop or another view
                _log.exception("an observer failed on %s", changes)
