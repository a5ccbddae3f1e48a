"""The protocol of Zong et al. (ICLR 2018) for Tables 1 and 3: train on one half, flag the top of the other.

Nothing is asked of an expert here, so the F1 of this protocol cannot be compared with that of a budget.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from .. import checkpoint
from ..datasets import Dataset, load_dataset
from ..learners import Learner, OcSvmLearner, UaiLearner
from ..models import DAGMM, DCN, DSEBM, BaseModel, PretrainedAutoEncoder
from ..training import TrainConfig, fit_scaling
from . import units
from .results import origin
from .units import Report

NATURAL = {"kddcup": 0.2, "thyroid": 0.025, "arrhythmia": 0.15, "kddcup_rev": 0.2}
"""Share of the test half that Zong flags: that of the anomalies in the whole set, rounded."""

FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


class Setting(NamedTuple):
    """How networks are trained on a set: sizes of the encoder, mixture components, batch, and epochs of DAGMM."""

    hidden: tuple[int, ...]
    components: int
    batch: int
    epochs: int = 0  # 0: STEPS steps instead


SETTINGS = {
    "kddcup": Setting((60, 30, 10, 1), 4, 1024, 200),
    "thyroid": Setting((12, 4, 1), 2, 1024, 20_000),
    "arrhythmia": Setting((10, 2), 2, 128, 10_000),
    "kddcup_rev": Setting((60, 30, 10, 1), 4, 1024, 400),
}
"""DAGMM's of Zong 2018, Sec. 4.3. Our choice: the other networks have the same layers and batches, and noise .1."""

OTHER = Setting((10, 2), 2, 128)
"""Our choice for the sets that Zong lacks: the nets of Arrhythmia, as the paper of UaiNets does not say."""

STEPS = 20_000
"""Of DAGMM on the sets that Zong lacks, as many as 10,000 epochs of Arrhythmia, and of the other networks on all."""

CLEAN_NU = 0.1
"""Our choice for the one-class SVM's nu where training holds no anomalies; else nu is their share."""


@dataclass(frozen=True)
class Scores:
    """What one run gave.

    Attributes
    ----------
    precision, recall, f1 : float
        Of the flagged items of the test half.
    found, n_anomalies, n_flagged, n_test : int
        Anomalies flagged, anomalies in the test half, items flagged, items of the test half.
    seconds : float
        Of training and scoring, added up over interruptions.
    settings : dict
        What the run was made with, as plain values.
    commit : str
        Of the program that began the run, if it was interrupted.
    """

    precision: float
    recall: float
    f1: float
    found: int
    n_anomalies: int
    n_flagged: int
    n_test: int
    seconds: float
    settings: dict[str, Any] = field(default_factory=dict)
    commit: str = ""


@dataclass(frozen=True)
class ZongRun:
    """One training and one test.

    Parameters
    ----------
    dataset : str
        Name of a data set with truth.
    method : str
        One of METHODS.
    contamination : float, optional
        Share of anomalies among the training rows: 0 removes them; None keeps those of the random half, and so does a
        share that the half cannot reach.
    seed : int
        Of the halves, the weights and the batches.

    Notes
    -----
    "We take 50% of data by random sampling for training with the rest 50% reserved for testing, and only data
    samples from the normal class are used for training"; "the top 20% samples of the highest energy will be marked
    as anomalies" (Zong 2018, Sec. 4.3). Our choice where that leaves something open: the share is of the test half,
    for every method; ties are broken by its random order; features are scaled to [0, 1] by their range over all rows,
    of both halves and without regard to y. On the sets that Zong lacks, the share flagged is that of the anomalies.
    :class:`~uai_notebook.models.DAGMM` says what its loss leaves open.

    Examples
    --------
    >>> from uai_notebook.experiments.zong import ZongRun
    >>> ZongRun("thyroid", "PCA", 0.0, 0)
    Traceback (most recent call last):
    ValueError: method='PCA': expected one of OC-SVM, PAE, DSEBM-r, DSEBM-e, DCN, DAGMM.
    """

    dataset: str
    method: str
    contamination: float | None
    seed: int

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"method={self.method!r}: expected one of {', '.join(METHODS)}.")
        if self.contamination is not None and not 0 <= self.contamination < 1:
            raise ValueError(f"contamination={self.contamination!r}: expected a share from 0 to less than 1, or None.")

    def execute(self, path: Path | None = None, report: Report = print) -> Scores:
        """Train and test, on one thread. Raises what `load_dataset` raises.

        With a ``path``, a long training leaves a checkpoint there now and then, and goes on from it.
        """
        return run_on(load_dataset(self.dataset, seed=self.seed, quiet=path is not None), self, path, report)


