"""A figure as a page, a PNG or a GIF: opened again and looked at."""

from __future__ import annotations

import io
import itertools
import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from PIL import Image

from uai_notebook import views
from uai_notebook.snapshot import History, Snapshot
from uai_notebook.views.pictures.drawing import draw_sheet, legend_entries
from uai_notebook.views.pictures.parts import colour, numbers, pictures_of, plain
from uai_notebook.views.pictures.sheet import axis_ranges, make_sheet

RED = {"mode": "markers", "marker": {"color": "#ff0000", "size": 12}}


def an_evolution(rounds: int = 4, n: int = 60, **options: Any) -> go.Figure:
    rng = np.random.default_rng(0)
    history, start = History(), rng.normal(size=(n, 1))
    for r in range(rounds):
        latent, score = (start * (1 + r)).astype(np.float32), (np.abs(start[:, 0]) + r + 0.5).astype(np.float32)
        history.append(Snapshot(score, latent=latent, round=r, head=np.float32([1, 1, -2 - r])))
    return views.evolution(history, **options)


def pixels(picture: Any) -> np.ndarray:
    return np.asarray(picture.convert("RGB")).astype(int)


def where(image: np.ndarray, rgb: tuple[int, int, int], near: int = 60) -> np.ndarray:
    """(rows, columns) of pixels of about that colour."""
    return np.argwhere(np.abs(image.astype(int) - rgb).sum(axis=2) < near)


def drawn(fig: go.Figure, width: int = 400, height: int = 300) -> np.ndarray:
    pictures = pictures_of(fig)
    return draw_sheet(pictures[:1], make_sheet(pictures, 1, width, height, 1.0))


# -- GIF -------------------------------------------------------------------------------------------------------------


def test_a_gif_has_one_picture_per_frame_and_no_two_are_alike(tmp_path: Path) -> None:
    path = views.save(an_evolution(), tmp_path / "a.gif", seconds=0.3)
    with Image.open(path) as gif:
        assert gif.n_frames == 4  # type: ignore[attr-defined]
        shots, times = [], []
        for i in range(4):
            gif.seek(i)
            shots.append(pixels(gif))
            times.append(gif.info["duration"])
        assert gif.info["loop"] == 0
    assert times == [300, 300, 300, 1200]
    assert all((a != b).any() for a, b in itertools.pairwise(shots))


def test_the_axes_of_a_gif_stand_still_and_its_paper_is_white(tmp_path: Path) -> None:
    path = views.save(an_evolution(), tmp_path / "a.gif")
    with Image.open(path) as gif:
        shots = []
        for i in range(4):
            gif.seek(i)
            shots.append(pixels(gif))
    assert all((shot[0, 0] == 255).all() for shot in shots)
    left = [shot[:, :60] for shot in shots]  # numbers and title of the vertical axis
    assert all((part == left[0]).all() for part in left)


def test_frames_of_a_gif_can_be_chosen_by_place_and_by_name(tmp_path: Path) -> None:
    path = views.save(an_evolution(), tmp_path / "a.gif", frames=[0, "round 4, 0 labels"])
    with Image.open(path) as gif:
        assert gif.n_frames == 2  # type: ignore[attr-defined]


def test_a_gif_of_3000_points_stays_small(tmp_path: Path) -> None:
    path = views.save(an_evolution(rounds=8, n=3000), tmp_path / "a.gif")
    assert path.stat().st_size < 8 * 125_000  # 40 frames: below 5 MB


def test_a_gif_of_a_figure_without_frames_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="needs a figure with frames"):
        views.save(go.Figure(go.Scatter(x=[1], y=[1])), tmp_path / "a.gif")


# -- PNG -------------------------------------------------------------------------------------------------------------


def test_a_png_of_an_animation_is_a_strip_of_first_middle_and_last(tmp_path: Path) -> None:
    fig = an_evolution(rounds=5)
    strip = Image.open(views.save(fig, tmp_path / "a.png", scale=1))
    chosen = Image.open(views.save(fig, tmp_path / "b.png", frames=[0, 2, 4], scale=1))
    one = Image.open(views.save(fig, tmp_path / "c.png", frames=[0], scale=1))
    assert (pixels(strip) == pixels(chosen)).all()
    assert strip.width > 2 * 360
    thirds = [pixels(strip)[120:320, i : i + 278] for i in (66, 360, 654)]  # inside the axes of each
    assert all((a != b).any() for a, b in itertools.combinations(thirds, 2))
    assert one.width == 700


