"""ActiveSession without files: Algorithm 1, budget, queue, refills, undo, cancel, failure."""

from __future__ import annotations

import inspect
import threading

import numpy as np
import pandas as pd
import pytest
import torch

import uai_notebook as uai

A, N, U = uai.Label.ANOMALY, uai.Label.NORMAL, uai.Label.UNSURE


def first(snapshot, unlabeled, k, rng):
    """A query function: in the order of the data."""
    return unlabeled[:k]


def same(a, b) -> bool:
    parts = ("base_score", "latent", "uai_logit", "labeled_index", "labeled_value")
    pairs = [(getattr(a, name), getattr(b, name)) for name in parts]
    return a.round == b.round and all((x is None and y is None) or np.array_equal(x, y) for x, y in pairs)


# -- Algorithm 1 ----------------------------------------------------------------------------------------------------


def test_a_new_session_knows_nothing(make):
    session = make()
    assert (session.phase, session.round, session.n_labels, session.done) == ("new", 0, 0, False)
    assert session.snapshot is None
    assert session.queue.dtype == np.int64
    assert len(session.queue) == 0
    assert session.ranked_by == ""
    assert len(session.labels) == 0
    assert session.results()["base_score"].isna().all()
    assert not session.training


def test_the_first_training_is_the_pretraining_and_offers_the_k_highest_base_scores(make):
    session = make()
    snapshot = session.train()
    assert snapshot is session.snapshot
    assert (snapshot.round, session.round, session.phase) == (0, 0, "labeling")
    assert session.progress[:2] == (30, 30)
    assert session.queue.tolist() == np.argsort(-snapshot.base_score, kind="stable")[:5].tolist()
    assert snapshot.uai_logit is None


def test_each_further_training_is_a_round_on_all_labels(make):
    session = make()
    session.train()
    for r in range(1, 4):
        session.label(session.queue, [A, N, N, A, N])
        snapshot = session.train()
        assert (snapshot.round, session.round, snapshot.n_labels) == (r, r, 5 * r)
        assert session.progress[:2] == (5, 5)
    assert snapshot.labeled_index.tolist() == session.labels["index"].tolist()
    assert snapshot.labeled_value.tolist() == session.labels["label"].tolist()
    assert (snapshot.labeled_index.dtype, snapshot.labeled_value.dtype) == (np.int64, np.int8)
    assert [s["round"] for s in session.history.scalars] == [0, 1, 2, 3]


def test_a_labelled_item_is_never_asked_again(make):
    for rule in ("adaptive", "paper", "base", "uai", "random"):
        session, seen = make(query=rule), set()
        for _ in range(6):
            session.train()
            queue = session.queue.tolist()
            assert not seen & set(queue)
            seen |= set(queue)
            session.label(queue, [A, N, U, N, A])


def test_the_queue_is_what_is_unanswered_and_the_batch_what_was_offered(make):
    session = make()
    session.train()
    batch = session.batch.tolist()
    session.label(batch[1], N)
    session.label(batch[3], U)
    assert session.queue.tolist() == [batch[0], batch[2], batch[4]]
    assert session.batch.tolist() == batch


def test_unsure_is_kept_not_trained_on_and_not_asked_again(make):
    session = make()
    session.train()
    queue = session.queue
    session.label(queue, [A, U, N, U, N])
    snapshot = session.train()
    assert snapshot.labeled_index.tolist() == queue[[0, 2, 4]].tolist()
    assert not set(queue.tolist()) & set(session.queue.tolist())
    assert session.n_labels == 5


def test_there_is_no_uai_score_until_an_anomaly_and_a_normal_were_seen(make):
    session = make()
    session.train()
    session.label(session.queue[:2], [A, U])
    assert session.train().uai_logit is None
    assert session.snapshot.uai_score is None
    session.label(session.queue[:1], N)
    snapshot = session.train()
    assert snapshot.uai_logit.shape == (80,)
    assert ((snapshot.uai_score >= 0) & (snapshot.uai_score <= 1)).all()


def test_the_paper_hands_over_at_the_eleventh_call(make, ds):
    session, by = make(query="paper", k=3), []
    for _ in range(12):
        snapshot = session.train()
        base = np.argsort(-snapshot.base_score, kind="stable")
        free = [i for i in base.tolist() if i not in session.store]
        by.append("s" if session.queue.tolist() == free[:3] else "uai")
        session.label(session.queue, ds.y[session.queue])
    assert by[:10] == ["s"] * 10
    assert session.ranked_by == "ranked by UAI"


