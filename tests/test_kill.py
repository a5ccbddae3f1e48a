"""kill -9 at random moments: every acknowledged answer is in the journal, with its value."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time

import numpy as np

import uai_notebook as uai
from uai_notebook.labels import JOURNAL_NAME, LabelStore

N = 20_000
DATA = np.random.default_rng(0).normal(size=(N, 2)).astype(np.float32)

SCRIPT = """
import sys
import numpy as np
import uai_notebook as uai
folder, how = sys.argv[1:]
ds = uai.Dataset.from_arrays(np.random.default_rng(0).normal(size=(20_000, 2)).astype(np.float32))
if how == "store":
    try:
        target = uai.LabelStore.open(folder, ds)
    except FileNotFoundError:
        target = uai.LabelStore.create(folder, ds)
    label = lambda i, v: target.add([i], [v])
    labelled = target
else:
    config = uai.TrainConfig(hidden=(4, 2), pretrain_steps=20, round_steps=20, batch_size=32, labeled_batch=32)
    session = uai.ActiveSession.open(folder, ds, config=config)
    labelled = session.store
    def label(i, v):
        session.label(i, v)
        if i % 5 == 0:
            session.start()
assert "torch" not in sys.modules or how == "session"
for i in range(len(labelled), 20_000):
    label(i, i % 3 - 1)
    print(i, i % 3 - 1, flush=True)
"""


def run_and_kill(folder, how, seconds) -> dict[int, int]:
    """Label in a child as fast as it can, kill it so long after its first answer; what it acknowledged."""
    child = subprocess.Popen([sys.executable, "-c", SCRIPT, str(folder), how], stdout=subprocess.PIPE, text=True)
    lines: list[str] = []
    begun = threading.Event()

    def read():
        for line in child.stdout:
            lines.append(line)
            begun.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    assert begun.wait(60), "the child never labelled"
    time.sleep(seconds)
    os.kill(child.pid, signal.SIGKILL)
    assert child.wait(10) == -signal.SIGKILL
    reader.join(10)
    child.stdout.close()
    return {int(i): int(value) for i, value in (line.split() for line in lines if line.endswith("\n"))}


def check(folder, ds, acknowledged) -> None:
    store = LabelStore.open(folder, ds)
    found = {i: answer.label for i, answer in store.current.items()}
    assert {i: found.get(i) for i in acknowledged} == acknowledged
    # What was written and not yet acknowledged may be there too; nothing else, and nothing wrong.
    assert all(value == i % 3 - 1 for i, value in found.items())
    assert sorted(found) == list(range(len(found)))


def kill_again_and_again(folder, how, times, kills) -> None:
    ds = uai.Dataset.from_arrays(DATA)
    acknowledged: dict[int, int] = {}
    for _ in range(times):
        acknowledged.update(run_and_kill(folder, how, kills.uniform(0, 0.25)))
        check(folder, ds, acknowledged)
        if kills.random() < 0.3:  # a power cut tears the last line
            with (folder / JOURNAL_NAME).open("ab") as file:
                file.write(b'{"op":"label","id":[1')
    assert len(acknowledged) > times


def test_every_acknowledged_answer_survives_kill_9(tmp_path):
    kill_again_and_again(tmp_path, "store", 16, random.Random(time.time_ns()))


def test_every_acknowledged_answer_survives_kill_9_while_a_session_trains(tmp_path):
    # Sessions need their own journal: its header holds their settings.
    kill_again_and_again(tmp_path, "session", 4, random.Random(time.time_ns()))
