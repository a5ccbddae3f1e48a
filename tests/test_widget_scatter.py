"""The scatter without a browser: what it sends, when, and what it makes of messages."""

import gc
import json
import threading
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest

from uai_notebook.snapshot import Frame, History, Snapshot
from uai_notebook.widget.scatter import MAX_FRAMES, LatentScatter, key_frames


class FakeSession:
    """As much of an ActiveSession as the scatter reads."""

    def __init__(self, n=60, d=3, max_items=20_000, ids=None):
        self._rng = np.random.default_rng(0)
        x = self._rng.random((n, 4), dtype=np.float32)
        self.ds = type("Data", (SimpleNamespace,), {"__len__": lambda s: len(s.x)})(x=x, y=np.ones(n, np.int8), ids=ids)
        self.d, self.history, self.snapshot = d, History(max_items=max_items), None
        self.queue, self.on_screen = np.empty(0, np.int64), None
        self.answers, self.observers = {}, []

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
        self.snapshot = Snapshot(score, latent, logit, 0 if previous is None else previous.round + 1)
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

    TYPES: ClassVar = {"index": np.int32, "extra_index": np.int32, "label_index": np.int32, "label_value": np.int8}

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
        return buffer.decode() if name.endswith("ids") else np.frombuffer(buffer, self.TYPES.get(name, np.float32))


@pytest.fixture
def show():
    """LatentScatter of a session, and its page."""
    made = []

    def make(session, **options):
        scatter = LatentScatter(session, **options)
        made.append(scatter)
        return scatter, Browser(scatter)

    yield make
    for scatter in made:
        scatter.close()


def test_nothing_is_sent_before_a_view_is_ready(show):
    session = FakeSession()
    _, page = show(session)
    session.train()
    session.label(3)
    assert page.messages == []


def test_ready_before_the_first_model_gets_a_message_without_a_frame(show):
    _, page = show(FakeSession())
    ((content, arrays),) = page.ready()
    assert content["reset"]
    assert content["rounds"] == []
    assert "frame" not in content
    assert set(arrays) == {"label_index", "label_value"}


def test_a_new_round_is_one_message_of_float32_with_labels_and_candidates_apart(show):
    session = FakeSession()
    scatter, page = show(session)
    page.ready()
    session.train()
    ((content, arrays),) = page.take()
    assert content["frame"] == {"round": 0, "labels": 0, "start": 0, "probability": True}
    assert content["x_title"] == "first principal axis of the latent (3-d)"
    assert content["candidates"] == {"queue": session.queue.tolist(), "current": session.on_screen}
    np.testing.assert_array_equal(arrays["index"], np.arange(60))
    np.testing.assert_array_equal(arrays["y"], session.snapshot.base_score)
    np.testing.assert_array_equal(arrays["x"], scatter._coordinates(session.history.frames[0]))
    session.train()
    ((content, arrays),) = page.take()
    assert content["rounds"] == [0, 1]
    assert "index" not in arrays  # known already
    assert len(arrays["x"]) == len(arrays["y"]) == 60


def test_the_axis_stays_as_fitted_on_the_first_round(show):
    session = FakeSession()
    session.train()
    scatter, page = show(session)
    session.train()
    page.ready()
    axis = scatter._axis
    for _ in range(3):
        session.train()
    assert scatter._axis is axis
    other, page = show(session)  # opened later: the same axis
    page.ready()
    np.testing.assert_array_equal(other._axis.weights, axis.weights)


def test_a_label_is_one_small_message(show):
    session = FakeSession(n=5000)
    _, page = show(session)
    session.train()
    page.ready()
    session.label(7)
    session.label(2, -1)
    first, (content, arrays) = page.take()
    assert first[1]["label_value"].tolist() == [1]
    assert arrays["label_index"].tolist() == [7, 2]
    assert arrays["label_value"].tolist() == [1, -1]
    assert "frame" not in content
    assert sum(a.nbytes for a in arrays.values()) < 100


def test_ready_sends_the_newest_round_first_and_then_every_key_frame(show):
    session = FakeSession()
    for _ in range(5):
        session.train()
    _, page = show(session)
    messages = page.ready()
    assert [c["frame"]["round"] for c, _ in messages] == [4, 3, 2, 1, 0]
    assert [c["reset"] for c, _ in messages] == [True, False, False, False, False]
    assert "index" in messages[0][1]


