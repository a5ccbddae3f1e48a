"""Algorithm 1 as an object: train, select the top k, take the expert's answers, train again."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .arguments import check_answers, check_chosen, check_loop
from .background import BackgroundJob, Cancelled, TrainingJob, polite
from .batch import Batch
from .datasets import Dataset
from .folder import (
    base_settings,
    check_options,
    close_older,
    handed_over,
    merged_options,
    open_sessions,
    query_name,
    saved_options,
)
from .labels import Label, LabelStore
from .learners import Learner, make_learner
from .models import BaseModel
from .query import QueryStrategy, describe, rule
from .snapshot import History, IndexArray, Snapshot
from .training import Progress, TrainConfig

PROGRESS_SECONDS = 0.5  # between two progress messages; more of them delay clicks (Nagle in jupyter_server)
RESUMED_UPDATES = 10  # at most so many rounds' steps are trained when a session is resumed from its labels

_log = logging.getLogger(__name__)


class ActiveSession:
    """The state of Algorithm 1 over one Dataset.

    All methods may be called from any thread. Observers are called after the state has changed, on the thread
    that changed it, never under the session's lock.

    Parameters
    ----------
    ds : Dataset
        What is looked at.
    base : str, BaseModel or Learner
        A name, such as "dae", "class", "dagmm" or "tree_aad" (:func:`~uai_notebook.learners.learner_names` has them
        all), a torch module, or any learner.
    k : int
        Items asked at a time.
    budget : int, optional
        How many items are asked in all, b. None: no limit. It limits what is asked, and never refuses an answer.
    query : str or function
        "adaptive", "paper", "base", "uai", "random", or ``(snapshot, unlabeled, k, rng) -> indices``.
    seed : int
        Same seed, same labels: exactly the same session, on the same machine, versions and threads.
    path : str or Path, optional
        Folder of the session. None: in memory only, nothing is saved.
    config : TrainConfig
        Hyper-parameters, the paper's by default.

    Raises
    ------
    ValueError
        k, budget, base or query do not fit the data.
    FileExistsError
        There is a session at ``path``: see :meth:`open` and :meth:`resume`.

    Examples
    --------
    >>> import uai_notebook as uai
    >>> ds = uai.load_dataset("digits_0")
    >>> session = uai.ActiveSession(ds, base="class", budget=10, config=uai.TrainConfig(pretrain_steps=20))
    >>> _ = session.train()
    >>> session.label(session.queue[:2], [uai.Label.NORMAL, uai.Label.ANOMALY])
    >>> session.labels["label"].tolist(), len(session.queue)
    ([0, 1], 8)
    """

    def __init__(
        self,
        ds: Dataset,
        base: str | BaseModel | Learner = "dae",
        k: int = 10,
        budget: int | None = None,
        query: str | QueryStrategy = "adaptive",
        seed: int = 0,
        path: str | Path | None = None,
        config: TrainConfig = TrainConfig(),  # noqa: B008  (frozen)
        *,
        _store: LabelStore | None = None,
    ) -> None:
        check_loop(ds, k, budget, seed)
        if isinstance(base, type):
            raise TypeError(f"base={base.__name__} is a class: expected an instance, {base.__name__}(...).")
        self.ds, self.seed, self.config = ds, int(seed), config
        self.path = None if path is None else Path(path).resolve()
        self.query = rule(query)
        self.k = int(k)
        self._budget = None if budget is None else int(budget)
        self._base = base
        self.learner: Learner = make_learner(ds, base, config, self.seed)
        self._base_settings = base_settings(base, self.learner)
        if _store is not None:
            self._store = _store
        elif self.path is None:
            self._store = LabelStore(ds)
        else:
            close_older(self.path, unless_there=True)
            self._store = LabelStore.create(self.path, ds, self.settings)
        self._lock = threading.RLock()
        self._observers: list[Callable[[frozenset[str]], None]] = []
        self._job: BackgroundJob | None = None
        self._last_job: BackgroundJob | None = None
        self._error: BaseException | None = None
        self._closed = ""
        self._snapshot: Snapshot | None = None
        self._batch = Batch(self._store)
        self._trained: dict[int, int] = {}  # labels of the last training, or of the one that runs
        self._trained_before: dict[int, int] = {}
        self.history = History(seed=seed)
        self.progress: Progress | None = None
        self._began = 0.0
        self.refills = True  # simulate() turns it off: it always waits for the model
        if self.path is not None:
            self._store.set_settings(self.settings)
            open_sessions[self.path] = self

    @property
    def settings(self) -> dict[str, Any]:
        """What a folder keeps of how the session was made."""
        return {
            **self._base_settings,
            "k": self.k,
            "budget": self._budget,
            "query": query_name(self.query),
            "seed": self.seed,
            "config": self.config.to_dict(),
        }

    # -- starting and going on ----------------------------------------------------------------------------------

    @classmethod
    def resume(
        cls,
        path: str | Path,
        ds: Dataset,
        base: BaseModel | Learner | str | None = None,
        query: QueryStrategy | str | None = None,
    ) -> ActiveSession:
        """Go on with the session in a folder, with its own settings.

        Its labels are all there at once; the next :meth:`train` fits a new model to them.

        Parameters
        ----------
        path, ds
            Folder and data. Data that have grown or been reordered are fine.
        base, query
            Must be given again if they were a module, a learner or a function.

        Raises
        ------
        FileNotFoundError
            No session there.
        ValueError
            Other data, another base, or a journal with a corrupt line.
        """
        path = Path(path).resolve()
        with handed_over(path):
            store = LabelStore.open(path, ds)
            return cls(ds, path=path, _store=store, **saved_options(store, path, base, query))

    @classmethod
    def open(
        cls, path: str | Path, ds: Dataset, base: str | BaseModel | Learner = "dae", **options: Any
    ) -> ActiveSession:
        """Resume the session in a folder, or start it: what notebooks use.

        Takes what the constructor takes. A session that is there keeps its base, seed and config; ``k``, ``budget``
        and ``query`` are the ones given now, else its own. One that is already open in this process on the same
        data is returned as it is, trained model and all.

        Raises
        ------
        ValueError
            The folder belongs to other data, or to another base, seed or config.
        """
        path = Path(path).resolve()
        check_options(options)
        older = open_sessions.get(path)
        if older is not None and older._is_same(ds, base, options):
            older._set_options(options)
            return older
        with handed_over(path):
            try:
                store = LabelStore.open(path, ds)
            except FileNotFoundError:
                return cls(ds, base, path=path, **options)
            return cls(ds, path=path, _store=store, **merged_options(store, path, base, options))

    def close(self, reason: str = "This session was closed.") -> None:
        """Stop training and refuse further answers: they belong to whoever has the session now."""
        with self._lock:
            self._closed = reason
        self.cancel()
        self._notify("phase")

    # -- Algorithm 1, line 4: model.train(D, labels) ------------------------------------------------------------

    def train(self) -> Snapshot | None:
        """Train in the background and wait; joins a training that runs.

        A new session is pre-trained; otherwise the model gets ``round_steps`` further steps on the labels.
        Interrupting the wait cancels the training.

        Returns
        -------
        Snapshot
            The new one.

        Raises
        ------
        RuntimeError
            The training failed. Labels are kept, and the model is as it was before.
        """
        self.start()
        try:
            return self.wait()
        except KeyboardInterrupt:
            self.cancel()
            raise

    def start(self) -> None:
        """Begin a training in the background; does nothing if one runs."""
        with self._lock:
            self._check_open()
            if self._job is not None:
                return
            job = self._next_job()
            background = BackgroundJob(lambda stop: self._run(job, stop))
            self._error, self.progress = None, None
            self._began = time.monotonic()
            background.start()  # it cannot finish before this lock is released
            self._job = self._last_job = background
            self._trained_before, self._trained = self._trained, self._answers()
            self._refill_if_training()
        self._notify("phase", "queue")

    def wait(self) -> Snapshot | None:
        """Wait for the training that runs, if any. RuntimeError if it failed; returns the snapshot."""
        last = self._last_job  # not only the one that runs: it may still be telling the views
        if last is not None:
            last.join()
        if self._error is not None:
            raise RuntimeError(
                f"the training failed: {self._error} (labels are kept; try session.retry())"
            ) from self._error
        return self._snapshot

    def cancel(self, wait: bool = True) -> None:
        """Stop a running training: model and snapshot are as before it, labels stay."""
        job = self._job
        if job is not None:
            job.stop()
            if wait:
                job.join()

    def retry(self) -> None:
        """Start again after a failure."""
        self.start()

    # -- lines 5 and 6: select_top, and the expert's answers ----------------------------------------------------

    @property
    def batch(self) -> IndexArray:
        """Items of this round, answered or not, int64."""
        with self._lock:
            waiting = set(self.queue.tolist())
            return np.asarray([i for i in self._batch.items if i in waiting or i in self._store], dtype=np.int64)

    @property
    def queue(self) -> IndexArray:
        """What is unanswered of this round, best first, int64 (<= k,)."""
        with self._lock:
            return np.asarray(self._batch.waiting(min(self.k, self._remaining())), dtype=np.int64)

    @property
    def on_screen(self) -> int | None:
        """The item a person looks at: see :meth:`show`."""
        return self._batch.on_screen

    @property
    def reviewing(self) -> bool:
        """Whether the item on screen had an answer when it was called up."""
        return self._batch.reviewing

    def label(self, index: Any, label: Any, annotator: str = "") -> None:
        """Take answers: journaled before this returns. One call is one undo step.

        Parameters
        ----------
        index : int or sequence of int
            Items, asked or not, labelled before or not.
        label : Label, int or sequence
            1 anomaly, 0 normal, -1 unsure; one for all, or one each.
        annotator : str
            Who says so.

        Raises
        ------
        IndexError, ValueError, TypeError
            No such item, no such label, or lengths that differ. Nothing was saved.
        OSError
            The journal could not be written. Nothing was counted.
        """
        items, values = check_answers(index, label, len(self.ds))
        with self._lock:
            self._check_open()
            snapshot = self._snapshot
            base = None if snapshot is None else snapshot.base_score[items]
            learned = None if snapshot is None else snapshot.uai_score_of(items)
            self._store.add(
                items,
                values,
                asked=[self._batch.was_asked(i) for i in items],
                annotator=annotator,
                round=self.round,
                base_score=base,  # type: ignore[arg-type]
                uai_score=learned,  # type: ignore[arg-type]
            )
            self._refill_if_training()
        self._notify("labels", "queue")

    def undo(self) -> list[int]:
        """Take the last answer back (all items of one call); returns its items, which are asked again."""
        return self._turn(self._store.undo)

    def redo(self) -> list[int]:
        """Give the last undone answer again; returns its items."""
        return self._turn(self._store.redo)

    def refill(self) -> None:
        """Offer the next k of the last snapshot, if the queue is empty: labeling goes on without a training."""
        with self._lock:
            if not self.refills or self._snapshot is None or len(self.queue):
                return
            self._batch.offer(self._select(self._snapshot, []))
        self._notify("queue")

    def show(self, index: int | None, *, quiet: bool = False) -> None:
        """Say which item a person looks at: a new snapshot does not take it off the screen.

        An item that was offered and replaced meanwhile comes back. ``quiet`` tells no observer: something that
        will be told follows at once.
        """
        with self._lock:
            changed = self._batch.show(index)
        if changed and not quiet:
            self._notify("queue")

    # -- what is known ------------------------------------------------------------------------------------------

    @property
    def snapshot(self) -> Snapshot | None:
        """The latest accepted snapshot, None before the first training."""
        return self._snapshot

    @property
    def round(self) -> int:
        """Accepted rounds so far: the paper's calls."""
        return self._store.rounds

    @property
    def labels(self) -> pd.DataFrame:
        """Latest answer per item, in the order given: index, id, label, asked, annotator, time, round, base_score,
        uai_score (both as they were when the answer was given)."""
        with self._lock:
            return self._store.frame()

    @property
    def store(self) -> LabelStore:
        """Where the labels are kept."""
        return self._store

    def current_labels(self) -> tuple[IndexArray, npt.NDArray[np.int8]]:
        """Items and their latest labels in the order given: int64 (t,), int8 (t,)."""
        with self._lock:
            return self._store.arrays()

    def results(self) -> pd.DataFrame:
        """All items, best first: index, id, label (missing where there is none), base_score, uai_score, rank."""
        with self._lock:
            snapshot = self._snapshot
            index, value = self._store.arrays()
        n = len(self.ds)
        label = pd.array([pd.NA] * n, dtype="Int8")
        label[index] = value
        nothing = np.full(n, np.nan, np.float32)
        frame = pd.DataFrame(
            {
                "index": np.arange(n),
                "id": pd.Series(list(self.ds.ids), dtype="object"),
                "label": label,
                "base_score": nothing if snapshot is None else snapshot.base_score,
                "uai_score": nothing if snapshot is None or snapshot.uai_score is None else snapshot.uai_score,
            }
        )
        order = np.arange(n) if snapshot is None else np.argsort(-snapshot.ranking_score, kind="stable")
        frame = frame.iloc[order].reset_index(drop=True)
        frame["rank"] = np.arange(1, n + 1)
        return frame

    @property
    def ranked_by(self) -> str:
        """How the queue is ranked, in words."""
        return "" if self._snapshot is None else describe(self.query, self._snapshot)

    @property
    def budget(self) -> int | None:
        """How many items are asked in all; may be raised at any time."""
        return self._budget

    @budget.setter
    def budget(self, budget: int | None) -> None:
        check_loop(self.ds, self.k, budget)
        self._set_options({"budget": budget})

    @property
    def n_labels(self) -> int:
        """Items with an answer, Unsure included."""
        return len(self._store)

    @property
    def n_asked(self) -> int:
        """Of these, items that the queue had offered: what the budget counts."""
        with self._lock:
            return self._store.n_asked

    @property
    def n_untrained(self) -> int:
        """Items whose answer has changed since the labels of the last or running training were taken."""
        with self._lock:
            return len(dict(self._answers().items() ^ self._trained.items()))

    @property
    def done(self) -> bool:
        """Budget used, or nothing left to ask."""
        return self._remaining() <= 0

    @property
    def training(self) -> bool:
        """Whether a training runs."""
        return self._job is not None

    @property
    def training_seconds(self) -> float:
        """How long the training that runs has run; 0 if none does."""
        return time.monotonic() - self._began if self.training else 0.0

    @property
    def phase(self) -> str:
        """ "new", "training", "labeling", "done" or "failed"."""
        with self._lock:
            if self._job is not None:
                return "training"
            if self._error is not None:
                return "failed"
            if self._snapshot is None:
                return "new"
            return "done" if self.done else "labeling"

    @property
    def error(self) -> BaseException | None:
        """What made the last training fail."""
        return self._error

    @property
    def closed(self) -> str:
        """Why this session takes no more answers; empty while it does."""
        return self._closed

    def observe(self, observer: Callable[[frozenset[str]], None]) -> Callable[[], None]:
        """Call ``observer`` with what changed: "labels", "queue", "snapshot", "progress", "phase".

        Returns a function that ends it.
        """
        with self._lock:
            self._observers.append(observer)

        def end() -> None:
            with self._lock:
                if observer in self._observers:
                    self._observers.remove(observer)

        return end

    # -- inside -------------------------------------------------------------------------------------------------

    def _next_job(self) -> TrainingJob:
        index, value = self._store.arrays()
        sure = value != Label.UNSURE
        first = self._snapshot is None
        resumed = min(self.round, RESUMED_UPDATES)
        return TrainingJob(
            learner=self.learner,
            index=index[sure],
            value=value[sure],
            round=self.round if first else self.round + 1,
            pretrain=first,
            # A first training has labels if the user brought some, or the session is resumed.
            updates=(max(resumed, 1) if sure.any() else 0) if first else 1,
            threads=self.config.threads,
            n_items=len(self.ds),
        )

    def _run(self, job: TrainingJob, stop: Callable[[], bool]) -> None:
        """In the worker thread. Whatever goes wrong, the learner is as it was before."""
        error: BaseException | None = None
        reported = 0.0

        def report(progress: Progress) -> None:
            nonlocal reported
            self.progress = progress
            if time.monotonic() - reported > PROGRESS_SECONDS:
                reported = time.monotonic()
                self._notify("progress")

        try:
            with polite(job.threads):
                before = job.learner.state_dict()
                try:
                    self._accept(job.run(report, stop), stop)
                except BaseException:
                    job.learner.load_state_dict(before)
                    raise
        except BaseException as problem:
            error = problem
        with self._lock:
            if error is not None:
                self._trained = self._trained_before
                if not isinstance(error, Cancelled):
                    self._error = error
                    _log.error("training failed", exc_info=error)
            self._job = None
        self._notify("phase", "queue", "snapshot", "progress")

    def _accept(self, snapshot: Snapshot, stop: Callable[[], bool]) -> None:
        """Make a snapshot the current one. What is on screen stays in the queue."""
        with self._lock:
            if stop():
                raise Cancelled
            keep = [i for i in self.queue.tolist() if i == self.on_screen]
            chosen = self._select(snapshot, keep)
            if self._snapshot is not None:
                self._store.end_round(snapshot.n_labels)  # before anything changes: it may fail
            self._snapshot = snapshot
            self._batch.offer(chosen, keep)
            counts = self._store.counts()
            scalars = {
                "seconds": self.training_seconds,
                "n_anomalies": counts[Label.ANOMALY],
                "n_asked": self._store.n_asked,
            }
            self.history.append(snapshot, self._store.arrays()[0], scalars)

    def _select(self, snapshot: Snapshot, keep: list[int]) -> list[int]:
        """Line 5 of Algorithm 1: up to k items to ask, those in ``keep`` counted in."""
        free = np.ones(len(self.ds), bool)
        free[[*self._store.current, *keep]] = False
        unlabeled = np.flatnonzero(free)
        k = int(min(self.k, self._remaining())) - len(keep)
        if k <= 0 or not len(unlabeled):
            return []
        # Derived, not carried along: the same round and labels give the same draw, refilled or not.
        rng = np.random.default_rng([self.seed, snapshot.round, len(self._store)])
        return check_chosen(self.query(snapshot, unlabeled, k, rng), free, k)

    def _refill_if_training(self) -> None:
        if self.refills and self._job is not None and self._snapshot is not None and not len(self.queue):
            try:
                self._batch.offer(self._select(self._snapshot, []))
            except Exception:  # the answer before it is saved; the training that runs will fail on it visibly
                _log.exception("the query rule failed while the queue was refilled")

    def _remaining(self) -> float:
        with self._lock:
            left = len(self.ds) - len(self._store)
            return left if self._budget is None else min(left, self._budget - self._store.n_asked)

    def _answers(self) -> dict[int, int]:
        return {i: answer.label for i, answer in self._store.current.items()}

    def _turn(self, action: Callable[[], list[int]]) -> list[int]:
        with self._lock:
            self._check_open()
            items = action()
            self._batch.bring_back(items)
            self._refill_if_training()
        self._notify("labels", "queue")
        return items

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError(self._closed)

    def _notify(self, *changes: str) -> None:
        with self._lock:
            observers = list(self._observers)
        for observer in observers:
            try:
                observer(frozenset(changes))
            except Exception:  # a broken view must not stop the loop or another view
                _log.exception("an observer failed on %s", changes)

    def _is_same(self, ds: Dataset, base: Any, options: dict[str, Any]) -> bool:
        return (
            not self._closed
            and isinstance(base, str)
            and base == self._base
            and ds.fingerprint == self.ds.fingerprint
            and list(ds.ids) == list(self.ds.ids)
            and options.get("seed", self.seed) == self.seed
            and options.get("config", self.config) == self.config
        )

    def _set_options(self, options: dict[str, Any]) -> None:
        k, budget = options.get("k", self.k), options.get("budget", self._budget)
        check_loop(self.ds, k, budget)
        query = rule(options.get("query", self.query))
        k, budget = int(k), None if budget is None else int(budget)
        with self._lock:
            if self.path is not None:
                new = {"k": k, "budget": budget, "query": query_name(query)}
                self._store.set_settings({**self.settings, **new})  # first: it may fail
            self.k, self._budget, self.query = k, budget, query
        self._notify("phase", "queue")
