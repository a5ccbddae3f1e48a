"""What a person gives to a session: answers, settings, a query function."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import uai_notebook as uai

A, N, U = uai.Label.ANOMALY, uai.Label.NORMAL, uai.Label.UNSURE


# -- bad input ------------------------------------------------------------------------------------------------------

LABELS_MESSAGE = r"expected Label.ANOMALY \(1\), Label.NORMAL \(0\) or Label.UNSURE \(-1\)"


@pytest.mark.parametrize(
    ("index", "label", "error", "message"),
    [
        (0, 2, ValueError, LABELS_MESSAGE),
        (0, True, ValueError, LABELS_MESSAGE),
        (0, 1.0, ValueError, LABELS_MESSAGE),
        (0, "anomaly", ValueError, LABELS_MESSAGE),
        (0, None, ValueError, LABELS_MESSAGE),
        ([0, 1], [1, 5], ValueError, "label 5"),
        (80, 1, IndexError, "index 80 is out of range: expected 0 to 79"),
        (-1, 1, IndexError, "index -1 is out of range"),
        (2**70, 1, IndexError, "out of range"),
        (True, 1, TypeError, "index True: expected a whole number, the item's row in the Dataset"),
        (1.0, 1, TypeError, r"index 1\.0"),
        ("1", 1, TypeError, "index '1'"),
        (None, 1, TypeError, "index None"),
        ([[0, 1]], 1, TypeError, "expected a whole number"),
        ([3, 3], [1, 0], ValueError, r"an item is given twice in \[3, 3\]"),
        ([0, 1], [1, 0, 1], ValueError, "2 items and 3 labels: expected at least one item, and a label each"),
        ([0, 1, 2], [1, 0], ValueError, "3 items and 2 labels"),
        ([], [], ValueError, "0 items and 0 labels"),
        ([], 1, ValueError, "0 items"),
    ],
)
def test_bad_answers_are_refused_and_nothing_changes(make, index, label, error, message):
    session = make()
    with pytest.raises(error, match=message):
        session.label(index, label)
    assert session.n_labels == 0
    assert session.undo() == []


@pytest.mark.parametrize("kind", [list, tuple, np.array, pd.Series, np.uint8, np.int64])
def test_indices_and_labels_may_be_any_kind_of_whole_numbers(make, kind):
    session = make()
    session.label(kind([3, 4]), kind([1, 0]))
    session.label(np.int32(5), np.int8(-1))
    session.label(np.array(6), A)
    session.label([7, 8], N)
    assert session.labels["label"].tolist() == [1, 0, -1, 1, 0, 0]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"k": 81}, "k=81 is more than the 80 items of 'tiny': choose a smaller k"),
        ({"k": 0}, "k=0: expected a positive whole number of items asked at a time"),
        ({"k": 2.5}, r"k=2\.5"),
        ({"k": True}, "k=True"),
        ({"k": 5, "budget": 4}, "budget=4 with k=5: expected a whole number of at least k, or None"),
        ({"budget": 9.5}, r"budget=9\.5"),
        ({"query": "entropy"}, "query='entropy': expected one of adaptive, paper"),
        ({"base": "vae"}, "base='vae': expected one of dae, class"),
    ],
)
def test_bad_settings_are_refused(make, bad, message):
    with pytest.raises(ValueError, match=message):
        make(**bad)


def test_the_name_of_merges_is_refused_from_people(make):
    session = make()
    for say in (
        lambda name: session.label(3, 1, annotator=name),
        lambda name: session.note(3, "odd", annotator=name),
        lambda name: make(annotator=name),
    ):
        with pytest.raises(ValueError, match=r"annotator='\(merged\)' stands for merges.*choose another name"):
            say("(merged)")
    assert (session.n_labels, session.notes) == (0, {})


@pytest.mark.parametrize("seed", [-1, 1.5, "a", None, True, 2**70])
def test_a_bad_seed_is_refused_at_once_in_words(make, seed):
    with pytest.raises((ValueError, TypeError), match="seed"):
        make(seed=seed)


def test_a_seed_may_be_a_numpy_integer(make, tmp_path):
    make(seed=np.int64(3), path=tmp_path).train()


def test_a_bad_budget_is_refused_later_too(make):
    session = make(k=5, budget=5)
    with pytest.raises(ValueError, match="budget=4 with k=5"):
        session.budget = 4
    assert session.budget == 5


def test_a_learner_class_instead_of_a_learner_is_refused(make, numpy_learner):
    with pytest.raises(TypeError, match="NumpyLearner"):
        make(base=numpy_learner)


def test_class_without_classes_is_refused(make, ds):
    with pytest.raises(ValueError, match='base="class" scores how surprising a given class is: pass x_y'):
        make(ds=uai.Dataset.from_arrays(ds.x), base="class")


def test_a_changed_item_is_reported_until_it_is_labelled_again(make, ds, tmp_path):
    first = make(path=tmp_path)
    first.label([3, 4], [1, 0])
    first.close()
    x = ds.x.copy()
    x[[3, 4]] += 1
    changed = uai.Dataset.from_arrays(x, x_y=ds.x_y)
    with pytest.warns(UserWarning, match="2 have changed"):
        again = uai.ActiveSession.resume(tmp_path, changed)
    again.label(3, 1)
    again.note(4, "no label")
    again.close()
    with pytest.warns(UserWarning, match="1 have changed"):
        last = uai.ActiveSession.resume(tmp_path, changed)
    assert last.unmatched == {4: "changed"}
    last.close()


# -- query functions ------------------------------------------------------------------------------------------------


def test_a_query_function_gets_snapshot_unlabeled_k_and_rng(make):
    calls = []

    def mine(snapshot, unlabeled, k, rng):
        calls.append((snapshot, unlabeled, k, rng))
        return [int(unlabeled[-1]), int(unlabeled[0])]

    session = make(query=mine)
    session.label(79, N)
    snapshot = session.train()
    assert session.queue.tolist() == [78, 0]
    ((given, unlabeled, k, rng),) = calls
    assert given is snapshot
    assert unlabeled.tolist() == list(range(79))
    assert k == 5
    assert isinstance(rng, np.random.Generator)
    assert session.ranked_by == "ranked by mine"


@pytest.mark.parametrize(
    "chosen",
    [[999], [-1], [], [0, 0], [1.0], [True], [[0, 1]], [0, 1, 2, 3, 4, 5], None, [79]],
    ids=["too high", "negative", "none", "twice", "float", "bool", "two dims", "too many", "None", "labelled"],
)
def test_a_query_function_that_gives_wrong_indices_fails_the_training_in_words(make, chosen):
    session = make(query=lambda snapshot, unlabeled, k, rng: chosen)
    session.label(79, N)
    with pytest.raises(RuntimeError, match=r"the query function gave .* expected 1 to 5 different indices"):
        session.train()
    assert session.phase == "failed"
    assert session.snapshot is None
