"""LabelPanel: where a person answers. It shows what the session says, and forwards clicks."""

from __future__ import annotations

import contextlib
import logging
import re
import reprlib
import threading
from collections.abc import Callable, Iterator, Mapping
from importlib.resources import files
from typing import Any

import anywidget
import pandas as pd
import traitlets

from ..arguments import is_int
from ..export import clipboard_text, table_text
from ..review import FILTERS
from ..session import ActiveSession
from .esm import join_modules
from .folds import FOLDS, unfold
from .status import Cards, done_line, error_details, progress_state, sendable, status_line, waiting_line

_static = files(__package__) / "static"
_log = logging.getLogger(__name__)
_ORDER_SECONDS = 0.3  # how long a message waits for the one before it
_KEY_LENGTH = 1_000  # of a question
_KEY = re.compile(r"(?!Tab$)(.|[A-Z][A-Za-z0-9]+)", re.DOTALL)  # KeyboardEvent.key
_VIEWS = 20  # acknowledgements are kept for so many views of one panel

KEYS: dict[str, tuple[str, ...]] = {
    "anomaly": ("a", "1"),
    "normal": ("n", "2"),
    "unsure": ("u", "3"),
    "undo": ("Backspace",),
    "redo": (),
    "previous": ("ArrowLeft",),
    "next": ("ArrowRight",),
    "help": ("?",),
    "leave": ("Escape",),
}


