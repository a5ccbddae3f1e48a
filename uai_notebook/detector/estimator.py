"""The fitted model as a scikit-learn estimator: scores, predictions and rankings of new data."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from ..arguments import is_int
from ..background import polite
from ..datasets import Dataset
from ..datasets.encoding import TableEncoding, in_order
from ..learners import Learner, UaiLearner, learner_names, make_learner
from ..models import BaseModel
from ..snapshot import IndexArray, Snapshot, sigmoid
from ..training import EVALUATION_ROWS, TrainConfig
from .file import read_detector, write_detector
from .parts import FloatArray, check_known, cut_of, ids_of, labels_of, one_each, ranks
from .without_data import needs_classes, network_of, score_both

if TYPE_CHECKING:
    from ..session import ActiveSession


class UaiDetector(OutlierMixin, BaseEstimator):  # type: ignore[misc]
    """UaiNets as a scikit-learn estimator. **Higher scores are more anomalous**, and labels are 1, 0 and -1.

    Labels and signs are those of this package, not of scikit-learn's outlier detectors: in ``y`` and in what
    :meth:`predict` returns 1 is an anomaly and 0 is normal; -1 in ``y`` is an item without a label, or unsure.

    Parameters
    ----------
    base : str or BaseModel
        As of :class:`~uai_notebook.ActiveSession`: "dae", "class", "tree_aad" ... or a torch module, which is copied.
    contamination : "auto" or float
        Share of the training items that :meth:`predict` calls anomalies, in (0, 0.5]. "auto" cuts where p_anom is
        1/2, or the share of anomalies among the labels if that is more; learned scores that are no probability where
        there are the fewest errors on the labelled items; and without labels of both kinds it is 0.1. All our choice.
    label_rounds : int
        How often ``round_steps`` further steps are trained on the labels, after pre-training. Our choice: 10, as when
        a session is resumed without its model.
    config : TrainConfig, optional
        Of networks, the paper's by default.
    random_state : int, RandomState or None
        0 by default: the same data give the same detector.

    Attributes
    ----------
    learner_ : Learner
        The trained model.
    offset_ : float
        ``decision_function`` is ``score_samples - offset_``.
    n_features_in_ : int
    feature_names_in_ : object (d,)
        Only if X was a DataFrame.
    encoding_ : TableEncoding or None
        How tables become numbers: new rows may be given as a table like that of the session.
    names_ : tuple of str
        Of the features: a table with these columns, of a session on arrays, may have them in any order.

    Notes
    -----
    Eq. 3: what is ranked by is the logit of s_uai(x), since the sigmoid makes ties; without labels of both kinds it is
    the base score s(x), as it is for a base that learns nothing from labels. A session asks and trains by turns, a
    detector that is fitted gets all labels at once: so :meth:`ActiveSession.finish` gives another model than
    :meth:`fit` with the same labels.

    Examples
    --------
    >>> import numpy as np
    >>> import uai_notebook as uai
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(300, 4))
    >>> X[:10, 0] += 6
    >>> y = np.full(300, -1)
    >>> y[:4], y[50:60] = 1, 0
    >>> detector = uai.UaiDetector(config=uai.TrainConfig(hidden=(16, 4), pretrain_steps=200)).fit(X, y)
    >>> detector.predict(X[:10]).tolist()
    [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]
    """

    def __init__(
        self,
        base: str | BaseModel = "dae",
        contamination: str | float = "auto",
        label_rounds: int = 10,
        config: TrainConfig | None = None,
        random_state: Any = 0,
    ) -> None:
        self.base = base
        self.contamination = contamination
        self.label_rounds = label_rounds
        self.config = config
        self.random_state = random_state

    # -- fitting ------------------------------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None, x_y: Any = None) -> UaiDetector:
        """Train on items and the labels there are.

        Parameters
        ----------
        X : array-like (n, d) of numbers
        y : array-like (n,) of 1 (anomaly), 0 (normal) and -1 (no label), optional
        x_y : array-like (n,), optional
            Given classes, which ``base="class"`` needs.

        Raises
        ------
        ValueError
            Other labels, parameters that do not fit, data that are constant or not finite.
        """
        self._check_parameters()
        X = validate_data(self, X, dtype=np.float32, ensure_min_samples=2)
        label = labels_of(y, len(X))
        ds = Dataset.from_arrays(X, x_y=x_y)
        fixed = is_int(self.random_state)
        seed = int(self.random_state if fixed else check_random_state(self.random_state).randint(2**31 - 1))
        # The given module stays as it is: fitting must not change parameters.
        learner = make_learner(ds, copy.deepcopy(self.base), self._config, seed)
        index = np.flatnonzero(label >= 0)
        with polite(self._config.threads):
            snapshot = _trained(learner, index, label[index], int(self.label_rounds))
        self._take(network_of(learner, ds), ds, snapshot)
        return self

    def fit_predict(self, X: Any, y: Any = None, x_y: Any = None) -> npt.NDArray[np.int64]:
        """:meth:`fit`, then :meth:`predict` on the same items."""
        return self.fit(X, y, x_y).predict(X, x_y)

    @classmethod
    def from_session(cls, session: ActiveSession, contamination: str | float = "auto") -> UaiDetector:
        """The model of a session as it is now: see :meth:`ActiveSession.finish`, which trains on all labels first.

        The detector has a copy of the model, except of a learner of the user's own: that one it shares.

        Raises
        ------
        RuntimeError
            The session has not been trained, or a training runs.
        """
        if session.snapshot is None or session.training:
            raise RuntimeError("a detector is made of a trained session: call session.finish().")
        learner, name = session.learner, session.settings["base"]
        if isinstance(learner, UaiLearner):
            learner = network_of(learner, session.ds)
        elif name in learner_names():
            learner = copy.deepcopy(learner, {id(session.ds): session.ds})  # the data are shared: they are frozen
        own = name if not isinstance(learner, UaiLearner) or name in learner_names() else learner.net.base
        detector = cls(own, contamination, config=session.config, random_state=session.seed)
        detector._check_parameters()
        detector._take(learner, session.ds, session.snapshot)
        return detector

    # -- scoring ------------------------------------------------------------------------------------------------------

    def score_samples(self, X: Any, x_y: Any = None) -> FloatArray:
        """How anomalous items are, float64 (m,): the logit of s_uai, or s where nothing was learned from labels.

        Parameters
        ----------
        X : array-like (m, d) of numbers, or a DataFrame with the columns of the session's table
            Unscaled, as what the detector was made with. Images may have their own shape, (m, h, w[, c]).
        x_y : array-like (m,), optional
            Given classes, which ``base="class"`` needs.

        Raises
        ------
        ValueError
            X or x_y do not fit.
        sklearn.exceptions.NotFittedError
            Not fitted yet.
        """
        base, learned = self._score_both(X, x_y)
        return base if learned is None else learned

    def decision_function(self, X: Any, x_y: Any = None) -> FloatArray:
        """``score_samples - offset_``, float64 (m,): positive for what :meth:`predict` calls an anomaly."""
        scores: FloatArray = self.score_samples(X, x_y) - self.offset_
        return scores

    def predict(self, X: Any, x_y: Any = None) -> npt.NDArray[np.int64]:
        """1 for an anomaly, 0 for a normal item, int64 (m,)."""
        return (self.decision_function(X, x_y) > 0).astype(np.int64)

    def rank_new(self, X: Any, x_y: Any = None, ids: Any = None) -> pd.DataFrame:
        """Rank new data twice: by what the labels taught, and by s for kinds of anomalies that are new.

        Parameters
        ----------
        X, x_y
            As for :meth:`score_samples`.
        ids : sequence (m,), optional
            Of the items; by default the index of a DataFrame, else row numbers.

        Returns
        -------
        DataFrame, in the order of X
            index, id; base_score (s) and learned_score (p_anom for networks); ``called``, whether the head calls it an
            anomaly, as :meth:`predict` does; ``known_rank``, 1 for the highest learned score; ``novel_rank``, 1 for
            the highest base score among those not called, missing for the others. Without labels of both kinds
            learned_score and known_rank are missing, and nothing is called.

        Notes
        -----
        Sec. 4.3: new data may hold kinds of anomalies that no label was of, and the paper ranks all by s_uai, which
        keeps some of s. Our choice is to show two rankings apart. How many are ``called`` depends on ``contamination``:
        "auto" follows from labels of the top of a ranking, and calls too many rather than too few where nearly all of
        them are anomalies.

        Examples
        --------
        >>> import numpy as np
        >>> import uai_notebook as uai
        >>> rng = np.random.default_rng(0)
        >>> X = rng.normal(size=(300, 4))
        >>> X[:10, 0] += 6
        >>> y = np.full(300, -1)
        >>> y[:4], y[50:60] = 1, 0
        >>> detector = uai.UaiDetector(config=uai.TrainConfig(hidden=(16, 4), pretrain_steps=200)).fit(X, y)
        >>> new = rng.normal(size=(50, 4))
        >>> new[3] = [0, 0, 9, -9]  # of a kind that no label was of
        >>> ranking = detector.rank_new(new)
        >>> ranking.sort_values("novel_rank")["index"].iloc[0]
        np.int64(3)
        """
        base, learned = self._score_both(X, x_y)
        m = len(base)
        called = np.zeros(m, bool) if learned is None else learned > self.offset_
        shown = np.full(m, np.nan) if learned is None else sigmoid(learned) if self.probability_ else learned
        return pd.DataFrame(
            {
                "index": np.arange(m),
                "id": pd.Series(ids_of(ids, X, m), dtype="object"),
                "base_score": base,
                "learned_score": np.asarray(shown, np.float64),
                "called": called,
                "known_rank": ranks(learned, np.full(m, learned is not None)),
                "novel_rank": ranks(base, ~called),
            }
        )

    # -- files --------------------------------------------------------------------------------------------------------

    def save(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Write the detector to one file of plain arrays; nothing in it is ever run when it is loaded.

        A network needs no data. For "loda_aad", the forests and the other learners, which are built from the data, the
        file holds the training items.

        Raises
        ------
        FileExistsError
            There is a file; ``overwrite=True`` replaces it.
        OSError
            It could not be written; a file of before is as it was.
        """
        check_is_fitted(self)
        write_detector(self, Path(path), overwrite)

    @classmethod
    def load(cls, path: str | Path, base: BaseModel | Learner | None = None, device: str = "auto") -> UaiDetector:
        """Read what :meth:`save` wrote.

        Parameters
        ----------
        path : str or Path
        base : BaseModel or Learner, optional
            An untrained one, if the detector was made with a module or a learner of your own.
        device : str
            As in :class:`~uai_notebook.TrainConfig`.

        Raises
        ------
        FileNotFoundError
            No such file.
        ValueError
            Not a saved detector, a damaged one, or another ``base``.
        """
        return read_detector(cls, Path(path), base, device)

    # -- inside -------------------------------------------------------------------------------------------------------

    @property
    def _config(self) -> TrainConfig:
        return self.config or TrainConfig()

    def _check_parameters(self) -> None:
        share = self.contamination
        is_share = isinstance(share, int | float) and not isinstance(share, bool) and 0 < share <= 0.5
        if not is_share and share != "auto":
            raise ValueError(f'contamination={share!r}: expected "auto" or a share above 0 and up to 0.5.')
        rounds = self.label_rounds
        if not isinstance(rounds, int | np.integer) or isinstance(rounds, bool) or rounds < 1:
            raise ValueError(f"label_rounds={rounds!r}: expected a positive whole number.")
        if self.config is not None and not isinstance(self.config, TrainConfig):
            raise ValueError(f"config={self.config!r}: expected a TrainConfig(...), or None for the paper's.")

    def _take(self, learner: Learner, ds: Dataset, snapshot: Snapshot) -> None:
        """Become fitted."""
        self.learner_ = learner
        self.n_features_in_ = ds.n_features
        self.shape_ = ds.x.shape[1:]
        self.class_names_ = ds.class_names
        self.encoding_ = TableEncoding.of(ds)
        self.names_ = ds.feature_names
        self.probability_ = snapshot.probability
        self.offset_ = cut_of(snapshot, self.contamination)

    def _score_both(self, X: Any, x_y: Any) -> tuple[FloatArray, FloatArray | None]:
        """Base scores (m,) and learned ones or None, the same for an item in whatever company it comes."""
        check_is_fitted(self)
        x = self._rows(X)
        m = len(x)
        # The last digits of a product depend on how many rows it has, so all have the same.
        filled = np.concatenate([np.arange(m), np.zeros(-m % EVALUATION_ROWS, np.int64)])
        classes = None if x_y is None else one_each(x_y, m)
        if classes is not None and needs_classes(self.learner_):
            check_known(classes, self.class_names_)
        with polite(self._config.threads):
            base, learned = score_both(self.learner_, x[filled], None if classes is None else classes[filled])
        return base[:m].astype(np.float64), None if learned is None else learned[:m].astype(np.float64)

    def _rows(self, X: Any) -> npt.NDArray[np.float32]:
        """New data as the learner takes them, float32 (m, ...)."""
        if isinstance(X, pd.DataFrame) and self.encoding_ is not None:
            X = self.encoding_.encode(X)
        elif isinstance(X, pd.DataFrame) and not hasattr(self, "feature_names_in_"):
            X = in_order(X, self.names_)  # else scikit-learn compares them
        elif getattr(X, "ndim", 2) > 2:
            X = np.reshape(X, (len(X), -1))  # images
        rows: npt.NDArray[np.float32] = validate_data(self, X, dtype=np.float32, reset=False)
        return rows.reshape(len(rows), *self.shape_)


def _trained(learner: Learner, index: IndexArray, label: npt.NDArray[np.int8], rounds: int) -> Snapshot:
    """Pre-train, then train ``rounds`` times on the labels, if there are any."""
    for _ in learner.pretrain():
        pass
    for _ in range(rounds if len(index) else 0):
        for _ in learner.update(index, label):
            pass
    snapshot = learner.evaluate()
    if not np.isfinite(snapshot.ranking_score).all():
        raise FloatingPointError("the model gives scores that are not finite: try a smaller TrainConfig(lr=...).")
    return replace(snapshot, labeled_index=index, labeled_value=label)
