"""What travels from a kernel to a scatter: which rounds, how a message is put together, and how text is cut."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from uai_notebook.snapshot import Frame

from .status import sendable

MAX_FRAMES = 40  # key frames a browser holds, our choice: 40 x 20,000 points are 10 MB
_MAX_ID = 80  # characters of an id in the tooltip


def key_frames(frames: Iterable[Frame], limit: int = MAX_FRAMES) -> tuple[Frame, ...]:
    """At most ``limit`` frames, evenly spaced, first and last kept.

    The spacing is a power of two in round numbers, so that one more round never asks for a frame that an
    earlier choice left out: the browser only drops frames and receives the newest.
    """
    frames = tuple(frames)
    stride = 1
    while len(chosen := _on_stride(frames, stride)) > limit:
        stride *= 2
        if stride > 2**40:  # rounds that are all alike: cannot be thinned by number
            return (frames[0], *frames[-(limit - 1) :])
    return chosen


def _on_stride(frames: tuple[Frame, ...], stride: int) -> tuple[Frame, ...]:
    last = len(frames) - 1
    return tuple(f for i, f in enumerate(frames) if i in (0, last) or f.round % stride == 0)


@dataclass
class Message:
    """One custom message under construction: JSON content, and arrays as named binary buffers."""

    content: dict[str, Any]
    names: list[str] = field(default_factory=list)
    buffers: list[bytes] = field(default_factory=list)

    def add(self, name: str, values: npt.ArrayLike, dtype: npt.DTypeLike) -> None:
        self.names.append(name)
        self.buffers.append(np.ascontiguousarray(values, dtype=dtype).tobytes())

    def add_text(self, name: str, lines: Iterable[str]) -> None:
        self.names.append(name)
        self.buffers.append("\n".join(lines).encode("utf-8", "replace"))


def names_of(ds: Any) -> Any:
    """Ids of a dataset, or None where they only repeat the index."""
    ids = getattr(ds, "ids", None)
    if ids is None:
        return None
    ids = np.asarray(ids)
    return None if ids.dtype.kind in "iu" and np.array_equal(ids, np.arange(len(ids))) else ids


def one_line(value: object) -> str:
    text = sendable(" ".join(str(value).split()))
    return text if len(text) <= _MAX_ID else text[: _MAX_ID - 1] + "…"
