"""What runs in the background, and who is told of it."""

from __future__ import annotations

import threading

import uai_notebook as uai

A, N, U = uai.Label.ANOMALY, uai.Label.NORMAL, uai.Label.UNSURE


# -- the background and observers -----------------------------------------------------------------------------------


def test_train_joins_a_training_that_runs(holding):
    holding.start()
    threading.Timer(0.05, holding.learner.hold.clear).start()
    snapshot = holding.train()
    assert (snapshot.round, holding.round) == (1, 1)
    assert [name for name, *_ in holding.learner.calls] == ["pretrain", "update"]


def test_start_while_a_training_runs_does_nothing(holding):
    holding.start()
    holding.start()
    holding.learner.hold.clear()
    holding.wait()
    assert holding.round == 1


def test_observers_hear_what_changed(make):
    session, heard = make(), []
    end = session.observe(heard.append)
    session.label(3, N)
    assert heard == [frozenset({"labels", "queue"})]
    session.train()
    assert {"phase", "queue", "snapshot", "progress"} <= frozenset().union(*heard)
    end()
    end()
    n = len(heard)
    session.undo()
    assert len(heard) == n


def test_progress_is_reported_twice_a_second_at_most(make, ds, config):
    session, heard = make(config=uai.TrainConfig(hidden=(4, 2), pretrain_steps=400, batch_size=8)), []
    session.observe(lambda changes: heard.append(changes) if changes == {"progress"} else None)
    session.train()
    assert 1 <= len(heard) <= 4


def test_an_observer_that_raises_breaks_neither_the_loop_nor_other_observers(make):
    session, heard = make(), []

    def broken(changes):
        raise RuntimeError("a broken view")

    session.observe(broken)
    session.observe(heard.append)
    session.train()
    session.label(session.queue, N)
    session.undo()
    assert session.train().round == 1
    assert len(heard) >= 4


def test_observers_are_never_called_under_the_lock(make):
    session, blocked = make(), []

    def from_another_thread(changes):
        def look():
            if session._lock.acquire(timeout=5):
                session._lock.release()
            else:
                blocked.append(changes)

        thread = threading.Thread(target=look)
        thread.start()
        thread.join(6)

    session.observe(from_another_thread)
    session.train()
    session.label(session.queue, N)
    session.undo()
    session.redo()
    session.budget = 20
    session.refill()
    session.show(int(session.queue[0]))
    session.train()
    session.close()
    assert blocked == []


def test_an_observer_may_start_the_next_training_or_wait_for_it(make):
    session, ended = make(), threading.Event()

    def go_on(changes):
        if "snapshot" in changes and session.round < 3:
            session.start()
        elif session.round == 3:
            ended.set()
        session.wait() if threading.current_thread().name == "uai_notebook training" and session.round >= 3 else None

    session.observe(go_on)
    session.start()
    assert ended.wait(10)
    assert session.round == 3


def test_an_observer_may_cancel_the_training_it_hears_of(make):
    session = make()
    session.observe(lambda changes: session.cancel() if "progress" in changes else None)
    assert session.train() is None
    assert session.phase == "new"
