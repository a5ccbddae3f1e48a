"""Which labelled items to look at again: the filters of the review list."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd

from .agreement import conflicts
from .labels import Label
from .snapshot import IndexArray, Snapshot

if TYPE_CHECKING:
    from .session import ActiveSession

#: What :func:`review_items` can show, in the words of the list.
FILTERS = {
    "all": "everything labelled",
    "anomalies": "anomalies",
    "normals": "normals",
    "unsure": "unsure",
    "disagree": "where model and label disagree",
    "conflicts": "where annotators disagree",
    "notes": "with a note",
}
_LABEL_OF = {"anomalies": Label.ANOMALY, "normals": Label.NORMAL, "unsure": Label.UNSURE}


def review_items(
    session: ActiveSession, show: str = "all", search: str = "", annotator: str | None = None
) -> IndexArray:
    """Labelled items that pass a filter, int64 (m,).

    Parameters
    ----------
    session : ActiveSession
    show : str
        "all", "anomalies", "normals", "unsure" (the label that counts now), "disagree" (the model says otherwise: see
        Notes), "conflicts" (:func:`~uai_notebook.conflicts`), or "notes" (items with a note, labelled or not).
    search : str
        Only items with this text in their id or note, in small or capital letters.
    annotator : str, optional
        Only items that this one has answered; labels are then the last ones of theirs, whatever counts now.

    Returns
    -------
    int64 (m,)
        The latest answer first; for "disagree" the strongest disagreement first, for "conflicts" the open ones.

    Raises
    ------
    ValueError
        No such filter.

    Notes
    -----
    "disagree" is of items labelled anomaly or normal. For a network the model says anomaly where p_anom, eq. 3, is
    above 1/2. For a score that is no probability, and before anything was learned, it says anomaly of as many of these
    items as are labelled so: those of the highest scores, equal ones included. That takes labels of both kinds.

    Examples
    --------
    >>> import uai_notebook as uai
    >>> ds = uai.load_dataset("digits_0")
    >>> session = uai.ActiveSession(ds, config=uai.TrainConfig(pretrain_steps=20))
    >>> session.label([3, 14, 15], [1, 0, -1])
    >>> uai.review_items(session), uai.review_items(session, "anomalies"), uai.review_items(session, search="1")
    (array([15, 14,  3]), array([3]), array([15, 14]))
    >>> session.label(3, 0, annotator="Ben")
    >>> uai.review_items(session, "anomalies", annotator=""), uai.review_items(session, "normals", annotator="Ben")
    (array([3]), array([3]))
    """
    if show not in FILTERS:
        raise ValueError(f"show={show!r}: expected one of {', '.join(FILTERS)}.")
    items, label = session.current_labels() if annotator is None else _answered_by(session, annotator)
    if show in _LABEL_OF:
        found = items[label == _LABEL_OF[show]][::-1]
    elif show == "disagree":
        says, surprise = _model_says(session.snapshot, items, label)
        wrong = np.flatnonzero((says >= 0) & (says != label))
        found = items[wrong[np.argsort(-surprise[wrong], kind="stable")]]
    elif show == "conflicts":
        found = conflicts(session)["index"].to_numpy()
    elif show == "notes":
        found = np.asarray(list(session.notes)[::-1], dtype=np.int64)
    else:
        found = items[::-1]
    if annotator is not None:
        found = found[np.isin(found, items)]
    return _with_text(session, found, search) if search else found


def review_table(
    session: ActiveSession,
    show: str = "all",
    search: str = "",
    limit: int | None = None,
    annotator: str | None = None,
) -> pd.DataFrame:
    """What :func:`review_items` finds, with what is known of each.

    Parameters
    ----------
    session, show, search, annotator
        As of :func:`review_items`.
    limit : int, optional
        At most so many rows, the first ones.

    Returns
    -------
    DataFrame
        index, id; label, annotator, time, round of the answer that counts (missing for a note without one); base_score
        and uai_score as they are now, not when it was given; model: 1 or 0, what the model says, missing where it
        says nothing; note.

    Examples
    --------
    >>> import uai_notebook as uai
    >>> session = uai.ActiveSession(uai.load_dataset("digits_0"), annotator="Anna")
    >>> session.label([3, 14], [1, 0])
    >>> session.note(14, "looks like a 9")
    >>> uai.review_table(session)[["index", "label", "annotator", "note"]].values.tolist()
    [[14, 0, 'Anna', 'looks like a 9'], [3, 1, 'Anna', '']]
    """
    found = review_items(session, show, search, annotator)[:limit]
    answers = [session.store.get(int(i)) for i in found]
    snapshot, notes = session.snapshot, session.notes
    items, label = session.current_labels()
    says = dict(zip(items.tolist(), _model_says(snapshot, items, label)[0].tolist(), strict=True))
    model = [says.get(i, -1) for i in found.tolist()]
    nothing = np.full(len(found), np.nan)
    learned = None if snapshot is None else snapshot.uai_score_of(found)
    times = [None if a is None else a.time for a in answers]
    return pd.DataFrame(
        {
            "index": found,
            "id": pd.Series(list(session.ds.ids[found]), dtype="object"),
            "label": pd.array([pd.NA if a is None else a.label for a in answers], dtype="Int8"),
            "annotator": pd.Series(["" if a is None else a.annotator for a in answers], dtype="object"),
            "time": pd.to_datetime(pd.Series(times, dtype="object"), utc=True, format="ISO8601").dt.as_unit("ms"),
            "round": pd.array([pd.NA if a is None else a.round for a in answers], dtype="Int64"),
            "base_score": nothing if snapshot is None else snapshot.base_score[found].astype(np.float64),
            "uai_score": nothing if learned is None else learned.astype(np.float64),
            "model": pd.array([pd.NA if value < 0 else value for value in model], dtype="Int8"),
            "note": pd.Series([notes.get(int(i), "") for i in found], dtype="object"),
        }
    )


def _answered_by(session: ActiveSession, annotator: str) -> tuple[IndexArray, npt.NDArray[np.int8]]:
    """Items that an annotator has answered, int64 (m,), and the last label of theirs, int8 (m,)."""
    with session._lock:
        given = session.store.given()
    own: dict[int, int] = {}
    for i, answer in given:
        if answer.annotator == annotator:
            own.pop(i, None)  # the latest is the last
            own[i] = answer.label
    return np.fromiter(own, np.int64, len(own)), np.fromiter(own.values(), np.int8, len(own))


def _model_says(
    snapshot: Snapshot | None, items: IndexArray, label: npt.NDArray[np.int8]
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.float64]]:
    """1 or 0 for each labelled item, int8 (t,), -1 where nothing is said, and how far its score is from the cut."""
    sure = label != Label.UNSURE
    says, distance = np.full(len(items), -1, np.int8), np.zeros(len(items))
    n_anomalies = int((label == Label.ANOMALY).sum())
    if snapshot is None or not 0 < n_anomalies < sure.sum():
        return says, distance
    score = snapshot.ranking_score[items[sure]].astype(np.float64)
    if snapshot.uai_logit is not None and snapshot.probability:
        called, cut = score > 0, 0.0  # the logit of 1/2
    else:
        cut = float(np.partition(score, -n_anomalies)[-n_anomalies])
        called = score >= cut
    says[sure], distance[sure] = called, np.abs(score - cut)
    return says, distance


def _with_text(session: ActiveSession, found: IndexArray, search: str) -> IndexArray:
    text, ids, notes = search.casefold(), session.ds.ids, session.notes
    return found[[text in str(ids[i]).casefold() or text in notes.get(i, "").casefold() for i in found.tolist()]]
