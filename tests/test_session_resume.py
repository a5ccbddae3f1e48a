"""Sessions in a folder: starting, going on, refusing what does not fit, and a disk that fails."""

from __future__ import annotations

import errno
import gc
import os
import shutil

import numpy as np
import pandas as pd
import pytest

import uai_notebook as uai
from uai_notebook.labels import JOURNAL_NAME, LabelStore

Session = uai.ActiveSession


def first(snapshot, unlabeled, k, rng):
    """A query function: in the order of the data."""
    return unlabeled[:k]


def test_resume_brings_back_labels_settings_and_round(make, ds, tmp_path, config):
    session = make(path=tmp_path, budget=20, query="random", seed=3, base="class")
    session.label([70, 71], [1, 0])
    session.train()
    session.label(session.queue, [1, 0, -1, 0, 0], annotator="me")
    session.train()
    session.undo()
    session.redo()
    again = Session.resume(tmp_path, ds)
    pd.testing.assert_frame_equal(again.labels, session.labels)
    assert (again.k, again.budget, again.seed, again.config) == (5, 20, 3, config)
    assert again.settings == session.settings
    assert (again.round, again.n_asked, again.phase) == (1, 5, "labeling")
    assert (again.snapshot.round, again.snapshot.n_labels) == (1, 6)
    assert again.snapshot.uai_logit is not None
    assert again.train().round == 2


def test_the_calls_of_the_paper_are_counted_across_restarts(make, ds, tmp_path):
    session = make(path=tmp_path, k=1)
    for _ in range(4):
        session.train()
        session.label(session.queue, 0)
    session = Session.resume(tmp_path, ds)
    assert session.ranked_by == "ranked by base score (round 4 of 10)"
    session.train()
    assert session.ranked_by == "ranked by base score (round 5 of 10)"


def test_what_is_undone_after_a_resume_and_answered_again_spends_budget_again(make, ds, tmp_path):
    session = make(path=tmp_path, budget=10)
    session.train()
    i = session.queue[0]
    session.label(i, 1)
    again = Session.resume(tmp_path, ds)
    assert again.undo() == [i]
    again.label(i, 0)
    assert again.labels["asked"].tolist() == [True]
    assert again.n_asked == 1


def test_what_is_undone_after_a_resume_is_asked_again(make, ds, tmp_path):
    session = make(path=tmp_path)
    session.train()
    before = session.queue.tolist()
    session.label(before[0], 1)
    again = Session.resume(tmp_path, ds)
    assert again.queue.tolist() == before[1:]
    again.undo()
    assert again.queue.tolist() == before


def test_every_answer_is_in_the_journal_when_label_returns(make, ds, tmp_path):
    session = make(path=tmp_path)
    for i in range(5):
        session.label(i, i % 2)
        assert LabelStore.open(tmp_path, ds).get(i).label == i % 2
    session.undo()
    assert LabelStore.open(tmp_path, ds).get(4) is None


def test_the_constructor_on_an_existing_session_names_open_and_resume(make, tmp_path):
    make(path=tmp_path)
    with pytest.raises(FileExistsError, match=r"ActiveSession\.open\(.*ActiveSession\.resume\("):
        make(path=tmp_path)


def test_a_wrong_argument_leaves_no_folder_behind(make, tmp_path):
    for bad in ({"base": "vae"}, {"k": 0}, {"query": "entropy"}):
        with pytest.raises(ValueError):
            make(path=tmp_path / "run", **bad)
    assert not (tmp_path / "run").exists()


def test_resume_without_a_session_is_file_not_found(ds, tmp_path):
    with pytest.raises(FileNotFoundError):
        Session.resume(tmp_path / "nothing", ds)
    (tmp_path / JOURNAL_NAME).write_text('{"format"')
    with pytest.raises(FileNotFoundError):
        Session.resume(tmp_path, ds)


def test_a_torn_header_counts_as_no_session_for_open_and_the_constructor(make, ds, tmp_path, config):
    for start in (lambda: make(path=tmp_path), lambda: Session.open(tmp_path, ds, k=5, config=config)):
        (tmp_path / JOURNAL_NAME).write_text('{"format"')
        start().label(3, 1)
        assert Session.resume(tmp_path, ds).n_labels == 1


def test_a_journal_of_other_data_is_refused(make, tmp_path, ds):
    make(path=tmp_path)
    other = uai.Dataset.from_arrays(ds.x + 1, name="other")
    for go_on in (Session.resume, Session.open):
        with pytest.raises(ValueError, match="holds labels of other data: 'tiny'"):
            go_on(tmp_path, other)


def test_a_corrupt_line_is_named(make, tmp_path, ds):
    session = make(path=tmp_path)
    session.label(3, 1)
    with (tmp_path / JOURNAL_NAME).open("a") as file:
        file.write("{broken\n")
    with pytest.raises(ValueError, match="line 3 of"):
        Session.resume(tmp_path, ds)


