"""What is measured on the way of a run, at given budgets, with the model as it is then: Figures 4, 9, 10 and 11."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..datasets import load_dataset
from ..views.frozen import frozen_curve as curve_of_frozen
from ..views.separation import separation

if TYPE_CHECKING:
    from ..session import ActiveSession

CURVE_POINTS = 200

BUDGETS = {
    "kddcup": (0, 300, 1_000, 3_000),
    "kddcup_rev": (0, 250, 500, 1_000, 2_000, 4_000, 8_000, 12_000, 16_000, 20_000, 24_000),
    "thyroid": (0, 51, 150, 300, 531),
    "arrhythmia": (0, 10, 20, 40, 60),
}
"""At how many answers a run on a data set is probed: the paper's budgets of Figure 11 and smaller ones."""


LATENT_BUDGETS = (0, 250, 1_000, 2_000)
"""Where the runs of Figures 9 and 10 are probed: the paper's budgets, and one between."""

LATENT_SETS = ("mnist_0_2", "mnist_hard")
"""Their data sets: of these the separability is probed with a latent of any dimension."""

LATENT_POINTS = 2_000
_SHORT = {"s": "base", "s_uai": "uai", "[l; s]": "plane"}  # rankings as results name them


def probed_budgets(session: ActiveSession, budget: int) -> tuple[int, ...]:
    """The budgets at which a run that asks ``budget`` items is probed."""
    latent = _is_flat(session) or session.ds.name in LATENT_SETS
    of_set = LATENT_BUDGETS if latent else BUDGETS.get(session.ds.name, ())
    return tuple(b for b in of_set if b <= budget)


def probe(session: ActiveSession, truth: npt.NDArray[Any]) -> dict[str, Any]:
    """Measure the model of a session as it is now; changes nothing in it.

    Returns
    -------
    dict
        With a latent of one dimension ``latent``: points and separability, see :func:`latent_score`; with more, on
        the data sets of Figures 9 and 10, ``latent`` without points. Otherwise ``frozen``: what is found if the rest
        is ranked with no further training; and on KDDCUP-Rev ``test``: the recall on its test set.
    """
    if _is_flat(session):
        return {"latent": {**latent_points(session, truth), **latent_score(session, truth)}}
    if session.ds.name in LATENT_SETS:
        return {"latent": latent_score(session, truth)}
    measured: dict[str, Any] = {"frozen": frozen_curve(session, truth)}
    if session.ds.name == "kddcup_rev":
        measured["test"] = recall_on_test(session)
    return measured


def _is_flat(session: ActiveSession) -> bool:
    """Whether l(x) is one number; DAGMM's is two more than its net's last layer."""
    net = getattr(session.learner, "net", None)
    return net is not None and net.base.latent_dim == 1


def frozen_curve(session: ActiveSession, truth: npt.NDArray[Any]) -> dict[str, Any]:
    """Labelled items in the order they were asked, then the rest by the model's score, without training (Fig. 11).

    Returns
    -------
    dict
        ``asked``: labels so far; ``b`` and ``found``: a curve of at most 201 points; ``all_found_at``: the number of
        items after which no anomaly is left.
    """
    snapshot = session.snapshot
    assert snapshot is not None
    index = session.current_labels()[0][: snapshot.n_labels]  # those it was trained on, in the order asked
    found = curve_of_frozen(index, snapshot.ranking_score, truth)
    last = len(found) - 1
    n = int(found[-1])  # as many items as there are anomalies: a point that a table asks for
    b = np.unique(np.append(np.linspace(1, last, CURVE_POINTS).astype(np.int64), min(n, last)))
    return {"asked": len(index), "b": b.tolist(), "found": found[b].tolist(), "all_found_at": last}


def recall_on_test(session: ActiveSession) -> dict[str, float]:
    """Recall of seen and unseen kinds of attacks among the top 7,315 of the KDD test set (Fig. 4).

    The number is that of anomalies in the test set, as in the paper.
    """
    from ..datasets.kdd import is_new_attack

    test = load_dataset("kddcup_test", seed=session.seed, quiet=True)
    assert test.y is not None
    score = np.concatenate([session.learner.score(rows) for _, rows in test.chunks(50_000)])
    new, anomalous = is_new_attack(test), test.y == 1
    top = np.zeros(len(test), bool)
    top[np.argsort(-score, kind="stable")[: int(anomalous.sum())]] = True
    return {
        "seen": float(top[anomalous & ~new].mean()),
        "unseen": float(top[anomalous & new].mean()),
        "n_flagged": int(top.sum()),
    }


def latent_points(session: ActiveSession, truth: npt.NDArray[Any]) -> dict[str, Any]:
    """``l``, ``s`` and ``y`` of at most 2,000 items drawn at random."""
    snapshot = session.snapshot
    assert snapshot is not None
    assert snapshot.latent is not None
    drawn = np.sort(np.random.default_rng(0).permutation(len(truth))[:LATENT_POINTS])
    return {
        "l": [float(f"{v:.4g}") for v in snapshot.latent[drawn, 0]],
        "s": [float(f"{v:.4g}") for v in snapshot.base_score[drawn]],
        "y": truth[drawn].tolist(),
    }


def latent_score(session: ActiveSession, truth: npt.NDArray[Any]) -> dict[str, Any]:
    """How well anomalies separate in the plane of l(x) and s(x), over all items.

    Returns
    -------
    dict
        Average precision ``ap`` and area under the ROC curve ``auc`` of s alone (``base``), of s_uai (``uai``, absent
        before there is one) and of a line in the plane (``plane``): see
        :func:`~uai_notebook.views.separation.separation`.
    """
    snapshot = session.snapshot
    assert snapshot is not None
    result = separation(snapshot, truth, seed=session.seed)
    return {
        "ap": {_SHORT[name]: value for name, value in result.ap.items()},
        "auc": {_SHORT[name]: value for name, value in result.auc.items()},
    }
