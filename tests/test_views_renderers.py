"""Items become HTML that is safe."""

from __future__ import annotations

import base64
import io
import re
import sys
from html.parser import HTMLParser
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import PIL.Image
import pytest

from uai_notebook import Dataset
from uai_notebook.views import render_item, render_thumbnail

EVIL = "<img src=x onerror=alert(1)>\"'&"
RENDERINGS = pytest.mark.parametrize("render", [render_item, render_thumbnail])


class Tags(HTMLParser):
    """Collects elements and their attributes, as a browser would see them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += data


def assert_safe(text: str) -> None:
    for tag, attributes in Tags(text).seen:
        assert not any(name.startswith("on") for name in attributes), text
        assert tag != "script"
        if tag == "img":
            assert (attributes["src"] or "").startswith("data:image/png;base64,")


def with_item(item: Any, item_id: str = "a") -> Dataset:
    items = pd.Series([item, item], dtype="object")
    return Dataset.from_arrays([[0.0], [1.0]], items=items, ids=[item_id, "b"])


def picture(text: str) -> PIL.Image.Image:
    found = re.search(r'src="data:image/png;base64,([^"]+)"', text)
    assert found is not None, text
    return PIL.Image.open(io.BytesIO(base64.b64decode(found[1])))


def pixels(text: str) -> Any:
    return np.asarray(picture(text)).tolist()


# -- escaping --------------------------------------------------------------------------------------------------------


@RENDERINGS
def test_a_hostile_text_is_shown_as_text(render: Any) -> None:
    text = render(with_item(EVIL, EVIL), 0)
    assert_safe(text)
    assert "onerror=alert" in Tags(text).words


@RENDERINGS
def test_hostile_columns_values_and_ids_of_a_table_are_shown_as_text(render: Any) -> None:
    df = pd.DataFrame({EVIL: [EVIL, "b"], "n": [1.0, 2.0], "long": [EVIL * 20, "c"]}, index=[EVIL, "b"])
    text = render(Dataset.from_frame(df), 0)
    assert_safe(text)
    assert "onerror=alert" in Tags(text).words


@RENDERINGS
def test_hostile_feature_names_are_shown_as_text(render: Any) -> None:
    assert_safe(render(Dataset.from_arrays([[1.0], [2.0]], feature_names=[EVIL]), 0))


@RENDERINGS
def test_the_id_of_an_image_is_escaped(render: Any) -> None:
    ds = Dataset.from_images(np.arange(8, dtype=np.uint8).reshape(2, 2, 2), ids=[EVIL, "b"])
    text = render(ds, 0)
    assert_safe(text)
    assert Tags(text).seen[0][1]["alt"] == f"item {EVIL}"


@RENDERINGS
def test_a_renderer_cannot_return_html_as_a_string(render: Any) -> None:
    assert_safe(render(with_item("a"), 0, lambda item: EVIL))


@RENDERINGS
def test_an_item_never_brings_its_own_html(render: Any) -> None:
    hostile = SimpleNamespace(_repr_html_=lambda: EVIL, text=EVIL)
    assert_safe(render(with_item(hostile, EVIL), 0))


@RENDERINGS
def test_a_hostile_exception_is_shown_as_text(render: Any) -> None:
    def fail(item: Any) -> None:
        raise KeyError(EVIL)

    text = render(with_item("a", EVIL), 0, fail)
    assert_safe(text)
    assert "KeyError" in Tags(text).words


@RENDERINGS
def test_what_utf8_cannot_carry_is_replaced(render: Any) -> None:
    render(with_item("broken \ud800", "\udfff"), 0).encode("utf-8")


# -- renderers -------------------------------------------------------------------------------------------------------


def test_html_of_a_renderers_object_is_kept() -> None:
    shown = SimpleNamespace(_repr_html_=lambda: "<b>mine</b>")
    assert "<b>mine</b>" in render_item(with_item("a"), 0, lambda item: shown)
    thumbnail = render_thumbnail(with_item("a", "<id>"), 0, lambda item: shown)
    assert "&lt;id&gt;" in thumbnail  # somebody's HTML cannot be made small
    assert "<b>" not in thumbnail


def test_the_renderer_gets_the_item() -> None:
    assert "value 7" in render_item(with_item(7), 0, lambda item: f"value {item}")


@RENDERINGS
@pytest.mark.parametrize("metadata", [False, True])
def test_png_of_a_renderers_object_is_shown(render: Any, metadata: bool) -> None:
    buffer = io.BytesIO()
    PIL.Image.new("RGB", (3, 2), "red").save(buffer, format="PNG")
    png: Any = (base64.b64encode(buffer.getvalue()).decode(), {}) if metadata else buffer.getvalue()
    shown = SimpleNamespace(_repr_html_=lambda: None, _repr_png_=lambda: png)
    assert pixels(render(with_item("a"), 0, lambda item: shown))[0][0] == [255, 0, 0]


@RENDERINGS
def test_an_array_of_a_renderer_is_shown_as_an_image(render: Any) -> None:
    assert pixels(render(with_item("a"), 0, lambda item: np.array([[0.0, 2.0]]))) == [[0, 255]]


def test_a_series_of_a_renderer_is_shown_as_a_table_without_comparison() -> None:
    text = render_item(with_item("a"), 0, lambda item: pd.Series({"length": 3, "is": True}))
    assert "length" in text
    assert "higher than" not in text


@pytest.mark.parametrize("axes", [False, True])
@pytest.mark.parametrize("pyplot", [False, True])
def test_a_matplotlib_figure_is_shown_and_closed(axes: bool, pyplot: bool, monkeypatch) -> None:
    class Figure:
        _repr_html_ = None

        def savefig(self, file: Any, **_: Any) -> None:
            PIL.Image.new("L", (2, 2), 9).save(file, format="PNG")

    closed: list[Any] = []
    module = ModuleType("matplotlib.pyplot")
    module.close = closed.append  # type: ignore[attr-defined]
    if pyplot:
        monkeypatch.setitem(sys.modules, "matplotlib.pyplot", module)
    else:
        monkeypatch.delitem(sys.modules, "matplotlib.pyplot", raising=False)
    figure = Figure()
    result = SimpleNamespace(get_figure=lambda: figure) if axes else figure
    assert pixels(render_item(with_item("a"), 0, lambda item: result)) == [[9, 9], [9, 9]]
    assert closed == [figure] * pyplot


@RENDERINGS
def test_a_plotly_figure_is_refused_in_words(render: Any) -> None:
    import plotly.graph_objects as go

    text = render(with_item("a"), 0, lambda item: go.Figure())
    assert "plotly" in Tags(text).words
    assert "<script" not in text


@RENDERINGS
@pytest.mark.parametrize("what", ["renderer", "html", "repr", "message"])
def test_nothing_that_fails_is_raised(render: Any, what: str) -> None:
    class Broken:
        def _repr_html_(self) -> str:
            raise ValueError("no html")

        def __repr__(self) -> str:
            raise ValueError("no repr")

    class Wordless(Exception):
        def __str__(self) -> str:
            raise ValueError("no words")

    def wordless(item: Any) -> None:
        raise Wordless

    ds = with_item(Broken() if what == "repr" else "a")
    renderer = {"renderer": lambda item: 1 / 0, "html": lambda item: Broken(), "repr": None, "message": wordless}[what]
    text = Tags(render(ds, 0, renderer)).words
    assert {"renderer": "division", "html": "no html", "repr": "no repr", "message": "Wordless"}[what] in text


def test_an_error_box_names_item_type_and_text() -> None:
    text = Tags(render_item(with_item("a"), 0, lambda item: 1 / 0)).words
    assert "Item a could not be rendered" in text
    assert "ZeroDivisionError: division by zero" in text


def test_a_long_id_leaves_room_for_the_error() -> None:
    text = Tags(render_item(with_item("a", "x" * 5000), 0, lambda item: 1 / 0)).words
    assert "ZeroDivisionError: division by zero" in text


@RENDERINGS
def test_what_a_browser_would_leave_out_is_replaced(render: Any) -> None:
    text = render(with_item("<im\0g>", "i\0d"), 0)
    assert "\0" not in text
    assert "<im\ufffdg>" in Tags(text).words


def test_the_user_may_interrupt_a_renderer() -> None:
    def interrupt(item: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        render_item(with_item("a"), 0, interrupt)


# -- images ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("image", "value_range", "expected"),
    [
        (np.uint8([[3, 200]]), (0.0, 255.0), [[3, 200]]),
        (np.uint8([[3, 200]]), None, [[3, 200]]),
        (np.uint8([[3, 200]]), (0.0, 1.0), [[3, 200]]),  # another picture than what was learned from
        (np.uint8([[0, 8]]), (0.0, 16.0), [[0, 128]]),
        (np.float32([[0, 8]]), (0.0, 16.0), [[0, 128]]),
        (np.float32([[0, 8]]), None, [[0, 255]]),
        (np.float32([[2, np.nan, np.inf, 4]]), None, [[0, 0, 255, 255]]),
        (np.float32([[np.nan]]), None, [[0]]),
        (np.float32([[5, 5]]), None, [[0, 0]]),
        (np.int16([[-32768, 32767]]), (-32768.0, 32767.0), [[0, 255]]),
        (np.int64([[-1, 1]]), None, [[0, 255]]),
        (np.array([[True, False]]), None, [[255, 0]]),
        (np.uint8([[[7], [9]]]), None, [[7, 9]]),
        (np.uint8([[[1, 2, 3]]]), None, [[[1, 2, 3]]]),
        (np.uint8([[[1, 2, 3, 4]]]), None, [[[1, 2, 3, 4]]]),
    ],
)
def test_pixels_are_scaled_to_bytes(image: np.ndarray, value_range: Any, expected: Any) -> None:
    images = np.zeros((2, 2, 2), np.float32)
    images[1] = 0.5
    ds = Dataset.from_images(images, items=[image, image], value_range=value_range)
    assert pixels(render_item(ds, 0)) == expected


def test_small_images_keep_sharp_pixels_and_large_ones_do_not() -> None:
    small, large = with_item(np.zeros((8, 8))), with_item(np.zeros((64, 20)))
    assert "pixelated" in render_item(small, 0)
    assert "pixelated" in render_thumbnail(small, 0)
    assert "pixelated" not in render_item(large, 0)


@pytest.mark.parametrize(
    ("shape", "card", "thumbnail"), [((600, 1200), (512, 256), (96, 48)), ((1, 4000), (512, 1), (96, 1))]
)
def test_big_images_are_made_smaller(shape: Any, card: Any, thumbnail: Any) -> None:
    ds = with_item(np.zeros(shape, np.uint8))
    assert picture(render_item(ds, 0)).size == card
    assert picture(render_thumbnail(ds, 0)).size == thumbnail


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I", "I;16", "F"])
def test_every_mode_of_a_pil_image_is_shown(mode: str) -> None:
    image = PIL.Image.new(mode, (600, 3))
    assert picture(render_item(with_item(image), 0)).size[0] == 512
    assert picture(render_thumbnail(with_item("a"), 0, lambda item: image)).size[0] == 96


@pytest.mark.parametrize("array", [np.zeros(3), np.zeros((0, 4)), np.zeros((2, 2, 2)), np.array([["a"]])])
def test_an_array_that_is_no_image_is_shown_as_text(array: np.ndarray) -> None:
    assert "array(" in render_item(with_item(array), 0)


# -- tables and text -------------------------------------------------------------------------------------------------


def test_a_row_of_features_shows_where_each_value_lies() -> None:
    x = np.arange(200.0).reshape(100, 2)
    words = Tags(render_item(Dataset.from_arrays(x, feature_names=["a", "b"]), 25)).words
    assert "a5025% of items" in words
    assert ">99% of items" in Tags(render_item(Dataset.from_arrays(np.arange(999.0)[:, None]), 998)).words


def test_a_row_of_a_frame_compares_numbers_only_with_those_that_are_there() -> None:
    df = pd.DataFrame(
        {
            "age": [1.0, None, 3.0, 4.0],
            "count": pd.array([None, 2, 3, 4], dtype="Int64"),
            "flag": [True, False, True, False],
            "colour": ["red", None, "red", "blue"],
            "empty": [np.nan] * 4,
        }
    )
    ds = Dataset.from_frame(df, ignore="empty")
    words = Tags(render_item(ds, 2)).words
    assert "age333% of items" in words
    assert "count333% of items" in words
    assert "flagTrue" in words
    assert "colourred" in words
    assert "emptymissing" in words
    assert "agemissing" in Tags(render_item(ds, 1)).words


def test_text_columns_alone_are_not_compared() -> None:
    text = render_item(Dataset.from_frame(pd.DataFrame({"colour": ["red", "blue"]})), 0)
    assert "higher than" not in text


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (3.14159265, "3.142"),
        (17.0, "17"),
        (21413.7, "21414"),
        (1.23456e-7, "1.235e-07"),
        (1.5e9, "1.5e+09"),
        (float("inf"), "inf"),
        (123456789, "123456789"),
        (True, "True"),
        (None, "missing"),
        (float("nan"), "missing"),
        (pd.NaT, "missing"),
        (pd.NA, "missing"),
        ([1, 2], "[1, 2]"),
    ],
)
def test_values_are_short(value: Any, shown: str) -> None:
    row = pd.Series([value, "x"], index=["f", "g"], dtype="object")
    assert f"f{shown}gx" in Tags(render_item(with_item(row), 0)).words


def test_what_is_cut_or_rounded_stands_in_full_in_the_title() -> None:
    row = pd.Series(["y" * 100, 3.14159265, 2.5], index=["f", "g", "h"], dtype="object")
    titles = [attributes.get("title") for tag, attributes in Tags(render_item(with_item(row), 0)).seen if tag == "span"]
    assert titles == ["y" * 100, "3.14159265"]


def test_many_features_scroll_and_very_many_are_left_out() -> None:
    assert 'tabindex="0"' not in render_item(Dataset.from_arrays(np.eye(3, 40)), 0)
    assert 'tabindex="0"' in render_item(Dataset.from_arrays(np.eye(3, 41)), 0)
    assert "and 100 more features" in render_item(Dataset.from_arrays(np.eye(3, 600)), 0)


def test_long_texts_are_cut() -> None:
    assert len(render_item(with_item("x" * 10**6), 0)) < 30_000


def test_thumbnails_of_text_and_rows_begin_with_the_id() -> None:
    assert Tags(render_thumbnail(with_item("hello"), 0)).words == "ahello"
    assert Tags(render_thumbnail(Dataset.from_arrays(np.eye(2, 9)), 1)).words == "10100"


def test_thumbnails_may_stand_in_a_button() -> None:
    for item in ("text", pd.Series([1, 2]), np.zeros((4, 4)), object()):
        assert {tag for tag, _ in Tags(render_thumbnail(with_item(item), 0)).seen} <= {"span", "img", "br"}


def test_a_large_data_set_is_compared_by_a_sample() -> None:
    x = np.arange(120_000, dtype=np.float32)[:, None]
    assert "050%" in Tags(render_item(Dataset.from_arrays(x), 60_000)).words.replace("60000", "60000 0")
