"""The Explorer for people who use no mouse, or no eyes: every state past axe-core, the job by keyboard, the tree."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from typing import Any

CELL = """
import itertools, time, uai_notebook as uai
ds = uai.load_dataset("digits_0")
config = uai.TrainConfig(hidden=(64, 16, 1), pretrain_steps=200, round_steps=100)
session = uai.ActiveSession.open("runs/axe", ds, base="class", k=5, budget=20, config=config)
session.train()
session.label(session.queue, [0, 1, 0, 0, -1])
session.train()

def endless(index, label):
    for step in itertools.count():
        time.sleep(0.01)
        yield uai.Progress(min(step, 3999), 4000, 0.5)

session.learner.update = endless  # whatever is looked at meanwhile, it ends by Cancel
explorer = uai.Explorer(session, blind=True)
explorer
"""
THEMES = ("JupyterLab Dark", "JupyterLab Light")  # the second one is that of all other tests


def set_theme(page: Any, name: str) -> None:
    page.click('.lm-MenuBar-itemLabel:text-is("Settings")')
    page.hover('.lm-Menu-itemLabel:text-is("Theme")')
    page.click(f'.lm-Menu-itemLabel:text-is("{name}")')
    light = str("Light" in name).lower()
    page.wait_for_selector(f"body[data-jp-theme-light={light}]", state="attached")


def violations(page: Any, where: str = ".uai-explorer") -> list[str]:
    """What axe-core finds inside a selector, by all its rules: rule, and the elements."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page, context=where).response["violations"]
    return [f"{rule['id']} ({rule['help']}): {node['html'][:200]}" for rule in found for node in rule["nodes"]]


def words(page: Any, where: str) -> str:
    return str(page.inner_text(f".uai-panel .uai-{where}"))


def wait_for_phase(page: Any, phase: str) -> None:
    page.wait_for_selector(f".uai-panel[data-phase={phase}]")


def unfold_all(page: Any) -> None:
    for kind in ("why", "outlook", "review"):
        page.click(f".uai-fold-{kind} > summary")
        page.wait_for_function(f"document.querySelector('.uai-fold-{kind} .uai-fold-body').textContent !== ''")


def test_every_state_says_what_it_is_and_axe_finds_nothing_in_light_and_dark(
    page: Any, run_notebook: Callable[..., Any], wait_until_ran: Callable[..., None]
) -> None:
    kernel = run_notebook([CELL, "explorer.freeze()"])
    wait_until_ran(2)
    page.wait_for_selector(".js-plotly-plot .scatterlayer path")
    page.wait_for_function("document.querySelector('.uai-scatter').dataset.frames === '2'")
    found: dict[str, list[str]] = {}

    def look(state: str, where: str = ".uai-explorer") -> None:
        found[state] = violations(page, where)

    page.evaluate("document.querySelector('.uai-card').insertAdjacentHTML('afterend', '<img id=probe src=x>')")
    assert any("image-alt" in text for text in violations(page)), "it would not find a thing"
    page.evaluate("document.getElementById('probe').remove()")

    for theme in THEMES:
        set_theme(page, theme)
        look(f"{theme}, labeling")
        look(f"{theme}, frozen", ".jp-Cell:nth-child(2) .jp-OutputArea")
        if theme == THEMES[0]:  # opened once, and left open
            page.locator(".uai-panel").focus()
            page.keyboard.press("?")
            unfold_all(page)
            page.click(".uai-scatter-compare")
            page.click(".uai-scatter-lasso")
            page.select_option(".uai-scatter-color", label="base score")
            page.click(".widget-toggle-buttons button:has-text('Separability')")
        look(f"{theme}, all open")

    line = r"Round 2 · 5 labeled \(1 anomaly, 1 unsure\) · budget 5 of 20 · model trained on 4 of 4 · saved [\d:]{8}"
    assert re.fullmatch(line, page.inner_text(".uai-status-line"))
    assert "score" not in words(page, "why")  # blind
    page.click(".uai-normal")
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("document.querySelector('.uai-card .uai-why').textContent.includes('base score')")

    page.click(".uai-train")
    wait_for_phase(page, "training")
    assert page.locator(".uai-train").is_disabled()
    page.wait_for_function("/Training: step \\d+ of 4000/.test(document.querySelector('.uai-progress').innerText)")
    look("training")
    page.click(".uai-cancel")
    wait_for_phase(page, "labeling")
    assert words(page, "pause") == "Resume"  # otherwise it would begin again at once

    kernel.value("setattr(session.learner, 'update', None)")
    page.click(".uai-train")
    wait_for_phase(page, "failed")
    assert "The training failed: " in words(page, "message")
    assert "Your labels are kept." in words(page, "message")
    page.click(".uai-message summary")
    assert "Traceback" in words(page, "message")
    look("failed")
    kernel.value("setattr(session.learner, 'update', endless)")
    page.click(".uai-retry")
    wait_for_phase(page, "training")
    page.click(".uai-cancel")

    kernel.value("setattr(session, 'budget', session.n_asked)")
    wait_for_phase(page, "done")
    assert words(page, "ranked") == "Budget of 6 used: 1 anomaly found"  # the card still shows what is reviewed
    assert words(page, "more") == "Continue +5"
    look("done")
    page.click(".uai-more")
    wait_for_phase(page, "labeling")
    page.wait_for_selector(".uai-card[data-index]:not([data-index=''])")

    os.kill(kernel.value("__import__('os').getpid()"), 9)
    page.locator(".uai-panel .uai-banner", has_text="The kernel is gone").wait_for()  # not: it has not answered yet
    assert "labels are safe" in words(page, "banner")
    assert all(page.locator(f".uai-{name}").is_disabled() for name in ("anomaly", "normal", "unsure", "undo", "export"))
    look("kernel gone")
    assert {state: texts for state, texts in found.items() if texts} == {}


