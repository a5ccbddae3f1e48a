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


READER = """
import uai_notebook as uai
ds = uai.load_dataset("digits_0")
config = uai.TrainConfig(pretrain_steps=100, round_steps=20)
session = uai.ActiveSession.open("runs/reader", ds, k=5, config=config)
session.train()
session.label(session.queue, [0, 1, 0, 0, -1])
session.train()
session.close()
reader = uai.ActiveSession.resume("runs/reader", ds, read_only=True)
uai.LabelPanel(reader)
"""


def test_a_session_that_is_only_read_shows_reasons_outlook_and_answers_and_can_be_exported(
    page: Any, run_notebook: Callable[..., Any], wait_until_ran: Callable[..., None]
) -> None:
    kernel = run_notebook([READER])
    wait_until_ran(1)
    page.wait_for_selector(".uai-card[data-index]:not([data-index=''])")
    assert "it takes no answers" in page.inner_text(".uai-message")
    for kind in ("why", "outlook", "review"):
        unfold(page, kind)
    item = kernel.value("int(reader.labels['index'].iloc[0])")
    page.click(f".uai-fold-review [data-index='{item}']")
    page.wait_for_function("i => document.querySelector('.uai-card').dataset.index === String(i)", arg=item)
    page.wait_for_function("document.querySelector('.uai-card .uai-why').textContent.includes('base score')")
    with page.expect_download() as download:
        page.click(".uai-export")
    assert len(download.value.path().read_text().splitlines()) == 6
    page.locator(".uai-panel").focus()
    page.keyboard.press("a")
    assert page.locator(".uai-anomaly").is_disabled()
    assert page.locator(".uai-note input").is_disabled()
    assert kernel.value("reader.n_labels") == 5
    assert page.problems == []


WIDE = """
import numpy as np, pandas as pd, uai_notebook as uai
rng = np.random.default_rng(0)
numbers = rng.lognormal(3, 1, (300, 40)) * 10.0 ** (np.arange(40) % 12 - 5)
frame = pd.DataFrame(numbers, columns=[f"measurement_of_sensor_number_{j}_in_hall_B" for j in range(40)])
frame.index = [f"order-{i}-{'x' * 60}" for i in range(300)]
ds = uai.Dataset.from_frame(frame, name="wide")
session = uai.ActiveSession(ds, k=5, config=uai.TrainConfig(pretrain_steps=100, round_steps=20))
session.train()
for _ in range(3):
    session.label(session.queue, [0, 1, 0, 0, 1])
    session.train()
uai.Explorer(session, train_every=1000)
"""
#: Words that stand on more than one line, and what sticks out of the panel without a way to scroll to it.
BROKEN = """() => {
  const panel = document.querySelector(".uai-panel"), right = panel.getBoundingClientRect().right;
  const range = document.createRange();
  const cut = [...panel.querySelectorAll(":is(.uai-body, .uai-fold-body) td")].filter(cell => {
    let text = cell;
    while (text.firstChild) text = text.firstChild;
    const words = text.nodeType === 3 ? [...text.data.matchAll(/\\S+/g)] : [];
    return words.some(({ 0: word, index }) => {
      range.setStart(text, index);
      range.setEnd(text, index + word.length);
      return range.getClientRects().length > 1;
    });
  });
  const out = [...panel.querySelectorAll(".uai-fold-body")].filter(body =>
    body.getBoundingClientRect().right > right || (body.scrollWidth > body.clientWidth && body.tabIndex !== 0));
  return [cut.map(cell => cell.textContent), out.map(body => body.className)];
}"""


FITS = "width => document.querySelector('.uai-panel').getBoundingClientRect().right <= width"


def test_no_number_is_cut_in_two_however_narrow_the_panel_is(
    page: Any, run_notebook: Callable[..., Any], wait_until_ran: Callable[..., None]
) -> None:
    run_notebook([WIDE])
    wait_until_ran(1)
    page.wait_for_selector(".uai-card[data-index]:not([data-index=''])")
    for kind in ("why", "outlook"):
        unfold(page, kind)
    page.click(".uai-why-card summary")
    widths = set()
    for width in (1400, 1150, 900, 700, 500):
        page.set_viewport_size({"width": width, "height": 1000})
        page.wait_for_function(FITS, arg=width)
        page.evaluate("() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")
        widths.add(page.evaluate("document.querySelector('.uai-panel').clientWidth"))
        assert page.evaluate(BROKEN) == [[], []], width
        assert page.evaluate("document.querySelector('.uai-why-card tbody th').clientWidth") > 80
    assert min(widths) < 400
