"""A session as a file of plain arrays: written whole or not at all, read without running anything that is in it."""

from __future__ import annotations

import json
import os
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .training import TrainConfig

if TYPE_CHECKING:
    from .session import ActiveSession

VERSION = 1
_TREE, _ARRAY = "tree", "__array__"
# What a file may unpack to, so that a small one cannot fill the memory. Our choice: KDDCUP packs 64 times, and zeros
# 1,000 times.
MOST_TIMES, FLOOR = 200, 64 * 2**20  # times its own size; bytes that any file may


def write(path: str | Path, tree: Any, *, compress: bool = True) -> None:
    """Write nested dicts and lists of arrays, numbers, strings and None as one .npz.

    The file appears complete or not at all: it is written under a temporary name, to disk, and renamed. Without
    ``compress`` that is ten times faster.

    Raises
    ------
    TypeError
        Something else in the tree; nothing was written.
    OSError
        The file could not be written; one of before is as it was.
    """
    path = Path(path)
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    text = json.dumps({"version": VERSION, "tree": _take_arrays(tree, arrays)})
    arrays[_TREE] = np.frombuffer(text.encode(), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.unlink(missing_ok=True)
        with temporary.open("xb") as file:  # a new file: what somebody's link points to is not written over
            (np.savez_compressed if compress else np.savez)(file, **arrays)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        if compress and _unpacked(temporary) > _most(temporary):  # nearly all zeros: reading would refuse it
            write(path, tree, compress=False)
        else:
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def read(path: str | Path) -> Any:
    """Read what :func:`write` wrote; tuples come back as lists.

    Raises
    ------
    FileNotFoundError
        No such file.
    ValueError
        Not a checkpoint, a damaged one, one of a newer version, or one that unpacks to more than 200 times its
        own size and 64 MiB.
    """
    try:
        if _unpacked(path) > _most(path):
            raise ValueError(f"it unpacks to {_unpacked(path):,} bytes, and {_most(path):,} are the most for its size")
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        head = json.loads(arrays.pop(_TREE).tobytes())
        if head["version"] != VERSION:
            raise ValueError(f"it has version {head['version']}, and this program reads version {VERSION}")
        return _put_arrays(head["tree"], arrays)
    except FileNotFoundError:
        raise
    except Exception as error:  # zip, zlib, json and numpy each have their own for a damaged file
        raise ValueError(f"{path} is not a checkpoint that can be read ({error}): delete it to start again.") from error


def _unpacked(path: str | Path) -> int:
    """Bytes that the arrays in a file take, as it says itself; not more are read."""
    with zipfile.ZipFile(path) as file:
        return sum(entry.file_size for entry in file.infolist())


def _most(path: str | Path) -> int:
    return FLOOR + MOST_TIMES * os.path.getsize(path)


def save(session: ActiveSession, path: str | Path, **extra: Any) -> None:
    """Write the state of Algorithm 1 between two rounds: model, optimizer, random state, labels, scalars of history.

    Parameters
    ----------
    session : ActiveSession
        Trained, with no training running.
    path : str or Path
    **extra
        Anything :func:`write` takes, for :func:`load` to return.

    Raises
    ------
    RuntimeError
        A training runs, or there was none yet.
    """
    with session._lock:
        if session.training or session.snapshot is None:
            raise RuntimeError("a checkpoint is taken between two rounds: wait() for the training first.")
        index, value = session.current_labels()
        current = session.store.current
        write(
            path,
            {
                "fingerprint": session.ds.fingerprint,
                "settings": session.settings,
                "options": getattr(session.learner, "options", {}),
                "learner": session.learner.state_dict(),
                "index": index,
                "value": value,
                "asked": np.asarray([current[i].asked for i in index.tolist()], bool),
                "batch": session._batch.items,
                "offered": sorted(session._batch.offered),
                "round": session.round,
                "trained": np.asarray([session.snapshot.labeled_index, session.snapshot.labeled_value], np.int64),
                "history": session.history.state_dict(),
                "extra": extra,
            },
        )


def load(session: ActiveSession, path: str | Path) -> dict[str, Any]:
    """Bring a new session in memory to the state of a checkpoint; it then goes on exactly as the saved one would have.

    When and by whom a label was given is not in a checkpoint (the journal has that), nor are the frames of the history.

    Parameters
    ----------
    session : ActiveSession
        Made with the same data and arguments, untrained, without labels.
    path : str or Path

    Returns
    -------
    dict
        The ``extra`` of :func:`save`.

    Raises
    ------
    ValueError
        A damaged file, other data or other settings; the session is as it was.
    RuntimeError
        The session has been trained or has labels.
    """
    state = read(path)
    if session.snapshot is not None or session.n_labels or session.training:
        raise RuntimeError("a checkpoint is loaded into a new session, and this one has been trained or has labels.")
    if state["fingerprint"] != session.ds.fingerprint:
        raise ValueError(f"{path} belongs to other data than {session.ds.name!r}: delete it, or load its own data.")
    settings, saved = json.loads(json.dumps(session.settings)), state["settings"]
    saved["config"] = TrainConfig.from_dict(saved["config"]).to_dict()  # fields added since have their defaults
    differ = sorted(name for name, value in settings.items() if saved.get(name) != value)
    if differ:
        name = differ[0]
        raise ValueError(f"{path} was made with {name}={saved.get(name)!r}, not {settings[name]!r}.")
    options = getattr(session.learner, "options", {})
    if state.get("options", options) != options:
        raise ValueError(f"{path} was made with a learner of options {state['options']}, not {options}.")
    with session._lock:
        session.learner.load_state_dict(state["learner"])
        if len(state["index"]):
            session.store.add(state["index"].tolist(), state["value"].tolist(), asked=state["asked"].tolist())
        session.store.rounds = int(state["round"])
        session._batch.items = list(state.get("batch", []))
        session._batch.offered = set(state.get("offered", []))
        trained, value = state["trained"]
        session._snapshot = replace(
            session.learner.evaluate(),
            round=session.round,
            labeled_index=trained,
            labeled_value=value.astype(np.int8),
        )
        session._trained = dict(zip(trained.tolist(), value.tolist(), strict=True))
        session.history.load_state_dict(state["history"], session._snapshot)
    return dict(state["extra"])


def _take_arrays(tree: Any, arrays: dict[str, np.ndarray[Any, Any]]) -> Any:
    """The tree as JSON can hold it; its arrays go into ``arrays``."""
    if isinstance(tree, np.ndarray):
        if tree.dtype.hasobject:
            raise TypeError("an array of objects cannot be in a checkpoint: plain numbers only.")
        name = f"a{len(arrays)}"
        arrays[name] = tree
        return {_ARRAY: name}
    if isinstance(tree, dict):
        # As pairs: JSON would turn an optimizer's integer keys into strings.
        return {"dict": [[key, _take_arrays(value, arrays)] for key, value in tree.items()]}
    if isinstance(tree, list | tuple):
        return [_take_arrays(value, arrays) for value in tree]
    if isinstance(tree, np.generic):
        return tree.item()
    if tree is None or isinstance(tree, bool | int | float | str):
        return tree
    raise TypeError(
        f"{type(tree).__name__} cannot be in a checkpoint: expected arrays, numbers, strings, lists, dicts."
    )


def _put_arrays(tree: Any, arrays: dict[str, np.ndarray[Any, Any]]) -> Any:
    if isinstance(tree, dict):
        if _ARRAY in tree:
            return arrays[tree[_ARRAY]]
        return {key: _put_arrays(value, arrays) for key, value in tree["dict"]}
    return [_put_arrays(value, arrays) for value in tree] if isinstance(tree, list) else tree
