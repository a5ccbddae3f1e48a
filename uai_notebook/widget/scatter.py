"""Latent against score, one point per item, and how both move from round to round (Appendix C.1)."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import numpy as np
import numpy.typing as npt
import traitlets

from uai_notebook.snapshot import Frame, IndexArray, sigmoid

from .esm import join_modules
from .scatter_answers import Answers, Callback
from .scatter_color import Coloring, Colorings
from .scatter_map import Maps
from .scatter_messages import Message, key_frames, names_of, one_line
from .scatter_numbers import numbers_of
from .scatter_plane import Plane

if TYPE_CHECKING:
    import pandas as pd

    from uai_notebook.session import ActiveSession

_log = logging.getLogger(__name__)
_STATIC = Path(__file__).parent / "static"
_MAX_VIEWS = 64  # views remembered by name; a page that went away without a word is forgotten first


class LatentScatter(anywidget.AnyWidget):
    """Scatter of latent l(x) against anomaly score s(x), with a slider over the rounds of a session.

    It works alone or beside other parts. Points travel as binary buffers after a view has said "ready", are
    kept by the browser, and never enter the widget state; scrubbing between rounds asks nothing of the kernel.
    The truth of a dataset is sent only if somebody asks to see it as a colour, and never in a blind scatter.

    Parameters
    ----------
    session : ActiveSession
        What is shown. The widget only reads it.
    height : int
        Height of the plot area, CSS pixels.
    rings : bool
        Ring the candidates.
    blind : bool
        A person labels without seeing scores: no rings, no scores of unlabelled items in the tooltip, no truth.
    preview : callable, optional
        ``preview(index)`` gives HTML of an item for the tooltip; it must be safe to show.

    Examples
    --------
    >>> import uai_notebook as uai
    >>> scatter = uai.LatentScatter(uai.ActiveSession(uai.load_dataset("digits_0")))
    >>> remove = scatter.on_pick(lambda index: print("item", index))
    >>> scatter.close()
    """

    # Strings, never a Path: anywidget watches files for each Path, and every instance would then stay alive.
    _esm = join_modules(
        *("scatter_data.js", "scatter_looks.js", "scatter_grid.js", "scatter_page.js", "scatter_chart.js"),
        *("scatter_sight.js", "scatter_paint.js", "scatter_gl.js", "scatter_axes.js", "scatter_marks.js"),
        *("scatter_pane.js", "scatter_rounds.js", "scatter_words.js", "scatter_colors.js", "scatter_tip.js"),
        *("scatter_map.js", "scatter_lasso.js", "scatter_numbers.js", "scatter_compare.js", "scatter_pointer.js"),
        "scatter.js",
    )
    _css = (_STATIC / "scatter.css").read_text(encoding="utf-8")
    height = traitlets.Int(360, min=160, max=4000).tag(sync=True)

    def __init__(
        self,
        session: ActiveSession,
        height: int = 360,
        rings: bool = True,
        blind: bool = False,
        preview: Callable[[int], str] | None = None,
    ) -> None:
        super().__init__(height=height)
        self._session, self._rings, self._preview = session, rings and not blind, preview
        self.blind = blind
        self._sending = threading.RLock()  # guards all below; taken before the session's own lock, never after
        self._views: dict[str, None] = {}  # names of the views that said "ready", oldest first
        self._plane = Plane(session)
        self._sent: tuple[Frame, ...] = ()
        self._sent_index = 0  # how much of the display index the browser has
        self._ids = names_of(session.ds)
        self._colors = Colorings(session.ds, tells_truth=self._rings)
        self._coloring: Coloring | None = None  # what color_by() said last
        self._answers = Answers(len(session.ds))
        self._maps = Maps(session, self._tell)
        self._numbers: Message | None = None  # what show_numbers() said last
        self._pick_callbacks: list[Callable[[int], object]] = []
        self.on_msg(self._receive)
        self._unsubscribe: Callable[[], object] | None = session.observe(self._changed)

    def on_pick(self, callback: Callable[[int], object]) -> Callable[[], None]:
        """Call ``callback(index)`` when a point is clicked; returns a function that takes it off again."""
        self._pick_callbacks.append(callback)

        def remove() -> None:
            if callback in self._pick_callbacks:
                self._pick_callbacks.remove(callback)

        return remove

    def on_label(self, callback: Callback) -> Callable[[], None]:
        """Call ``callback(items, label)`` when a selection of items, int64 (m,), is answered; as :meth:`on_pick`.

        The scatter offers a lasso while there is somebody to take the answers. The page tells of an exception.
        """
        callbacks = self._answers.callbacks
        callbacks.append(callback)
        self._post_options()

        def remove() -> None:
            if callback in callbacks:
                callbacks.remove(callback)
                self._post_options()

        return remove

    def color_by(self, what: str | npt.ArrayLike, name: str | None = None) -> None:
        """Colour the points; their shapes go on to tell the label.

        Parameters
        ----------
        what : str or array_like (n,)
            "label", "base score", "uai", "truth" (for simulations; not in a blind scatter), the name of a column of
            the items, or one value for each item of the data set: numbers, or text of at most 8 values.
        name : str, optional
            What the legend calls an array.

        Raises
        ------
        ValueError
            There is no such column, no truth, or no colour for such values.
        """
        self._coloring = self._colors.of(what, name)
        if self._views:
            self._post_color(self._coloring)

    def show_numbers(self, measured: pd.DataFrame) -> None:
        """Put numbers beside the rounds: under the plot stand those of the round that is shown.

        Parameters
        ----------
        measured : DataFrame
            What :func:`uai_notebook.views.separability` gives.

        Raises
        ------
        ValueError
            Another table.
        """
        self._numbers = Message(numbers_of(measured))
        self._tell(self._numbers)

    def close(self) -> None:
        """Stop following the session and remove the widget from the page."""
        unsubscribe = getattr(self, "_unsubscribe", None)  # __del__ may call this after a failed __init__
        if unsubscribe is not None:
            self._unsubscribe = None
            unsubscribe()
            with self._sending:
                self._views.clear()
            self._maps.cancel()
        super().close()

    # -- from the browser ---------------------------------------------------------------------------------

    def _receive(self, _widget: object, content: object, buffers: object) -> None:
        """A message from a view: untrusted, so whatever does not fit is dropped."""
        if not isinstance(content, dict):
            return
        kind, view = content.get("kind"), content.get("view", "")
        if kind == "pick" and self._is_item(content.get("index")):
            self._pick(content["index"])
        elif not isinstance(view, str) or len(view) > 64:
            return
        elif kind == "ready":
            self._ready(view)
        elif view in self._views:
            self._hear(kind, view, content, buffers)

    def _hear(self, kind: object, view: str, content: dict[str, Any], buffers: object) -> None:
        """What a view says that is there."""
        if kind == "gone":
            self._gone(view)
        elif kind == "label":
            reply = self._answers.take(view, content, buffers)
            if reply is not None:
                self.send(reply)
        elif kind == "color":
            coloring = self._colors.of_key(content.get("key"))
            if coloring is not None:
                self._post_color(coloring, view)
        elif kind == "preview" and self._preview is not None and self._is_item(content.get("index")):
            self._show_preview(view, content["index"])
        elif kind == "map" and content.get("of") in self._maps.kinds and self._sent:
            found = self._maps.want(content["of"], self._sent, anew=content.get("anew") is True)
            if found is not None:
                found.content["view"] = view
                self._tell(found)
        elif kind == "map_cancel":
            self._maps.cancel()

    def _is_item(self, index: object) -> bool:
        return type(index) is int and 0 <= index < len(self._session.ds)

    def _pick(self, index: int) -> None:
        for callback in tuple(self._pick_callbacks):
            try:
                callback(index)
            except Exception:  # an error in here would reach neither the cell nor the page
                _log.exception("on_pick callback failed for item %d", index)

    def _ready(self, view: str) -> None:
        with self._sending:
            if self._unsubscribe is None:  # closed
                return
            self._views.pop(view, None)
            self._views[view] = None
            while len(self._views) > _MAX_VIEWS:
                self._gone(next(iter(self._views)))
            self._sent, self._sent_index = (), 0
            self._update({"labels", "queue", "snapshot"}, reset=True)
            if self._coloring is not None:
                self._post_color(self._coloring, view)
            if self._numbers is not None:
                self._post(Message({**self._numbers.content, "view": view}))

    def _show_preview(self, view: str, index: int) -> None:
        assert self._preview is not None
        try:
            shown = self._preview(index)
        except Exception:  # an error in here would reach neither the cell nor the page
            _log.exception("preview failed for item %d", index)
            return
        self.send({"kind": "preview", "view": view, "index": index, "html": shown})

    def _gone(self, view: str) -> None:
        with self._sending:
            self._views.pop(view, None)
            self._answers.forget(view)

    # -- to the browser -----------------------------------------------------------------------------------

    def _changed(self, changes: frozenset[str]) -> None:
        """The session changed; called on any thread."""
        wanted = set(changes) & {"labels", "queue", "snapshot"}
        if wanted:
            with self._sending:
                if self._views:
                    self._update(wanted)

    def _update(self, changes: set[str], reset: bool = False) -> None:
        """Send what the views lack: the newest frame first, in one message with labels and candidates.

        Older frames follow one by one, and only after "ready" or when a whole history was loaded.
        """
        frames = key_frames(self._session.history.frames) if "snapshot" in changes else self._sent
        if not reset and self._sent and frames and not self._continues(frames):
            reset, self._sent, self._sent_index = True, (), 0
            self._plane.forget()
            self._maps.forget()
            changes |= {"labels", "queue"}
        have = {id(f) for f in self._sent}
        new = [f for f in reversed(frames) if id(f) not in have]
        if not (new or reset or changes & {"labels", "queue"}):
            return
        self._sent = frames
        message = self._message(reset)
        if new and new[0] is frames[-1]:
            self._add_frame(message, new.pop(0))
        if "labels" in changes:
            self._add_labels(message)
        if "queue" in changes or reset:
            current = self._session.on_screen if self._rings else None
            queue = [int(i) for i in self._session.queue] if self._rings else []
            message.content["candidates"] = {"queue": queue, "current": None if current is None else int(current)}
        self._add_extra(message)
        self._post(message)
        for frame in new:
            message = self._message()
            self._add_frame(message, frame)
            self._post(message)

    def _continues(self, frames: tuple[Frame, ...]) -> bool:
        """Whether ``frames`` are those sent and later ones; not so after the session went back to a checkpoint."""
        return frames[-1].round >= self._sent[-1].round and frames[0] is self._sent[0]

    def _message(self, reset: bool = False) -> Message:
        rounds = [f.round for f in self._sent]
        message = Message({"kind": "update", "reset": reset, "rounds": rounds, "total": len(self._session.ds)})
        if reset:
            message.content["options"] = self._options()
        return message

    def _options(self) -> dict[str, Any]:
        """What a person may choose from."""
        return {
            "colors": self._colors.offered,
            "label": bool(self._answers.callbacks),
            "preview": self._preview is not None,
            "blind": self.blind,
            "maps": self._maps.offered,
        }

    def _post_options(self) -> None:
        with self._sending:
            if self._views:
                self.send({"kind": "options", "options": self._options()})

    def _post_color(self, coloring: Coloring, view: str | None = None) -> None:
        """Values of a colouring, once per choice; to all views where none is named."""
        message = Message({"kind": "color", "view": view, "choice": coloring.content})
        if coloring.values is not None:
            message.add("values", coloring.values, np.float32)
        with self._sending:
            self._post(message)

    def _tell(self, message: Message) -> None:
        """From any thread, if there is somebody."""
        with self._sending:
            if self._views:
                self._post(message)

    def _post(self, message: Message) -> None:
        self.send({**message.content, "arrays": message.names}, buffers=message.buffers)

    def _add_frame(self, message: Message, frame: Frame) -> None:
        """Coordinates of one round, with the part of the display index that the browser does not have yet."""
        snapshot = self._session.snapshot
        probability = snapshot is None or snapshot.probability
        start = min(self._sent_index, len(frame.index))
        message.content["frame"] = {
            "round": frame.round,
            "labels": frame.n_labels,
            "start": start,
            "probability": probability,
        }
        head = self._plane.decision_line(frame) if probability else None
        if head is not None:
            message.content["frame"]["head"] = head
        message.add("x", self._plane.of_frame(frame), np.float32)
        message.add("y", frame.base_score, np.float32)
        if frame.uai_logit is not None:
            message.add("uai", sigmoid(frame.uai_logit) if probability else frame.uai_logit, np.float32)
        if len(frame.index) > start:
            message.content["x_title"] = self._plane.axis(frame).label
            self._add_items(message, "", frame.index[start:])
            self._sent_index = len(frame.index)

    def _add_items(self, message: Message, prefix: str, index: IndexArray) -> None:
        message.add(prefix + "index", index, np.int32)
        if self._ids is not None:
            message.add_text(prefix + "ids", (one_line(self._ids[int(i)]) for i in index))

    def _add_labels(self, message: Message) -> None:
        index, value = self._session.current_labels()
        message.add("label_index", index, np.int32)
        message.add("label_value", value, np.int8)

    def _add_extra(self, message: Message) -> None:
        """Candidates and answers that the latest frame lacks, since it shows a sample of a large dataset.

        They take part in the latest round only; the next frame has the labelled ones from the session itself.
        """
        snapshot = self._session.snapshot
        if not self._sent or snapshot is None or snapshot.round != self._sent[-1].round:
            return
        frame = self._sent[-1]
        current = self._session.on_screen
        asked = [self._session.queue, self._session.current_labels()[0], [] if current is None else [current]]
        wanted = np.unique(np.concatenate([np.asarray(a, np.int64) for a in asked]))
        wanted = np.setdiff1d(wanted[(wanted >= 0) & (wanted < len(snapshot))], frame.index, assume_unique=True)
        self._add_items(message, "extra_", wanted)
        message.add("extra_x", self._plane.of_items(snapshot, wanted, frame), np.float32)
        message.add("extra_y", snapshot.base_score[wanted], np.float32)
        uai = snapshot.uai_score
        if uai is not None:
            message.add("extra_uai", uai[wanted], np.float32)
