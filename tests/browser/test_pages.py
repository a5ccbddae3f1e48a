"""The pages under the scatter in a real JupyterLab."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

CELL = """
import numpy as np, uai_notebook as uai
ds = uai.load_dataset("digits_0")
config = uai.TrainConfig(hidden=(32, 2), pretrain_steps=300, round_steps=60)
session = uai.ActiveSession(ds, base="class", k=10, config=config)
session.train()
known = np.concatenate([np.flatnonzero(ds.y == 1)[:6], np.flatnonzero(ds.y == 0)[:6]])
session.label(known, ds.y[known].tolist())
session.train()
explorer = uai.Explorer(session, train_every=1000)
explorer
"""


FITS = """() => {
  const plot = document.querySelector(".uai-curve"), svg = plot?.querySelector(".main-svg");
  return plot.clientWidth > 0 && svg?.clientWidth === plot.clientWidth;
}"""


def wait_for_text(page: Any, words: str) -> None:
    page.wait_for_function(
        "words => document.querySelector('.uai-curve .main-svg')?.parentElement.textContent.includes(words)", arg=words
    )


def lines(page: Any) -> int:
    return int(page.locator(".uai-curve .scatterlayer .js-line").count())


def test_separability_and_frozen_rankings_are_drawn_and_the_first_page_comes_back(
    page: Any, run_notebook: Callable[..., Any]
) -> None:
    run_notebook([CELL])
    wait_for_text(page, "items asked")
    page.wait_for_function(FITS)
    page.set_viewport_size({"width": 1000, "height": 1000})
    page.wait_for_function(FITS)
    page.get_by_role("button", name="Separability").click()
    wait_for_text(page, "on the truth: 18 anomalies of 1,637")
    wait_for_text(page, "area under ROC")
    numbers = page.locator(".uai-scatter-numbers")  # beside the picture, of the round that is shown
    numbers.filter(has_text="known labels: 6 of 12").filter(has_text="truth: 18 of 1,637").wait_for()
    later = numbers.inner_text()
    assert "s_uai learned from them" in later
    page.click(".uai-scatter-back")
    page.wait_for_function("document.querySelector('.uai-scatter').dataset.round === '0'")
    assert numbers.inner_text() != later
    page.click(".uai-scatter-compare")
    numbers.filter(has_text="Round 1, truth: 18 of 1,637").wait_for()
    page.get_by_role("button", name="If training had stopped").click()
    wait_for_text(page, "items audited")
    page.wait_for_function("document.querySelectorAll('.uai-curve .scatterlayer .js-line').length === 2")
    page.get_by_role("button", name="Found").click()
    wait_for_text(page, "items asked")
    assert "area under ROC" not in page.locator(".uai-curve").inner_text()
    page.locator(".uai-panel").focus()
    page.keyboard.press("n")  # labeling goes on beside it, and the curve follows
    page.wait_for_function(
        "[...document.querySelectorAll('.uai-status-line')].some(e => e.textContent.includes('13 labeled'))"
    )
    assert page.problems == []
