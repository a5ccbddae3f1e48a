"""A panel, the page that it talks to, and what waits for its trainings."""

import threading
import time

import pytest

from uai_notebook.widget.panel import LabelPanel

SECONDS = 60  # how long anything in here may take at most


class Page:
    """Stands for one view: it sends what panel.js sends, and keeps what comes."""

    def __init__(self, panel, view="v"):
        self.panel, self.view, self.seq, self.came = panel, view, 0, []
        panel._send = lambda message, buffers=None: self.came.append(message)

    def send(self, kind, **more):
        self.seq += 1
        content = {"kind": kind, "view": self.view, "seq": self.seq, "seen": self.panel.state["message_id"], **more}
        self.panel._receive(self.panel, content, [])
        return self.panel.state

    def answer(self, label=0):
        """Answer the item shown; the next open one is shown at once, as in panel.js."""
        state = self.panel.state
        shown = state["current"]
        open_items = [e["index"] for e in state["batch"] if e["label"] is None and e["index"] != shown]
        self.send("label", index=shown, label=label, next=next(iter(open_items), None))
        return shown

    @property
    def updates(self):
        return [message for message in self.came if message["method"] == "update"]


@pytest.fixture
def new_page():
    """The class of a page, for a second view of a panel."""
    return Page


@pytest.fixture
def show():
    """A function that makes a panel and its page. Panels are closed at the end."""
    made = []

    def build(session, **options):
        made.append(LabelPanel(session, **options))
        return made[-1], Page(made[-1])

    yield build
    for panel in made:
        panel.session.cancel()
        panel.close()


@pytest.fixture
def trained(ds, make, numpy_learner):
    """A session with a first model and 5 candidates, whose trainings take no time."""
    session = make(base=numpy_learner(ds))
    session.train()
    return session


@pytest.fixture
def labels():
    """A function that gives the current labels of a session, as pairs of item and label."""

    def pairs(session):
        return list(zip(*(column.tolist() for column in session.current_labels()), strict=True))

    return pairs


def wait_for(condition):
    end = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.002)


@pytest.fixture
def settle():
    """A function that waits for the end of all trainings, and of what they tell the page."""

    def wait():
        wait_for(lambda: not any(thread.name == "uai_notebook training" for thread in threading.enumerate()))

    return wait


@pytest.fixture
def release(settle):
    """A function that lets a training that is held come to its end, with what it starts in turn."""

    def let_go(session):
        session.learner.hold.clear()
        settle()

    return let_go
