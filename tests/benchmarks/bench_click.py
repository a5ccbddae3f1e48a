"""How long a click waits while the network trains: a real JupyterLab, Chromium, Fashion-MNIST_0.

Run: ``python tests/benchmarks/bench_click.py`` with UAI_NOTEBOOK_DATA set, or let it download. Two times per answer:
until the next candidate is on screen (painted by the browser), and until the answer is shown as given (journaled by the
kernel, and its message back). Writes ``results/bench_click.md`` and ``.json``.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "browser"))
import lab_harness  # noqa: E402

ANSWERS = 60

CELL = """
import uai_notebook as uai
config = uai.TrainConfig(pretrain_steps=200, round_steps={steps})
session = uai.ActiveSession.open("runs/click", uai.load_dataset("fashion_mnist_0"), base="class", k=10, config=config)
explorer = uai.Explorer(session, train_every=10_000)
explorer
"""

# One answer a quarter of a second, as a quick person gives them.
MEASURE = """
async (answers) => {
  const panel = document.querySelector(".uai-panel");
  // Until the page's document has changed; when it is painted is the browser's affair (here: software WebGL).
  const until = (done) => new Promise((resolve) => {
    const look = new MutationObserver(() => { if (done()) { look.disconnect(); resolve(performance.now()); } });
    look.observe(panel, { subtree: true, childList: true, attributes: true, characterData: true });
    if (done()) { look.disconnect(); resolve(performance.now()); }
  });
  const shown = [], given = [];
  for (let i = 0; i < answers; i++) {
    const start = performance.now(), item = panel.querySelector(".uai-card").dataset.index;
    panel.dispatchEvent(new KeyboardEvent("keydown", { key: "n", bubbles: true }));
    shown.push(await until(() => panel.querySelector(".uai-card").dataset.index !== item) - start);
    given.push(await until(() => !panel.querySelector(".uai-pending")) - start);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  return { shown, given };
}
"""


def measure() -> dict[str, dict[str, list[float]]]:
    """Times in ms, idle and while a round trains."""
    from playwright.sync_api import sync_playwright

    lab = lab_harness.LabServer(Path(tempfile.mkdtemp()))
    times: dict[str, dict[str, list[float]]] = {}
    try:
        lab_harness.write_notebook(lab.notebooks / "click.ipynb", [CELL.format(steps=100_000)])
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=lab_harness.CHROMIUM, headless=True, args=lab_harness.CHROMIUM_FLAGS
            )
            page = browser.new_context(viewport={"width": 1400, "height": 1000}).new_page()
            kernel = lab_harness.run_all(page, lab, "click.ipynb")
            page.wait_for_selector(".uai-card[data-index]:not([data-index=''])", timeout=180_000)
            page.wait_for_timeout(5000)  # the discovery curve
            times["idle"] = page.evaluate(MEASURE, ANSWERS)
            page.click(".uai-train")
            kernel.wait_for("session.training and session.progress is not None")
            times["training"] = page.evaluate(MEASURE, ANSWERS)
            assert kernel.value("session.training"), "the round ended before the measurement: give it more steps"
            assert kernel.value("session.n_labels") == 2 * ANSWERS
            page.click(".uai-cancel")
            kernel.close()
    finally:
        lab.close()
    return times


def table(times: dict[str, dict[str, list[float]]]) -> str:
    """Markdown."""
    lines = ["| | next candidate, median | p95 | shown as given, median | p95 |", "|---|---:|---:|---:|---:|"]
    for state, kinds in times.items():
        cells = [f"{f(values):.0f}" for values in (kinds["shown"], kinds["given"]) for f in (statistics.median, _p95)]
        lines.append(f"| {state} | " + " | ".join(cells) + " |")
    note = f"Milliseconds over {ANSWERS} answers each, Fashion-MNIST_0 (54,600 images), software WebGL, two cores."
    return "\n".join(lines) + "\n\n" + note + "\n"


def _p95(values: list[float]) -> float:
    return sorted(values)[int(0.95 * len(values))]


def main() -> None:
    """Measure, print, write."""
    times = measure()
    text = table(times)
    print(text)
    (ROOT / "results" / "bench_click.md").write_text(text)
    (ROOT / "results" / "bench_click.json").write_text(json.dumps(times) + "\n")


if __name__ == "__main__":
    main()
