"""The runner: what is there is skipped, what was interrupted goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from uai_notebook import TrainConfig, load_dataset
from uai_notebook.experiments import probes, units, zong
from uai_notebook.experiments.results import read_results
from uai_notebook.experiments.runs import checkpoint_of, run_all
from uai_notebook.experiments.units import Run, ZongUnit

TINY = TrainConfig(hidden=(8, 2), pretrain_steps=20, round_steps=2)


def tiny(seed: int = 0, **changes) -> Run:
    return replace(Run("digits_0", "dae", seed, budget=20, config=TINY), **changes)


def quiet(line: str) -> None:
    pass


def test_finished_runs_are_skipped(tmp_path: Path, executed) -> None:
    path = tmp_path / "r.jsonl"
    run_all([tiny(0)], path, report=quiet)
    run_all([tiny(0), tiny(1), tiny(2)], path, report=quiet)
    assert [run.seed for run in executed] == [0, 1, 2]


def test_a_run_with_another_budget_or_config_is_not_a_finished_one(tmp_path: Path, executed) -> None:
    others = [tiny(), tiny(budget=30), tiny(config=TrainConfig()), tiny(query="paper"), tiny(options=(("memory", 5),))]
    run_all(others, tmp_path / "r.jsonl", report=quiet)
    run_all(others, tmp_path / "r.jsonl", report=quiet)
    assert executed == others


def test_a_base_model_that_was_run_with_labels_needs_no_run_of_its_own(tmp_path: Path, executed) -> None:
    run_all([tiny()], tmp_path / "r.jsonl", report=quiet)
    run_all([tiny(active=False)], tmp_path / "r.jsonl", report=quiet)
    assert executed == [tiny()]


def test_a_failing_run_does_not_hold_up_the_others_and_is_tried_again(tmp_path: Path, executed) -> None:
    unlucky, run = tiny(13), tiny(0)
    lines: list[str] = []
    failed = run_all([unlucky, run], tmp_path / "r.jsonl", report=lines.append)
    assert list(failed) == [unlucky]
    assert "failed, ArithmeticError: unlucky" in lines[1]
    run_all([unlucky, run], tmp_path / "r.jsonl", report=lines.append)
    assert executed == [unlucky, run, unlucky]


def test_each_run_is_reported_with_the_time_left(tmp_path: Path, executed) -> None:
    lines: list[str] = []
    runs = [Run("digits_0", "dae", seed, budget=150) for seed in range(3)]
    run_all(runs, tmp_path / "r.jsonl", report=lines.append)
    assert lines[0].startswith("3 runs, 0 of them done before")
    said = "DAE 1, DAE_uai 1 of 18 anomalies in 60 s; about 2.0 min left"
    assert lines[1] == f"[1/3] digits_0 DAE_uai adaptive seed 0: {said}"
    assert lines[3].endswith("in 60 s")


def test_the_time_left_goes_by_other_settings_where_these_were_never_run(tmp_path: Path, executed) -> None:
    lines: list[str] = []
    runs = [tiny(config=config) for config in (TINY, TrainConfig(noise=0.3), TrainConfig(noise=0.01))]
    run_all([*runs, tiny(dataset="digits_0_2")], tmp_path / "r.jsonl", report=lines.append)
    ends = [line.split("; ")[-1] for line in lines[1:4]]
    assert ends == ["more than 2.0 min left", "more than 1.0 min left", "unknown time left"]


def test_no_workers_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="workers=0: expected at least 1"):
        run_all([], tmp_path / "r.jsonl", workers=0)


def test_an_unknown_data_set_or_base_is_an_error_that_names_those_there_are() -> None:
    with pytest.raises(ValueError, match="no data set is called 'digit_0': expected one of digits_0, "):
        tiny(dataset="digit_0")
    with pytest.raises(ValueError, match="base='DAE': expected one of dae, class"):
        tiny(base="DAE")


def test_a_budget_beyond_the_data_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"budget=2,000: digits_0 has 1,637 items\."):
        tiny(budget=2000)


def test_a_real_run_gives_the_base_model_and_its_uai_twin(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    failed = run_all([tiny()], path, report=quiet)
    alone, active = read_results(path)
    assert not failed
    assert (alone.method, active.method) == ("DAE", "DAE_uai")
    assert (alone.query, active.query) == ("base", "adaptive")
    assert (active.dataset, active.seed, active.k, active.budget, active.n_anomalies) == ("digits_0", 0, 10, 20, 18)
    assert active.config == {"hidden": [8, 2], "pretrain_steps": 20, "round_steps": 2}
    for one in (alone, active):
        assert len(one.curve) == 2
        assert 0 <= one.curve[0] <= one.curve[1] == one.found
        assert one.precision == pytest.approx(one.found / 20)
        assert one.recall == pytest.approx(one.found / 18, abs=1e-6)
    assert alone.curve[0] == active.curve[0]  # the first call of both asks the base model
    assert not (tmp_path / "checkpoints").exists()


def test_a_run_without_labels_is_the_base_model_of_the_one_with_labels(tmp_path: Path) -> None:
    (alone,) = tiny(active=False).execute(tmp_path / "none.npz", quiet)
    (same, _) = tiny().execute(tmp_path / "none.npz", quiet)
    assert alone.key == same.key
    assert alone.curve == same.curve


@pytest.mark.slow
def test_workers_give_the_same_results_as_one_process(tmp_path: Path) -> None:
    for workers in (1, 2):
        run_all([tiny(0), tiny(1)], tmp_path / f"{workers}.jsonl", workers, report=quiet)
    one, two = (
        sorted((r.key, r.found, r.curve) for r in read_results(tmp_path / f"{workers}.jsonl")) for workers in (1, 2)
    )
    assert one == two


SLEEPERS = """
import signal, time
from dataclasses import dataclass
from uai_notebook.experiments.runs import run_all

