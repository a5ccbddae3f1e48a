"""How long a latent map takes, and for how long Python stands still meanwhile.

    python tests/benchmarks/bench_maps.py

A thread that wants to run every 5 ms stands for the person: its pauses are what a click would wait. They are measured
with nothing else going on in the process, with the map in its child process, and with the same UMAP in a thread. On
busy cores they are mostly waits for a core: start it with a negative niceness to see those for Python's lock.

Nothing here is asserted: times are for people.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import resource
import statistics
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import sklearn
from benchmark_record import machine_line, processor, versions, write

from uai_notebook.snapshot import Frame
from uai_notebook.views.maps import MapJob
from uai_notebook.views.maps import cache as map_cache

D = 8  # of the paper's latents
CLUSTERS = 12
TICK = 0.005
POLL = 0.02
STAGES = ("loading", "fitting", "placing")
SIZES = (2000, 5000)
IN_THREAD = 2000


def frames(n: int, seed: int) -> list[Frame]:
    """Two rounds of n items in clusters, the second somewhat moved."""
    rng = np.random.default_rng(seed)
    latent = rng.normal(size=(CLUSTERS, D))[rng.integers(0, CLUSTERS, n)] * 3 + rng.normal(size=(n, D))
    score = rng.gamma(2, size=n).astype(np.float32)
    index = np.arange(n)
    moved = latent + rng.normal(size=latent.shape) * 0.3
    return [Frame(i, index, score, rows.astype(np.float16), None, 0) for i, rows in enumerate((moved, latent))]


@contextlib.contextmanager
def pauses_of(found: list[tuple[float, float]]) -> Iterator[None]:
    """Append two pauses of a 5 ms ticker inside, in ms beyond the 5: the longest, and the 99.9% quantile."""
    stop, pauses = threading.Event(), [0.0]  # seconds

    def tick() -> None:
        last = time.perf_counter()
        while not stop.is_set():
            time.sleep(TICK)
            now = time.perf_counter()
            pauses.append(now - last - TICK)
            last = now

    thread = threading.Thread(target=tick)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        found.append((1000 * max(pauses), 1000 * float(np.quantile(pauses, 0.999))))


def in_child(n: int, seed: int, pauses: list[tuple[float, float]]) -> dict[str, float]:
    """Seconds of each stage of one job of two rounds, and its seconds of processor time."""
    map_cache.forget()
    job = MapJob(frames(n, seed), max_items=n)
    used = children_seconds()
    began: dict[str, float] = {}
    with pauses_of(pauses):
        start = time.perf_counter()
        job.start()
        while not job.progress.done:
            began.setdefault(job.progress.text.split()[0], time.perf_counter() - start)
            time.sleep(POLL)
        job.wait()
        end = time.perf_counter() - start
    stages = {
        "loading": began["fitting"],
        "fitting": began["placing"] - began["fitting"],
        "placing": end - began["placing"],
    }
    return {**stages, "all": end, "cpu": children_seconds() - used}


def children_seconds() -> float:
    """Processor seconds of the processes that this one has waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def in_thread(work: Callable[[], object]) -> None:
    """Do it in a thread, as a view without a process would."""
    thread = threading.Thread(target=work)
    thread.start()
    while thread.is_alive():
        time.sleep(POLL)


def report(found: dict[int, list[dict[str, float]]], pauses: dict[str, list[tuple[float, float]]]) -> str:
    """Markdown."""
    repeats = len(next(iter(found.values())))
    lines = [
        f"A map of two rounds of {D}-d latents, fitted on the second; seconds, median of {repeats} (least to most). "
        "Beside other work on the same cores: processor seconds are the steadier number.",
        "",
        "| items | loading umap | fitting | placing the other round | all | of these processor |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    for n, runs in found.items():
        cells = [_spread([run[name] for run in runs], 1) for name in (*STAGES, "all", "cpu")]
        lines.append(f"| {n:,} | {' | '.join(cells)} |")
    lines += [
        "",
        f"Pauses of a thread that wants to run every 5 ms, in the process of the person (niceness {os.nice(0)}):",
        "",
        "| meanwhile | longest, ms | one in a thousand is longer than, ms |",
        "|---|---:|---:|",
        *(
            f"| {what} | {' | '.join(_spread(part, 0) for part in zip(*pairs, strict=True))} |"
            for what, pairs in pauses.items()
        ),
        "",
        machine_line(np, sklearn),
    ]
    return "\n".join(lines) + "\n"


def _spread(values: Sequence[float], digits: int) -> str:
    middle = f"{statistics.median(values):.{digits}f}"
    return middle if len(values) == 1 else f"{middle} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark, print its report and write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--repeats", type=int, default=3, metavar="R")
    parser.add_argument("--out", type=Path, default=Path("results/bench_maps"), help="without .md and .json")
    options = parser.parse_args(arguments)
    pauses: dict[str, list[tuple[float, float]]] = {"nothing": []}
    found: dict[int, list[dict[str, float]]] = {n: [] for n in SIZES}
    for seed in range(options.repeats):  # in turns: what else the machine does changes
        for n in SIZES:
            mine = pauses.setdefault(f"UMAP of {n:,} items in a child process", [])
            found[n].append(in_child(n, seed, mine))
        with pauses_of(pauses["nothing"]):
            time.sleep(found[SIZES[-1]][-1]["all"])
    from uai_notebook.views.maps.child import compute  # last: it brings umap into this process

    mine = pauses[f"UMAP of {IN_THREAD:,} items in a thread of this process"] = []
    latent = [frame.latent.astype(np.float32) for frame in frames(IN_THREAD, 0) if frame.latent is not None]
    warnings.simplefilter("ignore")  # as in the child
    with pauses_of(mine), contextlib.redirect_stdout(io.StringIO()):
        in_thread(lambda: compute(latent[1], [latent[0]], 0))
    text = report(found, pauses)
    print(text, end="")
    record = {
        "processor": processor(),
        "versions": versions(np, sklearn),
        "seconds": {n: [{name: round(s, 3) for name, s in run.items()} for run in runs] for n, runs in found.items()},
        "pause_ms": {what: [[round(ms, 1) for ms in pair] for pair in pairs] for what, pairs in pauses.items()},
    }
    write(options.out, text, record)


if __name__ == "__main__":
    main()