def run_on(ds: Dataset, run: ZongRun, path: Path | None = None, report: Report = print) -> Scores:
    """A run on a Dataset that is at hand, with the settings of the name in ``run``. ValueError if it has no truth."""
    if ds.y is None:
        raise ValueError(f"{ds!r} has no y: this protocol needs the truth of every item.")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        began = time.perf_counter()
        train, test = halves(ds.y, run.contamination, run.seed)
        offset, factor = fit_scaling(ds)
        x = (ds.x - offset) * factor
        # It is scaled: learners must not scale it again by the range of the training items.
        known = replace(Dataset.from_arrays(x[train]), value_range=(0.0, 1.0))
        learner, settings = _learner(known, run, float(ds.y[train].mean()))
        before, commit = _pretrain(learner, known, path, report)
        score = learner.score(x[test])
        seconds = before + time.perf_counter() - began
    finally:
        torch.set_num_threads(threads)
    share = NATURAL.get(run.dataset, float(ds.y.mean()))
    settings = {"n_train": len(train), "train_anomalies": int(ds.y[train].sum()), "flagged": share, **settings}
    return replace(_scored(ds.y[test], score, share, seconds, settings), commit=commit)


def _pretrain(learner: Learner, known: Dataset, path: Path | None, report: Report) -> tuple[float, str]:
    """Train; returns the seconds of earlier parts, and the commit of the program that began."""
    before, commit, first = 0.0, origin()["commit"], 0
    if path is not None and path.exists():
        state = checkpoint.read(path)
        if state["fingerprint"] != known.fingerprint:
            raise ValueError(f"{path} belongs to other data: delete it to start again.")
        learner.load_state_dict(state["learner"])
        before, commit, first = state["seconds"], state["commit"], state["learner"]["pretrained"]
        report(f"goes on from step {first:,}")
    began = saved = time.monotonic()
    for progress in learner.pretrain():
        now = time.monotonic()
        if path is None or now - saved < units.CHECKPOINT_SECONDS:
            continue
        saved, state = now, learner.state_dict()
        if state.get("pretrained"):
            part = {"seconds": before + now - began, "commit": commit, "fingerprint": known.fingerprint}
            checkpoint.write(path, {"learner": state, **part})
        left = (now - began) / (progress.step - first) * (progress.of - progress.step) / 60
        report(f"step {progress.step:,} of {progress.of:,}, about {left:.0f} min left in this run")
    return before, commit


def halves(y: npt.NDArray[Any], contamination: float | None, seed: int) -> tuple[IntArray, IntArray]:
    """Training items with the given share of anomalies, and test items: int64, each in random order.

    The test half is the same for every contamination.
    """
    order = np.random.default_rng(seed).permutation(len(y))
    train, test = np.split(order, [len(y) // 2])
    if contamination is not None:
        anomalous = y[train] == 1
        kept = round(contamination / (1 - contamination) * int((~anomalous).sum()))
        train = train[~anomalous | (np.cumsum(anomalous) <= kept)]
    return train, test


def _scored(y: npt.NDArray[Any], score: FloatArray, share: float, seconds: float, settings: dict[str, Any]) -> Scores:
    flagged = np.argsort(-score, kind="stable")[: round(share * len(y))]
    found, n_anomalies = int(y[flagged].sum()), int(y.sum())
    precision, recall = found / max(1, len(flagged)), found / max(1, n_anomalies)
    f1 = 2 * found / max(1, len(flagged) + n_anomalies)
    return Scores(precision, recall, f1, found, n_anomalies, len(flagged), len(y), seconds, settings)


# -- the methods ----------------------------------------------------------------------------------------------------

_NETWORKS: dict[str, Callable[[int, Setting, torch.Generator], BaseModel]] = {
    "PAE": lambda d, setting, weights: PretrainedAutoEncoder(d, setting.hidden, generator=weights),
    "DSEBM-r": lambda d, setting, weights: DSEBM(d, setting.hidden, "reconstruction", generator=weights),
    "DSEBM-e": lambda d, setting, weights: DSEBM(d, setting.hidden, "energy", generator=weights),
    "DCN": lambda d, setting, weights: DCN(d, setting.hidden, setting.components, generator=weights),
    "DAGMM": lambda d, setting, weights: DAGMM(d, setting.hidden, setting.components, generator=weights),
}
METHODS = ("OC-SVM", *_NETWORKS)


def _learner(known: Dataset, run: ZongRun, share: float) -> tuple[Learner, dict[str, Any]]:
    """The learner of a run on training items with this share of anomalies, and its settings."""
    if run.method == "OC-SVM":
        svm = OcSvmLearner(known, run.seed, nu=share or CLEAN_NU)
        return svm, {"nu": svm.nu, "kernel": "Nystroem" if svm.approximate else "exact"}
    setting = SETTINGS.get(run.dataset, OTHER)
    config = _config(run.method, setting, len(known))
    weights = torch.Generator().manual_seed(run.seed)
    model = _NETWORKS[run.method](known.n_features, setting, weights)
    settings = {
        "hidden": list(setting.hidden),
        "components": setting.components,
        "batch": setting.batch,
        "steps": config.pretrain_steps,
        "lr": config.lr,
    }
    return UaiLearner(known, model, config, run.seed), settings


def _config(method: str, setting: Setting, n_train: int) -> TrainConfig:
    """Adam at 1e-4, Zong's; an epoch is as many random batches as hold the training items once."""
    epochs = setting.epochs if method == "DAGMM" else 0
    steps = epochs * -(-n_train // setting.batch) or STEPS
    return TrainConfig(
        pretrain_steps=steps, batch_size=setting.batch, lr=1e-4, optimizer="adam", threads=1, device="cpu"
    )
