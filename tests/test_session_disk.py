"""Disks that are full, folders that cannot be written or are gone: what happens is said, and no label is lost."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest

import uai_notebook as uai
from uai_notebook.labels import JOURNAL_NAME, LabelStore

Session = uai.ActiveSession
posix = pytest.mark.skipif(os.name != "posix", reason="limits and users of POSIX")


@pytest.fixture
def room():
    """A function that lets files grow to so many bytes and no further: a disk on which little is left."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda n: resource.setrlimit(resource.RLIMIT_FSIZE, (before[0] if n is None else n, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


@posix
def test_a_disk_with_room_for_labels_only_costs_no_round_and_says_so(make, ds, tmp_path, room):
    session = make(path=tmp_path)
    session.train()
    assert session.save_problem == ""
    room((tmp_path / JOURNAL_NAME).stat().st_size + 4_000)
    session.label(session.queue, [1, 0, 0, 0, 0])
    snapshot = session.train()
    assert (snapshot.round, session.phase) == (1, "labeling")
    assert "no checkpoint was written" in session.save_problem
    assert "labels are saved" in session.save_problem
    room(None)
    session.label(session.queue[0], 0)
    session.train()
    assert session.save_problem == ""  # tried again
    session.close()
    again = Session.resume(tmp_path, ds)
    np.testing.assert_array_equal(again.snapshot.ranking_score, session.snapshot.ranking_score)


@posix
def test_a_disk_with_no_room_takes_no_label_and_the_session_goes_on_when_there_is_some(make, ds, tmp_path, room):
    session = make(path=tmp_path)
    session.train()
    first = int(session.queue[0])
    room((tmp_path / JOURNAL_NAME).stat().st_size + 20)  # a line is begun and cannot be finished
    for refused in (lambda: session.label(first, 1), lambda: session.note(first, "x")):
        with pytest.raises(OSError, match="NOT saved: File too large"):
            refused()
    assert (session.n_labels, session.notes) == (0, {})
    room(None)
    session.label(first, 0)
    session.close()
    assert Session.resume(tmp_path, ds).labels["index"].tolist() == [first]


def test_a_deleted_folder_does_not_come_back_and_nothing_counts(make, tmp_path):
    session = make(path=tmp_path / "run")
    snapshot = session.train()
    shutil.rmtree(tmp_path / "run")
    with pytest.raises(FileNotFoundError, match="NOT saved"):
        session.label(0, 1)
    with pytest.raises(RuntimeError, match="NOT saved"):
        session.train()
    assert (session.snapshot is snapshot, session.round, session.n_labels) == (True, 0, 0)
    session.close()
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("training", [False, True])
def test_open_begins_anew_where_the_folder_was_deleted(ds, tmp_path, config, numpy_learner, training):
    learner = numpy_learner(ds)
    older = Session.open(tmp_path / "run", ds, learner, k=5)
    older.train()
    if training:
        learner.hold.set()
        older.start()
    shutil.rmtree(tmp_path / "run")
    newer = Session.open(tmp_path / "run", ds, k=5, config=config)
    newer.label(0, 1)
    assert (older.closed != "", older.training, newer.n_labels) == (True, False, 1)


def test_the_cell_of_a_deleted_session_begins_anew(ds, tmp_path, config):
    older = Session.open(tmp_path / "run", ds, k=5, config=config)
    shutil.rmtree(tmp_path / "run")
    newer = Session.open(tmp_path / "run", ds, k=5, config=config)
    newer.label(0, 1)
    assert newer is not older
    assert len(LabelStore.open(tmp_path / "run", ds)) == 1


@posix
@pytest.mark.parametrize(("bytes_left", "words"), [(20, "the folder cannot be written"), (500, "no session could be")])
def test_a_full_disk_takes_no_new_session_says_so_and_keeps_nothing_of_it(make, tmp_path, room, bytes_left, words):
    room(bytes_left)
    with pytest.raises(OSError, match=f"{words}.*File too large"):
        make(path=tmp_path)
    assert list(tmp_path.iterdir()) == []
    room(None)
    make(path=tmp_path).label(0, 1)


