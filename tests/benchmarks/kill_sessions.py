"""kill -9 at random moments of a session, again and again: what was acknowledged is there, and nothing else.

    python tests/benchmarks/kill_sessions.py --kills 1000

A child labels, undoes, redoes, writes notes and trains as fast as it can, and says before and after each act what it
does. It is killed at a random moment: at any, or a moment after an act of a chosen kind or the writing of a checkpoint
has begun. Then another child resumes the session. Its labels, undo and redo steps and notes must be those that were
acknowledged, with or without the one act that was under way; its ranking must be that of the round as it was first
reported, bit for bit. Now and then the checkpoints are taken away as well: the journal alone must give that ranking.

Children are forked from one process that has imported everything: a life lasts some tenths of a second.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from benchmark_record import machine_line, versions, write

import uai_notebook as uai
from uai_notebook.cache import SessionCache
from uai_notebook.labels import JOURNAL_NAME
from uai_notebook.learners import make_learner

N = 300
LIVES = 25  # of one session; then a new one begins
ACTS = ("label", "undo", "redo", "note")
MOMENTS = ("any", *ACTS, "train", "checkpoint")
CONFIG = uai.TrainConfig(hidden=(8, 2), pretrain_steps=30, round_steps=30, batch_size=32, labeled_batch=16)


def data() -> uai.Dataset:
    """Some items."""
    return uai.Dataset.from_arrays(np.random.default_rng(0).normal(size=(N, 4)).astype(np.float32))


class Expected:
    """What a session must hold, from what was acknowledged: written without the package."""

    def __init__(self) -> None:
        self.kept: list[list[list[int]]] = []
        self.undone: list[list[list[int]]] = []
        self.notes: dict[str, str] = {}

    def after(self, act: list[Any]) -> Expected:
        """The state after one act more."""
        new = Expected()
        new.kept, new.undone, new.notes = list(self.kept), list(self.undone), dict(self.notes)
        kind, *what = act
        if kind == "label":
            new.kept, new.undone = [*new.kept, what], []
        elif kind == "undo" and new.kept:
            new.undone.append(new.kept.pop())
        elif kind == "redo" and new.undone:
            new.kept.append(new.undone.pop())
        elif kind == "note":
            new.notes[str(what[0])] = what[1]
        return new

    def state(self) -> dict[str, Any]:
        """As a child tells it."""
        labels: dict[str, int] = {}
        for items, values in self.kept:
            labels |= {str(i): v for i, v in zip(items, values, strict=True)}
        return {"labels": labels, "notes": self.notes, "undo": len(self.kept), "redo": len(self.undone)}


def ranking_of(session: uai.ActiveSession) -> str:
    """A digest of the scores of all items."""
    snapshot = session.snapshot
    assert snapshot is not None
    parts = [snapshot.base_score, snapshot.latent, snapshot.ranking_score]
    return hashlib.sha256(b"".join(part.tobytes() for part in parts if part is not None)).hexdigest()[:16]


# -- children -------------------------------------------------------------------------------------------------------


def live(folder: Path, seed: int, say: Callable[..., None]) -> None:
    """Label, undo, redo, note and train until killed."""
    real = SessionCache.keep

    def keep(cache: SessionCache, *args: Any) -> None:
        say("begin", "checkpoint")
        real(cache, *args)
        say("end", "checkpoint")

    SessionCache.keep = keep  # type: ignore[method-assign]
    chance = random.Random(seed)
    session = uai.ActiveSession.open(folder, data(), config=CONFIG, k=5, audit=0.1)
    say("open")

    def accepted(changes: frozenset[str]) -> None:
        if session.snapshot is not None:
            say("round", session.snapshot.round, ranking_of(session))

    session.observe(lambda changes: accepted(changes) if "snapshot" in changes else None)
    while True:
        kind = chance.choices([*ACTS, "train"], [60, 15, 10, 5, 10])[0]
        if kind == "train":
            if not session.training:
                say("begin", "train")
                session.start()
            continue
        act: list[Any] = [kind]
        if kind == "label":
            asked = session.queue.tolist()
            items = asked[:3] if asked and chance.random() < 0.5 else chance.sample(range(N), chance.randint(1, 3))
            act += [items, [chance.choice((1, 0, -1)) for _ in items]]
        elif kind == "note":
            act += [chance.randrange(N), f"note {chance.random()}"]
        say("begin", kind, act)
        {"label": session.label, "undo": session.undo, "redo": session.redo, "note": session.note}[kind](*act[1:])
        say("end", kind, act)


def look(folder: Path, say: Callable[..., None]) -> None:
    """Resume the session and tell what it holds."""
    began = time.monotonic()
    session = uai.ActiveSession.resume(folder, data())
    store = session.store
    told: dict[str, Any] = {
        "labels": {str(i): answer.label for i, answer in store.current.items()},
        "notes": {str(i): text for i, text in session.notes.items()},
        "undo": len(store._done),
        "redo": len(store._undone),
    }
    at_once = session.snapshot is not None
    if not at_once and store.trainings:
        session.train()
    seconds = time.monotonic() - began
    trained = session.snapshot is not None
    asked = session.queue.tolist()
    valid = not set(asked) & set(store.current) and len(asked) <= session.k
    ranking = ranking_of(session) if trained else None
    session.close()
    say(told, session.round if trained else None, ranking, at_once, valid, seconds)


def forked(work: Callable[..., None], *args: Any) -> tuple[int, int]:
    """Process and pipe of a child."""
    out, into = os.pipe()
    pid = os.fork()
    if pid:
        os.close(into)
        return pid, out
    os.close(out)
    try:
        work(*args, lambda *said: os.write(into, json.dumps(said).encode() + b"\n"))
    except BaseException:
        os.write(into, json.dumps(["error", traceback.format_exc()[-2000:]]).encode() + b"\n")
    os._exit(0)


def lines(pipe: int) -> Iterator[list[Any] | None]:
    """What a child says; None where it has said nothing for a millisecond. Ends with the child."""
    rest = b""
    while True:
        if not select.select([pipe], [], [], 0.001)[0]:
            yield None
            continue
        got = os.read(pipe, 65536)
        if not got:
            os.close(pipe)
            return
        *whole, rest = (rest + got).split(b"\n")
        yield from map(json.loads, whole)


# -- a session, killed again and again ------------------------------------------------------------------------------


class Trial:
    """Kills of one session, and what was found after each."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.folder, self.chance = folder, chance
        self.expected = Expected()
        self.rankings: dict[int, str] = {}
        self.found: Counter[str] = Counter()
        self.acked = self.expected
        self.doing: list[Any] | None = None
        self.rounds: dict[int, str] = {}
        self.busy: set[str] = set()

    def kill_one(self) -> None:
        """One life, its end, and what is left of it."""
        acked, doing, rounds = self._life()
        with_it = acked if doing is None else acked.after(doing)
        self.rankings |= {r: digest for r, digest in rounds.items() if r not in self.rankings}
        told, round_, ranking, at_once, valid, seconds = self._look(self.folder)
        if told not in (acked.state(), with_it.state()):
            raise AssertionError(f"{told} is neither {acked.state()} nor {with_it.state()} ({doing})")
        if not valid:
            raise AssertionError("the queue holds what is labelled, or too much")
        self.expected = with_it if told == with_it.state() else acked
        self.found["resumes"] += 1
        self.found["resumed_milliseconds"] += int(1000 * seconds)
        self._compare(round_, ranking, "ranking")
        self.found["model at once" if at_once else "rounds done again" if ranking else "no model yet"] += 1
        if ranking and self.chance.random() < 0.1:
            bare = self.folder.with_name("bare")
            shutil.copytree(self.folder, bare)
            for name in ("checkpoints", "frames"):
                shutil.rmtree(bare / name, ignore_errors=True)
            again = self._look(bare)
            if again[0] != told:
                raise AssertionError("the journal alone tells something else")
            self._compare(again[1], again[2], "ranking from the journal alone")
            shutil.rmtree(bare)

    def _compare(self, round_: int | None, ranking: str | None, name: str) -> None:
        if round_ is None or ranking is None:
            return
        if self.rankings.setdefault(round_, ranking) != ranking:
            raise AssertionError(f"round {round_} has another {name} than before")
        self.found[f"{name} compared"] += 1

    def _life(self) -> tuple[Expected, list[Any] | None, dict[int, str]]:
        """What was acknowledged, what was being done, and the rankings of the rounds that were reported."""
        kind, left = self.chance.choice(MOMENTS), self.chance.randint(1, 5)
        wait = self.chance.uniform(0, 0.3 if kind == "any" else 0.005)
        pid, pipe = forked(live, self.folder, self.chance.getrandbits(32))
        self.acked, self.doing, self.rounds, self.busy = self.expected, None, {}, set()
        at, killed = time.monotonic() + 5, False  # at the latest: the kind may not come
        for said in lines(pipe):
            if said is not None:
                self._hear(said, killed)
                hit = said == ["open"] if kind == "any" else said[:2] == ["begin", kind]
                left = 0 if hit and kind == "any" else left - hit
                if hit and left == 0:
                    at = time.monotonic() + wait
            if not killed and time.monotonic() >= at:
                os.kill(pid, signal.SIGKILL)
                killed = True
        if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) != -signal.SIGKILL:
            raise AssertionError("the child ended by itself")
        self.found["kills"] += 1
        for what in self.busy:
            self.found[f"killed during {what}"] += 1
        self.found["killed between two acts"] += not self.busy
        return self.acked, self.doing, self.rounds

    def _hear(self, said: list[Any], killed: bool) -> None:
        what, *rest = said
        if what == "error":
            raise AssertionError(rest[0])
        if what == "round":
            self.busy.discard("train")
            self.rounds[rest[0]] = rest[1]
        elif what == "begin":
            self.busy.add(rest[0])
            self.doing = rest[1] if rest[0] in ACTS else self.doing
        elif what == "end":
            self.busy.discard(rest[0])
            if rest[0] in ACTS:
                self.acked, self.doing = self.acked.after(rest[1]), None
                self.found["acknowledged"] += not killed

    def _look(self, folder: Path) -> list[Any]:
        pid, pipe = forked(look, folder)
        said = [line for line in lines(pipe) if line is not None]
        os.waitpid(pid, 0)
        if len(said) != 1 or said[0][0] == "error":
            raise AssertionError(f"the session could not be resumed: {said}")
        return said[0]


