"""Why an item is shown, the outlook, the review and notes, in a real JupyterLab."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

BAD = "<img src=x onerror=window.hacked=1>"
CELL = """
import uai_notebook as uai
ds = uai.load_dataset("digits_0")
config = uai.TrainConfig(pretrain_steps=200, round_steps=20)
session = uai.ActiveSession(ds, k=5, config=config)
session.train()
session.label(session.queue, [0, 1, 0, 0, -1])
session.train()
explorer = uai.Explorer(session)
explorer
"""


def unfold(page: Any, kind: str) -> None:
    page.click(f".uai-fold-{kind} > summary")
    page.wait_for_function(f"document.querySelector('.uai-fold-{kind} .uai-fold-body').textContent !== ''")


def test_the_reasons_the_outlook_the_review_and_a_note(
    page: Any, run_notebook: Callable[..., Any], wait_until_ran: Callable[..., None]
) -> None:
    kernel = run_notebook([CELL])
    wait_until_ran(1)
    page.wait_for_selector(".uai-card[data-index]:not([data-index=''])")
    unfold(page, "why")
    assert "reconstruction" in page.inner_text(".uai-fold-why")
    first = page.inner_text(".uai-fold-why")
    unfold(page, "outlook")
    assert "answers by rank" in page.inner_text(".uai-fold-outlook")

    shown = page.get_attribute(".uai-card", "data-index")
    page.click(".uai-note input")
    page.keyboard.type("an" + BAD)  # an a and an n: keys of the panel, not in here
    page.keyboard.press("Enter")
    kernel.wait_for(f"session.notes.get({shown}) == {'an' + BAD!r}")
    assert kernel.value("session.n_labels") == 5

    unfold(page, "review")
    assert page.locator(".uai-fold-review [data-index]").count() == 5
    page.select_option(".uai-fold-review select", "notes")
    page.wait_for_function("document.querySelectorAll('.uai-fold-review [data-index]').length === 1")
    assert BAD in page.inner_text(".uai-fold-review")
    page.select_option(".uai-fold-review select", "anomalies")
    wrong = kernel.value("int(session.labels.query('label == 1')['index'].iloc[0])")
    page.wait_for_selector(f".uai-fold-review [data-index='{wrong}']")
    page.click(f".uai-fold-review [data-index='{wrong}']")
    page.wait_for_function("i => document.querySelector('.uai-card').dataset.index === String(i)", arg=wrong)
    page.wait_for_function("t => document.querySelector('.uai-fold-why').innerText !== t", arg=first)
    page.click(".uai-normal")
    kernel.wait_for(f"session.store.get({wrong}).label == 0")
    page.wait_for_function("document.querySelectorAll('.uai-fold-review [data-index]').length === 0")
    assert page.evaluate("window.hacked") is None
    assert page.problems == []
