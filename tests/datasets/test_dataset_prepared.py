"""Tables that are made of their originals: made once, checked, kept, and nothing left behind when it fails."""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import os
from pathlib import Path

import numpy as np
import pooch
import pytest

from uai_notebook.datasets import download, load_dataset, prepared, registry
from uai_notebook.datasets.download import RemoteFile
from uai_notebook.datasets.prepared import Prepared, content_hash, is_ready, prepare, read_arrays
from uai_notebook.datasets.sets import ENTRIES

pytestmark = pytest.mark.usefixtures("own_cache")

TEXT = b"0,1.5\n1,2.5\n0,3.5\n"


def parse(paths: list[Path]) -> dict[str, np.ndarray]:
    table = np.loadtxt(paths[0], delimiter=",", ndmin=2)
    return {"X": table[:, 1:].astype(np.float32), "y": table[:, 0].astype(np.uint8)}


@pytest.fixture
def table(tmp_path: Path, server) -> Prepared:
    """A table of three rows, whose original the server has."""
    server.answers["/raw.csv"] = TEXT
    (tmp_path / "text").write_bytes(TEXT)
    content = content_hash(parse([tmp_path / "text"]))
    original = RemoteFile("raw/raw.csv", "", (server.url("/raw.csv"),))
    return Prepared(
        "tiny.npz", "sha256:" + "0" * 64, originals=(original,), rebuild=parse, content=content, counts=(3, 1, 1)
    )


def files_in(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def test_a_table_is_made_of_a_download_once_and_only_the_table_is_kept(table, server, own_cache):
    assert not is_ready(table)
    path = prepare(table)
    assert read_arrays(path)["X"].ravel().tolist() == [1.5, 2.5, 3.5]
    assert prepare(table) == path == own_cache / "tiny.npz"
    assert server.asked == ["/raw.csv"]
    assert files_in(own_cache) == ["tiny.npz"]
    assert is_ready(table)


def test_an_original_in_a_cache_folder_is_used_and_stays(table, server, given):
    (given / "raw").mkdir()
    (given / "raw" / "raw.csv").write_bytes(TEXT)
    assert is_ready(table)
    assert prepare(table) == given / "tiny.npz"
    assert server.asked == []
    assert files_in(given) == ["raw", "raw/raw.csv", "tiny.npz"]


def test_a_ready_made_file_is_known_by_its_own_checksum(table, server, given):
    path = given / "tiny.npz"
    path.write_bytes(b"whatever the checksum says")
    known = dataclasses.replace(table, known_hash="sha256:" + hashlib.sha256(path.read_bytes()).hexdigest())
    assert prepare(known) == path
    assert server.asked == []


@pytest.mark.parametrize("damage", ["truncated", "altered", "other values"])
def test_a_damaged_table_is_made_again(table, own_cache, server, damage):
    path = prepare(table)
    content = path.read_bytes()
    if damage == "truncated":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "altered":
        path.write_bytes(content[:60] + b"\xff\xff" + content[62:])
    else:
        np.savez(path, X=np.float32([[1], [2], [3]]), y=np.uint8([0, 1, 0]))
    assert read_arrays(prepare(table))["X"].ravel().tolist() == [1.5, 2.5, 3.5]
    assert server.asked == ["/raw.csv"] * 2


def test_a_damaged_table_in_a_read_only_folder_is_an_error_that_names_it(table, given, monkeypatch):
    monkeypatch.setattr(download, "is_writable", lambda folder: folder != given)
    (given / "tiny.npz").write_bytes(b"half")
    with pytest.raises(OSError, match=r"tiny\.npz is truncated or altered"):
        prepare(table)


def test_without_a_network_the_error_names_the_table_and_the_way_out(table, own_cache):
    original = RemoteFile("raw/raw.csv", "", ("http://127.0.0.1:9/raw.csv",))
    with pytest.raises(ConnectionError) as caught:
        prepare(dataclasses.replace(table, originals=(original,)))
    message = str(caught.value)
    assert "no cache folder has an intact tiny.npz, so it has to be made: cannot download raw/raw.csv" in message
    assert "UAI_NOTEBOOK_DATA=<folder> and put the file at <folder>/raw/raw.csv" in message
    assert files_in(own_cache) == []


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        (b"<html>please log in</html>", "cannot make tiny.npz of raw/raw.csv"),
        (TEXT[:12], r"2 x 1 with 1 marked, where 3 x 1 with 1 marked are expected"),
        (TEXT.replace(b"3.5", b"3.6"), "the checksum of its arrays is"),
    ],
)
def test_another_original_is_an_error_and_leaves_nothing_behind(table, server, own_cache, sent, message):
    server.answers["/raw.csv"] = sent
    with pytest.raises(OSError, match=message) as caught:
        prepare(table)
    assert "These are not the published files." in str(caught.value)
    assert files_in(own_cache) == []


