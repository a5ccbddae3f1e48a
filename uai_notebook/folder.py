"""The folder of a session: who has it, and whether what is given now fits what it was started with."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .arguments import check_loop, check_name
from .auditing import Audits
from .cache import SessionCache
from .journal import Journal
from .labels import JOURNAL_NAME, LabelStore
from .learners import learner_names
from .lock import SessionLock
from .query import RULES, rule
from .query import name_of as query_name
from .training import TrainConfig

if TYPE_CHECKING:
    from .datasets import Dataset
    from .session import ActiveSession

__all__ = [
    "SessionFolder",
    "base_settings",
    "check_options",
    "check_reader",
    "close_older",
    "handed_over",
    "is_same",
    "merged_options",
    "open_sessions",
    "opening",
    "query_name",
    "saved_options",
    "set_options",
]

#: Sessions of this process by folder: running a cell again must not leave two trainers on one journal.
open_sessions: weakref.WeakValueDictionary[Path, ActiveSession] = weakref.WeakValueDictionary()
#: Held while one is opened: threads that open the same folder at once get one session.
opening = threading.RLock()

OPTIONS = ("k", "budget", "query", "seed", "config", "annotator", "audit")
OPENED_AGAIN = "This session was opened again below: label there."
MOST_WEIGHTS, MOST_THREADS = 10**9, 1024  # more than a session has: a damaged file must not take the whole memory
READ_ONLY = "This session was opened with read_only=True: it takes no answers. Open it without, to label."


@dataclass(eq=False)
class SessionFolder:
    """What a session has on disk: its journal, the cache beside it, and the lock, None if it is only read."""

    path: Path
    store: LabelStore
    cache: SessionCache
    lock: SessionLock | None = None
    read_only: bool = False

    @staticmethod
    def exists(path: Path) -> bool:
        """Whether there is a session in ``path``."""
        return Journal.exists(path / JOURNAL_NAME)

    @classmethod
    def create(cls, path: Path, ds: Dataset, settings: Mapping[str, Any]) -> SessionFolder:
        """Start a session in ``path``, which is made if needed. FileExistsError if there is one."""
        if cls.exists(path):
            LabelStore.create(path, ds)  # says what to do
        path.mkdir(parents=True, exist_ok=True)
        return cls._with_lock(path, lambda: LabelStore.create(path, ds, settings), False)

    @classmethod
    def open(cls, path: Path, ds: Dataset, read_only: bool = False, take_over: bool = False) -> SessionFolder:
        """The session in ``path``. FileNotFoundError if there is none, RuntimeError if somebody else has it."""
        if read_only:
            return cls(path, LabelStore.open(path, ds, read_only=True), SessionCache(path), read_only=True)
        if not cls.exists(path):
            Journal.open(path / JOURNAL_NAME)  # says so
        return cls._with_lock(path, lambda: LabelStore.open(path, ds), take_over)

    @classmethod
    def _with_lock(cls, path: Path, opened: Callable[[], LabelStore], take_over: bool) -> SessionFolder:
        try:
            lock = SessionLock.take(path, take_over)
        except OSError as error:
            raise type(error)(
                error.errno,
                f"the folder cannot be written ({error.strerror}), so nothing could be saved: choose another one, or "
                "look at the session that is there with read_only=True",
                str(path),
            ) from error
        try:
            store = opened()
        except BaseException:
            lock.release()
            raise
        if store.journal is not None:
            store.journal.guard = lock.check
        return cls(path, store, SessionCache(path), lock)

    def is_ours(self) -> bool:
        """Whether the next line could be written: nobody else has it, and its journal is there as we know it."""
        journal = self.store.journal
        return self.lock is not None and self.lock.is_ours() and journal is not None and journal.is_as_known()

    def release(self) -> None:
        """Let others have it."""
        lock, self.lock = self.lock, None
        if lock is not None:
            lock.release()


def close_older(path: Path, unless_there: bool = False) -> None:
    """Close the session of this process that has the folder; with ``unless_there`` only if its journal is gone."""
    older = open_sessions.get(path)
    if older is None or (unless_there and older.store.journal is not None and older.store.journal.path.exists()):
        return
    open_sessions.pop(path, None)
    older.close(OPENED_AGAIN)


@contextmanager
def opened(path: Path, ds: Dataset, read_only: bool, take_over: bool) -> Iterator[SessionFolder]:
    """The session in a folder; given back at once if what follows fails."""
    folder = SessionFolder.open(path, ds, read_only, take_over)
    try:
        yield folder
    except BaseException:
        folder.release()
        raise


@contextmanager
def handed_over(path: Path | None, base: Any = None) -> Iterator[None]:
    """Inside, a new session takes the folder; only if that succeeds is an older one closed. None: nothing is taken."""
    older = None if path is None else open_sessions.get(path)
    if older is None:
        yield
        return
    while older.training and _share(base, older):  # the same model cannot do both
        older.cancel()
    with older._lock:  # no answer may come in between
        yield
        older._closed = OPENED_AGAIN
    older.close(OPENED_AGAIN)


def check_reader(path: Path, base: Any) -> None:
    """ValueError if who only looks would change the model of the session that is open here."""
    older = open_sessions.get(path)
    if older is not None and not older.closed and _share(base, older):
        raise ValueError(
            f"this {type(base).__name__} is the model of the session that is open: give another one, made in the same "
            "way, to look at it with read_only=True."
        )


def _share(base: Any, session: ActiveSession) -> bool:
    return base is session._base and not isinstance(base, str)


def base_settings(base: Any, learner: Any) -> dict[str, Any]:
    """What is kept of the base model: its name and, of a module of the user's, the shapes of its weights."""
    if isinstance(base, str):
        return {"base": base}
    return {"base": type(base).__name__, "shapes": getattr(learner, "shapes", None)}


