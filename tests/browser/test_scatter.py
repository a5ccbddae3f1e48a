"""The scatter in a real JupyterLab: rounds, legend, colours, lasso, preview, two budgets, the map."""

from __future__ import annotations

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


def pixels(page: Any, layer: str = "gl") -> bytes:
    return bytes(page.locator(f".uai-scatter-{layer}").first.screenshot())


def legend(page: Any) -> list[str]:
    """Entries that are shown."""
    return list(page.locator(".uai-scatter-legend li").filter(visible=True).all_inner_texts())


def hover_a_point(page: Any) -> tuple[float, float, int]:
    """Move the pointer over the plot until the tooltip tells of a point; returns where, and the item."""
    box = page.locator(".uai-scatter-plot").first.bounding_box()
    for step in range(300):
        x = box["x"] + box["width"] * ((step * 0.618) % 1 * 0.8 + 0.12)
        y = box["y"] + box["height"] * ((step * 0.414) % 1 * 0.7 + 0.08)
        page.mouse.move(x, y)
        if page.locator(".uai-scatter-tip").is_visible():
            return x, y, int(page.inner_text(".uai-scatter-tip").split("\n")[0].split()[-1].strip(")"))
    raise AssertionError("no point under the pointer anywhere")


def rest_the_pointer(page: Any) -> None:
    page.mouse.move(2, 2)
    page.wait_for_timeout(200)


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

    x, y, item = hover_a_point(page)
    rest_the_pointer(page)
    before = pixels(page)
    for word in ("Unlabeled", "Normal", "Anomaly"):
        entry = page.locator(".uai-scatter-kind", has_text=word)
        assert entry.get_attribute("aria-pressed") == "true"
        entry.press("Enter")
        assert entry.get_attribute("aria-pressed") == "false"
    page.mouse.move(x, y)
    page.wait_for_timeout(200)
    assert page.locator(".uai-scatter-tip").is_visible() == (item in kernel.value("session.queue.tolist()"))
    rest_the_pointer(page)
    assert pixels(page) != before
    for word in ("Unlabeled", "Normal", "Anomaly"):
        page.locator(".uai-scatter-kind", has_text=word).click()
    rest_the_pointer(page)
    assert pixels(page) == before
    assert page.problems == []