def run(kills: int, seed: int, report: Callable[[str], None]) -> Counter[str]:
    """So many kills, over several sessions."""
    chance, found = random.Random(seed), Counter[str]()
    while found["kills"] < kills:
        folder = Path(tempfile.mkdtemp(prefix="killed"))
        trial = Trial(folder / "session", chance)
        try:
            for _ in range(min(LIVES, kills - found["kills"])):
                trial.kill_one()
        except AssertionError:
            print(f"seed {seed}; the session is kept in {folder}", file=sys.stderr)
            raise
        found += trial.found
        found["sessions"] += 1
        found["journal lines"] += (folder / "session" / JOURNAL_NAME).read_bytes().count(b"\n")
        shutil.rmtree(folder)
        report(f"{found['kills']} of {kills} kills, {found['acknowledged']} acknowledged")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32)
    parser.add_argument("--out", type=Path, default=Path("results/kill"))
    options = parser.parse_args()
    torch.set_num_threads(1)  # a fork may not carry threads along
    list(make_learner(data(), "dae", CONFIG, 0).pretrain())  # imports what is imported late
    began = time.monotonic()
    found = run(options.kills, options.seed, lambda text: print(text, flush=True))
    record = {
        "kills": found.pop("kills"),
        "acknowledged": found.pop("acknowledged"),
        "lost": 0,  # the first lost or wrong one, or resume that fails, ends the run with an error
        "wrong": 0,
        "resumes": found.pop("resumes"),
        "resume_mean_seconds": round(found.pop("resumed_milliseconds") / 1000 / options.kills, 3),
        "sessions": found.pop("sessions"),
        "counts": dict(sorted(found.items())),
        "seconds": round(time.monotonic() - began),
        "seed": options.seed,
        "versions": versions(np, torch),
    }
    rows = "\n".join(f"| {name} | {count:,} |" for name, count in sorted(found.items()))
    text = f"""{record["kills"]:,} times kill -9 at random moments, of {record["sessions"]} sessions that label, undo, \
redo, write notes and train at once.

{record["acknowledged"]:,} acts were acknowledged before their process was killed. Lost: 0. Wrong: 0. Every one of the \
{record["resumes"]:,} resumes succeeded, in {record["resume_mean_seconds"]} s on average (rounds done again included); \
the first failure would have ended the run. Rankings were compared bit for bit with those that the round was first \
reported with.

| | |
|---|---:|
{rows}

One kill may count under several acts: training and the writing of checkpoints run beside labeling.
`python tests/benchmarks/kill_sessions.py --kills {options.kills} --seed {options.seed}`; where a kill strikes depends \
on the machine too.

{machine_line(np, torch)}
"""
    write(options.out, text, record)


if __name__ == "__main__":
    main()
