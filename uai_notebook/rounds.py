"""One training of a session: what it is given, running it in the worker thread, accepting and keeping its result."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .answers import Label
from .background import Cancelled, TrainingJob, polite, sure
from .matching import ordered_digest
from .rebuild import Rebuild, state_of
from .snapshot import Snapshot
from .training import Progress

if TYPE_CHECKING:
    from .session import ActiveSession

PROGRESS_SECONDS = 0.5  # between two progress messages; more of them delay clicks (Nagle in jupyter_server)
RESUMED_UPDATES = 10  # at most so many rounds' steps are trained where the rounds of a journal cannot be done again

_log = logging.getLogger(__name__)


def next_job(session: ActiveSession) -> TrainingJob | Rebuild:
    """What the next training is: old rounds to be done again, a first model, or one more round."""
    if session._rebuild is not None:
        return session._rebuild
    index, value = sure(*session._store.arrays())
    first = session.snapshot is None
    resumed = min(session.round, RESUMED_UPDATES)
    return TrainingJob(
        learner=session.learner,
        index=index,
        value=value,
        round=session.round if first else session.round + 1,
        pretrain=first,
        # A first training has labels if the user brought some, or its rounds cannot be done again.
        updates=(max(resumed, 1) if len(index) else 0) if first else 1,
        threads=session.config.threads,
        n_items=len(session.ds),
        began=session._store.n_events,
        seed=(session.seed, session.round + (not first)),
    )


def run(session: ActiveSession, job: TrainingJob | Rebuild, stop: Callable[[], bool]) -> None:
    """In the worker thread. Whatever goes wrong, the learner is as it was before."""
    error: BaseException | None = None
    reported = 0.0

    def report(progress: Progress) -> None:
        nonlocal reported
        session.progress = progress
        if time.monotonic() - reported > PROGRESS_SECONDS:
            reported = time.monotonic()
            session._observers.tell("progress")

    try:
        with polite(job.threads):
            before = job.learner.state_dict()
            try:
                _accept(session, job, job.run(report, stop), stop)
            except BaseException:
                job.learner.load_state_dict(before)
                raise
            session._observers.tell("snapshot", "queue")  # nobody waits for the disk
            _keep(session)
    except BaseException as problem:
        error = problem
    with session._lock:
        if error is not None:
            session._trained = session._trained_before
            if not isinstance(error, Cancelled):
                session._error = error
                _log.error("training failed", exc_info=error)
        session._job = None
    session._observers.tell("phase", "queue", "snapshot", "progress")


def _accept(session: ActiveSession, job: TrainingJob | Rebuild, snapshot: Snapshot, stop: Callable[[], bool]) -> None:
    """Make a snapshot the current one. What is on screen stays in the queue."""
    start = {}
    if isinstance(job, TrainingJob) and job.pretrain and session._folder is not None:
        start = {"data": ordered_digest(session.ds), "updates": job.updates}
        start |= {"weights": session.first_weights} if session.first_weights else {}
    with session._lock:
        if stop() or (session.closed and not session.read_only):
            raise Cancelled
        if isinstance(job, Rebuild):  # the journal has all of it, and what is asked
            session._trained, session.history, session._rebuild = job.trained, job.done_history, None
        else:
            _end(session, job, snapshot, start)
        session._snapshot = snapshot


def _end(session: ActiveSession, job: TrainingJob, snapshot: Snapshot, start: dict[str, Any]) -> None:
    store = session._store
    keep = [i for i in session.queue.tolist() if i == session.on_screen]
    queue = store.batch.with_new(session._select(snapshot, keep), keep)
    scalars = {
        **{f"loss_{name}": value for name, value in snapshot.losses.items()},
        "seconds": session.training_seconds,
        "n_anomalies": store.counts()[Label.ANOMALY],
        "n_asked": store.n_asked,
    }
    # Journaled before anything changes: it may fail.
    store.end_training(snapshot.round, snapshot.n_labels, job.began, queue, scalars, **start)
    if session._folder is not None and store.journal is not None:
        session._folder.cache.digests[snapshot.round] = store.journal.digest
    session.history.append(snapshot, store.arrays()[0], scalars)


def _keep(session: ActiveSession) -> None:
    """Write a checkpoint. A disk that fails costs time at the next resume, and no label."""
    if session._folder is None or session.read_only:
        return
    try:
        session._folder.cache.keep(session.round, state_of(session), session.history)
        session.save_problem = ""
    except Exception as error:  # the disk's, or that of the state of somebody's own learner
        session.save_problem = f"no checkpoint was written ({error}); labels are saved"
        _log.warning(session.save_problem)
