"""The results file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from uai_notebook.experiments.results import append_results, curve_of, key_of, origin, read_results, scores


def test_results_read_back_as_they_were_written(tmp_path: Path, result) -> None:
    path = tmp_path / "new folder" / "r.jsonl"
    written = [result("DAE"), result(config={"lr": 0.1}, extra={"probes": {"0": [1]}}, versions={"torch": "2"})]
    append_results(path, written[:1])
    append_results(path, written[1:])
    assert read_results(path) == written


def test_no_file_means_no_results(tmp_path: Path) -> None:
    assert read_results(tmp_path / "none.jsonl") == []


def test_a_later_result_with_the_same_key_replaces_the_earlier(tmp_path: Path, result) -> None:
    append_results(tmp_path / "r.jsonl", [result("DAE", found=1), result("DAE", found=7)])
    assert [r.found for r in read_results(tmp_path / "r.jsonl")] == [7]


@pytest.mark.parametrize(
    "changes", [{"budget": 60}, {"query": "paper"}, {"config": {"lr": 1}}, {"seed": 1}, {"k": 3}, {"method": "DAE"}]
)
def test_another_setting_is_another_result(tmp_path: Path, result, changes) -> None:
    append_results(tmp_path / "r.jsonl", [result(), replace(result(), **changes)])
    assert len(read_results(tmp_path / "r.jsonl")) == 2


def test_a_torn_last_line_is_ignored_and_cut_off_by_the_next_write(tmp_path: Path, result) -> None:
    path = tmp_path / "r.jsonl"
    append_results(path, [result("DAE"), result("DAE_uai")])
    path.write_bytes(path.read_bytes()[:-40])
    assert [r.method for r in read_results(path)] == ["DAE"]
    append_results(path, [result("Class")])
    assert [r.method for r in read_results(path)] == ["DAE", "Class"]
    assert len(path.read_text().splitlines()) == 2


def test_a_last_line_that_lacks_only_its_end_is_kept(tmp_path: Path, result) -> None:
    path = tmp_path / "r.jsonl"
    append_results(path, [result("DAE")])
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    append_results(path, [result("Class")])
    assert [r.method for r in read_results(path)] == ["DAE", "Class"]


@pytest.mark.parametrize("line", ["{", "[1]", '{"method": "DAE"}', '{"colour": "red"}'])
def test_a_corrupt_line_in_the_middle_is_an_error_that_names_it(tmp_path: Path, result, line: str) -> None:
    path = tmp_path / "r.jsonl"
    append_results(path, [result("DAE")])
    path.write_text(path.read_text() + line + "\n")
    append_results(path, [result("Class")])
    with pytest.raises(ValueError, match=r"line 2 of .*r\.jsonl is not a result"):
        read_results(path)


@given(found=st.integers(0, 50), more=st.integers(0, 50), missed=st.integers(0, 50))
def test_precision_recall_and_f1_are_those_of_scikit_learn(found: int, more: int, missed: int) -> None:
    from sklearn.metrics import precision_recall_fscore_support

    truth = [1] * found + [0] * more + [1] * missed + [0]
    flagged = [1] * (found + more) + [0] * (missed + 1)
    expected = precision_recall_fscore_support(truth, flagged, average="binary", zero_division=0)[:3]
    assert scores(found, found + more, found + missed) == pytest.approx(expected, abs=1e-6)


def test_a_curve_has_a_last_shorter_step() -> None:
    import numpy as np

    assert curve_of(np.asarray([1, 0, 1, 1, 1]), 2) == (1, 3, 4)


def test_the_order_of_settings_makes_no_difference_to_a_key() -> None:
    config = {"lr": 1, "noise": 2}
    assert key_of("DAE", "d", 0, 10, "base", 5, config) == key_of(
        "DAE", "d", 0, 10, "base", 5, dict(sorted(config.items()))
    )


def test_results_say_which_program_made_them() -> None:
    made = origin()
    assert set(made["versions"]) == {"python", "torch", "numpy", "uai_notebook"}
    assert made["commit"] == "" or len(made["commit"].rstrip("+")) >= 12
