"""The journal file: what is acknowledged is on disk, and a damaged file is told apart from a torn one."""

from __future__ import annotations

import errno
import json
import os
import shutil

import pytest

from uai_notebook.journal import FORMAT, Journal


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run" / "labels.jsonl"


def test_a_new_journal_has_one_line_with_the_format_and_no_temporary_file_beside_it(path):
    Journal.create(path, {"dataset": "a"})
    assert [json.loads(line) for line in path.read_text().splitlines()] == [{"format": FORMAT, "dataset": "a"}]
    assert [file.name for file in path.parent.iterdir()] == ["labels.jsonl"]


def test_events_come_back_in_order(path):
    journal = Journal.create(path, {})
    for i in range(5):
        journal.append({"op": "label", "i": i, "text": "ä\n"})
    again, events = Journal.open(path)
    assert [event["i"] for event in events] == [0, 1, 2, 3, 4]
    assert events[0]["text"] == "ä\n"
    assert again.header == {"format": FORMAT}


def test_a_line_is_on_disk_when_append_returns(path, monkeypatch):
    journal = Journal.create(path, {})
    synced = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (synced.append(os.fstat(file).st_size), real(file)))
    journal.append({"op": "x"})
    assert synced == [path.stat().st_size]


def test_there_is_no_journal_in_an_empty_folder_and_opening_it_says_what_to_do(path):
    assert not Journal.exists(path)
    with pytest.raises(FileNotFoundError, match=r"no label journal at .*start a new session there, or check the path"):
        Journal.open(path)


@pytest.mark.parametrize("content", [b"", b'{"format": 1, "data'])
def test_a_torn_header_counts_as_no_journal(path, content):
    path.parent.mkdir()
    path.write_bytes(content)
    assert not Journal.exists(path)
    with pytest.raises(FileNotFoundError):
        Journal.open(path)


def test_a_torn_last_line_is_cut_off_and_the_rest_is_intact(path):
    journal = Journal.create(path, {})
    journal.append({"i": 1})
    whole = path.read_bytes()
    for cut in (b"{", b'{"i":2', b'{"i":2,"l":[{}'):
        path.write_bytes(whole + cut)
        journal, events = Journal.open(path)
        assert events == [{"i": 1}]
        assert path.read_bytes() == whole
    journal.append({"i": 3})
    assert Journal.open(path)[1] == [{"i": 1}, {"i": 3}]


@pytest.mark.parametrize("read_only", [True, False])
def test_a_last_line_that_lacks_only_its_newline_counts(path, read_only):
    journal = Journal.create(path, {})
    journal.append({"i": 1})
    journal.append({"i": 2})
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])  # as an editor leaves it
    again, events = Journal.open(path, read_only)
    assert events == [{"i": 1}, {"i": 2}]
    assert again.digest == journal.digest
    assert path.read_bytes() == (whole[:-1] if read_only else whole)


def test_a_file_that_is_no_journal_is_kept_when_one_is_made_in_its_place(path):
    path.parent.mkdir()
    for content in (b'{"format":2}\r{"op":"label"}\r', b"something else"):
        path.write_bytes(content)
        Journal.create(path, {})
    assert Journal.open(path)[1] == []
    kept = sorted(file.name for file in path.parent.iterdir())
    assert kept == ["labels.jsonl", "labels.jsonl.broken-1", "labels.jsonl.broken-2"]
    assert (path.parent / kept[1]).read_bytes() == b'{"format":2}\r{"op":"label"}\r'


def test_no_link_leads_out_of_the_folder(path, tmp_path):
    other = tmp_path / "other.jsonl"
    journal = Journal.create(path, {})
    other.write_bytes(path.read_bytes())
    before = other.read_bytes()
    path.unlink()
    path.symlink_to(other)
    with pytest.raises(ValueError, match="is a link: a session's labels are in its own folder"):
        Journal.open(path)
    with pytest.raises(OSError, match="this was NOT saved"):
        journal.append({"i": 1})
    path.unlink()
    path.with_name(f"{path.name}.{os.getpid()}.tmp").symlink_to(other)
    Journal.create(path, {})
    assert not path.is_symlink()
    assert other.read_bytes() == before