TABLE = """
import numpy as np, pandas as pd, uai_notebook as uai
rng = np.random.default_rng(0)
frame = pd.DataFrame(rng.normal(size=(300, 40)), columns=[f"feature {j}" for j in range(40)])
frame["kind"] = rng.choice(["a", "b"], 300)
ds = uai.Dataset.from_frame(frame, name="table")
session = uai.ActiveSession(ds, k=5, config=uai.TrainConfig(pretrain_steps=100, round_steps=20))
session.train()
explorer = uai.Explorer(session, train_every=1000)
explorer
"""
TAB_ORDER = """
group Label candidates
button Candidate 1 of 5: not answered
button Candidate 2 of 5: not answered
button Candidate 3 of 5: not answered
button Candidate 4 of 5: not answered
button Candidate 5 of 5: not answered
group 41 features
textbox Note
button Anomaly (a)
button Normal (n)
button Unsure (u)
button Train now
button Pause
button Export
button Copy
summary Why this one
summary When to stop
summary Review answers
button Keys (?)
combobox View
combobox Color
button Lasso
button Linear scale
group Scatter
button Anomaly (0)
button Normal (0)
button Unsure (0)
button Unlabeled (300)
button Found
button Separability
button If training had stopped
""".strip().splitlines()
FOCUSED = """() => {
  const e = document.activeElement, tag = e.tagName.toLowerCase();
  const role = e.getAttribute("role") ?? { select: "combobox", input: "textbox" }[tag] ?? tag;
  const own = [...(e.closest("label") ?? e).childNodes].filter((n) => n !== e && n.nodeName !== "TABLE");
  const name = e.getAttribute("aria-label") ?? own.map((n) => n.textContent).join("");
  return `${role} ${name.trim()}`;
}"""


def tab_to(page: Any, where: str, back: bool = False) -> None:
    """Press Tab, or Shift+Tab, until the focus is there."""
    for _ in range(60):
        page.keyboard.press("Shift+Tab" if back else "Tab")
        if page.evaluate("where => document.activeElement.matches(where)", where):
            return
    raise AssertionError(f"no way to {where} by Tab")