def test_a_grown_dataset_goes_on(make, tmp_path, ds):
    x = np.array(ds.x)
    session = make(ds=uai.Dataset.from_arrays(x), path=tmp_path)
    session.label([0, 79], [1, 0])
    grown = uai.Dataset.from_arrays(np.r_[x[::-1], x[:5] + 100])
    again = Session.resume(tmp_path, grown)
    assert again.labels[["index", "label"]].to_numpy().tolist() == [[79, 1], [0, 0]]
    assert len(again.train()) == 85


# -- bases and rules of the user's own ------------------------------------------------------------------------------


@pytest.mark.parametrize("base", ["class", "vae"])
def test_another_base_is_refused_in_words(make, ds, tmp_path, base):
    make(path=tmp_path)
    for go_on in (Session.resume, Session.open):
        with pytest.raises(ValueError, match=f"the saved session has base='dae', and base='{base}' was given"):
            go_on(tmp_path, ds, base=base)


def test_a_base_of_the_users_own_must_be_given_again(make, ds, tmp_path, distance_model):
    make(path=tmp_path, base=distance_model())
    with pytest.raises(ValueError, match="base='DistanceModel', and no base was given: give the same one again"):
        Session.resume(tmp_path, ds)
    with pytest.raises(ValueError, match="base='DistanceModel', and base='dae' was given"):
        Session.open(tmp_path, ds)
    assert Session.resume(tmp_path, ds, base=distance_model()).train() is not None


def test_a_base_of_other_shapes_is_refused(make, ds, tmp_path, distance_model):
    make(path=tmp_path, base=distance_model(5, 2))
    with pytest.raises(ValueError, match="DistanceModel"):
        Session.resume(tmp_path, ds, base=distance_model(5, 3))


def test_a_learner_of_the_users_own_is_given_again(make, ds, tmp_path, numpy_learner):
    make(path=tmp_path, base=numpy_learner(ds)).label(3, 1)
    with pytest.raises(ValueError, match="base='NumpyLearner', and no base was given"):
        Session.resume(tmp_path, ds)
    assert Session.resume(tmp_path, ds, base=numpy_learner(ds)).train().n_labels == 1


def test_a_query_function_must_be_given_again(make, ds, tmp_path):
    make(path=tmp_path, query=first)
    with pytest.raises(ValueError, match="has the query function 'first': give it again, query="):
        Session.resume(tmp_path, ds)
    assert Session.resume(tmp_path, ds, query=first).query is first


def test_a_query_function_with_the_name_of_a_rule_is_still_a_function(make, ds, tmp_path):
    def random(snapshot, unlabeled, k, rng):
        return unlabeled[:k]

    make(path=tmp_path, query=random)
    with pytest.raises(ValueError, match="query function 'random'"):
        Session.resume(tmp_path, ds)


def test_open_of_a_journal_without_session_settings_is_said_in_words(ds, tmp_path):
    LabelStore.create(tmp_path, ds).add([0], [1])
    with pytest.raises(ValueError, match=r"no session settings: use ActiveSession.open"):
        Session.resume(tmp_path, ds)
    session = Session.open(tmp_path, ds, k=4)
    assert (session.n_labels, session.k) == (1, 4)
    assert Session.resume(tmp_path, ds).k == 4


# -- open -----------------------------------------------------------------------------------------------------------


def test_open_starts_a_session_and_goes_on_with_it_in_another_process(ds, tmp_path, config):
    session = Session.open(tmp_path, ds, k=5, config=config, seed=2)
    session.label(3, 1)
    path = session.path
    del session
    gc.collect()
    again = Session.open(path, ds, k=7, budget=50)
    assert (again.n_labels, again.seed, again.config) == (1, 2, config)
    assert (again.k, again.budget) == (7, 50)


def test_open_returns_the_session_that_is_open_trained_model_and_all(ds, tmp_path, config):
    session = Session.open(tmp_path, ds, k=5, config=config)
    session.train()
    same_data = uai.Dataset.from_arrays(ds.x, x_y=ds.x_y, name="tiny")
    again = Session.open(tmp_path, same_data, k=6, budget=60, query="paper", config=config)
    assert again is session
    assert (again.k, again.budget, again.query) == (6, 60, uai.query.RULES["paper"])


@pytest.mark.parametrize("change", [{"seed": 9}, {"config": uai.TrainConfig(lr=0.5)}])
def test_open_refuses_another_seed_or_config(make, ds, tmp_path, change):
    make(path=tmp_path)
    (name,) = change
    with pytest.raises(ValueError, match=f"holds a session with {name}="):
        Session.open(tmp_path, ds, **change)


def test_open_gives_the_same_settings_in_the_same_process_as_in_a_new_one(ds, tmp_path, config):
    session = Session.open(tmp_path, ds, k=5, budget=20, config=config)
    here = Session.open(tmp_path, ds)
    assert here is session
    settings = here.k, here.budget
    session.close()
    fresh = Session.open(tmp_path, ds)
    assert (fresh.k, fresh.budget) == settings


def test_resuming_closes_the_older_session_of_this_process(make, ds, tmp_path):
    older = make(path=tmp_path)
    newer = Session.resume(tmp_path, ds)
    with pytest.raises(RuntimeError, match="This session was opened again below: label there"):
        older.label(0, 1)
    newer.label(0, 1)
    assert newer.n_labels == 1


