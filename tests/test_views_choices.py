"""Figure 11 animated, and the script that draws the pictures of the docs from committed results."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import uai_notebook as uai
from uai_notebook import views
from uai_notebook.experiments import frozen, latents
from uai_notebook.experiments.results import Result, committed, read_results
from uai_notebook.experiments.units import settings_of

DOCS = Path(__file__).parents[1] / "docs"
CURVES = {0: ([1, 2, 3, 4], [0, 0, 1, 2]), 2: ([1, 2, 3], [0, 1, 2]), 3: ([1, 2, 3], [1, 1, 2])}
NAMES = ["no label", "fewer labels", "b labels, then its ranking", "its labels end here"]


def shown(fig: Any, i: int) -> dict[str, list[list[float]]]:
    """Points of each trace of a frame, gaps left out."""
    found = {}
    for name, trace in zip(NAMES, fig.frames[i].data, strict=True):
        xy = np.column_stack([np.asarray(part, np.float64) for part in (trace.x, trace.y)])
        found[name] = xy[~np.isnan(xy).any(axis=1)].tolist()
    return found


def test_each_budget_is_a_frame_with_earlier_ones_pale_and_the_base_model_dashed() -> None:
    fig = views.choices(CURVES)
    assert [frame.name for frame in fig.frames] == ["b = 0", "b = 2", "b = 3"]
    assert [trace.name for trace in fig.data] == NAMES
    assert fig.data[0].line.dash == "dash"
    base = [[0, 0], [1, 0], [2, 0], [3, 1], [4, 2]]
    two = [[0, 0], [1, 0], [2, 1], [3, 2]]
    assert shown(fig, 0) == {NAMES[0]: base, NAMES[1]: [], NAMES[2]: [], NAMES[3]: []}
    assert shown(fig, 1) == {NAMES[0]: base, NAMES[1]: [], NAMES[2]: two, NAMES[3]: [[2, 1]]}
    assert shown(fig, 2)[NAMES[1]] == two


def test_where_all_was_found_before_the_labels_ended_no_end_is_marked() -> None:
    fig = views.choices({5: ([1, 2], [1, 2])})
    assert shown(fig, 0)[NAMES[3]] == []


def test_the_axes_hold_the_longest_line_or_go_as_far_as_said() -> None:
    fig = views.choices(CURVES)
    assert fig.layout.xaxis.range[1] >= 4
    assert fig.layout.yaxis.range[1] >= 2
    assert views.choices(CURVES, reach=100).layout.xaxis.range[1] == pytest.approx(102)


def test_a_session_gives_its_key_rounds(make: Any, ds: uai.Dataset) -> None:
    session = uai.simulate(make(budget=15), uai.Oracle(ds.y), progress=False)
    fig = views.choices(session)
    assert [frame.name for frame in fig.frames] == ["b = 0", "b = 5", "b = 10"]
    last = shown(fig, 2)[NAMES[2]]
    assert last[-1][1] == 8  # all anomalies
    asked = session.labels["label"][:10]
    assert [y for _, y in last[:11]] == [0, *np.cumsum(asked == 1)]


@pytest.mark.parametrize(
    ("curves", "words"), [({}, "no curves"), ({0: ([1, 2], [1])}, "b = 0 items of shape"), ({0: ([], [])}, "shape")]
)
def test_what_is_no_curve_is_refused(curves: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        views.choices(curves)


# -- pictures of the docs --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def script() -> Any:
    spec = importlib.util.spec_from_file_location("make_pictures", DOCS / "make_pictures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def results() -> list[Result]:
    return read_results(committed())


def latent_run() -> Result:
    rng = np.random.default_rng(0)
    point = {"l": rng.normal(size=50).tolist(), "s": rng.random(50).tolist(), "y": (np.arange(50) < 5).astype(int)}
    probes = {str(b): {"latent": {**point, "l": (np.asarray(point["l"]) * (1 + b)).tolist()}} for b in (0, 250, 2000)}
    counts = {"seed": 0, "k": 10, "budget": 2000, "found": 1, "n_anomalies": 5}
    scores = {"precision": 0.0, "recall": 0.0, "f1": 0.0, "seconds": 0.0}
    config = {"hidden": [256, 64, 1]}
    return Result("DAE_uai", "mnist_0_2", query="adaptive", config=config, extra={"probes": probes}, **counts, **scores)


def test_figure_9_is_drawn_from_what_a_run_left_and_the_rest_is_said_to_be_missing(script: Any, tmp_path: Path) -> None:
    said = script.main([latent_run()], tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["figure9_mnist_0_2.gif", "figure9_mnist_0_2.png"]
    assert "missing: figure10 of mnist_hard: python -m uai_notebook.experiments figure10" in said
    assert len([line for line in said if line.startswith("missing")]) == 3 + len(frozen.BUDGETS)
    with Image.open(tmp_path / "figure9_mnist_0_2.gif") as gif:
        assert (gif.n_frames, gif.width) == (3, script.WIDTH)  # type: ignore[attr-defined]


def test_the_frames_say_the_round_of_their_budget(script: Any) -> None:
    frames, truth = script.frames_of(latent_run())
    assert [(frame.round, frame.n_labels) for frame in frames] == [(0, 0), (25, 250), (200, 2000)]
    assert truth.sum() == 5


@pytest.mark.parametrize("dataset", list(frozen.BUDGETS))
def test_the_committed_pictures_of_figure_11_have_a_frame_per_budget(dataset: str, results: list[Result]) -> None:
    run = frozen.probed(results, dataset)
    assert run is not None
    path = DOCS / "img" / f"figure11_{dataset}.gif"
    with Image.open(path) as gif:
        wanted = [b for b in run.extra["probes"] if int(b) <= frozen.BUDGETS[dataset]]
        assert gif.n_frames == len(wanted)  # type: ignore[attr-defined]
    assert path.stat().st_size < 400_000


@pytest.mark.parametrize(
    "stem", ["figure9_mnist_0_2", "figure9_mnist_hard", "figure10_mnist_0_2", "figure10_mnist_hard"]
)
def test_the_committed_pictures_of_figures_9_and_10_have_a_frame_per_budget(stem: str, results: list[Result]) -> None:
    figure, dataset = stem.split("_", 1)
    run = frozen.probed(results, dataset, latents.METHOD[figure], settings_of(latents.CONFIG))
    assert run is not None
    with Image.open(DOCS / "img" / f"{stem}.gif") as gif:
        assert gif.n_frames == len(run.extra["probes"])  # type: ignore[attr-defined]
    assert (DOCS / "img" / f"{stem}.gif").stat().st_size < 400_000
    assert (DOCS / "img" / f"{stem}.png").stat().st_size < 400_000


def test_figure_11_is_drawn_from_committed_results(script: Any, results: list[Result], tmp_path: Path) -> None:
    said = script.draw_choices(results, "arrhythmia", tmp_path)
    assert said[0].startswith("figure11_arrhythmia.gif")
