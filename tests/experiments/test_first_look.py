"""The first look, and the command line that all experiments share."""

from __future__ import annotations

from pathlib import Path

import pytest

from uai_notebook.experiments import first_look
from uai_notebook.experiments.__main__ import EXPERIMENTS, main
from uai_notebook.experiments.choice import Choice
from uai_notebook.experiments.results import append_results, read_results


def test_the_first_look_is_five_seeds_of_digits_and_three_of_fashion() -> None:
    planned = [(run.dataset, run.budget, run.k, run.query) for run in first_look.runs(Choice())]
    assert planned.count(("digits_0", 150, 10, "adaptive")) == 5 * 2
    assert planned.count(("fashion_mnist_0", 1000, 10, "adaptive")) == 3 * 2
    assert len(planned) == 16


def test_a_base_model_and_its_uai_twin_are_one_run() -> None:
    assert len(first_look.runs(Choice(("digits_0",), ("DAE", "DAE_uai"), seeds=1))) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"datasets": ("digit_0",)}, "no data set is called 'digit_0': expected one of digits_0, "),
        ({"methods": ("dae",)}, "no method is called 'dae': expected some of DAE, DAE_uai, Class, Class_uai"),
        ({"seeds": 0}, "seeds=0: expected at least 1"),
        ({"budget": -1}, "budget=-1: expected at least 1"),
    ],
)
def test_a_wrong_argument_is_an_error_that_says_what_is_allowed(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        first_look.runs(Choice(**arguments))  # type: ignore[arg-type]


def test_the_table_sums_over_seeds_and_shows_each(result) -> None:
    found = {"DAE": (1, 10), "DAE_uai": (17, 18), "Class": (5, 6), "Class_uai": (18, 18)}
    results = [result(method, seed=s, found=n) for method, values in found.items() for s, n in enumerate(values)]
    assert first_look.table(results).splitlines() == [
        "| data set | b | seeds | anomalies | DAE | DAE_uai | Class | Class_uai | DAE_uai / DAE |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
        "| digits_0 | 150 | 2 | 36 | 11 (1, 10) | 35 (17, 18) | 11 (5, 6) | 36 (18, 18) | 3.2 |",
    ]


def test_the_table_counts_only_seeds_that_every_method_of_the_row_has(result) -> None:
    results = [result("DAE", found=2), result("DAE", seed=1, found=3), result("DAE_uai", seed=1, found=9)]
    assert "| digits_0 | 150 | 1 | 18 | 3 (3) | 9 (9) |  |  | 3.0 |" in first_look.table(results)


def test_results_of_other_experiments_are_not_in_the_table(result) -> None:
    others = [result(budget=60), result(query="paper"), result(config={"lr": 1}), result(k=3), result(dataset="yeast")]
    assert len(first_look.table(others).splitlines()) == 2


# -- the command line ---------------------------------------------------------------------------------------------


def test_every_table_and_figure_of_the_paper_is_an_experiment() -> None:
    figures = {f"figure{n}" for n in (2, 3, 4, 6, 7, 8, 9, 10, 11)}
    ours = {"first_look", "stopping"}
    assert set(EXPERIMENTS) - ours == {"table1", "table2", "table3", "table4", "theorems"} | figures


def test_the_command_line_runs_and_writes_the_table_beside_the_results(
    tmp_path: Path, executed, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "r.jsonl"
    assert main(["first_look", "--datasets", "digits_0", "--seeds", "1", "--results", str(path)]) == 0
    table = first_look.table(read_results(path))
    assert (tmp_path / "first_look.md").read_text() == table
    assert table in capsys.readouterr().out
    assert len(executed) == 2


def test_show_runs_nothing(tmp_path: Path, executed, result, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "r.jsonl"
    append_results(path, [result("DAE")])
    assert main(["first_look", "--show", "--results", str(path)]) == 0
    assert first_look.table([result("DAE")]) in capsys.readouterr().out
    assert not executed


@pytest.mark.parametrize("name", sorted(set(EXPERIMENTS) - {"figure2", "theorems", "table2", "table4"}))
def test_every_experiment_shows_something_before_anything_was_run(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([name, "--show", "--results", str(tmp_path / "r.jsonl")]) == 0
    assert (tmp_path / f"{name}.md").read_text().strip()


@pytest.mark.parametrize("name", sorted(EXPERIMENTS))
def test_every_experiment_plans_units_that_differ(name: str) -> None:
    units = list(EXPERIMENTS[name].runs(Choice()))
    keys = [unit.keys for unit in units]
    assert len(set(keys)) == len(units)


@pytest.mark.parametrize("name", sorted(EXPERIMENTS))
@pytest.mark.parametrize("option", ["datasets", "methods"])
def test_every_experiment_refuses_a_name_that_it_does_not_know(name: str, option: str) -> None:
    with pytest.raises(ValueError, match=r"'nonsense': expected some of|'nonsense': expected one of|have no use"):
        EXPERIMENTS[name].runs(Choice(**{option: ("nonsense",)}))


def test_the_command_line_says_what_is_wrong_and_leaves_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(["first_look", "--datasets", "digit_0", "--results", str(tmp_path / "r.jsonl")])
    assert left.value.code == 2
    assert "no data set is called 'digit_0'" in capsys.readouterr().err
