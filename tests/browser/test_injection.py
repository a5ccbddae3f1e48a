"""Hostile strings in every field, in a real JupyterLab: nothing executes, and everything is shown as text."""

from __future__ import annotations

import contextlib
import csv
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from injections import INJECTIONS, WHOLE, carried, folder
from playwright.sync_api import TimeoutError

N = len(INJECTIONS)
HERE = str(Path(__file__).parent)

#: What both notebooks begin with: data with every string as id, column, cell, category, given class, note, annotator.
DATA = f"""
import sys, warnings
sys.path.insert(0, {HERE!r})
warnings.simplefilter("ignore", UserWarning)  # a column of 60 texts is no feature
from pathlib import Path
import numpy as np, pandas as pd, uai_notebook as uai
from injections import INJECTIONS, WHOLE, folder
BAD = INJECTIONS
n = len(BAD)
rng = np.random.default_rng(0)
numbers = rng.normal(size=(2 * n, n)).round(2)
numbers[np.arange(2 * n), np.arange(2 * n) % n] += 50  # the feature that is furthest out has the item's own string
ids = ["old " + text for text in BAD] + BAD

def column(values):
    return pd.Series(values, dtype="object")

df = pd.DataFrame(numbers, columns=pd.Index(BAD, dtype="object"))
df["id"], df["text"], df["class"] = column(ids), column(BAD + BAD), column(BAD + BAD)
for start in range(0, n, 8):  # categories to colour by
    df[f"group {{start}}"] = column([BAD[start:start + 8][i % len(BAD[start:start + 8])] for i in range(2 * n)])
ds = uai.Dataset.from_frame(df, id="id", x_y="class", name=BAD[1])
config = uai.TrainConfig(hidden=(8, 2), pretrain_steps=30, round_steps=1)
"""

SESSION = """
session = uai.ActiveSession.open("runs/" + folder(BAD[1]), ds, base="class", k=n, config=config)
for i, text in enumerate(BAD):
    session.label([i], int(i % 2 == 0), annotator=text[:200])
    session.note(i, text)
    session.note(n + i, text)
session.train()
explorer = uai.Explorer(session, train_every=1000)
explorer
"""

TEXTS = """
given = uai.Dataset.from_arrays(numbers[:n], items=column(BAD), ids=BAD)
waiting = uai.ActiveSession(given, k=n, config=config)
waiting.train()
uai.LabelPanel(waiting, renderer=lambda item: f"text {item}", train_every=1000)
"""

FAILING = """
def fail(item):
    raise ValueError(item)

uai.LabelPanel(waiting, renderer=fail, train_every=1000)
"""

QUERY = """
said = ""

def query(snapshot, unlabeled, k, rng):
    raise ValueError(said)

broken = uai.ActiveSession(given, k=n, query=query, config=config)
uai.LabelPanel(broken, train_every=1000)
"""

#: Elements and attributes that the strings ask for and that nothing here makes; ``root`` is where data are shown.
#: JupyterLab itself makes links of addresses in plain text, which say where they go.
FOUND = """root => {
  const tags = "script,iframe,frame,object,embed,base,meta,link,form,audio,video,source,marquee,template,math,noscript";
  const kept = /^(data:image\\/(png|gif);|blob:|#|$|https:\\/\\/plotly.com\\/$)/;
  const bad = node => [...node.attributes].some(({ name, value }) =>
    name.startsWith("on") || name === "srcdoc" || name === "autofocus"
    || (name === "style" && /hacked|url\\((?!"#)|animation-name/.test(value))
    || (/href|src|action|data$/.test(name) && !kept.test(value)
      && !(node.matches("pre a[target=_blank]") && value === node.textContent && !/^\\s*javascript/i.test(value))));
  const styled = node => node.tagName === "STYLE" && /hacked|@import/.test(node.textContent);
  const nodes = [...document.querySelectorAll(root)].flatMap(place => [...place.querySelectorAll("*")]);
  return nodes.filter(node => node.matches(tags) || bad(node) || styled(node)).map(node => node.outerHTML);
}"""

