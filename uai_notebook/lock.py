"""Who has a session's folder: one process at a time, told by a file in it."""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import secrets
import socket
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

LOCK_NAME = "lock"
WRITING_SECONDS = 5.0  # a younger lock that holds nothing is one that is being written
BEAT_SECONDS = 30.0  # at most so often is a sign of life written; nobody waits for one

_held: dict[Path, SessionLock] = {}  # of this process
_registry = threading.Lock()


class SessionLock:
    """The file ``lock`` of a session's folder. Use :meth:`take` and :meth:`release`.

    It names host, process and user. One process may take it several times; the last release removes it. A lock whose
    process is gone is taken over; one that another computer holds, or a process that still runs, is not, unless
    ``take_over``. Whoever was taken over finds out before the next line is written (:meth:`check`), so that taking
    over can never mix two journals.

    Notes
    -----
    Our choice: a file that appears whole under its name by a hard link (or else by O_CREAT and O_EXCL), which is atomic
    on NFS too, and no ``flock``, which is not there on every network disk.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / LOCK_NAME
        self._token = secrets.token_hex(8)
        self._pid = os.getpid()
        self._users = 0
        self._beaten = time.monotonic()

    @classmethod
    def take(cls, folder: str | Path, take_over: bool = False) -> SessionLock:
        """Get the folder's lock.

        Raises
        ------
        RuntimeError
            Somebody else has it; the text says who, since when, and what to do.
        OSError
            The folder cannot be written.
        """
        folder = Path(folder).resolve()
        with _registry:
            lock = _held.get(folder)
            if lock is None or lock._pid != os.getpid() or lock._owner().get("token") != lock._token:
                lock = cls(folder)
                lock._acquire(take_over)
                _held[folder] = lock
            lock._users += 1
            return lock

    def release(self) -> None:
        """Give it back; nothing happens if somebody else has taken it meanwhile."""
        with _registry:
            self._users -= 1
            if self._users > 0 or self._pid != os.getpid():
                return
            if _held.get(self.path.parent) is self:
                del _held[self.path.parent]
            if self._owner().get("token") == self._token:
                with contextlib.suppress(OSError):
                    self.path.unlink()

    def is_ours(self) -> bool:
        """Whether nobody else has the session now."""
        return self._owner().get("token") in (self._token, None)

    def check(self) -> None:
        """Before anything is written: RuntimeError if somebody else has the session now."""
        owner = self._owner()
        if not owner and self.path.parent.exists():  # deleted by hand
            with contextlib.suppress(FileExistsError):
                self._create()
            owner = self._owner()
        if owner and owner.get("token") != self._token:
            raise RuntimeError(
                f"this was NOT saved: the session was opened by {_who(owner)} since. Label there, or open it here "
                "again with take_over=True."
            )
        if time.monotonic() - self._beaten > BEAT_SECONDS:
            self._beaten = time.monotonic()
            with contextlib.suppress(OSError):
                os.utime(self.path)

    # -- inside -------------------------------------------------------------------------------------------------

    def _acquire(self, take_over: bool) -> None:
        try:
            self._create()
            return
        except FileExistsError:
            owner = self._owner()
        if owner and not take_over and not _is_gone(owner, self.path):
            raise RuntimeError(
                f"the session in {self.path.parent} is open in another notebook: {_who(owner)}, "
                f"{_last_seen(self.path)}. Close it there; or open it here with take_over=True, after which the other "
                "one takes no more answers; or only look at it with read_only=True."
            )
        if not owner and not take_over and _age(self.path) < WRITING_SECONDS:
            raise RuntimeError(f"the session in {self.path.parent} is being opened by another process: try again.")
        self._set_aside(owner)
        try:
            self._create()
        except FileExistsError:
            raise RuntimeError(
                f"the session in {self.path.parent} was opened by {_who(self._owner())} just now."
            ) from None

    def _set_aside(self, owner: dict[str, Any]) -> None:
        """Remove the lock that was looked at, and no other one that may have come meanwhile."""
        aside = self.path.with_name(f".{LOCK_NAME}.{self._pid}.{self._token}.old")
        try:
            os.rename(self.path, aside)
        except FileNotFoundError:
            return
        try:
            if self._owner(aside).get("token") != owner.get("token"):
                with contextlib.suppress(OSError):  # where there is another one by now, that one counts
                    os.link(aside, self.path)
        finally:
            aside.unlink(missing_ok=True)

    def _create(self) -> None:
        """FileExistsError if there is a lock."""
        temporary = self.path.with_name(f".{LOCK_NAME}.{self._pid}.{self._token}.tmp")
        try:
            temporary.write_text(self._me(), encoding="utf-8")
            try:
                os.link(temporary, self.path)
            except FileExistsError:
                raise
            except OSError:  # a disk without hard links
                with os.fdopen(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY), "wb") as file:
                    file.write(temporary.read_bytes())
        finally:
            temporary.unlink(missing_ok=True)

    def _me(self) -> str:
        """Who we are, as the file says it."""
        me = {
            "host": socket.gethostname(),
            "boot": _boot(),
            "processes": _process_space(),
            "pid": self._pid,
            "started": _started(self._pid),
            "user": _user(),
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "token": self._token,
        }
        return json.dumps(me)

    def _owner(self, path: Path | None = None) -> dict[str, Any]:
        """What the file says; empty if there is none, or none that can be read: then nobody holds it."""
        try:
            with (path or self.path).open("rb") as file:
                owner = json.loads(file.read(10_000))
        except (OSError, ValueError, RecursionError):
            return {}
        return owner if isinstance(owner, dict) else {}


def _is_gone(owner: dict[str, Any], path: Path) -> bool:
    """Whether the process of a lock certainly runs no more."""
    if owner.get("host") != socket.gethostname():
        return False
    if owner.get("boot") != _boot():
        return _age(path) > _uptime()  # else it is of another computer of the same name
    pid = owner.get("pid")
    if owner.get("processes") != _process_space() or not isinstance(pid, int):
        return False  # another container, whose processes we cannot see
    # Our own number is of a lock that was given up, or of a process before us.
    return pid == os.getpid() or not _runs(pid, owner.get("started"))


def _runs(pid: int, started: Any) -> bool:
    """Whether a process of this computer runs that began then; True where that cannot be known."""
    if os.name != "posix":
        return True  # there, os.kill(pid, 0) would end the process
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    if _stat(pid, 0) in ("Z", "X"):
        return False  # killed, and nobody has asked how it ended
    return bool(started == _started(pid))  # else the number was given to another process


def _started(pid: int) -> str | None:
    """When a process began, in the clock ticks of /proc; None where there is no such file."""
    return _stat(pid, 19)


def _stat(pid: int, field: int) -> str | None:
    """A field of /proc/pid/stat, counted from the state."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[field]
    except (OSError, IndexError):
        return None


def _uptime() -> float:
    """Seconds since this computer was started; 0 where that is not known."""
    try:
        return float(Path("/proc/uptime").read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return 0.0


def _age(path: Path) -> float:
    """Seconds since a file was last touched, 0 where it is gone."""
    try:
        return max(0.0, time.time() - path.stat().st_mtime)
    except OSError:
        return 0.0


def _boot() -> str | None:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return None


def _process_space() -> str | None:
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return None


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no name for the number, or no such module
        return "unknown"


def _who(owner: dict[str, Any]) -> str:
    user, host, pid, begun = (str(owner.get(name, "?"))[:80] for name in ("user", "host", "pid", "time"))
    return f"{user} on {host} (process {pid}, since {begun})"


def _last_seen(path: Path) -> str:
    if not path.exists():
        return "last used at an unknown time"
    seconds = _age(path)
    for unit, length in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * length:
            return f"last used {seconds / length:.0f} {unit} ago" + (", probably gone" if length > 60 else "")
    return "last used just now"
