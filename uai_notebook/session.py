"""Algorithm 1 as an object: train, select the top k, take the expert's answers, train again."""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from . import rounds
from .arguments import check_answers, check_chosen, check_loop, check_name
from .auditing import Audits
from .background import BackgroundJob
from .datasets import Dataset
from .folder import (
    READ_ONLY,
    SessionFolder,
    base_settings,
    check_options,
    check_reader,
    close_older,
    handed_over,
    is_same,
    merged_options,
    open_sessions,
    opened,
    opening,
    query_name,
    saved_options,
    set_options,
)
from .labels import LabelStore
from .learners import Learner, make_learner
from .models import BaseModel
from .observers import Observer, Observers
from .query import QueryStrategy, describe, rule
from .rebuild import restore, weights_digest
from .snapshot import History, IndexArray, Snapshot
from .training import Progress, TrainConfig

if TYPE_CHECKING:
    from .detector import UaiDetector

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
    annotator : str
        Who answers, unless :meth:`label` is told otherwise; an attribute, which may be changed.
    audit : float
        Share of what is asked that is drawn at random, such as .05: what :func:`~uai_notebook.when_to_stop` needs to
        say how many anomalies remain. 0: none.

    Raises
    ------
    ValueError
        k, budget, base, query or audit do not fit the data.
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
        annotator: str = "",
        audit: float = 0.0,
        _folder: SessionFolder | None = None,
    ) -> None:
        check_loop(ds, k, budget, seed)
        if isinstance(base, type):
            raise TypeError(f"base={base.__name__} is a class: expected an instance, {base.__name__}(...).")
        self.ds, self.seed, self.config = ds, int(seed), config
        self.annotator = check_name(annotator)
        self.path = None if path is None else Path(path).resolve()
        self.query = rule(query)
        self.audits = Audits.of(ds, audit, self.seed)
        self.k = int(k)
        self._budget = None if budget is None else int(budget)
        self._base = base
        self.learner: Learner = make_learner(ds, base, config, self.seed)
        self._base_settings = base_settings(base, self.learner)
        if _folder is None and self.path is not None:
            close_older(self.path, unless_there=True)
            _folder = SessionFolder.create(self.path, ds, self.settings)
        self._folder = _folder
        self._store = LabelStore(ds) if _folder is None else _folder.store
        if _folder is not None:
            weakref.finalize(self, _folder.release)
        self._lock = threading.RLock()
        self._observers = Observers()
        self._job: BackgroundJob | None = None
        self._last_job: BackgroundJob | None = None
        self._error: BaseException | None = None
        self._closed = READ_ONLY if self.read_only else ""
        self._snapshot: Snapshot | None = None
        self._batch = self._store.batch
        self._trained: dict[int, int] = {}  # labels of the last training, or of the one that runs
        self._trained_before: dict[int, int] = {}
        self.history = History(seed=seed)
        self.progress: Progress | None = None
        self._began = 0.0
        self.refills = True  # simulate() turns it off: it always waits for the model
        self.save_problem = ""
        self.first_weights = "" if isinstance(base, str) else weights_digest(self.learner)
        self._rebuild = restore(self)
        if self.path is not None and not self.read_only:
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
            **({"audit": self.audits.share} if self.audits.share else {}),
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
        *,
        annotator: str = "",
        read_only: bool = False,
        take_over: bool = False,
    ) -> ActiveSession:
        """Go on with the session in a folder, with its own settings, as if it had never been left.

        Labels, undo steps, notes and the queue are all there at once, and so is the model, from its newest checkpoint:
        the same scores to the last bit on the same machine, versions and threads. Where checkpoints are gone the next
        :meth:`train` does all accepted rounds again, with the same result. Where that cannot be (the data have grown or
        changed, or the journal is of an older version), it fits a new model to all labels.

        Parameters
        ----------
        path, ds
            Folder and data. Data that have grown or been reordered are fine: labels belong to ids and contents.
        base, query
            Must be given again if they were a module, a learner or a function.
        annotator : str
            Who answers now.
        read_only : bool
            Only look: nothing is written, answers are refused, and nobody else is disturbed.
        take_over : bool
            Take the session from another process that seems to have it; that one then takes no more answers.

        Raises
        ------
        FileNotFoundError
            No session there.
        ValueError
            Other data, another base, or a journal with a corrupt line.
        RuntimeError
            Another process has it; the text says which, and what to do.
        OSError
            The folder cannot be written.

        Warns
        -----
        UserWarning
            Labelled items have changed or are gone: see :attr:`unmatched`.
        """
        path = Path(path).resolve()
        mine = None if read_only else path
        if mine is None:
            check_reader(path, base)
        with opening, handed_over(mine, base), opened(path, ds, read_only, take_over) as folder:
            options = saved_options(folder.store, path, base, query)
            return cls(ds, path=path, annotator=annotator, _folder=folder, **options)

    @classmethod
    def open(
        cls, path: str | Path, ds: Dataset, base: str | BaseModel | Learner = "dae", **options: Any
    ) -> ActiveSession:
        """Resume the session in a folder, or start it: what notebooks use.

        Takes what the constructor and :meth:`resume` take. A session that is there keeps its base, seed and config;
        ``k``, ``budget``, ``query`` and ``audit`` are the ones given now, else its own. One that is already open in
        this process on the same data is returned as it is, trained model and all, unless its folder was deleted, or
        another program has written in it or has it now.

        Raises
        ------
        ValueError
            The folder belongs to other data, or to another base, seed or config.
        RuntimeError, OSError
            As :meth:`resume`.
        """
        path = Path(path).resolve()
        here = {name: options.pop(name, False) for name in ("read_only", "take_over")}
        check_options(options)
        mine = None if here["read_only"] else path
        if mine is None:
            check_reader(path, base)
        with opening:
            older = None if mine is None else open_sessions.get(mine)
            if older is not None and is_same(older, ds, base, options):
                set_options(older, options)
                return older
            if mine is not None and not SessionFolder.exists(mine):
                return cls(ds, base, path=mine, **options)
            with handed_over(mine, base), opened(path, ds, **here) as folder:
                return cls(ds, path=path, _folder=folder, **merged_options(folder.store, path, base, options))

    def close(self, reason: str = "This session was closed.") -> None:
        """Stop training and refuse further answers: they belong to whoever has the session now."""
        with self._lock:
            self._closed = reason
        self.cancel()
        if self._folder is not None:
            self._folder.release()
        self._observers.tell("phase")

    # -- Algorithm 1, line 4: model.train(D, labels) ------------------------------------------------------------

    def train(self) -> Snapshot | None:
        """Train in the background and wait; joins a training that runs.

        A new session is pre-trained; otherwise the model gets ``round_steps`` further steps on the labels. One that was
        resumed without a checkpoint first does its accepted rounds again, and none beyond them.
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
            if self._rebuild is None or not self.read_only:  # doing old rounds again writes nothing
                self._check_open()
            if self._job is not None:
                return
            job = rounds.next_job(self)
            background = BackgroundJob(lambda stop: rounds.run(self, job, stop))
            self._error, self.progress = None, None
            self._began = time.monotonic()
            background.start()  # it cannot finish before this lock is released
            self._job = self._last_job = background
            self._trained_before, self._trained = self._trained, self._answers()
            self._refill_if_training()
        self._observers.tell("phase", "queue")

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
        with self._lock:  # not while start() has begun a job that it has not noted yet
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

    def label(self, index: Any, label: Any, annotator: str | None = None) -> None:
        """Take answers: journaled before this returns. One call is one undo step.

        Parameters
        ----------
        index : int or sequence of int
            Items, asked or not, labelled before or not.
        label : Label, int or sequence
            1 anomaly, 0 normal, -1 unsure; one for all, or one each.
        annotator : str, optional
            Who says so; None: the session's :attr:`annotator`.

        Raises
        ------
        IndexError, ValueError, TypeError
            No such item, no such label, or lengths that differ. Nothing was saved.
        OSError
            The journal could not be written. Nothing was counted.
        RuntimeError
            The session is closed, only read, or another process has it now. Nothing was saved.
        """
        items, values = check_answers(index, label, len(self.ds))
        annotator = check_name(self.annotator if annotator is None else annotator)
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
        self._observers.tell("labels", "queue")

    def note(self, index: int, text: str, annotator: str | None = None) -> None:
        """Write a note on an item, journaled before this returns, in the place of an older one.

        It is no undo step; an empty text takes it away. Raises as :meth:`label`.

        Examples
        --------
        >>> import uai_notebook as uai
        >>> session = uai.ActiveSession(uai.load_dataset("digits_0"))
        >>> session.note(3, "looks like a 9")
        >>> session.notes
        {3: 'looks like a 9'}
        """
        annotator = check_name(self.annotator if annotator is None else annotator)
        with self._lock:
            self._check_open()
            self._store.note(index, text, annotator)
        self._observers.tell("labels")

    def undo(self) -> list[int]:
        """Take the last answer back (all items of one call); returns its items, which are asked again.

        Any number of times, also after a resume; the model follows at the next training.
        """
        return self._turn(self._store.undo)

    def redo(self) -> list[int]:
        """Give the last undone answer again; returns its items."""
        return self._turn(self._store.redo)

    def refill(self) -> None:
        """Offer the next k of the last snapshot, if the queue is empty: labeling goes on without a training."""
        with self._lock:
            if not self.refills or self._snapshot is None or len(self.queue):
                return
            self._offer(self._batch.with_new(self._select(self._snapshot, [])))
        self._observers.tell("queue")

    def show(self, index: int | None, *, quiet: bool = False) -> None:
        """Say which item a person looks at: a new snapshot does not take it off the screen.

        An item that was offered and replaced meanwhile comes back. ``quiet`` tells no observer: something that
        will be told follows at once.
        """
        with self._lock:
            before = list(self._batch.items)
            changed = self._batch.show(index)
            if self._batch.items != before:
                self._offer(self._batch.items, before)
        if changed and not quiet:
            self._observers.tell("queue")

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
    def notes(self) -> dict[int, str]:
        """The note of each item that has one."""
        with self._lock:
            return self._store.notes

    @property
    def unmatched(self) -> dict[Any, str]:
        """Labelled items of the journal that this data does not have as they were: id to "changed" or "missing".

        Their labels stay in the journal and are not used.
        """
        with self._lock:
            return self._store.unmatched

    @property
    def read_only(self) -> bool:
        """Whether the session was opened only to look at it."""
        return self._folder is not None and self._folder.read_only

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

    def finish(self) -> UaiDetector:
        """Train on all labels, and hand over a copy of the model, which scores new data and can be saved.

        Returns at once if there is nothing to train. The session goes on as before.

        Raises
        ------
        RuntimeError
            The training failed; or it is needed, and the session is closed or read-only.
        """
        from .detector import UaiDetector

        while True:
            with self._lock:
                if self._snapshot is not None and self._job is None and not self.n_untrained:
                    return UaiDetector.from_session(self)
            self.train()

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
        set_options(self, {"budget": budget})

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

    def observe(self, observer: Observer) -> Callable[[], None]:
        """Call ``observer`` with what changed: "labels", "queue", "snapshot", "progress", "phase".

        Returns a function that ends it.
        """
        return self._observers.add(observer)

    # -- inside -------------------------------------------------------------------------------------------------

    def _offer(self, items: list[int], before: list[int] | None = None) -> None:
        """Ask these now. A disk that fails is no reason to ask nobody: the answers are what is saved."""
        if items == (self._batch.items if before is None else before):
            return
        if not self._closed:
            try:
                self._store.offer(items)
            except (OSError, RuntimeError):
                _log.warning("what is asked was not journaled", exc_info=True)
        self._batch.offer(items)

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
        return check_chosen(self.audits.select(self.query, snapshot, unlabeled, k, rng), free, k)

    def _refill_if_training(self) -> None:
        if self.refills and self._job is not None and self._snapshot is not None and not len(self.queue):
            try:
                self._offer(self._batch.with_new(self._select(self._snapshot, [])))
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
            self._refill_if_training()
        self._observers.tell("labels", "queue")
        return items

    def _check_open(self) -> None:
        if self._closed:
            raise RuntimeError(self._closed)
