"""The resumable runner of all experiments: runs in, JSON lines out, one per method and run."""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .._version import __version__
from ..datasets import Dataset, list_datasets, load_dataset
from ..training import TrainConfig

BASES = {"dae": ("DAE", "DAE_uai"), "class": ("Class", "Class_uai")}
"""Names in tables of each base model, alone and with the UAI layer."""

METHODS = tuple(method for pair in BASES.values() for method in pair)

Key = tuple[Any, ...]


@dataclass(frozen=True)
class Result:
    """What one method found in one run: one line of a results file.

    Attributes
    ----------
    method, dataset, seed, k, query, budget
        What was run; the seed is that of the data and of the model.
    found, n_anomalies : int
        Anomalies among the ``budget`` items asked, and in the whole data set.
    seconds : float
        Wall time until the last answer.
    curve : tuple of int
        Anomalies found after each k items.
    config : dict
        What differs from the default :class:`~uai_notebook.TrainConfig`.
    versions : dict of str
        Of python, torch, numpy and uai_notebook.
    time : str
        When it ended, UTC.
    """

    method: str
    dataset: str
    seed: int
    k: int
    query: str
    budget: int
    found: int
    n_anomalies: int
    seconds: float
    curve: tuple[int, ...] = ()
    config: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    time: str = ""

    @property
    def key(self) -> Key:
        """What makes it the same result: a later one with the same key replaces it."""
        config = json.dumps(self.config, sort_keys=True)
        return self.method, self.dataset, self.seed, self.k, self.query, self.budget, config


@dataclass(frozen=True)
class Run:
    """One simulation of Algorithm 1: gives a result for the base model alone and one for it with the UAI layer.

    The base model alone is what its ranking after pre-training finds in its first ``budget`` items: it has seen no
    label.

    Raises
    ------
    ValueError
        No such data set or base model.

    Examples
    --------
    >>> from uai_notebook.experiments.runs import Run
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

    def __post_init__(self) -> None:
        names = list_datasets()["name"].tolist()
        if self.dataset not in names:
            raise ValueError(f"no data set is called {self.dataset!r}: expected one of {', '.join(names)}.")
        if self.base not in BASES:
            raise ValueError(f"base={self.base!r}: expected one of {', '.join(BASES)}.")

    @property
    def keys(self) -> tuple[Key, ...]:
        """Keys of the results it gives."""
        return tuple(self._result(method, np.empty(0), 0, 0.0).key for method in BASES[self.base])

    def execute(self) -> list[Result]:
        """Load the data, train and ask until the budget is used."""
        from ..experts import Oracle, simulate
        from ..session import ActiveSession

        ds = load_dataset(self.dataset, seed=self.seed, quiet=True)
        truth = _truth(ds)
        began = time.perf_counter()
        session = ActiveSession(
            ds, self.base, k=self.k, budget=self.budget, query=self.query, seed=self.seed, config=self.config
        )
        simulate(session, Oracle(truth), progress=False)
        seconds = time.perf_counter() - began
        unsupervised = session.history.unsupervised_order
        assert unsupervised is not None
        alone, active = BASES[self.base]
        n = int(truth.sum())
        return [
            self._result(alone, truth[unsupervised[: self.budget]], n, session.history.scalars[0]["seconds"]),
            self._result(active, truth[session.labels["index"].to_numpy()], n, seconds),
        ]

    def _result(self, method: str, hits: npt.NDArray[Any], n_anomalies: int, seconds: float) -> Result:
        found = np.cumsum(hits, dtype=np.int64)
        ends = np.minimum(np.arange(self.k, len(hits) + self.k, self.k), len(hits)) - 1
        return Result(
            method=method,
            dataset=self.dataset,
            seed=self.seed,
            k=self.k,
            query=self.query,
            budget=self.budget,
            found=int(found[-1]) if len(found) else 0,
            n_anomalies=n_anomalies,
            seconds=round(seconds, 1),
            curve=tuple(found[ends].tolist()),
            config=_changes(self.config),
            versions=_versions(),
            time=datetime.now(UTC).isoformat(timespec="seconds"),
        )


# -- the results file ---------------------------------------------------------------------------------------------


def read_results(path: str | Path) -> list[Result]:
    """Read a results file; the later of two results with one key counts. No file: no results.

    Raises
    ------
    ValueError
        A line is not a result, other than a torn last one.
    """
    path = Path(path)
    found: dict[Key, Result] = {}
    whole, _, tail = (path.read_bytes() if path.exists() else b"").rpartition(b"\n")
    for number, line in enumerate(whole.splitlines(), start=1):
        try:
            result = _parse(line)
        except (ValueError, TypeError) as error:
            raise ValueError(f"line {number} of {path} is not a result ({error}): remove it and run again.") from error
        found[result.key] = result
    if _is_whole(tail):
        found[_parse(tail).key] = _parse(tail)
    return list(found.values())


def append_results(path: str | Path, results: Sequence[Result]) -> None:
    """Append results in one write, to disk before this returns; a torn last line is cut off first."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as file:
        file.seek(0)
        whole, newline, tail = file.read().rpartition(b"\n")
        before = b""
        if _is_whole(tail):
            before = b"\n"
        elif tail:
            file.truncate(len(whole + newline))
        lines = [json.dumps(asdict(result)).encode() + b"\n" for result in results]
        file.write(before + b"".join(lines))
        file.flush()
        os.fsync(file.fileno())