#: Press the arrow through the candidates; tell what each shows, by item.
CARDS = """async ([place, why]) => {
  const panel = document.querySelectorAll(".uai-panel")[place], at = name => panel.querySelector(name);
  const rest = () => new Promise(done => setTimeout(done, 10)), seen = {}, words = at(".uai-fold-why .uai-fold-body");
  const index = () => at(".uai-card").dataset.index;
  const press = key => {
    const before = index();
    panel.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
    return index() !== before;
  };
  while (press("ArrowLeft")) {}
  at(".uai-fold-why").open = why;
  do {
    for (let n = 0; why && n < 3000 && !words.textContent; n++) await rest();
    const full = [...at(".uai-body").querySelectorAll("[title]")].map(e => e.title);
    seen[index()] = {
      title: at(".uai-title").textContent,
      body: [at(".uai-body").textContent, ...full].join(" "),
      note: at(".uai-note input").value,
      why: words.textContent,
    };
    words.textContent = "";
  } while (press("ArrowRight"));
  at(".uai-fold-why").open = false;
  return seen;
}"""

#: Move over the whole plot, and closer around what was met; tell what the tooltip says, and where.
SWEEP = """() => {
  const plot = document.querySelector(".uai-scatter-plot"), box = plot.getBoundingClientRect(), seen = {};
  const look = (clientX, clientY) => {
    plot.dispatchEvent(new PointerEvent("pointermove", { clientX, clientY, bubbles: true }));
    const tip = plot.querySelector(".uai-scatter-tip:not([hidden]) .uai-scatter-told");
    if (tip) seen[tip.textContent] ??= [clientX, clientY];
  };
  for (let x = 3; x < box.width; x += 7)
    for (let y = 3; y < box.height; y += 7) look(box.left + x, box.top + y);
  for (const [x, y] of Object.values(seen))
    for (let dx = -6; dx <= 6; dx += 2) for (let dy = -6; dy <= 6; dy += 2) look(x + dx, y + dy);
  return seen;
}"""

#: Colour by one after the other; the name and the words of each.
COLORS = """async () => {
  const menu = document.querySelector(".uai-scatter-color"), words = document.querySelector(".uai-scatter-colors");
  const told = [];
  for (const option of [...menu.options].slice(3).map(({ value, text }) => ({ value, text }))) {
    menu.value = option.value;
    menu.dispatchEvent(new Event("change", { bubbles: true }));
    for (let n = 0; n < 1000 && words.querySelector("b")?.textContent !== option.text; n++)
      await new Promise(done => setTimeout(done, 10));
    told.push([words.querySelector("b")?.textContent ?? "", words.textContent]);
  }
  return told;
}"""

#: What the tooltip says at some places.
TIPS = """places => {
  const plot = document.querySelector(".uai-scatter-plot");
  return places.map(([clientX, clientY]) => {
    plot.dispatchEvent(new PointerEvent("pointerleave"));
    plot.dispatchEvent(new PointerEvent("pointermove", { clientX, clientY, bubbles: true }));
    return plot.querySelector(".uai-scatter-told").textContent;
  });
}"""

#: Rest on a point until the picture of the item has come.
REST = """async ([clientX, clientY]) => {
  const plot = document.querySelector(".uai-scatter-plot");
  plot.dispatchEvent(new PointerEvent("pointerleave"));
  plot.dispatchEvent(new PointerEvent("pointermove", { clientX, clientY, bubbles: true }));
  for (let n = 0; n < 1000; n++) {
    const picture = plot.querySelector(".uai-scatter-picture:not([hidden]) [title]");
    if (picture) return picture.title;
    await new Promise(done => setTimeout(done, 10));
  }
  return "";
}"""