def test_labels_may_come_before_the_first_training(make):
    session = make(budget=10)
    session.label([0, 1, 40], [A, A, N])
    assert session.phase == "new"
    assert session.labels["asked"].tolist() == [False] * 3
    assert session.labels["base_score"].isna().all()
    assert session.n_asked == 0
    snapshot = session.train()
    assert (snapshot.round, snapshot.n_labels) == (0, 3)
    assert snapshot.uai_logit is not None
    assert not {0, 1, 40} & set(session.queue.tolist())


def test_the_scores_of_an_answer_are_those_of_the_moment_it_was_given(make):
    session = make()
    old = session.train()
    i, j = session.queue[:2].tolist()
    session.label([i, j], [A, N])
    new = session.train()
    session.label(session.queue[0], N)
    frame = session.labels
    np.testing.assert_allclose(frame["base_score"][:2], old.base_score[[i, j]])
    assert frame["uai_score"].isna().tolist() == [True, True, False]
    assert frame["uai_score"][2] == pytest.approx(new.uai_score[frame["index"][2]])
    assert frame["round"].tolist() == [0, 0, 1]


# -- determinism ----------------------------------------------------------------------------------------------------


def play(session, ds, rounds=3):
    snapshots = [session.train()]
    for _ in range(rounds):
        session.label(session.queue, ds.y[session.queue])
        snapshots.append(session.train())
    return snapshots


@pytest.mark.parametrize("base", ["dae", "class"])
def test_same_seed_same_labels_gives_exactly_the_same_snapshots(make, ds, base):
    first_run, second = play(make(base=base), ds), play(make(base=base), ds)
    assert all(same(a, b) for a, b in zip(first_run, second, strict=True))
    other = play(make(base=base, seed=1), ds)
    assert not same(first_run[-1], other[-1])


def test_another_thread_that_draws_random_numbers_changes_nothing(make, ds):
    expected = play(make(), ds)
    stop = threading.Event()

    def draw():
        while not stop.is_set():
            torch.rand(10)
            np.random.rand(10)  # noqa: NPY002

    thread = threading.Thread(target=draw)
    thread.start()
    try:
        assert all(same(a, b) for a, b in zip(expected, play(make(), ds), strict=True))
    finally:
        stop.set()
        thread.join(10)


def test_the_order_in_which_a_round_was_answered_does_not_change_the_model(make):
    snapshots = []
    for order in ([0, 1, 2, 3, 4], [4, 2, 0, 3, 1]):
        session = make()
        session.train()
        queue = session.queue
        for j in order:
            session.label(queue[j], j % 2)
        snapshots.append(session.train())
    np.testing.assert_array_equal(snapshots[0].uai_logit, snapshots[1].uai_logit)


def test_undone_and_redone_answers_change_nothing(make, ds):
    plain, wavering = make(), make()
    expected = play(plain, ds, rounds=1)
    wavering.train()
    queue = wavering.queue
    wavering.label(queue, 1 - ds.y[queue])
    wavering.undo()
    wavering.label(queue, ds.y[queue])
    wavering.undo()
    wavering.redo()
    assert same(wavering.train(), expected[-1])
    assert wavering.queue.tolist() == plain.queue.tolist()


def test_scores_of_a_snapshot_cannot_be_changed(make):
    snapshot = make().train()
    for array in (snapshot.base_score, snapshot.latent):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


# -- budget ---------------------------------------------------------------------------------------------------------


def test_the_last_batch_is_cut_to_the_budget_and_then_the_session_is_done(make):
    session = make(k=5, budget=7)
    session.train()
    session.label(session.queue, N)
    assert not session.done
    session.train()
    assert len(session.queue) == 2
    session.label(session.queue, U)
    assert (session.n_asked, session.done, session.phase) == (7, True, "done")
    session.train()
    assert len(session.queue) == 0


def test_undo_gives_budget_back(make):
    session = make(k=5, budget=5)
    session.train()
    session.label(session.queue[:4], N)
    last = session.queue[0]
    session.label(last, U)
    assert session.done
    assert session.undo() == [last]
    assert not session.done
    assert session.phase == "labeling"
    assert session.queue.tolist() == [last]
    session.redo()
    assert session.done