def test_reopening_while_a_training_runs_stops_it_first(ds, tmp_path, make, numpy_learner):
    older = make(path=tmp_path, base=numpy_learner(ds))
    older.train()
    older.learner.hold.set()
    older.start()
    newer = Session.resume(tmp_path, ds, base=numpy_learner(ds))
    assert not older.training
    assert older.round == newer.round == 0


def test_a_model_that_is_given_again_while_it_trains_is_restored_when_it_has_stopped(ds, tmp_path, make, numpy_learner):
    learner = numpy_learner(ds)
    older = make(path=tmp_path, base=learner)
    older.train()
    learner.hold.set()
    older.start()
    evaluate, training = learner.evaluate, []
    learner.evaluate = lambda: (training.append(older.training), evaluate())[1]
    newer = Session.open(tmp_path, ds, learner, k=5)
    assert training == [False]
    np.testing.assert_array_equal(newer.snapshot.base_score, older.snapshot.base_score)


@pytest.mark.parametrize("wrong", [{"base": "class"}, {"seed": 9}, {"k": 0}, {"query": "entropy"}, {"nonsense": 1}])
def test_a_failing_open_leaves_the_older_session_as_it_was(make, ds, tmp_path, wrong):
    older = make(path=tmp_path)
    with pytest.raises((ValueError, TypeError)):
        Session.open(tmp_path, ds, **wrong)
    older.label(0, 1)
    assert older.k == 5


def test_a_failing_resume_leaves_the_older_session_as_it_was(make, ds, tmp_path):
    older = make(path=tmp_path)
    with pytest.raises(ValueError):
        Session.resume(tmp_path, ds, base="class")
    older.label(0, 1)


def test_a_raised_budget_survives_a_restart(make, ds, tmp_path):
    session = make(path=tmp_path, budget=10)
    session.budget = 20
    assert Session.resume(tmp_path, ds).budget == 20


# -- a disk that fails ----------------------------------------------------------------------------------------------


@pytest.fixture
def full(monkeypatch):
    """A function that fills the disk, after a partial write, until the test ends or it is called again."""
    real, state = os.write, {"full": False}

    def write(file, data):
        if not state["full"]:
            return real(file, data)
        part = bytes(data)[:9]
        if len(part) == len(data) or state.pop("part", None):
            raise OSError(errno.ENOSPC, "No space left on device")
        state["part"] = True
        return real(file, part)

    monkeypatch.setattr(os, "write", write)
    return lambda on=True: state.update(full=on)


def test_a_full_disk_counts_nothing_and_says_so(make, ds, tmp_path, full):
    session = make(path=tmp_path)
    session.train()
    session.label(session.queue[:2], [1, 0])
    before, queue, raw = session.labels, session.queue.tolist(), (tmp_path / JOURNAL_NAME).read_bytes()
    full()
    for action in (lambda: session.label(queue[0], 1), session.undo):
        with pytest.raises(OSError, match="NOT saved: No space left on device"):
            action()
    pd.testing.assert_frame_equal(session.labels, before)
    assert session.queue.tolist() == queue
    assert (tmp_path / JOURNAL_NAME).read_bytes() == raw
    full(False)
    session.label(queue[0], 1)
    pd.testing.assert_frame_equal(Session.resume(tmp_path, ds).labels, session.labels)


def test_a_round_that_cannot_be_journaled_fails_and_is_not_counted(make, ds, tmp_path, full):
    session = make(path=tmp_path)
    snapshot = session.train()
    session.label(session.queue, [1, 0, 0, 0, 0])
    full()
    with pytest.raises(RuntimeError, match="No space left"):
        session.train()
    assert (session.round, session.snapshot is snapshot, session.phase) == (0, True, "failed")
    full(False)
    assert session.train().round == 1
    assert Session.resume(tmp_path, ds).round == 1


def test_an_interrupt_while_an_answer_is_saved_leaves_file_and_memory_alike(make, ds, tmp_path, monkeypatch):
    session = make(path=tmp_path)
    session.label(0, 1)

    def interrupted(file):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", interrupted)
        with pytest.raises(KeyboardInterrupt):
            session.label(1, 1)
    session.undo()
    assert LabelStore.open(tmp_path, ds).current.keys() == session.store.current.keys()


def test_a_folder_that_was_deleted_is_an_error_and_counts_nothing(make, tmp_path):
    session = make(path=tmp_path / "run")
    shutil.rmtree(tmp_path / "run")
    with pytest.raises(FileNotFoundError, match="NOT saved"):
        session.label(3, 1)
    assert session.n_labels == 0
    assert not (tmp_path / "run").exists()


def test_a_session_started_anew_in_its_deleted_folder_does_not_get_the_answers_of_the_old_one(make, ds, tmp_path):
    older = make(path=tmp_path / "run")
    shutil.rmtree(tmp_path / "run")
    newer = make(path=tmp_path / "run")
    with pytest.raises((RuntimeError, OSError)):
        older.label(0, 1)
    assert len(LabelStore.open(tmp_path / "run", ds)) == newer.n_labels == 0
