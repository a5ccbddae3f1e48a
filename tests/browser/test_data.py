"""Other data than the digits, in the real widget."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

FRAME = """
import numpy as np, pandas as pd, uai_notebook as uai
rng = np.random.default_rng(0)
n = 400
df = pd.DataFrame(
    {
        "amount": rng.lognormal(3, 1, n).round(2),
        "age": np.where(rng.random(n) < .1, np.nan, rng.integers(18, 90, n)),
        "country": rng.choice(["France", "Brazil", "Japan", None], n),
        "<b>note</b>": rng.choice(["fine", "<img src=x onerror='window.hacked=1'>"], n),
    },
    index=[f"order-{i}" for i in range(n)],
)
explorer = uai.explore(df, k=3, budget=30, config=uai.TrainConfig(pretrain_steps=200, round_steps=20))
explorer
"""

FASHION = """
import uai_notebook as uai
explorer = uai.explore("fashion_mnist_0", budget=1000, config=uai.TrainConfig(pretrain_steps=300))
explorer
"""


def wait_for_candidate(page: Any) -> None:
    page.wait_for_selector(".uai-card[data-index]:not([data-index=''])", timeout=120_000)


def answer(page: Any, key: str) -> None:
    wait_for_candidate(page)
    item = page.get_attribute(".uai-card", "data-index")
    page.keyboard.press(key)
    page.wait_for_function("i => document.querySelector('.uai-card').dataset.index !== i", arg=item)


def test_a_dataframe_with_numbers_categories_and_gaps_is_labelled_and_its_text_stays_text(
    page: Any, run_notebook: Callable[..., Any], wait_until_ran: Callable[..., None]
) -> None:
    kernel = run_notebook([FRAME], name="frame.ipynb")
    wait_until_ran(1)
    wait_for_candidate(page)
    card = page.inner_text(".uai-card")
    assert "order-" in card
    assert "country" in card
    assert "<b>note</b>" in card
    page.locator(".uai-panel").focus()
    for key in "nan":
        answer(page, key)
    kernel.wait_for("explorer.session.round == 1 and not explorer.session.training")
    assert kernel.value("explorer.session.labels['label'].tolist()") == [0, 1, 0]
    assert kernel.value("all(i.startswith('order-') for i in explorer.session.labels['id'])")
    assert page.evaluate("window.hacked") is None
    assert page.problems == []


@pytest.mark.data
def test_fashion_mnist_is_labelled_and_the_network_learns(
    page: Any, run_notebook: Callable[..., Any], wait_until_ran: Callable[..., None]
) -> None:
    kernel = run_notebook([FASHION], name="fashion.ipynb")
    wait_until_ran(1)
    wait_for_candidate(page)
    assert kernel.value("len(explorer.session.ds), explorer.session.ds.n_features") == (54600, 784)
    assert page.locator(".uai-body img").evaluate("image => image.naturalWidth") >= 28
    assert "labelled as" in page.inner_text(".uai-title")
    page.locator(".uai-panel").focus()
    for key in "nnnnannnnn":
        answer(page, key)
    kernel.wait_for("explorer.session.round == 1 and not explorer.session.training")
    page.wait_for_function("document.querySelector('.uai-scatter').dataset.round === '1'")
    assert int(page.get_attribute(".uai-scatter", "data-points")) >= 20_000
    assert page.problems == []
