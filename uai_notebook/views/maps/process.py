"""UMAP in a process of its own: umap-learn holds Python's lock for seconds, and a person must never wait for it."""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import os
import subprocess
import sys
import tempfile
import threading
import weakref
import zipfile
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError
from pathlib import Path

import numpy as np

from uai_notebook.snapshot import FloatArray

LAYOUT = 1  # of the maps: raise it when the child computes them in another way
_CHILD = "uai_notebook.views.maps.child"
_PATIENCE = 0.3  # seconds between asking the child to end and ending it
_ONE_THREAD = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")

_running: weakref.WeakSet[UmapProcess] = weakref.WeakSet()


class UmapProcess:
    """One UMAP in a child process: fitted on one array, with others placed on the same map.

    Examples
    --------
    >>> UmapProcess().stop()  # before it runs: run() then raises CancelledError
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: subprocess.Popen[str] | None = None
        self._stopped = False

    def run(
        self,
        fit: FloatArray,
        places: Sequence[FloatArray],
        seed: int,
        report: Callable[[int, int, str], None],
    ) -> list[FloatArray]:
        """Compute in the child, and wait for it.

        Parameters
        ----------
        fit : float32 (n, d)
            What the map is fitted on.
        places : sequence of float32 (m, d)
            What is placed on it.
        seed : int
            Same seed and arrays, same map.
        report : callable
            Called with (step, of, text) whenever the child has said something new, in this thread.

        Returns
        -------
        list of float32 (n, 2), then (m, 2) each
            What umap could not map is NaN.

        Raises
        ------
        CancelledError
            :meth:`stop` was called.
        RuntimeError
            umap is not installed, or the child ended without a result; the sentence says why.
        """
        if importlib.util.find_spec("umap") is None:
            raise RuntimeError("a UMAP map needs the package umap-learn: pip install umap-learn.")
        with tempfile.TemporaryDirectory(prefix="uai_notebook_umap_", ignore_cleanup_errors=True) as name:
            folder = Path(name)
            named = {f"place_{i}": rows for i, rows in enumerate(places)}
            np.savez(folder / "input.npz", fit=fit, seed=np.int64(seed), **named)  # type: ignore[arg-type]
            with (folder / "errors.txt").open("w+") as errors:
                code = self._follow(self._start(folder, errors.fileno()), report)
                errors.seek(0)
                return _result(folder, code, self._stopped, errors.read(), [len(fit), *map(len, places)])

    def stop(self) -> None:
        """End the child, if one runs; :meth:`run` raises CancelledError. Returns within a second."""
        with self._lock:
            self._stopped = True
            child = self._child
        if child is not None:
            _end(child)

    def _start(self, folder: Path, errors: int) -> subprocess.Popen[str]:
        one = dict.fromkeys(_ONE_THREAD, "1")
        here = os.pathsep.join(path for path in sys.path if path)  # the packages of this process, however found
        with self._lock:
            if self._stopped:
                raise CancelledError
            self._child = subprocess.Popen(
                [sys.executable, "-W", "ignore", "-m", _CHILD, str(folder)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env={**os.environ, **one, "PYTHONPATH": here},
            )
            _running.add(self)
            return self._child

    def _follow(self, child: subprocess.Popen[str], report: Callable[[int, int, str], None]) -> int:
        """Tell what it says until it ends; returns its exit status."""
        try:
            for line in child.stdout or ():
                step, of, text = [*line.split(maxsplit=2), "", "", ""][:3]
                if step.isdigit() and of.isdigit():  # a library may print something of its own
                    report(int(step), int(of), text.strip())
            return child.wait()
        except BaseException:  # nobody listens any more
            _end(child)
            raise
        finally:
            if child.stdout is not None:
                child.stdout.close()
            _running.discard(self)


def _end(child: subprocess.Popen[str]) -> None:
    child.terminate()
    try:
        child.wait(_PATIENCE)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _result(folder: Path, code: int, stopped: bool, errors: str, lengths: list[int]) -> list[FloatArray]:
    if stopped:
        raise CancelledError
    if code < 0:
        raise RuntimeError(
            f"the process that computes the map was ended from outside (signal {-code}), perhaps for want of memory: "
            "try again with a smaller max_items."
        )
    if code:
        last = errors.strip().splitlines()[-1:] or ["it said nothing"]
        raise RuntimeError(f"UMAP failed: {last[0]}")
    try:
        with (folder / "output.npz").open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            return [np.asarray(file[f"part_{i}"], np.float32).reshape(n, 2) for i, n in enumerate(lengths)]
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise RuntimeError(f"the process that computes the map left no result ({error}): try again.") from error


@atexit.register
def _stop_all() -> None:
    for process in list(_running):
        with contextlib.suppress(OSError):
            process.stop()
