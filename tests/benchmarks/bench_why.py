"""What the reasons for an item cost: ``explain`` and ``why_html`` on 60,000 x 784, idle and while a round trains.

Run: ``python tests/benchmarks/bench_why.py``. Random numbers, since only their size counts: 60,000 images of 28 x 28,
and the same as a table of 784 features. Writes ``results/bench_why.md`` and ``.json``.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import benchmark_record
import numpy as np
import torch

import uai_notebook as uai

ROOT = Path(__file__).resolve().parents[2]
N, ITEMS, LABELS = 60_000, 100, 200


def datasets() -> dict[str, uai.Dataset]:
    """Images, and a table of the same numbers."""
    images = np.random.default_rng(0).integers(0, 256, (N, 28, 28), dtype=np.uint8)
    table = images.reshape(N, 784).astype(np.float32)
    return {"images": uai.Dataset.from_images(images), "table": uai.Dataset.from_arrays(table)}


def session_of(ds: uai.Dataset) -> uai.ActiveSession:
    """Two rounds on, with labels of both kinds; its next round lasts longer than the measurement."""
    session = uai.ActiveSession(ds, config=uai.TrainConfig(pretrain_steps=5, round_steps=5))
    session.train()
    session.label(list(range(LABELS)), [0, 1] * (LABELS // 2))
    session.train()
    session.learner.config = uai.TrainConfig(round_steps=1_000_000)  # type: ignore[attr-defined]
    return session


def times(call: Callable[[int], object]) -> list[float]:
    """Milliseconds for each of some items."""
    taken = []
    for i in np.linspace(LABELS, N - 1, ITEMS).astype(int).tolist():
        start = time.perf_counter()
        call(i)
        taken.append(1000 * (time.perf_counter() - start))
    return taken


def measure() -> dict[str, dict[str, list[float]]]:
    """Times by what was called, on which data and in which state."""
    found: dict[str, dict[str, list[float]]] = {}
    for name, ds in datasets().items():
        session = session_of(ds)
        calls: dict[str, Callable[[int], object]] = {
            "explain": lambda i, session=session: uai.explain(session, i),  # type: ignore[misc]
            "why_html": lambda i, session=session: uai.views.why_html(session, i),  # type: ignore[misc]
        }
        start = time.perf_counter()
        uai.views.why_html(session, 0)
        first = 1000 * (time.perf_counter() - start)
        for state in ("idle", "training"):
            if state == "training":
                session.start()
            for what, call in calls.items():
                found[f"{what}, {name}, {state}"] = {"first": [first], "then": times(call)}
        assert session.training, "the round ended before the measurement"
        session.cancel()
    return found


def table(found: dict[str, dict[str, list[float]]]) -> str:
    """Markdown."""
    lines = ["| | first item of the data | median | p95 |", "|---|---:|---:|---:|"]
    for name, taken in found.items():
        then = sorted(taken["then"])
        p95 = then[int(0.95 * len(then))]
        lines.append(f"| {name} | {taken['first'][0]:.0f} | {statistics.median(then):.1f} | {p95:.1f} |")
    note = (
        f"Milliseconds per item over {ITEMS} items, {N:,} x 784, {LABELS} labels, DAE; the first item of a data set is "
        "a card with the imports and, of a table, the pass over the data for medians and ranges."
    )
    return "\n".join([*lines, "", note, "", benchmark_record.machine_line(torch, np)]) + "\n"


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "bench_why.md")
    out = parser.parse_args().out
    found = measure()
    text = table(found)
    print(text)
    benchmark_record.write(out, text, {"ms": found, "versions": benchmark_record.versions(torch, np)})


if __name__ == "__main__":
    main()
