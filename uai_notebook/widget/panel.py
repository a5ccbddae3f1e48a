"""LabelPanel: where a person answers. It shows what the session says, and forwards clicks."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from importlib.resources import files
from typing import Any

import anywidget
import traitlets

from ..session import ActiveSession
from .status import Cards, done_line, error_details, progress_state, status_line, waiting_line

_static = files(__package__) / "static"
_log = logging.getLogger(__name__)
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
    """

    _esm = (_static / "panel.js").read_text(encoding="utf-8")
    _css = (_static / "panel.css").read_text(encoding="utf-8")
    state = traitlets.Dict().tag(sync=True)
    cards = traitlets.Dict().tag(sync=True)
    progress = traitlets.Dict().tag(sync=True)
    key_map = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        session: ActiveSession,
        renderer: Callable[[Any], Any] | None = None,
        train_every: int | None = None,
        blind: bool = False,
        keys: Mapping[str, Any] | None = None,
    ) -> None:
        self.session = session
        self.train_every = session.k if train_every is None else _positive(train_every)
        self.paused = False
        self._cards = Cards(session, renderer, blind)
        self._acks: dict[str, int] = {}
        self._message = ("", "")
        self._began = time.monotonic()
        self._visiting: int | None = None  # an item looked at that is not of this round
        self._lock = threading.Lock()  # one push at a time; never held while the session is changed
        self._handling = threading.local()
        self._painted: list[Callable[[], None]] = []
        super().__init__(
            state=self._state(), cards=self._batch_cards(), progress=progress_state(session, 0), key_map=_keys(keys)
        )
        self.on_msg(self._receive)
        self._end = session.observe(self._changed)

    def visit(self, index: int) -> None:
        """Show any item, in this round or not, so that it can be labelled."""
        with self._one_push():
            self._show(int(index))

    def on_painted(self, call: Callable[[], None]) -> None:
        """Call once when a browser has drawn the panel for the first time."""
        self._painted.append(call)

    def close(self) -> None:
        """Stop following the session, and remove the widget."""
        self._end()
        super().close()

    # -- from the session, on any thread ------------------------------------------------------------------------

    def _changed(self, changes: frozenset[str]) -> None:
        if getattr(self._handling, "on", False):
            return  # the one push at the end shows it
        if changes == {"progress"}:
            with self._lock:
                self.progress = progress_state(self.session, time.monotonic() - self._began)
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
            self._start()
        else:
            session.refill()

    def _start(self) -> None:
        self._began = time.monotonic()
        self._message = ("", "")
        self.session.start()

    # -- from the browser: untrusted --------------------------------------------------------------------------

    def _receive(self, _widget: Any, content: Any, _buffers: Any) -> None:
        if not isinstance(content, dict):
            return
        kind, view, seq = content.get("kind"), content.get("view"), content.get("seq", 0)
        if kind == "ready":
            painted, self._painted = self._painted, []
            for call in painted:
                call()
            return
        act = self._acts.get(kind) if isinstance(kind, str) else None
        if act is None or not isinstance(view, str) or type(seq) is not int:
            _log.warning("message of no known kind: %.200r", content)
            return
        with self._one_push():
            self._message = ("", "")
            with self._errors_shown():
                act(self, content)
                self._go_on()
            self._acks.pop(view, None)
            self._acks[view] = seq
            if len(self._acks) > _VIEWS:
                self._acks.pop(next(iter(self._acks)))

    def _label(self, content: dict[str, Any]) -> None:
        index, label = self._index(content["index"]), content.get("label")
        if type(label) is not int:
            raise ValueError(f"label {label!r}: expected 1, 0 or -1.")
        following = content.get("next")
        following = None if following is None else self._index(following)
        session = self.session
        before, session.on_screen = session.on_screen, following  # one event: the views hear of both at once
        try:
            session.label(index, label)
        except BaseException:
            session.on_screen = before
            raise
        self._show(following)

    def _show_item(self, content: dict[str, Any]) -> None:
        self._show(self._index(content["index"]))

    def _undo(self, _content: dict[str, Any]) -> None:
        items = self.session.undo()
        if items:
            self._show(items[0])

    def _redo(self, _content: dict[str, Any]) -> None:
        if self.session.redo():
            self._show(None)

    def _train(self, _content: dict[str, Any]) -> None:
        self._start()

    def _cancel(self, _content: dict[str, Any]) -> None:
        # Going on by itself would start the cancelled training again at once.
        self.paused = True
        self.session.cancel(wait=False)

    def _pause(self, _content: dict[str, Any]) -> None:
        self.paused = not self.paused

    def _more(self, _content: dict[str, Any]) -> None:
        session = self.session
        if session.budget is not None:
            session.budget = max(session.budget, session.n_asked) + session.k

    def _export(self, content: dict[str, Any]) -> None:
        name = "".join(c if c.isalnum() else "_" for c in self.session.ds.name) + "_labels.csv"
        text = self.session.labels.to_csv(index=False)
        self.send({"kind": "file", "view": content["view"], "name": name, "text": text})

    _acts: Mapping[str, Callable[[LabelPanel, dict[str, Any]], None]] = {
        "label": _label,
        "show": _show_item,
        "undo": _undo,
        "redo": _redo,
        "train": _train,
        "retry": _train,
        "cancel": _cancel,
        "pause": _pause,
        "more": _more,
        "export": _export,
    }

    def _index(self, index: Any) -> int:
        if type(index) is not int or not 0 <= index < len(self.session.ds):
            raise IndexError(f"item {index!r}: expected 0 to {len(self.session.ds) - 1}.")
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
            _log.exception("shown in the panel")
            self._message = (f"{type(error).__name__}: {error}", error_details(error))

    def _push(self) -> None:
        with self._lock, self.hold_sync():
            self.state = self._state()
            self.cards = self._batch_cards()
            self.progress = progress_state(self.session, time.monotonic() - self._began)

    def _show(self, index: int | None) -> None:
        self.session.show(index)
        inside = index is None or index in self.session.batch
        self._visiting = None if inside else index

    def _follow(self) -> None:
        """The item a browser will show is the session's to keep: by default the best unanswered one."""
        if self.session.on_screen not in self._items():
            self._show(next(iter(self.session.queue.tolist()), None))

    def _items(self) -> list[int]:
        items: list[int] = self.session.batch.tolist()
        if self._visiting is not None and self._visiting not in items:
            items.insert(0, self._visiting)
        return items

    def _batch_cards(self) -> dict[str, Any]:
        return {str(i): self._cards[i] for i in self._items()}

    def _state(self) -> dict[str, Any]:
        session, store = self.session, self.session.store
        items = self._items()
        answers = {i: store.get(i) for i in items}
        queue = [i for i in items if answers[i] is None]
        message, details = self._message
        if session.phase == "failed" and session.error is not None and not message:
            message = f"The training failed: {session.error}. Your labels are kept."
            details = error_details(session.error)
        budget_used = session.budget is not None and session.n_asked >= session.budget
        return {
            "phase": session.phase,
            "status": status_line(session),
            "ranked": session.ranked_by,
            "batch": [{"index": i, "label": None if a is None else a.label} for i, a in answers.items()],
            "current": session.on_screen if session.on_screen in items else next(iter(queue), None),
            "undo": store.can_undo,
            "redo": store.can_redo,
            "paused": self.paused,
            "closed": bool(session.closed),
            "done": done_line(session),
            "more": session.k if budget_used and len(store) < len(session.ds) else 0,
            "waiting": waiting_line(session, self.paused),
            "message": session.closed or message,
            "details": details,
            "acks": dict(self._acks),
        }


def _keys(keys: Mapping[str, Any] | None) -> dict[str, list[str]]:
    unknown = set(keys or {}) - set(KEYS)
    if unknown:
        raise ValueError(f"keys: no action {', '.join(sorted(unknown))}: expected some of {', '.join(KEYS)}.")
    merged = {**KEYS, **(keys or {})}
    names = {act: [k] if isinstance(k, str) else [str(one) for one in k] for act, k in merged.items()}
    taken = [key.lower() for act in names.values() for key in act]
    twice = sorted({key for key in taken if taken.count(key) > 1})
    if twice:
        raise ValueError(f"keys: {', '.join(twice)} would do two things: give each key once.")
    return names


def _positive(value: int) -> int:
    if type(value) is not int or value < 1:
        raise ValueError(f"train_every={value!r}: expected a positive whole number, or None for k.")
    return value
