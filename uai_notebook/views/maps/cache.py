"""Maps that were computed before: the last few in memory, and in a folder if there is one."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import threading
import zipfile
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from uai_notebook.snapshot import FloatArray

_KEPT = 8  # in memory: a map of 5,000 items takes 40 kB a round

_log = logging.getLogger(__name__)
_recent: OrderedDict[str, list[FloatArray]] = OrderedDict()
_lock = threading.Lock()


def key_of(arrays: Sequence[FloatArray], settings: Mapping[str, Any]) -> str:
    """Hash of all that a map follows from."""
    digest = hashlib.sha256(json.dumps(dict(settings), sort_keys=True).encode())
    for array in arrays:
        digest.update(str((array.shape, array.dtype.str)).encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def load(key: str, folder: Path | None, lengths: Sequence[int]) -> list[FloatArray] | None:
    """The arrays kept under a key, None if there are none or their file is damaged."""
    with _lock:
        found = _recent.get(key)
    if found is None and folder is not None:
        found = _read(_path(key, folder), lengths)
    if found is not None:
        _remember(key, found)
    return found


def save(key: str, folder: Path | None, arrays: list[FloatArray]) -> None:
    """Keep the arrays of a key. A folder that cannot be written is logged: the map itself is there."""
    _remember(key, arrays)
    if folder is None:
        return
    path = _path(key, folder)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            np.savez(file, **{f"part_{i}": part for i, part in enumerate(arrays)})  # type: ignore[arg-type]
        os.replace(temporary, path)
    except OSError:
        _log.warning("the map could not be kept in %s", folder, exc_info=True)
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def forget() -> None:
    """Forget what is kept in memory."""
    with _lock:
        _recent.clear()


def _path(key: str, folder: Path) -> Path:
    return folder / f"map-{key[:32]}.npz"


def _remember(key: str, arrays: list[FloatArray]) -> None:
    with _lock:
        _recent[key] = arrays
        _recent.move_to_end(key)
        while len(_recent) > _KEPT:
            _recent.popitem(last=False)


def _read(path: Path, lengths: Sequence[int]) -> list[FloatArray] | None:
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            parts = [np.asarray(file[f"part_{i}"], np.float32).reshape(n, 2) for i, n in enumerate(lengths)]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        _log.warning("%s is damaged: the map is computed again", path)
        return None
    return parts
