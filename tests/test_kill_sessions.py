"""Fifty of the thousand kills of the script in tests/benchmarks, whose result is in results/kill.md."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SCRIPT = ROOT / "tests" / "benchmarks" / "kill_sessions.py"

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not hasattr(os, "fork"), reason="fork and SIGKILL")]


def test_fifty_kills_lose_nothing_and_every_resume_is_the_session_that_was_killed(tmp_path):
    line = [sys.executable, "-W", "ignore", str(SCRIPT), "--kills", "50", "--out", str(tmp_path / "kill")]
    done = subprocess.run(line, capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stdout + done.stderr
    record = json.loads((tmp_path / "kill.json").read_text())
    assert (record["kills"], record["resumes"]) == (50, 50)
    assert record["acknowledged"] > 50
    assert record["counts"]["ranking compared"] > 10


def test_the_committed_result_is_of_a_thousand():
    record = json.loads((ROOT / "results" / "kill.json").read_text())
    assert record["kills"] == record["resumes"] == 1000
    assert record["lost"] == record["wrong"] == 0
    struck = {name for name in record["counts"] if name.startswith("killed during")}
    assert {f"killed during {kind}" for kind in ("label", "undo", "train", "checkpoint")} <= struck
