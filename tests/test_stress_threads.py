"""A few seconds of the script in tests/benchmarks, whose result of a minute is in results/threads.md."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "tests" / "benchmarks" / "stress_threads.py"

pytestmark = pytest.mark.slow


def test_eight_threads_lose_nothing_and_do_not_lock_each_other_out(tmp_path):
    line = [sys.executable, "-W", "ignore", str(SCRIPT), "--seconds", "4", "--out", str(tmp_path / "threads")]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    acts = json.loads((tmp_path / "threads.json").read_text())["acts"]
    assert all(acts[kind] > 0 for kind in ("label", "undo", "redo", "note", "train"))


def test_the_committed_result_is_of_a_minute():
    record = json.loads((ROOT / "results" / "threads.json").read_text())
    assert (record["threads"], record["seconds"]) == (8, 60)
    assert record["lost"] == record["deadlocks"] == 0
