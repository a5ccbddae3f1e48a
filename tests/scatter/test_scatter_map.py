"""Maps of the rounds: what a page asks for, what it hears meanwhile, and what it gets."""

import threading
from concurrent.futures import CancelledError
from types import SimpleNamespace

import numpy as np
import pytest

from uai_notebook.views import maps
from uai_notebook.views.maps import LatentMap, MapJob


class FakeJob:
    """A MapJob whose steps the test takes itself; the places of an item are its index and the round."""

    made = ()

    def __init__(self, frames, of="latent", *, on_progress, **options):
        if len(frames) == 13:
            raise ValueError("13 rounds are too many.")
        self.frames, self.of, self.options, self._tell = frames, of, options, on_progress
        self.progress = SimpleNamespace(step=0, of=0, text="waiting", done=False, failed=None)
        self.started = self.cancelled = False
        type(self).made = (*self.made, self)

    def start(self):
        self.started = True

    def cancel(self):
        self.cancelled = True
        self.say(done=True, failed="the map was cancelled")

    def say(self, **progress):
        vars(self.progress).update(progress)
        self._tell(self)

    def wait(self, timeout=None):
        if self.cancelled:
            raise CancelledError
        index = np.arange(60)
        points = {
            f.round: np.stack([index, np.full(60, f.round)], 1).astype(np.float32)
            for f in (self.frames if self.of == "latent" else self.frames[-1:])
        }
        if self.of == "x":
            points = {None: points.popitem()[1]}
        return LatentMap(("UMAP 1 of l", "UMAP 2"), "key", "60 items on it", index, points)


@pytest.fixture
def jobs(monkeypatch):
    """The class of jobs in place of the real one; its ``made`` are all of this test."""
    cls = type("Job", (FakeJob,), {})
    monkeypatch.setattr(maps, "MapJob", cls)
    return cls


@pytest.fixture
def two_rounds(new_session):
    session = new_session()
    session.train()
    session.label(7)
    session.train()
    return session


def ask(page, of="latent", view="a", **more):
    page.say({"kind": "map", "view": view, "of": of, **more})
    return page.take()


def test_a_map_is_begun_with_the_rounds_the_page_has_and_the_labels(show, two_rounds, jobs):
    _, page = show(two_rounds)
    assert [key for key, _ in page.ready()[0][0]["options"]["maps"]] == ["latent", "x"]
    assert ask(page) == []
    (job,) = jobs.made
    assert job.started
    assert (job.of, [f.round for f in job.frames]) == ("latent", [0, 1])
    assert job.options["labeled"].tolist() == [7]
    assert job.options["x"] is None
    assert job.options["cache"] is None


def test_all_views_hear_how_far_it_is_and_get_the_places_of_every_round(show, two_rounds, jobs):
    _, page = show(two_rounds)
    page.ready()
    ask(page)
    job = jobs.made[0]
    job.say(step=3, of=9, text="fitting")
    ((content, _),) = page.take()
    assert content == {
        **{"kind": "map_progress", "of": "latent", "step": 3, "steps": 9, "text": "fitting", "arrays": []},
    }
    job.say(done=True)
    ((content, arrays),) = page.take()
    assert (content["kind"], content["titles"], content["rounds"]) == ("map", ["UMAP 1 of l", "UMAP 2"], [0, 1])
    np.testing.assert_array_equal(arrays["at_index"], np.arange(60))
    np.testing.assert_array_equal(arrays["x0"], np.arange(60))
    assert set(arrays["y1"].tolist()) == {1.0}


def test_a_map_that_is_there_is_sent_at_once_and_only_to_who_asks(show, two_rounds, jobs):
    _, page = show(two_rounds)
    page.ready()
    ask(page)
    jobs.made[0].say(done=True)
    page.take()
    page.ready("b")
    ((content, _),) = ask(page, view="b")
    assert content["view"] == "b"
    assert len(jobs.made) == 1
    assert ask(page, anew=True) == []
    assert len(jobs.made) == 2


def test_asking_twice_begins_once_and_another_map_ends_the_first(show, two_rounds, jobs):
    _, page = show(two_rounds)
    page.ready()
    ask(page)
    ask(page)
    assert len(jobs.made) == 1
    ((content, _),) = ask(page, "x")
    assert content["failed"] == "The map was cancelled."
    first, second = jobs.made
    assert first.cancelled
    assert second.options["x"] is two_rounds.ds


def test_a_map_of_x_travels_once_for_all_rounds(show, two_rounds, jobs):
    _, page = show(two_rounds)
    page.ready()
    ask(page, "x")
    jobs.made[0].say(done=True)
    ((content, arrays),) = page.take()
    assert content["still"]
    assert set(arrays) == {"at_index", "x1", "y1"}


def test_cancelling_is_told_once_and_leaves_no_map(show, two_rounds, jobs):
    _, page = show(two_rounds)
    page.ready()
    ask(page)
    page.say({"kind": "map_cancel", "view": "a"})
    ((content, _),) = page.take()
    assert content["failed"] == "The map was cancelled."
    page.say({"kind": "map_cancel", "view": "a"})
    assert page.take() == []
    assert ask(page) == []
    assert len(jobs.made) == 2


def test_a_map_that_fails_says_why(show, two_rounds, jobs):
    _, page = show(two_rounds)
    page.ready()
    ask(page)
    jobs.made[0].say(done=True, failed="the latents are not finite.")
    assert page.take()[0][0]["failed"] == "the latents are not finite."
    ask(page)
    assert len(jobs.made) == 2  # it may be tried again


def test_a_map_that_cannot_begin_says_why(show, two_rounds, jobs):
    for _ in range(11):
        two_rounds.train()
    _, page = show(two_rounds)
    page.ready()
    ((content, _),) = ask(page)
    assert content["failed"] == "13 rounds are too many."


def test_closing_ends_the_map(show, two_rounds, jobs):
    scatter, page = show(two_rounds)
    page.ready()
    ask(page)
    scatter.close()
    assert jobs.made[0].cancelled
    assert page.take() == []


def test_going_back_to_a_checkpoint_forgets_maps(show, two_rounds, jobs):
    _, page = show(two_rounds)
    page.ready()
    ask(page)
    jobs.made[0].say(done=True)
    two_rounds.history, two_rounds.snapshot = type(two_rounds.history)(), None
    two_rounds.train()
    page.take()
    assert ask(page) == []
    assert len(jobs.made) == 2


@pytest.mark.parametrize("of", ["y", "", None, 3, ["latent"], "x" * 1000])
def test_no_map_of_anything_else(show, two_rounds, jobs, of):
    _, page = show(two_rounds)
    page.ready()
    assert ask(page, of) == []
    assert jobs.made == ()


def test_no_map_before_a_round_or_for_unknown_views(show, new_session, jobs):
    _, page = show(new_session())
    assert ask(page) == []
    page.ready()
    assert ask(page) == []
    assert jobs.made == ()


@pytest.mark.slow
def test_the_real_map_reaches_the_page(show, two_rounds):
    arrived = threading.Event()
    scatter, page = show(two_rounds)
    page.ready()
    scatter.send = lambda content, buffers=None: (
        page.messages.append((content, buffers)),
        content["kind"] == "map" and arrived.set(),
    )
    assert maps.MapJob is MapJob
    ask(page)
    assert arrived.wait(300)
    content, arrays = page.take()[-1]
    assert content["rounds"] == [0, 1]
    assert np.isfinite(arrays["x0"]).all()
    assert len(arrays["at_index"]) == 60