#: Which of some pieces of HTML run.
RUNS = """async pieces => {
  const ran = [];
  for (const piece of pieces) {
    delete window.hacked;
    document.body.innerHTML = piece;
    document.querySelector("[tabindex]")?.focus();
    for (let n = 0; n < 20 && !("hacked" in window); n++) await new Promise(done => setTimeout(done, 10));
    ran.push("hacked" in window);
  }
  document.body.innerHTML = pieces.join("");
  return ran;
}"""


class Watch:
    """What a page does that it should not, from now on."""

    def __init__(self, page: Any, origin: str) -> None:
        self.page, self.odd = page, []
        page.on("pageerror", lambda error: self.odd.append(f"error {error}"))
        page.on("dialog", self._dialog)
        page.on("request", lambda request: self._asked(request.url, origin))
        page.on("popup", lambda popup: self.odd.append(f"popup {popup.url}"))
        page.on("framenavigated", lambda frame: self._asked(frame.url, origin))

    def _dialog(self, dialog: Any) -> None:
        self.odd.append(f"dialog {dialog.message}")
        dialog.dismiss()

    def _asked(self, url: str, origin: str) -> None:
        if not url.startswith((origin, origin.replace("http", "ws"), "data:", "blob:", "about:blank")):
            self.odd.append(f"asked for {url}")

    def assert_quiet(self, root: str) -> None:
        """Nothing ran, and ``root`` holds no element or attribute of the strings."""
        assert [frame.evaluate("window.hacked") for frame in self.page.frames] == [None] * len(self.page.frames)
        assert self.page.evaluate(FOUND, root) == []
        assert self.odd == []


def assert_told(strings: Iterable[str], text: str | Iterable[str], limit: int = 10_000) -> None:
    """Each string stands in the text, or its beginning where the place has room for so much."""
    found = carried(text if isinstance(text, str) else " \n ".join(text))
    missing = [s for s in strings if carried(carried(s)[: limit - 1]) not in found]
    assert missing == []


def test_the_strings_run_where_they_are_not_escaped(page: Any, run_notebook: Callable[..., Any]) -> None:
    """Otherwise the other tests could not fail."""
    page.goto("about:blank")
    assert sum(page.evaluate(RUNS, [f"<div>{text}</div>" for text in INJECTIONS])) >= 15
    assert any(page.evaluate(RUNS, [f"<p title='{text}' tabindex=0>x</p>" for text in INJECTIONS if text[0] == "'"]))
    assert page.evaluate(FOUND, "body") != []
    run_notebook(
        ["from IPython.display import HTML\nHTML('<img src=x onerror=window.hacked=1>')"], name="detector.ipynb"
    )
    page.wait_for_function("window.hacked === 1")
    assert page.evaluate(FOUND, ".jp-OutputArea-output") != []


def test_panel_folds_scatter_and_errors_show_them_as_text(
    lab: Any, page: Any, run_notebook: Callable[..., Any], wait_until_ran: Callable[..., None]
) -> None:
    page.emulate_media(reduced_motion="reduce")
    watch = Watch(page, lab.url)
    kernel = run_notebook([DATA, SESSION, TEXTS, FAILING, QUERY], name="panel.ipynb")
    wait_until_ran(5)
    page.wait_for_function(f"document.querySelectorAll('.uai-panel')[0].querySelectorAll('.uai-thumb').length === {N}")
    check_cards(page)
    check_review(page)
    check_scatter(page)
    check_texts_and_failures(page)
    check_query(page, kernel)
    check_export(page)
    watch.assert_quiet(".jp-OutputArea-output")