def test_an_answer_is_never_refused_and_what_was_not_asked_spends_nothing(make):
    session = make(k=5, budget=5)
    session.train()
    asked = session.queue
    others = [i for i in range(80) if i not in asked]
    session.label(others[:3], N)
    assert (session.n_asked, session.n_labels) == (0, 3)
    session.label(asked, N)
    assert session.done
    session.label(others[3], A)
    session.label(asked[0], A)
    assert (session.n_asked, session.n_labels, session.done) == (5, 9, True)
    assert session.labels.set_index("index")["asked"].to_dict() == {
        **dict.fromkeys(others[:4], False),
        **dict.fromkeys(asked.tolist(), True),
    }


def test_labelling_an_item_again_spends_nothing_more(make):
    session = make(k=5, budget=10)
    session.train()
    i = session.queue[0]
    for label in (A, N, U):
        session.label(i, label)
        assert session.n_asked == 1


def test_the_budget_may_be_raised(make):
    session = make(k=5, budget=5)
    session.train()
    session.label(session.queue, N)
    session.budget = 8
    assert (session.done, session.phase) == (False, "labeling")
    session.refill()
    assert len(session.queue) == 3


def test_a_lowered_budget_shortens_the_queue(make):
    session = make(k=5, budget=10)
    session.train()
    session.label(session.queue, N)
    session.train()
    session.budget = 6
    assert len(session.queue) <= 1


def test_answers_to_replaced_offers_do_not_let_the_queue_exceed_the_budget(make):
    session = make(k=5, budget=5, query="random")
    session.train()
    old = session.queue
    session.train()
    assert set(old.tolist()) != set(session.queue.tolist())
    session.label(old, N)
    assert session.done
    assert len(session.queue) == 0


def test_an_item_that_comes_back_on_screen_does_not_let_the_queue_exceed_the_budget(make):
    session = make(k=5, budget=6, query="random")
    session.train()
    old = session.queue
    session.train()
    gone = next(i for i in old.tolist() if i not in session.queue)
    session.label(session.queue, N)
    session.train()
    assert len(session.queue) == 1
    session.show(gone)
    assert len(session.queue) == 1


def test_nothing_left_to_ask_is_done(make):
    session = make()
    session.train()
    session.label(range(79), N)
    assert not session.done
    session.train()
    assert session.queue.tolist() == [79]
    session.label(79, A)
    assert session.done


# -- undo -----------------------------------------------------------------------------------------------------------


def test_an_undone_answer_is_asked_again_first(make):
    session = make()
    session.train()
    queue = session.queue.tolist()
    session.label(queue, N)
    session.train()
    following = session.queue.tolist()
    session.undo()
    assert session.queue.tolist()[:5] == queue
    session.redo()
    assert session.queue.tolist() == following


def test_the_queue_never_exceeds_k_also_after_undo_over_rounds(make):
    session = make(k=3)
    for _ in range(3):
        session.train()
        session.label(session.queue, N)
    session.train()
    for _ in range(3):
        session.undo()
        assert len(session.queue) <= 3


def test_several_items_in_one_call_are_one_step(make):
    session = make()
    session.label([3, 4, 5], [A, N, U])
    session.label([6], A)
    assert session.undo() == [6]
    assert session.undo() == [3, 4, 5]
    assert session.undo() == []
    assert session.n_labels == 0
    assert session.redo() == [3, 4, 5]
    session.label(9, N)
    assert session.redo() == []


def test_undo_of_what_was_not_asked_does_not_put_it_into_the_queue(make):
    session = make(query=first)
    session.train()
    session.label(70, A)
    session.undo()
    assert session.queue.tolist() == [0, 1, 2, 3, 4]


# -- what is known --------------------------------------------------------------------------------------------------


def test_labels_have_the_columns_and_dtypes_of_the_contract(make):
    session = make()
    session.train()
    session.label(session.queue[:2], [A, U], annotator="me")
    frame = session.labels
    names = ["index", "id", "label", "asked", "annotator", "time", "round", "base_score", "uai_score"]
    assert list(frame.columns) == names
    assert frame["index"].dtype == np.int64
    assert frame["label"].dtype == np.int8
    assert frame["label"].tolist() == [1, -1]
    assert frame["annotator"].tolist() == ["me", "me"]
    assert pd.Timestamp.now("UTC") - frame["time"][0] < pd.Timedelta("60s")