@dataclass(frozen=True)
class Sleeper:
    title: str
    dataset = "digits_0"

    @property
    def keys(self):
        return ((self.title,),)

    def execute(self, checkpoint, report):
        print("asleep", flush=True)
        time.sleep(3600)

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have it ignored
    run_all([Sleeper(name) for name in "abcd"], "r.jsonl", workers=2)
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_workers_end_with_the_command_whatever_ends_it(tmp_path: Path, how: signal.Signals) -> None:
    (tmp_path / "sleepers.py").write_text(SLEEPERS)
    command = subprocess.Popen([sys.executable, "sleepers.py"], cwd=tmp_path, stdout=subprocess.PIPE, text=True)
    assert command.stdout is not None
    for line in command.stdout:
        if line == "asleep\n":
            break
    command.send_signal(how)
    command.communicate(timeout=120)  # until nobody holds its output any more
    assert command.returncode == -how


# -- interrupted runs ---------------------------------------------------------------------------------------------


class Killed(BaseException):
    """As Ctrl-C is: not an Exception."""


def test_an_interrupted_run_goes_on_in_its_middle_with_the_same_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(units, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setitem(probes.BUDGETS, "digits_0", (0, 20, 50, 60))
    run, path = tiny(budget=60), tmp_path / "r.jsonl"
    whole = tiny(budget=60).execute(tmp_path / "other.npz", quiet)

    def killed(line: str) -> None:
        if "found in 40 of 60" in line:
            raise Killed

    with pytest.raises(Killed):
        run_all([run], path, report=killed)
    assert not path.exists()
    assert checkpoint_of(run, path).exists()

    trained = []
    train = units.Run.session

    def counted(self, ds):
        session = train(self, ds)
        session.observe(lambda changes: trained.append(session.round) if "snapshot" in changes else None)
        return session

    monkeypatch.setattr(units.Run, "session", counted)
    lines: list[str] = []
    run_all([run], path, report=lines.append)
    assert (
        lines[1] == "digits_0 DAE_uai adaptive seed 0 hidden=[8, 2] pretrain_steps=20 round_steps=2: goes on from "
        "40 of 60"
    )
    assert set(trained) == {4, 5, 6}  # the first four were not trained again; the last is for the probe at the end
    assert [(r.key, r.curve, r.extra) for r in read_results(path)] == [(r.key, r.curve, r.extra) for r in whole]
    assert list(whole[1].extra["probes"]) == ["0", "20", "50", "60"]
    assert not checkpoint_of(run, path).exists()


def test_runs_that_differ_have_checkpoints_of_their_own(tmp_path: Path) -> None:
    runs = [tiny(), tiny(1), tiny(budget=30), tiny(config=TrainConfig(hidden=(8, 3)))]
    assert len({checkpoint_of(run, tmp_path / "r.jsonl") for run in runs}) == 4


def test_a_unit_of_zongs_protocol_tells_its_progress_and_gives_one_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(units, "CHECKPOINT_SECONDS", 0.0)
    monkeypatch.setattr(zong, "STEPS", 5)
    lines: list[str] = []
    path = tmp_path / "r.jsonl"
    unit = ZongUnit("digits_0", "DAGMM", 0.0, 1)
    assert not run_all([unit], path, report=lines.append)
    said = "digits_0 DAGMM, 0.0% anomalies in training, seed 1: step 3 of 5, about 0 min left in this run"
    assert lines[3] == said
    (result,) = read_results(path)
    assert result.key == unit.keys[0]
    assert (result.budget, result.config) == (0, {"contamination": 0.0})
    assert result.precision == pytest.approx(result.found / result.extra["n_flagged"], abs=1e-6)
    assert result.recall == pytest.approx(result.found / result.n_anomalies, abs=1e-6)
    assert result.versions
    assert not checkpoint_of(unit, path).exists()


# -- probes -------------------------------------------------------------------------------------------------------


def test_a_run_is_probed_with_the_model_that_knows_just_so_many_answers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(probes.BUDGETS, "digits_0", (0, 10, 30))
    sessions = []
    make = Run.session
    monkeypatch.setattr(Run, "session", lambda run, ds: sessions.append(make(run, ds)) or sessions[-1])
    run = Run("digits_0", "class", 0, budget=30, config=replace(TINY, pretrain_steps=300))
    _, active = run.execute(tmp_path / "none.npz", quiet)
    probed = active.extra["probes"]
    assert list(probed) == ["0", "10", "30"]
    truth = load_dataset("digits_0", seed=0).y
    for budget, measured in probed.items():
        frozen = measured["frozen"]
        assert frozen["asked"] == int(budget)
        assert frozen["found"] == sorted(frozen["found"])
        assert frozen["found"][-1] == truth.sum() == 18
        assert frozen["b"][-1] == frozen["all_found_at"] <= len(truth)
    # Up to the budget the frozen curve is what the run asked, one item after another.
    (session,) = sessions
    found = np.cumsum(truth[session.current_labels()[0]])
    whole = probed["30"]["frozen"]
    asked = [(b, f) for b, f in zip(whole["b"], whole["found"], strict=True) if b <= 30]
    assert len(asked) > 3
    assert asked == [(b, found[b - 1]) for b, _ in asked]
    assert found[-1] > 0
    assert 18 in whole["b"]  # as many items as there are anomalies


def test_probes_change_nothing_in_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = tiny(budget=40).execute(tmp_path / "none.npz", quiet)
    monkeypatch.setitem(probes.BUDGETS, "digits_0", (0, 10, 20, 30, 40))
    probed = tiny(budget=40).execute(tmp_path / "none.npz", quiet)
    assert [r.curve for r in probed] == [r.curve for r in plain]


def test_a_flat_latent_is_probed_for_figures_9_and_10(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probes, "LATENT_BUDGETS", (0, 20))
    run = tiny(config=replace(TINY, hidden=(8, 1)), budget=40)
    _, active = run.execute(tmp_path / "none.npz", quiet)
    frame = active.extra["probes"]["20"]["latent"]
    assert len(frame["l"]) == len(frame["s"]) == len(frame["y"]) == 1637
    assert sum(frame["y"]) == 18
    assert np.isfinite(frame["l"] + frame["s"]).all()
    assert all(0 <= value <= 1 for value in [*frame["ap"].values(), *frame["auc"].values()])
    assert set(active.extra["probes"]["0"]["latent"]["auc"]) == {"base", "plane"}


def test_a_dagmm_whose_net_ends_in_one_unit_is_probed_for_figures_4_and_11(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(probes.BUDGETS, "digits_0", (0,))
    run = tiny(base="dagmm", config=replace(TINY, hidden=(8, 1)), active=False)
    (alone,) = run.execute(tmp_path / "none.npz", quiet)
    assert list(alone.extra["probes"]["0"]) == ["frozen"]


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("UAI_NOTEBOOK_DATA"), reason="UAI_NOTEBOOK_DATA is not set")
def test_a_run_on_kddcup_rev_measures_the_recall_of_seen_and_unseen_attacks(tmp_path: Path) -> None:
    run = Run("kddcup_rev", "dae", 0, budget=10, config=replace(TINY, pretrain_steps=200))
    _, active = run.execute(tmp_path / "none.npz", quiet)
    measured = active.extra["probes"]["0"]["test"]
    assert measured["n_flagged"] == 3817 + 3498
    assert 0 < measured["seen"] <= 1
    assert 0 < measured["unseen"] <= 1
    # Recall at 7,315 of both kinds together cannot exceed what was flagged.
    assert measured["seen"] * 3817 + measured["unseen"] * 3498 <= 7315
