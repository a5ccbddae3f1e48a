"""Maps of the rounds by UMAP, computed in the background for a scatter."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from uai_notebook.snapshot import Frame

from .scatter_messages import Message

if TYPE_CHECKING:
    from uai_notebook.session import ActiveSession
    from uai_notebook.views.maps import LatentMap

_log = logging.getLogger(__name__)


class Maps:
    """At most one map of each kind, "latent" and "x", and at most one under way.

    Parameters
    ----------
    session : ActiveSession
    tell : callable
        Takes each message for all views, on any thread.
    """

    def __init__(self, session: ActiveSession, tell: Callable[[Message], None]) -> None:
        self._session, self._tell = session, tell
        self._lock = threading.Lock()  # guards what follows; nothing is called under it
        self._done: dict[str, tuple[LatentMap, tuple[Frame, ...]]] = {}
        self._job: Any = None
        self._of = ""

    @property
    def offered(self) -> list[tuple[str, str]]:
        """(key, name) of each kind."""
        of_x = [("x", "UMAP of x")] if self._session.ds.x.ndim >= 2 else []
        return [("latent", "UMAP of the latent"), *of_x]

    @property
    def kinds(self) -> list[str]:
        """Keys of ``offered``."""
        return [key for key, _ in self.offered]

    def want(self, of: str, frames: tuple[Frame, ...], anew: bool) -> Message | None:
        """The map of a kind: the message of it if it is there, and not wanted ``anew``; else it is begun."""
        with self._lock:
            found = self._done.get(of)
            under_way = self._job is not None and self._of == of
        if found is not None and not anew:
            return map_message(of, *found)
        if not under_way:
            self.cancel()
            self._begin(of, frames)
        return None

    def cancel(self) -> None:
        """End the one under way; the views hear of it."""
        with self._lock:
            job, of, self._job = self._job, self._of, None
        if job is not None:
            job.cancel()
            self._tell(Message({"kind": "map_progress", "of": of, "failed": "The map was cancelled."}))

    def forget(self) -> None:
        """The rounds are others now."""
        self.cancel()
        with self._lock:
            self._done.clear()

    def _begin(self, of: str, frames: tuple[Frame, ...]) -> None:
        from uai_notebook.views.maps import MapJob

        def report(job: Any) -> None:
            self._report(job, of, frames)

        path = getattr(self._session, "path", None)
        try:
            job = MapJob(
                frames,
                of,
                x=self._session.ds if of == "x" else None,
                cache=None if path is None else Path(path) / "maps",
                on_progress=report,
                labeled=self._session.current_labels()[0],
            )
        except ValueError as error:
            self._tell(Message({"kind": "map_progress", "of": of, "failed": str(error)}))
            return
        with self._lock:
            self._job, self._of = job, of
        job.start()

    def _report(self, job: Any, of: str, frames: tuple[Frame, ...]) -> None:
        """How far it is; in a thread of the job."""
        progress = job.progress
        with self._lock:
            if job is not self._job:
                return
            if progress.done:
                self._job = None
        if not progress.done:
            said = {"step": progress.step, "steps": progress.of, "text": progress.text}
            self._tell(Message({"kind": "map_progress", "of": of, **said}))
        elif progress.failed is not None:
            self._tell(Message({"kind": "map_progress", "of": of, "failed": progress.failed}))
        else:
            result = job.wait(0)
            with self._lock:
                self._done[of] = (result, frames)
            self._tell(map_message(of, result, frames))


def map_message(of: str, latent_map: LatentMap, frames: tuple[Frame, ...]) -> Message:
    """Points of each mapped round: ``x<round>`` and ``y<round>`` at the positions ``at_index`` of the display index.

    What does not move, a map of x, travels once.
    """
    placed = {frame.round: xy for frame in frames if (xy := latent_map(frame)) is not None}
    latest = max(placed)
    at = np.flatnonzero(np.isfinite(placed[latest]).all(axis=1))
    if of == "x":
        placed = {latest: placed[latest]}
    content = {
        "kind": "map",
        "of": of,
        "titles": list(latent_map.titles),
        "note": getattr(latent_map, "note", ""),
        "rounds": sorted(placed),
        "still": of == "x",
    }
    message = Message(content)
    message.add("at_index", at, np.int32)
    for number, xy in sorted(placed.items()):
        there = at[at < len(xy)]  # an earlier frame holds a beginning of the display index
        message.add(f"x{number}", xy[there, 0], np.float32)
        message.add(f"y{number}", xy[there, 1], np.float32)
    return message
