"""From before the first model until nothing is left to ask: each state says what it is in JupyterLab, past axe-core."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from test_accessibility import violations

CELL = """
import itertools, time, numpy as np, uai_notebook as uai
ds = uai.Dataset.from_arrays(np.random.default_rng(0).normal(size=(12, 3)), name="dozen")
config = uai.TrainConfig(hidden=(8, 2), pretrain_steps=20, round_steps=5)
session = uai.ActiveSession(ds, k=5, budget=5, config=config)

def endless():
    for step in itertools.count():
        time.sleep(0.01)
        yield uai.Progress(min(step, 19), 20, 0.5)

session.learner.pretrain = endless  # until Cancel
explorer = uai.Explorer(session)
explorer
"""


def words(page: Any, where: str) -> str:
    return str(page.inner_text(f".uai-panel .uai-{where}"))


def wait_for_title(page: Any, title: str) -> None:
    page.wait_for_function("t => document.querySelector('.uai-panel .uai-title').textContent === t", arg=title)


def answer(page: Any, kernel: Any, keys: str) -> None:
    """Press label keys, each when the one before has been answered for."""
    page.locator(".uai-panel").focus()
    for key in keys:
        page.wait_for_selector(".uai-card[data-index]:not([data-index=''])")
        before = kernel.value("session.n_labels")
        page.keyboard.press(key)
        kernel.wait_for(f"session.n_labels == {before + 1}")


ALONE = """
import uai_notebook as uai
ds = uai.load_dataset("digits_0")
session = uai.ActiveSession.open("runs/shut", ds, k=5, config=uai.TrainConfig(pretrain_steps=50))
session.train()
uai.LabelPanel(session, train_every=1000)
"""


def test_an_answer_to_a_kernel_that_was_shut_down_is_not_taken_and_the_panel_says_why(
    page: Any, run_notebook: Callable[..., Any], wait_until_ran: Callable[..., None]
) -> None:
    kernel = run_notebook([ALONE])
    wait_until_ran(1)
    page.wait_for_selector(".uai-card[data-index]:not([data-index=''])")
    answer(page, kernel, "n")
    item = page.get_attribute(".uai-card", "data-index")
    page.click('.lm-MenuBar-itemLabel:text-is("Kernel")')
    page.click('.lm-Menu-itemLabel:text-is("Shut Down Kernel")')
    page.wait_for_selector("[data-status=unknown]", state="attached")
    page.locator(".uai-panel").focus()
    page.keyboard.press("a")
    page.locator(".uai-panel .uai-banner", has_text="The kernel is gone").wait_for()
    assert page.get_attribute(".uai-card", "data-index") == item
    assert "Anomaly" not in words(page, "title")
    assert page.locator(".uai-panel .uai-anomaly").is_disabled()
    assert page.problems == []


def test_from_before_the_first_model_until_nothing_is_left_each_state_says_what_it_is(
    page: Any, run_notebook: Callable[..., Any], wait_until_ran: Callable[..., None]
) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    kernel = run_notebook([CELL])
    wait_until_ran(1)
    found: dict[str, list[str]] = {}
    wait_for_title(page, "Training the first model: candidates appear when it is done.")
    page.wait_for_function("/Training: step \\d+ of 20/.test(document.querySelector('.uai-progress').innerText)")
    found["first training"] = violations(page)
    page.click(".uai-cancel")
    wait_for_title(page, "No model yet: press Train now.")
    assert page.locator(".uai-progress").is_hidden()
    assert page.locator(".uai-note").is_hidden()
    assert all(
        page.locator(f".uai-panel .uai-{name}").is_disabled() for name in ("anomaly", "normal", "unsure", "undo")
    )
    found["no model"] = violations(page)

    kernel.value("delattr(session.learner, 'pretrain')")
    page.click(".uai-train")
    answer(page, kernel, "annnu")
    wait_for_title(page, "Budget of 5 used: 1 anomaly found")
    assert words(page, "more") == "Continue +5"
    assert page.locator(".uai-panel .uai-anomaly").is_disabled()
    assert page.locator(".uai-panel .uai-export").is_enabled()
    found["budget used, no candidate"] = violations(page)
    page.click(".uai-fold-review > summary")
    page.wait_for_function("document.querySelectorAll('.uai-fold-review [data-index]').length === 5")

    page.click(".uai-more")
    answer(page, kernel, "nnnnn")
    page.wait_for_function("document.querySelector('.uai-panel .uai-title').textContent.startsWith('Budget of 10')")
    page.click(".uai-more")
    answer(page, kernel, "nn")
    wait_for_title(page, "All 12 items are labeled: 1 anomaly found")
    assert page.locator(".uai-more").is_hidden()
    page.click(".uai-fold-outlook > summary")
    page.wait_for_function("document.querySelector('.uai-fold-outlook').innerText.includes('Nothing is left to ask')")
    found["all labeled"] = violations(page)

    page.click(".uai-copy")
    page.locator(".uai-said", has_text="Copied").wait_for()
    lines = page.evaluate("navigator.clipboard.readText()").splitlines()
    assert len(lines) == 13
    assert lines[0].split("\t")[:3] == ['"index"', '"id"', '"label"']
    assert {state: texts for state, texts in found.items() if texts} == {}
    assert page.problems == []
