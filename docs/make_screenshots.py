"""Make the README's screenshots, and those to look over, from the real thing: JupyterLab, a kernel, Chromium.

Run from the repository: ``make screenshots``, or ``python docs/make_screenshots.py [folder]``. With ``--look FOLDER``
instead: the Explorer and the figures of Appendix C, light and dark, 700 and 1400 pixels wide, and each of these as it
is seen with two kinds of colour blindness.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

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
# As in Appendix C: a latent of one dimension, so that the head is a line.
ONE_DIMENSION = """
import uai_notebook as uai
ds = uai.load_dataset("digits_0")
config = uai.TrainConfig(hidden=(256, 64, 1))
session = uai.ActiveSession(ds, base="class", k=10, budget=150, config=config)
"""
FIGURES = {
    "evolution": "uai.views.evolution(session, numbers=uai.views.separability(session))",
    "compare": "uai.views.compare(session)",
    "separability": "uai.views.separability_curve(session)",
    "known_labels": "uai.views.separability_curve(session, on='known labels')",
    "frozen": "uai.views.frozen_curves(session)",
    "discovery": "uai.views.discovery_curve([session])",
    "choices": "uai.views.choices(session)",
    "latent_map": "uai.views.latent_map(session, of='both', max_items=800)",
}
#: What a person may switch on in the scatter: a menu and what is chosen there, or a button. One after the other; each
#: is switched off again before the next.
STATES = {
    "uai": ("color", "UAI probability"),
    "score": ("color", "base score"),
    "truth": ("color", "truth (simulation)"),
    "compare": ("button", "compare"),
    "lasso": ("button", "lasso"),
}

OUTPUT = ".jp-RenderedPlotly:has(.main-svg)"  # a figure in a cell of its own
ALL_DRAWN = f"n => document.querySelectorAll('{OUTPUT}').length >= n"

# Machado, Oliveira and Fernandes 2009, "A physiologically-based model for simulation of color vision deficiency",
# severity 1: rows give red, green and blue as seen, of linear red, green and blue as shown.
VISION = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
}


def as_seen(pixels: npt.NDArray[np.uint8], vision: str) -> npt.NDArray[np.uint8]:
    """Colours (..., 3) in sRGB as they look to somebody with ``vision``, a key of ``VISION``.

    Examples
    --------
    >>> as_seen(np.array([[255, 0, 0], [128, 128, 128]], np.uint8), "protanopia").tolist()
    [[109, 95, 0], [128, 128, 128]]
    """
    value = pixels / 255.0
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.array(VISION[vision]).T, 0.0, 1.0)
    value = np.where(seen <= 0.0031308, 12.92 * seen, 1.055 * seen ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(255 * value), np.uint8)


def write_as_seen(path: Path) -> list[Path]:
    """Beside a picture, the same for each kind of vision."""
    from PIL import Image

    pixels = np.asarray(Image.open(path).convert("RGB"))
    made = []
    for vision in VISION:
        made.append(path.with_name(f"{path.stem}_{vision}.png"))
        Image.fromarray(as_seen(pixels, vision)).save(made[-1])
    return made


@contextmanager
def open_lab(dark: bool) -> Iterator[lab_harness.LabServer]:
    """A JupyterLab of its own, in one of its two themes."""
    lab = lab_harness.LabServer(Path(tempfile.mkdtemp()))
    try:
        if dark:
            theme = lab.root / "config/lab/user-settings/@jupyterlab/apputils-extension/themes.jupyterlab-settings"
            theme.write_text(json.dumps({"theme": "JupyterLab Dark"}))
        yield lab
    finally:
        lab.close()


def open_notebook(browser: Any, lab: lab_harness.LabServer, cells: list[str]) -> Any:
    """A page with the notebook, run, without the file browser."""
    lab_harness.write_notebook(lab.notebooks / "demo.ipynb", cells)
    page = browser.new_context(viewport={"width": 1500, "height": 1200}, device_scale_factor=1.5).new_page()
    lab_harness.run_all(page, lab, "demo.ipynb").close()
    page.keyboard.press("Control+b")  # hide the file browser
    return page


def shoot(browser: Any, folder: Path, *, dark: bool, width: int) -> Path:
    """One picture of the Explorer after five rounds and three answers of the sixth."""
    with open_lab(dark) as lab:
        page = open_notebook(browser, lab, [CELL, ANSWERS])
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


def shoot_all(browser: Any, folder: Path, *, dark: bool) -> Iterator[Path]:
    """Everything to look over, in one theme."""
    with open_lab(dark) as lab:
        page = open_notebook(browser, lab, [ONE_DIMENSION, ANSWERS, CELL.split("\n", 4)[-1], *FIGURES.values()])
        page.wait_for_function("document.querySelector('.uai-scatter')?.dataset.round === '5'", timeout=300_000)
        page.wait_for_function(ALL_DRAWN, arg=len(FIGURES), timeout=300_000)
        for width in (700, 1400):
            page.set_viewport_size({"width": width, "height": 2600})  # or the status bar would lie over the Explorer
            page.wait_for_timeout(6000)
            name = f"{'dark' if dark else 'light'}_{width}"
            for part, node in _parts(page):
                path = folder / f"{name}_{part}.png"
                node.scroll_into_view_if_needed()
                page.wait_for_timeout(700)
                node.screenshot(path=path)
                yield from (path, *write_as_seen(path))


def _parts(page: Any) -> Iterator[tuple[str, Any]]:
    """Names and elements: the Explorer on each of its pages, the scatter in each state it has, and the figures."""
    explorer = page.locator(".uai-explorer").first
    yield "explorer", explorer
    scatter = explorer.locator(".uai-scatter")
    for state, (kind, name) in STATES.items():
        switch = scatter.locator("select.uai-scatter-color")
        if kind == "button":
            switch = scatter.get_by_role("button", name=re.compile(name, re.IGNORECASE))
        elif name not in switch.locator("option:enabled").all_text_contents():
            continue
        if switch.count() != 1 or not switch.is_enabled():
            continue
        switch.click() if kind == "button" else switch.select_option(label=name)
        page.wait_for_timeout(1500)
        yield f"scatter_{state}", scatter
        switch.click() if kind == "button" else switch.select_option(index=0)
    for tab in ("Separability", "If training had stopped", "Found"):
        explorer.get_by_role("button", name=tab).click()
        page.wait_for_timeout(4000)
        if tab != "Found":
            yield f"explorer_{tab.split()[-1].lower()}", explorer
    outputs = page.locator(OUTPUT)
    for i, name in enumerate(FIGURES):
        yield name, outputs.nth(i)


def main(arguments: Sequence[str] | None = None) -> None:
    """The README's: light, dark, and narrow. Or all there is to look over."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / "docs" / "img", help="for the README's pictures")
    parser.add_argument("--look", type=Path, metavar="FOLDER", help="make those to look over, and write them here")
    options = parser.parse_args(arguments)
    folder = options.look or options.folder
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=lab_harness.CHROMIUM, headless=True, args=lab_harness.CHROMIUM_FLAGS
        )
        if options.look:
            for dark in (False, True):
                for path in shoot_all(browser, folder, dark=dark):
                    print(path)
        else:
            for dark, width in ((False, 1500), (True, 1500), (False, 760)):
                print(shoot(browser, folder, dark=dark, width=width))
        browser.close()


if __name__ == "__main__":
    main()
