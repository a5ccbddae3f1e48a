"""The results file: one JSON line per method and run, and nothing else that a table is made from."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .._version import __version__

Key = tuple[Any, ...]


@dataclass(frozen=True)
class Result:
    """What one method found in one run: one line of a results file.

    Attributes
    ----------
    method, dataset, seed, k, query, budget
        What was run; the seed is that of the data and of the model. ``query`` is "base" for a base model alone, which
        is ranked once; k is then the step of its curve. In Zong's protocol ("zong") nothing is asked: k and budget are
        0, and ``extra`` has the number of items flagged, ``n_flagged``.
    found, n_anomalies : int
        Anomalies among the ``budget`` items, and in all that was ranked.
    precision, recall, f1 : float
        found / budget, found / n_anomalies (the paper's), and their harmonic mean.
    seconds : float
        Wall time of the run until its last answer, added up over interruptions.
    curve : tuple of int
        Anomalies found after each k items.
    config : dict
        What differs from the default :class:`~uai_notebook.TrainConfig`, and other settings of the method.
    extra : dict
        What the run measured on its way: see ``probes.py``.
    versions : dict of str
        Of python, torch, numpy and uai_notebook.
    commit : str
        Of the program, "+" appended if files were changed since; two, if another one began the run; empty where it
        is not known.
    time : str
        When it ended, UTC.
    """

    method: str
    dataset: str
    seed: int
    k: int
    query: str
    budget: int
    found: int
    n_anomalies: int
    precision: float
    recall: float
    f1: float
    seconds: float
    curve: tuple[int, ...] = ()
    config: dict[str, Any] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    commit: str = ""
    time: str = ""

    @property
    def key(self) -> Key:
        """What makes it the same result: a later one with the same key replaces it."""
        return key_of(self.method, self.dataset, self.seed, self.k, self.query, self.budget, self.config)


def key_of(
    method: str, dataset: str, seed: int, k: int, query: str, budget: int, config: dict[str, Any] | None = None
) -> Key:
    """The key of a result that may not exist yet."""
    return method, dataset, seed, k, query, budget, json.dumps(config or {}, sort_keys=True)


def scores(found: int, budget: int, n_anomalies: int) -> tuple[float, float, float]:
    """Precision, recall and F1 of ``found`` anomalies among ``budget`` items; 0 where nothing was found."""
    precision, recall = found / max(budget, 1), found / max(n_anomalies, 1)
    f1 = 2 * precision * recall / (precision + recall) if found else 0.0
    return round(precision, 6), round(recall, 6), round(f1, 6)


def result_of(
    key: Key, hits: npt.NDArray[Any], n_anomalies: int, seconds: float, extra: dict[str, Any] | None = None
) -> Result:
    """The result with a key, of what was asked: ``hits`` is the truth of it, 1 or 0, in its order."""
    method, dataset, seed, k, query, budget, config = key
    found = int(hits.sum())
    precision, recall, f1 = scores(found, budget, n_anomalies)
    return Result(
        method=method,
        dataset=dataset,
        seed=seed,
        k=k,
        query=query,
        budget=budget,
        found=found,
        n_anomalies=n_anomalies,
        precision=precision,
        recall=recall,
        f1=f1,
        seconds=round(seconds, 1),
        curve=curve_of(hits, k),
        config=json.loads(config),
        extra=extra or {},
        **origin(),
        time=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def curve_of(hits: npt.NDArray[Any], k: int) -> tuple[int, ...]:
    """Anomalies found after each k of the items whose truth is ``hits``, the last step perhaps shorter."""
    found = np.cumsum(hits, dtype=np.int64)
    ends = np.minimum(np.arange(k, len(hits) + k, k), len(hits)) - 1
    return tuple(found[ends].tolist())


def read_results(path: str | Path) -> list[Result]:
    """Read a results file; the later of two results with one key counts. No file: no results.

    Raises
    ------
    ValueError
        A line is not a result, other than a torn last one.
    """
    path = Path(path)
    found: dict[Key, Result] = {}
    whole, _, tail = (path.read_bytes() if path.exists() else b"").rpartition(b"\n")
    for number, line in enumerate(whole.splitlines(), start=1):
        try:
            result = _parse(line)
        except (ValueError, TypeError) as error:
            raise ValueError(f"line {number} of {path} is not a result ({error}): remove it and run again.") from error
        found[result.key] = result
    if _is_whole(tail):
        found[_parse(tail).key] = _parse(tail)
    return list(found.values())


def committed() -> Path:
    """The results that come with the program: what its tables and figures are made from."""
    package = Path(__file__).parents[1]
    inside, checkout = package / "results" / "runs.jsonl", package.parent / "results" / "runs.jsonl"
    return inside if inside.exists() else checkout


def append_results(path: str | Path, results: Sequence[Result]) -> None:
    """Append results in one write, to disk before this returns; a torn last line is cut off first."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as file:
        file.seek(0)
        whole, newline, tail = file.read().rpartition(b"\n")
        before = b""
        if _is_whole(tail):
            before = b"\n"
        elif tail:
            file.truncate(len(whole + newline))
        lines = [json.dumps(asdict(result)).encode() + b"\n" for result in results]
        file.write(before + b"".join(lines))
        file.flush()
        os.fsync(file.fileno())


def by_seed(results: Iterable[Result], **wanted: Any) -> list[Result]:
    """The results whose fields are as wanted, in the order of their seeds."""
    found = [r for r in results if all(getattr(r, name) == value for name, value in wanted.items())]
    return sorted(found, key=lambda r: r.seed)


@cache
def origin() -> dict[str, Any]:
    """``versions`` and ``commit`` of results made by this process."""
    import torch

    versions = {
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "uai_notebook": __version__,
    }
    return {"versions": versions, "commit": _commit()}


def _commit() -> str:
    """The commit of the program, "" outside a checkout. Results and documents do not count as changes."""
    here = Path(__file__).parents[2]

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=here, capture_output=True, text=True, timeout=30, check=True)
        return done.stdout.strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")).resolve() != here.resolve():
            return ""
        changed = git("status", "--porcelain", "--untracked-files=no", "--", "uai_notebook")
        return git("rev-parse", "--short=12", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return ""


def _parse(line: bytes) -> Result:
    values = json.loads(line)
    return Result(**{**values, "curve": tuple(values.get("curve", ()))})


def _is_whole(line: bytes) -> bool:
    try:
        _parse(line)
    except (ValueError, TypeError, AttributeError):
        return False
    return True
