"""Figures 3 to 11, from the results alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from uai_notebook.experiments import curves, frozen, latents, novelty
from uai_notebook.experiments.choice import Choice
from uai_notebook.experiments.units import settings_of


def png(folder: Path, name: str) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.open(folder / f"{name}.png").convert("L"))


# -- figures 3, 6, 7, 8 -------------------------------------------------------------------------------------------


def test_figure_3_is_three_seeds_to_1000_and_one_to_5000_of_both_bases() -> None:
    planned = [(r.dataset, r.base, r.seed, r.budget) for r in curves.runs("figure3", Choice())]
    assert len(planned) == 4 * 2 * 3
    assert planned.count(("mnist_hard", "class", 0, 5000)) == 1
    assert planned.count(("mnist_hard", "class", 2, 1000)) == 1
    assert [r[3] for r in planned] == sorted(r[3] for r in planned)


def test_figure_8_is_one_seed_to_1000() -> None:
    assert {(r.seed, r.budget) for r in curves.runs("figure8", Choice())} == {(0, 1000)}


def test_figure_7_runs_fashion_0_as_mnist() -> None:
    planned = {(r.dataset, r.seed, r.budget) for r in curves.runs("figure7", Choice())}
    assert planned == {(f, s, b) for f, s, b in [("fashion_mnist_0", 0, 5000), ("fashion_mnist_0", 1, 1000)]} | {
        ("fashion_mnist_0", 2, 1000),
        ("fashion_mnist_0_2", 0, 1000),
    }


def found(result, dataset: str, of: dict[str, int], seed: int = 0, budget: int = 1000, n: int = 2000):
    return [result(m, dataset, seed, budget=budget, n_anomalies=n, found=f) for m, f in of.items()]


def test_the_longest_run_of_a_seed_counts(result) -> None:
    short, long = result("DAE", "mnist_0", budget=1000), result("DAE", "mnist_0", budget=5000)
    other = result("DAE", "mnist_0", budget=9000, config={"lr": 1})
    assert curves.longest([long, short, other], "mnist_0", "DAE") == [long]


def test_a_figure_is_drawn_of_what_was_run_with_a_table(tmp_path: Path, result) -> None:
    results = [
        *found(result, "mnist_0", {"DAE": 100, "DAE_uai": 900}, seed=0, budget=5000),
        *found(result, "mnist_0", {"DAE": 50, "DAE_uai": 700}, seed=1),
    ]
    text = curves.show("figure3", results, tmp_path)
    assert png(tmp_path, "figure3").std() > 5
    assert (tmp_path / "figure3.html").exists()
    (row,) = [line for line in text.splitlines() if line.startswith("| mnist_0 | 1,000")]
    assert row == "| mnist_0 | 1,000 | 2,000 | 2 | 35 (20 to 50) | 440 (180 to 700) |  |  |"
    assert "2 seeds to b = 1,000, 1 seed to b = 5,000" in text


def test_where_a_seed_ends_the_line_does_too_and_goes_on_dashed(result) -> None:
    results = [*found(result, "mnist_0", {"DAE": 900}, budget=5000), *found(result, "mnist_0", {"DAE": 50}, seed=1)]
    drawn = curves.figure("figure3", results)
    assert drawn is not None
    (panel,) = drawn.panels
    both, one = panel.parts
    assert (both.x[-1], both.dash, one.x[0], one.x[-1], one.dash) == (1000, False, 1010, 5000, True)
    assert (both.low[-1], both.high[-1]) == (50, 180)
    assert one.y[0] == one.low[0] == curves.found_at(results, 1010)[0]


def test_the_papers_claims_are_checked_against_the_numbers(tmp_path: Path, result) -> None:
    good = {"mnist_0": (100, 900, 800, 900), "mnist_0_2": (200, 900, 800, 900)}
    good |= {"mnist_hard": (600, 700, 100, 600), "mnist_pca": (900, 900, 200, 400)}
    results = []
    for dataset, values in good.items():
        results += found(result, dataset, dict(zip(curves.METHODS, values, strict=True)))
    text = curves.show("figure3", results, tmp_path)
    assert text.count("**holds**") == 5
    assert "Class_uai is robust on all four: **does not hold** (_0 90%, _0_2 90%, _hard 60%, _pca 40%)." in text


def test_a_claim_about_what_was_not_run_is_not_made(tmp_path: Path, result) -> None:
    text = curves.show("figure3", found(result, "mnist_0", {"DAE": 10}), tmp_path)
    assert "DAE is weak on _0 and _0-2: **not run yet** (_0 1%)." in text
    assert "**holds**" not in text


def test_the_claims_are_checked_at_the_larger_budget_too_of_the_runs_that_went_so_far(tmp_path: Path, result) -> None:
    results = []
    for dataset in curves.MNIST:
        results += found(result, dataset, {"DAE_uai": 1000}, budget=5000)
        results += found(result, dataset, {"DAE_uai": 1000, "Class_uai": 900}, seed=1)
    short = curves.show("figure3", [r for r in results if r.budget == 1000], tmp_path)
    assert "at b = 5,000; strong" not in short
    text = curves.show("figure3", results, tmp_path).split("at b = 5,000; strong")[1]
    assert "DAE_uai is robust on all four: **does not hold** (_0 50%, _0_2 50%, _hard 50%, _pca 50%)." in text
    assert "Class_uai is robust on all four: **not run yet**." in text


# -- figure 4 -----------------------------------------------------------------------------------------------------


def rev(result, method: str, recalls: dict[int, tuple[float, float]], **changes):
    test = {str(b): {"test": {"seen": s, "unseen": u}} for b, (s, u) in recalls.items()}
    settings = {"budget": 24_319, "n_anomalies": 24_319, "found": 9_000, **changes}
    return result(method, "kddcup_rev", extra={"probes": test}, **settings)


def test_figure_4_shows_recall_by_kind_and_what_was_found_in_training(tmp_path: Path, result) -> None:
    results = [
        rev(result, "DAE_uai", {0: (0.2, 0.6), 4000: (0.9, 0.7)}),
        rev(result, "LODA-AAD", {0: (0.3, 0.5), 4000: (0.6, 0.5)}, query="uai", config={"memory": 1000}),
        rev(result, "DAGMM (ranked)", {0: (0.1, 0.1)}, config=settings_of(novelty.DAGMM)),
        rev(result, "LODA-AAD", {0: (0.7, 0.7)}, query="uai", config={"scale": False, "memory": 1000}),
    ]
    text = novelty.show(results, tmp_path)
    assert png(tmp_path, "figure4").std() > 5
    lines = text.splitlines()
    assert "| DAGMM | 0 | 0.100 | 0.100 |" in lines
    assert "| DAE | 0 | 0.200 | 0.600 |" in lines  # the base model alone: before the first label
    assert "| DAE_uai | 4,000 | 0.900 | 0.700 |" in lines
    assert "| LODA-AAD | 4,000 | 0.600 | 0.500 |" in lines


def test_figure_4_runs_what_table_1_runs() -> None:
    from uai_notebook.experiments import table1

    ours = {key for unit in novelty.runs(Choice()) for key in unit.keys if key[0] in ("DAE_uai", "LODA-AAD")}
    theirs = {key for unit in table1.runs(Choice(("kddcup_rev",))) for key in unit.keys}
    assert len(ours) == 2
    assert ours <= theirs


def test_the_dagmm_of_figure_4_has_the_net_and_the_batches_of_zong() -> None:
    (run,) = novelty.runs(Choice(methods=("DAGMM",)))
    assert (run.config.hidden, run.config.batch_size) == ((60, 30, 10, 1), 1024)
    assert (run.config.optimizer, run.config.lr) == ("adam", 1e-4)


# -- figures 9 and 10 ---------------------------------------------------------------------------------------------


def latent_run(result, seed: int, budgets: tuple[int, ...], plane: dict[int, float]):
    rng = np.random.default_rng(seed)
    points = {"l": rng.normal(size=50).tolist(), "s": rng.random(50).tolist(), "y": [1] * 5 + [0] * 45}
    probes = {
        str(b): {"latent": {**points, "ap": {"base": 0.1, "plane": plane[b]}, "auc": {"base": 0.5, "plane": 0.6}}}
        for b in budgets
    }
    config = {"hidden": [256, 64, 1]}
    return result("DAE_uai", "mnist_hard", budget=2000, seed=seed, config=config, extra={"probes": probes})


def test_figure_9_shows_the_plane_at_three_budgets_and_all_seeds_in_its_table(tmp_path: Path, result) -> None:
    budgets = (0, 250, 1000, 2000)
    rise, fall = dict(zip(budgets, (0.2, 0.3, 0.4, 0.8), strict=True)), dict.fromkeys(budgets, 0.4)
    short = latent_run(result, 2, (0,), rise)  # a base model alone was probed once: no seed of the table
    runs = [latent_run(result, 1, budgets, fall), short, latent_run(result, 0, budgets, rise)]
    text = latents.show("figure9", runs, tmp_path)
    assert png(tmp_path, "figure9").std() > 5
    lines = text.splitlines()
    assert "| mnist_hard | 250 | 0.100 |  | 0.350 (0.300, 0.400) | 0.500 |  | 0.600 (0.600, 0.600) |" in lines
    assert any("in 1 of 2 runs (0.300 to 0.600)" in line and "0.400 are missing" in line for line in lines)


def test_figure_10_is_three_seeds_of_two_data_sets_with_one_dimension_with_two_weights_and_one_with_eight() -> None:
    runs = [(r.dataset, r.base, r.seed, r.config.hidden) for r in latents.runs("figure10", Choice())]
    flat = [(d, "class", seed, (256, 64, 1)) for seed in range(3) for d in ("mnist_0_2", "mnist_hard")]
    assert runs == flat + flat + [("mnist_0_2", "class", 0, (256, 64, 8)), ("mnist_hard", "class", 0, (256, 64, 8))]
    weights = [r.config.uai_weight for r in latents.runs("figure10", Choice())]
    assert weights == [1.0] * 6 + [latents.WEIGHTED.uai_weight] * 6 + [1.0] * 2
    assert len(latents.runs("figure9", Choice())) == 8


# -- figure 11 ----------------------------------------------------------------------------------------------------


def test_figure_11_shows_frozen_models_by_the_labels_they_were_given(tmp_path: Path, result) -> None:
    def measured(asked: int, all_found_at: int):
        b = [1, 50, 93, all_found_at]
        return {"frozen": {"asked": asked, "b": b, "found": [0, 30, 60, 93], "all_found_at": all_found_at}}

    extra = {"probes": {"0": measured(0, 3000), "300": measured(300, 400), "531": measured(531, 600)}}
    run = result("DAE_uai", "thyroid", budget=531, n_anomalies=93, k=3, found=93, extra=extra)
    text = frozen.show([run], tmp_path)
    assert png(tmp_path, "figure11").std() > 5
    assert "| thyroid | 531 | 60 in 93 | 93 | 600 |" in text.splitlines()
    assert "of Arrhythmia it gives none, ours is 60" in text


def test_figure_11_says_how_many_labels_a_model_had_and_at_how_many_items_it_was_read(tmp_path: Path, result) -> None:
    curve = {"asked": 12, "b": [1, 40, 80], "found": [1, 20, 30], "all_found_at": 80}
    run = result("DAE_uai", "arrhythmia", budget=60, n_anomalies=66, k=3, extra={"probes": {"10": {"frozen": curve}}})
    assert "| arrhythmia | 12 | 20 in 40 | 66 | 80 |" in frozen.show([run], tmp_path).splitlines()


@pytest.mark.parametrize("order", [1, -1])
def test_a_figure_takes_no_run_of_other_settings(result, order: int) -> None:
    probes = {"probes": {"0": {}, "531": {}}}
    usual = result("DAE_uai", "thyroid", budget=531, extra=probes)
    other = result("DAE_uai", "thyroid", budget=531, extra=probes, config={"lr": 1})
    assert frozen.probed([usual, other][::order], "thyroid") == usual
    assert frozen.probed([usual, other][::order], "thyroid", config={"lr": 1}) == other


def test_figure_11_prefers_the_run_that_was_probed_farthest(result) -> None:
    near = result("DAE_uai", "thyroid", extra={"probes": {"0": {}, "51": {}}})
    far = result("DAE_uai", "thyroid", budget=531, extra={"probes": {"0": {}, "531": {}}})
    plain = result("DAE_uai", "thyroid", budget=600)
    assert frozen.probed([far, near, plain], "thyroid") == far
    assert frozen.probed([plain], "thyroid") is None


@pytest.mark.parametrize(
    ("name", "budget"), [("kddcup", 3000), ("thyroid", 531), ("kddcup_rev", 4000), ("arrhythmia", 60)]
)
def test_figure_11_trains_to_the_papers_budgets_and_one_of_ours(name: str, budget: int) -> None:
    (run,) = frozen.runs(Choice((name,)))
    assert run.budget == budget