def test_a_second_view_gets_everything_again(show):
    session = FakeSession()
    session.train()
    session.train()
    _, page = show(session)
    assert len(page.ready("a")) == len(page.ready("b")) == 2
    session.train()
    assert len(page.take()) == 1


def test_views_that_are_gone_get_nothing(show):
    session = FakeSession()
    _, page = show(session)
    page.ready("a")
    page.ready("b")
    page.say({"kind": "gone", "view": "a"})
    session.train()
    assert len(page.take()) == 1
    page.say({"kind": "gone", "view": "b"})
    session.train()
    assert page.take() == []


def test_more_than_forty_rounds_are_thinned_and_still_come_one_by_one(show):
    session = FakeSession(n=10)
    _, page = show(session)
    page.ready()
    held = set()
    for _ in range(130):
        session.train()
        ((content, _),) = page.take()
        held = (held | {content["frame"]["round"]}) & set(content["rounds"])
        assert held == set(content["rounds"])  # nothing kept that was not sent
        assert len(held) <= MAX_FRAMES
    assert {0, 129} <= held
    gaps = np.diff(sorted(held))
    assert len(set(gaps[:-1].tolist())) == 1  # evenly
    assert {c["frame"]["round"] for c, _ in page.ready()} == held


def test_key_frames_of_rounds_alike_are_still_bounded():
    frames = [Frame(0, np.arange(1), np.zeros(1, np.float32), None, None, 0) for _ in range(100)]
    assert len(key_frames(frames)) == MAX_FRAMES
    assert key_frames([]) == ()


def test_items_labelled_outside_the_sample_come_with_the_next_frame(show):
    session = FakeSession(n=200, max_items=20)
    _, page = show(session)
    session.train()
    page.ready()
    outside = next(i for i in range(200) if i not in session.history.frames[0].index)
    session.label(outside)
    ((_, arrays),) = page.take()
    at = arrays["extra_index"].tolist().index(outside)  # at once, in the latest round only
    assert arrays["extra_y"][at] == session.snapshot.base_score[outside]
    session.train()
    ((content, arrays),) = page.take()
    assert content["frame"]["start"] == 20
    assert arrays["index"].tolist() == [outside]
    assert len(arrays["x"]) == 21
    assert outside not in arrays["extra_index"]


def test_candidates_outside_the_sample_have_a_place(show):
    session = FakeSession(n=500, max_items=10)
    _, page = show(session)
    session.train()
    ((_, arrays),) = page.ready()
    missing = set(session.queue.tolist()) - set(session.history.frames[0].index.tolist())
    assert set(arrays["extra_index"].tolist()) == missing
    assert np.isfinite(arrays["extra_x"]).all()


def test_moving_the_shown_item_is_sent(show):
    session = FakeSession()
    _, page = show(session)
    session.train()
    page.ready()
    session.on_screen = int(session.queue[2])
    session.notify("queue")
    ((content, _),) = page.take()
    assert content["candidates"]["current"] == session.queue[2]


def test_a_learner_without_latent_is_drawn_by_its_features(show):
    session = FakeSession(n=100, d=0, max_items=20)
    _, page = show(session)
    session.train()
    ((content, arrays),) = page.ready()
    assert "features" in content["x_title"]
    assert np.isfinite(arrays["x"]).all()
    session.label(next(i for i in range(100) if i not in session.history.frames[0].index))
    session.train()
    again = page.take()[-1][1]["x"]
    np.testing.assert_array_equal(again[:20], arrays["x"])
    assert len(again) == 21


def test_uai_probability_travels_once_there_is_a_head(show):
    session = FakeSession()
    _, page = show(session)
    session.train()
    assert "uai" not in page.ready()[0][1]
    session.label(1)
    session.train()
    arrays = page.take()[-1][1]
    np.testing.assert_allclose(arrays["uai"], session.snapshot.uai_score)


def test_ids_travel_as_plain_text_unless_they_repeat_the_index(show):
    ids = np.array([f"<b>{i}</b>\nx" + "y" * 200 for i in range(60)], dtype=object)
    session = FakeSession(ids=ids)
    session.train()
    _, page = show(session)
    lines = page.ready()[0][1]["ids"].split("\n")
    assert len(lines) == 60
    assert lines[5].startswith("<b>5</b> x")
    assert max(map(len, lines)) <= 80
    session.ds.ids = np.arange(60)
    _, page = show(session)
    assert "ids" not in page.ready()[0][1]