@pytest.mark.parametrize("line", [b"{broken", b"", b"[1]", b"7", b"\xff\xfe"])
def test_a_corrupt_line_in_the_middle_is_an_error_that_names_line_file_and_way_out(path, line):
    journal = Journal.create(path, {})
    journal.append({"i": 1})
    path.write_bytes(path.read_bytes() + line + b'\n{"i":2}\n')
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"line 3 of .*labels.jsonl is not a valid journal line.*keep a copy"):
        Journal.open(path)
    assert path.read_bytes() == before


def test_a_journal_of_a_newer_format_is_refused(path):
    Journal.create(path, {})
    path.write_text('{"format": 99}\n')
    with pytest.raises(ValueError, match=r"format 99; this version reads format 2 and older\. Update uai_notebook"):
        Journal.open(path)


def test_values_that_json_has_not_are_refused_before_the_file_is_touched(path):
    journal = Journal.create(path, {})
    before = path.read_bytes()
    for event in ({"x": float("nan")}, {"x": object()}):
        with pytest.raises((ValueError, TypeError)):
            journal.append(event)
    assert path.read_bytes() == before


def full_disk(allow: int):
    """os.write of a disk that takes ``allow`` more bytes."""
    real, left = os.write, [allow]

    def write(file, data):
        part = bytes(data)[: left[0]]
        if not part:
            raise OSError(errno.ENOSPC, "No space left on device")
        left[0] -= len(part)
        return real(file, part)

    return write


def test_a_full_disk_leaves_the_file_as_it_was_and_says_that_nothing_was_saved(path, monkeypatch):
    journal = Journal.create(path, {})
    journal.append({"i": 1})
    before = path.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full_disk(7))
        with pytest.raises(OSError, match="NOT saved: No space left on device") as caught:
            journal.append({"i": 2})
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.filename == str(path)
    assert path.read_bytes() == before
    journal.append({"i": 3})
    assert Journal.open(path)[1] == [{"i": 1}, {"i": 3}]


def test_a_write_in_several_parts_makes_one_whole_line(path, monkeypatch):
    journal = Journal.create(path, {})
    real = os.write
    monkeypatch.setattr(os, "write", lambda file, data: real(file, bytes(data)[:3]))
    journal.append({"text": "a long enough line"})
    assert Journal.open(path)[1] == [{"text": "a long enough line"}]


@pytest.mark.parametrize("error", [OSError(errno.EIO, "Input/output error"), OSError("no number")])
def test_a_failing_fsync_takes_the_line_out_again(path, monkeypatch, error):
    journal = Journal.create(path, {})
    before = path.read_bytes()

    def fail(file):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="NOT saved"):
            journal.append({"i": 1})
    assert path.read_bytes() == before


@pytest.mark.parametrize("call", ["write", "fsync"])
def test_an_interrupt_while_a_line_is_written_takes_the_line_out_again(path, monkeypatch, call):
    journal = Journal.create(path, {})
    before = path.read_bytes()
    real = getattr(os, call)

    def interrupted(*args):
        real(*args)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, call, interrupted)
        with pytest.raises(KeyboardInterrupt):
            journal.append({"i": 1})
    assert path.read_bytes() == before


def test_a_deleted_folder_is_noticed_and_not_written_into(path):
    journal = Journal.create(path, {})
    shutil.rmtree(path.parent)
    with pytest.raises(FileNotFoundError, match="NOT saved"):
        journal.append({"i": 1})
    assert not path.exists()


def test_a_failing_header_leaves_no_file(path, monkeypatch):
    def fail(file):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        Journal.create(path, {})
    assert list(path.parent.iterdir()) == []


def test_a_corrupt_header_does_not_advise_to_delete_the_header(path):
    Journal.create(path, {}).append({"i": 1})
    path.write_bytes(b"{broken\n" + path.read_bytes().split(b"\n", 1)[1])
    with pytest.raises(ValueError, match="line 1 of") as caught:
        Journal.open(path)
    assert "delete that line" not in str(caught.value)