class LabelPanel(anywidget.AnyWidget):
    """The candidates of the round, label buttons and keys, training and its progress.

    Works alone; :class:`Explorer` puts it beside the scatter.

    Parameters
    ----------
    session : ActiveSession
        What is labelled.
    renderer : callable, optional
        ``renderer(item)`` gives text (a str, shown as it is), or an object with ``_repr_html_`` or
        ``_repr_png_``, or an image.
    train_every : int, optional
        Train when so many answers are new; None: k, as in the paper.
    blind : bool
        Hide the scores of an item until it is labelled.
    keys : mapping of str to sequence of str, optional
        Replaces the keys of single actions, for example ``{"anomaly": ["j"]}``; see ``KEYS``.

    Examples
    --------
    >>> import uai_notebook as uai
    >>> panel = uai.LabelPanel(uai.ActiveSession(uai.load_dataset("digits_0")), keys={"anomaly": ["j"]})
    >>> panel.state["status"]
    'Round 0 · 0 labeled (0 anomalies) · not saved'
    >>> panel.close()
    """

    _esm = join_modules("panel_page.js", "panel_fold.js", "panel.js")
    _css = (_static / "panel.css").read_text(encoding="utf-8")
    state = traitlets.Dict().tag(sync=True)
    cards = traitlets.Dict().tag(sync=True)
    progress = traitlets.Dict().tag(sync=True)
    key_map = traitlets.Dict().tag(sync=True)
    filters: traitlets.List[Any] = traitlets.List().tag(sync=True)

    def __init__(
        self,
        session: ActiveSession,
        renderer: Callable[[Any], Any] | None = None,
        train_every: int | None = None,
        blind: bool = False,
        keys: Mapping[str, Any] | None = None,
    ) -> None:
        self._end: Callable[[], None] | None = None  # Widget.__del__ calls close() even after a failed __init__
        checked = check_keys(keys)
        self.session = session
        self.train_every = session.k if train_every is None else check_train_every(train_every)
        self.paused = False
        self._cards = Cards(session, renderer, blind)
        self._blind, self._renderer = blind, renderer
        self._acks: dict[str, int] = {}
        self._message = ("", "")
        self._message_id = 0
        self._lock = threading.RLock()  # one push at a time; never held while the session is changed
        self._handling = threading.local()
        self._arrivals = threading.Condition()
        self._painted: list[Callable[[], None]] = []
        super().__init__(key_map=checked, filters=[list(pair) for pair in FILTERS.items()])
        self.on_msg(self._receive)
        self._end = session.observe(self._changed)  # before the first look: nothing in between is missed
        self._changed(frozenset({"phase"}))

    def visit(self, index: int) -> None:
        """Show any item, in this round or not, so that it can be labelled."""
        index = self._index(index)
        with self._one_push():
            self.session.show(index)

    def label_many(self, items: Any, label: Any) -> None:
        """Answer several items at once: one line of the journal, one step of undo.

        Parameters
        ----------
        items, label
            As ``index`` and ``label`` of :meth:`ActiveSession.label`, whose errors are shown in the panel and raised.
        """
        with self._one_push():
            try:
                self.session.label(items, label)
            except Exception as error:
                self._tell(error)
                raise
            with self._errors_shown():
                self._go_on()

    def preview(self, index: int) -> str:
        """HTML of an item, small, made by the panel's renderer; whatever comes from the data is escaped."""
        return str(self._cards[self._index(index)]["thumb"])

    def on_painted(self, call: Callable[[], None]) -> None:
        """Call once when a browser has drawn the panel for the first time."""
        self._painted.append(call)

    def close(self) -> None:
        """Stop following the session, and remove the widget."""
        end, self._end = getattr(self, "_end", None), None
        if end is not None:
            end()
        super().close()

    # -- from the session, on any thread ------------------------------------------------------------------------

    def _changed(self, changes: frozenset[str]) -> None:
        if getattr(self._handling, "on", False):
            # The push at the end shows it; but an answer is acknowledged before any other view speaks, since the
            # second small message of an event waits 40 ms for the first (Nagle in jupyter_server).
            if getattr(self._handling, "answer", False):
                self._handling.answer = False
                self._push()
            return
        if changes == {"progress"}:
            with self._lock:
                self.progress = progress_state(self.session)
            return
        with self._one_push(), self._errors_shown():
            self._go_on()

    def _go_on(self) -> None:
        """Train when enough answers are new; never leave a person without a candidate."""
        session = self.session
        if session.closed or session.training or session.done:
            return
        new = session.n_untrained
        due = new >= self.train_every or (new > 0 and self.train_every <= session.k and not len(session.queue))
        if due and not self.paused and session.phase == "labeling":
            session.start()
        else:
            session.refill()

    # -- from the browser: untrusted --------------------------------------------------------------------------

    def _receive(self, _widget: Any, content: Any, _buffers: Any) -> None:
        if not isinstance(content, dict):
            return
        kind, view, seq = content.get("kind"), content.get("view"), content.get("seq", 0)
        if kind == "ready":
            painted, self._painted = self._painted, []
            with self._errors_shown():
                for call in painted:
                    call()
            return
        if isinstance(kind, str) and kind in FOLDS and _is_name(view):
            self._unfold(kind, content)
            return
        act = self._acts.get(kind) if isinstance(kind, str) else None
        if act is None or not _is_name(view) or type(seq) is not int:
            _log.warning("message of no known kind: %.200r", content)
            return
        # ipykernel may hand two quick clicks to two threads: they are taken in the order they were made. A number that
        # never comes (a message lost on the way) holds the others up only this once.
        with self._arrivals:
            self._arrivals.wait_for(lambda: seq <= self._acks.get(str(view), 0) + 1, timeout=_ORDER_SECONDS)
            self._handle(act, content, str(view), seq)
            self._arrivals.notify_all()

    def _unfold(self, kind: str, content: dict[str, Any]) -> None:
        """A question changes nothing, so it waits for no answer."""
        key = content.get("key")
        if isinstance(key, str) and len(key) <= _KEY_LENGTH:
            shown = unfold(self.session, content, blind=self._blind, renderer=self._renderer)
            self.send({"kind": kind, "view": content["view"], "key": key, **shown._asdict()})

    def _handle(self, act: Callable[[LabelPanel, dict[str, Any]], None], content: Any, view: str, seq: int) -> None:
        with self._one_push():
            if content.get("seen") == self._message_id:  # an error stays until a person acts who has seen it
                self._message = ("", "")
            self._acknowledge(view, seq)
            with self._errors_shown():
                act(self, content)
                self._go_on()

    def _acknowledge(self, view: str, seq: int) -> None:
        self._acks[view] = max(seq, self._acks.pop(view, 0))
        if len(self._acks) > _VIEWS:
            self._acks.pop(next(iter(self._acks)))

    def _label(self, content: dict[str, Any]) -> None:
        session = self.session
        index, label = self._index(content.get("index")), content.get("label")
        if type(label) is not int:
            raise ValueError(f"label {reprlib.repr(label)}: expected 1, 0 or -1.")
        following = None if content.get("next") is None else self._index(content["next"])
        before = session.on_screen
        session.show(following, quiet=True)  # one event: the views hear of both at once
        self._handling.answer = True
        try:
            session.label(index, label)
        except BaseException:
            session.show(before)
            raise
        finally:
            self._handling.answer = False

    def _show_item(self, content: dict[str, Any]) -> None:
        self.session.show(self._index(content.get("index")))

    def _undo(self, _content: dict[str, Any]) -> None:
        items = self.session.undo()
        if items:
            self.session.show(items[0])

    def _redo(self, _content: dict[str, Any]) -> None:
        if self.session.redo():
            self.session.show(None)

    def _note(self, content: dict[str, Any]) -> None:
        text: Any = content.get("text")  # the session says what a note may be
        self.session.note(self._index(content.get("index")), text)

    def _train(self, _content: dict[str, Any]) -> None:
        self.session.start()

    def _cancel(self, _content: dict[str, Any]) -> None:
        if self.session.training:
            self.paused = True  # going on by itself would start the cancelled training again at once
            self.session.cancel(wait=False)

    def _pause(self, _content: dict[str, Any]) -> None:
        self.paused = not self.paused

    def _more(self, _content: dict[str, Any]) -> None:
        session = self.session
        if _budget_used(session):
            session.budget = session.n_asked + session.k

    def _export(self, content: dict[str, Any]) -> None:
        name = "".join(c if c.isalnum() else "_" for c in self.session.ds.name) + "_labels.csv"
        text = sendable(table_text(self._answers(), ","))
        self.send({"kind": "file", "view": content["view"], "name": name, "text": text})

    def _copy(self, content: dict[str, Any]) -> None:
        self.send({"kind": "copy", "view": content["view"], "text": sendable(clipboard_text(self._answers()))})

    def _answers(self) -> pd.DataFrame:
        """The labels as they are handed over, each with the note of its item."""
        labels, notes = self.session.labels, self.session.notes
        texts = [notes.get(i, "") for i in labels["index"].tolist()]
        return labels.assign(note=pd.Series(texts, labels.index, dtype="object"))  # which may hold half a character

    _acts: Mapping[str, Callable[[LabelPanel, dict[str, Any]], None]] = {
        "label": _label,
        "show": _show_item,
        "undo": _undo,
        "redo": _redo,
        "note": _note,
        "train": _train,
        "retry": _train,
        "cancel": _cancel,
        "pause": _pause,
        "more": _more,
        "export": _export,
        "copy": _copy,
    }

    def _index(self, index: Any) -> int:
        if type(index) is not int or not 0 <= index < len(self.session.ds):
            raise IndexError(f"item {reprlib.repr(index)}: expected 0 to {len(self.session.ds) - 1}.")
        return index

    # -- to the browser -----------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _one_push(self) -> Iterator[None]:
        """Changes made inside are shown together: one event, one message."""
        self._handling.on = True
        try:
            yield
            with self._errors_shown():
                self._follow()
        finally:
            self._handling.on = False
            self._push()

    @contextlib.contextmanager
    def _errors_shown(self) -> Iterator[None]:
        """Nobody sees an exception of a callback or of a background thread: the panel shows it."""
        try:
            yield
        except Exception as error:
            self._tell(error)

    def _tell(self, error: Exception) -> None:
        _log.error("shown in the panel", exc_info=error)
        self._message = (sendable(f"{type(error).__name__}: {error}"[:500]), error_details(error))
        self._message_id += 1

    def _push(self) -> None:
        self._cards.draw(self._items())  # the user's renderer may take its time: not under the lock
        with self._lock, self.hold_sync():
            self.state = self._state()
            self.cards = self._batch_cards()
            self.progress = progress_state(self.session)

    def _follow(self) -> None:
        """The item on screen stays until it is answered, also elsewhere; then the best one that waits is next."""
        session = self.session
        item = session.on_screen
        if item is None or (item in session.store and not session.reviewing):
            session.show(next(iter(session.queue.tolist()), None))

    def _items(self) -> list[int]:
        items: list[int] = self.session.batch.tolist()
        looked_at = self.session.on_screen
        return items if looked_at is None or looked_at in items else [looked_at, *items]

    def _batch_cards(self) -> dict[str, Any]:
        return {str(i): self._cards[i] for i in self._items()}

    def _state(self) -> dict[str, Any]:
        session, store = self.session, self.session.store
        items = self._items()
        answers = {i: store.get(i) for i in items}
        message, details = self._message
        if session.phase == "failed" and session.error is not None and not message:
            message = sendable(f"The training failed: {session.error}. Your labels are kept.")
            details = error_details(session.error)
        return {
            "phase": session.phase,
            "status": status_line(session),
            "ranked": session.ranked_by,
            "batch": [{"index": i, "label": None if a is None else a.label} for i, a in answers.items()],
            # Another thread may have brought candidates since _follow() looked.
            "current": session.on_screen if session.on_screen is not None else next(iter(session.queue.tolist()), None),
            "stamp": f"{store.n_events}.{session.round}.{session.snapshot is not None}",
            "model": f"{session.round}.{session.snapshot is not None}",
            "undo": store.can_undo,
            "redo": store.can_redo,
            "paused": self.paused,
            "closed": bool(session.closed),
            "done": done_line(session),
            "more": session.k if _budget_used(session) else 0,
            "waiting": waiting_line(session),
            "message": session.closed or message,
            "details": details,
            "message_id": self._message_id,
            "acks": dict(self._acks),
        }


