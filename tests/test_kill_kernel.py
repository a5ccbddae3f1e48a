"""A real kernel, killed while a cell labels through the panel: what was shown as given is in the journal."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty

import numpy as np
import pytest

import uai_notebook as uai
from uai_notebook.labels import JOURNAL_NAME, LabelStore

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.name != "posix", reason="SIGKILL")]

KILLS = 20
AT_ONCE = 2
N = 5_000

SET_UP = """
import json, time
import numpy as np
import torch
torch.set_num_threads(1)
import uai_notebook as uai
from uai_notebook.widget import LabelPanel
ds = uai.Dataset.from_arrays(np.random.default_rng(0).normal(size=(5_000, 3)).astype(np.float32))
config = uai.TrainConfig(hidden=(4, 2), pretrain_steps=5, round_steps=30, batch_size=32, labeled_batch=32)
session = uai.ActiveSession.open({folder!r}, ds, k=5, config=config)
panel = LabelPanel(session, train_every={train_every})
session.train()
print(json.dumps({{"ready": session.n_labels}}), flush=True)
"""

# What a page sends, one answer after the other, and what it shows as given: said only then.
LABEL = """
for seq in range(1, 100_000):
    state = panel.state
    item = state["current"]
    if item is None:
        raise RuntimeError(state)
    label = item % 3 - 1
    following = next((e["index"] for e in state["batch"] if e["label"] is None and e["index"] != item), None)
    content = {"kind": "label", "view": "page", "seq": seq, "index": item, "label": label, "next": following}
    panel._receive(panel, content, [])
    state = panel.state
    if state["message"] or state["acks"].get("page") != seq:
        raise RuntimeError(state)
    given = [e["label"] for e in state["batch"] if e["index"] == item] or [session.store.get(item).label]
    assert given == [label], (given, label)
    print(json.dumps({"item": item, "label": label, "training": session.training}), flush=True)
    time.sleep(0.002)
"""


class Kernel:
    """An ipykernel of this interpreter, in its own folder, and what it says."""

    def __init__(self, folder: Path) -> None:
        from jupyter_client import KernelManager
        from jupyter_client.kernelspec import KernelSpec

        self.said: list[dict] = []
        # No TCP: a port that is free when it is chosen can be taken when the kernel binds it, and the kernel dies.
        # The folder's path is short, as that of such a socket must be.
        self._sockets = tempfile.TemporaryDirectory()
        self._manager = KernelManager(transport="ipc", ip=f"{self._sockets.name}/kernel")
        line = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
        self._manager._kernel_spec = KernelSpec(argv=line, display_name="this interpreter", language="python")
        environment = {**os.environ, "IPYTHONDIR": str(folder / "ipython"), "PYTHONWARNINGS": "ignore"}
        self._manager.start_kernel(cwd=str(folder), env=environment)
        self._client = self._manager.client()
        self._client.start_channels()
        self._client.wait_for_ready(timeout=60)
        self.pid = self._manager.provisioner.pid
        self._text = ""

    def run(self, code: str) -> None:
        self._client.execute(code, store_history=False)

    def hear(self, seconds: float, until: str = "") -> None:
        """Take in what it says, for so long or until it says a key."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not (until and any(until in line for line in self.said)):
            try:
                message = self._client.get_iopub_msg(timeout=max(0.0, min(0.2, end - time.monotonic())))
            except Empty:
                continue
            if message["msg_type"] == "error":
                raise AssertionError("\n".join(message["content"]["traceback"]))
            if message["msg_type"] == "stream" and message["content"]["name"] == "stdout":
                *lines, self._text = (self._text + message["content"]["text"]).split("\n")
                self.said += [json.loads(line) for line in lines]

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        assert self._manager.provisioner.process.wait(10) == -signal.SIGKILL

    def close(self) -> None:
        """End it, whatever went wrong, and its sockets and files."""
        if self._manager.provisioner is not None and self._manager.provisioner.process is not None:
            self._manager.provisioner.process.kill()
            self._manager.provisioner.process.wait(10)
        self._client.stop_channels()
        self._manager.cleanup_resources()
        self._sockets.cleanup()


def kill_one(folder: Path, seconds: float, train_every: int) -> list[dict]:
    """Label in a kernel, kill it so long after its first answer; what it had shown as given."""
    kernel = Kernel(folder)
    try:
        kernel.run(SET_UP.format(folder=str(folder / "session"), train_every=train_every))
        kernel.hear(60, until="ready")
        assert kernel.said, "the kernel never got ready"
        kernel.run(LABEL)
        kernel.hear(30, until="item")
        kernel.hear(seconds)
        kernel.kill()
        kernel.hear(0.2)  # what it sent before its death
    finally:
        kernel.close()
    return [line for line in kernel.said if "item" in line]


def journaled(folder: Path) -> list[tuple[int, int]]:
    """Items and labels of the journal in their order, read by nothing of ours."""
    lines = (folder / JOURNAL_NAME).read_bytes().rpartition(b"\n")[0].split(b"\n")[1:]
    events = [event for event in map(json.loads, lines) if event["op"] == "label"]
    return [(item, label) for event in events for item, label in zip(event["id"], event["label"], strict=True)]


def kill_again_and_again(folder: Path, moments: list[float]) -> tuple[int, int]:
    """Kills of one session, resumed each time. Returns how many answers were given, and kills during a round."""
    ds = uai.Dataset.from_arrays(np.random.default_rng(0).normal(size=(N, 3)).astype(np.float32))
    folder.mkdir()
    before: list[tuple[int, int]] = []
    during_a_round = 0
    for number, seconds in enumerate(moments):
        given = kill_one(folder, seconds, train_every=5 if number % 2 else N)  # N: no round trains
        assert given, "killed before the first answer"
        during_a_round += given[-1]["training"]
        answers = [(line["item"], line["label"]) for line in given]
        raw = journaled(folder / "session")
        # In the order they were given, after those of the kernels before; then at most what was being answered or
        # was still on its way to the page.
        assert raw[: len(before)] == before
        assert raw[len(before) : len(before) + len(answers)] == answers
        assert all(label == item % 3 - 1 for item, label in raw)
        store = LabelStore.open(folder / "session", ds)
        assert list(zip(*(column.tolist() for column in store.arrays()), strict=True)) == raw
        before = raw
    session = uai.ActiveSession.resume(folder / "session", ds)
    assert session.labels[["index", "label"]].to_numpy().tolist() == [list(pair) for pair in before]
    assert session.labels["asked"].all()
    return len(before), during_a_round


@pytest.mark.timeout(300)
def test_every_answer_shown_as_given_survives_20_kills_of_the_kernel(tmp_path):
    seed = time.time_ns()
    print("seed", seed)  # of the moments only: when a kernel gets how far depends on the machine
    kills = random.Random(seed)
    moments = [[kills.uniform(0, 1.0) for _ in range(KILLS // AT_ONCE)] for _ in range(AT_ONCE)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        jobs = [pool.submit(kill_again_and_again, tmp_path / str(n), part) for n, part in enumerate(moments)]
        results = [job.result() for job in jobs]
    print("answers and kills during a round:", results)
    assert sum(answers for answers, _ in results) > KILLS * 2
    assert any(during for _, during in results)
