"""``python -m uai_notebook.experiments NAME``: run an experiment and print its table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from . import first_look
from .runs import METHODS, read_results, run_all

EXPERIMENTS = {"first_look": first_look}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns 1 if a run failed, 130 if it was interrupted."""
    parser = _parser()
    options = parser.parse_args(arguments)
    experiment = EXPERIMENTS[options.experiment]
    path = options.results or Path("results") / f"{options.experiment}.jsonl"
    try:
        runs = experiment.runs(options.datasets, options.methods, options.seeds, options.budget)
        failed = {} if options.table else run_all(runs, path, options.workers)
        table = experiment.table(read_results(path))
    except (ValueError, OSError) as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        print(f"\nStopped. The same command goes on from what is in {path}.")
        return 130
    if options.table:
        print(table, end="")
        return 0
    shown = path.with_suffix(".md")
    shown.write_text(table, encoding="utf-8")
    print(f"\n{table}\n{shown} has this table.")
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m uai_notebook.experiments",
        description="Run an experiment. It may be stopped and started again: finished runs are kept.",
    )
    parser.add_argument("experiment", choices=EXPERIMENTS)
    parser.add_argument("--datasets", nargs="+", default=(), metavar="NAME", help="default: those of the experiment")
    parser.add_argument("--methods", nargs="+", default=(), metavar="NAME", help=f"some of {', '.join(METHODS)}")
    parser.add_argument("--seeds", type=int, metavar="N", help="seeds 0 to N - 1, of data and model")
    parser.add_argument("--budget", type=int, metavar="B", help="items asked per run")
    parser.add_argument("--workers", type=int, default=1, metavar="W", help="processes of one thread (default: 1)")
    parser.add_argument("--results", type=Path, metavar="FILE", help="JSON lines (default: results/EXPERIMENT.jsonl)")
    parser.add_argument("--table", action="store_true", help="only print the table of what is in the results file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