def test_a_png_is_two_pixels_per_pixel_of_the_page(tmp_path: Path) -> None:
    fig = go.Figure(go.Scatter(x=[1, 2], y=[1, 2]), layout={"height": 300})
    assert Image.open(views.save(fig, tmp_path / "a.png")).size == (1400, 600)
    assert Image.open(views.save(fig, tmp_path / "b.png", width=350, scale=1)).size[0] == 350


def test_a_point_is_drawn_where_the_axes_say() -> None:
    axes = {"xaxis": {"range": [0, 10]}, "yaxis": {"range": [0, 4], "type": "log"}}
    at = [where(drawn(go.Figure(go.Scatter(x=[x], y=[y], **RED), axes)), (255, 0, 0)).mean(axis=0) for x, y in
          ((2.5, 10.0), (7.5, 1000.0))]  # fmt: skip
    assert at[0][1] + at[1][1] == pytest.approx(2 * (66 + (400 - 66 - 16) / 2), abs=3)  # around the middle
    assert at[1][1] - at[0][1] == pytest.approx((400 - 66 - 16) / 2, abs=2)
    low, high = at[0][0], at[1][0]  # decades 1 and 3 of 4: half the height apart
    assert low - high == pytest.approx((300 - 52 - 16) / 2, abs=3)


def test_open_symbols_are_hollow_and_others_filled() -> None:
    def share(symbol: str) -> float:
        marker = {"color": "#ff0000", "size": 40, "symbol": symbol}
        fig = go.Figure(go.Scatter(x=[1], y=[1], mode="markers", marker=marker))
        return len(where(drawn(fig), (255, 0, 0)))

    assert share("circle-open") < 0.4 * share("circle")
    assert share("diamond-open") < 0.4 * share("diamond")
    assert share("x-thin-open") > 10


def test_markers_on_a_colour_scale_have_its_colours_and_there_is_a_bar() -> None:
    marker = {"color": [0.0, 1.0], "size": 20, "coloraxis": "coloraxis"}
    layout = {"coloraxis": {"colorscale": [[0, "#0000ff"], [1, "#00ff00"]], "cmin": 0, "cmax": 1}}
    image = drawn(go.Figure(go.Scatter(x=[0, 1], y=[0, 1], mode="markers", marker=marker), layout))
    blue, green = where(image[:, :400], (0, 0, 255)), where(image[:, :400], (0, 255, 0))
    assert blue[:, 1].mean() < 200 < green[:, 1].mean()
    assert blue[:, 0].mean() > 150 > green[:, 0].mean()
    assert image.shape[1] > 400
    assert len(where(image[:, 400:], (0, 0, 255), 120)) > 20


def test_lines_dashes_and_fills_are_drawn() -> None:
    def count(**line: Any) -> int:
        trace = go.Scatter(x=[0, 1], y=[1, 1], mode="lines", line={"color": "#ff0000", "width": 6, **line})
        return len(where(drawn(go.Figure(trace)), (255, 0, 0)))

    assert count(dash="dot") < 0.7 * count()
    assert count(dash="12px,4px") < count()
    low = go.Scatter(x=[0, 1], y=[0, 0], mode="lines", line={"width": 0})
    high = go.Scatter(x=[0, 1], y=[1, 1], mode="lines", line={"width": 0}, fill="tonexty", fillcolor="#ff0000")
    axes = {"xaxis": {"range": [0, 1]}, "yaxis": {"range": [0, 2]}}
    image = drawn(go.Figure([low, high], axes))
    assert len(where(image, (255, 0, 0), 90)) > 0.4 * 0.9 * (400 - 82) * (300 - 56)


def test_shapes_and_notes_are_drawn_where_they_stand() -> None:
    shape = {"type": "line", "x0": 5, "x1": 5, "y0": 0, "y1": 1, "yref": "paper", "line": {"color": "#ff0000"}}
    fig = go.Figure(go.Scatter(x=[0, 10], y=[0, 10]), {"shapes": [shape], "xaxis": {"range": [0, 10]}})
    columns = where(drawn(fig), (255, 0, 0), 120)[:, 1]
    assert columns.mean() == pytest.approx(66 + (400 - 82) / 2, abs=2)
    before = drawn(fig)
    fig.add_annotation(text="here", x=2, y=8, showarrow=False)
    changed = np.argwhere((drawn(fig) != before).any(axis=2))
    assert changed[:, 1].mean() == pytest.approx(66 + 0.2 * (400 - 82), abs=4)


