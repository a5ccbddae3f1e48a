"""One training as a value, and running it off the caller's thread without disturbing the process."""

from __future__ import annotations

import atexit
import contextlib
import sys
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import torch

from .answers import Label
from .learners import Learner
from .snapshot import IndexArray, Snapshot
from .training import Progress

SWITCH_INTERVAL = 0.0005  # seconds; Python's 5 ms lets one training thread delay a click by 100 ms

_lock = threading.Lock()
_users = 0
_before = (0, 0.0)
_running: weakref.WeakSet[BackgroundJob] = weakref.WeakSet()


class Cancelled(Exception):
    """A training was asked to stop."""


@dataclass(frozen=True, eq=False)
class TrainingJob:
    """One ``model.train(D, labels)`` of Algorithm 1, as a value: anyone may run it, the session accepts it.

    The labels are those at its start; Unsure is not among them.
    """

    learner: Learner
    index: IndexArray
    value: npt.NDArray[np.int8]
    round: int
    pretrain: bool
    updates: int
    threads: int
    n_items: int
    began: int = 0  # events of the journal when it took its labels
    seed: tuple[int, int] = (0, 0)  # of the session, and the round

    def steps(self) -> Iterator[Progress]:
        """Pre-training and updates as one series of steps."""
        return training_steps(self.learner, self.index, self.value, self.pretrain, self.updates, self.seed)

    def run(self, report: Callable[[Progress], None], stop: Callable[[], bool]) -> Snapshot:
        """Train, then score all items. Raises :class:`Cancelled` when ``stop`` says so."""
        for progress in self.steps():
            report(progress)
            if stop():
                raise Cancelled
        snapshot = scored(self.learner, self.n_items, self.round, self.index, self.value)
        if stop():
            raise Cancelled
        return snapshot


def sure(index: IndexArray, value: npt.NDArray[np.int8]) -> tuple[IndexArray, npt.NDArray[np.int8]]:
    """Items and labels without the unsure ones: what is trained on."""
    known = value != Label.UNSURE
    return index[known], value[known]


def training_steps(
    learner: Learner,
    index: IndexArray,
    value: npt.NDArray[np.int8],
    pretrain: bool,
    updates: int,
    seed: tuple[int, int] = (0, 0),
) -> Iterator[Progress]:
    """Pre-training, if asked for, and so many updates as one series of steps."""
    done = 0
    parts = [learner.pretrain] if pretrain else []
    parts += [lambda: learner.update(index, value)] * updates
    for number, part in enumerate(parts):
        last = 0
        for progress in seeded(part(), (*seed, number)):
            last = progress.step
            yield Progress(done + last, done + progress.of, progress.loss)
        done += last


def seeded(steps: Iterator[Progress], seed: Sequence[int]) -> Iterator[Progress]:
    """Steps whose draws from torch's global generator, such as those of ``torch.nn.Dropout``, follow from ``seed``.

    For everybody else that generator is as if nothing had been drawn. Where the first step does not use it, it is left
    alone. Draws on a GPU are not seeded.
    """
    ours = torch.Generator().manual_seed(int(np.random.SeedSequence(seed).generate_state(1)[0])).get_state()
    draws = True
    while True:
        if draws:
            theirs = torch.get_rng_state()
            torch.set_rng_state(ours)
        try:
            progress = next(steps)
        except StopIteration:
            return
        finally:
            if draws:
                before, ours = ours, torch.get_rng_state()
                torch.set_rng_state(theirs)
                draws = not torch.equal(before, ours)
        yield progress


def scored(learner: Learner, n: int, round: int, index: IndexArray, value: npt.NDArray[np.int8]) -> Snapshot:
    """The snapshot of a learner that was trained on these labels. ValueError if it is not about all n items."""
    snapshot = learner.evaluate()
    _check_snapshot(snapshot, n)
    snapshot = replace(snapshot, round=round, labeled_index=index, labeled_value=value)
    for array in (snapshot.base_score, snapshot.latent, snapshot.uai_logit, index, value):
        if array is not None:
            array.setflags(write=False)
    return snapshot


def _check_snapshot(snapshot: Snapshot, n: int) -> None:
    """What a learner says must be about all n items, and finite."""
    for name in ("base_score", "latent", "uai_logit"):
        array = getattr(snapshot, name)
        if array is None and name != "base_score":
            continue
        if not isinstance(array, np.ndarray) or len(array) != n or array.ndim != (2 if name == "latent" else 1):
            shape = getattr(array, "shape", type(array).__name__)
            raise ValueError(f"the learner's snapshot has {name} {shape}: expected {n} items.")
        if not np.isfinite(array).all():
            raise FloatingPointError(f"the model gives a {name} that is not finite: try a smaller learning rate.")


@contextlib.contextmanager
def polite(threads: int) -> Iterator[None]:
    """Limit torch to ``threads`` and hand the interpreter over often; both are restored by the last to leave."""
    global _users, _before
    with _lock:
        if _users == 0:
            _before = (torch.get_num_threads(), sys.getswitchinterval())
            sys.setswitchinterval(min(SWITCH_INTERVAL, _before[1]))
        _users += 1
    torch.set_num_threads(threads)  # of this thread; the process-wide default is restored below
    # RMSprop's mean square of a unit that never fires decays into denormals, which cost 1.8 times the step.
    torch.set_flush_denormal(True)  # of this thread
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        with _lock:
            _users -= 1
            torch.set_num_threads(_before[0])
            if _users == 0:
                sys.setswitchinterval(_before[1])


class BackgroundJob:
    """One call in one daemon thread, which may be asked to stop.

    Parameters
    ----------
    work : callable
        Gets a function that says whether to stop; must not raise.
    """

    def __init__(self, work: Callable[[Callable[[], bool]], None]) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=work, args=(self._stop.is_set,), name="uai_notebook training", daemon=True
        )
        _running.add(self)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Ask it to stop at its next step; returns at once."""
        self._stop.set()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the end; returns whether it came. In the job's own thread it returns False at once."""
        if threading.current_thread() is self._thread:
            return False
        self._thread.join(timeout)
        return not self._thread.is_alive()


@atexit.register
def _stop_all() -> None:
    # A daemon thread inside torch while the interpreter goes down can crash it.
    for job in list(_running):
        job.stop()
    for job in list(_running):
        with contextlib.suppress(RuntimeError):  # never started
            job.join(timeout=2)
