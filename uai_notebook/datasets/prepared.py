"""Tables that load quickly: made once of the public originals, checked, and kept in the cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from uai_notebook.datasets.download import RemoteFile, cannot_write, download, find, is_cached, target_folder

Arrays = Mapping[str, npt.NDArray[Any]]
Rebuild = Callable[[Sequence[Path]], Arrays]

_NOT_WHAT_IT_SHOULD_BE = (ValueError, KeyError, IndexError, EOFError, zlib.error, zipfile.BadZipFile)
"""What numpy, pandas and gzip raise on a file of another content."""


@dataclass(frozen=True)
class Prepared(RemoteFile):
    """A file of arrays (npz) that is either there, or made here of public originals.

    Attributes
    ----------
    path, known_hash
        As of a `RemoteFile`; `known_hash` is that of the ready-made file. One made here has the same arrays in other
        bytes, as compression differs between machines.
    originals : tuple of RemoteFile
    rebuild : callable
        Called with the paths of the originals in their order; returns the arrays by name.
    content : str
        `content_hash` of what `rebuild` returns; "" where the ready-made file holds other values (creditcard).
    counts : (int, int, int)
        Items, features and the items that are counted as special; see `count`.
    count : callable
        Returns `counts` of the arrays.
    """

    originals: tuple[RemoteFile, ...] = ()
    rebuild: Rebuild = lambda paths: {}
    content: str = ""
    counts: tuple[int, int, int] = (0, 0, 0)
    count: Callable[[Arrays], tuple[int, int, int]] = lambda arrays: (*arrays["X"].shape, int(arrays["y"].sum()))

    def is_intact(self, path: Path) -> bool:
        """Tell whether the file at `path` is the ready-made one, or one with the right arrays."""
        if self.known_hash and super().is_intact(path):
            return True
        try:
            return not self.problem(read_arrays(path))
        except (OSError, *_NOT_WHAT_IT_SHOULD_BE):
            return False

    def problem(self, arrays: Arrays) -> str:
        """Return what is wrong with arrays that were rebuilt, or ""."""
        counts = self.count(arrays)
        if counts != self.counts:
            n, d, special = self.counts
            return (
                f"{counts[0]:,} x {counts[1]:,} with {counts[2]:,} marked, where {n:,} x {d:,} with {special:,} marked "
                "are expected"
            )
        found = content_hash(arrays)
        if self.content and found != self.content:
            return f"the checksum of its arrays is {found}, where {self.content} is expected"
        return ""


def content_hash(arrays: Arrays) -> str:
    """Return the sha256, 64 hex digits, over names, types, shapes and bytes of arrays, in the order of their names."""
    total = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        total.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        total.update(array.tobytes())
    return total.hexdigest()


def read_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """Read all arrays of an npz file.

    Raises
    ------
    ValueError, zipfile.BadZipFile
        Truncated, altered or another kind of file.
    """
    with path.open("rb") as stream:
        if not zipfile.is_zipfile(stream):
            raise ValueError(f"{path} is not an npz file, or a part of one.")
        stream.seek(0)
        with np.load(stream, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}


def is_ready(file: RemoteFile) -> bool:
    """Tell whether `get` needs no network: the cache has the file, or all that it is made of."""
    parts = file.originals if isinstance(file, Prepared) else ()
    return is_cached(file) or (bool(parts) and all(map(is_cached, parts)))


def prepare(file: Prepared, *, quiet: bool = False) -> Path:
    """Return the path of a verified table, made of its originals if no cache folder has it.

    Originals that are not in a cache folder are downloaded for the time of the work only: the table replaces them.

    Raises
    ------
    ConnectionError
        An original is missing and cannot be downloaded.
    OSError
        The originals are not the published ones; the table cannot be written; an altered one in a folder that cannot
        be written to.
    """
    path = find(file)
    if path is not None:
        return path
    path = target_folder() / file.path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=".originals-", dir=path.parent))
    except OSError as error:
        raise cannot_write(file, path, error) from error
    try:
        arrays = _rebuild(file, folder, quiet=quiet)
        _write(file, path, folder / path.name, arrays)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return path


def _write(file: RemoteFile, path: Path, beside: Path, arrays: Arrays) -> None:
    """Write the arrays beside `path` and give them their name when they are complete."""
    try:
        np.savez_compressed(beside, allow_pickle=False, **arrays)
        os.replace(beside, path)
    except OSError as error:
        raise cannot_write(file, path, error) from error


def _rebuild(file: Prepared, folder: Path, *, quiet: bool) -> Arrays:
    """Find the originals, download those that are missing into `folder`, and return the checked arrays."""
    paths = [find(part) or _download(file, part, folder, quiet=quiet) for part in file.originals]
    names = " and ".join(part.path for part in file.originals)
    try:
        arrays = file.rebuild(paths)
    except (OSError, *_NOT_WHAT_IT_SHOULD_BE) as error:
        raise OSError(f"cannot make {file.path} of {names}: {error}. These are not the published files.") from error
    problem = file.problem(arrays)
    if problem:
        raise OSError(f"what was made of {names} is not {file.path}: {problem}. These are not the published files.")
    return arrays


def _download(file: Prepared, part: RemoteFile, folder: Path, *, quiet: bool) -> Path:
    try:
        return download(part, folder / Path(part.path).name, quiet=quiet)
    except ConnectionError as error:
        raise ConnectionError(f"no cache folder has an intact {file.path}, so it has to be made: {error}") from error
