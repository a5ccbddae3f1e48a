"""Explorer.freeze: a still of a session that outlives its kernel."""

from __future__ import annotations

import base64
import io
import re
import sys
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from PIL import Image

import uai_notebook as uai
from uai_notebook.widget.freeze import Frozen, freeze

OUTSIDE = re.compile(r"https?:|//\w|<script|<link|<iframe|javascript:|\son\w+=", re.IGNORECASE)


class Tags(HTMLParser):
    """Counts tags, and fails on one that is not closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: dict[str, int] = {}
        self.cells: list[list[str]] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.seen[tag] = self.seen.get(tag, 0) + 1
        if tag not in ("img", "br"):
            self.open.append(tag)
        if tag == "tr":
            self.cells.append([])
        if tag in ("td", "th"):
            self.cells[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.cells and {"td", "th"} & set(self.open):
            self.cells[-1][-1] += data


@pytest.fixture(scope="module")
def session() -> uai.ActiveSession:
    """30 of 1,637 digits labelled, a fourth round of candidates waiting."""
    ds = uai.load_dataset("digits_0")
    assert ds.y is not None
    config = uai.TrainConfig(hidden=(16, 4), pretrain_steps=60, round_steps=20)
    made = uai.ActiveSession(ds, base="class", budget=40, config=config)
    made.train()
    for _ in range(3):
        made.label(made.queue, ds.y[made.queue])
        made.train()
    found = int(np.flatnonzero(ds.y)[0])
    made.label(found, 1)
    return made


@pytest.fixture(scope="module")
def still(session: uai.ActiveSession) -> Frozen:
    return freeze(session)


def test_the_page_is_static_and_asks_nothing_of_the_network(still: Frozen) -> None:
    assert not OUTSIDE.search(re.sub(r'"data:image/png;base64,[^"]*"', '""', still.html))
    sources = re.findall(r'src="([^"]*)"', still.html)
    assert sources
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    Tags(still.html)


def test_the_picture_is_in_the_page_and_a_png_of_its_own(still: Frozen) -> None:
    assert still.png is not None
    assert base64.b64encode(still.png).decode() in still.html
    picture = Image.open(io.BytesIO(still.png)).convert("RGB")
    colours = {rgb for _, rgb in picture.getcolors(1 << 20) or ()}
    near = [min(sum(abs(a - b) for a, b in zip(rgb, want, strict=True)) for rgb in colours) for want in
            ((0xD5, 0x5E, 0x00), (0x00, 0x72, 0xB2))]  # fmt: skip
    assert max(near) < 40  # anomalies and normals are drawn in it


def test_all_of_it_stays_below_half_a_megabyte(still: Frozen) -> None:
    assert still.png is not None
    assert len(still.html.encode()) + len(base64.b64encode(still.png)) < 500_000


def test_the_tables_name_candidates_found_anomalies_and_the_rounds(still: Frozen, session: uai.ActiveSession) -> None:
    rows = Tags(still.html).cells
    names = [row[1] for row in rows if len(row) > 1]
    candidates = [f"Item {session.ds.ids[i]}" for i in session.queue]
    found = session.labels[session.labels["label"] == 1]["index"]
    for name in [*candidates, *(f"Item {session.ds.ids[i]}" for i in found)]:
        assert any(cell.startswith(f"{name} ·") for cell in names)
    rounds = [row[:2] for row in rows if row[0].isdigit()]
    assert rounds == [["1", "0"], ["3", "20"], ["4", "30"]]  # as the picture and the status line count
    assert still.text in re.sub(r"<[^>]*>", "", still.html)


def test_without_truth_numbers_say_on_how_many_labels_and_with_what_limits(config: uai.TrainConfig) -> None:
    rng = np.random.default_rng(0)
    session = uai.ActiveSession(uai.Dataset.from_arrays(rng.normal(size=(80, 3))), config=config)
    session.train()
    session.label(list(range(12)), [1, 0] * 6)
    session.train()
    page = freeze(session).html
    assert "on the labels known now, 6 anomalies of 12, most of them trained on, with 95% limits" in page
    assert all(
        re.search(r"\d\.\d{3} \(\d\.\d\d to \d\.\d\d\)$", cell)
        for row in Tags(page).cells
        if row[0] == "2"
        for cell in row[2:]
    )


def test_candidates_have_their_scores_unless_the_explorer_is_blind(still: Frozen, session: uai.ActiveSession) -> None:
    assert session.snapshot is not None
    score = f"{session.snapshot.base_score[session.queue[0]]:.4g}"
    hidden = freeze(session, blind=True)
    assert score in still.html
    assert score not in hidden.html
    heads = [row for row in Tags(hidden.html).cells if row[:2] == ["preview", "item"]]
    assert heads[0] == ["preview", "item"]  # of the candidates
    assert "base score then" in heads[1]  # of what is labelled


def test_a_session_without_a_model_says_so(make: Any) -> None:
    still = freeze(make())
    assert still.png is None
    assert "There is no model yet" in still.html
    assert still._repr_png_() is None


def test_one_round_of_a_learner_without_a_latent_is_drawn(ds: uai.Dataset, make: Any, numpy_learner: Any) -> None:
    session = make(base=numpy_learner(ds))
    session.train()
    still = freeze(session)
    assert still.png is not None
    assert len(session.queue) == len([row for row in Tags(still.html).cells if row[-1] == "" and len(row) == 4])


def test_what_data_and_renderers_say_is_escaped(config: uai.TrainConfig) -> None:
    x = np.random.default_rng(0).normal(size=(20, 3))
    ids = [f"<script>alert({i})</script>" for i in range(20)]
    ds = uai.Dataset.from_arrays(x, ids=ids, name="<b onload=x>")
    session = uai.ActiveSession(ds, k=3, config=config)
    session.train()
    session.label(session.queue, [1, 0, 1])
    still = freeze(session, renderer=lambda item: "<img src=x onerror=alert(1)>")
    assert not re.search(r"<script|<b |<img src=x", still.html)
    assert "&lt;script&gt;" in still.html
    assert 'class="uai-frozen tex2jax_ignore mathjax_ignore"' in still.html  # no formulas either
    Tags(still.html)


def test_large_thumbnails_give_way_to_names(config: uai.TrainConfig) -> None:
    rng = np.random.default_rng(0)
    ds = uai.Dataset.from_arrays(rng.normal(size=(40, 3)))
    noise = rng.integers(0, 256, (40, 96, 96, 3), np.uint8)
    session = uai.ActiveSession(ds, k=10, config=config)
    session.train()
    still = freeze(session, renderer=lambda row: _picture_of(noise, ds, row))
    assert still.html.count("<img") < 11
    assert len(still.html) < 400_000


def _picture_of(noise: np.ndarray, ds: uai.Dataset, row: Any) -> Any:
    place = int(np.abs(np.asarray(ds.x) - np.asarray(row, np.float32)).sum(axis=1).argmin())
    return Image.fromarray(noise[place])


def test_outside_of_ipython_the_still_is_returned(session: uai.ActiveSession, still: Frozen) -> None:
    explorer = uai.Explorer(session)
    again = explorer.freeze()
    explorer.close()
    assert isinstance(again, Frozen)
    assert repr(again) == again.text == still.text
    assert again._repr_html_().count("<table") == still.html.count("<table")


def test_without_matplotlib_the_line_to_install_it_is_said(
    session: uai.ActiveSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    with pytest.raises(ImportError, match=r'pip install "uai_notebook\[export\]"'):
        freeze(session)


@pytest.mark.slow
def test_a_notebook_that_was_run_shows_it_with_no_kernel() -> None:
    nbformat, nbclient = pytest.importorskip("nbformat"), pytest.importorskip("nbclient")
    nbconvert = pytest.importorskip("nbconvert")
    cells = [
        "import uai_notebook as uai\n"
        "config = uai.TrainConfig(hidden=(8, 2), pretrain_steps=10)\n"
        "explorer = uai.Explorer(uai.ActiveSession(uai.load_dataset('digits_0'), config=config))\n"
        "_ = explorer.session.wait()",
        "explorer.freeze()\nafterwards = 1",  # in the middle of a cell
        "explorer.freeze()",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    nbclient.NotebookClient(notebook, timeout=240, kernel_name="python3").execute()
    for cell in notebook.cells[1:]:
        (output,) = cell.outputs  # the still, and no None
        assert output.output_type == "display_data"
        assert set(output.data) == {"text/html", "image/png", "text/plain"}
        assert output.data["text/plain"].startswith("Round 1 · 0 labeled")
        Image.open(io.BytesIO(base64.b64decode(output.data["image/png"]))).verify()
    page = nbconvert.HTMLExporter().from_notebook_node(notebook)[0]
    assert page.count('class="uai-frozen ') == 2
    assert page.count(re.findall(r'src="([^"]*)"', output.data["text/html"])[0]) >= 1
    assert page.count("The next 10 candidates") == 2