def test_subplots_stand_side_by_side() -> None:
    fig = go.Figure(
        [go.Scatter(x=[1], y=[1], **RED), go.Scatter(x=[1], y=[1], xaxis="x2", yaxis="y2", **RED)],
        {"xaxis": {"domain": [0, 0.4]}, "xaxis2": {"domain": [0.6, 1], "anchor": "y2"}, "yaxis2": {"anchor": "x2"}},
    )
    columns = np.unique(where(drawn(fig), (255, 0, 0))[:, 1])
    assert columns.min() < 200 < columns.max()
    assert not ((columns > 180) & (columns < 250)).any()


def test_an_axis_without_a_range_holds_the_points_of_all_frames() -> None:
    frames = [go.Frame(data=[go.Scatter(x=[0, 1], y=[0, top])], name=str(top)) for top in (1, 50)]
    fig = go.Figure(go.Scatter(x=[0, 1], y=[0, 1]), frames=frames)
    low, high = axis_ranges(pictures_of(fig))["yaxis"]
    assert low < 0
    assert high > 50


def test_a_long_axis_title_is_broken_into_lines_that_fit_under_each_picture() -> None:
    pictures = pictures_of(an_evolution().update_layout(xaxis_title_text="a title of many words " * 3))
    wide, narrow = (make_sheet(pictures, 3, width, 380, 1.0) for width in (600, 200))
    assert wide.bottom == 52
    assert narrow.bottom >= 52 + 2 * 15


def test_an_axis_without_a_range_holds_lines_and_notes() -> None:
    line = {"type": "line", "x0": 0, "x1": 1, "xref": "paper", "y0": 30, "y1": 30}
    fig = go.Figure(go.Scatter(x=[0, 1], y=[0, 1]), {"shapes": [line]})
    fig.add_annotation(text="far", x=9, y=0)
    ranges = axis_ranges(pictures_of(fig))
    assert ranges["yaxis"][1] > 30
    assert ranges["xaxis"][1] > 9


@pytest.mark.parametrize("make", ["discovery", "comparison"])
def test_other_figures_of_this_package_can_be_saved(make: str, tmp_path: Path) -> None:
    if make == "discovery":
        fig = views.discovery_curve({"good": [1, 1, 0], "three seeds": [[0, 1], [1, 1], [0, 0]]})
    else:
        fig = views.compare([Snapshot_frame(0), Snapshot_frame(1)])
    assert Image.open(views.save(fig, tmp_path / "a.png")).width > 700


def Snapshot_frame(r: int) -> Any:
    history = History()
    history.append(Snapshot(np.float32([1, 2, 3 + r]), latent=np.float32([[0], [r], [5]]), round=r))
    return history.frames[0]


def test_the_legend_names_each_name_once() -> None:
    fig = go.Figure([go.Scatter(x=[1], y=[1], name="a"), go.Scatter(x=[1], y=[1], name="a"), go.Scatter(y=[1])])
    assert [trace["name"] for trace in legend_entries(pictures_of(fig))] == ["a"]
    assert legend_entries(pictures_of(go.Figure(go.Scatter(x=[1], y=[1], name="alone")))) == []


def test_the_title_of_a_legend_stands_before_its_entries() -> None:
    fig = go.Figure(go.Scatter(x=[1, 2], y=[1, 2], name="a line", line={"color": "#ff0000"}, showlegend=True))
    alone = where(drawn(fig)[:40], (255, 0, 0))[:, 1].min()
    fig.update_layout(legend_title_text="stopped at")
    assert where(drawn(fig)[:40], (255, 0, 0))[:, 1].min() > alone + 60


def test_numbers_of_a_round_stand_under_its_name_and_move_no_axis() -> None:
    rows = [{"round": r, "on": "truth", "n": 60, "n_anomalies": 5} for r in (0, 1, 1)]
    numbers = pd.DataFrame(rows).assign(ranking=["s", "s", "s_uai"], ap=0.5, auc=0.5)
    pictures = pictures_of(an_evolution(rounds=2, numbers=numbers))
    sheet = make_sheet(pictures, 1, 700, 520, 1.0)
    first, second = (draw_sheet([picture], sheet) for picture in pictures)
    grey = [np.unique(where(image[:, 60:72], (153, 153, 153), near=12)[:, 0]) for image in (first, second)]
    axis = [max(np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1), key=len)[0] for rows in grey]  # its top
    assert axis[0] == axis[1]
    dark = [np.unique(where(image[60 : axis[0]], (68, 68, 68))[:, 0]) for image in (first, second)]
    assert len(dark[1]) > len(dark[0]) > 20  # a name, and two or three lines