def test_results_have_all_items_best_first(make, ds):
    session = make()
    session.label([7, 30], [A, N])
    snapshot = session.train()
    frame = session.results()
    assert {"id", "label", "base_score", "uai_score", "rank"} <= set(frame.columns)
    assert sorted(frame["id"]) == list(range(80))
    assert frame["rank"].tolist() == list(range(1, 81))
    assert frame["id"].tolist() == np.argsort(-snapshot.uai_logit, kind="stable").tolist()
    labels = frame.set_index("id")["label"]
    assert (labels[7], labels[30]) == (1, 0)
    assert labels.isna().sum() == 78
    by_base = make()
    by_base.train()
    assert by_base.results()["base_score"].is_monotonic_decreasing
    assert by_base.results()["uai_score"].isna().all()


def test_results_carry_the_users_own_ids(make, ds):
    own = uai.Dataset.from_arrays(ds.x, ids=[f"n{i}" for i in range(80)])
    session = make(ds=own)
    session.label(3, A)
    frame = session.results().set_index("id")
    assert frame.loc["n3", "label"] == 1
    assert session.labels["id"].tolist() == ["n3"]


def test_untrained_answers_are_counted(make):
    session = make()
    session.train()
    session.label(session.queue, N)
    assert session.n_untrained == 5
    session.train()
    assert session.n_untrained == 0
    session.label(session.labels["index"][0], A)
    assert session.n_untrained == 1
    session.undo()
    assert session.n_untrained == 0


def test_current_labels_are_arrays(make):
    session = make()
    session.label([4, 2], [A, U])
    index, value = session.current_labels()
    assert (index.tolist(), value.tolist()) == ([4, 2], [1, -1])


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


class Breakable:
    """A query function that fails when told to."""

    def __init__(self):
        self.broken = False

    def __call__(self, snapshot, unlabeled, k, rng):
        if self.broken:
            raise ValueError("broken rule")
        return unlabeled[:k]


def test_a_round_whose_query_fails_never_happened(make):
    rule = Breakable()
    session, reference = make(query=rule), make(query=first)
    for s in (session, reference):
        s.train()
        s.label(s.queue, [A, N, N, N, N])
    before, frames = session.snapshot, len(session.history.frames)
    rule.broken, session.refills = True, False
    for _ in range(2):
        with pytest.raises(RuntimeError, match="broken rule"):
            session.train()
    assert session.snapshot is before
    assert session.round == 0
    assert len(session.history.frames) == frames
    rule.broken = False
    assert same(session.train(), reference.train())


def test_a_query_that_fails_while_a_training_starts_leaves_the_session_usable(make):
    rule = Breakable()
    session = make(query=rule)
    session.train()
    session.label(session.queue, N)
    rule.broken = True
    with pytest.raises((RuntimeError, ValueError), match="broken rule"):
        session.train()
    rule.broken = False
    assert session.phase != "training"
    assert session.train().round == 1


def test_a_query_that_fails_in_a_refill_does_not_make_a_saved_answer_look_refused(make, ds, numpy_learner):
    rule = Breakable()
    session = make(base=numpy_learner(ds), query=rule)
    session.train()
    session.learner.hold.set()
    session.start()
    rule.broken = True
    session.label(session.queue, N)
    assert session.n_labels == 5
    session.cancel()


# -- learners that fail ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["state_dict", "pretrain", "evaluate", "load_state_dict"])
def test_a_learner_that_raises_anywhere_fails_the_training_and_does_not_hang_it(ds, make, numpy_learner, method):
    learner = numpy_learner(ds)

    def fail(*args):
        raise OSError("no luck")

    setattr(learner, method, fail)
    if method == "load_state_dict":
        learner.evaluate = fail
    session = make(base=learner)
    session.label(0, A)
    with pytest.raises(RuntimeError, match="no luck"):
        session.train()
    assert (session.phase, session.n_labels) == ("failed", 1)
    for name in (method, "evaluate"):
        vars(learner).pop(name, None)
    session.retry()
    assert session.wait() is not None
    assert session.phase == "labeling"


@pytest.mark.parametrize(
    "bad",
    [
        {"base_score": np.zeros(79, np.float32)},
        {"base_score": np.full(80, np.nan, np.float32)},
        {"latent": np.zeros((79, 2), np.float32)},
        {"uai_logit": np.zeros(3, np.float32)},
        {"uai_logit": np.full(80, np.nan, np.float32)},
    ],
    ids=["short score", "nan score", "short latent", "short logit", "nan logit"],
)
def test_a_snapshot_that_does_not_fit_the_data_is_not_accepted(ds, make, numpy_learner, bad):
    learner = numpy_learner(ds)
    session = make(base=learner, query="uai")
    good = session.train()
    queue = session.queue.tolist()
    learner.evaluate = lambda: uai.Snapshot(**{"base_score": np.zeros(80, np.float32), **bad})
    with pytest.raises(RuntimeError):
        session.train()
    assert session.snapshot is good
    assert session.queue.tolist() == queue
    assert session.round == 0
    assert len(session.history.frames) == 1


