"""The main job, in a real JupyterLab: candidates, answers by key and by click, training, the scatter."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"

SESSION = """
import uai_notebook as uai
ds = uai.load_dataset("digits_0")
config = uai.TrainConfig(pretrain_steps=300, round_steps={steps})
session = uai.ActiveSession.open("runs/{name}", ds, base="class", k=10, budget=150, config=config)
explorer = uai.Explorer(session)
explorer
"""


def session_cell(name: str, steps: int = 100) -> str:
    return SESSION.format(name=name, steps=steps)


def wait_for_candidate(page: Any, timeout: float = 90) -> None:
    page.wait_for_selector(".uai-card[data-index]:not([data-index=''])", timeout=timeout * 1000)


def shown(page: Any) -> int:
    """The candidate on screen; after the last answer of a batch the next ones take a moment to come."""
    wait_for_candidate(page)
    return int(page.get_attribute(".uai-card", "data-index"))


def press(page: Any, key: str) -> int:
    """Press a label key; returns the item it answered."""
    item = shown(page)
    page.keyboard.press(key)
    page.wait_for_function("i => document.querySelector('.uai-card').dataset.index !== String(i)", arg=item)
    return item


def click(page: Any, name: str) -> int:
    """Click a label button; returns the item it answered."""
    item = shown(page)
    page.wait_for_timeout(250)  # a second click within 200 ms is taken for a double click
    page.click(f".uai-panel .uai-{name}")
    page.wait_for_function("i => document.querySelector('.uai-card').dataset.index !== String(i)", arg=item)
    return item


def canvas_pixels(page: Any) -> bytes:
    return bytes(page.locator(".uai-scatter-gl").first.screenshot())


def journal(lab: Any, name: str) -> list[dict[str, Any]]:
    lines = (lab.notebooks / "runs" / name / "labels.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines][1:]


def test_answers_by_key_and_click_train_the_network_and_bring_new_candidates(
    lab: Any, page: Any, run_notebook: Callable[..., Any], wait_until_ran: Callable[..., None]
) -> None:
    kernel = run_notebook([session_cell("main")])
    wait_until_ran(1)
    wait_for_candidate(page)
    page.wait_for_selector(".uai-scatter-gl")
    page.wait_for_function("document.querySelector('.uai-scatter').dataset.round === '0'")
    before = canvas_pixels(page)
    first_batch = kernel.value("session.batch.tolist()")

    page.locator(".uai-panel").focus()
    pressed = [(press(page, "n"), 0), (press(page, "2"), 0), (press(page, "a"), 1)]
    pressed += [(click(page, "normal"), 0), (click(page, "anomaly"), 1), (click(page, "unsure"), -1)]
    page.locator(".uai-panel").focus()
    page.keyboard.press("Backspace")
    undone = pressed.pop()[0]
    kernel.wait_for(f"{undone} not in session.store")
    page.wait_for_function("i => document.querySelector('.uai-card').dataset.index === String(i)", arg=undone)
    expected = [list(pair) for pair in pressed]
    assert kernel.value("session.labels[['index', 'label']].values.tolist()") == expected
    assert "5 labeled (2 anomalies)" in page.inner_text(".uai-status-line")

    pressed += [(press(page, "n"), 0) for _ in range(5)]
    kernel.wait_for("session.round == 1 and not session.training")
    page.wait_for_function("document.querySelector('.uai-scatter').dataset.round === '1'")
    page.wait_for_function("document.querySelector('.uai-panel').dataset.phase === 'labeling'")
    assert canvas_pixels(page) != before
    expected = [list(pair) for pair in pressed]
    assert kernel.value("session.labels[['index', 'label']].values.tolist()") == expected
    second_batch = kernel.value("session.batch.tolist()")
    assert not set(second_batch) & {item for item, _ in pressed}
    assert set(first_batch) == {item for item, _ in pressed}
    assert shown(page) in second_batch
    assert page.problems == []


def test_keys_in_a_code_cell_label_nothing_and_digits_in_the_panel_change_no_cell(
    page: Any, run_notebook: Callable[..., Any], wait_until_ran: Callable[..., None]
) -> None:
    kernel = run_notebook([session_cell("keys"), "# a comment"])
    wait_until_ran(2)
    wait_for_candidate(page)
    page.locator(".jp-CodeCell .cm-content").nth(1).click()
    page.keyboard.type("an1u")
    assert kernel.value("session.n_labels") == 0
    assert "an1u" in page.locator(".jp-CodeCell .cm-content").nth(1).inner_text()
    page.locator(".uai-panel").focus()
    for key in ("1", "2", "3"):
        press(page, key)
    for key in ("b", "x", "d", "d", "z", "m", "y"):  # command-mode shortcuts that add, delete or change cells
        page.keyboard.press(key)
    kernel.wait_for("session.n_labels == 3")
    assert page.locator(".jp-Cell").count() == 2
    assert page.locator(".jp-MarkdownCell").count() == 0


def test_a_label_given_while_a_round_trains_is_journaled_before_the_round_ends(
    lab: Any, page: Any, run_notebook: Callable[..., Any], wait_until_ran: Callable[..., None]
) -> None:
    kernel = run_notebook([session_cell("during", steps=20_000)])  # long enough: it is cancelled below
    wait_until_ran(1)
    wait_for_candidate(page)
    page.locator(".uai-panel").focus()
    for _ in range(10):
        press(page, "n")
    kernel.wait_for("session.training")
    page.wait_for_selector(".uai-progress:not([hidden]) progress")
    item = press(page, "a")
    kernel.wait_for(f"{item} in session.store")
    events = journal(lab, "during")
    assert kernel.value("session.training"), "the round ended before the label could be given: give it more steps"
    assert [events[-1]["op"], events[-1]["label"]] == ["label", [1]]
    assert not any(event["op"] == "round" and event["round"] for event in events)  # round 0 is the pre-training
    page.click(".uai-cancel")
    kernel.wait_for("not session.training")
    assert kernel.value("session.round, session.n_labels") == (0, 11)


def test_running_the_cell_again_goes_on_with_the_labels_and_leaves_one_trainer(
    page: Any, run_notebook: Callable[..., Any], wait_until_ran: Callable[..., None]
) -> None:
    kernel = run_notebook([session_cell("again")])
    wait_until_ran(1)
    wait_for_candidate(page)
    page.locator(".uai-panel").focus()
    item = press(page, "a")
    kernel.wait_for("session.n_labels == 1")
    page.locator(".jp-CodeCell .cm-content").first.click()
    page.keyboard.press("Control+Enter")
    page.wait_for_function("document.querySelector('.jp-InputPrompt').textContent.includes('[2]')")
    wait_for_candidate(page)
    assert kernel.value("session.labels[['index', 'label']].values.tolist()") == [[item, 1]]
    page.locator(".uai-panel").focus()
    press(page, "n")
    kernel.wait_for("session.n_labels == 2")
    threads = "[t.name for t in __import__('threading').enumerate() if t.name == 'uai_notebook training']"
    kernel.wait_for(f"not {threads}")


def test_a_kernel_that_dies_is_announced_and_its_labels_are_there_again(
    lab: Any, page: Any, run_notebook: Callable[..., Any], wait_until_ran: Callable[..., None]
) -> None:
    kernel = run_notebook([session_cell("gone")])
    wait_until_ran(1)
    wait_for_candidate(page)
    page.locator(".uai-panel").focus()
    pressed = [[press(page, "n"), 0], [press(page, "a"), 1]]
    kernel.wait_for("session.n_labels == 2")
    pid = kernel.value("__import__('os').getpid()")
    __import__("os").kill(pid, 9)
    page.locator(".uai-panel .uai-banner", has_text="The kernel is gone").wait_for()  # not: it has not answered yet
    assert page.locator(".uai-panel .uai-anomaly").is_disabled()
    page.keyboard.press("Escape")
    for _ in range(3):  # JupyterLab tells about the restart in a dialog
        if page.locator(".jp-Dialog button.jp-mod-accept").count():
            page.click(".jp-Dialog button.jp-mod-accept")
        page.wait_for_timeout(1000)
    fresh = run_notebook([session_cell("gone")], name="gone.ipynb")
    wait_for_candidate(page)
    assert fresh.value("session.labels[['index', 'label']].values.tolist()") == pressed


@pytest.mark.slow
@pytest.mark.data
def test_the_quickstart_runs_from_top_to_bottom_and_shows_a_candidate_soon(
    page: Any, run_notebook: Callable[..., Any], wait_until_ran: Callable[..., None]
) -> None:
    path = NOTEBOOKS / "01_quickstart.ipynb"
    cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    kernel = run_notebook(path, name="quickstart.ipynb")
    wait_for_candidate(page)
    wait_until_ran(len(cells), timeout=400)
    assert kernel.value("int(ds.y[demo.labels['index']].sum())") >= 15
    assert page.locator(".jp-OutputArea-output[data-mime-type*=stderr]").count() == 0
    assert page.problems == []
