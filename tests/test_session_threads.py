"""Several threads on one session, and what training does to the process."""

from __future__ import annotations

import sys
import threading
import time

import numpy as np
import pytest
import torch

import uai_notebook as uai
from uai_notebook.background import BackgroundJob, _stop_all, polite
from uai_notebook.labels import LabelStore


@pytest.fixture
def threads():
    """Restores torch's thread count."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("saved", [False, True], ids=["memory", "journal"])
def test_four_threads_label_undo_and_train_at_once_and_nothing_is_lost(make, ds, tmp_path, saved):  # noqa: C901
    session = make(path=tmp_path if saved else None)
    session.train()
    deadline, errors, counts = time.monotonic() + 1.5, [], [0] * 4

    def label(number):
        mine, rng = np.arange(number, 80, 4), np.random.default_rng(number)
        while time.monotonic() < deadline:
            session.label(rng.choice(mine, size=2, replace=False), int(rng.integers(-1, 2)))
            counts[number] += 1

    def undo():
        while time.monotonic() < deadline:
            counts[2] += bool(session.undo())
            counts[2] -= bool(session.redo())
            session.labels, session.results(), session.queue, session.phase, session.n_untrained

    def train():
        while time.monotonic() < deadline:
            session.train()
            counts[3] += 1
            session.start()
            session.cancel()

    def guarded(work, *args):
        try:
            work(*args)
        except BaseException as error:
            errors.append(error)

    workers = [threading.Thread(target=guarded, args=(label, n), daemon=True) for n in (0, 1)]
    workers += [threading.Thread(target=guarded, args=(work,), daemon=True) for work in (undo, train)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(20)
    assert not any(worker.is_alive() for worker in workers), "a deadlock"
    assert errors == []
    assert min(counts[0], counts[1], counts[3]) > 0
    assert session.phase in ("labeling", "done")
    assert not set(session.queue.tolist()) & set(session.store.current)
    if saved:
        again = LabelStore.open(tmp_path, ds)
        assert again.current == session.store.current
        assert again.rounds == session.round == session.snapshot.round
        assert (again._done, again._undone) == (session.store._done, session.store._undone)


def test_threads_that_open_a_folder_at_once_get_one_session(ds, config, tmp_path):
    together, found = threading.Barrier(6), []

    def work() -> None:
        together.wait()
        found.append(uai.ActiveSession.open(tmp_path, ds, k=5, config=config))

    workers = [threading.Thread(target=work) for _ in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(found) == 6
    assert len(set(found)) == 1
    found[0].label(0, 1)


def test_labels_of_several_threads_are_all_there(make):
    session = make()

    def label(number):
        for i in range(number, 80, 4):
            session.label(i, number % 2)

    workers = [threading.Thread(target=label, args=(n,)) for n in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(20)
    assert session.n_labels == 80
    assert session.labels.set_index("index")["label"].to_dict() == {i: (i % 4) % 2 for i in range(80)}


def test_label_returns_at_once_while_a_training_runs(holding):
    holding.start()
    took = []
    for i in holding.queue:
        began = time.perf_counter()
        holding.label(int(i), 0)
        took.append(time.perf_counter() - began)
    assert holding.training
    assert np.median(took) < 0.1


def test_label_returns_at_once_while_a_network_trains(make):
    session = make(config=uai.TrainConfig(hidden=(64, 8), pretrain_steps=100_000, batch_size=256))
    session.start()
    took = []
    for i in range(20):
        began = time.perf_counter()
        session.label(i, 0)
        took.append(time.perf_counter() - began)
    assert session.training
    session.cancel()
    assert np.median(took) < 0.1


def test_trainings_that_several_threads_ask_for_at_once_are_one(holding):
    threading.Timer(0.1, holding.learner.hold.clear).start()
    workers = [threading.Thread(target=holding.train) for _ in range(4)]
    holding.start()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(10)
    assert [name for name, *_ in holding.learner.calls].count("update") <= 5
    assert holding.round == [name for name, *_ in holding.learner.calls].count("update")
    assert not holding.training


def test_threads_and_switch_interval_are_restored_after_training(make, threads):
    torch.set_num_threads(2)
    switch = sys.getswitchinterval()
    session, seen = make(), []

    def look(changes):
        if threading.current_thread().name == "uai_notebook training":
            seen.append((torch.get_num_threads(), sys.getswitchinterval()))

    session.observe(look)
    session.train()
    during = [one for one in seen if one[1] < switch]
    assert during
    assert {count for count, _ in during} == {1}
    assert (torch.get_num_threads(), sys.getswitchinterval()) == (2, switch)
    in_new_thread = []
    thread = threading.Thread(target=lambda: in_new_thread.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert in_new_thread == [2]


@pytest.mark.parametrize("ending", ["cancel", "failure"])
def test_threads_and_switch_interval_are_restored_after_cancel_and_failure(holding, threads, ending):
    torch.set_num_threads(2)
    switch = sys.getswitchinterval()
    if ending == "failure":
        holding.learner.hold.clear()
        holding.learner.evaluate = lambda: 1 / 0
        with pytest.raises(RuntimeError):
            holding.train()
    else:
        holding.start()
        assert holding.learner.entered.wait(5)
        assert sys.getswitchinterval() < switch
        holding.cancel()
    assert (torch.get_num_threads(), sys.getswitchinterval()) == (2, switch)


def test_two_trainings_at_once_restore_what_was_before_the_first(threads):
    torch.set_num_threads(2)
    switch = sys.getswitchinterval()
    first, second = polite(1), polite(1)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert sys.getswitchinterval() < switch
    second.__exit__(None, None, None)
    assert (torch.get_num_threads(), sys.getswitchinterval()) == (2, switch)


def test_a_small_switch_interval_of_the_user_is_not_raised():
    before = sys.getswitchinterval()
    sys.setswitchinterval(0.0001)
    try:
        with polite(1):
            assert sys.getswitchinterval() == pytest.approx(0.0001, rel=0.05)
        assert sys.getswitchinterval() == pytest.approx(0.0001, rel=0.05)
    finally:
        sys.setswitchinterval(before)


def test_a_training_that_runs_is_stopped_when_the_interpreter_ends():
    stopped = threading.Event()

    def work(stop):
        while not stop():
            time.sleep(0.002)
        stopped.set()

    never = BackgroundJob(work)
    job = BackgroundJob(work)
    job.start()
    assert not job.join(0.01)
    _stop_all()
    assert stopped.is_set()
    assert job.join(1)
    assert never is not job