# -- HTML ------------------------------------------------------------------------------------------------------------


def test_a_page_has_everything_in_it_and_loads_nothing(tmp_path: Path) -> None:
    page = views.save(an_evolution(), tmp_path / "a.html").read_text(encoding="utf-8")
    assert not re.findall(r"<script[^>]+src=", page)
    assert "<link" not in page.split("</head>")[0]
    assert len(page) > 3_000_000  # plotly.js
    assert page.count('"name":"round 3"') == 1
    for name in ("round 0", "round 1", "round 2", "round 3"):
        assert json.dumps([name]).replace(", ", ",") in page


def test_a_page_takes_no_options_of_pictures(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"for \.png and \.gif"):
        views.save(an_evolution(), tmp_path / "a.html", frames=[0])


# -- what goes wrong -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.svg", "a", "a.png.bak"])
def test_another_ending_is_refused_with_those_that_work(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"expected one of \.html, \.png, \.gif"):
        views.save(an_evolution(), tmp_path / name)


def test_traces_that_need_a_browser_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"type bar cannot be drawn.*\.html"):
        views.save(go.Figure(go.Bar(y=[1])), tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("fig", "words"),
    [
        (go.Figure(), "no traces"),
        (go.Figure(go.Scatter(x=["a", "b"], y=[1, 2])), "only numbers"),
        (go.Figure(go.Scatter(x=[1], y=[1], mode="markers", marker={"symbol": "hourglass"})), "symbol='hourglass'"),
        (go.Figure(go.Scatter(x=[1], y=[1]), {"shapes": [{"type": "circle"}]}), "type 'circle'"),
    ],
)
def test_what_cannot_be_drawn_is_said(fig: go.Figure, words: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=words):
        views.save(fig, tmp_path / "a.png")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"frames": []}, "expected positions or names"),
        ({"frames": [9]}, "this figure has 4"),
        ({"frames": ["round 9"]}, "'round 1, 0 labels'"),
        ({"seconds": 0}, "seconds=0"),
        ({"width": 5}, "width=5"),
        ({"scale": -1}, "scale=-1"),
    ],
)
def test_options_that_make_no_picture_are_refused(options: dict[str, Any], words: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=words):
        views.save(an_evolution(), tmp_path / "a.gif", **options)
    assert list(tmp_path.iterdir()) == []


def test_what_is_no_plotly_figure_is_refused(tmp_path: Path) -> None:
    for suffix in ("html", "png"):
        with pytest.raises(TypeError, match="expected a plotly figure"):
            views.save("figure", tmp_path / f"a.{suffix}")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="make it first"):
        views.save(an_evolution(), tmp_path / "no" / "a.png")


def test_a_failed_write_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "a.png").mkdir()  # a folder cannot be replaced by a file
    with pytest.raises(OSError):
        views.save(an_evolution(), tmp_path / "a.png")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_without_matplotlib_the_line_to_install_it_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    with pytest.raises(ImportError, match=r'pip install "uai_notebook\[export\]"'):
        views.save(an_evolution(), tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []


def test_pyplot_is_never_imported(tmp_path: Path) -> None:
    import subprocess

    code = (
        "import sys, plotly.graph_objects as go\nfrom uai_notebook import views\n"
        f"views.save(go.Figure(go.Scatter(x=[1], y=[1])), {str(tmp_path / 'a.png')!r})\n"
        "print('matplotlib.pyplot' in sys.modules, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.split() == ["False", "False"]


# -- parts -----------------------------------------------------------------------------------------------------------


def test_a_figure_that_was_read_from_json_is_drawn_alike() -> None:
    import plotly.io as pio

    fig = an_evolution()
    again = pio.from_json(fig.to_json())
    assert (drawn(fig) == drawn(again)).all()


def test_parts_of_plotly_become_plain_values() -> None:
    assert plain("<b>a</b><br>1 &lt; 2") == "a\n1 < 2"
    assert colour("rgb(255, 0, 51)") == (1.0, 0.0, 0.2, 1.0)
    assert np.isnan(numbers([None, 1], "x")[0])
    with pytest.raises(ValueError, match="not a colour"):
        colour("hsl(1, 2, 3)")


def test_the_bytes_of_a_png_with_few_colours_are_fewer() -> None:
    from uai_notebook.views.pictures.save import png

    fig = an_evolution(n=500)
    small, full = png(fig, colours=64), png(fig)
    assert len(small) < len(full)
    assert Image.open(io.BytesIO(small)).size == Image.open(io.BytesIO(full)).size
