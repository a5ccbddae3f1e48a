"""The experiments' runner, results file, table and command line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from uai_notebook import TrainConfig
from uai_notebook.experiments import first_look, runs
from uai_notebook.experiments.__main__ import main
from uai_notebook.experiments.runs import Result, Run, append_results, read_results, run_all

TINY = TrainConfig(hidden=(8, 2), pretrain_steps=20, round_steps=2)


def result(method: str, seed: int = 0, found: int = 1, **changes: object) -> Result:
    made = Result(
        method, "digits_0", seed, k=10, query="adaptive", budget=150, found=found, n_anomalies=18, seconds=2.5
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def fake_execution(monkeypatch: pytest.MonkeyPatch) -> list[Run]:
    executed: list[Run] = []

    def execute(run: Run) -> list[Result]:
        executed.append(run)
        if run.seed == 13:
            raise ArithmeticError("unlucky")
        return [replace(run._result(method, [1, 0], 18, 1.0), seconds=60.0) for method in runs.BASES[run.base]]

    monkeypatch.setattr(Run, "execute", execute)
    return executed


def tiny_runs(seeds: int = 2) -> list[Run]:
    return first_look.runs(["digits_0"], ["DAE_uai"], seeds, budget=20, config=TINY)


# -- the results file ---------------------------------------------------------------------------------------------


def test_results_read_back_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "r.jsonl"
    written = [result("DAE", curve=(1, 2)), result("DAE_uai", config={"lr": 0.1}, versions={"torch": "2"}, time="now")]
    append_results(path, written[:1])
    append_results(path, written[1:])
    assert read_results(path) == written


def test_no_file_means_no_results(tmp_path: Path) -> None:
    assert read_results(tmp_path / "none.jsonl") == []


def test_a_later_result_with_the_same_key_replaces_the_earlier(tmp_path: Path) -> None:
    append_results(tmp_path / "r.jsonl", [result("DAE", found=1), result("DAE", found=7)])
    assert [r.found for r in read_results(tmp_path / "r.jsonl")] == [7]


def test_a_torn_last_line_is_ignored_and_cut_off_by_the_next_write(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    append_results(path, [result("DAE"), result("DAE_uai")])
    path.write_bytes(path.read_bytes()[:-40])
    assert [r.method for r in read_results(path)] == ["DAE"]
    append_results(path, [result("Class")])
    assert [r.method for r in read_results(path)] == ["DAE", "Class"]
    assert len(path.read_text().splitlines()) == 2


def test_a_last_line_that_lacks_only_its_end_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    append_results(path, [result("DAE")])
    path.write_bytes(path.read_bytes().rstrip(b"\n"))
    append_results(path, [result("Class")])
    assert [r.method for r in read_results(path)] == ["DAE", "Class"]


@pytest.mark.parametrize("line", ["{", "[1]", '{"method": "DAE"}', '{"colour": "red"}'])
def test_a_corrupt_line_in_the_middle_is_an_error_that_names_it(tmp_path: Path, line: str) -> None:
    path = tmp_path / "r.jsonl"
    append_results(path, [result("DAE")])
    path.write_text(path.read_text() + line + "\n")
    append_results(path, [result("Class")])
    with pytest.raises(ValueError, match=r"line 2 of .*r\.jsonl is not a result"):
        read_results(path)


# -- the runner ---------------------------------------------------------------------------------------------------


def test_finished_runs_are_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    executed = fake_execution(monkeypatch)
    path = tmp_path / "r.jsonl"
    run_all(tiny_runs(1), path, report=lambda line: None)
    run_all(tiny_runs(3), path, report=lambda line: None)
    assert [run.seed for run in executed] == [0, 1, 2]


def test_a_run_with_another_budget_or_config_is_not_a_finished_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    executed = fake_execution(monkeypatch)
    (run,) = tiny_runs(1)
    others = [run, replace(run, budget=30), replace(run, config=TrainConfig()), replace(run, query="paper")]
    run_all(others, tmp_path / "r.jsonl", report=lambda line: None)
    run_all(others, tmp_path / "r.jsonl", report=lambda line: None)
    assert executed == others


def test_a_failing_run_does_not_hold_up_the_others_and_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    executed = fake_execution(monkeypatch)
    run = tiny_runs(1)[0]
    unlucky = replace(run, seed=13)
    lines: list[str] = []
    failed = run_all([unlucky, run], tmp_path / "r.jsonl", report=lines.append)
    assert list(failed) == [unlucky]
    assert "failed, ArithmeticError: unlucky" in lines[1]
    run_all([unlucky, run], tmp_path / "r.jsonl", report=lines.append)
    assert executed == [unlucky, run, unlucky]


def test_each_run_is_reported_with_the_time_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_execution(monkeypatch)
    lines: list[str] = []
    run_all(tiny_runs(3), tmp_path / "r.jsonl", report=lines.append)
    assert lines[0].startswith("3 runs, 0 of them done before")
    assert lines[1] == "[1/3] digits_0 DAE_uai seed 0: DAE 1, DAE_uai 1 of 18 anomalies in 60 s; about 2.0 min left"
    assert lines[3].endswith("in 60 s")


def test_no_workers_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="workers=0: expected at least 1"):
        run_all([], tmp_path / "r.jsonl", workers=0)


def test_a_real_run_gives_the_base_model_and_its_uai_twin(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    failed = run_all(tiny_runs(1), path, report=lambda line: None)
    alone, active = read_results(path)
    assert not failed
    assert (alone.method, active.method) == ("DAE", "DAE_uai")
    assert (active.dataset, active.seed, active.k, active.budget, active.n_anomalies) == ("digits_0", 0, 10, 20, 18)
    assert active.config == {"hidden": [8, 2], "pretrain_steps": 20, "round_steps": 2}
    assert set(active.versions) == {"python", "torch", "numpy", "uai_notebook"}
    for one in (alone, active):
        assert len(one.curve) == 2
        assert 0 <= one.curve[0] <= one.curve[1] == one.found
    assert alone.curve[0] == active.curve[0]  # the first call of both asks the base model


@pytest.mark.slow
def test_workers_give_the_same_results_as_one_process(tmp_path: Path) -> None:
    for workers in (1, 2):
        run_all(tiny_runs(2), tmp_path / f"{workers}.jsonl", workers, report=lambda line: None)
    one, two = (
        sorted((r.key, r.found, r.curve) for r in read_results(tmp_path / f"{workers}.jsonl")) for workers in (1, 2)
    )
    assert one == two


# -- the experiment -----------------------------------------------------------------------------------------------


def test_the_first_look_is_five_seeds_of_digits_and_three_of_fashion() -> None:
    planned = [(run.dataset, run.budget, run.k, run.query) for run in first_look.runs()]
    assert planned.count(("digits_0", 150, 10, "adaptive")) == 5 * 2
    assert planned.count(("fashion_mnist_0", 1000, 10, "adaptive")) == 3 * 2
    assert len(planned) == 16


def test_a_base_model_and_its_uai_twin_are_one_run() -> None:
    assert len(first_look.runs(["digits_0"], ["DAE", "DAE_uai"], seeds=1)) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"datasets": ["digit_0"]}, "no data set is called 'digit_0': expected one of digits_0, "),
        ({"methods": ["dae"]}, "no method is called 'dae': expected some of DAE, DAE_uai, Class, Class_uai"),
        ({"seeds": 0}, "seeds=0: expected at least 1"),
        ({"budget": -1}, "budget=-1: expected at least 1"),
    ],
)
def test_a_wrong_argument_is_an_error_that_says_what_is_allowed(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        first_look.runs(**arguments)  # type: ignore[arg-type]


def test_the_table_sums_over_seeds_and_shows_each() -> None:
    found = {"DAE": (1, 10), "DAE_uai": (17, 18), "Class": (5, 6), "Class_uai": (18, 18)}
    results = [result(method, seed, n) for method, values in found.items() for seed, n in enumerate(values)]
    assert first_look.table(results).splitlines() == [
        "| data set | b | seeds | anomalies | DAE | DAE_uai | Class | Class_uai | DAE_uai / DAE |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
        "| digits_0 | 150 | 2 | 36 | 11 (1, 10) | 35 (17, 18) | 11 (5, 6) | 36 (18, 18) | 3.2 |",
    ]


def test_the_table_counts_only_seeds_that_every_method_of_the_row_has() -> None:
    results = [result("DAE", 0, 2), result("DAE", 1, 3), result("DAE_uai", 1, 9)]
    assert "| digits_0 | 150 | 1 | 18 | 3 (3) | 9 (9) |  |  | 3.0 |" in first_look.table(results)


def test_the_table_has_a_row_of_its_own_for_other_settings() -> None:
    results = [result("DAE"), result("DAE", budget=60), result("DAE", query="paper"), result("DAE", config={"lr": 1})]
    names = [line.split("|")[1].strip() for line in first_look.table(results).splitlines()[2:]]
    assert names == ["digits_0", "digits_0", "digits_0, query=paper", "digits_0, lr=1"]


# -- the command line ---------------------------------------------------------------------------------------------


def test_the_command_line_runs_and_writes_the_table_beside_the_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fake_execution(monkeypatch)
    path = tmp_path / "r.jsonl"
    assert main(["first_look", "--datasets", "digits_0", "--seeds", "1", "--results", str(path)]) == 0
    table = first_look.table(read_results(path))
    assert path.with_suffix(".md").read_text() == table
    assert table in capsys.readouterr().out


def test_table_only_runs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    executed = fake_execution(monkeypatch)
    path = tmp_path / "r.jsonl"
    append_results(path, [result("DAE")])
    assert main(["first_look", "--table", "--results", str(path)]) == 0
    assert capsys.readouterr().out == first_look.table([result("DAE")])
    assert not executed
    assert not path.with_suffix(".md").exists()


def test_the_command_line_says_what_is_wrong_and_leaves_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["first_look", "--datasets", "digit_0", "--results", str(tmp_path / "r.jsonl")])
    assert left.value.code == 2
    assert "no data set is called 'digit_0'" in capsys.readouterr().err
