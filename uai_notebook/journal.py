"""The file a label is written to before it counts: append-only JSON lines, one event each.

Line 1 is the header. A line that ends in a newline was acknowledged; half a line at the end was being written when
the process died, was never acknowledged, and is cut off when the file is opened again. What came first stands first:
no time that is written in a line is ever compared.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

FORMAT = 2
READABLE = (1, 2)  # 1 lacks notes, offers, and what a training was trained on
_log = logging.getLogger(__name__)


class Journal:
    """One append-only file. Use :meth:`create` or :meth:`open`.

    Parameters
    ----------
    path : pathlib.Path
        The file itself. It is opened anew for each line, so that a deleted file is noticed, not written into.
    header : dict
        The first line.
    content : bytes
        All of the file, as it was read or written.
    read_only : bool
        Whether :meth:`append` refuses.

    Attributes
    ----------
    guard : callable or None
        Called before each line is written: raises if somebody else has the file now.
    """

    def __init__(self, path: Path, header: dict[str, Any], content: bytes, read_only: bool = False) -> None:
        self.path, self.header, self.read_only = path, header, read_only
        self.guard: Callable[[], None] | None = None
        self._size = len(content)
        self._hash = hashlib.sha256(content)
        self._torn_at: int | None = None  # where a line begins that could neither be finished nor taken back

    @property
    def digest(self) -> str:
        """Names everything that is in the file: 64 hex digits of SHA-256."""
        return self._hash.hexdigest()

    @staticmethod
    def exists(path: Path) -> bool:
        """Whether ``path`` holds a journal with a whole header; a torn or missing header counts as none."""
        try:
            with path.open("rb") as file:
                return file.readline().endswith(b"\n")
        except FileNotFoundError:
            return False

    @classmethod
    def create(cls, path: Path, header: dict[str, Any]) -> Journal:
        """Write the header under a temporary name, fsync, rename: there is a whole header or no file.

        A file that is there and is no journal is kept under another name. OSError if there is no room for it.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size:
            aside = _free_name(path)
            _log.warning("%s is no label journal (its first line has no end): kept as %s", path, aside.name)
            os.rename(path, aside)
        temporary = path.with_name(path.name + f".{os.getpid()}.tmp")
        header = {"format": FORMAT, **header}
        temporary.unlink(missing_ok=True)
        try:
            with temporary.open("xb") as file:  # never through a link
                file.write(_line(header))
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except OSError as error:
            reason = error.strerror or str(error)
            raise type(error)(error.errno, f"no session could be started here: {reason}", str(path)) from error
        finally:
            temporary.unlink(missing_ok=True)
        _fsync_folder(path.parent)
        return cls(path, header, _line(header))

    @classmethod
    def open(cls, path: Path, read_only: bool = False) -> tuple[Journal, list[dict[str, Any]]]:
        """Read header and events; cut off a torn last line (``read_only``: pass over it).

        A last line that lacks nothing but its newline, as some editors leave it, is kept.

        Raises
        ------
        FileNotFoundError
            There is no journal.
        ValueError
            A line is not valid, the format is newer than this version reads, or the file is a link.
        """
        if path.is_symlink():
            raise ValueError(f"{path} is a link: a session's labels are in its own folder. Move the file itself there.")
        if not cls.exists(path):
            raise FileNotFoundError(f"no label journal at {path}: start a new session there, or check the path.")
        raw = path.read_bytes()
        whole, _, torn = raw.rpartition(b"\n")
        if _is_event(torn):
            whole, torn = raw, b""
            if not read_only:
                with path.open("ab") as file:
                    file.write(b"\n")
                    os.fsync(file.fileno())
        if torn and not read_only:
            _log.warning("cut off %d bytes of a line that was never acknowledged: %s", len(torn), path)
            os.truncate(path, len(whole) + 1)
        lines = [_parse(line, number, path) for number, line in enumerate(whole.split(b"\n"), start=1)]
        header, events = lines[0], lines[1:]
        if header.get("format") not in READABLE:
            raise ValueError(
                f"{path} has journal format {header.get('format')!r}; this version reads format {FORMAT} and older. "
                "Update uai_notebook, or start a session in another folder."
            )
        return cls(path, header, whole + b"\n", read_only), events

    def digests(self, numbers: Iterable[int]) -> list[str]:
        """What :attr:`digest` was after so many events, for each of ``numbers`` in ascending order."""
        found, sha, n = [], hashlib.sha256(), -1
        with self.path.open("rb") as file:
            for number in numbers:
                while n < number:
                    sha.update(file.readline())
                    n += 1
                found.append(sha.copy().hexdigest())
        return found

    def is_as_known(self) -> bool:
        """Whether the file is there, and nothing but what this object has read and written is in it."""
        try:
            return self._torn_at is not None or self.path.stat().st_size == self._size
        except OSError:
            return False

    def append(self, event: dict[str, Any]) -> None:
        """Append one line and fsync it. On return it is on disk; on an error nothing was added.

        Raises
        ------
        OSError
            The file could not be written: disk full, read-only, folder deleted.
        RuntimeError
            Another program has written in the file, or has the session now.
        """
        line = _line(event)
        if self.read_only:
            raise PermissionError(f"this was NOT saved: {self.path} was opened read-only.")
        if self.guard is not None:
            self.guard()
        try:
            # No O_CREAT: a journal that was deleted under us must not come back without its header.
            file = os.open(self.path, os.O_WRONLY | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0))
            try:
                self._add(file, line)
            finally:
                os.close(file)
        except OSError as error:
            reason = error.strerror or str(error)
            raise type(error)(error.errno, f"this was NOT saved: {reason}", str(self.path)) from error
        self._size += len(line)
        self._hash.update(line)

    def _add(self, file: int, line: bytes) -> None:
        if self._torn_at is not None:
            os.ftruncate(file, self._torn_at)
            self._torn_at = None
        before = os.fstat(file).st_size
        if before != self._size:
            raise RuntimeError(
                f"this was NOT saved: another program has written in {self.path} ({before - self._size:+d} bytes). "
                "Open the session again: what is there now counts."
            )
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[os.write(file, rest) :]
            os.fsync(file)
        except BaseException:  # an interrupt too: what is not counted must not be in the file
            self._torn_at = before
            with contextlib.suppress(OSError):
                os.ftruncate(file, before)
                self._torn_at = None
            raise


def _line(event: dict[str, Any]) -> bytes:
    return json.dumps(event, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def _is_event(line: bytes) -> bool:
    """Whether all of a line is there: half of one is no JSON object."""
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _free_name(path: Path) -> Path:
    names = (path.with_name(f"{path.name}.broken-{n}") for n in range(1, 1_000))
    return next(name for name in names if not name.exists())


def _parse(line: bytes, number: int, path: Path) -> dict[str, Any]:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError) as error:
        event = error
    if not isinstance(event, dict):
        what_to_do = "The other lines are intact: keep a copy of the file, delete that line, and open it again."
        if number == 1:
            what_to_do = "It is the header, which names the data: move the file away, or choose another folder."
        raise ValueError(f"line {number} of {path} is not a valid journal line: {line[:80]!r}. {what_to_do}")
    return event


def _fsync_folder(folder: Path) -> None:
    if os.name == "posix":  # elsewhere a folder cannot be opened, and the rename is enough
        file = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)
