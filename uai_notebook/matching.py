"""Which row of the data a journaled item is: by its id and content, since data grow and are reordered."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from .datasets import Dataset

SKETCH_SIZE = 64
_IDS_IN = {"label": "id", "note": "id", "round": "queue", "offer": "queue"}
"""Where an event names items, by its op; their hashes stand beside it."""


class ItemMatch:
    """Finds the rows of journaled items: by id where the content is the same; row numbers, else, by the content alone.

    An id that is a name is bound to its item: what has changed under it is found nowhere else, and no other item gets
    its label. Row numbers say nothing in reordered or grown data: there the content is what an item is known by.

    Parameters
    ----------
    ds : Dataset
    events : iterable of mappings
        Of the whole journal.
    row_ids : bool
        Whether whole numbers among the journal's ids were row numbers: see :func:`has_row_ids`.
    """

    def __init__(self, ds: Dataset, events: Iterable[Mapping[str, Any]], row_ids: bool) -> None:
        self._row_of = {plain_id(item_id): row for row, item_id in enumerate(ds.ids)}
        ids = self._row_of
        content = [f"{h:016x}" for h in ds.item_hash.tolist()] if ids else []
        wanted = {pair for event in events for pair in _pairs(event)}
        self._rows = {(i, h): ids[i] for i, h in wanted if i in ids and content[ids[i]] == h}
        # Only reordered or grown data come to the rest.
        taken, no_names = set(self._rows.values()), _are_rows(ds)
        moved: dict[str, list[Any]] = {}
        for i, h in sorted(wanted - self._rows.keys(), key=str):
            if no_names or (row_ids and isinstance(i, int)):
                moved.setdefault(h, []).append(i)
        places: dict[str, list[int]] = {h: [] for h in moved}
        for row in range(len(ds)) if moved else ():
            if content[row] in places:
                places[content[row]].append(row)
        for h, numbers in moved.items():
            # Items of the same content are interchangeable: each number gets one that no other has. Where there are
            # more numbers than items, an item was answered under its old number and under its new one.
            free = [row for row in places[h] if row not in taken]
            rows = free if len(free) >= len(numbers) else places[h]
            self._rows.update(zip([(i, h) for i in numbers], cycle(rows), strict=False))
        self.complete = wanted <= self._rows.keys()

    def rows(self, event: Mapping[str, Any]) -> list[int | None]:
        """Rows of the items of an event, None for those that are not in this data."""
        return [self._rows.get(pair) for pair in zip(event["id"], event["hash"], strict=True)]

    def fates(self, event: Mapping[str, Any]) -> dict[Any, str]:
        """What became of the items of an event, by id: "changed" or "missing", and "" for those that are as they were.

        Those that were found by their content under another id are left out. "changed": there is an item of that id,
        with other content.
        """
        found = {}
        for i, row in zip(event["id"], self.rows(event), strict=True):
            if row is None:
                found[i] = "changed" if i in self._row_of else "missing"
            elif self._row_of.get(i) == row:
                found[i] = ""
        return found

    def item(self, item_id: Any, content: str) -> Any:
        """What two journals have in common of an item: its row, or, where there is none, id and content."""
        return self._rows.get((item_id, content), (item_id, content))

    def rows_offered(self, event: Mapping[str, Any]) -> list[int]:
        """Rows of the items that an event offers; those that are not in this data as they were are not asked."""
        if "hash" not in event:  # older versions: by id alone
            return [self._row_of[i] for i in event["queue"] if isinstance(i, str | int) and i in self._row_of]
        pairs = zip(event["queue"], event["hash"], strict=True)
        return [self._rows[i, h] for i, h in pairs if (i, h) in self._rows]


def has_row_ids(ds: Dataset) -> bool:
    """Whether the whole numbers among the ids, if there are any, are row numbers: they name no item then."""
    return _are_rows(ds) or all(isinstance(i, str) for i in ds.ids)


def _are_rows(ds: Dataset) -> bool:
    return ds.ids.dtype.kind in "iu" and np.array_equal(ds.ids, np.arange(len(ds)))


def item_hash(ds: Dataset, row: int) -> str:
    """The content hash of an item as a journal has it."""
    return f"{int(ds.item_hash[row]):016x}"


def plain_id(item_id: Any) -> str | int:
    """An id as JSON has it."""
    return item_id if isinstance(item_id, str) else int(item_id)


def sketch(ds: Dataset) -> list[str]:
    """The smallest content hashes: they are all still there in grown or reordered data, none in other data."""
    return [f"{int(h):016x}" for h in np.unique(ds.item_hash)[:SKETCH_SIZE]]


def ordered_digest(ds: Dataset) -> str:
    """Names the data row by row, 64 hex digits: another order, which trains another model, has another one."""
    sha = hashlib.sha256(np.ascontiguousarray(ds.item_hash).tobytes())
    sha.update(f"{ds.n_features}".encode())
    for item_id in ds.ids:
        sha.update(repr(plain_id(item_id)).encode("utf-8", "surrogatepass") + b"\n")
    return sha.hexdigest()


def check_same_data(header: Mapping[str, Any], ds: Dataset, path: Path) -> None:
    """ValueError if a journal is of other data."""
    try:
        here = np.asarray([int(h, 16) for h in header.get("sketch", [])], dtype=np.uint64)
    except (TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"line 1 of {path} is not a valid header ({error}): move the file away.") from error
    if header.get("fingerprint") == ds.fingerprint or np.isin(here, ds.item_hash).sum() * 2 > len(here):
        return
    raise ValueError(
        f"{path} holds labels of other data: {header.get('dataset')!r} with {header.get('n_items')} items, and this is "
        f"{ds.name!r} with {len(ds)} items of other content. Open it with its own data, or choose another folder."
    )


def _pairs(event: Mapping[str, Any]) -> list[tuple[Any, str]]:
    ids, hashes = event.get(_IDS_IN.get(str(event.get("op")), "")), event.get("hash")
    if not isinstance(ids, list) or not isinstance(hashes, list):
        return []  # the replay says which line it is
    return [(i, h) for i, h in zip(ids, hashes, strict=False) if isinstance(i, str | int) and isinstance(h, str)]
