"""The cache and the downloader, against a server on this machine."""

from __future__ import annotations

import errno
import hashlib
from pathlib import Path

import pooch
import pytest

from uai_notebook.datasets import download
from uai_notebook.datasets.download import RemoteFile, fetch, is_cached, is_writable

CONTENT = b"sixteen bytes!!!" * 4
MD5 = "md5:" + hashlib.md5(CONTENT).hexdigest()

pytestmark = pytest.mark.usefixtures("own_cache")


def read_only(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let `folder` count as read-only; tests may run as root, to whom every folder is writable."""
    monkeypatch.setattr(download, "is_writable", lambda path: path != folder)


def put(folder: Path, content: bytes = CONTENT) -> Path:
    path = folder / "set" / "a.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def files_in(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())


def test_a_missing_file_is_downloaded_once_into_the_users_cache(server, own_cache):
    server.answers["/a.gz"] = CONTENT
    file = RemoteFile("set/a.gz", MD5, (server.url("/a.gz"),))
    assert not is_cached(file)
    assert fetch(file) == own_cache / "set" / "a.gz"
    assert fetch(file).read_bytes() == CONTENT
    assert server.asked == ["/a.gz"]
    assert is_cached(file)
    assert files_in(own_cache) == ["set/a.gz"]


def test_a_missing_file_is_downloaded_into_the_given_folder_where_it_can_be_written(server, given, own_cache):
    server.answers["/a.gz"] = CONTENT
    assert fetch(RemoteFile("set/a.gz", MD5, (server.url("/a.gz"),))) == given / "set" / "a.gz"
    assert not own_cache.exists()


def test_a_given_folder_that_does_not_exist_yet_is_made(server, tmp_path, monkeypatch):
    monkeypatch.setenv("UAI_NOTEBOOK_DATA", str(tmp_path / "new" / "deep"))
    server.answers["/a.gz"] = CONTENT
    assert fetch(RemoteFile("a.gz", MD5, (server.url("/a.gz"),))) == tmp_path / "new" / "deep" / "a.gz"


def test_a_download_goes_to_the_users_cache_where_the_given_folder_is_read_only(server, given, own_cache, monkeypatch):
    read_only(monkeypatch, given)
    server.answers["/a.gz"] = CONTENT
    assert fetch(RemoteFile("set/a.gz", MD5, (server.url("/a.gz"),))) == own_cache / "set" / "a.gz"
    assert files_in(given) == []


def test_a_filled_read_only_folder_is_used_without_network_or_writing(given, own_cache, monkeypatch):
    read_only(monkeypatch, given)
    path = put(given)
    assert fetch(RemoteFile("set/a.gz", MD5, ("http://127.0.0.1:9/a.gz",))) == path
    assert files_in(given) == ["set/a.gz"]
    assert not own_cache.exists()


def test_the_next_mirror_is_tried_when_one_fails(server):
    server.answers |= {"/down": 503, "/a.gz": CONTENT}
    path = fetch(RemoteFile("a.gz", MD5, (server.url("/down"), server.url("/a.gz"))))
    assert path.read_bytes() == CONTENT
    assert server.asked == ["/down", "/a.gz"]


def test_a_passing_failure_is_tried_again(server):
    server.answers["/a.gz"] = [503, CONTENT]
    assert fetch(RemoteFile("a.gz", MD5, (server.url("/a.gz"),))).read_bytes() == CONTENT


def test_the_next_mirror_is_tried_when_one_sends_another_file(server):
    server.answers |= {"/portal": b"<html>please log in</html>", "/a.gz": CONTENT}
    assert fetch(RemoteFile("a.gz", MD5, (server.url("/portal"), server.url("/a.gz")))).read_bytes() == CONTENT


def test_a_wrong_checksum_is_an_error_and_leaves_nothing_in_the_cache(server, own_cache):
    server.answers["/a.gz"] = b"something else"
    with pytest.raises(OSError, match=r"cannot download a.gz(.|\n)*does not have the checksum md5:") as caught:
        fetch(RemoteFile("a.gz", MD5, (server.url("/a.gz"),)))
    assert not isinstance(caught.value, ConnectionError)
    assert files_in(own_cache) == []


def test_a_transfer_that_breaks_off_leaves_nothing_in_the_cache(server, own_cache):
    server.answers["/short"] = CONTENT
    with pytest.raises(OSError, match=r"cannot download a.gz"):
        fetch(RemoteFile("a.gz", MD5, (server.url("/short"),)))
    assert files_in(own_cache) == []


def test_without_a_network_the_error_says_what_was_tried_and_how_to_work_offline():
    urls = ("http://127.0.0.1:9/one/a.gz", "http://127.0.0.1:9/two/a.gz")
    with pytest.raises(ConnectionError) as caught:
        fetch(RemoteFile("set/a.gz", MD5, urls))
    message = str(caught.value)
    assert "cannot download set/a.gz" in message
    assert all(url in message for url in urls)
    assert "UAI_NOTEBOOK_DATA=<folder> and put the file at <folder>/set/a.gz" in message
    assert max(len(line) for line in message.splitlines()) < 200


def test_a_file_without_an_address_is_an_error_that_says_where_to_put_it():
    with pytest.raises(ConnectionError, match="no address"):
        fetch(RemoteFile("set/a.gz", MD5))


def test_an_altered_file_in_the_users_cache_is_replaced(server, own_cache):
    put(own_cache, CONTENT[:-1])
    server.answers["/a.gz"] = CONTENT
    assert fetch(RemoteFile("set/a.gz", MD5, (server.url("/a.gz"),))).read_bytes() == CONTENT


def test_an_altered_file_that_cannot_be_downloaded_again_is_named(own_cache):
    path = put(own_cache, CONTENT[:-1])
    with pytest.raises(ConnectionError, match="truncated or altered") as caught:
        fetch(RemoteFile("set/a.gz", MD5, ("http://127.0.0.1:9/a.gz",)))
    assert str(path) in str(caught.value)


def test_an_altered_file_in_a_read_only_folder_is_an_error_that_names_it(given, monkeypatch):
    read_only(monkeypatch, given)
    path = put(given, CONTENT[:-1])
    with pytest.raises(OSError, match="truncated or altered") as caught:
        fetch(RemoteFile("set/a.gz", MD5, ("http://127.0.0.1:9/a.gz",)))
    assert str(path) in str(caught.value)
    assert path.read_bytes() == CONTENT[:-1]


def test_a_full_disk_is_an_error_with_its_cause_and_leaves_nothing_behind(server, own_cache, monkeypatch):
    def write_a_part(self: object, url: str, output_file: str, pooch: object) -> None:
        Path(output_file).write_bytes(CONTENT[:5])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", write_a_part)
    with pytest.raises(OSError, match=r"cannot write a.gz \(No space left on device\)") as caught:
        fetch(RemoteFile("a.gz", MD5, (server.url("/a.gz"),)))
    assert caught.value.errno == errno.ENOSPC
    assert files_in(own_cache) == []


def test_a_folder_that_cannot_be_made_is_an_error(server, given):
    (given / "set").write_text("a file where the folder should be")
    with pytest.raises(OSError, match=r"cannot write set/a.gz"):
        fetch(RemoteFile("set/a.gz", MD5, (server.url("/a.gz"),)))


def test_a_file_is_no_folder_to_write_to(tmp_path):
    (tmp_path / "file").write_text("")
    assert not is_writable(tmp_path / "file" / "below")
    assert is_writable(tmp_path / "below" / "deep")


def test_sha256_is_checked_too(server):
    server.answers["/a.gz"] = CONTENT
    known = "sha256:" + hashlib.sha256(CONTENT).hexdigest()
    assert fetch(RemoteFile("a.gz", known, (server.url("/a.gz"),))).read_bytes() == CONTENT


def test_a_quiet_download_says_nothing_also_after_a_loud_one(server, capfd):
    server.answers["/a.gz"] = server.answers["/b.gz"] = CONTENT
    fetch(RemoteFile("b.gz", MD5, (server.url("/b.gz"),)))
    assert "100%" in capfd.readouterr().err
    fetch(RemoteFile("a.gz", MD5, (server.url("/a.gz"),)), quiet=True)
    assert capfd.readouterr() == ("", "")


def test_a_download_shows_its_progress(server, capfd):
    server.answers["/a.gz"] = CONTENT
    fetch(RemoteFile("a.gz", MD5, (server.url("/a.gz"),)))
    assert "100%" in capfd.readouterr().err
