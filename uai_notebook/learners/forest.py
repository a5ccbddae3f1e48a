"""Active forests of the package coniferest: Tree-AAD and the Pine Forest."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ..datasets import Dataset
from ..distinct import distinct_rows
from ..snapshot import FloatArray, IndexArray, Snapshot
from ..training import Progress
from .labeled import newest

TREE_ROWS = 256  # rows that a tree is grown on: coniferest's default, and that of isolation forests
ROWS = 8192  # whose leaves are found at a time

_NODE_ARRAYS = ("left", "feature", "value", "node_average_path_length")


class ForestLearner(ABC):
    """What the forests of coniferest have in common; features are taken as they are, since trees ignore their scale.

    coniferest's scores are higher for normal items and its labels are 1 normal, -1 anomaly: both are turned here.

    Parameters
    ----------
    ds : Dataset
        What is looked at. Equal rows are scored once.
    seed : int
        Of the trees.
    memory : int, optional
        How many of the newest labels are learned from (App. B.2); all by default.
    n_jobs : int
        Threads; the trees and scores do not depend on it.

    Raises
    ------
    ImportError
        coniferest is not installed.
    ValueError
        ``memory`` below 1.
    """

    name: str

    def __init__(self, ds: Dataset, seed: int = 0, memory: int | None = None, n_jobs: int = 1) -> None:
        if memory is not None and memory < 1:
            raise ValueError(f"memory={memory!r}: expected at least 1 label, or None for all.")
        _import_coniferest(self.name)
        self.ds, self.seed, self.memory, self.n_jobs = ds, int(seed), memory, n_jobs
        self._forget()

    @property
    def options(self) -> dict[str, Any]:
        """What a checkpoint compares: other options make another model."""
        return {"memory": self.memory}

    def _forget(self) -> None:
        self._forest: Any = None
        self._rows = np.empty((0, 0), np.float32)  # distinct rows, flat
        self._place: IndexArray | None = None
        self._base = np.empty(0, np.float32)
        self._learned = False
        self._first: ForestLearner | None = None  # as first grown

    def pretrain(self) -> Iterator[Progress]:
        """Grow the trees on the data alone."""
        self._build()
        yield Progress(1, 1, float("nan"))

    def update(self, index: npt.NDArray[np.int64], label: npt.NDArray[np.int8]) -> Iterator[Progress]:
        """Learn from all labels, or from the newest ``memory``; without labels the forest is as first grown."""
        self._check_built()
        index, label = newest(index, label, self.memory)
        if len(index):
            known = self.ds.rows(index).reshape(len(index), -1)
            self._learn(known, np.where(label == 1, -1, 1))
            self._learned = True
        else:
            self._build()
        yield Progress(1, 1, float("nan"))

    def evaluate(self) -> Snapshot:
        """Score all items; the learned score is there from the first label on and is not a probability."""
        self._check_built()
        learned = self._of_items(self._score_own()) if self._learned else None
        return Snapshot(self._of_items(self._base), None, learned, probability=False)

    def score(self, rows: npt.ArrayLike, x_y: npt.ArrayLike | None = None) -> FloatArray:
        """Learned scores (m,) of new rows (m, ...), unscaled like ``ds.x``; base scores without labels."""
        self._check_built()
        x = np.asarray(rows, np.float32)
        return self._score(x.reshape(len(x), self.ds.n_features))

    def score_both(self, rows: npt.ArrayLike, x_y: npt.ArrayLike | None = None) -> tuple[FloatArray, FloatArray | None]:
        """Base scores (m,) and learned scores (m,) of new rows; no learned ones without labels."""
        if not self._learned:
            return self.score(rows), None
        if self._first is None:  # grown when first asked for: the trees that labels have changed are not these
            self._first = type(self)(self.ds, self.seed, n_jobs=self.n_jobs)
            self._first._build()
        return self._first.score(rows), self.score(rows)

    def state_dict(self) -> dict[str, Any]:
        """What labels have changed. The trees as first grown follow from the data and the seed."""
        learned = self._learned_state() if self._learned else None
        return {"name": self.name, "seed": self.seed, "built": self._forest is not None, "learned": learned}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` gave; grows the trees again if need be. ValueError if it is of another."""
        if (state["name"], state["seed"]) != (self.name, self.seed):
            raise ValueError(
                f"the state is of {state['name']} with seed {state['seed']}, not of {self.name} with seed "
                f"{self.seed}: give the same again."
            )
        self._learned = False
        if not state["built"]:
            self._forget()
        elif self._forest is None or state["learned"] is None:
            self._build()
        if state["learned"] is not None:
            self._load_learned(state["learned"])
            self._learned = True

    def __getstate__(self) -> dict[str, Any]:
        """For pickle and copies, which cannot take coniferest's own objects: what the trees follow from."""
        return {"made_of": (self.ds, self.seed, self.memory, self.n_jobs), "state": self.state_dict()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(*state["made_of"])  # type: ignore[misc]
        self.load_state_dict(state["state"])

    @abstractmethod
    def _new_forest(self, **options: Any) -> Any:
        """The unfitted forest."""

    @abstractmethod
    def _learn(self, known: FloatArray, label: npt.NDArray[np.int64]) -> None:
        """Learn from rows (t, d) and coniferest's labels (t,)."""

    @abstractmethod
    def _learned_state(self) -> dict[str, Any]:
        """What labels have changed."""

    @abstractmethod
    def _load_learned(self, state: dict[str, Any]) -> None:
        """The inverse."""

    def _build(self) -> None:
        if self._forest is None:
            distinct = distinct_rows(self.ds)
            self._place = None if distinct is None else distinct.place
            x = self.ds.x if distinct is None else self.ds.rows(distinct.first)
            self._rows = x.reshape(len(x), -1)
        # All items, not the distinct ones: a tree is grown on a random draw, in which frequent rows are frequent.
        rows = self.ds.x.reshape(len(self.ds), -1)
        subsamples = min(TREE_ROWS, len(rows))
        self._forest = self._new_forest(n_subsamples=subsamples, random_seed=self.seed, n_jobs=self.n_jobs).fit(rows)
        self._learned = False
        if not len(self._base):
            self._base = self._score_own()

    def _check_built(self) -> None:
        if self._forest is None:
            raise RuntimeError(f"{self.name} has no trees yet: run pretrain() first.")

    def _score(self, rows: FloatArray) -> FloatArray:
        if not len(rows):
            return np.empty(0, np.float32)
        return np.asarray(-self._forest.score_samples(rows), np.float32)

    def _score_own(self) -> FloatArray:
        """Scores of the distinct rows."""
        return self._score(self._rows)

    def _of_items(self, values: FloatArray) -> FloatArray:
        return values if self._place is None else values[self._place]


class TreeAadLearner(ForestLearner):
    """Tree-AAD: a weight for each leaf of an isolation forest, learned from labels (Das et al., 2017).

    Parameters are those of :class:`ForestLearner`.

    Notes
    -----
    coniferest's ``AADForest`` with its defaults: of the public implementations the closest to the paper's Tree-AAD,
    which ran its authors' code (App. A.2). Its weights depend on the labels and the trees only, not on the rounds
    before.

    Examples
    --------
    >>> import numpy as np
    >>> from uai_notebook import Dataset
    >>> from uai_notebook.learners import TreeAadLearner
    >>> x = np.random.default_rng(0).normal(size=(200, 3))
    >>> x[7] = 9
    >>> learner = TreeAadLearner(Dataset.from_arrays(x))
    >>> _ = list(learner.pretrain())
    >>> int(learner.evaluate().base_score.argmax())
    7
    """

    name = "tree_aad"

    def _forget(self) -> None:
        super()._forget()
        self._leaves = np.empty((0, 0), np.uint32)  # (trees, distinct rows): the leaf of each row in each tree

    def _new_forest(self, **options: Any) -> Any:
        from coniferest.aadforest import AADForest

        return AADForest(**options)

    def _score_own(self) -> FloatArray:
        # The trees stay, and so does the leaf of a row: looking up weights is ten times faster than going down trees.
        if not len(self._leaves):
            self._leaves = self._find_leaves()
        evaluator = self._forest.evaluator
        value = evaluator.weights * evaluator.leaf_values
        total = np.zeros(len(self._rows))
        for leaves in self._leaves:
            total += value[leaves]
        return np.asarray(-total, np.float32)

    def _find_leaves(self) -> npt.NDArray[np.unsignedinteger]:
        kind = np.min_scalar_type(self._forest.evaluator.n_leaves)
        found: npt.NDArray[np.unsignedinteger] = np.empty((self._forest.n_trees, len(self._rows)), kind)
        for start in range(0, len(self._rows), ROWS):
            part = slice(start, start + ROWS)
            found[:, part] = self._forest.apply(self._rows[part]).T
        return found

    def _learn(self, known: FloatArray, label: npt.NDArray[np.int64]) -> None:
        # The first argument is what trees are grown on, and there are trees. With the default threshold, which is
        # found together with the weights, its scores are computed and not used: of all items that would take longer
        # than the learning.
        self._forest.fit_known(known, known, label)

    def _learned_state(self) -> dict[str, Any]:
        return {"weights": self._forest.evaluator.weights.copy()}

    def _load_learned(self, state: dict[str, Any]) -> None:
        self._forest.evaluator.weights = np.array(state["weights"], float)


class PineForestLearner(ForestLearner):
    """Pine Forest: each round 400 new trees are grown, and of all the 100 that agree best with the labels are kept.

    Parameters are those of :class:`ForestLearner`.

    Notes
    -----
    coniferest's ``PineForest`` with its defaults; not in the paper. Our choice: the seed of the new trees follows
    from the learner's seed and the number of rounds, so that no random state has to be kept.

    Examples
    --------
    >>> import numpy as np
    >>> from uai_notebook import Dataset
    >>> from uai_notebook.learners import PineForestLearner
    >>> x = np.random.default_rng(0).normal(size=(200, 3))
    >>> x[7] = 9
    >>> learner = PineForestLearner(Dataset.from_arrays(x))
    >>> _ = list(learner.pretrain())
    >>> int(learner.evaluate().base_score.argmax())
    7
    """

    name = "pine_forest"
    _rounds = 0

    def _new_forest(self, **options: Any) -> Any:
        from coniferest.pineforest import PineForest

        self._rounds = 0
        return PineForest(**options)

    def _learn(self, known: FloatArray, label: npt.NDArray[np.int64]) -> None:
        self._rounds += 1
        self._forest.rng = np.random.default_rng([self.seed, self._rounds])
        self._forest.fit_known(self.ds.x.reshape(len(self.ds), -1), known, label)

    def _learned_state(self) -> dict[str, Any]:
        return {"rounds": self._rounds, "trees": _arrays_of(self._forest.core_forest)}

    def _load_learned(self, state: dict[str, Any]) -> None:
        self._rounds = int(state["rounds"])
        self._forest.core_forest = _forest_of(state["trees"], self._forest.core_forest)
        self._forest.fit(self.ds.x.reshape(len(self.ds), -1))  # grows none: they are all there


def _arrays_of(forest: Any) -> dict[str, npt.NDArray[Any]]:
    """The nodes of all trees, one after the other."""
    trees = list(forest)
    arrays = {name: np.concatenate([getattr(tree, name) for tree in trees]) for name in _NODE_ARRAYS}
    return {**arrays, "sizes": np.array([(tree.n_nodes, tree.n_subsamples) for tree in trees])}


def _forest_of(arrays: dict[str, npt.NDArray[Any]], like: Any) -> Any:
    """The inverse: a forest of the same features and threads as ``like``."""
    from coniferest.coniferest import Tree

    sizes = np.asarray(arrays["sizes"])
    ends = np.cumsum(sizes[:, 0])[:-1]
    nodes = zip(*(np.split(arrays[name], ends) for name in _NODE_ARRAYS), strict=True)
    trees = [Tree(*parts, int(rows)) for parts, rows in zip(nodes, sizes[:, 1], strict=True)]
    return type(like)(trees, n_features=like.n_features, num_threads=like.num_threads)


def _import_coniferest(name: str) -> None:
    try:
        import coniferest  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f'base="{name}" needs the package coniferest: pip install "uai_notebook[forest]"', name="coniferest"
        ) from error
