"""A detector as a file of plain arrays: written whole or not at all, read without running anything that is in it."""

from __future__ import annotations

import copy
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import checkpoint
from ..arguments import is_int
from ..datasets import Dataset
from ..datasets.checks import check_value_range
from ..datasets.encoding import TableEncoding
from ..learners import Learner, UaiLearner, learner_names, make_learner
from ..models import BaseModel
from ..training import TrainConfig
from .without_data import blank, score_both

if TYPE_CHECKING:
    from .estimator import UaiDetector

KIND, VERSION = "uai_notebook detector", 2  # 1 forgot the range that values may have
FITTED = ("shape_", "class_names_", "probability_", "offset_", "n_features_in_", "names_")


def write_detector(detector: UaiDetector, path: Path, overwrite: bool) -> None:
    """Write a fitted detector. FileExistsError if there is a file and ``overwrite`` is false."""
    if path.exists() and not overwrite:
        raise FileExistsError(f"{path} exists: choose another name, or overwrite=True.")
    learner, base = detector.learner_, detector.base
    network = isinstance(learner, UaiLearner)
    named = isinstance(base, str) and base in learner_names()
    # Scoring needs neither the optimizer nor the random state, which are as large as the weights.
    state = {key: value for key, value in learner.state_dict().items() if key not in ("optimizer", "random")}
    encoding = detector.encoding_
    names = getattr(detector, "feature_names_in_", None)
    checkpoint.write(
        path,
        {
            "kind": KIND,
            "detector": VERSION,
            "base": base if isinstance(base, str) else type(base).__name__,
            "named": named,
            "contamination": detector.contamination,
            "label_rounds": int(detector.label_rounds),
            "config": detector._config.to_dict(),
            "random_state": int(detector.random_state) if is_int(detector.random_state) else None,
            "fitted": {name: getattr(detector, name) for name in FITTED},
            "feature_names_in": None if names is None else [str(name) for name in names],
            "encoding": None if encoding is None else encoding.to_plain(),
            "state": state,
            # Trees and histograms are built from the data again.
            "data": _data_of(learner) if named and not network else None,
        },
    )


def read_detector(cls: type[UaiDetector], path: Path, base: Any, device: str) -> UaiDetector:
    """Read a detector; see :meth:`UaiDetector.load`."""
    try:
        tree = checkpoint.read(path)
    except ValueError as error:
        raise _unreadable(path, "it is damaged, or another kind of file") from error
    if not isinstance(tree, dict) or tree.get("kind") != KIND:
        raise _unreadable(path, "it holds something else")
    if tree.get("detector") != VERSION:
        raise _unreadable(path, f"it has version {tree.get('detector')!r}, and this program reads version {VERSION}")
    _check_base(tree, base, path)
    try:
        return _restore(cls, tree, base, device)
    # What is in a file that was tampered with may fail anywhere.
    except (KeyError, TypeError, ValueError, IndexError, AttributeError, RuntimeError, MemoryError) as error:
        raise _unreadable(path, str(error) or type(error).__name__) from error


def _data_of(learner: Any) -> dict[str, Any]:
    """The training items and what they are scaled by."""
    return {"x": learner.ds.x, "value_range": learner.ds.value_range}


def _dataset(data: dict[str, Any]) -> Dataset:
    """The inverse of :func:`_data_of`."""
    ds, given = Dataset.from_arrays(data["x"]), data["value_range"]
    return replace(ds, value_range=check_value_range(given, ds.x))


def _restore(cls: type[UaiDetector], tree: dict[str, Any], base: Any, device: str) -> UaiDetector:
    config = replace(TrainConfig.from_dict(tree["config"]), device=device)
    fitted = {name: tree["fitted"][name] for name in FITTED}
    fitted["shape_"], fitted["class_names_"] = tuple(fitted["shape_"]), tuple(fitted["class_names_"])
    fitted["names_"] = tuple(fitted["names_"])
    detector = cls(
        tree["base"] if base is None or isinstance(base, Learner) else base,
        tree["contamination"],
        tree["label_rounds"],
        config,
        tree["random_state"],
    )
    detector._check_parameters()
    for name, value in fitted.items():
        setattr(detector, name, value)
    if not np.isfinite(detector.offset_):
        raise ValueError(f"offset_ is {detector.offset_}")
    detector.learner_ = _learner(tree, base, config, fitted["shape_"], fitted["class_names_"])
    plain, names = tree["encoding"], tree["feature_names_in"]
    detector.encoding_ = None if plain is None else TableEncoding.from_plain(plain)
    if names is not None:
        detector.feature_names_in_ = np.asarray(names, dtype=object)
    classes = np.asarray(detector.class_names_[:1] * 2) if detector.class_names_ else None
    both = score_both(detector.learner_, np.zeros((2, *detector.shape_), np.float32), classes)
    if detector.n_features_in_ != np.prod(detector.shape_) or not all(
        np.isfinite(s).all() for s in both if s is not None
    ):
        raise ValueError("its parts do not fit together")
    return detector


def _learner(
    tree: dict[str, Any], base: Any, config: TrainConfig, shape: tuple[int, ...], class_names: tuple[Any, ...]
) -> Learner:
    if isinstance(base, Learner):
        learner: Learner = base
    elif tree["data"] is not None:
        learner = make_learner(_dataset(tree["data"]), tree["base"], config, tree["state"]["seed"])
    else:
        if base is None:
            _check_size(tree, config, shape)
        learner = UaiLearner(blank(shape, class_names), tree["base"] if base is None else copy.deepcopy(base), config)
    learner.load_state_dict({**learner.state_dict(), **tree["state"]})
    return learner


def _check_size(tree: dict[str, Any], config: TrainConfig, shape: tuple[int, ...]) -> None:
    """A file of a few bytes must not ask for a network of gigabytes."""
    known = sum(np.size(array) for array in tree["state"]["net"].values())
    if sum(a * b for a, b in pairwise((int(np.prod(shape)), *config.hidden))) > known:
        raise ValueError("it has fewer weights than its settings say")


def _check_base(tree: dict[str, Any], base: BaseModel | Learner | None, path: Path) -> None:
    name = tree.get("base")
    if tree.get("named") is True:
        if base is not None:
            raise ValueError(f"{path} holds a detector with base={name!r}: leave base out.")
    elif type(base).__name__ != name:
        given = "none was given" if base is None else f"{type(base).__name__} was given"
        raise ValueError(f"{path} holds a detector with a {name} of your own, and {given}: pass a new one, base=...")


def _unreadable(path: Path, why: str) -> ValueError:
    return ValueError(f"{path} is not a detector that can be read ({why}): see UaiDetector.save.")
