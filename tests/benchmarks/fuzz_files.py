"""Damaged and hostile journals, checkpoints and browser messages: a clear error or a correct result, nothing else.

    python tests/benchmarks/fuzz_files.py --cases 10000

Journals: bytes and lines are flipped, cut, doubled and swapped, and values of their JSON replaced. Opening one must
give a ValueError in words, or a session that can be used. Checkpoints and frames: the same with bytes, and with arrays
of other shapes, pickles, and names that lead out of the folder. Resuming must always succeed, with all labels.
Messages: what no page sends, to a panel and a scatter. None may raise, and labels stay what labels are.

An audit hook watches: nothing may be unpickled, no program started, no connection made, no file written elsewhere.
"""

from __future__ import annotations

import argparse
import copy
import gc
import io
import json
import logging
import os
import pickle
import random
import shutil
import sys
import tempfile
import time
import warnings
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmark_record import machine_line, versions, write

import uai_notebook as uai
from uai_notebook.labels import JOURNAL_NAME

CONFIG = uai.TrainConfig(hidden=(4, 2), pretrain_steps=2, round_steps=2, batch_size=8, labeled_batch=8)
FORBIDDEN = {"pickle.find_class", "os.system", "os.exec", "os.posix_spawn", "subprocess.Popen", "socket.connect"}
NASTY: list[Any] = [
    None, True, False, -1, 0, 1, 2, 10**6, 2**53, 2**64, -(2**70), 0.5, -1e308, float("nan"), float("inf"), "", "x",
    "<script>alert(1)</script>", "../../../etc/passwd", "\x00", "\ud800", "é" * 300, "9999-99-99", "__class__",
    "2026-01-01T00:00:00", [], [[]], {}, {"a": {}}, [1] * 50, {"label": 1}, "function evil", "class", "dae",
    [256, 10**7],
]  # fmt: skip


class Watch:
    """Counts what must not happen while it is on."""

    def __init__(self) -> None:
        self.on, self.inside = False, ""
        self.seen: Counter[str] = Counter()
        sys.addaudithook(self._hook)

    def _hook(self, event: str, args: tuple[Any, ...]) -> None:
        if not self.on:
            return
        if event in FORBIDDEN:
            self.seen[event] += 1
        elif event == "open" and isinstance(args[0], str) and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            place = os.path.realpath(args[0])
            self.seen[f"wrote {place}"] += not place.startswith((self.inside, "/dev/"))

    def check_itself(self) -> None:
        """It must see what it is there to see."""
        self.on = True
        pickle.loads(pickle.dumps(Counter))
        with open(os.devnull, "w"), tempfile.TemporaryFile("w"):
            self.on = False
        if set(self.seen) < {"pickle.find_class"} or not any(name.startswith("wrote") for name in self.seen):
            raise AssertionError(f"the watch saw {dict(self.seen)}")
        self.seen.clear()


class Bomb:
    """Does something if it is unpickled."""

    def __reduce__(self) -> Any:
        return (os.system, ("touch /tmp/fuzz_was_here",))


def data() -> uai.Dataset:
    """Some items with names."""
    x = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    return uai.Dataset.from_arrays(x, ids=[f"item {i}" for i in range(40)])


def sound(folder: Path) -> Path:
    """A session as it should be."""
    session = uai.ActiveSession(data(), k=4, config=CONFIG, path=folder / "sound", annotator="ann")
    session.label([0, 1, 2], [1, 0, -1])
    for _ in range(3):
        session.train()
        session.label(session.queue[:3], [1, 0, 0])
        session.undo()
        session.redo()
        session.note(int(session.queue[0]), "a note")
    session.refill()
    session.undo()
    session.close()
    return folder / "sound"


# -- what is done to them -------------------------------------------------------------------------------------------


def with_other_bytes(raw: bytes, chance: random.Random) -> bytes:
    """Flipped, cut, doubled or replaced bytes."""
    out = bytearray(raw)
    for _ in range(chance.choice((1, 1, 2, 8))):
        a, length = chance.randrange(len(out) + 1), chance.choice((1, 1, 2, 30, 300))
        kind = chance.randrange(5)
        if kind == 0 and a < len(out):
            out[a] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del out[a : a + length]
        elif kind == 2:
            out[a:a] = chance.randbytes(length)
        elif kind == 3:
            out[a:a] = out[a : a + length]
        else:
            del out[a:]
    return bytes(out)


def with_other_lines(raw: bytes, chance: random.Random) -> bytes:
    """Lines in another order, doubled or left out."""
    lines = raw.splitlines(keepends=True)
    for _ in range(chance.choice((1, 2, 5))):
        a, b = chance.randrange(len(lines)), chance.randrange(len(lines))
        kind = chance.randrange(3)
        if kind == 0:
            lines[a], lines[b] = lines[b], lines[a]
        elif kind == 1:
            lines.insert(a, lines[b])
        elif len(lines) > 2:
            del lines[a]
    return b"".join(lines)


