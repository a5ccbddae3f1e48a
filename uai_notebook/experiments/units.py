"""What can be run: resumable units, each of which gives one or more lines of the results file."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from ..datasets import Dataset, load_dataset
from ..datasets.sets import ENTRIES
from ..training import TrainConfig
from .probes import probe, probed_budgets
from .results import Key, Result, key_of, origin, result_of

if TYPE_CHECKING:
    from ..session import ActiveSession

CHECKPOINT_SECONDS = 60.0

Report = Callable[[str], None]


class Names(NamedTuple):
    """What a base is called in tables: ranked once without labels, and learning from them ("" if it does not)."""

    alone: str
    active: str


BASES = {
    "dae": Names("DAE", "DAE_uai"),
    "class": Names("Class", "Class_uai"),
    "pae": Names("PAE", "PAE_uai"),
    "dagmm": Names("DAGMM (ranked)", "DAGMM_uai"),
    "dsebm_e": Names("DSEBM-e (ranked)", "DSEBM-e_uai"),
    "dsebm_r": Names("DSEBM-r (ranked)", "DSEBM-r_uai"),
    "dcn": Names("DCN (ranked)", "DCN_uai"),
    "loda_aad": Names("LODA", "LODA-AAD"),
    "tree_aad": Names("IForest (coniferest)", "Tree-AAD"),
    "pine_forest": Names("IForest (pine)", "PineForest"),
    "isolation_forest": Names("IsolationForest", ""),
    "oc_svm": Names("OC-SVM (ranked)", ""),
}
"""Bases of a session, and their names in tables."""


class Unit(Protocol):
    """Something to compute: its keys say which results it gives, and so whether it was done before."""

    @property
    def dataset(self) -> str:
        """Name of its data set."""
        ...

    @property
    def title(self) -> str:
        """What it is, for a line of progress."""
        ...

    @property
    def keys(self) -> tuple[Key, ...]:
        """Keys of the results it gives."""
        ...

    def execute(self, checkpoint: Path, report: Report) -> list[Result]:
        """Compute, going on from ``checkpoint`` if that file is there and leaving it behind now and then."""
        ...


def settings_of(config: TrainConfig) -> dict[str, Any]:
    """What differs from the default."""
    default = TrainConfig().to_dict()
    return {name: value for name, value in config.to_dict().items() if value != default[name]}


@dataclass(frozen=True)
class Run:
    """One simulation of Algorithm 1: gives a result for the base model alone and one for it with labels.

    The base model alone is what its ranking after pre-training finds in its first ``budget`` items: it has seen no
    label.

    Attributes
    ----------
    dataset, base, seed, k, query, config
        As of a session.
    budget : int
        Items asked.
    options : tuple of (str, object)
        Of a learner that is no network, such as ``(("memory", 1000),)``: see
        :func:`~uai_notebook.learners.make_learner`.
    active : bool
        False: only the base model alone, nothing is asked.

    Raises
    ------
    ValueError
        No such data set or base model, or a budget beyond the data.

    Examples
    --------
    >>> from uai_notebook.experiments.units import Run
    >>> Run("digits", "dae", seed=0, budget=150)
    Traceback (most recent call last):
    ValueError: no data set is called 'digits': expected one of digits_0, ...
    """

    dataset: str
    base: str
    seed: int
    budget: int
    k: int = 10
    query: str = "adaptive"
    config: TrainConfig = field(default_factory=TrainConfig)
    options: tuple[tuple[str, Any], ...] = ()
    active: bool = True

    def __post_init__(self) -> None:
        if self.dataset not in ENTRIES:
            raise ValueError(f"no data set is called {self.dataset!r}: expected one of {', '.join(ENTRIES)}.")
        if self.base not in BASES:
            raise ValueError(f"base={self.base!r}: expected one of {', '.join(BASES)}.")
        n = ENTRIES[self.dataset].n_items
        if self.budget > n:
            raise ValueError(f"budget={self.budget:,}: {self.dataset} has {n:,} items.")

    @property
    def title(self) -> str:
        """For a line of progress."""
        names = BASES[self.base]
        settings = "".join(f" {name}={value}" for name, value in self.settings.items())
        return f"{self.dataset} {names.active if self.active else names.alone} {self.query} seed {self.seed}{settings}"

    @property
    def settings(self) -> dict[str, Any]:
        """What its results say of the configuration."""
        return settings_of(self.config) | dict(self.options)

    @property
    def keys(self) -> tuple[Key, ...]:
        """Of the base model alone, then of it with labels."""
        names = BASES[self.base]
        rest = (self.dataset, self.seed, self.k)
        alone = key_of(names.alone, *rest, "base", self.budget, self.settings)
        return (alone, key_of(names.active, *rest, self.query, self.budget, self.settings)) if self.active else (alone,)

    def execute(self, checkpoint: Path, report: Report = print) -> list[Result]:
        """Load the data, train and ask until the budget is used."""
        from ..experts import Oracle, simulate

        made_by = origin()  # now: the program may change while it runs
        ds = load_dataset(self.dataset, seed=self.seed, quiet=True)
        truth = _truth(ds)
        clock = _Clock()
        session = self.session(ds)
        if not self.active:
            session.train()
        else:
            follower = _Follower(self, session, truth, clock, checkpoint, report)
            follower.restore()
            simulate(session, Oracle(truth), progress=False, after_round=follower.after_round)
            seconds = clock.seconds
            follower.finish()
        scalars, order = session.history.scalars, session.history.unsupervised_order
        assert order is not None
        n = int(truth.sum())
        base = result_of(self.keys[0], truth[order[: self.budget]], n, scalars[0]["seconds"])
        if not self.active:
            probes = {"probes": {"0": probe(session, truth)}} if probed_budgets(session, 0) else {}
            return [replace(base, extra=probes)]
        asked = result_of(self.keys[1], truth[session.current_labels()[0]], n, seconds)
        commits = dict.fromkeys(filter(None, (follower.commit, made_by["commit"])))
        return [base, replace(asked, extra=follower.extra, commit=", ".join(commits))]

    def session(self, ds: Dataset) -> ActiveSession:
        """The session that is run, new."""
        from ..learners import make_learner
        from ..session import ActiveSession

        base: Any = self.base
        if self.options:
            base = make_learner(ds, self.base, self.config, self.seed, **dict(self.options))
        return ActiveSession(
            ds, base, k=self.k, budget=self.budget, query=self.query, seed=self.seed, config=self.config
        )


@dataclass(frozen=True)
class ZongUnit:
    """One training and test of a method in Zong's protocol, as a unit of the runner.

    ``contamination`` is the share of anomalies in the training rows; None keeps all that are in the random half.
    """

    dataset: str
    method: str
    contamination: float | None
    seed: int

    @property
    def title(self) -> str:
        """For a line of progress."""
        share = "all" if self.contamination is None else f"{self.contamination:.1%}"
        return f"{self.dataset} {self.method}, {share} anomalies in training, seed {self.seed}"

    @property
    def keys(self) -> tuple[Key, ...]:
        """Of its one result."""
        return (key_of(self.method, self.dataset, self.seed, 0, "zong", 0, self.settings),)

    @property
    def settings(self) -> dict[str, float | None]:
        """What its result says of the configuration."""
        return {"contamination": self.contamination}

    def execute(self, checkpoint: Path, report: Report = print) -> list[Result]:
        """Train and test."""
        from .zong import ZongRun

        made_by = origin()  # now: the program may change while it runs
        run = ZongRun(self.dataset, self.method, self.contamination, self.seed)
        scores = run.execute(checkpoint, lambda line: report(f"{self.title}: {line}"))
        commits = dict.fromkeys(filter(None, (scores.commit, made_by["commit"])))
        return [
            Result(
                method=self.method,
                dataset=self.dataset,
                seed=self.seed,
                k=0,
                query="zong",
                budget=0,
                found=scores.found,
                n_anomalies=scores.n_anomalies,
                precision=round(scores.precision, 6),
                recall=round(scores.recall, 6),
                f1=round(scores.f1, 6),
                seconds=round(scores.seconds, 1),
                config=self.settings,
                extra={"n_test": scores.n_test, "n_flagged": scores.n_flagged, **scores.settings},
                versions=made_by["versions"],
                commit=", ".join(commits),
                time=datetime.now(UTC).isoformat(timespec="seconds"),
            )
        ]


class _Clock:
    """Seconds since it was made, and of earlier parts of the same run."""

    def __init__(self) -> None:
        self.before, self._began = 0.0, time.perf_counter()

    @property
    def seconds(self) -> float:
        return self.before + time.perf_counter() - self._began


class _Follower:
    """What happens beside a simulation, after each round: checkpoints, probes and a line of progress."""

    def __init__(
        self,
        run: Run,
        session: ActiveSession,
        truth: npt.NDArray[Any],
        clock: _Clock,
        path: Path,
        report: Report,
    ) -> None:
        self.run, self.session, self.truth, self.clock = run, session, truth, clock
        self.path, self.report = path, report
        self.extra: dict[str, Any] = {}
        self.commit: str | None = None  # of the program that left the checkpoint
        self._waiting = list(probed_budgets(session, run.budget))
        self._saved = self._started = time.monotonic()
        self._first = 0

    def restore(self) -> None:
        """Go on from the checkpoint, if there is one."""
        from .. import checkpoint

        if not self.path.exists():
            return
        extra = checkpoint.load(self.session, self.path)
        self.clock.before, self.extra, self.commit = extra["seconds"], extra["measured"], extra.get("commit")
        self._first = self.session.n_asked
        self._waiting = [b for b in self._waiting if str(b) not in self.extra.get("probes", {})]
        self.report(f"{self.run.title}: goes on from {self._first:,} of {self.run.budget:,}")

    def measure(self) -> None:
        """Probe the model that was trained on so many answers, before it is trained on the next ones."""
        trained_on = self.session.snapshot.n_labels if self.session.snapshot is not None else -1
        while self._waiting and trained_on >= self._waiting[0]:
            budget = self._waiting.pop(0)
            self.extra.setdefault("probes", {})[str(budget)] = probe(self.session, self.truth)

    def finish(self) -> None:
        """Train once more if a probe is due at the very end: it is of the model that knows all answers."""
        if self._waiting:
            self.session.train()
            self.measure()

    def after_round(self, session: ActiveSession) -> None:
        """Measure where a probe is due, and save once a minute."""
        from .. import checkpoint

        self.measure()
        if time.monotonic() - self._saved < CHECKPOINT_SECONDS or session.done:
            return
        made_by = {"commit": self.commit or origin()["commit"]}
        checkpoint.save(session, self.path, seconds=self.clock.seconds, measured=self.extra, **made_by)
        self._saved = time.monotonic()
        asked, found = session.n_asked, session.store.counts()[1]
        pace = (self._saved - self._started) / max(asked - self._first, 1)
        left = f"{pace * (self.run.budget - asked) / 60:.0f} min left in this run"
        self.report(f"{self.run.title}: {found:,} found in {asked:,} of {self.run.budget:,}, about {left}")


def _truth(ds: Dataset) -> npt.NDArray[np.uint8]:
    if ds.y is None:
        raise ValueError(f"{ds.name!r} has no truth y: nobody can answer in a simulation.")
    return ds.y
