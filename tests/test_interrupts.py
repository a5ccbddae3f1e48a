"""The notebook's stop button leaves file and memory the same."""

import os
import signal
import threading

import numpy as np
import pytest

import uai_notebook as uai
from uai_notebook.interrupts import uninterrupted
from uai_notebook.labels import LabelStore

ACTS = {
    "label": lambda store: store.add([4, 2], [1, -1]),
    "undo": lambda store: store.undo(),
    "redo": lambda store: store.redo(),
    "note": lambda store: store.note(3, "odd"),
    "offer": lambda store: store.offer([1, 5]),
    "settings": lambda store: store.set_settings({"k": 7}),
    "round": lambda store: store.end_training(1, 2, 1, [0], {"seconds": 1.0}),
}


def all_of(store):
    return store.current, store.counts(), store.notes, store.n_events, store.settings, store.can_redo, store.rounds


@pytest.fixture
def store(tmp_path):
    store = LabelStore.create(tmp_path, uai.Dataset.from_arrays(np.eye(6)))
    store.add([0], [1])
    store.add([1], [0])
    store.undo()
    return store


@pytest.mark.parametrize("act", ACTS)
def test_an_interrupt_while_a_line_is_written_comes_when_it_counts(store, tmp_path, monkeypatch, act):
    real = os.fsync

    def interrupted(file):
        real(file)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(os, "fsync", interrupted)
    before = store.n_events
    with pytest.raises(KeyboardInterrupt):
        ACTS[act](store)
    monkeypatch.undo()
    assert store.n_events == before + 1
    again = LabelStore.open(tmp_path, store.ds)
    assert all_of(again) == all_of(store)
    store.add([5], [0])  # and it goes on
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_other_threads_and_errors_are_as_ever():
    names = []

    def elsewhere():
        with uninterrupted():
            names.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert names == [signal.default_int_handler]
    with pytest.raises(ValueError, match="no"), uninterrupted():
        raise ValueError("no")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
