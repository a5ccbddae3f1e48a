"""How long a new round takes to the screen, and scrubbing: a real JupyterLab, a real kernel, Chromium, software WebGL.

Run: ``python tests/benchmarks/bench_scatter.py``. 60,000 and 500,000 items with latents of 8 dimensions in a real
session with a real Explorer; only the training is a sleep of a second (``drifting_learner.py``). On the same page and
in turn with it, plotly's FigureWidget (scattergl) gets new coordinates of 60,000 points. Writes
``results/bench_scatter.md`` and ``.json``.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import plotly

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "browser"), str(Path(__file__).parent)]
from benchmark_record import machine_line, processor, versions, write  # noqa: E402

import lab_harness  # noqa: E402

MANY, HUGE = 60_000, 500_000
EARLIER = 24  # rounds that are there before the page opens
NEW_ROUND_MS, SCRUB_MS = 300, 60  # what the project promises for MANY

Times = dict[str, list[float]]

EXPLORER = """
import json, sys, time
sys.path.insert(0, {folder!r})
import numpy as np
import uai_notebook as uai
from drifting_learner import DriftingLearner
x = np.random.default_rng(0).normal(size=({n}, 8)).astype(np.float32)
learner = DriftingLearner(uai.Dataset.from_arrays(x))
session = uai.ActiveSession(uai.Dataset.from_arrays(x), learner, k=10)
def answer():
    session.label(session.queue, np.arange(len(session.queue)) % 2)
def train():
    session.train()
    return session.round
session.train()
for _ in range({earlier}):
    answer()
    session.train()
learner.seconds = 1.0
explorer = uai.Explorer(session, train_every=10**6)
sent, send = [], explorer.scatter.send
def counted(content, buffers=None):
    number = content.get("frame", {{}}).get("round")
    sent.append((number, time.time(), len(json.dumps(content)), sum(len(b) for b in buffers or ())))
    send(content, buffers)
explorer.scatter.send = counted
explorer
"""
FIGURE = """
import plotly.graph_objects as go
snapshot = session.snapshot
figure = go.FigureWidget(go.Scattergl(x=snapshot.latent[:, 0], y=snapshot.base_score, mode="markers"))
figure.update_layout(height=400, width=800)
def move_figure(turn):
    x = snapshot.latent[:, 0] + np.float32(0.01 * turn)
    x[0] = turn  # by this the page knows it again
    begin = time.time()
    with figure.batch_update():
        figure.data[0].x, figure.data[0].y = x, snapshot.base_score * np.float32(1 + 0.01 * turn)
    return begin
