"""The scatter without a browser: what it sends, when, and what it makes of messages."""

import dataclasses
import gc
import json
import threading
from types import SimpleNamespace

import numpy as np
import pytest

from uai_notebook.snapshot import Frame, History
from uai_notebook.widget.scatter import LatentScatter
from uai_notebook.widget.scatter_messages import MAX_FRAMES, key_frames


def test_nothing_is_sent_before_a_view_is_ready(show, new_session):
    session = new_session()
    _, page = show(session)
    session.train()
    session.label(3)
    assert page.messages == []


def test_ready_before_the_first_model_gets_a_message_without_a_frame(show, new_session):
    _, page = show(new_session())
    ((content, arrays),) = page.ready()
    assert content["reset"]
    assert content["rounds"] == []
    assert "frame" not in content
    assert set(arrays) == {"label_index", "label_value"}


def test_a_new_round_is_one_message_of_float32_with_labels_and_candidates_apart(show, new_session):
    session = new_session()
    scatter, page = show(session)
    page.ready()
    session.train()
    ((content, arrays),) = page.take()
    assert content["frame"] == {"round": 0, "labels": 0, "start": 0, "probability": True}
    assert content["x_title"] == "first principal axis of the latent (3-d)"
    assert content["candidates"] == {"queue": session.queue.tolist(), "current": session.on_screen}
    np.testing.assert_array_equal(arrays["index"], np.arange(60))
    np.testing.assert_array_equal(arrays["y"], session.snapshot.base_score)
    np.testing.assert_array_equal(arrays["x"], scatter._plane.of_frame(session.history.frames[0]))
    session.train()
    ((content, arrays),) = page.take()
    assert content["rounds"] == [0, 1]
    assert "index" not in arrays  # known already
    assert len(arrays["x"]) == len(arrays["y"]) == 60


def test_the_axis_stays_as_fitted_on_the_first_round(show, new_session):
    session = new_session()
    session.train()
    scatter, page = show(session)
    session.train()
    page.ready()
    axis = scatter._plane._axis
    for _ in range(3):
        session.train()
    assert scatter._plane._axis is axis
    other, page = show(session)  # opened later: the same axis
    page.ready()
    np.testing.assert_array_equal(other._plane._axis.weights, axis.weights)


def test_a_label_is_one_small_message(show, new_session):
    session = new_session(n=5000)
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


def test_ready_sends_the_newest_round_first_and_then_every_key_frame(show, new_session):
    session = new_session()
    for _ in range(5):
        session.train()
    _, page = show(session)
    messages = page.ready()
    assert [c["frame"]["round"] for c, _ in messages] == [4, 3, 2, 1, 0]
    assert [c["reset"] for c, _ in messages] == [True, False, False, False, False]
    assert "index" in messages[0][1]


def test_a_second_view_gets_everything_again(show, new_session):
    session = new_session()
    session.train()
    session.train()
    _, page = show(session)
    assert len(page.ready("a")) == len(page.ready("b")) == 2
    session.train()
    assert len(page.take()) == 1


def test_views_that_are_gone_get_nothing(show, new_session):
    session = new_session()
    _, page = show(session)
    page.ready("a")
    page.ready("b")
    page.say({"kind": "gone", "view": "a"})
    session.train()
    assert len(page.take()) == 1
    page.say({"kind": "gone", "view": "b"})
    session.train()
    assert page.take() == []


def test_more_than_forty_rounds_are_thinned_and_still_come_one_by_one(show, new_session):
    session = new_session(n=10)
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


def test_items_labelled_outside_the_sample_come_with_the_next_frame(show, new_session):
    session = new_session(n=200, max_items=20)
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


def test_candidates_outside_the_sample_have_a_place(show, new_session):
    session = new_session(n=500, max_items=10)
    _, page = show(session)
    session.train()
    ((_, arrays),) = page.ready()
    missing = set(session.queue.tolist()) - set(session.history.frames[0].index.tolist())
    assert set(arrays["extra_index"].tolist()) == missing
    assert np.isfinite(arrays["extra_x"]).all()


def test_moving_the_shown_item_is_sent(show, new_session):
    session = new_session()
    _, page = show(session)
    session.train()
    page.ready()
    session.on_screen = int(session.queue[2])
    session.notify("queue")
    ((content, _),) = page.take()
    assert content["candidates"]["current"] == session.queue[2]


def test_a_learner_without_latent_is_drawn_by_its_features(show, new_session):
    session = new_session(n=100, d=0, max_items=20)
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


