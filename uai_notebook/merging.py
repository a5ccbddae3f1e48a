"""Sessions of several annotators on the same data made one."""

from __future__ import annotations

import json
import os
import shutil
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from .agreement import Opinions, conflicts
from .answers import Answer, answers_of
from .arguments import MERGED, check_name
from .journal import Journal
from .labels import JOURNAL_NAME, Label, LabelStore
from .matching import ItemMatch, has_row_ids

if TYPE_CHECKING:
    from .datasets import Dataset


@dataclass(frozen=True)
class Merge:
    """What became of a merge.

    Attributes
    ----------
    path : Path
        Folder of the new session.
    n_answers : mapping of str to int
        Answers in it, by annotator.
    n_repeated : int
        Calls that several of the folders had, which count once: of a folder that is a copy of another, or was merged
        before.
    conflicts : DataFrame
        See :func:`~uai_notebook.conflicts`.
    unmatched : mapping
        Labelled items that the data lack: id to "missing" or "changed". Their answers are in the journal and are not
        used, until they are opened with data that have them.
    """

    path: Path
    n_answers: Mapping[str, int]
    n_repeated: int
    conflicts: pd.DataFrame
    unmatched: Mapping[Any, str]


def merge_sessions(
    folders: Sequence[str | Path], path: str | Path, ds: Dataset, *, names: Sequence[str] | None = None
) -> Merge:
    """Make one session of several on the same data. The folders themselves are only read.

    Every answer that was not taken back is in the new journal, with its annotator, time and scores, and so are notes.
    Items are the same if id and content are, or the content alone where ids are row numbers. The model is trained anew:
    ``ActiveSession.resume(path, ds)``.

    Parameters
    ----------
    folders : sequence of str or Path
        Of at least two sessions, which may be open elsewhere.
    path : str or Path
        Of the new session; it must not be there yet.
    ds : Dataset
        The data.
    names : sequence of str, optional
        For answers without an annotator, one for each folder; by default the names of the folders, where a copy of
        another (they share such answers) has the name of the first of them.

    Returns
    -------
    Merge

    Raises
    ------
    FileNotFoundError, FileExistsError
        A folder without a session; a new folder that is there.
    ValueError
        Other data, a damaged journal, fewer than two folders, names that repeat. Nothing was written.

    Notes
    -----
    Where the annotators of an item disagree it is Unsure, said by "(merged)", until :func:`~uai_notebook.adjudicate`
    decides: the model learns neither side. Where one is unsure and another is not, the one who is sure counts. Of two
    answers of one annotator the later one counts: in one folder that of the later line, of two folders that of the
    later time; clocks of two computers may differ. Settings are those of the first folder,
    but no budget if all together more was asked than it allows.

    Examples
    --------
    >>> import tempfile, numpy as np
    >>> from pathlib import Path
    >>> import uai_notebook as uai
    >>> ds = uai.Dataset.from_arrays(np.eye(12))
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name, labels in (("anna", [1, 1]), ("ben", [1, 0])):
    ...     session = uai.ActiveSession(ds, path=folder / name)
    ...     session.label([3, 5], labels)
    ...     session.close()
    >>> merged = uai.merge_sessions([folder / "anna", folder / "ben"], folder / "both", ds)
    >>> merged.n_answers, merged.conflicts["index"].tolist()
    ({'anna': 2, 'ben': 2}, [5])
    >>> uai.ActiveSession.resume(merged.path, ds).labels[["index", "label"]].values.tolist()
    [[3, 1], [5, -1]]
    """
    path, sources = Path(path).resolve(), [Path(folder).resolve() for folder in folders]
    if len(set(sources)) < 2 or len(set(sources)) < len(sources):
        raise ValueError(f"{len(sources)} folders, {len(set(sources))} of them different: expected at least two.")
    named = _checked_names(sources, names)
    if path.exists():
        raise FileExistsError(f"{path} is there: choose a new folder for the merged session.")
    read = [_read(folder, ds) for folder in sources]
    match = ItemMatch(ds, [event for _, done, notes in read for event in (*done, *notes)], has_row_ids(ds))
    parts = [_timed(done, _late(done, match)) + _timed(notes, [False] * len(notes)) for _, done, notes in read]
    events, n_repeated = _in_order(_with_names(parts, named, names is not None))
    settings = next((store.settings for store, _, _ in read if store.settings), {})
    new = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    new.mkdir(parents=True)
    try:
        store = _write(new, ds, settings, [*events, *_agreed(events, match), *_joined_notes(events, match)])
        budget = settings.get("budget")
        if isinstance(budget, int) and store.n_asked > budget:
            store.set_settings({**settings, "budget": None})
        os.replace(new, path)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    counts: dict[str, int] = {}
    for event in events:
        if event["op"] == "label" and event["annotator"] != MERGED:
            counts[event["annotator"]] = counts.get(event["annotator"], 0) + len(event["id"])
    return Merge(path, counts, n_repeated, conflicts(store), store.unmatched)