def test_a_failure_of_a_snapshot_with_nan_logits_does_not_blame_the_query_function(ds, make, numpy_learner):
    learner = numpy_learner(ds)
    learner.evaluate = lambda: uai.Snapshot(np.zeros(80, np.float32), uai_logit=np.full(80, np.nan, np.float32))
    with pytest.raises(RuntimeError, match="finite"):
        make(base=learner, query="uai").train()


def test_a_learner_with_nothing_to_do_may_yield_nothing(ds, make, numpy_learner):
    learner = numpy_learner(ds)
    learner.update = lambda index, label: iter(())
    session = make(base=learner)
    session.train()
    session.label(session.queue, N)
    assert session.train().round == 1


class Failing(torch.nn.Module):
    """A user model that raises, or gives nan, at a forward pass of training."""

    latent_dim, needs_x_y = 2, False

    def __init__(self, how):
        super().__init__()
        self.linear, self.how, self.left = torch.nn.Linear(5, 2), how, 10**9
        torch.nn.init.constant_(self.linear.weight, 0.1)

    def forward(self, x, x_y=None):
        """Squared norm of a linear latent."""
        self.left -= self.training
        latent = self.linear(x)
        score = latent.square().sum(1)
        if self.left <= 0:
            if self.how == "raises":
                raise ZeroDivisionError("in the user's model")
            score = score * float("nan")
        return uai.BaseOutput(latent, score, score)


@pytest.mark.parametrize("how", ["raises", "nan"])
def test_a_failing_step_keeps_labels_restores_the_model_and_retry_works(make, how):
    torch.manual_seed(0)
    session, reference = make(base=Failing(how)), make(base=Failing(how))
    reference.learner.load_state_dict(session.learner.state_dict())
    for s in (session, reference):
        s.train()
        s.label(s.queue, [A, N, N, U, N])
    before = session.snapshot
    session.learner.net.base.left = 4
    with pytest.raises(RuntimeError, match=r"the training failed: .*labels are kept; try session.retry\(\)") as caught:
        session.train()
    assert isinstance(caught.value.__cause__, ZeroDivisionError if how == "raises" else FloatingPointError)
    assert session.error is caught.value.__cause__
    assert (session.phase, session.n_labels, session.n_untrained) == ("failed", 5, 5)
    assert session.snapshot is before
    with pytest.raises(RuntimeError, match="the training failed"):
        session.wait()
    session.label(40, N)
    reference.label(40, N)
    session.learner.net.base.left = 10**9
    session.retry()
    assert same(session.wait(), reference.train())
    assert (session.phase, session.error) == ("labeling", None)


# -- cancel ---------------------------------------------------------------------------------------------------------


def cancel_midway(session, part, after=3):
    """Start a training and cancel it after some steps of ``part``, or when it evaluates."""
    reached, go_on = threading.Event(), threading.Event()
    learner, real = session.learner, getattr(session.learner, part)

    def pause():
        reached.set()
        assert go_on.wait(10)

    def steps(*labels):
        for progress in real(*labels):
            if progress.step == after:
                pause()
            yield progress

    def evaluate():
        pause()
        return real()

    setattr(learner, part, evaluate if part == "evaluate" else steps)
    session.start()
    assert reached.wait(10)
    assert session.phase == "training"
    session.cancel(wait=False)
    go_on.set()
    delattr(learner, part)
    session.cancel()


@pytest.mark.parametrize("base", ["dae", "class"])
@pytest.mark.parametrize("part", ["pretrain", "evaluate"])
def test_a_cancelled_pretraining_never_happened(make, ds, base, part):
    session = make(base=base)
    cancel_midway(session, part)
    assert (session.phase, session.snapshot, len(session.queue)) == ("new", None, 0)
    assert all(same(a, b) for a, b in zip(play(session, ds), play(make(base=base), ds), strict=True))


