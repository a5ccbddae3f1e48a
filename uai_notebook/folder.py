"""Which session has a folder, and whether what is given now fits what it was started with."""

from __future__ import annotations

import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .query import rule

if TYPE_CHECKING:
    from .session import ActiveSession

#: Sessions of this process by folder: running a cell again must not leave two trainers on one journal.
open_sessions: weakref.WeakValueDictionary[Path, ActiveSession] = weakref.WeakValueDictionary()


def close_older(path: Path) -> None:
    older = open_sessions.pop(path, None)
    if older is not None:
        older.close("This session was opened again below: label there.")


def same_base(saved: str, base: Any) -> Any:
    given = base if isinstance(base, str) else None if base is None else type(base).__name__
    if given is None and saved in ("dae", "class"):
        return saved
    if given != saved:
        what = "no base was given" if given is None else f"base={given!r} was given"
        raise ValueError(
            f"the saved session has base={saved!r}, and {what}: give the same one again, or choose another folder."
        )
    return base


def same_query(saved: str, query: Any) -> Any:
    if query is not None:
        return query
    try:
        rule(saved)
        return saved
    except ValueError:
        raise ValueError(f"the saved session has the query function {saved!r}: give it again, query=...") from None