def check_cards(page: Any) -> None:
    """Title with id and given class, columns, cells, note, and why; the strip of the batch."""
    seen = page.evaluate(CARDS, [0, True])
    assert len(seen) == N
    for index, text in enumerate(INJECTIONS, start=N):
        card = seen[str(index)]
        assert_told([f"Item {text} · labelled as {text}"], card["title"])
        assert_told([text, *INJECTIONS], card["body"], 2000)  # its cells, and the names of the columns
        assert_told([text], card["note"].replace("\ufffd", ""), 10_000) if "\0" not in text else None
        assert_told([f"Given as {text}"], card["why"], 200)
        assert_told([text], card["why"].split("Features furthest")[1], 200)
    thumbs = page.locator(".uai-panel").first.locator(".uai-thumb [title]")
    assert_told(INJECTIONS, thumbs.evaluate_all("all => all.map(one => one.title)"), 75)
    assert_told(INJECTIONS, thumbs.all_text_contents(), 40)


def check_review(page: Any) -> None:
    """Ids, given classes, annotators and notes of the answers."""
    panel = page.locator(".uai-panel").first
    panel.locator(".uai-fold-review > summary").click()
    panel.locator(".uai-fold-review [data-index]").nth(N - 1).wait_for()
    rows = panel.locator(".uai-fold-review [data-index]").all_text_contents()
    assert len(rows) == N
    for text, row in zip(INJECTIONS, reversed(rows), strict=True):
        told = carried(row)
        assert_told([f"Item old {text} · labelled as {text}", f"by {carried(text)[:150]}"], told)
        assert told.endswith(carried(text))
    panel.locator(".uai-fold-outlook > summary").click()
    panel.locator(".uai-fold-outlook li").first.wait_for()


def check_scatter(page: Any) -> None:
    """Names of colours and their values, the tooltip, and the item in it."""
    page.locator(".uai-explorer .uai-scatter-plot").scroll_into_view_if_needed()
    for word in ("Anomaly", "Normal"):  # the others have the strings as ids
        page.locator(".uai-scatter-kind", has_text=word).first.click()
    there = page.evaluate(SWEEP)
    assert_told(INJECTIONS, there, 80)
    words = page.evaluate(COLORS)
    assert_told(INJECTIONS, (name for name, _ in words), 80)
    for start in range(0, N, 8):
        group = INJECTIONS[start : start + 8]
        assert_told(group, next(text for name, text in words if name == f"group {start}"), 80)
        page.locator(".uai-scatter-color").first.select_option(label=f"group {start}")
        page.wait_for_function(
            "name => document.querySelector('.uai-scatter-colors b').textContent === name", arg=f"group {start}"
        )
        assert_told(group, page.evaluate(TIPS, list(there.values())), 80)
    titles = [page.evaluate(REST, at) for at in there.values()]
    assert_told([f"item {text}" for text in INJECTIONS], titles, 80)


def check_texts_and_failures(page: Any) -> None:
    """What a renderer returns, and what it raises."""
    for place, words in ((1, "text {}"), (2, "ValueError: {}")):
        seen = page.evaluate(CARDS, [place, False])
        assert len(seen) == N
        for index, text in enumerate(INJECTIONS):
            assert_told([words.format(text)], seen[str(index)]["body"], 1800)


def check_query(page: Any, kernel: Any) -> None:
    """What a query function raises: the message of the panel, and its details."""
    message = page.locator(".uai-panel").nth(3).locator(".uai-message")
    for start in range(0, N, 10):
        text = " and ".join(INJECTIONS[start : start + 10])
        kernel.value(f"exec({f'said = {text!r}; broken.start()'!r})")
        end = time.monotonic() + 30
        while carried(f"The training failed: {text}. Your") not in carried(message.text_content()):
            assert time.monotonic() < end, (text, message.text_content())
        assert_told([f"ValueError: {text}"], message.locator("pre").text_content())


def check_export(page: Any) -> None:
    """The file that the panel gives, and its name."""
    with page.expect_download() as coming:
        page.locator(".uai-panel").first.locator(".uai-export").click()
    assert re.fullmatch(r"\w+_labels\.csv", coming.value.suggested_filename)
    with coming.value.path().open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [carried(row["id"]) for row in rows] == [carried(f"old {text}") for text in INJECTIONS]
    assert [row["annotator"][0] for row in rows if "HYPERLINK" in row["annotator"]] == ["'"]


