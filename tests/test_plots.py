"""Figures described once and drawn twice: files, their content, and what is refused."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import uai_notebook as uai
from uai_notebook.experiments.plots import (
    COLOURS,
    MAX_CURVE_POINTS,
    Curve,
    Figure,
    Panel,
    Points,
    colours,
    save,
    to_plotly,
)
from uai_notebook.experiments.plots_png import to_matplotlib

B = np.arange(100)


def band(name, **options):
    return Curve(name, B, B / 2, low=B / 4, high=B, **options)


def figure(**options):
    panels = [
        Panel("thyroid", "budget", "found", [band("DAE"), band("DAE_uai")]),
        Panel("abalone", "budget", "found", [band("DAE_uai"), Curve("LODA", B, B, dash=True)]),
        Panel("latent", "l", "s", points=[Points("normal", B, B), Points("anomaly", B, B**2)], y_log=True),
    ]
    return Figure("Found <b>& more</b> for $5", panels, 2, "Median; worst to best.", **options)


def pixels(path):
    return np.asarray(Image.open(path).convert("RGB")).reshape(-1, 3)


def near(image, colour):
    wanted = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return int((np.abs(image.astype(int) - wanted).max(1) < 12).sum())


# -- colours and legend ---------------------------------------------------------------------------------------------


def test_a_name_has_one_colour_over_all_panels_and_both_drawings():
    found = colours(figure())
    assert len(set(found.values())) == len(found) == 5
    screen, paper = to_plotly(figure()), to_matplotlib(figure())
    for name, colour in found.items():
        lines = [trace for trace in screen.data if trace.name == name and trace.mode == "lines" and not trace.fill]
        clouds = [trace for trace in screen.data if trace.name == name and trace.mode == "markers"]
        assert {trace.line.color for trace in lines} | {trace.marker.color for trace in clouds} == {colour}
    drawn = [line.get_color() for axes in paper.axes[1:] for line in axes.get_lines()]
    assert drawn == [found[name] for name in ("DAE", "DAE_uai", "DAE_uai", "LODA")]


def test_the_legend_names_each_line_once():
    screen, paper = to_plotly(figure()), to_matplotlib(figure())
    names = ["DAE", "DAE_uai", "LODA", "normal", "anomaly"]
    assert sorted(trace.name for trace in screen.data if trace.showlegend) == sorted(names)
    assert sorted(text.get_text() for text in paper.axes[0].get_legend().get_texts()) == sorted(names)


def test_a_curve_that_stands_in_two_panels_is_named_once_too():
    curve = Curve("bound", B, B)
    plot = Figure("", [Panel("a", "", "", [curve]), Panel("b", "", "", [curve])])
    assert [trace.showlegend for trace in to_plotly(plot).data] == [True, False]


def test_the_first_colour_given_for_a_name_holds_everywhere():
    panels = [
        Panel("a", "", "", [Curve("one", B, B), Curve("two", B, B)]),
        Panel("b", "", "", [Curve("one", B, B, color=COLOURS[0])]),
    ]
    assert colours(Figure("", panels)) == {"one": COLOURS[0], "two": COLOURS[1]}


def test_colours_are_those_of_the_widget_and_differ():
    from uai_notebook.views import style

    assert COLOURS[: len(style.LINE_COLOURS)] == style.LINE_COLOURS
    assert len(set(COLOURS)) == len(COLOURS)


# -- what is drawn --------------------------------------------------------------------------------------------------


def test_the_band_goes_from_low_to_high_in_both_drawings():
    plot = Figure("", [Panel("", "", "", [band("one")])])
    trace = next(trace for trace in to_plotly(plot).data if trace.fill)
    assert trace.y.tolist() == np.concatenate([B / 4, B[::-1]]).tolist()
    (area,) = to_matplotlib(plot).axes[1].collections
    outline = area.get_paths()[0].vertices
    assert {(50.0, 12.5), (50.0, 50.0)} <= set(map(tuple, outline))


def test_a_curve_of_the_right_axis_is_measured_there_and_dotted():
    curves = [Curve("DAE", B, B / 100), Curve("DAE", B, B * 1000, right_axis=True)]
    plot = Figure("", [Panel("", "b", "recall", curves, right_label="found")])
    left, right = to_plotly(plot).data
    assert (left.yaxis, right.yaxis, right.line.dash) == ("y", "y2", "dot")
    assert right.line.color == left.line.color
    _, first, second = to_matplotlib(plot).axes
    assert (first.get_ylim()[1] < 2, second.get_ylim()[1] > 90_000) == (True, True)
    assert second.get_ylabel() == "found (dotted)"
    assert second.get_lines()[0].get_linestyle() == ":"


def test_ranges_and_logarithmic_axes_are_the_same_in_both_drawings():
    panel = Panel("", "x", "y", [Curve("c", B + 1, B + 1)], x_range=(1, 1000), y_range=(0, 7), x_log=True)
    layout, axes = to_plotly(Figure("", [panel])).layout, to_matplotlib(Figure("", [panel])).axes[1]
    assert (layout.xaxis.type, tuple(layout.xaxis.range), tuple(layout.yaxis.range)) == ("log", (0, 3), (0, 7))
    assert (axes.get_xscale(), axes.get_xlim(), axes.get_ylim()) == ("log", (1, 1000), (0, 7))


def test_panels_stand_in_rows_of_the_given_width():
    assert figure().shape == (2, 2)
    assert Figure("", [Panel("", "", "")], 5).shape == (1, 1)
    tops = [round(axes.get_position().y1, 2) for axes in to_matplotlib(figure()).axes[1:]]
    assert tops[0] == tops[1] > tops[2]


def test_a_long_curve_is_thinned_but_keeps_its_ends():
    x = np.arange(97_279)
    curve = Curve("kddcup", x, 2 * x, low=x, high=3 * x)
    assert len(curve.x) == len(curve.low) == MAX_CURVE_POINTS
    assert (curve.x[0], curve.x[-1], curve.y[-1]) == (0, 97_278, 2 * 97_278)


def test_if_one_cloud_is_drawn_by_webgl_all_of_the_panel_are_so_that_the_last_lies_on_top():
    x = np.zeros(6000)
    clouds = [Points("normal", x, x), Points("anomaly", x[:10], x[:10])]
    assert {trace.type for trace in to_plotly(Figure("", [Panel("", "", "", points=clouds)])).data} == {"scattergl"}


# -- files ----------------------------------------------------------------------------------------------------------


def test_both_files_are_written_into_a_new_folder(tmp_path):
    paths = save(figure(), tmp_path / "new" / "figure.3")
    assert [path.name for path in paths] == ["figure.3.html", "figure.3.png"]
    assert all(path.exists() for path in paths)


def test_without_html_only_a_small_png_is_written(tmp_path):
    (path,) = save(figure(), tmp_path / "figure3", html=False)
    assert [entry.name for entry in tmp_path.iterdir()] == ["figure3.png"]
    assert path.stat().st_size < 1_000_000


def test_the_png_shows_every_colour_and_the_title(tmp_path):
    (path,) = save(figure(), tmp_path / "figure3", html=False)
    image = pixels(path)
    for colour in colours(figure()).values():
        assert near(image, colour) > 50
    assert (image == 255).all(1).mean() > 0.5  # on white
    empty = Figure("", [Panel("", "", "")] * 3, 2)
    (other,) = save(empty, tmp_path / "empty", html=False)
    assert all(near(pixels(other), colour) == 0 for colour in COLOURS[:6])


def test_no_text_is_cut_off_at_the_edge_of_the_png(tmp_path):
    title = "A figure with a title that is much longer than its single panel is wide, and so on, and so on"
    label = "a label of an axis that is about as long as the axis itself, if not longer"
    curves = [Curve(f"method number {i}", B, B * i) for i in range(6)]
    plot = Figure(title, [Panel(title, label, label, curves)], 1, "caption " * 40)
    (path,) = save(plot, tmp_path / "long", html=False)
    with Image.open(path) as image:
        grey = np.asarray(image.convert("L"))
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    assert border.min() == 255


def test_the_same_figure_gives_the_same_png(tmp_path):
    first, second = (save(figure(), tmp_path / name, html=False)[0].read_bytes() for name in ("a", "b"))
    assert first == second


def test_the_page_loads_nothing_and_sends_nothing(tmp_path):
    page, _ = save(figure(), tmp_path / "figure3")
    text = page.read_text(encoding="utf-8")
    own = re.sub(r"<script[^>]*>.*?</script>", "<script></script>", text, flags=re.DOTALL)
    assert not re.search(r"\b(?:src|href)\s*=|@import|url\(", own)
    assert not re.search(r"<script[^>]*\bsrc\b", text)
    call = text[text.rindex("Plotly.newPlot") :]
    assert not re.search(r"https?://|//cdn", call)
    assert "sendChartToCloud" in to_plotly(figure()).layout.modebar.remove


def test_tags_and_formulas_in_names_are_shown_as_written():
    assert to_plotly(figure()).layout.title.text == "Found &lt;b&gt;&amp; more&lt;/b&gt; for $5"
    assert to_matplotlib(figure())._suptitle.get_text() == r"Found <b>& more</b> for \$5"


def test_without_matplotlib_the_error_names_the_extra(tmp_path):
    code = f"""
