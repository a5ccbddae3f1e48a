"""``python -m uai_notebook.experiments NAME``: run an experiment and print its table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from . import curves, figure2, first_look, frozen, image_tables, latents, novelty, stopping, table1, table3, theorems
from .choice import Choice
from .results import Result, read_results
from .runs import run_all
from .units import Unit

RESULTS = Path("results") / "runs.jsonl"


class Experiment(NamedTuple):
    """What to compute, and how to show it.

    ``show`` gets all results and the folder to write figures and CSV files to, and returns Markdown.
    """

    runs: Callable[[Choice], Sequence[Unit]]
    show: Callable[[Sequence[Result], Path], str]


EXPERIMENTS = {
    "first_look": Experiment(first_look.runs, lambda results, folder: first_look.table(results)),
    "table1": Experiment(table1.runs, table1.show),
    "table2": Experiment(image_tables.runs, partial(image_tables.show, "table2")),
    "table3": Experiment(table3.runs, table3.show),
    "table4": Experiment(image_tables.runs, partial(image_tables.show, "table4")),
    "figure2": Experiment(image_tables.runs, figure2.show),
    "figure4": Experiment(novelty.runs, novelty.show),
    "figure11": Experiment(frozen.runs, frozen.show),
    "stopping": Experiment(stopping.runs, stopping.show),
    "theorems": Experiment(image_tables.runs, theorems.show),
}
EXPERIMENTS |= {name: Experiment(partial(curves.runs, name), partial(curves.show, name)) for name in curves.DRAWINGS}
EXPERIMENTS |= {name: Experiment(partial(latents.runs, name), partial(latents.show, name)) for name in latents.BASE}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns 1 if a run failed, 130 if it was interrupted."""
    parser = _parser()
    options = parser.parse_args(arguments)
    experiment = EXPERIMENTS[options.experiment]
    path: Path = options.results
    try:
        choice = Choice(tuple(options.datasets), tuple(options.methods), options.seeds, options.budget)
        units = experiment.runs(choice)
        failed = {} if options.show else run_all(units, path, options.workers)
        path.parent.mkdir(parents=True, exist_ok=True)
        text = experiment.show(read_results(path), path.parent)
    except (ValueError, OSError, ImportError) as error:
        parser.error(str(error))
    except KeyboardInterrupt:
        print(f"\nStopped. The same command goes on from what is in {path}.")
        return 130
    if choice.budget is not None:
        print(f"\nWhat was run with --budget is in the lines above and in {path}; the table has its own budgets.")
    shown = path.with_name(f"{options.experiment}.md")
    shown.write_text(text, encoding="utf-8")
    print(f"\n{text}\n{shown} has this.")
    return 1 if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m uai_notebook.experiments",
        description="Run an experiment of the paper. It may be stopped and started again: finished runs are kept, and "
        "a long one goes on in its middle.",
    )
    names = sorted(EXPERIMENTS)
    parser.add_argument("experiment", choices=names, metavar="EXPERIMENT", help=", ".join(names))
    parser.add_argument("--datasets", nargs="+", default=(), metavar="NAME", help="default: those of the experiment")
    parser.add_argument("--methods", nargs="+", default=(), metavar="NAME", help="default: those of the experiment")
    parser.add_argument("--seeds", type=int, metavar="N", help="seeds 0 to N - 1, of data and model")
    parser.add_argument("--budget", type=int, metavar="B", help="items asked per run")
    parser.add_argument("--workers", type=int, default=1, metavar="W", help="processes of one thread (default: 1)")
    parser.add_argument(
        "--results", type=Path, default=RESULTS, metavar="FILE", help=f"JSON lines (default: {RESULTS})"
    )
    parser.add_argument("--show", action="store_true", help="run nothing, show what is in the results file")
    return parser


if __name__ == "__main__":
    sys.exit(main())
