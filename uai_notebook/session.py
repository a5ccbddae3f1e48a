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
from .datasets import Dataset
from .folder import close_older, open_sessions, same_base, same_query
from .labels import Label, LabelStore
from .learners import Learner, UaiLearner
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
        "dae", "class", a torch module, or any learner.
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
        check_loop(ds, k, budget)
        self.ds, self.seed, self.config = ds, seed, config
        self.path = None if path is None else Path(path).resolve()
        self.query = rule(query)
        self.k = int(k)
        self._budget = None if budget is None else int(budget)
        self._base = base
        is_learner = not isinstance(base, str) and isinstance(base, Learner)
        self.learner: Learner = base if is_learner else UaiLearner(ds, base, config, seed)  # type: ignore[assignment,arg-type]
        self.settings = {
            "base": base if isinstance(base, str) else type(base).__name__,
            "k": self.k,
            "budget": self._budget,
            "query": query if isinstance(query, str) else getattr(query, "__name__", type(query).__name__),
            "seed": seed,
            "config": config.to_dict(),
        }
        if _store is not None:
            self._store = _store
        else:
            self._store = LabelStore(ds) if self.path is None else LabelStore.create(self.path, ds, self.settings)
        self._lock = threading.RLock()
        self._observers: list[Callable[[frozenset[str]], None]] = []
        self._job: BackgroundJob | None = None
        self._error: BaseException | None = None
        self._closed = ""
        self._snapshot: Snapshot | None = None
        self._batch: list[int] = []
        self._offered: set[int] = set()
        self._trained: dict[int, int] = {}  # labels of the last training, or of the one that runs
        self._trained_before: dict[int, int] = {}
        self.history = History(seed=seed)
        self.progress: Progress | None = None
        self.on_screen: int | None = None  # set by a view: a new snapshot never takes this item away
        self.refills = True  # simulate() turns it off: it always waits for the model
        if self.path is not None:
            open_sessions[self.path] = self

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
        close_older(path)
        store = LabelStore.open(path, ds)
        saved = store.settings
        return cls(
            ds,
            base=same_base(saved["base"], base),
            k=saved["k"],
            budget=saved["budget"],
            query=same_query(saved["query"], query),
            seed=saved["seed"],
            path=path,
            config=TrainConfig.from_dict(saved["config"]),
            _store=store,
        )

    @classmethod
    def open(
        cls, path: str | Path, ds: Dataset, base: str | BaseModel | Learner = "dae", **options: Any
    ) -> ActiveSession:
        """Resume the session in a folder, or start it: what notebooks use.

        Takes what the constructor takes. A session that is there keeps its base, seed and config; ``k``,
        ``budget`` and ``query`` are the ones given now. One that is already open in this process on the same data
        is returned as it is, trained model and all.

        Raises
        ------
        ValueError
            The folder belongs to other data, or to another base, seed or config.
        """
        path = Path(path).resolve()
        older = open_sessions.get(path)
        if older is not None and older._is_same(ds, base, options):
            older._set_options(options)
            return older
        close_older(path)
        try:
            store = LabelStore.open(path, ds)
        except FileNotFoundError:
            return cls(ds, base, path=path, **options)
        saved = store.settings
        same_base(saved["base"], base)
        asked = {"seed": options.get("seed", 0), "config": options.get("config", TrainConfig()).to_dict()}
        for name, value in asked.items():
            if name in options and value != saved[name]:
                raise ValueError(
                    f"{path} holds a session with {name}={saved[name]!r}, not {value!r}: leave {name} out, or choose "
                    "another folder."
                )
        options = {**options, "seed": saved["seed"], "config": TrainConfig.from_dict(saved["config"])}
        return cls(ds, base, path=path, _store=store, **options)

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
            self._error, self.progress = None, None
            self._job = background = BackgroundJob(lambda stop: self._run(job, stop))
            self._refill_if_training()
            background.start()
        self._notify("phase", "queue")

    def wait(self) -> Snapshot | None:
        """Wait for the training that runs, if any. RuntimeError if it failed; returns the snapshot."""
        job = self._job
        if job is not None:
            job.join()
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
        """Items offered in this round, answered or not, int64."""
        return np.asarray(self._batch, dtype=np.int64)

    @property
    def queue(self) -> IndexArray:
        """What is unanswered of this round, best first, int64 (<= k,)."""
        with self._lock:
            return np.asarray([i for i in self._batch if i not in self._store], dtype=np.int64)

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
            learned = None if snapshot is None or snapshot.uai_score is None else snapshot.uai_score[items]
            self._store.add(
                items,
                values,
                asked=[self._was_asked(i) for i in items],
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
            self._offer([])
        self._notify("queue")

    def show(self, index: int | None) -> None:
        """Say which item a person looks at: a new snapshot does not take it out of the queue.

        An item that was offered and replaced meanwhile comes back.
        """
        with self._lock:
            gone = index in self._offered and index not in self._store and index not in self._batch
            if index == self.on_screen and not gone:
                return
            self.on_screen = index
            if gone:
                waiting = self.queue.tolist()
                if len(waiting) >= self.k:
                    self._batch.remove(waiting[-1])
                self._batch.insert(0, index)
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
        with self._lock:
            self._budget = budget
        self._notify("phase", "queue")

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
            now = {i: answer.label for i, answer in self._store.current.items()}
            return len(dict(now.items() ^ self._trained.items()))

    @property
    def done(self) -> bool:
        """Budget used, or nothing left to ask."""
        return self._remaining() <= 0

    @property
    def training(self) -> bool:
        """Whether a training runs."""
        return self._job is not None

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
        self._trained_before = self._trained
        self._trained = dict(zip(index.tolist(), value.tolist(), strict=True))
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
        )

    def _run(self, job: TrainingJob, stop: Callable[[], bool]) -> None:
        """In the worker thread. Whatever goes wrong, the learner is as it was before."""
        began = time.monotonic()
        error: BaseException | None = None
        reported = 0.0

        def report(progress: Progress) -> None:
            nonlocal reported
            self.progress = progress
            if time.monotonic() - reported > PROGRESS_SECONDS:
                reported = time.monotonic()
                self._notify("progress")

        with polite(job.threads):
            before = job.learner.state_dict()
            try:
                self._accept(job.run(report, stop), time.monotonic() - began)
            except BaseException as problem:
                job.learner.load_state_dict(before)
                error = problem
        with self._lock:
            if error is not None:
                self._trained = self._trained_before
                if not isinstance(error, Cancelled):
                    self._error = error
                    _log.error("training failed", exc_info=error)
            self._job = None
        self._notify("phase", "queue", "snapshot", "progress")

    def _accept(self, snapshot: Snapshot, seconds: float) -> None:
        """Make a snapshot the current one. What is on screen stays in the queue."""
        with self._lock:
            first = self._snapshot is None
            if not first:
                self._store.end_round(snapshot.n_labels)
            for array in (snapshot.base_score, snapshot.latent, snapshot.uai_logit):
                if array is not None:
                    array.setflags(write=False)
            old = self._snapshot
            self._snapshot = snapshot
            keep = [i for i in self.queue.tolist() if i == self.on_screen]
            try:
                self._offer(keep)
            except BaseException:
                self._snapshot = old
                raise
            counts = self._store.counts()
            scalars = {"seconds": seconds, "n_anomalies": counts[Label.ANOMALY], "n_asked": self._store.n_asked}
            self.history.append(snapshot, self._store.arrays()[0], scalars)

    def _offer(self, keep: list[int]) -> None:
        """Line 5 of Algorithm 1: a new batch, ``keep`` first."""
        assert self._snapshot is not None
        free = np.ones(len(self.ds), bool)
        free[[*self._store.current, *keep]] = False
        unlabeled = np.flatnonzero(free)
        k = int(min(self.k, self._remaining())) - len(keep)
        chosen: list[int] = []
        if k > 0 and len(unlabeled):
            # Derived, not carried along: the same round and labels give the same draw, refilled or not.
            rng = np.random.default_rng([self.seed, self._snapshot.round, len(self._store)])
            chosen = check_chosen(self.query(self._snapshot, unlabeled, k, rng), free, k)
        self._batch = [*keep, *chosen]
        self._offered.update(chosen)

    def _refill_if_training(self) -> None:
        if self.refills and self._job is not None and self._snapshot is not None and not len(self.queue):
            self._offer([])

    def _remaining(self) -> float:
        with self._lock:
            left = len(self.ds) - len(self._store)
            return left if self._budget is None else min(left, self._budget - self._store.n_asked)

    def _was_asked(self, index: int) -> bool:
        previous = self._store.get(index)
        return index in self._offered or (previous is not None and previous.asked)

    def _turn(self, action: Callable[[], list[int]]) -> list[int]:
        with self._lock:
            self._check_open()
            items = action()
            back = [i for i in items if i not in self._store and i in self._offered and i not in self._batch]
            self._batch = back + self._batch
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
        with self._lock:
            self.k, self._budget = k, budget
            self.query = rule(options.get("query", self.query))
