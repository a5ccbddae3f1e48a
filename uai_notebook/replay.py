"""A session trained again on the labels it has, with another configuration: what did this or that do?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from .labels import Label
from .learners import Learner
from .learners.uai import UaiLearner
from .models import BaseModel
from .session import ActiveSession


def retrain(
    session: ActiveSession, *, base: BaseModel | Learner | None = None, progress: bool = True, **changes: Any
) -> ActiveSession:
    """Train a new session on the labels of another one, round by round as that one learned them.

    Nobody is asked anything: the labels are those of ``session``, whatever the new model would have asked. So two
    models differ in what was changed and in nothing else, as for "what did the gradient through l do":
    ``retrain(session, through_latent=False)``.

    Parameters
    ----------
    session : ActiveSession
        Trained at least once. It is only read.
    base : BaseModel or Learner, optional
        An untrained one, needed where the session was given a model of its user's own: that one has been trained.
    progress : bool
        Show a bar.
    **changes
        Of its :class:`~uai_notebook.TrainConfig`.

    Returns
    -------
    ActiveSession
        In memory, with the data, seed, k and query rule of ``session``, all its labels, and as many rounds.

    Raises
    ------
    ValueError
        No training yet; a base of the user's own and no new one; changes that do not fit.
    RuntimeError
        A training failed.

    Notes
    -----
    With no changes the scores are the same bit for bit on the same machine, if no answer was corrected or taken back
    (those count as they are now, from where they stand now) and the session was not resumed on other data or by an
    older version (which trained at most 10 rounds' steps at once).

    Examples
    --------
    >>> import uai_notebook as uai
    >>> ds = uai.load_dataset("digits_0")
    >>> session = uai.ActiveSession(ds, budget=20, config=uai.TrainConfig(pretrain_steps=20, round_steps=5))
    >>> session = uai.simulate(session, uai.Oracle(ds.y), progress=False)
    >>> stopped = retrain(session, through_latent=False, progress=False)
    >>> stopped.round == session.round, (stopped.labels["label"] == session.labels["label"]).all().item()
    (True, True)
    """
    from tqdm.auto import tqdm

    if session.snapshot is None:
        raise ValueError("retrain: this session has not been trained: call its train() first.")
    new = ActiveSession(
        session.ds, _base(session, base), session.k, None, session.query, session.seed, None, _config(session, changes)
    )
    if changes and not isinstance(new.learner, UaiLearner):
        raise ValueError(
            f"retrain: {', '.join(changes)} cannot change {type(new.learner).__name__}, which has no TrainConfig: "
            "leave it out."
        )
    index, value = session.current_labels()
    given = 0
    for end in tqdm([*_ends(session)], unit="round", disable=not progress):
        _give(new, index[given:end], value[given:end])
        new.train()
        given = end
    _give(new, index[given:], value[given:])  # those that came after the last training
    return new


def _give(session: ActiveSession, index: Any, value: Any) -> None:
    if len(index):
        session.label(index, value)


def _ends(session: ActiveSession) -> Iterator[int]:
    """For each training of a session, how many of its labels (Unsure included) were given by then."""
    labels = session.labels
    sure = np.flatnonzero(labels["label"] != Label.UNSURE)
    # The history knows how many a training had, also where answers came in while it ran. Where it does not reach back
    # to the first round (the data have grown since) there is the round of each answer.
    trained = {int(scalars["round"]): int(scalars["n_labels"]) for scalars in session.history.scalars}
    end = 0
    for round_ in range(session.round + 1):
        t = trained.get(round_, int((labels["round"].to_numpy()[sure] < round_).sum()))
        end = max(end, int(sure[t - 1]) + 1 if 0 < t <= len(sure) else len(labels) if t else 0)
        yield end


def _base(session: ActiveSession, base: BaseModel | Learner | None) -> Any:
    if base is not None:
        if base in (session.learner, getattr(getattr(session.learner, "net", None), "base", None)):
            raise ValueError(
                "retrain: base is the model of the session itself, which has been trained: make a new one."
            )
        return base
    name = session.settings["base"]
    if "shapes" in session.settings:
        raise ValueError(
            f"retrain: this session was given a {name} of your own, which has been trained in place: pass an untrained "
            "one, base=..."
        )
    return name


def _config(session: ActiveSession, changes: dict[str, Any]) -> Any:
    unknown = sorted(set(changes) - set(session.config.to_dict()))
    if unknown:
        raise ValueError(
            f"retrain: no setting {', '.join(unknown)}: expected some of {', '.join(session.config.to_dict())}."
        )
    return replace(session.config, **changes)