figure
"""

# Every draw is written down: [round, time, time of the pixels]. The first time is that of the next frame of the screen,
# after the pixels have been waited for. `taken`: when the page had read the message of a round.
WATCH = """
() => {
  const root = document.querySelector(".uai-scatter"), pixel = new Uint8Array(4);
  const gl = root.querySelector(".uai-scatter-gl").getContext("webgl2");
  window.clock = () => performance.timeOrigin + performance.now();
  window.settled = (gl, then) => {
    gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
    const pixels = clock();
    requestAnimationFrame(() => then(clock(), pixels));
  };
  window.draws = [];
  window.taken = [];
  new MutationObserver(() => {
    const round = +root.dataset.drawn;
    settled(gl, (time, pixels) => draws.push([round, time, pixels]));
  }).observe(root, { attributes: true, attributeFilter: ["data-drawn"] });
  new MutationObserver(() => taken.push([+root.dataset.round, clock()]))
    .observe(root, { attributes: true, attributeFilter: ["data-round"] });
}
"""
WATCH_FIGURE = """
() => {
  const plot = [...document.querySelectorAll(".js-plotly-plot")].find((p) => p.data?.[0]?.type === "scattergl");
  if (!plot?.querySelector("canvas.gl-canvas")) return false; // not drawn yet
  const gl = plot.querySelector("canvas.gl-canvas-context, canvas.gl-canvas");
  const context = gl.getContext("webgl") || gl.getContext("webgl2");
  window.plots = [];
  plot.on("plotly_afterplot", () => {
    const turn = plot.data[0].x[0];
    settled(context, (time) => plots.push([turn, time]));
  });
  return true;
}
"""
# Places of the slider in a fixed order that jumps; `first`: each place once, before its points were ever drawn.
SCRUB = """
async ({ turns, first }) => {
  const root = document.querySelector(".uai-scatter"), slider = root.querySelector("input[type=range]");
  const n = +slider.max + 1, times = [];
  for (let i = 1; i <= turns; i++) {
    const p = first ? n - 1 - i : (+slider.value + 1 + (i * 7) % (n - 1)) % n, begin = clock();
    draws.length = 0;
    slider.value = String(p);
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    const round = +root.dataset.round;
    while (!draws.some(([r]) => r === round)) await new Promise(requestAnimationFrame);
    times.push(draws.find(([r]) => r === round)[1] - begin);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return times;
}
"""
# The pointer at places all over the plot: how long until the tooltip tells of the point there; the first one apart.
HOVER = """
() => {
  const root = document.querySelector(".uai-scatter"), plot = root.querySelector(".uai-scatter-plot");
  const box = plot.getBoundingClientRect(), times = [];
  for (let i = 0; i < 40; i++) {
    const clientX = box.left + box.width * (0.1 + 0.8 * ((i * 0.618) % 1));
    const clientY = box.top + box.height * (0.05 + 0.8 * ((i * 0.414) % 1)), begin = performance.now();
    plot.dispatchEvent(new PointerEvent("pointermove", { clientX, clientY, bubbles: true }));
    const tip = root.querySelector(".uai-scatter-tip");
    if (tip && !tip.hidden) times.push(performance.now() - begin);
  }
  return times;
}
"""


class Page:
    """One notebook in the browser, with its kernel and the difference of their clocks."""

    def __init__(self, browser: Any, lab: lab_harness.LabServer, name: str, cells: list[str]) -> None:
        lab_harness.write_notebook(lab.notebooks / name, cells)
        self.page = browser.new_context(viewport={"width": 1400, "height": 1000}).new_page()
        self.said = 0  # messages to the kernel
        self.page.on("websocket", lambda socket: socket.on("framesent", self._count))
        self.page.emulate_media(reduced_motion="reduce")
        self.kernel = lab_harness.run_all(self.page, lab, name)
        self.page.wait_for_selector(".uai-scatter[data-frames]:not([data-frames='0'])", timeout=300_000)
        self.page.wait_for_function(
            "n => +document.querySelector('.uai-scatter').dataset.frames === n", arg=EARLIER + 1, timeout=120_000
        )
        self.page.wait_for_timeout(5000)  # the discovery curve
        self.page.evaluate(WATCH)
        self.ahead = self._clock_ahead()

    def _count(self, _payload: Any) -> None:
        self.said += 1

    def _clock_ahead(self) -> float:
        """By how many ms the page's clock is ahead of Python's, from the quickest of 20 looks."""
        looks = []
        for _ in range(20):
            begin = time.time()
            page = self.page.evaluate("clock()")
            end = time.time()
            looks.append((end - begin, page - 500 * (begin + end)))
        return min(looks)[1]

    def since(self, begin: float, times: str, key: float) -> list[list[float]]:
        """The entries of ``key`` in a list of the page, their times as ms from ``begin`` (seconds since 1970)."""
        self.page.wait_for_function(f"k => {times}.some(([key]) => key === k)", arg=key, timeout=60_000)
        self.page.wait_for_timeout(700)  # a movement takes 450 ms
        zero = 1000 * begin + self.ahead
        return [[time - zero for time in entry] for found, *entry in self.page.evaluate(times) if found == key]

    def new_round(self) -> dict[str, float]:
        """Ms from the learner's snapshot until it was sent, taken by the page, and drawn; and to its last draw."""
        self.page.locator(".uai-scatter-plot").scroll_into_view_if_needed()
        self.page.evaluate("draws.length = taken.length = 0")
        self.kernel.value("answer()")
        number = self.kernel.value("train()")
        given = self.kernel.value(f"learner.given[{number}]")
        sent = self.kernel.value(f"next(time for round, time, *_ in reversed(sent) if round == {number})")
        draws, taken = self.since(given, "draws", number), self.since(given, "taken", number)
        # While points travel, the next frame waits for the pixels of the next draw: then the pixels count.
        return {
            "sent": 1000 * (sent - given),
            "taken": taken[0][0],
            "drawn": draws[0][0],
            "moving, first": draws[0][1],
            "moving, arrived": draws[-1][1],
        }

    def scrub(self, turns: int, first: bool) -> list[float]:
        """Ms of each turn of the slider."""
        return list(self.page.evaluate(SCRUB, {"turns": turns, "first": first}))

    def close(self) -> None:
        """Leave the page."""
        self.kernel.close()
        self.page.context.close()


def measure_many(page: Page, rounds: int, scrubs: int) -> tuple[Times, dict[str, Any]]:
    """Everything about 60,000 points."""
    times: Times = {name: [] for name in ("sent", "taken", "drawn", "moving, first", "moving, arrived", "plotly")}
    ready = page.kernel.value("sent")
    before = page.said
    times["scrub, first time"] = page.scrub(EARLIER, first=True)
    times["scrub"] = page.scrub(scrubs, first=False)
    page.page.wait_for_timeout(300)
    asked = page.said - before
    page.page.evaluate("s => { s.value = s.max; s.dispatchEvent(new Event('input')); }", _slider(page))
    page.page.wait_for_function(WATCH_FIGURE, timeout=120_000)
    for turn in range(rounds):
        new = page.new_round()
        _add(times, {name: new[name] for name in ("sent", "taken", "drawn")})
        page.page.locator("canvas.gl-canvas").first.scroll_into_view_if_needed()
        page.page.wait_for_timeout(1000)
        begin = page.kernel.value(f"move_figure({100 + turn})")
        times["plotly"].append(page.since(begin, "plots", 100 + turn)[0][0])
    page.page.emulate_media(reduced_motion="no-preference")
    for _ in range(rounds // 2):
        new = page.new_round()
        _add(times, {name: new[name] for name in ("moving, first", "moving, arrived")})
    return times, {"asked while scrubbing": asked, **_messages(page, ready)}


def measure_huge(page: Page, rounds: int, scrubs: int) -> tuple[Times, dict[str, Any]]:
    """Everything about 500,000 items."""
    ready = page.kernel.value("sent")
    times: Times = {name: [] for name in ("sent", "taken", "drawn", "hover, first", "hover")}
    for _ in range(rounds):
        _add(times, page.new_round())
        first, *others = page.page.evaluate(HOVER)
        times["hover, first"].append(first)
        times["hover"].extend(others)
    drawn = int(page.page.get_attribute(".uai-scatter", "data-points"))
    times["scrub"] = page.scrub(scrubs, first=False)
    said = page.page.inner_text(".uai-scatter-thin")
    return times, {"drawn": drawn, "said": said, **_messages(page, ready)}


def _add(times: Times, new: dict[str, float]) -> None:
    for name in times.keys() & new.keys():
        times[name].append(new[name])


def _slider(page: Page) -> Any:
    return page.page.query_selector(".uai-scatter input[type=range]")


def _messages(page: Page, ready: list[tuple[int | None, float, int, int]]) -> dict[str, Any]:
    """Bytes of "ready", all rounds of it, and of each new round: the buffers, and the JSON beside them."""
    sent = page.kernel.value("sent")[len(ready) :]
    rounds = [(json, buffers) for number, _, json, buffers in sent if number is not None]
    return {
        "points": int(page.page.get_attribute(".uai-scatter", "data-points")),
        "ready, frames": sum(number is not None for number, *_ in ready),
        "ready, buffers": sum(buffers for *_, buffers in ready),
        "ready, json": sum(json for _, _, json, _ in ready),
        "round, buffers": statistics.median(buffers for _, buffers in rounds),
        "round, json": statistics.median(json for json, _ in rounds),
    }


def measure(rounds: int, scrubs: int) -> dict[str, Any]:
    """Both sizes, one after the other."""
    from playwright.sync_api import sync_playwright

    lab = lab_harness.LabServer(Path(tempfile.mkdtemp()))
    folder = str(Path(__file__).parent)
    found: dict[str, Any] = {}
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=lab_harness.CHROMIUM, headless=True, args=lab_harness.CHROMIUM_FLAGS
            )
            for n, work, more in ((MANY, measure_many, [FIGURE]), (HUGE, measure_huge, [])):
                cells = [EXPLORER.format(folder=folder, n=n, earlier=EARLIER), *more]
                page = Page(browser, lab, f"scatter{n}.ipynb", cells)
                load = os.getloadavg()[0]
                times, facts = work(page, rounds, scrubs)
                loads = [round(load, 2), round(os.getloadavg()[0], 2)]
                found[str(n)] = {"ms": _rounded(times), **facts, "clock ahead, ms": round(page.ahead, 2), "load": loads}
                page.close()
                lab.stop_kernels()
            found["chromium"] = browser.version
            browser.close()
    finally:
        lab.close()
    return found


def _rounded(times: Times) -> Times:
    return {name: [round(value, 1) for value in values] for name, values in times.items()}


def _p95(values: Sequence[float]) -> float:
    return sorted(values)[int(0.95 * len(values))]


def _row(name: str, values: Sequence[float], note: str = "") -> str:
    return f"| {name} | {statistics.median(values):.0f} | {_p95(values):.0f} | {len(values)} | {note} |"


def report(found: dict[str, Any]) -> str:
    """Markdown."""
    many, huge = found[str(MANY)], found[str(HUGE)]
    ms, large = many["ms"], huge["ms"]
    plotly_ms, ours = statistics.median(ms["plotly"]), statistics.median(ms["drawn"])
    alike = statistics.median(whole - sent for whole, sent in zip(ms["drawn"], ms["sent"], strict=True))
    floor = 12 * many["points"]
    lines = [
        "| 60,000 points, ms | median | p95 | times | promised |",
        "|---|---:|---:|---:|---|",
        _row("new round, from the snapshot to its points on screen", ms["drawn"], f"{NEW_ROUND_MS}"),
        _row("of it until it is sent: session, history, other views", ms["sent"]),
        _row("of it until the page has read it", ms["taken"]),
        _row("the same where points travel: first draw", ms["moving, first"]),
        _row("the same: arrived (the movement is 450 ms)", ms["moving, arrived"]),
        _row("scrubbing to a round drawn before", ms["scrub"], f"{SCRUB_MS}"),
        _row("scrubbing to a round never drawn", ms["scrub, first time"], f"{SCRUB_MS}"),
        _row("plotly FigureWidget, scattergl: new x and y to the screen", ms["plotly"]),
        "",
        f"plotly takes {plotly_ms / ours:.1f} times as long as a whole new round, and {plotly_ms / alike:.1f} times as "
        "long as the like part, from the call that sends to the screen; measured in turn on the same page. Messages to "
        f"the kernel while scrubbing: {many['asked while scrubbing']}.",
        "",
        "| bytes | buffers | JSON | floor |",
        "|---|---:|---:|---:|",
        f"| a new round of 60,000 | {many['round, buffers']:,.0f} | {many['round, json']:,.0f} | {floor:,} |",
        f'| "ready" with {many["ready, frames"]} rounds | {many["ready, buffers"]:,} | {many["ready, json"]:,} | '
        f"{floor * many['ready, frames']:,} |",
        f"| a new round of 500,000 | {huge['round, buffers']:,.0f} | {huge['round, json']:,.0f} | "
        f"{12 * huge['points']:,} |",
        f'| "ready" with {huge["ready, frames"]} rounds | {huge["ready, buffers"]:,} | {huge["ready, json"]:,} | '
        f"{12 * huge['points'] * huge['ready, frames']:,} |",
        "",
        "The floor is x, y and UAI probability of every point drawn, float32, once. The rest is labels, the item "
        "numbers (once) and a few words of JSON.",
        "",
        f"| 500,000 items, {huge['drawn']:,} drawn, ms | median | p95 | times | |",
        "|---|---:|---:|---:|---|",
        _row("new round", large["drawn"]),
        _row("of it until it is sent", large["sent"]),
        _row("of it until the page has read it", large["taken"]),
        _row("scrubbing", large["scrub"]),
        _row("the tooltip's words, first time in a round", large["hover, first"]),
        _row("the tooltip's words", large["hover"]),
        "",
        f'The plot says: "{huge["said"]}".',
        "",
        "From the moment the learner hands over its snapshot, so that the session's own work counts, to the next frame "
        "of the screen after the pixels have been waited for. Points do not travel (prefers-reduced-motion) where it "
        f"is not said. Load of the machine, begin and end: {_loads(many)}; 500,000 items: {_loads(huge)}. "
        f"{os.cpu_count()} cores, Chromium {found['chromium']}, software WebGL.",
        "",
        machine_line(np, plotly),
    ]
    return "\n".join(lines) + "\n"


def _loads(part: dict[str, Any]) -> str:
    return " and ".join(str(load) for load in part["load"])


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=20, help="new rounds of each size")
    parser.add_argument("--scrubs", type=int, default=60, help="turns of the slider")
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "bench_scatter", help="without .md and .json")
    options = parser.parse_args(arguments)
    found = measure(options.rounds, options.scrubs)
    record = {"processor": processor(), "versions": versions(np, plotly), **found}
    text = report(found)
    print(text, end="")
    write(options.out, text, record)


if __name__ == "__main__":
    main()
