"""What the dots of a scene are coloured by: groups with a name each, or a number on a scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from uai_notebook.snapshot import FloatArray, IndexArray, sigmoid
from uai_notebook.views import style
from uai_notebook.views.film.frames import Film, Scene
from uai_notebook.views.style import Mark
from uai_notebook.views.text import whole

CHOICES = ("label", "truth", "base score", "uai")
_MAX_GROUPS = len(style.LINE_COLOURS)

#: Truth, drawn as the expert's answers are, only smaller.
TRUTH = (Mark("normal (truth)", "#0072B2", "circle", 4), Mark("anomaly (truth)", "#D55E00", "diamond", 6))
_PLAIN = Mark("unlabeled", style.UNLABELED, "circle", 4)


@dataclass(frozen=True, eq=False)
class Groups:
    """Each item of the data is in one group, the same in all scenes: ``of`` int (n,), or all in the first if None."""

    marks: tuple[Mark, ...]
    of: IndexArray | None = None

    def group(self, scene: Scene) -> IndexArray:
        """int64 (m,)."""
        return np.zeros(len(scene.item), np.int64) if self.of is None else self.of[scene.item]


@dataclass(frozen=True, eq=False)
class Scale:
    """A number per item and scene, float32 (m,), NaN where there is none; the same scale in all scenes."""

    title: str
    values: tuple[FloatArray, ...]
    range: tuple[float, float]


def colouring(film: Film, color: str, truth: Any = None, values: Any = None) -> Groups | Scale:
    """How a film is coloured.

    Parameters
    ----------
    film : Film
    color : str
        One of ``CHOICES``, or with ``values`` their name.
    truth : array_like of int (n,), optional
        1 for anomalies.
    values : array_like (n,), optional
        Numbers become a scale; text, truth values and categories become groups, those beyond the 5 largest one.

    Raises
    ------
    ValueError
        No such colouring, no truth, or too few values.
    """
    n = 1 + max(int(scene.item.max()) for scene in film.scenes)
    if values is not None:
        return _of_values(film, "value" if color == "label" else color, values, n)
    if color == "label":
        return Groups((_PLAIN,))
    if color == "truth":
        if truth is None:
            raise ValueError("color='truth' needs the truth: pass truth=, or ds= of a data set that has it.")
        return Groups(TRUTH, (_column("truth", truth, n) == 1).astype(np.int64))
    if color == "base score":
        scores = [scene.frame.base_score[scene.place] for scene in film.scenes]
        return _scale("log10 of s" if film.log else "anomaly score s", [_log(s) if film.log else s for s in scores])
    if color == "uai":
        return Scale("UAI probability", tuple(_uai(scene) for scene in film.scenes), (0.0, 1.0))
    raise ValueError(f"color={color!r}: expected one of {', '.join(CHOICES)}, or the name of the values given.")


def _of_values(film: Film, name: str, values: Any, n: int) -> Groups | Scale:
    column = _column("values", values, n)
    if np.issubdtype(column.dtype, np.number):
        numbers = column.astype(np.float32)
        return _scale(name, [numbers[scene.item] for scene in film.scenes])
    return _categories(name, column)


def _column(what: str, values: Any, n: int) -> npt.NDArray[Any]:
    column = np.asarray(values)
    if column.ndim != 1 or len(column) < n:
        raise ValueError(f"{what} has shape {column.shape}; expected one per item of the data, at least {n}.")
    return column


def _categories(name: str, column: npt.NDArray[Any]) -> Groups:
    texts = pd.Series(["missing" if pd.isna(value) else whole(value) for value in column], dtype="object")
    largest = texts.value_counts(sort=True).index.tolist()
    shown = largest if len(largest) <= _MAX_GROUPS else largest[: _MAX_GROUPS - 1]
    looks = zip(shown, style.LINE_COLOURS, style.LINE_SYMBOLS, strict=False)
    marks = [Mark(f"{name}: {text}", colour, symbol, 5) for text, colour, symbol in looks]
    if len(shown) < len(largest):
        marks.append(Mark(f"{name}: {len(largest) - len(shown)} others", style.UNLABELED, "circle", 4))
    of = texts.map({text: i for i, text in enumerate(shown)}).fillna(len(shown)).to_numpy(np.int64)
    return Groups(tuple(marks), of)


def _scale(title: str, values: list[FloatArray]) -> Scale:
    together = np.concatenate(values)
    finite = together[np.isfinite(together)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 1.0)
    return Scale(title, tuple(values), (low, high if high > low else low + 1.0))


def _log(scores: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log10(scores)
    return np.where(np.isfinite(logs), logs, np.nan).astype(np.float32)


def _uai(scene: Scene) -> FloatArray:
    logit = scene.frame.uai_logit
    if logit is None:
        return np.full(len(scene.item), np.nan, np.float32)
    return sigmoid(logit[scene.place])