def test_truth_is_never_sent(show):
    session = FakeSession()
    session.train()
    _, page = show(session)
    session.ds.y = property(lambda _: pytest.fail("truth was read"))
    content, arrays = page.ready()[0]
    assert set(arrays) == {"index", "x", "y", "label_index", "label_value", "extra_index", "extra_x", "extra_y"}
    assert set(content) == {"kind", "reset", "rounds", "total", "arrays", "frame", "x_title", "candidates"}


def test_going_back_to_an_earlier_history_resets_the_views(show):
    session = FakeSession()
    for _ in range(4):
        session.train()
    _, page = show(session)
    page.ready()
    session.history, session.snapshot = History(), None
    session.train()
    ((content, arrays),) = page.take()
    assert content["reset"]
    assert content["rounds"] == [0]
    assert len(arrays["index"]) == 60


def test_a_click_reaches_every_callback_even_when_one_fails(show, caplog):
    scatter, page = show(FakeSession())
    picked = []
    scatter.on_pick(lambda index: 1 / 0)
    remove = scatter.on_pick(picked.append)
    page.say({"kind": "pick", "index": 59})
    remove()
    page.say({"kind": "pick", "index": 3})
    assert picked == [59]
    assert "on_pick callback failed" in caplog.text


@pytest.mark.parametrize(
    "content",
    [
        *(None, [], "ready", {}, {"kind": 3}, {"kind": ["ready"]}, {"kind": "eval", "code": "1"}),
        *({"kind": "ready", "view": v} for v in (5, None, "x" * 1000)),
        *({"kind": "pick", "index": i} for i in (-1, 60, True, 2.0, "1", None, [1], 10**30)),
        {"kind": "pick"},
    ],
)
def test_messages_that_do_not_fit_are_ignored(show, content):
    scatter, page = show(FakeSession())
    picked = []
    scatter.on_pick(picked.append)
    page.say(content)
    assert picked == []
    assert page.messages == []


def test_views_that_never_say_goodbye_are_bounded(show):
    scatter, page = show(FakeSession())
    for i in range(300):
        page.ready(str(i))
    assert len(scatter._views) < 100


def test_changes_that_concern_others_send_nothing(show):
    session = FakeSession()
    _, page = show(session)
    session.train()
    page.ready()
    session.notify("progress", "phase")
    assert page.messages == []


def test_two_threads_that_notify_send_every_frame_once_and_in_order(show):
    session = FakeSession(n=300)
    scatter, page = show(session)
    session.train()
    page.ready()
    inside, overlaps = [], []

    def send(content, buffers=None):
        inside.append(1)
        overlaps.append(len(inside))
        page.messages.append((content, buffers))
        inside.pop()

    scatter.send = send
    start = threading.Barrier(2)

    def train():
        start.wait()
        for _ in range(20):
            session.train()

    def label():
        start.wait()
        for i in range(200):
            session.label(i)

    threads = [threading.Thread(target=f) for f in (train, label)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    messages = page.take()
    assert [c["frame"]["round"] for c, _ in messages if "frame" in c] == list(range(1, 21))
    assert max(overlaps) == 1
    assert len(messages[-1][1].get("label_index", range(200))) == 200


def test_closing_ends_the_subscription(show):
    session = FakeSession()
    scatter, page = show(session)
    page.ready()
    scatter.close()
    assert session.observers == []
    session.train()
    assert page.ready() == []
    scatter.close()  # once more does no harm


def test_points_never_enter_the_widget_state(show):
    session = FakeSession(n=20_000)
    session.train()
    scatter, page = show(session, height=300)
    page.ready()
    state = scatter.get_state()
    code = len(state.pop("_esm")) + len(state.pop("_css"))
    assert len(json.dumps(state, default=str)) < 2000
    assert code < 60_000
    assert state["height"] == 300


def test_code_is_held_as_strings():
    assert type(LatentScatter._esm) is str
    assert type(LatentScatter._css) is str
    assert "innerHTML" not in LatentScatter._esm.replace("li.innerHTML = `<svg", "", 1)
    assert "document.addEventListener" not in LatentScatter._esm
    assert "http" not in LatentScatter._esm.replace("http://www.w3.org", "")


def test_a_widget_that_failed_to_start_can_be_collected():
    with pytest.raises(AttributeError):
        LatentScatter(SimpleNamespace(ds=[]))
    gc.collect()
