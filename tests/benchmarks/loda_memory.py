"""What LODA-AAD finds on a part of KDDCUP-Rev, by which labels it keeps: ``python tests/benchmarks/loda_memory.py``.

App. B.2 limits its "memory about the anomalies it had already learned, forgetting the oldest ones". Ours keeps the
newest labels; here beside it as many of the newest of either kind, and all. Of every 40th item with a memory of 25, as
1,000 are for the whole set. Prints a table; some minutes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np

import uai_notebook as uai
from uai_notebook.experiments.tables import markdown
from uai_notebook.learners import LodaLearner, loda
from uai_notebook.learners.labeled import newest


def newest_of_each(index: Any, label: Any, memory: int | None = None) -> tuple[Any, Any]:
    """As :func:`newest`, ``memory`` labels of either kind."""
    if memory is None:
        return newest(index, label)
    kept = np.concatenate([np.flatnonzero(label == kind)[-memory:] for kind in (0, 1)])
    return newest(index[kept], label[kept])


KEPT: dict[str, tuple[Callable[..., Any], bool]] = {
    "the newest": (newest, True),
    "the newest of either kind": (newest_of_each, True),
    "all": (newest, False),
}


def part_of_rev(every: int) -> uai.Dataset:
    """A random one in ``every`` items of KDDCUP-Rev, with the types of attack."""
    from dataclasses import replace

    whole = uai.load_dataset("kddcup_rev", quiet=True)
    kept = np.sort(np.random.default_rng(0).choice(len(whole), len(whole) // every, replace=False))
    ds = uai.Dataset.from_arrays(whole.x[kept], y=whole.y[kept], name="kddcup_rev, a part")
    return replace(ds, source_class=whole.source_class[kept])


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--every", type=int, default=40, help="one item in so many")
    parser.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args()
    ds = part_of_rev(options.every)
    n, smurf = int(ds.y.sum()), ds.source_class == "smurf"
    rows = []
    for scale in (True, False):
        for what, (keep, limited) in KEPT.items():
            loda.newest = keep
            found = []
            for seed in range(options.seeds):
                learner = LodaLearner(ds, seed, memory=1000 // options.every if limited else None, scale=scale)
                session = uai.ActiveSession(ds, learner, k=10, budget=n, query="uai", seed=seed)
                uai.simulate(session, uai.Oracle(ds.y), progress=False)
                asked = session.current_labels()[0]
                found.append((ds.y[asked].mean(), smurf[asked].sum() / smurf.sum()))
            cells = [", ".join(f"{run[i]:.2f}" for run in found) for i in (0, 1)]
            rows.append(["[0, 1]" if scale else "raw", what, *cells])
    print(f"{len(ds):,} items, {n:,} anomalies, of them {smurf.sum():,} smurf; each seed\n")
    print(markdown(["features", "labels kept", "F1", "share of smurf found"], rows))


if __name__ == "__main__":
    main()
