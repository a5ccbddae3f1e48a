"""The model that labels made, to hand over: a scikit-learn estimator and its file."""

from __future__ import annotations

from .estimator import UaiDetector

__all__ = ["UaiDetector"]