@pytest.mark.parametrize("part", ["update", "evaluate"])
def test_a_cancelled_round_never_happened(make, ds, part):
    session, reference = make(), make()
    expected = play(reference, ds)
    before = session.train()
    session.label(session.queue, ds.y[session.queue])
    state = session.learner.state_dict()
    cancel_midway(session, part)
    assert session.snapshot is before
    assert (session.round, session.phase, session.n_labels, session.n_untrained) == (0, "labeling", 5, 5)
    assert len(session.history.frames) == 1
    now = session.learner.state_dict()
    assert np.array_equal(state["random"], now["random"])
    assert all(np.array_equal(state["net"][name], now["net"][name]) for name in state["net"])
    old, new = state["optimizer"]["state"], now["optimizer"]["state"]
    assert all(np.array_equal(old[i]["square_avg"], new[i]["square_avg"]) for i in old)
    assert old.keys() == new.keys()
    assert same(session.train(), expected[1])
    session.label(session.queue, ds.y[session.queue])
    assert same(session.train(), expected[2])


def test_cancel_without_a_training_does_nothing(make):
    session = make()
    session.cancel()
    assert session.wait() is None
    session.train()
    session.cancel()
    assert session.phase == "labeling"


def test_an_interrupted_wait_cancels_the_training(holding, monkeypatch):
    def interrupted():
        raise KeyboardInterrupt

    monkeypatch.setattr(holding, "wait", interrupted)
    with pytest.raises(KeyboardInterrupt):
        holding.train()
    assert not holding.training


# -- refills --------------------------------------------------------------------------------------------------------


def test_a_queue_that_empties_while_a_job_trains_is_refilled_from_the_last_snapshot(holding):
    order = np.argsort(-holding.snapshot.base_score, kind="stable").tolist()
    holding.label(order[0], A)
    holding.start()
    assert holding.queue.tolist() == order[1:5]
    holding.label(order[1:5], N)
    assert holding.queue.tolist() == order[5:10]
    assert holding.snapshot.round == 0
    holding.label(order[5:10], N)
    assert holding.queue.tolist() == order[10:15]
    assert holding.labels["asked"].all()


def test_a_training_that_starts_on_an_empty_queue_refills_it_at_once(holding):
    holding.label(holding.queue, N)
    assert len(holding.queue) == 0
    holding.start()
    assert len(holding.queue) == 5


def test_a_refill_respects_the_budget(holding):
    holding.budget = 7
    holding.start()
    holding.label(holding.queue, N)
    assert len(holding.queue) == 2
    holding.label(holding.queue, N)
    assert len(holding.queue) == 0


def test_a_job_trains_on_the_labels_at_its_start(holding):
    holding.label(holding.queue, [A, N, N, N, N])
    holding.start()
    holding.label(holding.queue, N)
    assert holding.n_untrained == 5
    holding.learner.hold.clear()
    snapshot = holding.wait()
    assert snapshot.n_labels == 5
    assert holding.n_labels == 10
    assert holding.n_untrained == 5


def test_the_new_snapshot_replaces_what_is_unanswered_but_never_the_item_on_screen(holding):
    holding.query = uai.query.RULES["random"]
    holding.label(holding.queue, [A, N, N, N, N])
    holding.start()
    refill = holding.queue.tolist()
    holding.show(refill[2])
    holding.label(refill[0], N)
    holding.learner.hold.clear()
    holding.wait()
    queue = holding.queue.tolist()
    assert queue[0] == refill[2]
    assert len(queue) == 5
    assert not {refill[0]} & set(queue)
    assert set(queue) != set(refill)


def test_an_answered_item_on_screen_does_not_stay(holding):
    i = int(holding.queue[0])
    holding.show(i)
    holding.start()
    holding.label(i, N)
    holding.learner.hold.clear()
    holding.wait()
    assert i not in holding.queue
    assert len(holding.queue) == 5


def test_an_item_that_was_replaced_comes_back_when_it_is_shown(make):
    session = make(query="random")
    session.train()
    old = session.queue.tolist()
    session.train()
    gone = next(i for i in old if i not in session.queue)
    session.show(gone)
    assert session.queue[0] == gone
    assert len(session.queue) == 5
    session.label(gone, N)
    assert session.labels["asked"].tolist() == [True]


def test_showing_what_was_never_offered_does_not_put_it_into_the_queue(make):
    session = make(query=first)
    session.train()
    for index in (70, 10**9, None):
        session.show(index)
        assert session.queue.tolist() == [0, 1, 2, 3, 4]