TABLES = """
from IPython.display import HTML, display
from uai_notebook.widget.freeze import freeze

for name in ("max_rows", "max_columns", "max_colwidth"):
    pd.set_option(f"display.{name}", None)
several = uai.ActiveSession(ds, k=1, config=config)
for i, text in enumerate(BAD):
    several.label([i], 1, annotator=text[:200])
    several.label([i], 0, annotator="b")
    several.note(i, text)
several.train()
display(several.results())  # with formulas, which pandas leaves to MathJax
pd.set_option("display.html.use_mathjax", False)
display(several.results(), several.labels, uai.review_table(several), uai.conflicts(several))
display(uai.agreement_table(several), uai.with_items(several.results(), ds), ds)
"""

STILLS = """
import dataclasses

named = [uai.ActiveSession(dataclasses.replace(given, name=text), k=1, config=config) for text in BAD]
display(HTML("".join(freeze(one)._repr_html_() for one in named)))  # no model yet: only words
found = []
for start in range(0, n, 20):
    found.append(uai.ActiveSession(ds, k=10, config=config))
    found[-1].label(range(n + start, n + min(start + 20, n)), 1)
display(HTML("".join(freeze(one)._repr_html_() for one in found)))
uai.Explorer(several, train_every=1000).freeze()
"""

MERGED = """
for i, text in enumerate(BAD):
    one = uai.ActiveSession(given, k=1, path=Path("annotators") / folder(text), config=config)
    one.label([i], 1)
    one.close()
other = uai.ActiveSession(given, k=1, path="annotators/b", config=config)
other.label(range(n), 0)
other.close()
report = uai.merge_sessions(sorted(Path("annotators").iterdir()), "merged", given)
merged = uai.ActiveSession.resume("merged", given)
display(report, report.conflicts)
for start in range(0, n, 10):
    try:
        uai.review_items(merged, " and ".join(BAD[start:start + 10]))
    except ValueError:
        get_ipython().showtraceback(exception_only=True)
"""

FIGURES = """
import plotly.graph_objects as go

names = uai.views.discovery_curve({text: [1, 0, 1] for text in BAD}, height=2400)
dots = go.Figure(layout={"height": 2400})
for start in range(0, n, 5):
    five = np.array([BAD[start + i % 5] if start + i % 5 < n else "none" for i in range(2 * n)], dtype=object)
    film = uai.views.evolution(several.history, values=five, color=BAD[start])
    dots.add_traces([trace for trace in film.data if ": " in trace.name])
scale = uai.views.evolution(several.history, values=numbers[:, 0], color=BAD[1])
uai.views.save(names, "".join(folder(text) for text in BAD[:2]) + ".html")
uai.views.save(film, "film.html")
display(names, dots, scale)
"""


def test_tables_stills_reports_figures_and_files_show_them_as_text(
    lab: Any, page: Any, run_notebook: Callable[..., Any], wait_until_ran: Callable[..., None]
) -> None:
    page.set_viewport_size({"width": 2400, "height": 1000})
    watch = Watch(page, lab.url)
    whole = DATA.replace("BAD = INJECTIONS", "BAD = WHOLE")
    given = "given = uai.Dataset.from_arrays(numbers[:n], items=column(BAD), ids=BAD)"
    run_notebook([whole + given, TABLES, STILLS, MERGED, FIGURES], name="tables.ipynb")
    wait_until_ran(5)
    cells = [page.locator(".jp-CodeCell").nth(i).locator(".jp-OutputArea-output") for i in range(1, 5)]
    cells[3].nth(2).locator(".infolayer .cbtitle, .infolayer .hcoloraxistitle").first.wait_for()
    tables, stills, reports, figures = (cell.all_text_contents() for cell in cells)
    check_tables(page, tables)
    check_stills(stills)
    check_reports(reports)
    for drawn in figures[:2]:
        assert_told(WHOLE, drawn)
    assert_told(WHOLE[1:2], figures[2])
    watch.assert_quiet(".jp-OutputArea-output")
    (saved,) = lab.notebooks.glob("*hacked*.html")
    check_file(page.context, saved)
    check_hover(page.context, lab.notebooks / "film.html")


