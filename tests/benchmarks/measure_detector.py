"""What a detector is worth on new data: where it cuts, and known and new kinds of anomalies ranked apart (Sec. 4.3).

    python tests/benchmarks/measure_detector.py

Sessions are labelled by the truth, up to each budget, and handed over. On Shuttle, Mammography and Thyroid all items
are scored, labelled ones too; on KDDCUP-Rev those of its test set, which has new kinds of attacks. Some ten minutes a
seed on one core.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
import numpy.typing as npt
import torch
from benchmark_record import machine_line, processor, versions, write

from uai_notebook import ActiveSession, Oracle, UaiDetector, load_dataset, simulate
from uai_notebook.datasets import is_new_attack

BUDGETS = {
    "shuttle": (100, 867),
    "mammography": (100, 260),
    "thyroid": (50, 93),
    "kddcup_rev": (0, 250, 500, 1000, 2000),
}
TOP = 500  # of each ranking, to look at

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Called:
    """What one cut calls: number of items, precision, recall."""

    n: int
    precision: float
    recall: float

    @classmethod
    def of(cls, called: Mask, anomalous: Mask) -> Called:
        found = int((called & anomalous).sum())
        return cls(int(called.sum()), found / max(1, int(called.sum())), found / int(anomalous.sum()))


def sessions(name: str, seed: int) -> Iterator[tuple[int, ActiveSession, UaiDetector]]:
    """The session of a data set at each of its budgets, and its detector."""
    ds = load_dataset(name, seed=seed, quiet=True)
    assert ds.y is not None
    session = ActiveSession(ds, seed=seed, k=3 if ds.y.sum() < 100 else 10)
    for budget in BUDGETS[name]:
        if budget:
            session.budget = budget
            simulate(session, Oracle(ds.y), progress=False)
        yield budget, session, session.finish()


def cuts(name: str, seed: int) -> Iterator[dict[str, object]]:
    """Precision and recall of three cuts on all items of a data set."""
    for budget, session, detector in sessions(name, seed):
        truth, score = session.ds.y == 1, detector.score_samples(session.ds.x)
        share = np.quantile(score, 1 - truth.mean())
        found = {"1/2": score > 0, "auto": score > detector.offset_, "true share": score > share}
        yield {
            "dataset": name,
            "seed": seed,
            "b": budget,
            "anomalies labelled": session.store.counts()[1],
            **{cut: asdict(Called.of(called, truth)) for cut, called in found.items()},
        }


def rankings(seed: int) -> Iterator[dict[str, object]]:
    """Anomalies, and those of new kinds, at the top of each ranking of the KDD test set."""
    test = load_dataset("kddcup_test", seed=seed, quiet=True)
    new, anomalous = is_new_attack(test), test.y == 1
    for budget, session, detector in sessions("kddcup_rev", seed):
        ranking = detector.rank_new(test.x)
        order = {"s": np.argsort(-ranking["base_score"].to_numpy(), kind="stable")}
        for name in ("known_rank", "novel_rank"):
            order[name] = np.argsort(ranking[name].fillna(len(test) + 1).to_numpy(int), kind="stable")
        yield {
            "seed": seed,
            "b": budget,
            "anomalies labelled": session.store.counts()[1],
            "called": int(ranking["called"].sum()),
            **{
                name: {"anomalies": int(anomalous[items[:TOP]].sum()), "new": int(new[items[:TOP]].sum())}
                for name, items in order.items()
            },
        }


def report(found: list[dict[str, dict[str, float]]], ranked: list[dict[str, dict[str, float]]], seeds: int) -> str:
    """Markdown."""
    lines = [
        f"Where a detector cuts: means of {seeds} seeds; called, precision / recall on all items.",
        "",
        '| data set | b | anomalies labelled | p_anom > 1/2 | contamination="auto" | the true share |',
        "|---|---:|---:|---|---|---|",
    ]
    for name, budget in dict.fromkeys((row["dataset"], row["b"]) for row in found):
        rows = [row for row in found if (row["dataset"], row["b"]) == (name, budget)]
        cells = [_cell([row[cut] for row in rows]) for cut in ("1/2", "auto", "true share")]
        lines.append(f"| {name} | {budget} | {_mean(rows, 'anomalies labelled')} | {' | '.join(cells)} |")
    lines += [
        "",
        f"KDDCUP-Rev to its test set (67,908 connections, 3,817 attacks of kinds in the training set and 3,498 of new "
        f"kinds): anomalies in the top {TOP} of each ranking, of them new kinds; means of {seeds} seeds.",
        "",
        "| b | anomalies labelled | called | by s alone | known_rank (s_uai) | novel_rank (s, of those not called) |",
        "|---:|---:|---:|---|---|---|",
    ]
    for budget in dict.fromkeys(row["b"] for row in ranked):
        rows = [row for row in ranked if row["b"] == budget]
        cells = [
            f"{fmean(row[name]['anomalies'] for row in rows):.0f}, {fmean(row[name]['new'] for row in rows):.0f} new"
            if budget or name != "known_rank"
            else ""
            for name in ("s", "known_rank", "novel_rank")
        ]
        lines.append(
            f"| {budget} | {_mean(rows, 'anomalies labelled')} | {_mean(rows, 'called')} | {' | '.join(cells)} |"
        )
    return "\n".join([*lines, "", machine_line(np, torch)]) + "\n"


def _cell(parts: list[dict[str, float]]) -> str:
    n, precision, recall = (fmean(part[name] for part in parts) for name in ("n", "precision", "recall"))
    return f"{n:,.0f}, {precision:.2f} / {recall:.2f}"


def _mean(rows: list[dict[str, float]], name: str) -> str:
    return f"{fmean(row[name] for row in rows):,.0f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the report and write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seeds", type=int, default=2, metavar="S")
    parser.add_argument("--out", type=Path, default=Path("results/measure_detector"), help="without .md and .json")
    options = parser.parse_args(arguments)
    seeds = range(options.seeds)
    found = [row for name in list(BUDGETS)[:-1] for seed in seeds for row in cuts(name, seed)]
    ranked = [row for seed in seeds for row in rankings(seed)]
    text = report(found, ranked, options.seeds)  # type: ignore[arg-type]
    print(text, end="")
    record = {"processor": processor(), "versions": versions(np, torch), "cuts": found, "rankings": ranked}
    write(options.out, text, record)


if __name__ == "__main__":
    main()
