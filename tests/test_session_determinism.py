"""Seed and labels decide what a session does; what failed or was cancelled never happened."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch

import uai_notebook as uai

A, N, U = uai.Label.ANOMALY, uai.Label.NORMAL, uai.Label.UNSURE


def first(snapshot, unlabeled, k, rng):
    """A query function: in the order of the data."""
    return unlabeled[:k]


def same(a, b) -> bool:
    parts = ("base_score", "latent", "uai_logit", "labeled_index", "labeled_value")
    pairs = [(getattr(a, name), getattr(b, name)) for name in parts]
    return a.round == b.round and all((x is None and y is None) or np.array_equal(x, y) for x, y in pairs)


# -- determinism ----------------------------------------------------------------------------------------------------


def play(session, ds, rounds=3):
    snapshots = [session.train()]
    for _ in range(rounds):
        session.label(session.queue, ds.y[session.queue])
        snapshots.append(session.train())
    return snapshots


@pytest.mark.parametrize("base", ["dae", "class"])
def test_same_seed_same_labels_gives_exactly_the_same_snapshots(make, ds, base):
    first_run, second = play(make(base=base), ds), play(make(base=base), ds)
    assert all(same(a, b) for a, b in zip(first_run, second, strict=True))
    other = play(make(base=base, seed=1), ds)
    assert not same(first_run[-1], other[-1])


def test_another_thread_that_draws_random_numbers_changes_nothing(make, ds):
    expected = play(make(), ds)
    stop = threading.Event()

    def draw():
        while not stop.is_set():
            torch.rand(10)
            np.random.rand(10)  # noqa: NPY002

    thread = threading.Thread(target=draw)
    thread.start()
    try:
        assert all(same(a, b) for a, b in zip(expected, play(make(), ds), strict=True))
    finally:
        stop.set()
        thread.join(10)


def test_the_order_in_which_a_round_was_answered_does_not_change_the_model(make):
    snapshots = []
    for order in ([0, 1, 2, 3, 4], [4, 2, 0, 3, 1]):
        session = make()
        session.train()
        queue = session.queue
        for j in order:
            session.label(queue[j], j % 2)
        snapshots.append(session.train())
    np.testing.assert_array_equal(snapshots[0].uai_logit, snapshots[1].uai_logit)


def test_undone_and_redone_answers_change_nothing(make, ds):
    plain, wavering = make(), make()
    expected = play(plain, ds, rounds=1)
    wavering.train()
    queue = wavering.queue
    wavering.label(queue, 1 - ds.y[queue])
    wavering.undo()
    wavering.label(queue, ds.y[queue])
    wavering.undo()
    wavering.redo()
    assert same(wavering.train(), expected[-1])
    assert wavering.queue.tolist() == plain.queue.tolist()


def test_scores_of_a_snapshot_cannot_be_changed(make):
    snapshot = make().train()
    for array in (snapshot.base_score, snapshot.latent):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


# -- query functions that fail ---------------------------------------------------------------------------------------


class Breakable:
    """A query function that fails when told to."""

    def __init__(self):
        self.broken = False

    def __call__(self, snapshot, unlabeled, k, rng):
        if self.broken:
            raise ValueError("broken rule")
        return unlabeled[:k]


def test_a_round_whose_query_fails_never_happened(make):
    rule = Breakable()
    session, reference = make(query=rule), make(query=first)
    for s in (session, reference):
        s.train()
        s.label(s.queue, [A, N, N, N, N])
    before, frames = session.snapshot, len(session.history.frames)
    rule.broken, session.refills = True, False
    for _ in range(2):
        with pytest.raises(RuntimeError, match="broken rule"):
            session.train()
    assert session.snapshot is before
    assert session.round == 0
    assert len(session.history.frames) == frames
    rule.broken = False
    assert same(session.train(), reference.train())


def test_a_query_that_fails_while_a_training_starts_leaves_the_session_usable(make):
    rule = Breakable()
    session = make(query=rule)
    session.train()
    session.label(session.queue, N)
    rule.broken = True
    with pytest.raises((RuntimeError, ValueError), match="broken rule"):
        session.train()
    rule.broken = False
    assert session.phase != "training"
    assert session.train().round == 1


def test_a_query_that_fails_in_a_refill_does_not_make_a_saved_answer_look_refused(make, ds, numpy_learner):
    rule = Breakable()
    session = make(base=numpy_learner(ds), query=rule)
    session.train()
    session.learner.hold.set()
    session.start()
    rule.broken = True
    session.label(session.queue, N)
    assert session.n_labels == 5
    session.cancel()


# -- learners that fail ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["state_dict", "pretrain", "evaluate", "load_state_dict"])
def test_a_learner_that_raises_anywhere_fails_the_training_and_does_not_hang_it(ds, make, numpy_learner, method):
    learner = numpy_learner(ds)

    def fail(*args):
        raise OSError("no luck")

    setattr(learner, method, fail)
    if method == "load_state_dict":
        learner.evaluate = fail
    session = make(base=learner)
    session.label(0, A)
    with pytest.raises(RuntimeError, match="no luck"):
        session.train()
    assert (session.phase, session.n_labels) == ("failed", 1)
    for name in (method, "evaluate"):
        vars(learner).pop(name, None)
    session.retry()
    assert session.wait() is not None
    assert session.phase == "labeling"


@pytest.mark.parametrize(
    "bad",
    [
        {"base_score": np.zeros(79, np.float32)},
        {"base_score": np.full(80, np.nan, np.float32)},
        {"latent": np.zeros((79, 2), np.float32)},
        {"uai_logit": np.zeros(3, np.float32)},
        {"uai_logit": np.full(80, np.nan, np.float32)},
    ],
    ids=["short score", "nan score", "short latent", "short logit", "nan logit"],
)
def test_a_snapshot_that_does_not_fit_the_data_is_not_accepted(ds, make, numpy_learner, bad):
    learner = numpy_learner(ds)
    session = make(base=learner, query="uai")
    good = session.train()
    queue = session.queue.tolist()
    learner.evaluate = lambda: uai.Snapshot(**{"base_score": np.zeros(80, np.float32), **bad})
    with pytest.raises(RuntimeError):
        session.train()
    assert session.snapshot is good
    assert session.queue.tolist() == queue
    assert session.round == 0
    assert len(session.history.frames) == 1


def test_a_failure_of_a_snapshot_with_nan_logits_does_not_blame_the_query_function(ds, make, numpy_learner):
    learner = numpy_learner(ds)
    learner.evaluate = lambda: uai.Snapshot(np.zeros(80, np.float32), uai_logit=np.full(80, np.nan, np.float32))
    with pytest.raises(RuntimeError, match="finite"):
        make(base=learner, query="uai").train()


def test_a_learner_with_nothing_to_do_may_yield_nothing(ds, make, numpy_learner):
    learner = numpy_learner(ds)
    learner.update = lambda index, label: iter(())
    session = make(base=learner)
    session.train()
    session.label(session.queue, N)
    assert session.train().round == 1


class Failing(torch.nn.Module):
    """A user model that raises, or gives nan, at a forward pass of training."""

    latent_dim, needs_x_y = 2, False

    def __init__(self, how):
        super().__init__()
        self.linear, self.how, self.left = torch.nn.Linear(5, 2), how, 10**9
        torch.nn.init.constant_(self.linear.weight, 0.1)

    def forward(self, x, x_y=None):
        """Squared norm of a linear latent."""
        self.left -= self.training
        latent = self.linear(x)
        score = latent.square().sum(1)
        if self.left <= 0:
            if self.how == "raises":
                raise ZeroDivisionError("in the user's model")
            score = score * float("nan")
        return uai.BaseOutput(latent, score, score)


@pytest.mark.parametrize("how", ["raises", "nan"])
def test_a_failing_step_keeps_labels_restores_the_model_and_retry_works(make, how):
    torch.manual_seed(0)
    session, reference = make(base=Failing(how)), make(base=Failing(how))
    reference.learner.load_state_dict(session.learner.state_dict())
    for s in (session, reference):
        s.train()
        s.label(s.queue, [A, N, N, U, N])
    before = session.snapshot
    session.learner.net.base.left = 4
    with pytest.raises(RuntimeError, match=r"the training failed: .*labels are kept; try session.retry\(\)") as caught:
        session.train()
    assert isinstance(caught.value.__cause__, ZeroDivisionError if how == "raises" else FloatingPointError)
    assert session.error is caught.value.__cause__
    assert (session.phase, session.n_labels, session.n_untrained) == ("failed", 5, 5)
    assert session.snapshot is before
    with pytest.raises(RuntimeError, match="the training failed"):
        session.wait()
    session.label(40, N)
    reference.label(40, N)
    session.learner.net.base.left = 10**9
    session.retry()
    assert same(session.wait(), reference.train())
    assert (session.phase, session.error) == ("labeling", None)


# -- cancel ---------------------------------------------------------------------------------------------------------


def cancel_midway(session, part, after=3):
    """Start a training and cancel it after some steps of ``part``, or when it evaluates."""
    reached, go_on = threading.Event(), threading.Event()
    learner, real = session.learner, getattr(session.learner, part)

    def pause():
        reached.set()
        assert go_on.wait(10)

    def steps(*labels):
        for progress in real(*labels):
            if progress.step == after:
                pause()
            yield progress

    def evaluate():
        pause()
        return real()

    setattr(learner, part, evaluate if part == "evaluate" else steps)
    session.start()
    assert reached.wait(10)
    assert session.phase == "training"
    session.cancel(wait=False)
    go_on.set()
    delattr(learner, part)
    session.cancel()


@pytest.mark.parametrize("base", ["dae", "class"])
@pytest.mark.parametrize("part", ["pretrain", "evaluate"])
def test_a_cancelled_pretraining_never_happened(make, ds, base, part):
    session = make(base=base)
    cancel_midway(session, part)
    assert (session.phase, session.snapshot, len(session.queue)) == ("new", None, 0)
    assert all(same(a, b) for a, b in zip(play(session, ds), play(make(base=base), ds), strict=True))


@pytest.mark.parametrize("part", ["update", "evaluate"])
def test_a_cancelled_round_never_happened(make, ds, part):
    session, reference = make(), make()
    expected = play(reference, ds)
    before = session.train()
    session.label(session.queue, ds.y[session.queue])
    state = session.learner.state_dict()
    cancel_midway(session, part)
    assert session.snapshot is before
    assert (session.round, session.phase, session.n_labels, session.n_untrained) == (0, "labeling", 5, 5)
    assert len(session.history.frames) == 1
    now = session.learner.state_dict()
    assert np.array_equal(state["random"], now["random"])
    assert all(np.array_equal(state["net"][name], now["net"][name]) for name in state["net"])
    old, new = state["optimizer"]["state"], now["optimizer"]["state"]
    assert all(np.array_equal(old[i]["square_avg"], new[i]["square_avg"]) for i in old)
    assert old.keys() == new.keys()
    assert same(session.train(), expected[1])
    session.label(session.queue, ds.y[session.queue])
    assert same(session.train(), expected[2])


def test_cancel_without_a_training_does_nothing(make):
    session = make()
    session.cancel()
    assert session.wait() is None
    session.train()
    session.cancel()
    assert session.phase == "labeling"


def test_an_interrupted_wait_cancels_the_training(holding, monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(holding, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        holding.train()
    assert not holding.training
