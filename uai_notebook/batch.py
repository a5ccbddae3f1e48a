"""The items of one round: which are offered, which still wait for an answer, which one a person looks at."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .labels import LabelStore


class Batch:
    """What the queue of a session holds. It knows the labels and nothing of models; the session has the lock.

    The journal has every offer, so that a session that is resumed asks what it asked before.

    Parameters
    ----------
    store : LabelStore
        Says which items have an answer.

    Attributes
    ----------
    items : list of int
        Items of this round, answered or not, best first.
    offered : set of int
        All items that were ever offered: answers for them spend budget.
    on_screen : int or None
        What a person looks at; a new snapshot does not take it off the screen.
    reviewing : bool
        Whether it had an answer when it was called up.
    """

    def __init__(self, store: LabelStore) -> None:
        self._store = store
        self.items: list[int] = []
        self.offered: set[int] = set()
        self.on_screen: int | None = None
        self.reviewing = False

    def waiting(self, limit: float) -> list[int]:
        """Items without an answer, at most ``limit``."""
        return [i for i in self.items if i not in self._store][: int(max(0, limit))]

    def was_asked(self, index: int) -> bool:
        """Whether an item was ever offered, in this process or, by its answer, in an earlier one."""
        return index in self.offered or self._store.was_asked(index)

    def with_new(self, chosen: Iterable[int], keep: Iterable[int] = ()) -> list[int]:
        """A new batch, not yet offered: what is looked at again, what is kept of the old one, then ``chosen``."""
        keep, chosen = list(keep), list(chosen)
        looked_at = [i for i in self.items if i == self.on_screen and self.reviewing]
        return [*(i for i in looked_at if i not in keep), *keep, *chosen]

    def offer(self, items: Iterable[int]) -> None:
        """Ask these now."""
        self.items = list(items)
        self.offered.update(self.items)

    def bring_back(self, taken: Iterable[int]) -> None:
        """Ask again what was asked before and has lost its answer."""
        back = [i for i in taken if i not in self._store and self.was_asked(i) and i not in self.items]
        self.items = back + self.items

    def show(self, index: int | None) -> bool:
        """Note what a person looks at; one that was offered and replaced comes back. Whether anything changed."""
        moved, self.on_screen = index != self.on_screen, index
        self.reviewing = index is not None and index in self._store
        before = len(self.items)
        if index is not None:
            self.bring_back([index])
        return moved or len(self.items) != before