def _parse(line: bytes) -> Result:
    values = json.loads(line)
    return Result(**{**values, "curve": tuple(values.get("curve", ()))})


def _is_whole(line: bytes) -> bool:
    try:
        _parse(line)
    except (ValueError, TypeError, AttributeError):
        return False
    return True


# -- running ------------------------------------------------------------------------------------------------------


def run_all(
    runs: Iterable[Run], path: str | Path, workers: int = 1, report: Callable[[str], None] = print
) -> dict[Run, Exception]:
    """Execute the runs whose results are not in the file yet, each as soon as a worker is free.

    Parameters
    ----------
    runs : iterable of Run
    path : str or Path
        Results file, JSON lines; made if needed.
    workers : int
        Processes; with one, everything happens in this process.
    report : callable
        Gets a line when a run ends.

    Returns
    -------
    dict
        The runs that failed and why; the others are not held up by them.

    Raises
    ------
    ValueError
        workers below 1, or a results file with a corrupt line.
    ConnectionError, OSError
        A data set cannot be loaded. Nothing was run.
    """
    if workers < 1:
        raise ValueError(f"workers={workers}: expected at least 1.")
    runs = list(runs)
    results = {result.key: result for result in read_results(path)}
    waiting = [run for run in runs if not all(key in results for key in run.keys)]
    report(f"{len(runs)} runs, {len(runs) - len(waiting)} of them done before, in {path}")
    for name in dict.fromkeys(run.dataset for run in waiting):
        load_dataset(name)  # downloaded once, here, and not by several workers
    failed: dict[Run, Exception] = {}
    unfinished = list(waiting)
    for run, outcome in _outcomes(waiting, workers):
        unfinished.remove(run)
        if isinstance(outcome, Exception):
            failed[run] = outcome
            said = f"failed, {type(outcome).__name__}: {outcome}"
        else:
            append_results(path, outcome)
            results.update((result.key, result) for result in outcome)
            found = ", ".join(f"{result.method} {result.found}" for result in outcome)
            said = f"{found} of {outcome[-1].n_anomalies} anomalies in {outcome[-1].seconds:.0f} s"
        count = f"[{len(runs) - len(unfinished)}/{len(runs)}]"
        left = f"; {_time_left(unfinished, list(results.values()), workers)} left" if unfinished else ""
        report(f"{count} {run.dataset} {BASES[run.base][1]} seed {run.seed}: {said}{left}")
    return failed


def _outcomes(runs: Sequence[Run], workers: int) -> Iterator[tuple[Run, list[Result] | Exception]]:
    if workers == 1 or len(runs) < 2:
        for run in runs:
            try:
                yield run, run.execute()
            except Exception as error:
                yield run, error
        return
    pool = ProcessPoolExecutor(min(workers, len(runs)), mp_context=get_context("spawn"))
    try:
        futures = {pool.submit(run.execute): run for run in runs}
        for future in as_completed(futures):
            try:
                yield futures[future], future.result()
            except Exception as error:
                yield futures[future], error
    finally:
        pool.shutdown(cancel_futures=True)


def _time_left(runs: Sequence[Run], results: Sequence[Result], workers: int) -> str:
    """How long ``runs`` will take by what such runs took, in words."""
    seconds, known = 0.0, 0
    for run in runs:
        alike = [r for r in results if r.method == BASES[run.base][1] and r.dataset == run.dataset]
        alike = [r for r in alike if (r.budget, r.config) == (run.budget, _changes(run.config))]
        if alike:
            seconds += float(np.mean([r.seconds for r in alike]))
            known += 1
    bound = "about" if known == len(runs) else "more than"
    return f"{bound} {seconds / workers / 60:.1f} min" if known else "unknown time"


def _changes(config: TrainConfig) -> dict[str, Any]:
    default = TrainConfig().to_dict()
    return {name: value for name, value in config.to_dict().items() if value != default[name]}


def _truth(ds: Dataset) -> npt.NDArray[np.uint8]:
    if ds.y is None:
        raise ValueError(f"{ds.name!r} has no truth y: nobody can answer in a simulation.")
    return ds.y


def _versions() -> dict[str, str]:
    import torch

    return {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "uai_notebook": __version__,
    }
