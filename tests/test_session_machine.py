"""Whatever a person does, in whatever order, and however the kernel ends: the journal's replay is the live state."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

import uai_notebook as uai
from uai_notebook.labels import LabelStore

N = 24
OTHERS = {0: 1, 1: 0}  # answers of the session that is merged in, for items that nobody else labels
DS = uai.Dataset.from_arrays(np.random.default_rng(0).normal(size=(N, 3)).astype(np.float32))
CONFIG = uai.TrainConfig(hidden=(4, 2), pretrain_steps=3, round_steps=3, batch_size=8, labeled_batch=8)
answers = st.dictionaries(st.integers(len(OTHERS), N - 1), st.sampled_from([1, 0, -1]), min_size=1, max_size=3)


class Life(RuleBasedStateMachine):
    """A session, and a model of it that knows nothing of journals."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="life"))
        self.names = (self.root / str(n) for n in itertools.count())
        self.base: dict[int, int] = {}  # what came by merging, and is no undo step of ours
        self.kept: list[dict[int, int]] = []
        self.undone: list[dict[int, int]] = []
        self.notes: dict[int, str] = {}
        self.rounds = 0
        self.ranking: np.ndarray | None = None

    @initialize()
    def begin(self) -> None:
        """Two notebooks: ours, and one to merge with."""
        self.session = uai.ActiveSession(DS, k=3, config=CONFIG, path=next(self.names), annotator="me", audit=0.3)
        self.other = self.root / "other"
        other = uai.ActiveSession(DS, k=3, config=CONFIG, path=self.other, annotator="other")
        other.label(list(OTHERS), list(OTHERS.values()))
        other.close()

    @rule(given=answers)
    def label(self, given: dict[int, int]) -> None:
        """One call."""
        self.session.label(list(given), list(given.values()))
        self.kept.append(given)
        self.undone.clear()

    @rule()
    def undo(self) -> None:
        """One step back."""
        if self.kept:
            assert set(self.session.undo()) == set(self.kept[-1])
            self.undone.append(self.kept.pop())

    @rule()
    def redo(self) -> None:
        """One step forward."""
        redone = self.session.redo()
        assert set(redone) == set(self.undone[-1] if self.undone else {})
        if self.undone:
            self.kept.append(self.undone.pop())

    @rule(index=st.integers(0, N - 1), text=st.text(max_size=5))
    def note(self, index: int, text: str) -> None:
        """A note, or none any more."""
        self.session.note(index, text)
        self.notes.pop(index, None)
        if text:
            self.notes[index] = text

    @rule()
    def train(self) -> None:
        """A first model, the model again, or one round more."""
        before, known = self.session.snapshot, self.session.store.trainings
        again = before is None and bool(known)
        self.session.train()
        self.rounds += before is not None
        ranking = self.session.snapshot.ranking_score
        if again and self.ranking is not None:
            np.testing.assert_array_equal(ranking, self.ranking)
        self.ranking = ranking

    @rule()
    def cancel(self) -> None:
        """A round that may or may not come to its end."""
        before = self.session.snapshot
        self.session.start()
        self.session.cancel()
        if self.session.snapshot is not before:
            self.rounds += before is not None
            self.ranking = self.session.snapshot.ranking_score

    @rule(training=st.booleans(), without=st.sampled_from([(), ("checkpoints",), ("checkpoints", "frames")]))
    def kill(self, training: bool, without: tuple[str, ...]) -> None:
        """The folder as a process leaves it that dies now, perhaps in a training; perhaps the cache is lost too."""
        if training:
            self.session.start()
        folder = next(self.names)
        shutil.copytree(self.session.path, folder, ignore=shutil.ignore_patterns("*.tmp"))
        (folder / "lock").unlink()
        self.session.close()
        for name in without:
            shutil.rmtree(folder / name, ignore_errors=True)
        self._resume(folder)
        assert self.session.round - self.rounds in ((0, 1) if training else (0,))
        if self.session.round > self.rounds or training:
            self.ranking, self.rounds = None, self.session.round

    @rule()
    def resume(self) -> None:
        """Closed and opened: the model is there at once."""
        queue, trained = self.session.queue.tolist(), self.session.snapshot is not None
        self.session.close()
        self._resume(self.session.path)
        assert self.session.queue.tolist() == queue
        assert (self.session.snapshot is not None) == trained

    @precondition(lambda self: self.kept)
    @rule()
    def merge(self) -> None:
        """Goes on in one session made of both."""
        self.session.close()
        folder = next(self.names)
        uai.merge_sessions([self.session.path, self.other], folder, DS)
        self._resume(folder)
        self.base = {**self._labels(), **OTHERS}
        self.kept, self.undone, self.ranking, self.rounds = [], [], None, 0

    @invariant()
    def replay_is_the_live_state(self) -> None:
        """And both are what the model says."""
        if not hasattr(self, "session"):
            return
        session, live = self.session, self.session.store
        replayed = LabelStore.open(session.path, DS, read_only=True)
        for name in ("current", "notes", "rounds", "n_asked", "_done", "_undone", "trainings", "settings"):
            assert getattr(replayed, name) == getattr(live, name), name
        assert (replayed.batch.items, replayed.batch.offered) == (live.batch.items, live.batch.offered)
        assert {i: answer.label for i, answer in live.current.items()} == self._labels()
        assert (session.notes, session.round) == (self.notes, self.rounds)
        assert not set(session.queue.tolist()) & set(live.current)

    def _labels(self) -> dict[int, int]:
        return {i: value for given in (self.base, *self.kept) for i, value in given.items()}

    def _resume(self, folder: Path) -> None:
        self.session: Any = uai.ActiveSession.resume(folder, DS, annotator="me")
        if self.session.snapshot is not None and self.ranking is not None:
            np.testing.assert_array_equal(self.session.snapshot.ranking_score, self.ranking)

    def teardown(self) -> None:
        """Nothing stays."""
        if hasattr(self, "session"):
            self.session.close()
        shutil.rmtree(self.root, ignore_errors=True)


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=15, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
