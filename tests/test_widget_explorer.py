"""The Explorer without a browser: what it makes, starts, replaces and leaves behind."""

import gc
import itertools
import subprocess
import sys
import threading
import time
import weakref

import numpy as np
import pandas as pd
import pytest

import uai_notebook as uai
import uai_notebook.widget.explorer as module
from uai_notebook.widget import Explorer, LabelPanel, LatentScatter

SECONDS = 20
_names = itertools.count()


@pytest.fixture
def explorers():
    """A function that makes an Explorer, or keeps one that is given. They are closed at the end."""
    made = []

    def build(session, **options):
        made.append(session if isinstance(session, Explorer) else Explorer(session, **options))
        return made[-1]

    yield build
    for explorer in made:
        explorer.session.cancel()
        explorer.panel.close()
        explorer.scatter.close()


@pytest.fixture
def new(ds, make, numpy_learner):
    """A function that makes a new session whose trainings take no time."""
    return lambda **options: make(base=numpy_learner(ds), **options)


@pytest.fixture
def in_cell(monkeypatch):
    """A function that says which cell runs; no test shares a cell with another."""
    prefix = f"test {next(_names)} "
    return lambda cell: monkeypatch.setattr(module, "_cell_id", lambda: prefix + cell)


def wait_for(condition):
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.005)


# -- one Explorer ----------------------------------------------------------------------------------------------------


def test_a_new_session_starts_to_train_by_itself_and_candidates_appear(new, explorers):
    session = new()
    explorer = explorers(session)
    wait_for(lambda: explorer.panel.state["phase"] == "labeling")
    assert explorer.panel.state["current"] == session.queue[0]
    assert explorer.panel.state["ranked"] == "ranked by base score (round 1 of 10)"


def test_a_trained_session_is_shown_as_it_is(new, explorers):
    session = new()
    session.train()
    explorer = explorers(session)
    assert not session.training
    assert (session.round, len(explorer.panel.state["batch"])) == (0, 5)


def test_a_closed_session_is_shown_and_not_started(new, explorers):
    session = new()
    session.close("Closed for the test.")
    assert explorers(session).panel.state["message"] == "Closed for the test."


def test_its_parts_can_be_had_one_by_one(new, explorers):
    explorer = explorers(new())
    assert isinstance(explorer.panel, LabelPanel)
    assert isinstance(explorer.scatter, LatentScatter)
    assert "FigureWidget" in [kind.__name__ for kind in type(explorer.curve).__mro__]


def test_the_curve_is_made_once(new, explorers):
    explorer = explorers(new())
    assert explorer.curve is explorer.curve
    assert sum(child is explorer.curve for child in explorer._side.children) == 1


def test_the_first_paint_makes_the_curve_off_the_thread_of_messages(new, explorers):
    explorer = explorers(new())
    assert explorer._curve is None
    for view in "ab":
        explorer.panel._receive(explorer.panel, {"kind": "ready", "view": view}, [])
    wait_for(lambda: len(explorer._side.children) == 3)
    assert explorer._side.children[-1] is explorer.curve