def test_an_original_with_a_wrong_checksum_is_an_error_and_leaves_nothing_behind(table, own_cache):
    (original,) = table.originals
    wrong = dataclasses.replace(original, known_hash="md5:" + "0" * 32)
    with pytest.raises(OSError, match="does not have the checksum md5:000"):
        prepare(dataclasses.replace(table, originals=(wrong,)))
    assert files_in(own_cache) == []


def test_a_transfer_that_breaks_off_is_an_error_and_leaves_nothing_behind(table, server, own_cache):
    server.answers["/short"] = TEXT
    short = RemoteFile("raw/raw.csv", "", (server.url("/short"),))
    with pytest.raises(OSError, match=r"cannot download raw/raw\.csv"):
        prepare(dataclasses.replace(table, originals=(short,)))
    assert files_in(own_cache) == []


def test_a_disk_that_is_full_when_the_table_is_written_is_an_error_and_leaves_nothing_behind(
    table, own_cache, monkeypatch
):
    def write_a_part(path: Path, **_: object) -> None:
        path.write_bytes(b"part")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(prepared.np, "savez_compressed", write_a_part)
    with pytest.raises(OSError, match=r"cannot write tiny\.npz \(No space left on device\)") as caught:
        prepare(table)
    assert caught.value.errno == errno.ENOSPC
    assert files_in(own_cache) == []


def test_a_disk_that_is_full_during_the_download_is_an_error_and_leaves_nothing_behind(table, own_cache, monkeypatch):
    def write_a_part(self: object, url: str, output_file: str, pooch: object) -> None:
        Path(output_file).write_bytes(TEXT[:5])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", write_a_part)
    with pytest.raises(OSError, match=r"cannot write raw/raw\.csv \(No space left on device\)") as caught:
        prepare(table)
    assert caught.value.errno == errno.ENOSPC
    assert files_in(own_cache) == []


def test_a_cache_that_cannot_be_made_is_an_error(table, own_cache):
    own_cache.write_text("a file where the folder should be")
    with pytest.raises(OSError, match=r"cannot write tiny\.npz") as caught:
        prepare(table)
    assert "set UAI_NOTEBOOK_DATA to a folder that can be written to" in str(caught.value)


def test_a_stop_from_the_keyboard_leaves_nothing_behind(table, own_cache):
    def stop(paths: object) -> dict[str, np.ndarray]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(dataclasses.replace(table, rebuild=stop))
    assert files_in(own_cache) == []


def test_load_dataset_makes_the_table_it_needs(table, monkeypatch, own_cache):
    def with_a_name(paths: list[Path]) -> dict[str, np.ndarray]:
        return {**parse(paths), "feature_names": np.array(["height"])}

    file = dataclasses.replace(table, rebuild=with_a_name, content="")
    monkeypatch.setitem(registry.ENTRIES, "tiny", dataclasses.replace(ENTRIES["thyroid"], files=(file,)))
    ds = load_dataset("tiny", quiet=True)
    assert repr(ds) == "Dataset 'tiny': 3 items x 1 feature, 1 known anomaly (33.3%)"
    assert ds.feature_names == ("height",)
    assert files_in(own_cache) == ["tiny.npz"]


def test_the_content_hash_knows_names_types_shapes_and_values():
    base = {"a": np.arange(6), "b": np.array(["x"])}
    others = [
        {"c": np.arange(6), "b": np.array(["x"])},
        {"a": np.arange(6, dtype=np.int32), "b": np.array(["x"])},
        {"a": np.arange(6).reshape(2, 3), "b": np.array(["x"])},
        {"a": np.arange(6)[::-1], "b": np.array(["x"])},
    ]
    assert content_hash(base) == content_hash(dict(reversed(base.items())))
    assert len({content_hash(each) for each in [base, *others]}) == 5


def test_a_table_comes_with_a_checksum_of_its_content_where_its_original_has_none():
    for entry in ENTRIES.values():
        for file in entry.files:
            if isinstance(file, Prepared):
                assert file.originals
                assert file.content or all(part.known_hash for part in file.originals)
                assert all(part.urls for part in file.originals)
                assert os.path.splitext(file.path)[1] == ".npz"
