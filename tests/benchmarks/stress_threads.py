"""Eight threads label, undo, redo, write notes, train and cancel in one session at once.

    python tests/benchmarks/stress_threads.py --seconds 60

Afterwards every acknowledged act must be a line of the journal, its replay must be the live state, and the session
that is resumed from it must rank as the live one, bit for bit. A thread that does not end is a deadlock.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmark_record import machine_line, versions, write

import uai_notebook as uai
from uai_notebook.labels import JOURNAL_NAME, LabelStore

N = 400
CONFIG = uai.TrainConfig(hidden=(8, 2), pretrain_steps=30, round_steps=10, batch_size=32, labeled_batch=16)


class Stress:
    """The session, the threads, and what they were told."""

    def __init__(self, folder: Path, seconds: float) -> None:
        self.ds = uai.Dataset.from_arrays(np.random.default_rng(0).normal(size=(N, 4)).astype(np.float32))
        self.session = uai.ActiveSession(self.ds, k=5, config=CONFIG, path=folder)
        self.session.train()
        self.end = time.monotonic() + seconds
        self.done: Counter[str] = Counter()
        self.errors: list[BaseException] = []
        self._lock = threading.Lock()

    def run(self) -> None:
        """Eight threads until the time is over."""
        work = [*[self.label] * 3, *[self.turn] * 2, self.look, self.train, self.cancel]
        workers = [threading.Thread(target=self._repeat, args=(w, n), daemon=True) for n, w in enumerate(work)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join(max(0.0, self.end - time.monotonic()) + 60)
        if any(worker.is_alive() for worker in workers):
            raise AssertionError("a thread did not end: a deadlock")
        if self.errors:
            raise self.errors[0]
        self.session.cancel()

    def label(self, rng: np.random.Generator) -> None:
        """One to three answers."""
        items = rng.choice(N, size=rng.integers(1, 4), replace=False)
        self.session.label(items, [int(v) for v in rng.integers(-1, 2, len(items))])
        self._count("label")

    def turn(self, rng: np.random.Generator) -> None:
        """An undo or a redo."""
        kind = "undo" if rng.random() < 0.6 else "redo"
        if getattr(self.session, kind)():
            self._count(kind)

    def look(self, rng: np.random.Generator) -> None:
        """A note, and what the views ask for."""
        session = self.session
        session.note(int(rng.integers(N)), f"note {rng.random()}")
        self._count("note")
        frame = session.labels
        if set(frame["label"]) - {0, 1, -1} or len(frame) > N:
            raise AssertionError("impossible labels")
        session.results(), session.queue, session.phase, session.n_untrained, session.batch
        session.show(int(rng.integers(N)))

    def train(self, _rng: np.random.Generator) -> None:
        """A round, to its end if nobody cancels it."""
        self.session.train()
        self._count("train")

    def cancel(self, rng: np.random.Generator) -> None:
        """A round that may be cancelled."""
        self.session.start()
        time.sleep(rng.random() * 0.05)
        if rng.random() < 0.3:
            self.session.cancel()
            self._count("cancel")

    def check(self, folder: Path) -> None:
        """Nothing is lost, and nothing is there that was not acknowledged."""
        session = self.session
        lines = (folder / JOURNAL_NAME).read_bytes().splitlines()[1:]
        ops = Counter(json.loads(line)["op"] for line in lines)
        for kind in ("label", "undo", "redo", "note"):
            if ops[kind] != self.done[kind]:
                raise AssertionError(f"{self.done[kind]} times {kind} acknowledged, {ops[kind]} in the journal")
        live, replayed = session.store, LabelStore.open(folder, self.ds)
        for name in ("current", "notes", "rounds", "n_asked", "_done", "_undone", "trainings"):
            if getattr(live, name) != getattr(replayed, name):
                raise AssertionError(f"the replay has another {name}")
        if live.batch.items != replayed.batch.items or ops["round"] != session.round + 1:
            raise AssertionError("the replay has another queue, or another number of rounds")
        ranking, queue = session.snapshot.ranking_score, session.queue.tolist()  # type: ignore[union-attr]
        session.close()
        again = uai.ActiveSession.resume(folder, self.ds)
        if again.snapshot is None or not np.array_equal(again.snapshot.ranking_score, ranking):
            raise AssertionError("the resumed session ranks otherwise")
        if again.queue.tolist() != queue:
            raise AssertionError("the resumed session asks otherwise")
        self.done["rounds"] = again.round
        again.close()

    def _repeat(self, work: Callable[[np.random.Generator], Any], seed: int) -> None:
        rng = np.random.default_rng(seed)
        try:
            while time.monotonic() < self.end and not self.errors:
                work(rng)
        except BaseException as error:
            self.errors.append(error)

    def _count(self, kind: str) -> None:
        with self._lock:
            self.done[kind] += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--out", type=Path, default=Path("results/threads"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="stressed") as name:
        stress = Stress(Path(name), options.seconds)
        stress.run()
        stress.check(Path(name))
    record = {
        "seconds": options.seconds,
        "threads": 8,
        "lost": 0,  # anything lost, wrong or stuck ends the run with an error
        "deadlocks": 0,
        "acts": dict(sorted(stress.done.items())),
        "versions": versions(np, torch),
    }
    rows = "\n".join(f"| {kind} | {count:,} |" for kind, count in sorted(stress.done.items()))
    text = f"""Eight threads label, undo, redo, write notes, train and cancel in one session: {options.seconds:g} s. \
Acts lost: 0. Deadlocks: 0. The journal's replay is the live state, and the resumed session ranks and asks as the live \
one does, bit for bit.

| acknowledged | |
|---|---:|
{rows}

`python tests/benchmarks/stress_threads.py --seconds {options.seconds:g}` (anything else ends it with an error).

{machine_line(np, torch)}
"""
    write(options.out, text, record)


if __name__ == "__main__":
    main()
