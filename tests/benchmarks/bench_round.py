"""What a round costs beside the matrix products it cannot do without: ``make bench``.

A round is 100 training steps and one scoring of all items, as a session does it. Its floor is the bare torch products
of the same layers: forward, weight gradients and (but for the first layer) input gradients of 512 rows x 100 steps, and
one forward over all items; same type, same thread count, measured in turn with the round in this process. The floor's
products are more than a round needs, because back-propagation of the 256 labelled rows ends at the latent.

Nothing here is asserted: times are for people.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from benchmark_record import machine_line, processor, versions, write

from uai_notebook import ActiveSession, Dataset, Label, TrainConfig
from uai_notebook.background import polite
from uai_notebook.learners import UaiLearner
from uai_notebook.training import EVALUATION_ROWS

CONFIG = TrainConfig(pretrain_steps=20)  # a step costs the same at any time, so that much pre-training is enough
LABELS = (100, 1_000, 10_000)


class Floor:
    """The matrix products of a DAE into memory that is there already: no bias, no activation, no loss."""

    def __init__(self, x: torch.Tensor, config: TrainConfig) -> None:
        self.x = x
        self.steps = config.round_steps
        rows = config.batch_size + config.labeled_batch
        d = x.shape[1]
        sizes = [d, *config.hidden, *reversed(config.hidden[:-1]), d]
        generator = torch.Generator().manual_seed(0)

        def filled(*shape: int) -> torch.Tensor:
            return torch.empty(shape).uniform_(-0.05, 0.05, generator=generator)

        self.weights = [filled(fan_out, fan_in) for fan_in, fan_out in pairwise(sizes)]
        self.inputs = [filled(rows, size) for size in sizes[:-1]]
        self.gradients = [filled(rows, size) for size in sizes[1:]]
        self.outputs = [torch.empty(rows, size) for size in sizes[1:]]
        self.input_gradients = [torch.empty(rows, size) for size in sizes[:-1]]
        self.weight_gradients = [torch.empty_like(weight) for weight in self.weights]
        self.chunk = [torch.empty(min(EVALUATION_ROWS, len(x)), size) for size in sizes[1:]]
        self.flops_step = 2 * rows * (3 * sum(w.numel() for w in self.weights) - self.weights[0].numel())
        self.flops_scoring = 2 * len(x) * sum(w.numel() for w in self.weights)

    def train(self) -> None:
        """The products of a round's steps."""
        for _ in range(self.steps):
            for weight, x, out in zip(self.weights, self.inputs, self.outputs, strict=True):
                torch.mm(x, weight.t(), out=out)
            for layer in reversed(range(len(self.weights))):
                gradient = self.gradients[layer]
                torch.mm(gradient.t(), self.inputs[layer], out=self.weight_gradients[layer])
                if layer:
                    torch.mm(gradient, self.weights[layer], out=self.input_gradients[layer])

    def score(self) -> None:
        """The products of one forward over all items."""
        for start in range(0, len(self.x), EVALUATION_ROWS):
            x = self.x[start : start + EVALUATION_ROWS]
            for weight, chunk in zip(self.weights, self.chunk, strict=True):
                x = torch.mm(x, weight.t(), out=chunk[: len(x)])


@dataclass(frozen=True)
class Timing:
    """One measurement, seconds."""

    cpu: float
    wall: float


def measure(work: Callable[[], object]) -> Timing:
    """CPU time of the whole process, which other programs disturb little, and wall time."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return Timing(time.process_time() - cpu, time.perf_counter() - wall)


def make_data(n: int, d: int) -> Dataset:
    """Uniform random numbers: what a step costs does not depend on the data."""
    return Dataset.from_arrays(np.random.default_rng(0).random((n, d), dtype=np.float32), name="random")


def labels(n: int, t: int) -> tuple[np.ndarray, np.ndarray]:
    """t different items, every tenth an anomaly."""
    index = np.random.default_rng(1).permutation(n)[:t].astype(np.int64)
    value = np.full(t, int(Label.NORMAL), np.int8)
    value[::10] = int(Label.ANOMALY)
    return index, value


def make_session(ds: Dataset, t: int) -> ActiveSession:
    """A session with t labels that has been trained once."""
    session = ActiveSession(ds, config=CONFIG)
    session.label(*labels(len(ds), t))
    session.train()
    return session


def run(n: int, d: int, repeats: int) -> dict[str, list[Timing]]:
    """Measure everything in turn, ``repeats`` times; the first turn warms up and is left out."""
    ds = make_data(n, d)
    counts = [t for t in LABELS if t <= n]
    floor = Floor(torch.from_numpy(ds.x.copy()), CONFIG)
    learner = UaiLearner(ds, "dae", CONFIG)
    given = labels(n, min(1_000, n))
    sessions = {t: make_session(ds, t) for t in counts}
    found: dict[str, list[Timing]] = {}
    with polite(1):
        for turn in range(repeats + 1):
            first = turn % len(counts)
            works: dict[str, Callable[[], object]] = {
                "floor train": floor.train,
                "train": lambda: list(learner.update(*given)),
                "floor score": floor.score,
                "score": learner.evaluate,
                **{f"round {t}": sessions[t].train for t in [*counts[first:], *counts[:first]]},
            }
            for name, work in works.items():
                timing = measure(work)
                if turn:
                    found.setdefault(name, []).append(timing)
    return found


def median(timings: Sequence[Timing], what: str = "cpu") -> float:
    """Median seconds."""
    return statistics.median(getattr(timing, what) for timing in timings)


def ratio(real: Sequence[Timing], floor: Sequence[Timing]) -> float:
    """Median over the turns of real / floor, each pair measured one after the other (CPU time)."""
    return statistics.median(a.cpu / b.cpu for a, b in zip(real, floor, strict=True))


def compare(series: Sequence[Sequence[Timing]]) -> list[float]:
    """Median over the turns of each one's CPU time / the mean of its turn: slow drifts of the machine cancel."""
    means = [statistics.fmean(timing.cpu for timing in turn) for turn in zip(*series, strict=True)]
    return [statistics.median(t.cpu / mean for t, mean in zip(one, means, strict=True)) for one in series]