@dataclass(frozen=True)
class _Event:
    """An event that is taken over, and what it is sorted by."""

    event: dict[str, Any]
    when: tuple[bool, datetime]


def _checked_names(sources: Sequence[Path], names: Sequence[str] | None) -> list[str]:
    found = [source.name for source in sources] if names is None else [check_name(name) for name in names]
    if len(found) != len(sources) or len(set(found)) < len(found) or MERGED in found:
        raise ValueError(
            f"names {found} for {len(sources)} folders: expected a different one for each, names=[...], since answers "
            "without an annotator are known by them."
        )
    return found


def _read(folder: Path, ds: Dataset) -> tuple[LabelStore, list[dict[str, Any]], list[dict[str, Any]]]:
    """A session's store, which has checked its journal, its label events that count, and its notes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # items that are not in the data: the merge reports them
        store = LabelStore.open(folder, ds, read_only=True)
    _, events = Journal.open(folder / JOURNAL_NAME, read_only=True)
    done: list[dict[str, Any]] = []
    undone: list[dict[str, Any]] = []
    kept: list[dict[str, Any]] = []
    for event in events:
        if event["op"] == "label":
            done.append(event)
            undone.clear()
        elif event["op"] == "undo":
            undone.append(done.pop())
        elif event["op"] == "redo":
            done.append(undone.pop())
        elif event["op"] == "note":
            kept.append(_checked_note(event, folder))
    return store, done, kept


def _items(event: Mapping[str, Any], match: ItemMatch) -> list[Any]:
    """What an event is about, in words that all folders share."""
    return [match.item(i, content) for i, content in zip(event["id"], event["hash"], strict=True)]


def _late(events: list[dict[str, Any]], match: ItemMatch) -> list[bool]:
    """Which label events mark conflicts or came after: they stay after all that was said before."""
    found = []
    marked: set[Any] = set()
    for event in events:
        items = _items(event, match)
        found.append(event["annotator"] == MERGED or not marked.isdisjoint(items))
        if event["annotator"] == MERGED:
            marked.update(item for item, label in zip(items, event["label"], strict=True) if label == Label.UNSURE)
        elif found[-1]:
            marked.update(items)  # what is said later of the other items of a late call must stay after it
    return found


def _timed(events: list[dict[str, Any]], late: list[bool]) -> list[_Event]:
    """Events of one folder, which keep their order: none is sorted before the line above it, if a clock jumped back."""
    times = accumulate((datetime.fromisoformat(event["time"]) for event in events), max)
    return [_Event(event, when) for event, when in zip(events, zip(late, times, strict=True), strict=True)]


def _with_names(folders: Sequence[list[_Event]], names: Sequence[str], given: bool) -> list[_Event]:
    """All events, with a name where there was none.

    A folder that shares such an event with an earlier one is a copy: the event is that of the earlier one, and so is
    all that has no name, unless names were given.
    """
    owner: dict[str, str] = {}
    found = []
    for parts, name in zip(folders, names, strict=True):
        keys = [json.dumps({**part.event, "annotator": ""}, sort_keys=True) for part in parts]
        shared = [owner[k] for k, part in zip(keys, parts, strict=True) if k in owner and not part.event["annotator"]]
        own = shared[0] if shared and not given else name
        said_by = [part.event["annotator"] or owner.get(k, own) for k, part in zip(keys, parts, strict=True)]
        found += [_Event({**part.event, "annotator": who}, part.when) for part, who in zip(parts, said_by, strict=True)]
        owner = {**dict(zip(keys, said_by, strict=True)), **owner}
    return found


def _checked_note(event: dict[str, Any], folder: Path) -> dict[str, Any]:
    """A note with a time to sort by; that of a label is checked where the journal is read."""
    try:
        if datetime.fromisoformat(event["time"]).tzinfo is not None and isinstance(event["annotator"], str):
            return event
        raise ValueError("no time zone, or no annotator")
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"a note in {folder} is not valid ({error!r}): {str(event)[:80]}.") from error


def _in_order(parts: list[_Event]) -> tuple[list[dict[str, Any]], int]:
    """Events by time, each once, and how many were there again."""
    once: dict[str, dict[str, Any]] = {}
    for part in sorted(parts, key=lambda part: part.when):
        once.setdefault(json.dumps(part.event, sort_keys=True), part.event)
    return list(once.values()), len(parts) - len(once)


def _write(folder: Path, ds: Dataset, settings: Mapping[str, Any], events: list[dict[str, Any]]) -> LabelStore:
    """A journal of these events, on disk, and replayed."""
    LabelStore.create(folder, ds, settings)
    with (folder / JOURNAL_NAME).open("ab") as file:
        for event in events:
            file.write(json.dumps(event, separators=(",", ":"), allow_nan=False).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return LabelStore.open(folder, ds)


def _joined_notes(events: list[dict[str, Any]], match: ItemMatch) -> list[dict[str, Any]]:
    """One more note for each item that several annotators have a note on: an item has one, and none may be lost."""
    notes: dict[Any, dict[str, dict[str, Any]]] = {}
    for event in events:
        if event["op"] == "note":
            notes.setdefault(_items(event, match)[0], {})[event["annotator"]] = event
    joined = []
    for by_name in notes.values():
        texts = [f"{name}: {event['text']}" for name, event in by_name.items() if event["text"] and name != MERGED]
        last = list(by_name.values())[-1]
        if len(texts) > 1:
            joined.append({**last, "text": "\n".join(texts), "annotator": MERGED})
    return joined


def _agreed(events: list[dict[str, Any]], match: ItemMatch) -> list[dict[str, Any]]:
    """Where what counts last is not what the annotators say together, an event that says that.

    Items that the data lack now, too: they may be there again when the session is opened.
    """
    said: dict[Any, Opinions] = {}
    last: dict[Any, Answer] = {}
    asked: set[Any] = set()
    named: dict[Any, tuple[Any, str]] = {}
    for number, event in enumerate(event for event in events if event["op"] == "label"):
        items = _items(event, match)
        named |= zip(items, zip(event["id"], event["hash"], strict=True), strict=True)
        for place, answer in answers_of(event, range(len(items)), number).items():
            item = items[place]
            said.setdefault(item, Opinions()).add(answer)
            last[item] = answer
            asked.update([item] if answer.asked else [])
    differ = [item for item in said if said[item].together != last[item].label]
    event = {
        "op": "label",
        "id": [named[item][0] for item in differ],
        "hash": [named[item][1] for item in differ],
        "label": [said[item].together for item in differ],
        "asked": [item in asked for item in differ],
        "annotator": MERGED,
        "time": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "round": 0,
        "base_score": [None] * len(differ),
        "uai_score": [None] * len(differ),
    }
    return [event] if differ else []