def test_the_whole_job_is_done_by_keyboard_and_read_in_order(
    page: Any, run_notebook: Callable[..., Any], wait_until_ran: Callable[..., None]
) -> None:
    kernel = run_notebook([TABLE])
    wait_until_ran(1)
    page.wait_for_selector(".js-plotly-plot .scatterlayer path", state="attached")
    page.wait_for_function("document.querySelector('.uai-scatter').dataset.drawn === '0'")
    read = page.locator(".uai-explorer").aria_snapshot()
    parts = ["Round 1 · 0 labeled", "ranked by base score", "Candidate 1 of 5: not answered", "text: Item ", "row "]
    parts += ["listitem: base score ", 'textbox "Note"', "Anomaly (a)", "Train now", "Why this one", "Round shown"]
    parts += ["Color", "Scatter of", "Unlabeled (300)", "Found", "found unsupervised ranking"]
    places = [read.find(part) for part in parts]
    assert -1 not in places, parts[places.index(-1)]
    assert places == sorted(places)

    page.locator(".jp-Cell").first.focus()  # where running a cell by its key leaves it
    tab_to(page, ".uai-panel")
    order = [page.evaluate(FOCUSED)]
    while len(order) < len(TAB_ORDER):
        page.keyboard.press("Tab")
        order.append(page.evaluate(FOCUSED))
    assert [name if "Scatter" not in name else "group Scatter" for name in order] == TAB_ORDER

    tab_to(page, ".uai-panel", back=True)
    batch = kernel.value("session.batch.tolist()")
    for key in ("a", "n", "u", "n"):
        page.keyboard.press(key)
    kernel.wait_for("session.n_labels == 4")
    assert kernel.value("session.labels[['index', 'label']].values.tolist()") == [
        [i, label] for i, label in zip(batch, (1, 0, -1, 0), strict=False)
    ]
    page.keyboard.press("Backspace")
    kernel.wait_for("session.n_labels == 3")
    page.wait_for_function("i => document.querySelector('.uai-card').dataset.index === String(i)", arg=batch[3])
    tab_to(page, ".uai-note input")
    page.keyboard.type("an odd one")
    page.keyboard.press("Enter")
    kernel.wait_for("list(session.notes.values()) == ['an odd one']")

    tab_to(page, ".uai-fold-why > summary")
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('.uai-fold-why .uai-fold-body').textContent.includes('feature')")
    tab_to(page, ".uai-fold-review > summary")
    page.keyboard.press("Enter")
    tab_to(page, ".uai-fold-review select")
    page.keyboard.press("ArrowDown")  # the first of the choices is all of them
    page.wait_for_function("document.querySelectorAll('.uai-fold-review [data-index]').length === 1")
    tab_to(page, ".uai-fold-review [data-index]")
    page.keyboard.press("Enter")
    page.wait_for_function("i => document.querySelector('.uai-card').dataset.index === String(i)", arg=batch[0])
    page.keyboard.press("u")  # changed my mind: the keys are on everywhere in the panel
    kernel.wait_for(f"session.store.get({batch[0]}).label == -1")
    page.keyboard.press("Control+z")
    kernel.wait_for(f"session.store.get({batch[0]}).label == 1")

    tab_to(page, ".uai-export", back=True)
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert download.value.suggested_filename == "table_labels.csv"
    tab_to(page, ".uai-train", back=True)
    page.keyboard.press("Space")
    kernel.wait_for("session.round == 1 and not session.training")
    page.wait_for_function("document.querySelector('.uai-scatter').dataset.frames === '2'")

    tab_to(page, ".uai-scatter-lasso")
    page.keyboard.press("Enter")
    tab_to(page, ".uai-scatter-plot")
    page.keyboard.press("[")
    page.wait_for_function("document.querySelector('.uai-scatter').dataset.round === '0'")
    page.keyboard.press("]")
    tab_to(page, ".uai-scatter-all")
    page.keyboard.press("Enter")
    page.wait_for_selector(".uai-scatter-answer:enabled")
    tab_to(page, ".uai-scatter-answer", back=True)
    before = kernel.value("session.n_labels")
    page.keyboard.press("Enter")
    kernel.wait_for(f"session.n_labels > {before}")
    tab_to(page, ".uai-panel", back=True)
    page.keyboard.press("Control+z")
    kernel.wait_for(f"session.n_labels == {before}")
    assert page.inner_text(".uai-keys") == "keys on"
    for where in (".uai-train", ".uai-fold-why > summary", ".uai-fold-review select", ".uai-scatter-plot"):
        page.locator(where).focus()
        page.keyboard.type("bxm")  # in command mode these add, delete and change cells
    page.locator(".uai-panel").focus()
    page.keyboard.press("Escape")
    assert page.inner_text(".uai-keys") == "keys off"
    assert page.locator(".jp-Cell").count() == page.locator(".jp-CodeCell").count() == 1
    assert page.problems == []
