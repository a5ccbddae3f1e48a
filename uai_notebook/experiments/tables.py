"""Means over seeds beside the paper's numbers, as Markdown and CSV."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev


@dataclass(frozen=True)
class Cell:
    """What was measured of one method on one data set, over seeds, beside the paper's number.

    Attributes
    ----------
    values : tuple of float
        One per seed.
    paper : float or None
    note : str
        Appended to the cell: a mark that a remark under the table explains.
    """

    HEAD = ("paper", "ours", "sd", "seeds", "difference", "note")

    values: tuple[float, ...]
    paper: float | None = None
    note: str = ""

    @property
    def mean(self) -> float:
        """Mean over seeds, nan without any."""
        return mean(self.values) if self.values else math.nan

    @property
    def sd(self) -> float:
        """Standard deviation over seeds (n - 1), nan below two."""
        return stdev(self.values) if len(self.values) > 1 else math.nan

    @property
    def difference(self) -> float:
        """Ours minus the paper's, nan without one of them."""
        return math.nan if self.paper is None else self.mean - self.paper

    def falls_short(self, slack: float = 0.03) -> bool:
        """Whether ours is below the paper's by more than ``slack`` and by more than two standard errors of ours."""
        error = 0.0 if math.isnan(self.sd) else self.sd / math.sqrt(len(self.values))
        return self.difference < -max(slack, 2 * error)

    def row(self) -> list[object]:
        """Values for the columns of ``HEAD``."""
        measured = [number(value) for value in (self.mean, self.sd)]
        return [number(self.paper, 4), *measured, len(self.values), number(self.difference), self.note.strip()]

    def __str__(self) -> str:
        if not self.values:
            return "" if self.paper is None else f"– ({self.paper:.2f})"
        spread = "" if math.isnan(self.sd) else f" ± {self.sd:.2f}"
        beside = "" if self.paper is None else f" ({self.paper:.2f}, {self.difference:+.2f})"
        return f"{self.mean:.2f}{spread}{beside}{self.note}"


def markdown(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table, the first column left-aligned and the others right."""
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    lines += ["| " + " | ".join(str(value) for value in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def write_csv(path: Path, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """The same as a CSV file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(head)
        writer.writerows(rows)


def number(value: float | None, digits: int = 4) -> str:
    """A number for a CSV cell, empty if there is none."""
    return "" if value is None or math.isnan(value) else f"{value:.{digits}f}"
