"""A two-dimensional map of the latents, fitted once by UMAP and kept for all rounds."""

from __future__ import annotations

import importlib.metadata
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from uai_notebook.datasets import Dataset
from uai_notebook.snapshot import FloatArray, Frame, IndexArray
from uai_notebook.views.maps import cache as map_cache
from uai_notebook.views.maps.input import FEWEST, Choice, MapInput, latent_input, x_input
from uai_notebook.views.maps.process import LAYOUT, UmapProcess

_EVERY = 0.5  # seconds between two calls of on_progress

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class MapProgress:
    """How far a :class:`MapJob` is: ``step`` of ``of``, in words, and whether it has ended.

    ``failed`` is a sentence if it ended without a map; that it was cancelled counts as one.
    """

    step: int = 0
    of: int = 0
    text: str = "waiting"
    done: bool = False
    failed: str | None = None


@dataclass(frozen=True, eq=False)
class LatentMap:
    """Where items lie on a map, for each round it was made of.

    Attributes
    ----------
    titles : tuple of str
        Of the horizontal and the vertical axis. Their units mean nothing: UMAP keeps neighbourhoods.
    key : str
        Of what went in: the same key is the same map.
    note : str
        How many items are on it, and what was left out.
    index : int64 (t,)
        The items that are on it, ascending.
    rounds : mapping of int to float32 (t, 2)
        Points of these items in each round; the only entry is None where they are the same in all.

    Examples
    --------
    >>> index = np.array([3, 5])
    >>> points = np.float32([[0, 1], [2, 3]])
    >>> latent_map = LatentMap(("UMAP 1", "UMAP 2"), "", "", index, {0: points})
    >>> frame = Frame(0, np.array([5, 4]), np.float32([1, 1]), None, None, 0)
    >>> latent_map(frame).tolist()
    [[2.0, 3.0], [nan, nan]]
    """

    titles: tuple[str, str]
    key: str
    note: str
    index: IndexArray
    rounds: Mapping[int | None, FloatArray]

    def __call__(self, frame: Frame) -> FloatArray | None:
        """Points float32 (m, 2) of ``frame.index``, NaN for items that are not on the map; None if the round is not."""
        points = self.rounds.get(frame.round, self.rounds.get(None))
        if points is None:
            return None
        place = np.searchsorted(self.index, frame.index).clip(max=len(self.index) - 1)
        there = self.index[place] == frame.index
        return np.where(there[:, None], points[place], np.float32(np.nan))


