"""How well anomalies separate in each round: the words of a small table beside the picture."""

from __future__ import annotations

from typing import Any

import pandas as pd

from uai_notebook.views.separation import MEASURES, RANKINGS, limits_of

_SHORT = {"ap": "AP", "auc": "AUC"}
_CAPTION = "How well anomalies separate: anomalies of items measured, 95% limits"
_KNOWN = ". The query chose the known labels and s_uai learned from them: no estimate for the other items"


def numbers_of(measured: pd.DataFrame) -> dict[str, Any]:
    """A message: caption, titles of the columns, and by round a row for the known labels and one for the truth.

    Parameters
    ----------
    measured : DataFrame
        What :func:`~uai_notebook.views.separability` gives.

    Raises
    ------
    ValueError
        Another table.

    Examples
    --------
    >>> row = {"round": 3, "on": "truth", "n": 1600, "n_anomalies": 18, "ranking": "s", "ap": 0.5, "auc": 0.75}
    >>> numbers_of(pd.DataFrame([row]))["rounds"][3]
    [['truth: 18 of 1,600', ['0.500', ''], ['', ''], ['', ''], ['0.750', ''], ['', ''], ['', '']]]
    """
    missing = {"round", "on", "n", "n_anomalies", "ranking", *MEASURES} - set(measured.columns)
    if missing:
        raise ValueError(
            f"show_numbers: no column {', '.join(sorted(missing))}: expected what uai.views.separability gives."
        )
    rounds: dict[int, list[list[Any]]] = {}
    for _, part in measured.groupby(["round", "on"]):
        by_ranking: dict[str, Any] = {row["ranking"]: row for row in part.to_dict("records")}
        row = next(iter(by_ranking.values()))
        cells = [_cell(by_ranking.get(ranking), measure) for measure in MEASURES for ranking in RANKINGS]
        what = f"{row['on']}: {row['n_anomalies']:,} of {row['n']:,}"
        rounds.setdefault(int(row["round"]), []).append([what, *cells])
    head = [f"{_SHORT[measure]} of {ranking}" for measure in MEASURES for ranking in RANKINGS]
    caption = _CAPTION + (_KNOWN if (measured["on"] == "known labels").any() else "")
    return {"kind": "numbers", "caption": caption, "head": head, "rounds": rounds}


def _cell(row: dict[str, Any] | None, measure: str) -> list[str]:
    """A number and its limits, in words; empty where there is none."""
    if row is None:
        return ["", ""]
    return [f"{row[measure]:.3f}", limits_of(row, measure)]