def _budget_used(session: ActiveSession) -> bool:
    """Whether asking could go on with a larger budget."""
    return session.budget is not None and session.n_asked >= session.budget and len(session.store) < len(session.ds)


def _is_name(view: Any) -> bool:
    return isinstance(view, str) and 0 < len(view) <= 64 and view.isascii() and view.isalnum()


def check_keys(keys: Mapping[str, Any] | None) -> dict[str, list[str]]:
    """All keys by action, ``KEYS`` with those given in their place. ValueError if they cannot work."""
    unknown = set(keys or {}) - set(KEYS)
    if unknown:
        raise ValueError(f"keys: no action {', '.join(sorted(unknown))}: expected some of {', '.join(KEYS)}.")
    names: dict[str, list[str]] = {}
    for act, given in {**KEYS, **(keys or {})}.items():
        listed = [given] if isinstance(given, str) else given
        if not isinstance(listed, list | tuple) or not all(isinstance(k, str) and _KEY.fullmatch(k) for k in listed):
            raise ValueError(
                f"keys: {act}={given!r}: expected names of keys as browsers give them, such as ['a', '1', ' ', "
                "'Enter', 'ArrowUp', 'F2'], without Ctrl, Alt or Meta; Tab stays Tab."
            )
        names[act] = [key.lower() if len(key) == 1 else key for key in listed]
    taken = [key for act in names.values() for key in act]
    twice = sorted({key for key in taken if taken.count(key) > 1})
    if twice:
        raise ValueError(f"keys: {', '.join(twice)} would do two things: give each key once.")
    return names


def check_train_every(value: int) -> int:
    """A positive number of answers. ValueError if it is none."""
    if not is_int(value) or value < 1:
        raise ValueError(f"train_every={value!r}: expected a positive whole number, or None for k.")
    return int(value)