def test_uai_probability_travels_once_there_is_a_head(show, new_session):
    session = new_session()
    _, page = show(session)
    session.train()
    assert "uai" not in page.ready()[0][1]
    session.label(1)
    session.train()
    arrays = page.take()[-1][1]
    np.testing.assert_allclose(arrays["uai"], session.snapshot.uai_score)


def test_the_decision_line_travels_where_the_latent_is_the_axis_and_with_each_round(show, new_session):
    session = new_session(d=1)
    _, page = show(session)
    session.train()
    page.ready()
    session.label(1)
    session.train()
    frame = page.take()[-1][0]["frame"]
    assert frame["head"] == [1.0, 1.0, 1.0]


@pytest.mark.parametrize(("d", "probability"), [(2, True), (0, True), (1, False)])
def test_no_decision_line_in_other_planes_or_without_a_probability(show, d, probability, new_session):
    session = new_session(d=d)
    session.probability = probability
    session.answers = {1: 1}
    session.train()
    _, page = show(session)
    assert "head" not in page.ready()[0][0]["frame"]


def test_a_broken_head_draws_no_line(show, new_session):
    session = new_session(d=1)
    session.train()
    frame = dataclasses.replace(session.history.frames[0], head=np.float32([1, np.nan, 0]))
    session.history._frames[:] = [frame]
    _, page = show(session)
    assert "head" not in page.ready()[0][0]["frame"]


def test_ids_travel_as_plain_text_unless_they_repeat_the_index(show, new_session):
    ids = np.array([f"<b>{i}</b>\nx" + "y" * 200 for i in range(60)], dtype=object)
    session = new_session(ids=ids)
    session.train()
    _, page = show(session)
    lines = page.ready()[0][1]["ids"].split("\n")
    assert len(lines) == 60
    assert lines[5].startswith("<b>5</b> x")
    assert max(map(len, lines)) <= 80
    session.ds.ids = np.arange(60)
    _, page = show(session)
    assert "ids" not in page.ready()[0][1]


def test_truth_is_never_sent(show, new_session):
    session = new_session()
    session.train()
    _, page = show(session)
    session.ds.y = property(lambda _: pytest.fail("truth was read"))
    content, arrays = page.ready()[0]
    assert set(arrays) == {"index", "x", "y", "label_index", "label_value", "extra_index", "extra_x", "extra_y"}
    assert set(content) == {"kind", "reset", "rounds", "total", "arrays", "frame", "x_title", "candidates", "options"}


def test_going_back_to_an_earlier_history_resets_the_views(show, new_session):
    session = new_session()
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


def test_a_click_reaches_every_callback_even_when_one_fails(show, caplog, new_session):
    scatter, page = show(new_session())
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
def test_messages_that_do_not_fit_are_ignored(show, content, new_session):
    scatter, page = show(new_session())
    picked = []
    scatter.on_pick(picked.append)
    page.say(content)
    assert picked == []
    assert page.messages == []


def test_views_that_never_say_goodbye_are_bounded(show, new_session):
    scatter, page = show(new_session())
    for i in range(300):
        page.ready(str(i))
    assert len(scatter._views) < 100


def test_changes_that_concern_others_send_nothing(show, new_session):
    session = new_session()
    _, page = show(session)
    session.train()
    page.ready()
    session.notify("progress", "phase")
    assert page.messages == []


def test_two_threads_that_notify_send_every_frame_once_and_in_order(show, new_session):
    session = new_session(n=300)
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


def test_closing_ends_the_subscription(show, new_session):
    session = new_session()
    scatter, page = show(session)
    page.ready()
    scatter.close()
    assert session.observers == []
    session.train()
    assert page.ready() == []
    scatter.close()  # once more does no harm


def test_points_never_enter_the_widget_state(show, new_session):
    session = new_session(n=20_000)
    session.train()
    scatter, page = show(session, height=300)
    page.ready()
    state = scatter.get_state()
    code = len(state.pop("_esm")) + len(state.pop("_css"))
    assert len(json.dumps(state, default=str)) < 2000
    assert code < 120_000
    assert state["height"] == 300


def test_code_is_held_as_strings():
    assert type(LatentScatter._esm) is str
    assert type(LatentScatter._css) is str
    assert "innerHTML" not in LatentScatter._esm.replace("li.innerHTML = `<svg", "", 1).replace(
        "this.picture.innerHTML = html", ""
    )
    assert "document.addEventListener" not in LatentScatter._esm
    assert "http" not in LatentScatter._esm.replace("http://www.w3.org", "")


def test_a_widget_that_failed_to_start_can_be_collected():
    with pytest.raises(AttributeError):
        LatentScatter(SimpleNamespace(ds=[]))
    gc.collect()
