"""One process at a time has a session; everybody may look."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import uai_notebook as uai
from uai_notebook.labels import LabelStore
from uai_notebook.lock import LOCK_NAME, SessionLock

Session = uai.ActiveSession

OTHER = """
import os, sys
import numpy as np
import uai_notebook as uai
ds = uai.Dataset.from_arrays(np.eye(6, 3))
session = uai.ActiveSession.{how}(sys.argv[1], ds{options})
for line in sys.stdin:
    try:
        print(eval(line), flush=True)
    except Exception as error:
        print(f"{{type(error).__name__}}: {{error}}", flush=True)
"""


@pytest.fixture
def small() -> uai.Dataset:
    return uai.Dataset.from_arrays(np.eye(6, 3))


class Notebook:
    """Another process that has opened a session, and does what it is told."""

    def __init__(self, path: Path, how: str = "open", options: str = ", k=2") -> None:
        code = OTHER.format(how=how, options=options)
        self.process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", code, str(path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def says(self, expression: str) -> str:
        print(expression, file=self.process.stdin, flush=True)
        return self.process.stdout.readline().strip()

    def end(self, kill: bool = False) -> None:
        if kill:
            self.process.kill()
        self.process.communicate(timeout=60)


@pytest.fixture
def notebook():
    made: list[Notebook] = []

    def build(*args, **options) -> Notebook:
        made.append(Notebook(*args, **options))
        return made[-1]

    yield build
    for one in made:
        if one.process.poll() is None:
            one.end(kill=True)


def owner(path: Path) -> dict:
    return json.loads((path / LOCK_NAME).read_text())


def claim(path: Path, **changes) -> None:
    """A lock as another one would have written it."""
    lock = SessionLock.take(path)
    said = owner(path)
    lock.release()
    (path / LOCK_NAME).write_text(json.dumps({**said, "token": "another", "user": "ann", **changes}))


# -- two processes --------------------------------------------------------------------------------------------------


def test_a_session_that_another_notebook_has_is_refused_with_its_owner_and_the_ways_on(small, tmp_path, notebook):
    other = notebook(tmp_path)
    assert other.says("session.label(0, 1)") == "None"
    words = rf"open in another notebook: .* \(process {other.process.pid}, .*take_over=True.*read_only=True"
    for go_on in (Session.open, Session.resume):
        with pytest.raises(RuntimeError, match=words):
            go_on(tmp_path, small)
    assert other.says("session.label(1, 1)") == "None"
    other.end()


def test_a_notebook_that_ended_or_was_killed_leaves_its_session_to_the_next(small, tmp_path, notebook):
    for kill in (False, True, True):
        other = notebook(tmp_path)
        other.says("session.label(0, 1)")
        other.end(kill)
        assert (tmp_path / LOCK_NAME).exists() == kill
    assert Session.resume(tmp_path, small).n_labels == 1


def test_who_is_taken_over_is_told_at_the_next_answer_and_mixes_nothing_in(small, tmp_path, notebook):
    other = notebook(tmp_path)
    other.says("session.label(0, 1)")
    mine = Session.resume(tmp_path, small, take_over=True)
    mine.label(1, 0)
    refused = other.says("session.label(2, 1)")
    assert refused.startswith("RuntimeError: this was NOT saved: the session was opened by")
    assert other.says("session.n_labels") == "1"
    other.end()
    mine.label(3, 0)
    assert LabelStore.open(tmp_path, small).arrays()[0].tolist() == [0, 1, 3]
    assert owner(tmp_path)["pid"] == os.getpid()


def test_who_was_taken_over_can_open_it_again_in_the_way_the_message_says(small, tmp_path, notebook):
    mine = Session.open(tmp_path, small, k=2)
    mine.label(0, 1)
    other = notebook(tmp_path, options=", take_over=True")
    other.says("session.label(1, 1)")
    with pytest.raises(RuntimeError, match="open it here again with take_over=True"):
        mine.label(2, 1)
    with pytest.raises(RuntimeError, match=rf"open in another notebook: .* \(process {other.process.pid}"):
        Session.open(tmp_path, small, k=2)
    again = Session.open(tmp_path, small, k=2, take_over=True)
    again.label(2, 1)
    assert again.labels["index"].tolist() == [0, 1, 2]
    assert mine.closed
    assert other.says("session.label(3, 1)").startswith("RuntimeError: this was NOT saved")


def test_reading_only_needs_no_lock_disturbs_nobody_and_writes_nothing(small, tmp_path, notebook):
    other = notebook(tmp_path)
    other.says("session.label(0, 1)")
    files = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    mine = Session.open(tmp_path, small, read_only=True)
    assert (mine.n_labels, mine.read_only) == (1, True)
    for refused in (
        lambda: mine.label(1, 1),
        mine.undo,
        lambda: mine.note(0, "x"),
        mine.train,
        lambda: setattr(mine, "budget", 4),
    ):
        with pytest.raises(RuntimeError, match="opened with read_only=True: it takes no answers"):
            refused()
    mine.refill()
    mine.show(0)
    assert {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()} == files
    assert other.says("session.label(1, 1)") == "None"
    other.end()


def test_a_writer_in_the_same_process_is_not_closed_by_a_reader(small, tmp_path):
    session = Session.open(tmp_path, small, k=2)
    session.label(0, 1)
    reader = Session.resume(tmp_path, small, read_only=True)
    session.label(1, 1)
    assert (reader.n_labels, session.n_labels) == (1, 2)
    assert Session.open(tmp_path, small) is session


def test_a_reader_does_not_change_the_model_of_the_session_that_is_open(make, ds, tmp_path, distance_model):
    model = distance_model()
    session = make(path=tmp_path, base=model)
    session.train()
    for look in (Session.open, Session.resume):
        with pytest.raises(ValueError, match="DistanceModel is the model of the session that is open: give another"):
            look(tmp_path, ds, base=model, read_only=True)
    reader = Session.resume(tmp_path, ds, base=distance_model(), read_only=True)
    np.testing.assert_array_equal(reader.snapshot.base_score, session.snapshot.base_score)


def test_reading_only_passes_over_a_line_that_is_being_written(small, tmp_path):
    session = Session.open(tmp_path, small, k=2)
    session.label(0, 1)
    file = tmp_path / "labels.jsonl"
    raw = file.read_bytes()
    file.write_bytes(raw + b'{"op":"lab')
    assert Session.open(tmp_path, small, read_only=True).n_labels == 1
    assert file.read_bytes() == raw + b'{"op":"lab'


def test_reading_only_where_there_is_no_session_makes_none(small, tmp_path):
    with pytest.raises(FileNotFoundError):
        Session.open(tmp_path / "none", small, read_only=True)
    assert not (tmp_path / "none").exists()


def test_a_model_whose_checkpoints_are_gone_can_be_made_again_by_a_reader(make, ds, tmp_path):
    session = make(path=tmp_path)
    session.train()
    for file in (tmp_path / "checkpoints").iterdir():
        file.unlink()
    reader = Session.resume(tmp_path, ds, read_only=True)
    np.testing.assert_array_equal(reader.train().base_score, session.snapshot.base_score)
    assert list((tmp_path / "checkpoints").iterdir()) == []
    with pytest.raises(RuntimeError, match="read_only=True"):
        reader.train()


def test_a_line_of_a_program_that_knows_no_lock_is_noticed(small, tmp_path):
    session = Session.open(tmp_path, small, k=2)
    LabelStore.open(tmp_path, small).add([3], [1])
    with pytest.raises(RuntimeError, match=r"NOT saved: another program has written in .*Open the session again"):
        session.label(0, 1)
    again = Session.open(tmp_path, small, k=2)
    again.label(0, 1)
    assert (again is session, again.labels["index"].tolist()) == (False, [3, 0])


# -- the file -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "gone"),
    [
        ({"pid": 2**22 + 5}, True),  # no such process
        ({"pid": 1, "started": "another time"}, True),  # its number was given to another process
        ({"pid": 1}, None),
        ({"boot": "before"}, False),  # written since this computer was started: by another one of the same name
        ({"host": "elsewhere"}, False),
        ({"processes": "another container"}, False),
    ],
    ids=str,
)
def test_only_a_process_that_is_certainly_gone_is_taken_over_silently(tmp_path, changes, gone):
    if gone is None:
        stat = Path("/proc/1/stat")
        if not stat.exists():
            pytest.skip("no /proc")
        changes, gone = {**changes, "started": stat.read_text().rpartition(")")[2].split()[19]}, False
    claim(tmp_path, **changes)
    if not gone:
        with pytest.raises(RuntimeError, match="another notebook: ann on"):
            SessionLock.take(tmp_path)
    lock = SessionLock.take(tmp_path, take_over=not gone)
    lock.check()
    lock.release()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(5, "last used just now"), (600, "last used 10 minutes ago."), (3 * 86400, "last used 3 days ago, probably gone")],
)
def test_the_message_says_when_there_was_a_sign_of_life(tmp_path, seconds, words):
    claim(tmp_path, host="elsewhere")
    then = (tmp_path / LOCK_NAME).stat().st_mtime - seconds
    os.utime(tmp_path / LOCK_NAME, (then, then))
    with pytest.raises(RuntimeError, match=words):
        SessionLock.take(tmp_path)


def test_a_clock_that_jumped_back_is_no_age(tmp_path):
    claim(tmp_path, host="elsewhere")
    os.utime(tmp_path / LOCK_NAME, (2**32, 2**32))
    with pytest.raises(RuntimeError, match="last used just now"):
        SessionLock.take(tmp_path)


def grow_old(folder, seconds):
    then = (folder / LOCK_NAME).stat().st_mtime - seconds
    os.utime(folder / LOCK_NAME, (then, then))


@pytest.mark.skipif(not Path("/proc/uptime").exists(), reason="no /proc")
def test_a_lock_from_before_this_computer_was_started_is_taken_over(tmp_path):
    claim(tmp_path, boot="before")
    grow_old(tmp_path, float(Path("/proc/uptime").read_text().split()[0]) + 60)
    SessionLock.take(tmp_path).release()


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc")
def test_a_killed_process_that_nobody_has_asked_after_holds_nothing(tmp_path):
    line = "import sys; from uai_notebook.lock import SessionLock; SessionLock.take(sys.argv[1]); print(1, flush=True)"
    child = subprocess.Popen(
        [sys.executable, "-c", line + "; sys.stdin.read()", str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdout.read(1) == b"1"
    with pytest.raises(RuntimeError, match="another notebook"):
        SessionLock.take(tmp_path)
    child.kill()
    state = Path(f"/proc/{child.pid}/stat")
    while state.read_text().rpartition(")")[2].split()[0] != "Z":
        time.sleep(0.01)
    SessionLock.take(tmp_path).release()
    child.communicate()


def test_a_lock_that_came_after_the_look_is_not_set_aside(tmp_path):
    claim(tmp_path, pid=2**22 + 5)
    late = SessionLock(tmp_path)
    dead = late._owner()
    SessionLock.take(tmp_path)  # another one was faster
    winner = owner(tmp_path)
    late._set_aside(dead)
    assert owner(tmp_path) == winner
    assert [path.name for path in tmp_path.iterdir()] == [LOCK_NAME]


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe", b"[" * 9000, b"7"])
def test_a_lock_that_cannot_be_read_is_nobodys_once_it_is_not_being_written_any_more(tmp_path, content):
    (tmp_path / LOCK_NAME).write_bytes(content)
    with pytest.raises(RuntimeError, match="being opened by another process: try again"):
        SessionLock.take(tmp_path)
    grow_old(tmp_path, 60)
    lock = SessionLock.take(tmp_path)
    lock.check()
    lock.release()
    assert not (tmp_path / LOCK_NAME).exists()


def test_one_process_may_take_it_twice_and_the_last_to_leave_removes_it(tmp_path):
    first, second = SessionLock.take(tmp_path), SessionLock.take(tmp_path)
    first.release()
    second.check()
    assert (tmp_path / LOCK_NAME).exists()
    second.release()
    assert not (tmp_path / LOCK_NAME).exists()


def test_a_lock_that_was_deleted_by_hand_is_made_again(tmp_path):
    lock = SessionLock.take(tmp_path)
    (tmp_path / LOCK_NAME).unlink()
    lock.check()
    assert owner(tmp_path)["pid"] == os.getpid()
    lock.release()


def test_a_release_leaves_the_lock_of_who_took_over(tmp_path):
    lock = SessionLock.take(tmp_path)
    said = {**owner(tmp_path), "token": "another"}
    (tmp_path / LOCK_NAME).write_text(json.dumps(said))
    lock.release()
    assert owner(tmp_path) == said


def test_a_disk_without_hard_links_has_locks_too(tmp_path, monkeypatch):
    def no_links(*_):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", no_links)
    lock = SessionLock.take(tmp_path)
    lock.check()
    assert [file.name for file in tmp_path.iterdir()] == [LOCK_NAME]
    claimed = {**owner(tmp_path), "host": "elsewhere", "token": "another"}
    (tmp_path / LOCK_NAME).write_text(json.dumps(claimed))
    with pytest.raises(RuntimeError, match="open in another notebook"):
        SessionLock.take(tmp_path)
    lock.release()


def test_names_in_a_lock_are_shown_cut(tmp_path):
    claim(tmp_path, host="h" * 5000, user=["<b>"])
    with pytest.raises(RuntimeError) as caught:
        SessionLock.take(tmp_path)
    assert len(str(caught.value)) < 800


def test_closing_a_session_lets_others_have_it(make, tmp_path):
    session = make(path=tmp_path)
    assert (tmp_path / LOCK_NAME).exists()
    session.close()
    assert not (tmp_path / LOCK_NAME).exists()


def test_a_failing_open_leaves_no_lock(make, ds, tmp_path):
    make(path=tmp_path).close()
    for wrong in ({"base": "class"}, {"seed": 9}):
        with pytest.raises(ValueError):
            Session.open(tmp_path, ds, **wrong)
    assert not (tmp_path / LOCK_NAME).exists()
    other = uai.Dataset.from_arrays(ds.x + 1)
    with pytest.raises(ValueError, match="other data"):
        Session.resume(tmp_path, other)
    assert not (tmp_path / LOCK_NAME).exists()
