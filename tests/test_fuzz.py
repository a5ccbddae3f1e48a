"""Some of the ten thousand cases of the script in tests/benchmarks, whose result is in results/fuzz.md."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "tests" / "benchmarks" / "fuzz_files.py"

pytestmark = pytest.mark.slow


def test_damaged_journals_checkpoints_and_messages_are_clear_errors_or_correct_results(tmp_path):
    seed = time.time_ns() % 2**32
    line = [sys.executable, str(SCRIPT), "--cases", "400", "--seed", str(seed), "--out", str(tmp_path / "fuzz")]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = json.loads((tmp_path / "fuzz.json").read_text())["counts"]
    assert {kind: sum(outcomes.values()) for kind, outcomes in counts.items()} == {
        "journals": 200,
        "checkpoints": 100,
        "messages": 100,
    }
    assert min(counts["journals"].values()) > 10  # errors as well as sessions


def test_the_committed_result_is_of_ten_thousand():
    record = json.loads((ROOT / "results" / "fuzz.json").read_text())
    assert record["cases"] == sum(n for outcomes in record["counts"].values() for n in outcomes.values()) == 10_000
    assert record["crashes"] == record["code_run"] == 0