def pandas_told(text: str) -> str:
    """As pandas writes a text into its table: some spaces by name, and NUL is lost in the page."""
    for character, written in (("\t", "\\t"), ("\r", "\\r"), ("\n", "\\n"), ("\0", "")):
        text = text.replace(character, written)
    return text


def check_tables(page: Any, tables: list[str]) -> None:
    """Ids, annotators, notes and columns in tables of pandas; a formula is drawn by MathJax, but none has a link."""
    results, labels, review, conflicts, agreement, items, data = tables[1:]
    first = page.locator(".jp-CodeCell").nth(1).locator(".jp-OutputArea-output").first
    first.locator("math").first.wait_for(state="attached")
    assert first.locator("a, [href]").count() == 0
    first.evaluate("node => node.remove()")
    written = [pandas_told(text) for text in WHOLE]
    for table in (results, labels, review, conflicts, items):
        assert_told(written, table)
    assert_told(written, agreement, 200)
    assert_told([f"Dataset {WHOLE[1]!r}: 120 items"], data)


def check_stills(stills: list[str]) -> None:
    """Names of data sets, ids and given classes; the last has a model."""
    assert_told((f"{text} · {N} items" for text in WHOLE), stills[0])
    assert_told((f"Item {text} · labelled as {text}" for text in WHOLE), stills[1])
    assert f"{WHOLE[1]} · {2 * N} items" in stills[2]


def check_reports(reports: list[str]) -> None:
    """What a merge says, and errors of a cell."""
    said, conflicts, *errors = reports
    assert_told((repr(folder(text)) for text in WHOLE), said)
    assert_told((pandas_told(folder(text)) for text in WHOLE), conflicts)
    assert len(errors) == 6
    for start, error in zip(range(0, N, 10), errors, strict=True):
        assert_told([f"show={' and '.join(WHOLE[start : start + 10])!r}: expected"], error)


def check_file(context: Any, path: Path) -> None:
    """A figure that was saved, opened from the disk: the legend, and what is told under the pointer."""
    assert "<img src=x onerror=window.hacked=1>" in path.name
    page = context.new_page()
    watch = Watch(page, path.as_uri())
    page.goto(path.as_uri())
    page.wait_for_selector(".legendtext")
    assert_told(WHOLE, page.locator(".legendtext").all_text_contents())
    page.locator(".nsewdrag").first.hover(position={"x": 3, "y": 300})  # where all lines begin
    page.wait_for_selector(".hoverlayer .legendtext")
    assert_told(WHOLE, page.locator(".hoverlayer .legendtext").all_text_contents())
    watch.assert_quiet(".plotly-graph-div")


def check_hover(context: Any, path: Path) -> None:
    """The name of a group beside one of its points."""
    page = context.new_page()
    watch = Watch(page, path.as_uri())
    page.goto(path.as_uri())
    page.wait_for_selector(".scatterlayer .point")
    for point in page.locator(".scatterlayer .point").all():
        box = point.bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        with contextlib.suppress(TimeoutError):  # another point may lie on this one
            page.wait_for_selector(".hoverlayer .name", timeout=3000)
            break
    names = page.locator(".hoverlayer .name").all_text_contents()
    assert carried(names[0]) in [carried(f"{WHOLE[-5]}: {text}") for text in WHOLE[-5:]]
    watch.assert_quiet(".plotly-graph-div")
