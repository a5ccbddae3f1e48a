"""The experiment that compares what is said of stopping with the truth."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

import uai_notebook as uai
from uai_notebook.experiments import stopping
from uai_notebook.experiments.choice import Choice


@pytest.fixture
def watched(make, ds):
    """A small session, answered by a witness."""
    session = make(k=5, budget=40, audit=0.2)
    witness = stopping.Witness(session, ds.y)
    uai.simulate(session, witness, progress=False)
    return session, witness


def test_the_witness_notes_what_is_said_before_each_round_and_answers_with_the_truth(watched, ds):
    session, witness = watched
    assert len(witness.rounds) == 8
    assert (session.labels["label"].to_numpy() == ds.y[session.labels["index"]]).all()
    assert [row["asked"] for row in witness.rounds] == list(range(0, 40, 5))
    for row in witness.rounds:
        assert row["left"] == ds.y.sum() - row["found"]
        assert 0 <= row["came"] <= 5
    assert witness.rounds[-1]["audits"] > 0
    json.dumps(witness.rounds)


def fake(result, rounds, **changes):
    empty = dict.fromkeys(("low", "high", "raw", "audit_low", "audit_high", "expected"))
    base = {**empty, "asked": 0, "found": 0, "came": 0, "at_least": 0, "left": 9, "n_left": 90, "audits": 0}
    extra = {
        "rounds": [{**base, "stop": False, **row} for row in rounds],
        "reliability": {"low": [0.0], "high": [0.05], "n": [3], "said": [0.02], "came": [1 / 3]},
    }
    return result("DAE_uai stopping", "yeast", extra=extra, **changes)


def cells(text, start):
    line = next(line for line in text.splitlines() if line.startswith(f"| {start}"))
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_the_tables_are_what_was_noted(result, tmp_path):
    rounds = [
        {"asked": 0, "found": 0},
        {"asked": 10, "found": 4, "expected": 2.0, "low": 0, "high": 4, "came": 3, "raw": 9.0},
        {"asked": 20, "found": 7, "expected": 1.0, "low": 0, "high": 2, "came": 5, "at_least": 10, "stop": True},
        {"asked": 30, "found": 8, "audits": 7, "audit_low": 1, "audit_high": 20, "stop": True},
    ]
    text = stopping.show([fake(result, rounds, seed=10, found=9, n_anomalies=18, budget=40)], tmp_path)
    assert cells(text, "yeast") == ["yeast", "2", "4.00", "2.50", "6.00", "-2.50", "0.50", "3.0"]
    assert cells(text, "0 to 0.05") == ["0 to 0.05", "3", "0.020", "0.333"]
    remains = text[text.index("## What remains") :]
    assert cells(remains, "yeast") == ["yeast", "2.5", "9.0", "0.75", "7", "1 to 20 of 90", "9", "1.00"]
    hint = text[text.index("## The hint") :]
    assert cells(hint, "yeast") == ["yeast", "10", "20", "7 of 18", "2 in 20"]


def test_results_of_other_experiments_are_left_out(result, tmp_path):
    assert stopping.show([result(dataset="yeast")], tmp_path) == "Nothing has been run yet.\n"


def test_seeds_are_not_those_that_constants_were_chosen_on():
    runs = stopping.runs(Choice(datasets=("yeast",), seeds=2))
    assert [run.seed for run in runs] == [20, 21]
    assert runs[0].keys != runs[1].keys


def test_a_run_gives_one_result(monkeypatch, ds, config, tmp_path):
    monkeypatch.setattr(stopping, "load_dataset", lambda name, seed, quiet: ds)
    monkeypatch.setattr("uai_notebook.session.ActiveSession", partial(uai.ActiveSession, config=config))
    run = stopping.StoppingRun("yeast", "dae", seed=10, budget=20)
    (made,) = run.execute(tmp_path / "none", print)
    assert (made.key,) == run.keys
    assert made.found == made.curve[-1]
    assert np.isfinite(made.f1)


def test_the_committed_report_is_that_of_the_committed_results(tmp_path):
    from uai_notebook.experiments.results import committed, read_results

    shown = (committed().parent / "stopping.md").read_text(encoding="utf-8")
    assert shown == stopping.show(read_results(committed()), tmp_path)


def test_the_document_quotes_the_report():
    root = Path(__file__).parents[2]
    told = (root / "docs" / "why_and_stop.md").read_text(encoding="utf-8")
    report = (root / "results" / "stopping.md").read_text(encoding="utf-8")
    _, rounds, came, error, raw, bias, held, _ = cells(report, "all")
    assert f"off by {error} on average where {came} came ({raw} by" in told
    assert f"({bias})" in told
    assert f"held in {held} of {rounds} rounds" in told
    found = [cells(report, f"{name} | {seed} ") for name in stopping.SETS for seed in (20, 21, 22)]
    assert f"The hint came in {sum(row[2] != '-' for row in found)} of {len(found)} sessions" in told
