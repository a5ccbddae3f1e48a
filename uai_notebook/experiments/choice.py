"""What a person asks of an experiment on the command line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Choice:
    """A part of an experiment; what is not given is the experiment's own.

    Attributes
    ----------
    datasets, methods : tuple of str
        Empty: all of the experiment.
    seeds : int, optional
        Seeds 0 to ``seeds - 1``.
    budget : int, optional
        Items asked per run.

    Raises
    ------
    ValueError
        A number below 1.

    Examples
    --------
    >>> from uai_notebook.experiments.choice import Choice
    >>> Choice(methods=("dae",)).methods_of(["DAE", "DAE_uai"])
    Traceback (most recent call last):
    ValueError: no method is called 'dae': expected some of DAE, DAE_uai.
    """

    datasets: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    seeds: int | None = None
    budget: int | None = None

    def __post_init__(self) -> None:
        for name in ("seeds", "budget"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name}={value}: expected at least 1.")

    def methods_of(self, known: Iterable[str]) -> tuple[str, ...]:
        """The methods asked for, or all that are known. ValueError for another one."""
        return _chosen("method", self.methods, known)

    def datasets_of(self, known: Iterable[str]) -> tuple[str, ...]:
        """The data sets asked for, or all that are known. ValueError for another one."""
        return _chosen("data set of this experiment", self.datasets, known)


def _chosen(what: str, asked: tuple[str, ...], known: Iterable[str]) -> tuple[str, ...]:
    known = tuple(known)
    for name in asked:
        if name not in known:
            raise ValueError(f"no {what} is called {name!r}: expected some of {', '.join(known)}.")
    return asked or known