def check_options(options: Mapping[str, Any]) -> None:
    """TypeError for an option that a session does not have."""
    unknown = set(options) - set(OPTIONS)
    if unknown:
        raise TypeError(f"no option {', '.join(sorted(unknown))}: expected some of {', '.join(OPTIONS)}.")


def saved_options(store: LabelStore, path: Path, base: Any, query: Any) -> dict[str, Any]:
    """Constructor arguments of a saved session; ``base`` and ``query`` are needed if they were the user's own."""
    saved = store.settings
    if "base" not in saved:
        raise ValueError(f"{path} holds labels but no session settings: use ActiveSession.open(path, ds, base=...).")
    try:
        config = TrainConfig.from_dict(saved["config"])
        numbers = {name: saved[name] for name in ("k", "budget", "seed")}
        saved_query, saved_base = str(saved["query"]), str(saved["base"])
        sizes = (store.ds.n_features, *config.hidden)
        weights = sum(a * b for a, b in pairwise(sizes))
        if weights > MOST_WEIGHTS or config.threads > MOST_THREADS:
            raise ValueError(f"a network of {weights:,} weights, {config.threads:,} threads")
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"the settings of the session in {path} are damaged: {error!r}") from error
    return {
        "base": _same_base({**saved, "base": saved_base}, base),
        "query": _same_query(saved_query, query),
        **numbers,
        "audit": saved.get("audit", 0.0),
        "config": config,
    }


def merged_options(store: LabelStore, path: Path, base: Any, options: dict[str, Any]) -> dict[str, Any]:
    """Constructor arguments for a saved session that is opened with other options.

    k, budget, query and audit may change; base, seed and config may not, since the model follows from them.
    """
    if "base" not in store.settings:
        return {"base": base, **options}
    saved = saved_options(store, path, base, options.get("query"))
    for name in ("seed", "config"):
        if name in options and options[name] != saved[name]:
            raise ValueError(
                f"{path} holds a session with {name}={saved[name]!r}, not {options[name]!r}: leave {name} out, or "
                "choose another folder."
            )
    return {**saved, **options}


def is_same(session: ActiveSession, ds: Dataset, base: Any, options: Mapping[str, Any]) -> bool:
    """Whether a session that is open in this process is the one asked for, and can go on."""
    with session._lock:  # not while a line is being written
        if session.closed or session._folder is None or not session._folder.is_ours():
            return False
    return (
        isinstance(base, str)
        and base == session._base
        and ds.fingerprint == session.ds.fingerprint
        and list(ds.ids) == list(session.ds.ids)
        and options.get("seed", session.seed) == session.seed
        and options.get("config", session.config) == session.config
    )


def set_options(session: ActiveSession, options: Mapping[str, Any]) -> None:
    """Give a session another k, budget, query, audit or annotator."""
    k, budget = options.get("k", session.k), options.get("budget", session.budget)
    check_loop(session.ds, k, budget)
    query = rule(options.get("query", session.query))
    share = options.get("audit", session.audits.share)
    audits = session.audits if share == session.audits.share else Audits.of(session.ds, share, session.seed)
    annotator = check_name(options.get("annotator", session.annotator))
    k, budget = int(k), None if budget is None else int(budget)
    with session._lock:
        session._check_open()
        if session.path is not None:
            new = {**session.settings, "k": k, "budget": budget, "query": query_name(query), "audit": audits.share}
            if not audits.share:
                del new["audit"]
            session.store.set_settings(new)  # first: it may fail
        session.k, session._budget, session.query, session.annotator = k, budget, query, annotator
        session.audits = audits
    session._observers.tell("phase", "queue")


def _same_base(saved: Mapping[str, Any], base: Any) -> Any:
    name = saved["base"]
    if base is None and name in learner_names() and "shapes" not in saved:
        return name
    given = base if isinstance(base, str) else None if base is None else type(base).__name__
    shapes = saved.get("shapes")
    if given != name or isinstance(base, str) != ("shapes" not in saved):
        what = "no base was given" if given is None else f"base={given!r} was given"
        raise ValueError(
            f"the saved session has base={name!r}, and {what}: give the same one again, or choose another folder."
        )
    here = {f"base.{key}": list(value.shape) for key, value in base.state_dict().items()} if shapes else None
    if shapes and here is not None:
        differ = [key for key in here if shapes.get(key) != here[key]]
        differ += [key for key in shapes if key.startswith("base.") and key not in here]
        if differ:
            raise ValueError(
                f"the saved session has another {name}: {differ[0]} was {shapes.get(differ[0])} and is "
                f"{here.get(differ[0])}: give the same model again, or choose another folder."
            )
    return base


def _same_query(saved: str, query: Any) -> Any:
    if query is not None:
        return query
    if saved not in RULES:
        name = saved.removeprefix("function ")
        raise ValueError(f"the saved session has the query function {name!r}: give it again, query=...")
    return saved
