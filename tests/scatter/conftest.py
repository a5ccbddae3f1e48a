"""A session and a page for tests of the scatter: as much of each as it takes."""

import json
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest

from uai_notebook.snapshot import History, Snapshot
from uai_notebook.widget.scatter import LatentScatter


class FakeSession:
    """As much of an ActiveSession as the scatter reads."""

    def __init__(self, n=60, d=3, max_items=20_000, ids=None):
        self._rng = np.random.default_rng(0)
        x = self._rng.random((n, 4), dtype=np.float32)
        known = {"x": x, "y": np.ones(n, np.int8), "ids": ids, "items": None}
        self.ds = type("Data", (SimpleNamespace,), {"__len__": lambda s: len(s.x)})(**known)
        self.d, self.history, self.snapshot = d, History(max_items=max_items), None
        self.queue, self.on_screen = np.empty(0, np.int64), None
        self.answers, self.observers, self.probability = {}, [], True

    def current_labels(self):
        return np.array(list(self.answers), np.int64), np.array(list(self.answers.values()), np.int8)

    def observe(self, observer):
        self.observers.append(observer)
        return lambda: self.observers.remove(observer)

    def notify(self, *changes):
        for observer in tuple(self.observers):
            observer(frozenset(changes))

    def train(self, notify=True):
        n, previous = len(self.ds), self.snapshot
        score = self._rng.random(n, dtype=np.float32)
        latent = self._rng.normal(size=(n, self.d)).astype(np.float32) if self.d else None
        logit = score if self.answers else None
        round_ = 0 if previous is None else previous.round + 1
        head = np.ones(self.d + 2, np.float32) if self.answers and self.d else None
        self.snapshot = Snapshot(score, latent, logit, round_, probability=self.probability, head=head)
        self.history.append(self.snapshot, list(self.answers))
        self.queue = np.argsort(-score)[:3].astype(np.int64)
        self.on_screen = int(self.queue[0])
        if notify:
            self.notify("snapshot", "queue", "phase")

    def label(self, index, value=1):
        self.answers[index] = value
        self.notify("labels", "queue")


class Browser:
    """Stands for the page: collects messages and reads their buffers."""

    TYPES: ClassVar = {"label_value": np.int8}

    def __init__(self, scatter):
        self.scatter, self.messages = scatter, []
        scatter.send = lambda content, buffers=None: self.messages.append((content, buffers))

    def say(self, content):
        self.scatter._handle_custom_msg(content, [])

    def ready(self, view="a"):
        self.say({"kind": "ready", "view": view})
        return self.take()

    def take(self):
        """Messages since the last call, each with its arrays by name."""
        taken, self.messages = self.messages, []
        for content, _ in taken:
            json.dumps(content, allow_nan=False)
        return [
            (content, {name: self._array(name, b) for name, b in zip(content["arrays"], buffers, strict=True)})
            for content, buffers in taken
        ]

    def _array(self, name, buffer):
        if name.endswith("ids"):
            return buffer.decode()
        return np.frombuffer(buffer, np.int32 if name.endswith("index") else self.TYPES.get(name, np.float32))


@pytest.fixture
def show():
    """A function that makes a LatentScatter of a session, and its page; ``show.page`` is that of another one."""
    made = []

    def make(session, **options):
        scatter = LatentScatter(session, **options)
        made.append(scatter)
        return scatter, Browser(scatter)

    make.page = Browser
    yield make
    for scatter in made:
        scatter.close()


@pytest.fixture
def new_session():
    """The class of a session, to be made with a size and a dimension of the latent."""
    return FakeSession
