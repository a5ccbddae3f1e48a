"""Where points lie: latent, or its first principal axis, against score; the same axis in every round."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from uai_notebook.snapshot import FloatArray, Frame, IndexArray, Snapshot
from uai_notebook.views.projection import LatentAxis

if TYPE_CHECKING:
    from uai_notebook.session import ActiveSession


class Plane:
    """The x axis of a session's scatter.

    It is fitted once, on the first round: thinning keeps that frame, so every view agrees.
    """

    def __init__(self, session: ActiveSession) -> None:
        self._session = session
        self._axis: LatentAxis | None = None
        self._feature_x: FloatArray = np.empty(0, np.float32)  # coordinates of items when the axis is of features

    def axis(self, frame: Frame) -> LatentAxis:
        """The axis; ``frame`` is what it is fitted on where there is no history."""
        if self._axis is None:
            first = next(iter(self._session.history.frames), frame)
            if first.latent is None or first.latent.shape[-1] == 0:
                self._axis = LatentAxis.fit_features(self._session.ds.x)
            else:
                self._axis = LatentAxis.fit(first.latent)
        return self._axis

    def forget(self) -> None:
        """The display items are others now: the session went back to a checkpoint."""
        self._feature_x = self._feature_x[:0]

    def of_frame(self, frame: Frame) -> FloatArray:
        """Coordinate of each item of a frame, float32 (m,)."""
        axis = self.axis(frame)
        if axis.of_features:
            known, m = len(self._feature_x), len(frame.index)
            if m > known:  # the index only ever appends
                tail = axis(self._session.ds.x[frame.index[known:]])
                self._feature_x = np.concatenate([self._feature_x, tail])
            return self._feature_x[:m]
        if frame.latent is None:  # no place on the axis: NaN is not drawn
            return np.full(len(frame.index), np.nan, np.float32)
        return axis(frame.latent)

    def of_items(self, snapshot: Snapshot, items: IndexArray, frame: Frame) -> FloatArray:
        """Coordinate of any items at the latest round, float32 (m,)."""
        axis = self.axis(frame)
        if axis.of_features:
            return axis(self._session.ds.x[items])
        if snapshot.latent is None:
            return np.full(len(items), np.nan, np.float32)
        return axis(snapshot.latent[items])

    def decision_line(self, frame: Frame) -> list[float] | None:
        """Weights of l, of s and the bias of eq. 3 where the latent itself is the axis: a line in this plane."""
        if frame.head is None or len(frame.head) != 3 or self.axis(frame).of_features:
            return None
        return [float(w) for w in frame.head] if np.isfinite(frame.head).all() else None