def with_other_value(tree: Any, chance: random.Random) -> Any:
    """A tree of JSON with one value replaced, left out or added."""
    tree = copy.deepcopy(tree)
    at, inside = tree, []
    while isinstance(at, dict | list) and at and (not inside or chance.random() < 0.7):
        key = chance.choice(list(at)) if isinstance(at, dict) else chance.randrange(len(at))
        inside.append((at, key))
        at = at[key]
    if not inside:
        return chance.choice(NASTY)
    parent, key = inside[-1]
    if chance.random() < 0.15:
        del parent[key]
    else:
        parent[key] = chance.choice(NASTY)
    return tree


def with_other_json(raw: bytes, chance: random.Random) -> bytes:
    """One or more values of the lines replaced."""
    lines = raw.splitlines()
    for _ in range(chance.choice((1, 1, 3))):
        n = chance.choice((0, chance.randrange(len(lines))))
        lines[n] = json.dumps(with_other_value(json.loads(lines[n]), chance)).encode()
    if chance.random() < 0.02:
        lines.insert(chance.randrange(len(lines)), b"[" * 100_000)
    return b"\n".join(lines) + b"\n"


def with_other_arrays(path: Path, chance: random.Random) -> bytes:
    """A checkpoint that is whole, with something else in it."""
    out = io.BytesIO()
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    name = chance.choice(list(arrays))
    old = arrays[name]
    kind = chance.randrange(6)
    if kind == 0:
        bomb = np.empty(1, object)
        bomb[0] = Bomb()
        arrays[name] = bomb
    elif kind == 1:
        arrays[name] = np.full(chance.choice([(), (0,), (3,), (2, 9), old.shape]), chance.choice([np.nan, -1, 1e30]))
    elif kind == 2:
        arrays[name] = old.astype(chance.choice([np.float16, np.int8, np.complex64, "U5"]))
    elif kind == 3:
        tree = json.loads(arrays["tree"].tobytes())
        arrays["tree"] = np.frombuffer(json.dumps(with_other_value(tree, chance)).encode(), np.uint8)
    elif kind == 4:
        arrays[f"../../{name}"] = arrays.pop(name)
    np.savez(out, **arrays)
    if kind == 5:
        with zipfile.ZipFile(out, "a") as archive:
            head = "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }".ljust(117) + "\n"
            archive.writestr(f"{name}x.npy", b"\x93NUMPY\x01\x00v\x00" + head.encode())
            archive.writestr("pickle.npy", pickle.dumps(Bomb()))
    return out.getvalue()


# -- what must hold -------------------------------------------------------------------------------------------------


def use(session: uai.ActiveSession) -> None:
    """Everything a person would look at."""
    frame, ranked = session.labels, session.results()
    assert set(frame["label"]) <= {0, 1, -1}
    assert len(ranked) == len(session.ds)
    assert not set(session.queue.tolist()) & set(frame["index"])
    assert 0 <= session.n_asked <= session.n_labels == len(frame)
    assert all(isinstance(text, str) for text in session.notes.values())
    session.undo()
    session.redo()
    session.label(7, 1, annotator="bob")
    assert session.store.get(7).label == 1  # type: ignore[union-attr]


def try_journal(folder: Path, whole: Path, chance: random.Random) -> str:
    """A journal that was tampered with."""
    change = chance.choice((with_other_bytes, with_other_lines, with_other_json, with_other_json))
    file = folder / JOURNAL_NAME
    file.write_bytes(change((whole / JOURNAL_NAME).read_bytes(), chance))
    try:
        session = uai.ActiveSession.resume(folder, data())
    except (ValueError, FileNotFoundError) as error:
        if len(str(error)) < 20:
            raise AssertionError(f"an error without words: {error!r}") from error
        return "a clear error"
    use(session)
    session.close()
    again = uai.ActiveSession.resume(folder, data())
    assert again.store.current == session.store.current
    again.close()
    return "a session that works"


def try_checkpoint(folder: Path, whole: Path, chance: random.Random) -> str:
    """Checkpoints and frames that were tampered with."""
    newest = max((folder / "checkpoints").glob("*.npz"))
    file = chance.choice([newest, newest, *(folder / "checkpoints").glob("*"), *(folder / "frames").glob("*")])
    if chance.random() < 0.5:
        file.write_bytes(with_other_bytes(file.read_bytes(), chance))
    else:
        file.write_bytes(with_other_arrays(file, chance))
    session = uai.ActiveSession.resume(folder, data())
    truth = uai.ActiveSession.open(whole, data(), read_only=True)
    assert session.store.current == truth.store.current
    at_once = session.snapshot is not None
    use(session)
    session.close()
    return "the model at once" if at_once else "rounds to be done again"


