"""Learners that take no labels: scikit-learn's isolation forest and one-class SVM, ranked once."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from ..datasets import Dataset
from ..distinct import distinct_rows
from ..snapshot import FloatArray, Snapshot
from ..training import Progress, fit_scaling

LARGEST_EXACT = 20_000  # rows; the exact one-class SVM grows with their square
COMPONENTS = 300  # of the kernel's approximation beyond that. Our choice
ROWS = 16384  # scored at a time

_log = logging.getLogger(__name__)


class UnsupervisedLearner(ABC):
    """What learners without labels have in common: :meth:`update` changes nothing, and there is no learned score.

    Parameters
    ----------
    ds : Dataset
        What is looked at. Equal rows are scored once.
    seed : int
        Of what is random.
    """

    name: str

    def __init__(self, ds: Dataset, seed: int = 0) -> None:
        self.ds, self.seed = ds, int(seed)
        self._model: Any = None
        self._base = np.empty(0, np.float32)

    def pretrain(self) -> Iterator[Progress]:
        """Fit to the data."""
        self._build()
        yield Progress(1, 1, float("nan"))

    def update(self, index: npt.NDArray[np.int64], label: npt.NDArray[np.int8]) -> Iterator[Progress]:
        """Nothing: labels are not learned from."""
        yield Progress(1, 1, float("nan"))

    def evaluate(self) -> Snapshot:
        """Score all items; there is no learned score."""
        self._check_built()
        return Snapshot(self._base, probability=False)

    def score(self, rows: npt.ArrayLike, x_y: npt.ArrayLike | None = None) -> FloatArray:
        """Scores (m,) of new rows (m, ...), unscaled like ``ds.x``; higher is more anomalous."""
        self._check_built()
        x = np.asarray(rows, np.float32)
        x = x.reshape(len(x), self.ds.n_features)
        parts = [-self._model.score_samples(self._prepared(x[i : i + ROWS])) for i in range(0, len(x), ROWS)]
        return np.concatenate([np.empty(0), *parts]).astype(np.float32)

    def score_both(self, rows: npt.ArrayLike, x_y: npt.ArrayLike | None = None) -> tuple[FloatArray, None]:
        """Scores (m,) of new rows; there is no learned score."""
        return self.score(rows), None

    def state_dict(self) -> dict[str, Any]:
        """Name and seed, from which the fit follows: it is made again rather than kept."""
        return {"name": self.name, "seed": self.seed, "built": self._model is not None}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` gave; fits again if need be. ValueError if it is of another."""
        if (state["name"], state["seed"]) != (self.name, self.seed):
            raise ValueError(
                f"the state is of {state['name']} with seed {state['seed']}, not of {self.name} with seed "
                f"{self.seed}: give the same again."
            )
        if not state["built"]:
            self._model = None
        elif self._model is None:
            self._build()

    @abstractmethod
    def _new_model(self, x: FloatArray) -> Any:
        """The unfitted model for prepared rows."""

    def _prepared(self, x: FloatArray) -> FloatArray:
        """Rows as the model takes them; trees take them as they are."""
        return x

    def _build(self) -> None:
        x = self._prepared(self.ds.x.reshape(len(self.ds), -1))
        self._model = self._new_model(x).fit(x)
        distinct = distinct_rows(self.ds)
        self._base = self.score(self.ds.x) if distinct is None else self.score(self.ds.rows(distinct.first))
        if distinct is not None:
            self._base = self._base[distinct.place]

    def _check_built(self) -> None:
        if self._model is None:
            raise RuntimeError(f"{self.name} is not fitted yet: run pretrain() first.")


