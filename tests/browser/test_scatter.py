"""The scatter in a real JupyterLab: rounds, legend, colours, lasso, preview, two budgets, the map."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

SESSION = """
import numpy as np, uai_notebook as uai
ds = uai.load_dataset("digits_0")
config = uai.TrainConfig(hidden=(32, 1), pretrain_steps=300, round_steps=60)
session = uai.ActiveSession(ds, base="class", k=10, config=config)
session.train()
for known in np.split(np.concatenate([np.flatnonzero(ds.y == 1)[:6], np.flatnonzero(ds.y == 0)[:6]]), 3):
    session.label(known, ds.y[known].tolist())
    session.train()
explorer = uai.Explorer(session, train_every=1000)
explorer
"""


def attribute(page: Any, name: str) -> str:
    return str(page.get_attribute(".uai-scatter", f"data-{name}"))


def wait_for_attribute(page: Any, name: str, value: Any) -> None:
    page.wait_for_function(
        "([name, value]) => document.querySelector('.uai-scatter')?.dataset[name] === value", arg=[name, str(value)]
    )


def wait_for_rounds(page: Any, n: int) -> None:
    wait_for_attribute(page, "frames", n)
    wait_for_attribute(page, "drawn", n - 1)


def settle(page: Any) -> None:
    """Until what has changed is drawn: sizes are seen in one frame of the screen, and drawn in the next."""
    page.evaluate("async () => { for (let i = 0; i < 3; i++) await new Promise(requestAnimationFrame); }")


def drawn_on(canvas: Any) -> str:
    """What a canvas holds, whatever lies over it, once it has come to rest."""
    seen, now = None, ""
    while seen != now:
        settle(canvas.page)
        seen, now = now, str(canvas.evaluate("canvas => canvas.toDataURL()"))
        canvas.page.wait_for_timeout(100)
    return now


def pixels(page: Any, layer: str = "gl") -> str:
    """The points of the first plot, or what is drawn over them."""
    return drawn_on(page.locator(f".uai-scatter-{layer}").first)


def legend(page: Any) -> list[str]:
    """Entries that are shown."""
    return list(page.locator(".uai-scatter-legend li").filter(visible=True).all_inner_texts())


def hover_a_point(page: Any, scatter: Any = None, word: str = "") -> tuple[float, float, int]:
    """Move the pointer over the plot until the tooltip tells of a point (with a word); returns where, and the item."""
    scatter = page.locator(".uai-scatter").first if scatter is None else scatter
    plot, tip = scatter.locator(".uai-scatter-plot").first, scatter.locator(".uai-scatter-tip")
    for step in range(300):
        box = plot.bounding_box()  # each time: what is above may grow
        x = box["x"] + box["width"] * ((step * 0.618) % 1 * 0.8 + 0.12)
        y = box["y"] + box["height"] * ((step * 0.414) % 1 * 0.7 + 0.08)
        page.mouse.move(x, y)
        if tip.is_visible() and word in tip.inner_text():
            return x, y, int(tip.inner_text().split("\n")[0].split()[-1].strip(")"))
    raise AssertionError("no point under the pointer anywhere")


def rest_the_pointer(page: Any) -> None:
    page.mouse.move(2, 2)
    settle(page)


def test_rounds_step_by_button_and_key_and_the_legend_hides_and_shows(
    page: Any, run_notebook: Callable[..., Any], wait_until_ran: Callable[..., None]
) -> None:
    page.emulate_media(reduced_motion="reduce")
    kernel = run_notebook([SESSION], name="rounds.ipynb")
    wait_until_ran(1)
    wait_for_rounds(page, 4)
    assert page.locator(".uai-scatter-next").is_disabled()
    assert "UAI 0.5" in legend(page)
    last = pixels(page)
    page.click(".uai-scatter-back")
    wait_for_attribute(page, "drawn", 2)
    assert pixels(page) != last
    page.locator(".uai-scatter-plot").focus()
    for key, drawn in (("[", 1), (",", 0), ("]", 1), (".", 2)):
        page.keyboard.press(key)
        wait_for_attribute(page, "drawn", drawn)
    page.click(".uai-scatter-back")
    page.click(".uai-scatter-back")
    wait_for_attribute(page, "drawn", 0)
    assert page.locator(".uai-scatter-back").is_disabled()
    assert "UAI 0.5" not in legend(page)  # no head yet
    page.click(".uai-scatter-play")
    wait_for_attribute(page, "drawn", 3)
    settle(page)

    x, y, item = hover_a_point(page)
    rest_the_pointer(page)
    before = pixels(page)
    for word in ("Unlabeled", "Normal", "Anomaly"):
        entry = page.locator(".uai-scatter-kind", has_text=word)
        assert entry.get_attribute("aria-pressed") == "true"
        entry.press("Enter")
        assert entry.get_attribute("aria-pressed") == "false"
    page.mouse.move(x, y)
    settle(page)
    assert page.locator(".uai-scatter-tip").is_visible() == (item in kernel.value("session.queue.tolist()"))
    rest_the_pointer(page)
    assert pixels(page) != before
    for word in ("Unlabeled", "Normal", "Anomaly"):
        page.locator(".uai-scatter-kind", has_text=word).click()
    rest_the_pointer(page)
    assert pixels(page) == before
    assert page.problems == []


ROUNDS_SEEN = """() => {
  const scatter = document.querySelector(".uai-scatter");
  window.seen = [scatter.dataset.round];
  const note = () => { if (window.seen.at(-1) !== scatter.dataset.round) window.seen.push(scatter.dataset.round); };
  new MutationObserver(note).observe(scatter, { attributes: true, attributeFilter: ["data-round"] });
}"""


def test_play_shows_every_round_in_turn_and_the_slider_drags_through_them_without_the_kernel(
    page: Any, run_notebook: Callable[..., Any], wait_until_ran: Callable[..., None]
) -> None:
    kernel = run_notebook([SESSION], name="play.ipynb")
    wait_until_ran(1)
    wait_for_rounds(page, 4)
    page.evaluate(ROUNDS_SEEN)
    page.click(".uai-scatter-play")  # from the last round: begins anew, and points travel
    page.wait_for_function("window.seen.length === 5")
    page.locator(".uai-scatter-play", has_text="Play").wait_for()  # it has stopped by itself
    assert page.evaluate("window.seen") == ["3", "0", "1", "2", "3"]

    kernel.value("globals().update(heard=[]) or explorer.scatter.on_msg(lambda *message: heard.append(message))")
    pictures = {pixels(page)}
    box = page.locator(".uai-scatter-slider").first.bounding_box()
    y, left, right = box["y"] + box["height"] / 2, box["x"] + 8, box["x"] + box["width"] - 8
    page.mouse.move(right, y)
    page.mouse.down()
    for drawn in (2, 1, 0):
        page.mouse.move(left + (right - left) * drawn / 3, y, steps=5)
        wait_for_attribute(page, "drawn", drawn)
        pictures.add(pixels(page))
    page.mouse.up()
    assert len(pictures) == 4
    assert kernel.value("len(heard)") == 0
    assert page.problems == []


FRAME = """
import numpy as np, pandas as pd, uai_notebook as uai
rng = np.random.default_rng(0)
n = 600
odd = (np.arange(n) % 20 == 0).astype(int)
df = pd.DataFrame(
    {
        "amount": rng.normal(size=n) + 4 * odd,
        "size": np.where(rng.random(n) < .1, np.nan, rng.normal(size=n)),
        "country": rng.choice(["<b>France</b>", "Japan"], n),
        "odd": odd,
    },
)
ds = uai.Dataset.from_frame(df, y="odd", name="orders")
session = uai.ActiveSession(ds, k=5, config=uai.TrainConfig(hidden=(16, 2), pretrain_steps=200, round_steps=50))
session.history.max_items = 500
session.train()
session.label([0, 20, 1, 2], [1, 1, 0, 0])
session.train()
explorer = uai.Explorer(session, train_every=1000)
explorer
"""


def test_points_are_coloured_by_columns_scores_and_truth_and_names_stay_text(
    page: Any, run_notebook: Callable[..., Any], wait_until_ran: Callable[..., None]
) -> None:
    page.emulate_media(reduced_motion="reduce")
    kernel = run_notebook([FRAME], name="color.ipynb")
    wait_until_ran(1)
    wait_for_rounds(page, 2)
    menu, words = page.locator(".uai-scatter-color"), page.locator(".uai-scatter-colors")
    names = menu.locator("option").all_text_contents()
    assert names == ["label", "base score", "UAI probability", "amount", "size", "country", "truth (simulation)"]
    assert words.is_hidden()
    seen = {pixels(page)}
    for name, said in {
        "base score": "2nd to 98th percentile",
        "UAI probability": "0\n1",
        "amount": "2nd to 98th percentile",
        "country": "<b>France</b>\nJapan",
        "truth (simulation)": "anomaly\nnormal",
    }.items():
        menu.select_option(label=name)
        page.wait_for_function(
            "text => document.querySelector('.uai-scatter-colors').innerText.includes(text)", arg=said, timeout=10_000
        )
        assert name in words.inner_text()
        seen.add(pixels(page))
    assert len(seen) == 6
    _, _, item = hover_a_point(page)
    assert f"truth (simulation): {'anomaly' if item % 20 == 0 else 'normal'}" in page.inner_text(".uai-scatter-tip")
    kernel.value("explorer.scatter.color_by(ds.x[:, 0] * 2, name='<i>twice</i>')")
    page.wait_for_function("document.querySelector('.uai-scatter').dataset.color === 'given'")
    assert menu.locator("option:checked").text_content() == "<i>twice</i>"
    menu.select_option(label="label")
    assert words.is_hidden()
    assert " of 600 items drawn; crowded parts are thinned" in page.inner_text(".uai-scatter-thin")
    assert page.problems == []


def draw_around_everything(page: Any, modifier: str | None = None) -> None:
    """A line along the edges of the first plot."""
    box = page.locator(".uai-scatter-gl").first.bounding_box()
    left, top, right, bottom = box["x"] + 2, box["y"] + 2, box["x"] + box["width"] - 2, box["y"] + box["height"] - 2
    if modifier:
        page.keyboard.down(modifier)
    page.mouse.move(left, top)
    page.mouse.down()
    for x, y in ((right, top), (right, bottom), (left, bottom), (left, top + 5)):
        page.mouse.move(x, y, steps=5)
    page.mouse.up()
    if modifier:
        page.keyboard.up(modifier)


def said(page: Any) -> str:
    return str(page.inner_text(".uai-scatter-said"))


def test_a_lasso_labels_many_at_once_and_one_undo_takes_them_back(
    lab: Any, page: Any, run_notebook: Callable[..., Any], wait_until_ran: Callable[..., None]
) -> None:
    page.emulate_media(reduced_motion="reduce")
    cell = FRAME.replace("uai.ActiveSession(ds,", "uai.ActiveSession.open('runs/lasso', ds,")
    kernel = run_notebook([cell], name="lasso.ipynb")
    wait_until_ran(1)
    wait_for_rounds(page, 2)
    page.wait_for_selector(".uai-scatter-lasso:not([hidden])")
    draw_around_everything(page, "Shift")
    drawn = int(attribute(page, "points"))
    assert said(page) == f"{drawn - 4} items selected (of the drawn ones)"
    assert "also relabel 4 labeled" in page.inner_text(".uai-scatter")
    page.check(".uai-scatter-relabel")
    assert said(page) == f"{drawn} items selected (of the drawn ones)"
    page.keyboard.press("Escape")
    assert page.locator(".uai-scatter-said").is_hidden()

    page.click(".uai-scatter-lasso")
    assert page.get_attribute(".uai-scatter-lasso", "aria-pressed") == "true"
    before = pixels(page)
    page.locator(".uai-scatter-kind", has_text="Anomaly").click()  # hidden ones are not taken
    page.locator(".uai-scatter-kind", has_text="Unlabeled").click()
    draw_around_everything(page)
    queue = kernel.value("session.queue.tolist()")  # candidates are always drawn, also those that thinning left out
    assert said(page).startswith(f"{len(queue)} items selected")
    assert not kernel.value("set(session.queue.tolist()) <= set(session.history.frames[-1].index.tolist())")
    page.click(".uai-scatter-clear")
    page.locator(".uai-scatter-kind", has_text="Anomaly").click()
    page.locator(".uai-scatter-kind", has_text="Unlabeled").click()
    page.click(".uai-scatter-all")  # the keyboard's way
    assert pixels(page) != before  # outlines
    page.locator(".uai-scatter-answer", has_text="Normal").dblclick()  # a second click changes nothing
    kernel.wait_for(f"len(session.labels) == {drawn}")
    page.locator(".uai-scatter-said", has_text=f"{drawn - 4} items labeled; Undo").wait_for()
    events = [json.loads(line) for line in (lab.notebooks / "runs/lasso/labels.jsonl").read_text().splitlines()]
    labels = [event for event in events if event.get("op") == "label"]
    assert len(labels) == 2  # those of the cell, and all of the lasso in one line
    assert labels[-1]["label"] == [0] * (drawn - 4)
    assert kernel.value("session.labels['label'].tolist()[:4]") == [1, 1, 0, 0]
    page.click(".uai-panel .uai-undo")
    kernel.wait_for("len(session.labels) == 4")
    page.locator(".uai-scatter-kind", has_text="Normal (2)").wait_for()
    assert page.problems == []


def test_the_tooltip_shows_the_item_and_a_click_brings_it_into_the_panel(
    page: Any, run_notebook: Callable[..., Any], wait_until_ran: Callable[..., None]
) -> None:
    page.emulate_media(reduced_motion="reduce")
    kernel = run_notebook([SESSION, "uai.LatentScatter(session, blind=True)"], name="tip.ipynb")
    wait_until_ran(2)
    wait_for_rounds(page, 4)
    x, y, item = hover_a_point(page)
    assert "\ns " in page.inner_text(".uai-scatter-tip")
    page.wait_for_selector(".uai-scatter-picture img")
    assert page.locator(".uai-scatter-picture img").evaluate("image => image.naturalWidth") >= 8
    page.mouse.click(x, y)
    kernel.wait_for(f"session.on_screen == {item}")
    page.wait_for_function("i => document.querySelector('.uai-card').dataset.index === String(i)", arg=item)
    page.locator(".uai-panel").focus()
    page.keyboard.press("n")
    kernel.wait_for(f"{item} in session.store")

    rest_the_pointer(page)
    blind = page.locator(".uai-scatter").nth(1)
    blind.locator(".uai-scatter-plot").scroll_into_view_if_needed()
    hover_a_point(page, blind, "Unlabeled")
    told = blind.locator(".uai-scatter-tip").inner_text()
    assert "\ns " not in told
    assert "UAI" not in told
    hover_a_point(page, blind, "UAI probability")  # of a labelled one
    assert page.problems == []


def test_a_map_is_computed_shown_updated_and_cancelled(
    page: Any, run_notebook: Callable[..., Any], wait_until_ran: Callable[..., None]
) -> None:
    page.emulate_media(reduced_motion="reduce")
    kernel = run_notebook([FRAME], name="map.ipynb")
    wait_until_ran(1)
    wait_for_rounds(page, 2)
    plane = pixels(page)
    menu, told = page.locator(".uai-scatter-view"), page.locator(".uai-scatter-mapping")
    menu.select_option(label="UMAP of the latent")
    page.wait_for_selector(".uai-scatter-meter")
    wait_for_attribute(page, "map", "latent")
    assert page.locator(".uai-scatter-meter").is_hidden()
    assert "UMAP 1 of l" in page.get_attribute(".uai-scatter-plot", "aria-label")
    assert page.locator(".uai-scatter-scale").is_disabled()
    assert "on the map" in page.inner_text(".uai-scatter-thin")
    assert pixels(page) != plane
    hover_a_point(page)
    rest_the_pointer(page)

    kernel.value("session.label([3, 40], [0, 1])")
    kernel.value("session.start()")
    wait_for_attribute(page, "drawn", 2)
    told.filter(has_text="Round 3 is not on the map yet").wait_for()
    page.click(".uai-scatter-again")
    page.wait_for_function("() => !document.querySelector('.uai-scatter-mapping').innerText")
    assert attribute(page, "map") == "latent"

    menu.select_option(label="UMAP of x")
    page.click(".uai-scatter-cancel")
    told.filter(has_text="cancelled").wait_for()
    assert menu.locator("option:checked").text_content() == "UMAP of the latent"
    menu.select_option(label="latent against score")
    wait_for_attribute(page, "map", "")
    page.click(".uai-scatter-back")
    wait_for_attribute(page, "drawn", 1)
    assert page.problems == []


def test_two_rounds_stand_side_by_side_with_the_same_window(
    page: Any, run_notebook: Callable[..., Any], wait_until_ran: Callable[..., None]
) -> None:
    page.emulate_media(reduced_motion="reduce")
    page.set_viewport_size({"width": 1800, "height": 1000})
    run_notebook([SESSION], name="compare.ipynb")
    wait_until_ran(1)
    wait_for_rounds(page, 4)
    alone = pixels(page)
    page.click(".uai-scatter-compare")
    wait_for_attribute(page, "pinned", 0)
    settle(page)
    left, right = (page.locator(".uai-scatter-gl").nth(i) for i in range(2))
    assert left.bounding_box()["y"] == right.bounding_box()["y"]
    assert drawn_on(left) != drawn_on(right)
    assert "hollow: labeled after this round" in legend(page)  # in the left one
    pinned = page.locator(".uai-scatter-pinned input")
    pinned.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    wait_for_attribute(page, "pinned", 3)
    assert drawn_on(left) == drawn_on(right)  # the same round, in the same window
    page.locator(".uai-scatter-plot").nth(1).focus()
    page.keyboard.press("+")
    page.keyboard.press("ArrowUp")
    assert drawn_on(left) == drawn_on(right)
    page.keyboard.press("0")
    rest_the_pointer(page)
    over = page.locator(".uai-scatter-over").nth(1)
    before = drawn_on(over)
    hover_a_point(page)  # over the left one
    assert drawn_on(over) != before  # is lit in the right one, too
    page.set_viewport_size({"width": 900, "height": 1000})
    apart = """() => {
      const [left, right] = document.querySelectorAll('.uai-scatter-gl');
      return right.getBoundingClientRect().top - left.getBoundingClientRect().top;
    }"""
    page.wait_for_function(f"({apart})() > 200")  # narrow: one below the other
    page.set_viewport_size({"width": 1800, "height": 1000})
    page.wait_for_function(f"({apart})() === 0")
    page.click(".uai-scatter-compare")
    wait_for_attribute(page, "pinned", "")
    rest_the_pointer(page)
    assert pixels(page) == alone
    assert page.problems == []