class MapJob:
    """The computation of a :class:`LatentMap`, in a child process at low priority.

    Parameters
    ----------
    frames : sequence of Frame
        ``session.history.frames``, or some of them: each takes a second or two of a core.
    of : str
        "latent": fitted on the latents of the last frame, and all others placed on that map. "x": of the features,
        the same for every frame.
    x : Dataset or array_like (n, ...), optional
        Features of all n items, needed for ``of="x"``: a Dataset, scaled as its learner does, or an array, each
        feature of which is brought to [0, 1].
    seed : int
        Same frames and seed, same map.
    max_items : int
        Items it is fitted on at most: all of ``labeled``, and of the others all of the sparse parts of the plane of
        latent and score and a share of the crowded ones. The rest is placed on it as long as that are at most 100,000
        rows in all rounds together (about half a minute of one core), else it is not on the map.
    cache : Path, optional
        Folder where maps are kept. In memory the last few always are.
    on_progress : callable, optional
        Called with this job, in another thread, at most twice a second and once at the end.
    labeled : array_like of int (t,)
        Items that must be on the map.

    Raises
    ------
    ValueError
        No frames, or another ``of`` or ``max_items`` than there can be.

    Notes
    -----
    Our choice throughout: the paper shows latents of one dimension only (Appendix C.1). The parent imports neither
    umap nor numba, and computes nothing in the caller's thread.
    """

    def __init__(
        self,
        frames: Sequence[Frame],
        of: str = "latent",
        *,
        x: Dataset | npt.ArrayLike | None = None,
        seed: int = 0,
        max_items: int = 5000,
        cache: str | Path | None = None,
        on_progress: Callable[[MapJob], None] | None = None,
        labeled: npt.ArrayLike = (),
    ) -> None:
        if of not in ("latent", "x"):
            raise ValueError(f'of={of!r}: expected "latent" or "x".')
        if not len(frames):
            raise ValueError("a map needs at least one round: train first.")
        if max_items < FEWEST:
            raise ValueError(f"max_items={max_items!r}: expected at least {FEWEST}.")
        self._frames, self._of, self._x = tuple(frames), of, x
        self._choice = Choice(int(max_items), np.asarray(labeled, np.int64), int(seed))
        self._cache = None if cache is None else Path(cache)
        self._on_progress = on_progress
        self._process = UmapProcess()
        self._future: Future[LatentMap] = Future()
        self._thread: threading.Thread | None = None
        self._told = -_EVERY
        self.progress = MapProgress()

    def start(self) -> None:
        """Begin; does nothing if it has begun."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="uai_notebook map", daemon=True)
            self._thread.start()

    def cancel(self) -> None:
        """End it, within a second; does nothing if it has ended."""
        self._process.stop()
        thread = self._thread
        if thread is None:
            self._thread = threading.current_thread()  # so that it cannot begin any more
            self._finish(CancelledError())
        elif thread is not threading.current_thread():
            thread.join(1.0)

    def wait(self, timeout: float | None = None) -> LatentMap:
        """The map, once it is there.

        Raises
        ------
        RuntimeError
            It failed, with why; or :meth:`start` was not called.
        concurrent.futures.CancelledError
            It was cancelled.
        TimeoutError
            It is not there after ``timeout`` seconds; it goes on.
        """
        if self._thread is None:
            raise RuntimeError("this map has not been begun: call start() first.")
        return self._future.result(timeout)

    def _run(self) -> None:
        try:
            self._finish(self._make())
        except (CancelledError, RuntimeError) as problem:
            self._finish(problem)
        except ValueError as problem:  # what was given cannot be mapped; the sentence says why
            self._finish(RuntimeError(str(problem)))
        except BaseException as problem:
            _log.exception("the map failed")
            self._finish(RuntimeError(f"the map failed: {problem!r}"))

    def _make(self) -> LatentMap:
        self._say(MapProgress(text="choosing items"))
        if self._of == "x":
            given = x_input(self._frames[-1], self._x, self._choice)
        else:
            given = latent_input(self._frames, self._choice)
        settings = {"seed": self._choice.seed, "umap": importlib.metadata.version("umap-learn"), "layout": LAYOUT}
        key = map_cache.key_of(given.rows, settings)
        lengths = [len(rows) for rows in given.rows]
        found = map_cache.load(key, self._cache, lengths)
        if found is None:
            first, *others = given.rows
            found = self._process.run(first, others, self._choice.seed, self._hear)
            map_cache.save(key, self._cache, found)
        return self._map(given, key, found)

    def _map(self, given: MapInput, key: str, found: list[FloatArray]) -> LatentMap:
        """Put the parts where they belong."""
        last, *earlier = found[1:]
        n = len(given.index)
        points = _at(n, given.fit, found[0], _at(n, given.places[0], last))
        rounds: dict[int | None, FloatArray] = {}
        for frame, where, part in zip(self._frames, given.places[1:], earlier, strict=False):
            if frame.latent is not None:
                rounds[frame.round] = _at(n, where, part)
        latest = self._frames[-1].round
        rounds[None if self._of == "x" else latest] = points
        fitted = "" if self._of == "x" else f", fitted at {self._frames[-1].n_labels:,} labels"
        titles = (f"UMAP 1 of {given.what}{fitted}", "UMAP 2")
        return LatentMap(titles, key, given.note, given.index, rounds)

    def _hear(self, step: int, of: int, text: str) -> None:
        """What the child says; it may not go back, and not be told too often."""
        if step >= self.progress.step:
            self._say(MapProgress(step, of, text))

    def _say(self, progress: MapProgress) -> None:
        self.progress = progress
        if time.monotonic() - self._told >= _EVERY:
            self._tell()

    def _tell(self) -> None:
        self._told = time.monotonic()
        if self._on_progress is None:
            return
        try:
            self._on_progress(self)
        except Exception:  # a broken view must not stop the map
            _log.exception("on_progress failed")

    def _finish(self, result: LatentMap | Exception) -> None:
        # In this order: whom wait() lets go finds the progress done, and on_progress may call wait().
        if isinstance(result, LatentMap):
            self.progress = replace(self.progress, step=self.progress.of, text="done", done=True)
            self._future.set_result(result)
        else:
            cancelled = isinstance(result, CancelledError)
            text, failed = ("cancelled", "the map was cancelled") if cancelled else ("failed", str(result))
            self.progress = replace(self.progress, text=text, done=True, failed=failed)
            self._future.set_exception(result)
        self._tell()


def _at(n: int, where: IndexArray, part: FloatArray, points: FloatArray | None = None) -> FloatArray:
    """Points (n, 2), those ``where`` being ``part`` and the others NaN or as they were."""
    if points is None:
        points = np.full((n, 2), np.nan, np.float32)
    points[where] = part
    return points