class IsolationForestLearner(UnsupervisedLearner):
    """scikit-learn's IsolationForest with its defaults: 100 trees of 256 rows.

    Parameters are those of :class:`UnsupervisedLearner`.

    Examples
    --------
    >>> import numpy as np
    >>> from uai_notebook import Dataset
    >>> from uai_notebook.learners import IsolationForestLearner
    >>> x = np.random.default_rng(0).normal(size=(200, 3))
    >>> x[7] = 9
    >>> learner = IsolationForestLearner(Dataset.from_arrays(x))
    >>> _ = list(learner.pretrain())
    >>> int(learner.evaluate().base_score.argmax())
    7
    """

    name = "isolation_forest"

    def _new_model(self, x: FloatArray) -> Any:
        from sklearn.ensemble import IsolationForest

        return IsolationForest(random_state=self.seed)


class OcSvmLearner(UnsupervisedLearner):
    """One-class SVM with a Gaussian kernel of width "scale"; above 20,000 rows an approximation, as its repr says.

    Parameters
    ----------
    ds, seed
        As of :class:`UnsupervisedLearner`.
    nu : float
        Bound on the share of the data taken for outliers, in (0, 1].

    Raises
    ------
    ValueError
        nu outside (0, 1].

    Notes
    -----
    scikit-learn's OneClassSVM; above 20,000 rows its SGDOneClassSVM on 300 Nystroem components of the same kernel,
    which takes seconds where the exact one takes hours. Our choices: features scaled to [0, 1] as for the networks,
    since the kernel is of distances, and nu = .1.

    Examples
    --------
    >>> import numpy as np
    >>> from uai_notebook import Dataset
    >>> from uai_notebook.learners import OcSvmLearner
    >>> x = np.random.default_rng(0).normal(size=(200, 3))
    >>> x[7] = 9
    >>> learner = OcSvmLearner(Dataset.from_arrays(x))
    >>> _ = list(learner.pretrain())
    >>> learner, int(learner.evaluate().base_score.argmax())
    (OcSvmLearner(nu=0.1, exact: 200 rows), 7)
    """

    name = "oc_svm"

    def __init__(self, ds: Dataset, seed: int = 0, nu: float = 0.1) -> None:
        if not 0 < nu <= 1:
            raise ValueError(f"nu={nu!r}: expected a number above 0 and up to 1.")
        super().__init__(ds, seed)
        self.nu = float(nu)
        self._offset, self._factor = fit_scaling(ds)

    def __repr__(self) -> str:
        how = f"Nystroem with {COMPONENTS} components" if self.approximate else "exact"
        return f"OcSvmLearner(nu={self.nu:g}, {how}: {len(self.ds):,} rows)"

    @property
    def approximate(self) -> bool:
        """Whether the data have more than 20,000 rows."""
        return len(self.ds) > LARGEST_EXACT

    def state_dict(self) -> dict[str, Any]:
        """Name, seed and nu, from which the fit follows: it is made again rather than kept."""
        return {**super().state_dict(), "nu": self.nu}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` gave; fits again if need be. ValueError if it is of another."""
        if state["nu"] != self.nu:
            raise ValueError(f"the state is of oc_svm with nu={state['nu']}, not {self.nu}: give the same again.")
        super().load_state_dict(state)

    def _prepared(self, x: FloatArray) -> FloatArray:
        scaled: FloatArray = ((x.reshape(len(x), *self.ds.x.shape[1:]) - self._offset) * self._factor).reshape(x.shape)
        return scaled

    def _new_model(self, x: FloatArray) -> Any:
        from sklearn.kernel_approximation import Nystroem
        from sklearn.linear_model import SGDOneClassSVM
        from sklearn.pipeline import make_pipeline
        from sklearn.svm import OneClassSVM

        if not self.approximate:
            return OneClassSVM(nu=self.nu)
        _log.info("%d rows are more than %d: %r", len(x), LARGEST_EXACT, self)
        variance = float(x.var(dtype=np.float64))
        gamma = 1.0 / (x.shape[1] * variance) if variance > 0 else 1.0  # what "scale" is
        return make_pipeline(
            Nystroem(gamma=gamma, n_components=COMPONENTS, random_state=self.seed),
            SGDOneClassSVM(nu=self.nu, random_state=self.seed),
        )
