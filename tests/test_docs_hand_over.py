"""The page on handing over: its code runs, and its tables are the committed results."""

from __future__ import annotations

import re
from pathlib import Path

import uai_notebook as uai

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "hand_over.md").read_text()


def test_its_code_runs(make, ds, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    session = make()
    session.train()
    session.label([0, 1, 40, 41], [1, 1, 0, 0])
    names = {"session": session, "new": ds.x[:5]}
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    assert len(blocks) == 3
    for block in blocks:
        exec(block, names)
    assert names["ranking"]["called"].dtype == bool
    assert uai.conflicts(session)["decided_by"].tolist() == ["Cleo"]


def test_its_tables_are_the_committed_result():
    rows = [row for row in (ROOT / "results" / "measure_detector.md").read_text().splitlines() if row.startswith("|")]
    assert len(rows) > 10
    for row in rows:
        assert row in PAGE