import sys
sys.modules["matplotlib"] = None
from uai_notebook.experiments.plots import Figure, Panel, save, to_plotly
figure = Figure("", [Panel("", "", "")])
to_plotly(figure)
try:
    save(figure, {str(tmp_path / "figure")!r})
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert 'pip install "uai_notebook[export]"' in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_extra_that_the_error_names_brings_matplotlib():
    project = tomllib.loads((Path(uai.__file__).parents[1] / "pyproject.toml").read_text())["project"]
    for extra in ("export", "test"):  # without it in "test", the tests here would not run
        assert any(line.startswith("matplotlib>=") for line in project["optional-dependencies"][extra])


# -- what is refused ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Curve("a", [1, 2], [1]), r"'a': y has shape \(1,\); expected shape \(2,\)"),
        (lambda: Curve("a", [[1]], [1]), "x has shape .*; expected one dimension"),
        (lambda: Curve("a", [1], [1], low=[0]), "both low and high"),
        (lambda: Curve("a", [1], [1], low=[0], high=[1, 2]), "high has shape"),
        (lambda: Points("a", [1, 2], [1]), "y has shape"),
        (lambda: Figure("f", []), "0 panels in 2 columns"),
        (lambda: Figure("f", [Panel("", "", "")], 0), "1 panels in 0 columns"),
        (lambda: Figure("f", [Panel("", "", "", [Curve(str(i), B, B) for i in range(9)])]), "9 names and 8 colours"),
    ],
)
def test_what_cannot_be_drawn_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
