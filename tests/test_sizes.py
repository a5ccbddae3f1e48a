"""How much is saved, kept and sent: notebooks, the history, and the scatter of a large data set."""

from __future__ import annotations

import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

import uai_notebook as uai
from uai_notebook.widget.scatter import LatentScatter

BENCHMARKS = Path(__file__).parent / "benchmarks"
sys.path.insert(0, str(BENCHMARKS))
from drifting_learner import DriftingLearner  # noqa: E402

MB = 1_000_000

# -- a saved notebook -------------------------------------------------------------------------------------------------

ROUNDS = f"""
import sys
sys.path.insert(0, {str(BENCHMARKS)!r})
import numpy as np
import uai_notebook as uai
from drifting_learner import DriftingLearner
x = np.random.default_rng(0).normal(size=(50_000, 8)).astype(np.float32)
ds = uai.Dataset.from_arrays(x, y=np.arange(50_000) % 2, name="cloud")
session = uai.ActiveSession(ds, DriftingLearner(ds), k=10, budget=200)
explorer = uai.Explorer(session, train_every=10**6)
explorer
"""
# What a browser would ask for: the figure, and the points of every round.
SHOWN = """
sent, send = [], explorer.scatter.send
def counted(content, buffers=None):
    sent.append(sum(map(len, buffers or ())))
    send(content, buffers)
explorer.scatter.send = counted
explorer.scatter._handle_custom_msg({"kind": "ready", "view": "page"}, [])
figure = explorer.curve
_ = session.wait()
_ = uai.simulate(session, uai.Oracle(ds.y), progress=False)
_ = session.train()
"""
FIGURE = "uai.views.evolution(session)"
SAID = """
print(session.round, len(session.history.frames), session.n_labels, sum(sent))
"""


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """A function: size in bytes of the saved notebook after 20 rounds on 50,000 points, and its content."""
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    folder = tmp_path_factory.mktemp("sizes")

    def run(with_state):
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(c) for c in (ROUNDS, SHOWN, FIGURE, SAID)])
        client = nbclient.NotebookClient(
            notebook,
            timeout=300,
            kernel_name="python3",
            store_widget_state=with_state,
            resources={"metadata": {"path": str(folder)}},
        )
        client.execute()
        path = folder / f"{with_state}.ipynb"
        nbformat.write(notebook, path)
        return path.stat().st_size, notebook

    return run


def said(notebook):
    (output,) = notebook.cells[-1].outputs
    return output.text.split()


@pytest.mark.slow
def test_a_notebook_saved_after_twenty_rounds_is_small_without_widget_state(executed, monkeypatch, tmp_path):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    size, notebook = executed(with_state=False)
    *counts, sent = said(notebook)
    assert counts == ["20", "21", "200"]
    assert int(sent) > 21 * 50_000 * 8  # x and y of all points of all rounds went through the notebook
    assert "application/vnd.jupyter.widget-view+json" in notebook.cells[0].outputs[0].data
    assert "application/vnd.plotly.v1+json" in notebook.cells[2].outputs[0].data
    assert "widgets" not in notebook.metadata
    assert size < 2 * MB


@pytest.mark.slow
def test_a_notebook_saved_after_twenty_rounds_stays_below_eight_megabytes_with_widget_state(
    executed, monkeypatch, tmp_path
):
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path))
    size, notebook = executed(with_state=True)
    assert said(notebook)[0] == "20"
    states = notebook.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"].values()
    traces = [trace for model in states for trace in model["state"].get("_widget_data", [])]
    assert len(traces) >= 3  # the figure is in it
    assert size <= 8 * MB


# -- the history ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_five_hundred_rounds_of_sixty_thousand_points_stay_below_200_megabytes():
    n = 60_000
    learner = DriftingLearner(uai.Dataset.from_arrays(np.random.default_rng(0).normal(size=(n, 2))))
    history, labeled = uai.History(), np.random.default_rng(1).permutation(n)[:5000]
    tracemalloc.start()
    try:
        for number in range(500):
            any(learner.update(labeled, np.arange(5000) % 2))
            snapshot = learner.evaluate()
            asked = labeled[: 10 * number]
            snapshot = uai.Snapshot(
                snapshot.base_score, snapshot.latent, snapshot.uai_logit, number, asked, asked % 2, head=snapshot.head
            )
            history.append(snapshot, asked)
            assert history.nbytes < 200 * MB
        del snapshot
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert history.nbytes > 100 * MB  # it uses what it may
    assert held < 1.1 * 200 * MB  # nothing beside what it counts
    rounds = [frame.round for frame in history.frames]
    assert (rounds[0], rounds[-1]) == (0, 499)
    assert len(set(np.diff(rounds[:-1]).tolist())) == 1  # evenly between them
    assert len(history.scalars) == 500
    assert all(frame.head is not None for frame in history.frames)


# -- 500,000 items ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def huge():
    """A session over 500,000 items: three rounds, answers of both kinds, and answers of items that are not drawn."""
    n = 500_000
    ds = uai.Dataset.from_arrays(np.random.default_rng(0).normal(size=(n, 2)).astype(np.float32))
    session = uai.ActiveSession(ds, DriftingLearner(ds), k=10)
    session.train()
    for _ in range(2):
        session.label(session.queue, np.arange(10) % 2)
        session.train()
    sampled = np.isin(np.arange(n), session.history.frames[-1].index)
    session.label(np.flatnonzero(~sampled)[:50], 0)
    return session


@pytest.fixture(scope="module")
def sent(huge):
    """What a view of it gets: for each message its content, and its arrays by name."""
    scatter, messages = LatentScatter(huge), []
    scatter.send = lambda content, buffers=None: messages.append((content, buffers))
    scatter._handle_custom_msg({"kind": "ready", "view": "page"}, [])
    scatter.close()
    return [(content, dict(zip(content["arrays"], buffers, strict=True))) for content, buffers in messages]


def items(arrays, name):
    return np.frombuffer(arrays[name], np.int32)


def test_of_500_000_items_the_scatter_sends_60_000_and_those_that_matter(huge, sent):
    content, arrays = sent[0]
    drawn = np.concatenate([items(arrays, "index"), items(arrays, "extra_index")])
    assert len(drawn) == len(set(drawn.tolist()))
    assert 60_000 <= len(drawn) <= 60_000 + huge.n_labels + len(huge.queue) + 1
    assert len(arrays["x"]) == len(arrays["y"]) == 4 * len(items(arrays, "index"))
    assert content["total"] == 500_000  # the page says how many of how many


def test_of_500_000_items_every_labelled_one_and_every_candidate_is_sent(huge, sent):
    _, arrays = sent[0]
    drawn = {*items(arrays, "index").tolist(), *items(arrays, "extra_index").tolist()}
    assert huge.n_labels == 70
    assert set(huge.current_labels()[0].tolist()) <= drawn
    assert len(huge.queue) == 10
    assert set(huge.queue.tolist()) <= drawn


def test_a_round_of_500_000_items_is_little_more_than_the_numbers_of_its_points(sent):
    assert [content["frame"]["round"] for content, _ in sent] == [2, 1, 0]
    sizes = [sum(len(buffer) for buffer in arrays.values()) for _, arrays in sent]
    assert sizes[0] <= 16 * 61_000  # with the numbers of the items
    assert max(sizes[1:]) <= 12 * 61_000
