"""Make the README's screenshots from the real thing: JupyterLab, a kernel, Chromium.

Run from the repository: ``make screenshots``, or ``python docs/make_screenshots.py [folder]``.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "browser"))
import lab_harness  # noqa: E402

CELL = """
import uai_notebook as uai
ds = uai.load_dataset("digits_0")
session = uai.ActiveSession.open("runs/demo", ds, base="class", k=10, budget=150)
explorer = uai.Explorer(session)
explorer
"""
# A person would have answered these: the oracle's first rounds, then the page takes over with real key presses.
ANSWERS = """
oracle = uai.Oracle(ds.y)
while session.n_asked < 50:
    session.train()
    session.label(session.queue, oracle.audit(session.queue))
session.train();
"""


def shoot(browser: Any, folder: Path, *, dark: bool, width: int) -> Path:
    """One picture of the Explorer after five rounds and three answers of the sixth."""
    lab = lab_harness.LabServer(Path(tempfile.mkdtemp()))
    try:
        if dark:
            theme = lab.root / "config/lab/user-settings/@jupyterlab/apputils-extension/themes.jupyterlab-settings"
            theme.write_text(json.dumps({"theme": "JupyterLab Dark"}))
        lab_harness.write_notebook(lab.notebooks / "demo.ipynb", [CELL, ANSWERS])
        page = browser.new_context(viewport={"width": 1500, "height": 1200}, device_scale_factor=1.5).new_page()
        lab_harness.run_all(page, lab, "demo.ipynb").close()
        page.keyboard.press("Control+b")  # hide the file browser
        page.set_viewport_size({"width": width, "height": 1600})  # only now: a narrow toolbar hides the indicator
        page.wait_for_function("document.querySelector('.uai-scatter')?.dataset.round === '5'", timeout=180_000)
        page.wait_for_selector(".js-plotly-plot .scatterlayer path", timeout=60_000)
        page.locator(".uai-panel").focus()
        for key in "nna":
            page.keyboard.press(key)
            page.wait_for_timeout(400)
        page.wait_for_timeout(3000)
        name = f"explorer_{'dark' if dark else 'light'}{'' if width > 1000 else '_narrow'}.png"
        page.locator(".uai-explorer").first.screenshot(path=folder / name)
        return folder / name
    finally:
        lab.close()


def main() -> None:
    """Light, dark, and narrow."""
    from playwright.sync_api import sync_playwright

    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "img"
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=lab_harness.CHROMIUM, headless=True, args=lab_harness.CHROMIUM_FLAGS
        )
        for dark, width in ((False, 1500), (True, 1500), (False, 760)):
            print(shoot(browser, folder, dark=dark, width=width))
        browser.close()


if __name__ == "__main__":
    main()