class Page:
    """A panel and a scatter, and messages for them."""

    KINDS = ("label", "show", "undo", "redo", "train", "cancel", "pause", "more", "export", "copy", "retry", "ready",
             "why", "outlook", "review", "note", "pick", "gone", "color", "preview", "map_cancel",
             "constructor", "__class__")  # fmt: skip

    def __init__(self) -> None:
        self.session = uai.ActiveSession(data(), k=4, config=CONFIG)
        self.session.train()
        self.panel = uai.LabelPanel(self.session)
        self.scatter = uai.LatentScatter(self.session, preview=self.panel.preview)
        self.scatter.on_label(self.panel.label_many)
        self.scatter._receive(self.scatter, {"kind": "ready", "view": "v"}, [])
        self.seq = 0

    def message(self, chance: random.Random) -> Any:
        """What no page would send, and now and then what one would."""
        self.seq += 1
        content: Any = {
            "kind": chance.choice(self.KINDS),
            "view": "v",
            "seq": self.seq,
            "index": chance.randrange(-2, 45),
            "label": chance.choice((1, 0, -1, 2)),
            "next": chance.choice((None, 3)),
            "text": chance.choice(("a note", 7, "<img src=x onerror=alert(1)>")),
            "items": [1, 2],
            "key": "label",
            "filter": chance.choice(("all", "disagree", "conflicts", 7)),
            "search": chance.choice(("", "item", "x" * 201)),
        }
        for _ in range(chance.choice((0, 1, 1, 2))):
            content = with_other_value(content, chance)
            if not isinstance(content, dict):
                break
        if isinstance(content, dict) and chance.random() < 0.98:
            content["seq"] = self.seq  # else every message would wait for those that never come
        return content

    def take(self, chance: random.Random) -> str:
        """One message to each; what they show must be what the session has."""
        content = self.message(chance)
        buffers = chance.choice(([], [memoryview(chance.randbytes(8))], [b"\x01\x00\x00\x00"], None))
        self.panel._receive(self.panel, content, buffers)
        self.scatter._receive(self.scatter, content, buffers)
        self.session.wait()
        assert set(self.session.labels["label"]) <= {0, 1, -1}
        json.dumps(self.panel.state).encode()
        if self.session.n_labels > 30:
            for _ in range(15):
                self.session.undo()
        return "taken or refused"


def run(cases: int, seed: int, watch: Watch, report: Callable[[str], None]) -> dict[str, Counter[str]]:
    """So many cases of all kinds."""
    chance = random.Random(seed)
    found: dict[str, Counter[str]] = {"journals": Counter(), "checkpoints": Counter(), "messages": Counter()}
    with tempfile.TemporaryDirectory(prefix="fuzzed") as name:
        folder = Path(name).resolve()
        whole, page = sound(folder), Page()
        watch.check_itself()
        watch.inside = str(folder)
        for number in range(cases):
            kind = ("journals", "checkpoints", "messages", "journals")[number % 4]
            state = chance.getstate()
            target = folder / str(number)
            shutil.copytree(whole, target)
            watch.on = True
            try:
                if kind == "messages":
                    outcome = page.take(chance)
                else:
                    outcome = (try_journal if kind == "journals" else try_checkpoint)(target, whole, chance)
            except BaseException:
                print(f"case {number} of seed {seed}, {kind}", file=sys.stderr)
                raise
            finally:
                watch.on = False
            assert not +watch.seen, f"case {number}: {dict(watch.seen)}"
            assert chance.getstate() != state
            found[kind][outcome] += 1
            shutil.rmtree(target)
            if number % 200 == 199:
                gc.collect()
                report(f"{number + 1} of {cases}")
        page.panel.close()
        page.scatter.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32)
    parser.add_argument("--out", type=Path, default=Path("results/fuzz"))
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    began = time.monotonic()
    found = run(options.cases, options.seed, Watch(), lambda text: print(text, flush=True))
    counts = {kind: dict(sorted(outcomes.items())) for kind, outcomes in found.items()}
    record = {
        "cases": options.cases,
        "crashes": 0,  # the first error that is not a clear one ends the run
        "code_run": 0,
        "counts": counts,
        "seconds": round(time.monotonic() - began),
        "seed": options.seed,
        "versions": versions(np, torch),
    }
    rows = [f"| {kind} | {how} | {n:,} |" for kind, outcomes in counts.items() for how, n in outcomes.items()]
    text = f"""{options.cases:,} damaged and hostile journals, checkpoints and browser messages. Errors that were not \
clear: 0. Code run, files written elsewhere: 0.

| what | gave | |
|---|---|---:|
{chr(10).join(rows)}

`python tests/benchmarks/fuzz_files.py --cases {options.cases} --seed {options.seed}` (the first failure ends it).

{machine_line(np, torch)}
"""
    write(options.out, text, record)


if __name__ == "__main__":
    main()
