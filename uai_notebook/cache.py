"""What makes resuming a session quick: checkpoints and frames beside its journal. All of it may be deleted."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from . import checkpoint
from .snapshot import Frame, History

KEPT = 2  # checkpoints: a second one in case the newest cannot be read
_log = logging.getLogger(__name__)


class SessionCache:
    """The folders ``checkpoints`` and ``frames`` of a session's folder.

    Each file names the journal up to the training it belongs to by a digest; one of another journal, or of one that
    was edited, is passed over. Files hold plain arrays and are never unpickled. What cannot be read is passed over
    too: the journal alone is enough to make it again.

    Parameters
    ----------
    folder : Path
        The session's; it is never made here, so that a deleted one does not come back without its journal.

    Attributes
    ----------
    digests : dict
        Round to digest of the journal, of all trainings that made the present model.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.digests: dict[int, str] = {}
        self._kept: list[Path] = []
        self._frames: set[int] = set()  # rounds whose frame is in its file

    def keep(self, round: int, state: Mapping[str, Any], history: History) -> None:
        """Write the checkpoint of a round and the frames that are not written yet; drop what they replace.

        Raises
        ------
        OSError
            A file could not be written; what was there before still is.
        TypeError
            The state has something else than plain arrays and numbers.
        """
        self._keep_frames(history)
        folder = self._made("checkpoints")
        path = folder / _name(round)
        checkpoint.write(path, {"journal": self.digests[round], **state}, compress=False)
        self._kept = [*[other for other in self._kept if other != path], path][-KEPT:]
        _remove_others(folder, self._kept)

    def checkpoints(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Round and state of each checkpoint of the present model, the newest first."""
        for path in sorted((self.folder / "checkpoints").glob("*.npz"), reverse=True):
            state = _read(path)
            round_ = _round_of(path)
            if state is not None and round_ is not None and state.get("journal") == self.digests.get(round_):
                self._kept.insert(0, path)
                yield round_, state

    def frames(self, until: int, n: int) -> list[Frame]:
        """Frames of the present model that are there, oldest first, up to a round; ``n`` items are in the data."""
        found = []
        for path in sorted((self.folder / "frames").glob("*.npz")):
            round_ = _round_of(path)
            if round_ is None or round_ > until or round_ not in self.digests:
                continue
            state = _read(path)
            frame = None if state is None or state.get("journal") != self.digests[round_] else _frame(state, round_, n)
            if frame is not None:
                found.append(frame)
        self._frames = {frame.round for frame in found}
        return found

    def _keep_frames(self, history: History) -> None:
        folder = self._made("frames")
        frames = {frame.round: frame for frame in history.frames}
        for round_, frame in frames.items():
            if round_ not in self._frames and round_ in self.digests:
                fields = ("index", "base_score", "latent", "uai_logit", "n_labels", "head")
                state = {name: getattr(frame, name) for name in fields}
                checkpoint.write(folder / _name(round_), {"journal": self.digests[round_], **state}, compress=False)
                self._frames.add(round_)
        self._frames &= frames.keys()
        _remove_others(folder, [folder / _name(round_) for round_ in self._frames])

    def _made(self, name: str) -> Path:
        folder = self.folder / name
        if folder.is_symlink():
            raise OSError(f"{folder} is a link, which may lead anywhere: remove it.")
        folder.mkdir(exist_ok=True)
        return folder


def _name(round: int) -> str:
    return f"{round:07d}.npz"


def _round_of(path: Path) -> int | None:
    return int(path.stem) if path.stem.isascii() and path.stem.isdigit() else None


def _remove_others(folder: Path, kept: list[Path]) -> None:
    """Remove our own files but ``kept``, and those that a killed process left half written."""
    for path in [*folder.glob("*.npz"), *folder.glob(".*.tmp")]:
        if path not in kept and (path.suffix == ".tmp" or _round_of(path) is not None):
            path.unlink(missing_ok=True)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        state = checkpoint.read(path)
    except (OSError, ValueError) as error:
        _log.warning("passed over: %s", error)
        return None
    return state if isinstance(state, dict) else None


def _frame(state: Mapping[str, Any], round: int, n: int) -> Frame | None:
    """The frame of a file, or None if it does not fit the data."""
    index, score, latent, logit, head = (state.get(x) for x in ("index", "base_score", "latent", "uai_logit", "head"))
    if not isinstance(index, np.ndarray) or index.dtype != np.int64 or index.ndim != 1 or not len(index):
        return None
    if index.min() < 0 or index.max() >= n or len(np.unique(index)) < len(index):
        return None
    wanted = ((score, np.float32, 1), (latent, np.float16, 2), (logit, np.float32, 1))
    for array, dtype, ndim in wanted:
        if array is None and array is not score:
            continue
        if not isinstance(array, np.ndarray) or array.dtype != dtype or array.ndim != ndim or len(array) != len(index):
            return None
    if head is not None and (not isinstance(head, np.ndarray) or head.dtype != np.float32 or head.ndim != 1):
        return None
    n_labels = state.get("n_labels")
    return Frame(round, index, score, latent, logit, n_labels, head) if type(n_labels) is int else None  # type: ignore[arg-type]
