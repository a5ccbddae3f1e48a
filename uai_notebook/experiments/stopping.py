"""How far what is said of stopping is from the truth: ``when_to_stop`` before every round of simulated sessions."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..auditing import Draws, remaining
from ..datasets import load_dataset
from ..experts import Oracle, simulate
from .choice import Choice
from .results import Key, Result, key_of, origin, result_of
from .tables import markdown
from .units import BASES, Report

if TYPE_CHECKING:
    from ..session import ActiveSession

SETS = {
    "digits_0": ("class", 150),
    "digits_0_2": ("class", 250),
    "abalone": ("dae", 120),
    "ctg": ("dae", 180),
    "yeast": ("dae", 220),
    "arrhythmia": ("dae", 260),
    "thyroid": ("dae", 370),
    "mammography": ("dae", 700),
}
"""Base and budget of each data set: well beyond where most anomalies that are found have been found."""

FIRST_SEED = 20
"""The constants of ``calibration.py`` and ``stopping.py`` were chosen on smaller ones."""

SEEDS, AUDIT, K = 3, 0.05, 10


@dataclass(frozen=True)
class StoppingRun:
    """One simulated session with random audits, and what was said before each of its rounds.

    Examples
    --------
    >>> from uai_notebook.experiments.stopping import StoppingRun
    >>> StoppingRun("yeast", "dae", seed=20, budget=220).title
    'yeast DAE_uai stopping, seed 20'
    """

    dataset: str
    base: str
    seed: int
    budget: int
    audit: float = AUDIT

    @property
    def method(self) -> str:
        """As results name it."""
        return f"{BASES[self.base].active} stopping"

    @property
    def title(self) -> str:
        """For a line of progress."""
        return f"{self.dataset} {self.method}, seed {self.seed}"

    @property
    def keys(self) -> tuple[Key, ...]:
        """Of its one result."""
        return (key_of(self.method, self.dataset, self.seed, K, "adaptive", self.budget, {"audit": self.audit}),)

    def execute(self, checkpoint: Path, report: Report = print) -> list[Result]:
        """Ask until the budget is used; without checkpoints, it takes minutes."""
        from ..session import ActiveSession

        origin()  # now: the program may change while it runs
        began = time.perf_counter()
        ds = load_dataset(self.dataset, seed=self.seed, quiet=True)
        assert ds.y is not None
        session = ActiveSession(ds, self.base, k=K, budget=self.budget, seed=self.seed, audit=self.audit)
        witness = Witness(session, ds.y)
        simulate(session, witness, progress=False)
        hits = ds.y[session.current_labels()[0]]
        extra = {"rounds": witness.rounds, "reliability": witness.reliability}
        return [result_of(self.keys[0], hits, int(ds.y.sum()), time.perf_counter() - began, extra)]


class Witness(Oracle):
    """An oracle that first notes what is said, beside what is true."""

    def __init__(self, session: ActiveSession, y: npt.NDArray[Any]) -> None:
        super().__init__(y)
        self.session = session
        self.rounds: list[dict[str, float | None]] = []
        self.reliability: dict[str, list[float]] = {}

    def audit(self, index: npt.NDArray[np.int64]) -> npt.NDArray[np.int8]:
        """The truth of the items ``index``."""
        from ..stopping import when_to_stop

        session = self.session
        said = when_to_stop(session)
        snapshot, labeled = session.snapshot, session.current_labels()[0]
        assert snapshot is not None
        left = np.setdiff1d(np.arange(len(session.ds)), labeled)
        following = session.query(snapshot, left, said.k, np.random.default_rng(session.seed))
        raw, among = snapshot.uai_score_of(following), said.remaining
        low, high = said.likely or (None, None)
        self.rounds.append(
            {
                "asked": session.n_asked,
                "found": said.n_found,
                "expected": said.expected,
                "low": low,
                "high": high,
                "raw": None if raw is None else float(raw.sum()),
                "came": int(self.y[following].sum()),
                "at_least": said.at_least,
                "left": int(self.y[left].sum()),
                "n_left": said.n_left,
                "audits": 0 if among is None else among.n_audits,
                "audit_low": None if among is None else among.low,
                "audit_high": None if among is None else among.high,
                "stop": said.stop,
            }
        )
        self.reliability = said.reliability.to_dict("list")  # type: ignore[assignment]
        return super().audit(index)


def runs(choice: Choice) -> list[StoppingRun]:
    """One run per data set and seed."""
    names = choice.datasets_of(SETS)
    seeds = range(FIRST_SEED, FIRST_SEED + (choice.seeds or SEEDS))
    found = [StoppingRun(name, SETS[name][0], seed, choice.budget or SETS[name][1]) for name in names for seed in seeds]
    methods = choice.methods_of(dict.fromkeys(f"{BASES[base].active} stopping" for base, _ in SETS.values()))
    return [run for run in found if run.method in methods]


# -- the tables --------------------------------------------------------------------------------------------------------


def show(results: Sequence[Result], folder: Path) -> str:
    """What was said against what was true, as Markdown."""
    found = {name: [r for r in results if r.dataset == name and r.method.endswith(" stopping")] for name in SETS}
    found = {name: there for name, there in found.items() if there}
    if not found:
        return "Nothing has been run yet.\n"
    seeds = max(len(there) for there in found.values())
    parts = [
        f"`when_to_stop` asked before every round of {sum(map(len, found.values()))} simulated sessions ({seeds} seeds "
        f"per set, none of them used to choose its constants), k = {K}, query adaptive, audit = {AUDIT}.",
        "## Expected among the next 10",
        _next_table(found),
        "Rounds from the tenth answer by rank on. Came: anomalies among the 10 that ranked highest. Error: mean of "
        "|expected - came|; that of the sum of uncalibrated s_uai beside it, over the rounds that have one. Bias: mean "
        "of expected - came. Held: share of rounds whose 90% limits held the truth.",
        "## Reliability of the calibrated probability",
        _reliability_table(found.values()),
        "Answers by rank, each with the probability that was said before its round, by all sessions together.",
        "## What remains",
        _remaining_table(found),
        "Lower bound: of the kinds found, without audits; mean over rounds, and the share of rounds in which as many "
        "or more remained. Limits: 95%, by the random audits, of whatever kind, at the end of the sessions (means); "
        "held: share of rounds whose limits held the truth.",
        "What audits buy: 95% limits on the anomalies among 10,000 items, by audits and anomalies among them.",
        _audit_table(),
        "## The hint to stop",
        _hint_table(found),
        "At: items asked when the hint came first (- never). Found: anomalies known then, of all. Later: found in the "
        "rest of the budget.",
    ]
    return "\n\n".join(parts) + "\n"


Sessions = dict[str, list[Result]]


def _rounds(there: Iterable[Result]) -> list[dict[str, Any]]:
    return [row for result in there for row in result.extra["rounds"]]


def _mean(rows: Iterable[Any], of: Callable[[Any], float], digits: int = 2) -> str:
    values = [of(row) for row in rows]
    return f"{np.mean(values):.{digits}f}" if values else ""


def _next_table(found: Sessions) -> str:
    lines = []
    for name, there in {**found, "all": [r for group in found.values() for r in group]}.items():
        rows = [row for row in _rounds(there) if row["expected"] is not None]
        scored = [row for row in rows if row["raw"] is not None]
        held = _mean(rows, lambda row: row["low"] <= row["came"] <= row["high"])
        error = _mean(rows, lambda row: abs(row["expected"] - row["came"]))
        raw = _mean(scored, lambda row: abs(row["raw"] - row["came"]))
        bias = _mean(rows, lambda row: row["expected"] - row["came"])
        width = _mean(rows, lambda row: row["high"] - row["low"], 1)
        lines.append([name, len(rows), _mean(rows, lambda row: row["came"]), error, raw, bias, held, width])
    return markdown(["set", "rounds", "came", "error", "uncalibrated", "bias", "held", "width"], lines)


def _reliability_table(found: Iterable[list[Result]]) -> str:
    tables = [result.extra["reliability"] for there in found for result in there]
    bins: dict[tuple[float, float], list[tuple[float, float, float]]] = {}
    for t in tables:
        for low, high, *rest in zip(t["low"], t["high"], t["n"], t["said"], t["came"], strict=True):
            bins.setdefault((low, high), []).append((rest[0], rest[1], rest[2]))
    lines = []
    for (low, high), parts in sorted(bins.items()):
        n, said, came = np.array(parts).T
        means = [f"{np.average(values, weights=n):.3f}" for values in (said, came)]
        lines.append([f"{low:g} to {high:g}", f"{int(n.sum()):,}", *means])
    return markdown(["probability", "answers", "said", "came"], lines)


def _remaining_table(found: Sessions) -> str:
    lines = []
    for name, there in found.items():
        rows = _rounds(there)
        audited = [row for row in rows if row["audit_high"] is not None]
        ends = [result.extra["rounds"][-1] for result in there]
        ends = [row for row in ends if row["audit_high"] is not None]
        limits = f"{_mean(ends, lambda r: r['audit_low'], 0)} to {_mean(ends, lambda r: r['audit_high'], 0)}"
        lines.append(
            [
                name,
                _mean(rows, lambda row: row["at_least"], 1),
                _mean(rows, lambda row: row["left"], 1),
                _mean(rows, lambda row: row["at_least"] <= row["left"]),
                _mean(ends, lambda row: row["audits"], 0),
                f"{limits} of {_mean(ends, lambda r: r['n_left'], 0)}",
                _mean(ends, lambda row: row["left"], 0),
                _mean(audited, lambda row: row["audit_low"] <= row["left"] <= row["audit_high"]),
            ]
        )
    heads = ["set", "lower bound", "remained", "held", "audits", "limits at the end", "remained", "held"]
    return markdown(heads, lines)


def _audit_table() -> str:
    lines = []
    for n in (10, 30, 100, 300):
        cells = []
        for hits in (0, 1, 3):
            label = np.array([1] * hits + [0] * (n - hits), np.int8)
            same = np.zeros(n, np.int64)
            found = remaining(Draws(same, label, same, same + 10_000), 0, 10_000)
            assert found is not None
            cells.append(f"{found.low:,} to {found.high:,}")
        lines.append([n, *cells])
    return markdown(["audits", "none", "1", "3"], lines)


def _hint_table(found: Sessions) -> str:
    lines = []
    for name, there in found.items():
        for result in sorted(there, key=lambda r: r.seed):
            first = next((row for row in result.extra["rounds"] if row["stop"]), None)
            known = result.found if first is None else int(first["found"])
            asked = result.budget if first is None else int(first["asked"])
            later = "" if first is None else f"{result.found - known} in {result.budget - asked}"
            at = "-" if first is None else asked
            lines.append([name, result.seed, at, f"{known} of {result.n_anomalies}", later])
    return markdown(["set", "seed", "at", "found", "later"], lines)
