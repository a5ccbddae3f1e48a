"""Small shared things: a tiny dataset, a tiny config, and models and learners such as a user would write."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import settings

import uai_notebook as uai

settings.register_profile("busy", deadline=None)  # times are not asserted: the first example may import a library
settings.load_profile("busy")
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job (nohup) ignores interrupts
torch.set_num_threads(1)  # on busy cores two threads are up to 30 times slower than one


@pytest.fixture(scope="session")
def config() -> uai.TrainConfig:
    """A training that takes milliseconds."""
    return uai.TrainConfig(hidden=(16, 4), pretrain_steps=30, round_steps=5, batch_size=32, labeled_batch=32)


@pytest.fixture(scope="session")
def ds() -> uai.Dataset:
    """80 items of 5 features and 3 given classes; the first 8 are anomalies."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 5))
    x[:8] += 3
    return uai.Dataset.from_arrays(x, y=(np.arange(80) < 8).astype(int), x_y=np.arange(80) % 3, name="tiny")


@pytest.fixture
def make(ds, config):
    """A function that makes a small session: 5 items at a time. Trainings that run at the end are stopped."""
    made: list[uai.ActiveSession] = []

    def build(**options: Any) -> uai.ActiveSession:
        options = {"k": 5, "config": config, **options}
        made.append(uai.ActiveSession(options.pop("ds", ds), **options))
        return made[-1]

    yield build
    for session in made:
        with contextlib.suppress(Exception):
            session.cancel()


class DistanceModel(torch.nn.Module):
    """The smallest user model: the squared norm of a linear latent."""

    needs_x_y = False

    def __init__(self, d: int = 5, latent_dim: int = 2) -> None:
        super().__init__()
        self.latent_dim = latent_dim
        self.linear = torch.nn.Linear(d, latent_dim)
        weight = torch.arange(d * latent_dim, dtype=torch.float32).reshape(latent_dim, d)
        self.linear.load_state_dict({"weight": (weight + 1) / 10, "bias": torch.zeros(latent_dim)})

    def forward(self, x, x_y=None):
        """Score and loss are the squared norm of the latent."""
        latent = self.linear(x.flatten(1))
        score = latent.square().sum(1)
        return uai.BaseOutput(latent, score, score)


@pytest.fixture
def distance_model() -> type[DistanceModel]:
    """The class of a small user model."""
    return DistanceModel


class NumpyLearner:
    """A small learner without torch. ``hold`` makes its trainings last until it is cleared."""

    def __init__(self, ds: uai.Dataset, steps: int = 3) -> None:
        self.x, self.steps = np.asarray(ds.x, np.float32), steps
        self.state: dict[str, Any] = {"trained": 0, "w": None}
        self.calls: list[tuple[str, list[int], list[int]]] = []
        self.hold, self.entered = threading.Event(), threading.Event()

    def _work(self) -> Iterator[uai.Progress]:
        for step in range(1, self.steps + 1):
            self.state["trained"] += 1
            yield uai.Progress(step, self.steps, 1.0 / step)
        while self.hold.is_set():
            self.entered.set()
            threading.Event().wait(0.002)
            yield uai.Progress(self.steps, self.steps, 0.0)

    def pretrain(self) -> Iterator[uai.Progress]:
        self.calls.append(("pretrain", [], []))
        yield from self._work()

    def update(self, index, label) -> Iterator[uai.Progress]:
        self.calls.append(("update", index.tolist(), label.tolist()))
        if (label == 1).any() and (label == 0).any():
            self.state["w"] = self.x[index[label == 1]].mean(0) - self.x[index[label == 0]].mean(0)
        yield from self._work()

    def evaluate(self) -> uai.Snapshot:
        logit = None if self.state["w"] is None else self.x @ self.state["w"]
        return uai.Snapshot(self._base(self.x), None, logit)

    def score(self, rows, x_y=None):
        rows = np.asarray(rows, np.float32)
        return self._base(rows) if self.state["w"] is None else rows @ self.state["w"]

    def state_dict(self) -> dict[str, Any]:
        w = self.state["w"]
        return {"trained": self.state["trained"], "w": None if w is None else w.copy()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self.state = dict(state)

    @staticmethod
    def _base(x):
        return np.square(x).sum(1)


@pytest.fixture
def numpy_learner() -> type[NumpyLearner]:
    """The class of a small learner."""
    return NumpyLearner


@pytest.fixture
def holding(ds, make, numpy_learner):
    """A trained session whose next trainings last until ``learner.hold`` is cleared."""
    session = make(base=numpy_learner(ds))
    session.train()
    session.learner.hold.set()
    return session


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI nothing may be skipped: a skip there is a missing browser or missing data."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None and reporter.stats.get("skipped"):
        reporter.write_line("CI: skipped tests count as failures.", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
