"""The resumable runner of all experiments: units in, JSON lines out."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Generator, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from multiprocessing import active_children, get_context, parent_process
from pathlib import Path

import numpy as np

from ..datasets import load_dataset
from .results import Key, Result, append_results, read_results
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
    with closing(_outcomes(waiting, path, workers, report)) as outcomes:
        for unit, outcome in outcomes:
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
) -> Generator[tuple[Unit, list[Result] | Exception]]:
    if workers == 1 or len(units) < 2:
        for unit in units:
            try:
                yield unit, unit.execute(checkpoint_of(unit, path), report)
            except Exception as error:
                yield unit, error
        return
    others = active_children()
    context = get_context("spawn")
    pool = ProcessPoolExecutor(min(workers, len(units)), mp_context=context, initializer=_end_with_parent)
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
    except BaseException:
        for child in active_children():
            if child not in others:
                child.terminate()  # what it runs may take hours more, and has its checkpoint
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _end_with_parent() -> None:
    """Let a worker end as soon as the process that started it is gone, also if that was killed."""
    parent = parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, daemon=True).start()


def _time_left(units: Sequence[Unit], results: Sequence[Result], workers: int) -> str:
    """How long ``units`` will take, in words.

    By what others that differ only in their seed took; if none was run, those of other settings on the same data set.
    """
    took: dict[object, list[float]] = {}
    for result in results:
        for alike in _alike(result.key):
            took.setdefault(alike, []).append(result.seconds)
    known = [next((took[a] for a in _alike(unit.keys[-1]) if a in took), None) for unit in units]
    seconds = [float(np.mean(of)) for of in known if of]
    if not seconds:
        return "unknown time"
    return f"{'about' if len(seconds) == len(units) else 'more than'} {sum(seconds) / workers / 60:.1f} min"


def _alike(key: Key) -> tuple[object, ...]:
    """What runs have in common that take about as long, the closest first."""
    method, dataset, _, k, query, budget, config = key
    return (method, dataset, k, query, budget, config), (method, dataset, k, query, budget)