def test_without_refills_the_queue_stays_empty_while_a_job_trains(holding):
    holding.refills = False
    holding.start()
    holding.label(holding.queue, N)
    assert len(holding.queue) == 0


def test_refill_goes_on_without_a_training_and_only_when_the_queue_is_empty(make):
    session = make()
    session.refill()
    assert len(session.queue) == 0
    session.train()
    queue = session.queue.tolist()
    session.refill()
    assert session.queue.tolist() == queue
    session.label(queue, N)
    session.refill()
    assert len(session.queue) == 5
    assert session.round == 0


# -- the background and observers -----------------------------------------------------------------------------------


def test_train_joins_a_training_that_runs(holding):
    holding.start()
    threading.Timer(0.05, holding.learner.hold.clear).start()
    snapshot = holding.train()
    assert (snapshot.round, holding.round) == (1, 1)
    assert [name for name, *_ in holding.learner.calls] == ["pretrain", "update"]


def test_start_while_a_training_runs_does_nothing(holding):
    holding.start()
    holding.start()
    holding.learner.hold.clear()
    holding.wait()
    assert holding.round == 1


def test_observers_hear_what_changed(make):
    session, heard = make(), []
    end = session.observe(heard.append)
    session.label(3, N)
    assert heard == [frozenset({"labels", "queue"})]
    session.train()
    assert {"phase", "queue", "snapshot", "progress"} <= frozenset().union(*heard)
    end()
    end()
    n = len(heard)
    session.undo()
    assert len(heard) == n


def test_progress_is_reported_twice_a_second_at_most(make, ds, config):
    session, heard = make(config=uai.TrainConfig(hidden=(4, 2), pretrain_steps=400, batch_size=8)), []
    session.observe(lambda changes: heard.append(changes) if changes == {"progress"} else None)
    session.train()
    assert 1 <= len(heard) <= 4


def test_an_observer_that_raises_breaks_neither_the_loop_nor_other_observers(make):
    session, heard = make(), []

    def broken(changes):
        raise RuntimeError("a broken view")

    session.observe(broken)
    session.observe(heard.append)
    session.train()
    session.label(session.queue, N)
    session.undo()
    assert session.train().round == 1
    assert len(heard) >= 4


def test_observers_are_never_called_under_the_lock(make):
    session, blocked = make(), []

    def from_another_thread(changes):
        def look():
            if session._lock.acquire(timeout=5):
                session._lock.release()
            else:
                blocked.append(changes)

        thread = threading.Thread(target=look)
        thread.start()
        thread.join(6)

    session.observe(from_another_thread)
    session.train()
    session.label(session.queue, N)
    session.undo()
    session.redo()
    session.budget = 20
    session.refill()
    session.show(int(session.queue[0]))
    session.train()
    session.close()
    assert blocked == []


def test_an_observer_may_start_the_next_training_or_wait_for_it(make):
    session, ended = make(), threading.Event()

    def go_on(changes):
        if "snapshot" in changes and session.round < 3:
            session.start()
        elif session.round == 3:
            ended.set()
        session.wait() if threading.current_thread().name == "uai_notebook training" and session.round >= 3 else None

    session.observe(go_on)
    session.start()
    assert ended.wait(10)
    assert session.round == 3


def test_an_observer_may_cancel_the_training_it_hears_of(make):
    session = make()
    session.observe(lambda changes: session.cancel() if "progress" in changes else None)
    assert session.train() is None
    assert session.phase == "new"


# -- closing --------------------------------------------------------------------------------------------------------


def test_a_closed_session_refuses_answers_and_says_why(holding):
    holding.start()
    holding.close("moved away")
    assert not holding.training
    assert holding.closed == "moved away"
    for action in (lambda: holding.label(0, 1), holding.undo, holding.redo, holding.start, holding.train):
        with pytest.raises(RuntimeError, match="moved away"):
            action()


def test_the_names_of_the_contract_are_there(make):
    names = "train start wait cancel retry queue label undo redo snapshot history labels results phase done resume open"
    session = make()
    assert [name for name in names.split() if not hasattr(session, name)] == []
    parameters = list(inspect.signature(uai.ActiveSession).parameters)
    assert parameters[:8] == ["ds", "base", "k", "budget", "query", "seed", "path", "config"]
    assert list(inspect.signature(uai.ActiveSession.resume).parameters) == ["path", "ds", "base", "query"]
