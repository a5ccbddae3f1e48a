"""Results such as a run gives, and runs that take no time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from uai_notebook.experiments.results import Result, curve_of, result_of, scores
from uai_notebook.experiments.units import Run


@pytest.fixture
def result() -> Callable[..., Result]:
    """A function that makes a result; ``found`` of the budget, evenly spread."""

    def make(method: str = "DAE_uai", dataset: str = "digits_0", seed: int = 0, **changes: Any) -> Result:
        budget, n = changes.pop("budget", 150), changes.pop("n_anomalies", 18)
        found, k = changes.pop("found", 1), changes.pop("k", 10)
        hits = np.zeros(budget, int)
        hits[np.linspace(0, budget - 1, found).astype(int)] = 1
        query = changes.pop("query", "adaptive" if method.endswith("_uai") else "base")
        measured = (found, n, *scores(found, budget, n))
        made = Result(method, dataset, seed, k, query, budget, *measured, seconds=2.5, curve=curve_of(hits, k))
        return replace(made, **changes)

    return make


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    """Runs that are executed, in order; each finds one anomaly at once and takes a minute, seed 13 fails."""
    found: list[Run] = []

    def execute(run: Run, checkpoint: object, report: object) -> list[Result]:
        found.append(run)
        if run.seed == 13:
            raise ArithmeticError("unlucky")
        return [result_of(key, np.asarray([1, 0]), 18, 60.0) for key in run.keys]

    monkeypatch.setattr(Run, "execute", execute)
    return found