def report(found: dict[str, list[Timing]], n: int, d: int, repeats: int) -> str:
    """Markdown."""
    steps = CONFIG.round_steps
    both = [
        Timing(a.cpu + b.cpu, a.wall + b.wall) for a, b in zip(found["floor train"], found["floor score"], strict=True)
    ]
    counts = [name for name in found if name.startswith("round ")]
    middle = counts[0] if len(counts) < 2 else "round 1000"
    rows = [
        ("one training step, ms", found["train"], found["floor train"], 1000 / steps),
        (f"scoring {n:,} items, s", found["score"], found["floor score"], 1.0),
        (f"a session's round at t = {int(middle[6:]):,}, s", found[middle], both, 1.0),
    ]
    lines = [
        f"DAE_uai [{', '.join(map(str, CONFIG.hidden))}] on {n:,} x {d} random float32 values, "
        f"{CONFIG.batch_size} + {CONFIG.labeled_batch} rows a step, one thread. "
        f"Medians of {repeats} turns, floor and round measured in turn. CPU time of the process, wall time "
        "beside it (the machine was shared).",
        "",
        "| | CPU | wall | floor, CPU | CPU / floor |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, real, floor, unit in rows:
        cells = (median(real) * unit, median(real, "wall") * unit, median(floor) * unit)
        lines.append(f"| {name} | {' | '.join(f'{cell:.2f}' for cell in cells)} | {ratio(real, floor):.2f} |")
    lines += ["", "| labels t | round, CPU s | quartiles | wall s | against the mean of its turn |", f"|{'---:|' * 5}"]
    counts.sort(key=lambda name: int(name[6:]))
    beside = compare([found[name] for name in counts])
    for name, relative in zip(counts, beside, strict=True):
        cpu = [timing.cpu for timing in found[name]]
        low, _, high = statistics.quantiles(cpu, n=4) if len(cpu) > 1 else cpu * 3
        cells = (f"{median(found[name]):.2f}", f"{low:.2f} to {high:.2f}", f"{median(found[name], 'wall'):.2f}")
        lines.append(f"| {int(name[6:]):,} | {' | '.join(cells)} | {100 * relative - 100:+.1f}% |")
    lines += [
        "",
        f"From the cheapest t to the dearest: {100 * (max(beside) / min(beside) - 1):.1f}%.",
        "",
        "The floor is the torch products of forward, weight gradients and, but for the first layer, input gradients of "
        f"{CONFIG.batch_size + CONFIG.labeled_batch} rows x {steps} steps, and one forward over all items, into memory "
        "that is there already. A step does less than that, because back-propagation of the labelled rows ends at the "
        "latent, and more: gathering and scaling rows, noise, activations, losses, optimizer. Models had "
        f"{CONFIG.pretrain_steps} steps of pre-training: a step's cost does not depend on it.",
        "",
        machine_line(torch, np),
    ]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark, print its report and write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--items", type=int, default=60_000, metavar="N")
    parser.add_argument("--features", type=int, default=784, metavar="D")
    parser.add_argument("--repeats", type=int, default=15, metavar="R")
    parser.add_argument("--out", type=Path, default=Path("results/bench_round"), help="without .md and .json")
    options = parser.parse_args(arguments)
    found = run(options.items, options.features, options.repeats)
    text = report(found, options.items, options.features, options.repeats)
    print(text, end="")
    seconds = {
        name: {
            "cpu": [round(timing.cpu, 4) for timing in timings],
            "wall": [round(timing.wall, 4) for timing in timings],
        }
        for name, timings in found.items()
    }
    settings = {"items": options.items, "features": options.features, "config": CONFIG.to_dict()}
    machine = {"processor": processor(), "versions": versions(torch, np)}
    write(options.out, text, {**settings, **machine, "seconds": seconds})


if __name__ == "__main__":
    main()