def test_a_deleted_cache_is_written_again(make, ds, tmp_path):
    session = make(path=tmp_path)
    session.train()
    shutil.rmtree(tmp_path / "checkpoints")
    session.label(session.queue, 0)
    session.train()
    assert [file.name for file in (tmp_path / "checkpoints").iterdir()] == ["0000001.npz"]
    session.close()
    np.testing.assert_array_equal(Session.resume(tmp_path, ds).snapshot.base_score, session.snapshot.base_score)


READER = """
import logging, os, sys
import encodings.cp437  # of zip files
import numpy as np
import uai_notebook as uai
logging.basicConfig(level="WARNING")
ds = uai.Dataset.from_arrays(np.eye(8, 3))
path = sys.argv[1]
session = uai.ActiveSession(ds, k=2, config=uai.TrainConfig(hidden=(4, 2), pretrain_steps=2))
session.train()  # imports what is imported late
if os.getuid() == 0:  # who may write everywhere, and read Python where others may not
    os.seteuid(65534)
for how in (lambda: uai.ActiveSession.open(path, ds), lambda: uai.ActiveSession.open(path + "/new", ds, k=2)):
    try:
        how()
    except PermissionError as error:
        print(error)
session = uai.ActiveSession.open(path, ds, read_only=True)
print(session.n_labels, session.snapshot is not None)
try:
    session.label(1, 1)
except RuntimeError as error:
    print(error)
"""


@posix
def test_a_folder_that_cannot_be_written_can_be_looked_at(tmp_path):
    ds = uai.Dataset.from_arrays(np.eye(8, 3))
    config = uai.TrainConfig(hidden=(4, 2), pretrain_steps=2, round_steps=2)
    folder = Path(tempfile.mkdtemp())  # not in tmp_path, which another user may not enter
    try:
        session = Session(ds, path=folder / "s", k=2, config=config)
        session.label(0, 1)
        session.train()
        session.close()
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        raw = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        line = [sys.executable, "-W", "ignore", "-c", READER, str(folder / "s")]
        done = subprocess.run(line, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        there, new, state, refused = done.stdout.splitlines()
        assert "cannot be written (Permission denied)" in there
        assert "read_only=True" in there
        assert "ermission denied" in new
        assert state == "1 True", done.stderr
        assert "read_only=True: it takes no answers" in refused
        assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == raw
    finally:
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o755)
        shutil.rmtree(folder)


def test_an_answer_that_was_acknowledged_is_read_by_a_plain_store(make, ds, tmp_path):
    session = make(path=tmp_path, annotator="ann")
    session.label([1, 2], [1, 0])
    session.label(3, 1, annotator="bob")
    session.annotator = "cleo"
    session.label(4, 0)
    assert LabelStore.open(tmp_path, ds).frame()["annotator"].tolist() == ["ann", "ann", "bob", "cleo"]


@pytest.mark.parametrize("wrong", [7, None, b"ann"])
def test_an_annotator_is_a_name(make, tmp_path, wrong):
    with pytest.raises(TypeError, match="expected a name"):
        make(annotator=wrong)
    with pytest.raises(ValueError, match="at most 200"):
        make().label(0, 1, annotator="a" * 201)


def test_notes_are_kept_replaced_and_taken_away(make, ds, tmp_path):
    session = make(path=tmp_path)
    session.label(3, 1)
    for text in ("one", "<b>two</b>\n\ud800"):
        session.note(3, text)
    session.note(4, "gone soon")
    session.note(4, "")
    assert session.notes == {3: "<b>two</b>\n\ud800"}
    assert session.undo() == [3]  # a note is no undo step
    session.close()
    assert Session.resume(tmp_path, ds).notes == session.notes
    for wrong, error in ((7, TypeError), ("x" * 10_001, ValueError)):
        with pytest.raises(error):
            session.store.note(3, wrong)
    with pytest.raises(IndexError):
        make().note(99, "x")


def test_a_line_that_a_power_cut_tore_is_cut_off_and_the_model_is_there(make, ds, tmp_path):
    session = make(path=tmp_path)
    session.train()
    session.label(session.queue[:2], [1, 0])
    session.close()
    with (tmp_path / JOURNAL_NAME).open("ab") as file:
        file.write(b'{"op":"label","id":[1')
    again = Session.resume(tmp_path, ds)
    assert again.n_labels == 2
    np.testing.assert_array_equal(again.snapshot.base_score, session.snapshot.base_score)
