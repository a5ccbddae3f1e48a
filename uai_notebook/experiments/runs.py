"""The resumable runner of all experiments: units in, JSON lines out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from ..datasets import load_dataset
from .results import Result, append_results, read_results
from .units import Report, Unit

CHECKPOINTS = "checkpoints"


def run_all(units: Iterable[Unit], path: str | Path, workers: int = 1, report: Report = print) -> dict[Unit, Exception]:
    """Execute the units whose results are not in the file yet, each as soon as a worker is free.

    A long unit leaves a checkpoint beside the results file once a minute, in ``checkpoints/``, and goes on from it;
    it is deleted once the results are in the file.

    Parameters
    ----------
    units : iterable of Unit
    path : str or Path
        Results file, JSON lines; made if needed.
    workers : int
        Processes; with one, everything happens in this process.
    report : callable
        Gets a line when a unit ends, and now and then while it runs. With several workers, the latter are printed.

    Returns
    -------
    dict
        The units that failed and why; the others are not held up by them.

    Raises
    ------
    ValueError
        workers below 1, or a results file with a corrupt line.
    ConnectionError, OSError
        A data set cannot be loaded, and nothing was run; or a worker process died.
    """
    if workers < 1:
        raise ValueError(f"workers={workers}: expected at least 1.")
    path = Path(path)
    units = list(dict.fromkeys(units))
    results = {result.key: result for result in read_results(path)}
    waiting = [unit for unit in units if not all(key in results for key in unit.keys)]
    report(f"{len(units)} runs, {len(units) - len(waiting)} of them done before, in {path}")
    for name in dict.fromkeys(unit.dataset for unit in waiting):
        load_dataset(name)  # downloaded once, here, and not by several workers
    failed: dict[Unit, Exception] = {}
    unfinished = list(waiting)
    for unit, outcome in _outcomes(waiting, path, workers, report):
        unfinished.remove(unit)
        if isinstance(outcome, Exception):
            failed[unit] = outcome
            said = f"failed, {type(outcome).__name__}: {outcome}"
        else:
            append_results(path, outcome)
            checkpoint_of(unit, path).unlink(missing_ok=True)
            results.update((result.key, result) for result in outcome)
            found = ", ".join(f"{result.method} {result.found:,}" for result in outcome)
            said = f"{found} of {outcome[-1].n_anomalies:,} anomalies in {outcome[-1].seconds:.0f} s"
        count = f"[{len(units) - len(unfinished)}/{len(units)}]"
        left = f"; {_time_left(unfinished, list(results.values()), workers)} left" if unfinished else ""
        report(f"{count} {unit.title}: {said}{left}")
    return failed


def checkpoint_of(unit: Unit, path: str | Path) -> Path:
    """Where a unit leaves its checkpoint: named after it, and by its keys so that no two share one."""
    name = "".join(c if c.isalnum() or c in "._-" else "_" for c in unit.title)
    return (
        Path(path).parent / CHECKPOINTS / f"{name[:80]}-{hashlib.sha256(repr(unit.keys).encode()).hexdigest()[:8]}.npz"
    )


def _outcomes(
    units: Sequence[Unit], path: Path, workers: int, report: Report
) -> Iterator[tuple[Unit, list[Result] | Exception]]:
    if workers == 1 or len(units) < 2:
        for unit in units:
            try:
                yield unit, unit.execute(checkpoint_of(unit, path), report)
            except Exception as error:
                yield unit, error
        return
    pool = ProcessPoolExecutor(min(workers, len(units)), mp_context=get_context("spawn"))
    try:
        futures = {pool.submit(unit.execute, checkpoint_of(unit, path), print): unit for unit in units}
        for future in as_completed(futures):
            try:
                yield futures[future], future.result()
            except BrokenProcessPool as error:
                raise OSError(
                    "a worker died, perhaps for lack of memory: start again with fewer workers; finished runs are kept"
                ) from error
            except Exception as error:
                yield futures[future], error
    finally:
        pool.shutdown(cancel_futures=True)


def _time_left(units: Sequence[Unit], results: Sequence[Result], workers: int) -> str:
    """How long ``units`` will take by what others that differ only in their seed took, in words."""
    took: dict[object, list[float]] = {}
    for result in results:
        took.setdefault(_without_seed(result.key), []).append(result.seconds)
    known = [took[_without_seed(unit.keys[-1])] for unit in units if _without_seed(unit.keys[-1]) in took]
    if not known:
        return "unknown time"
    minutes = sum(float(np.mean(seconds)) for seconds in known) / workers / 60
    return f"{'about' if len(known) == len(units) else 'more than'} {minutes:.1f} min"


def _without_seed(key: tuple[object, ...]) -> tuple[object, ...]:
    return (*key[:2], *key[3:])
