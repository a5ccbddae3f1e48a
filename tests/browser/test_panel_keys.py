"""Every key of the panel, in a real JupyterLab: what it does, where it does not, and that it can be another one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

CELL = """
import uai_notebook as uai
ds = uai.load_dataset("digits_0")
session = uai.ActiveSession(ds, base="class", k=10, config=uai.TrainConfig(pretrain_steps=100, round_steps=20))
session.train()
explorer = uai.Explorer(session, train_every=1000{options})
explorer
"""


@pytest.fixture
def open_panel(
    page: Any, run_notebook: Callable[..., Any], wait_until_ran: Callable[..., None]
) -> Callable[[str], tuple[Any, list[int]]]:
    """Shows a session of ten candidates, with the focus in the panel; gives its kernel and the candidates."""

    def build(options: str = "") -> tuple[Any, list[int]]:
        kernel = run_notebook([CELL.format(options=options)])
        wait_until_ran(1)
        page.wait_for_selector(".uai-card[data-index]:not([data-index=''])")
        page.locator(".uai-panel").focus()
        return kernel, kernel.value("session.batch.tolist()")

    return build


def wait_for_item(page: Any, index: int) -> None:
    page.wait_for_function("i => document.querySelector('.uai-card').dataset.index === String(i)", arg=index)


def answers(kernel: Any, n: int) -> list[list[int]]:
    """All answers once there are ``n``."""
    kernel.wait_for(f"session.n_labels == {n}")
    given: list[list[int]] = kernel.value("session.labels[['index', 'label']].values.tolist()")
    return given


def test_every_key_does_what_the_list_of_keys_says(page: Any, open_panel: Callable[..., Any]) -> None:
    kernel, batch = open_panel()
    assert page.inner_text(".uai-keys") == "keys on"
    border = "getComputedStyle(document.querySelector('.uai-panel')).boxShadow"
    assert page.evaluate(border) != "none"  # the ring
    for key in ("a", "1", "n", "2", "u", "3"):
        item = int(page.get_attribute(".uai-card", "data-index"))
        page.keyboard.press(key)
        wait_for_item(page, batch[batch.index(item) + 1])
    given = [list(pair) for pair in zip(batch, (1, 1, 0, 0, -1, -1), strict=False)]
    assert answers(kernel, 6) == given

    page.keyboard.press("Backspace")
    wait_for_item(page, batch[5])
    page.keyboard.press("Control+z")
    wait_for_item(page, batch[4])
    page.keyboard.press("Meta+z")
    wait_for_item(page, batch[3])
    assert answers(kernel, 3) == given[:3]
    page.keyboard.press("Control+Shift+Z")
    assert answers(kernel, 4) == given[:4]
    page.keyboard.press("Meta+Shift+Z")
    assert answers(kernel, 5) == given[:5]
    wait_for_item(page, batch[5])

    page.keyboard.press("ArrowRight")
    wait_for_item(page, batch[6])
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    wait_for_item(page, batch[4])
    page.keyboard.press("N")  # with caps lock, too; an answer can be changed
    kernel.wait_for(f"session.store.get({batch[4]}).label == 0")

    page.keyboard.press("?")
    listed = page.inner_text(".uai-help")
    assert all(word in listed for word in ("a, 1", "n, 2", "u, 3", "Backspace", "left", "right", "Escape", "redo"))
    page.keyboard.press("?")
    assert page.locator(".uai-help").is_hidden()
    page.keyboard.press("Escape")
    assert page.inner_text(".uai-keys") == "keys off"
    assert page.evaluate(border) == "none"
    assert page.problems == []


def test_keys_held_down_or_with_modifiers_label_nothing_more_and_a_double_click_is_one_answer(
    page: Any, open_panel: Callable[..., Any]
) -> None:
    kernel, batch = open_panel()
    for _ in range(5):
        page.keyboard.down("n")  # from the second on, these are repeats
    page.keyboard.up("n")
    wait_for_item(page, batch[1])
    for key in ("Control+a", "Alt+n", "Meta+u", "Shift+Tab"):
        page.keyboard.press(key)
    page.keyboard.press("Tab")
    page.locator(".uai-panel .uai-anomaly").evaluate("button => { button.click(); button.click(); }")  # within 200 ms
    wait_for_item(page, batch[2])
    page.wait_for_timeout(300)
    page.click(".uai-panel .uai-unsure")
    assert answers(kernel, 3) == [[batch[0], 0], [batch[1], 1], [batch[2], -1]]


def test_a_note_that_is_being_typed_when_another_item_comes_stays_with_its_item(
    page: Any, open_panel: Callable[..., Any]
) -> None:
    kernel, batch = open_panel()
    page.locator(".uai-note input").focus()
    page.keyboard.type("half a ")
    kernel.value(f"session.label({batch[0]}, 0)")  # by another cell: the panel goes on to the next one
    wait_for_item(page, batch[1])
    kernel.wait_for(f"session.notes == {{{batch[0]}: 'half a '}}")
    assert page.input_value(".uai-note input") == ""
    page.keyboard.type("of this one")
    page.keyboard.press("Enter")
    kernel.wait_for(f"session.notes.get({batch[1]}) == 'of this one'")


def test_keys_can_be_others_and_the_words_follow(page: Any, open_panel: Callable[..., Any]) -> None:
    kernel, batch = open_panel(', keys={"anomaly": ["j"], "undo": ["x"]}')
    assert page.inner_text(".uai-panel .uai-anomaly") == "Anomaly (j)"
    page.keyboard.press("a")
    page.keyboard.press("j")
    wait_for_item(page, batch[1])
    page.keyboard.press("2")
    assert answers(kernel, 2) == [[batch[0], 1], [batch[1], 0]]
    page.keyboard.press("x")
    assert answers(kernel, 1) == [[batch[0], 1]]


ALONE = """
import uai_notebook as uai
ds = uai.load_dataset("digits_0")
session = uai.ActiveSession(ds, base="class", k=3, config=uai.TrainConfig(pretrain_steps=100, round_steps=20))
panel = uai.LabelPanel(session)
panel
"""


def test_a_panel_alone_without_a_model_says_so_trains_and_takes_answers_while_it_is_paused(
    page: Any, run_notebook: Callable[..., Any], wait_until_ran: Callable[..., None]
) -> None:
    kernel = run_notebook([ALONE])
    wait_until_ran(1)
    page.wait_for_selector(".uai-panel")
    assert page.inner_text(".uai-panel .uai-title") == "No model yet: press Train now."
    assert page.locator(".uai-panel .uai-anomaly").is_disabled()
    assert "not saved" in page.inner_text(".uai-panel .uai-status")
    page.click(".uai-panel .uai-train")
    page.wait_for_selector(".uai-card[data-index]:not([data-index=''])")
    assert page.inner_text(".uai-panel .uai-ranked") == "ranked by base score (round 1 of 10)"

    page.click(".uai-panel .uai-pause")
    page.locator(".uai-pause", has_text="Resume").wait_for()
    page.locator(".uai-panel").focus()
    for n in range(3):
        page.keyboard.press("n")
        kernel.wait_for(f"session.n_labels == {n + 1}")
    page.wait_for_timeout(500)
    assert kernel.value("session.round, session.training") == (0, False)
    page.click(".uai-panel .uai-pause")
    kernel.wait_for("session.round == 1 and not session.training")
    assert page.problems == []