def test_neither_plotly_nor_umap_is_imported_before_the_curve_is_asked_for():
    script = """
import sys, warnings
import numpy as np, uai_notebook as uai
config = uai.TrainConfig(hidden=(4, 2), pretrain_steps=3, round_steps=2)
session = uai.ActiveSession(uai.Dataset.from_arrays(np.random.default_rng(0).normal(size=(30, 3))), config=config)
explorer = uai.Explorer(session)
session.wait()
assert not {"plotly", "umap", "matplotlib"} & set(sys.modules), set(sys.modules)
explorer.curve
assert "plotly" in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def test_the_status_line_begins_with_what_the_panel_says(new, explorers):
    session = new()
    session.label(3, 1)
    explorer = explorers(session)
    assert "1 labeled (1 anomaly)" in explorer.children[0].text


def test_a_click_on_a_point_of_the_scatter_shows_the_item_in_the_panel(new, explorers):
    session = new()
    session.train()
    explorer = explorers(session)
    explorer.scatter._receive(explorer.scatter, {"kind": "pick", "view": "v", "index": 66}, [])
    assert explorer.panel.state["current"] == 66


def test_a_blind_explorer_rings_no_candidates(new, explorers):
    session = new()
    session.train()
    assert not explorers(session, blind=True).scatter._rings
    assert explorers(session).scatter._rings


def test_options_of_the_panel_are_handed_on(new, explorers):
    explorer = explorers(new(), train_every=3, keys={"anomaly": ["j"]}, renderer=lambda item: "<b>")
    wait_for(lambda: explorer.panel.cards)
    assert explorer.panel.train_every == 3
    assert explorer.panel.key_map["anomaly"] == ["j"]
    assert "&lt;b&gt;" in next(iter(explorer.panel.cards.values()))["html"]


@pytest.mark.parametrize("options", [{"train_every": 0}, {"keys": {"x": "y"}}], ids=str)
def test_a_wrong_option_leaves_no_observer_behind(new, options):
    session = new()
    with pytest.raises(ValueError):
        Explorer(session, **options)
    assert not len(session._observers)
    assert not session.training


def test_a_session_with_a_used_up_batch_goes_on_by_itself(new, explorers):
    session = new()
    session.train()
    session.label(session.queue, 0)
    explorer = explorers(session)
    wait_for(lambda: not session.training)
    assert explorer.panel.state["current"] is not None


# -- close -----------------------------------------------------------------------------------------------------------


def test_close_unsubscribes_everything_and_the_session_goes_on(new):
    session = new()
    session.train()
    explorer = Explorer(session)
    explorer.curve
    assert len(session._observers) == 3
    explorer.close()
    assert not len(session._observers)
    session.label(1, 1)
    assert session.n_labels == 1


def test_close_without_a_curve_unsubscribes_everything(new):
    session = new()
    explorer = Explorer(session)
    explorer.close()
    assert not len(session._observers)


def test_close_twice_is_no_error(new):
    explorer = Explorer(new())
    explorer.close()
    explorer.close()


def test_close_leaves_no_widgets_behind(new):
    from ipywidgets.widgets.widget import _instances

    session = new()
    session.train()
    before = set(_instances)
    Explorer(session).close()
    assert set(_instances) - before == set()


def test_what_was_closed_can_be_freed(ds, config):
    session = uai.ActiveSession(ds, k=5, config=config)
    session.train()
    explorer = Explorer(session)
    freed = weakref.ref(session)
    explorer.close()
    del explorer, session
    gc.collect()
    assert freed() is None


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_curve_that_is_being_made_does_not_outlive_close(new, monkeypatch):
    from uai_notebook.widget import curve

    begun, go = threading.Event(), threading.Event()

    class Slow(curve.DiscoveryCurve):
        def __init__(self, *arguments, **options):
            begun.set()
            assert go.wait(SECONDS)
            super().__init__(*arguments, **options)

    monkeypatch.setattr(curve, "DiscoveryCurve", Slow)
    session = new()
    session.train()
    explorer = Explorer(session)
    before = set(threading.enumerate())
    explorer.panel._receive(explorer.panel, {"kind": "ready", "view": "v"}, [])
    makers = set(threading.enumerate()) - before
    assert begun.wait(SECONDS)
    closing = threading.Thread(target=explorer.close, daemon=True)  # may wait for the curve
    closing.start()
    closing.join(0.2)
    go.set()
    for thread in (closing, *makers):
        thread.join(SECONDS)
    assert not len(session._observers)


# -- running a cell again --------------------------------------------------------------------------------------------


def test_running_a_cell_again_closes_its_older_explorer_and_session(new, explorers, in_cell):
    in_cell("a")
    older, newer = new(), new()
    first = explorers(older)
    wait_for(lambda: not older.training)
    second = explorers(newer)
    assert older.closed == "This cell was run again: label in its new output."
    assert not len(older._observers)
    assert first.panel.comm is None
    assert not newer.closed
    assert second.panel.comm is not None


def test_running_a_cell_again_stops_the_training_of_the_older_session(holding, new, explorers, in_cell):
    in_cell("a")
    explorers(holding)
    holding.start()
    explorers(new())
    assert not holding.training
    assert holding.closed


def test_running_a_cell_again_with_the_same_session_keeps_it_open(new, explorers, in_cell):
    in_cell("a")
    session = new()
    session.train()
    explorers(session)
    second = explorers(session)
    assert not session.closed
    assert len(session._observers) == 2
    second.panel._receive(second.panel, {"kind": "label", "view": "v", "seq": 1, "index": 1, "label": 1}, [])
    assert session.n_labels == 1


def test_explorers_of_two_cells_leave_each_other_alone(new, explorers, in_cell):
    one, two = new(), new()
    in_cell("a")
    explorers(one)
    in_cell("b")
    explorers(two)
    assert not one.closed
    assert not two.closed


def test_without_a_cell_nothing_is_replaced(new, explorers, monkeypatch):
    monkeypatch.setattr(module, "_cell_id", lambda: None)
    one, two = new(), new()
    explorers(one)
    explorers(two)
    assert not one.closed


def test_outside_a_notebook_there_is_no_cell():
    assert module._cell_id() is None


def test_a_cell_whose_explorer_was_closed_can_be_run_again(new, explorers, in_cell):
    in_cell("a")
    session = new()
    session.train()
    Explorer(session).close()
    explorers(session)


def test_two_explorers_of_one_run_of_a_cell_leave_each_other_alone(new, explorers, monkeypatch):
    class Shell:
        def get_parent(self):
            header = {"msg_id": "one run", "msg_type": "execute_request"}
            return {"header": header, "msg_id": "one run", "metadata": {"cellId": f"cell of {id(self)}"}}

    shell = Shell()
    monkeypatch.setattr("IPython.get_ipython", lambda: shell)
    one, two = new(), new()
    explorers(one)
    explorers(two)
    assert not one.closed


# -- explore() -------------------------------------------------------------------------------------------------------


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def x():
    """Thirty rows of four features."""
    return np.random.default_rng(1).normal(size=(30, 4)).astype(np.float32)


@pytest.fixture
def explore(elsewhere, explorers, config):
    """``explore`` with a small training; what it makes is closed at the end."""
    return lambda data, **options: explorers(uai.explore(data, **{"config": config, **options}))


def folders(root):
    return sorted(path.name for path in (root / "uai_sessions").iterdir())


@pytest.mark.parametrize("form", ["array", "frame", "dataset", "name", "list"])
def test_explore_takes_data_in_any_form_and_keeps_the_session_in_its_folder(explore, elsewhere, x, form):
    data = {
        "array": x,
        "frame": pd.DataFrame(x, columns=list("abcd")),
        "dataset": uai.Dataset.from_arrays(x, name="My data/of 2026"),
        "name": "digits_0",
        "list": x.tolist(),
    }[form]
    session = explore(data).session
    start = {"dataset": "My_data_of_2026", "name": "digits_0"}.get(form, "my_data")
    assert folders(elsewhere) == [f"{start}-{session.ds.fingerprint[:8]}"]
    assert (session.path / "labels.jsonl").exists()
    assert session.k == 10


def test_explore_run_again_in_this_kernel_goes_on_with_the_same_session(explore, x):
    first = explore(x)
    first.session.wait()
    first.session.label(3, 1)
    second = explore(x)
    assert second.session is first.session
    assert second.panel.state["status"].startswith("Round 1 · 1 labeled (1 anomaly)")


def test_explore_run_again_in_another_kernel_goes_on_with_the_labels(explore, x):
    from uai_notebook.folder import open_sessions

    first = explore(x)
    first.session.wait()
    first.session.label([3, 4], [1, 0])
    open_sessions.pop(first.session.path)  # as another process sees it
    first.session.close()
    second = explore(x)
    assert second.session is not first.session
    assert second.session.labels[["index", "label"]].to_numpy().tolist() == [[3, 1], [4, 0]]


def test_explore_uses_the_given_classes_where_there_are_some(explore, ds, x):
    assert explore(ds).session.settings["base"] == "class"
    assert explore(x).session.settings["base"] == "dae"
    assert explore(ds, base="dae", path="other").session.settings["base"] == "dae"


def test_explore_takes_a_path_and_options_of_the_session(explore, elsewhere, x):
    session = explore(x, path="here", k=3, budget=6, query="random", seed=4).session
    assert session.path == elsewhere / "here"
    assert (session.k, session.budget, session.seed) == (3, 6, 4)


def test_explore_asks_no_more_than_there_is(explore, x):
    assert explore(x[:4]).session.k == 4


@pytest.mark.parametrize("name", ["../../etc/passwd", "..", ".hidden", "", "a" * 500, "x\0y", "名前", "a\\b:c*?"])
def test_the_default_folder_is_one_folder_under_uai_sessions_whatever_the_name(x, name):
    ds = uai.Dataset.from_arrays(x, name=name)
    folder = module.default_folder(ds)
    assert folder.parent.as_posix() == "uai_sessions"
    assert not folder.name.startswith(".")
    assert len(folder.name) < 100
    assert not set(folder.name) & set('/\\:*?"<>|\0')


@pytest.mark.parametrize(
    ("data", "options", "message"),
    [
        ("no such set", {}, "no data set is called 'no such set'"),
        (42, {}, "one row per item"),
        (None, {}, "array of real numbers"),
        (np.eye(12), {"k": 0}, "k=0"),
        (np.eye(12), {"k": 13}, "k=13 is more than the 12 items"),
        (np.eye(12), {"budget": 2}, "budget=2"),
        (np.eye(12), {"batch": 2}, "no option batch"),
        (np.eye(12), {"base": "class"}, "x_y"),
        (np.eye(12), {"query": "best"}, "best"),
    ],
    ids=str,
)
def test_what_explore_cannot_use_is_said_and_leaves_no_folder(elsewhere, data, options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        uai.explore(data, **options)
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("options", [{"train_every": 0}, {"keys": {"x": "y"}}], ids=str)
def test_an_option_of_the_panel_that_is_wrong_leaves_no_folder(elsewhere, options):
    with pytest.raises(ValueError):
        uai.explore(np.eye(12), **options)
    assert list(elsewhere.iterdir()) == []


def test_explore_run_again_without_k_keeps_the_k_of_the_session(explore, x):
    explore(x, k=3).session.wait()
    assert explore(x).session.k == 3
