"""A session as a file: whole or not at all, and going on as if nothing had happened."""

from __future__ import annotations

import json
import os
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import uai_notebook as uai
from uai_notebook import checkpoint
from uai_notebook.learners import make_learner

CONFIG = uai.TrainConfig(hidden=(8, 2), pretrain_steps=30, round_steps=5, batch_size=32, labeled_batch=16)


@pytest.fixture
def ds() -> uai.Dataset:
    x = np.random.default_rng(0).normal(size=(200, 5))
    x[:12] += 4
    return uai.Dataset.from_arrays(x, y=[1] * 12 + [0] * 188, name="blobs")


def session_of(ds: uai.Dataset, **options: Any) -> uai.ActiveSession:
    return uai.ActiveSession(ds, k=5, budget=40, config=CONFIG, **options)


# -- the file -----------------------------------------------------------------------------------------------------

numbers = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=5)
arrays = st.lists(st.integers(0, 9), max_size=4).map(lambda v: np.asarray(v, np.int16))
trees = st.recursive(
    numbers | arrays,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4) | st.integers(0, 9), inner, max_size=3)
    ),
    max_leaves=8,
)


def same(a: Any, b: Any) -> bool:
    if isinstance(a, np.ndarray):
        return isinstance(b, np.ndarray) and a.dtype == b.dtype and np.array_equal(a, b)
    if isinstance(a, dict):
        return isinstance(b, dict) and list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(same, a, b))
    return type(a) is type(b) and a == b


@given(tree=trees)
def test_any_tree_of_arrays_and_numbers_reads_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, tree: Any
) -> None:
    path = tmp_path_factory.mktemp("trees") / "c.npz"
    checkpoint.write(path, tree)
    assert same(checkpoint.read(path), tree)
    assert [file.name for file in path.parent.iterdir()] == ["c.npz"]


@pytest.mark.parametrize("wrong", [object(), {1, 2}, np.asarray([None]), {"a": [lambda: None]}])
def test_what_is_not_plain_is_refused_and_the_older_file_stays(tmp_path: Path, wrong: Any) -> None:
    path = tmp_path / "c.npz"
    checkpoint.write(path, {"a": 1})
    with pytest.raises(TypeError, match="cannot be in a checkpoint"):
        checkpoint.write(path, wrong)
    assert checkpoint.read(path) == {"a": 1}


def test_a_write_that_fails_leaves_the_older_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "c.npz"
    checkpoint.write(path, {"a": 1})

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        checkpoint.write(path, {"a": 2})
    assert checkpoint.read(path) == {"a": 1}
    assert [file.name for file in tmp_path.iterdir()] == ["c.npz"]


@pytest.mark.parametrize("damage", [lambda b: b[:-30], lambda b: b"PK" + b[2:50], lambda b: b"", lambda b: b"x" * 99])
def test_a_damaged_file_is_a_clear_error(tmp_path: Path, damage: Any) -> None:
    path = tmp_path / "c.npz"
    checkpoint.write(path, {"a": np.arange(1000)})
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=r"c\.npz is not a checkpoint that can be read .*: delete it"):
        checkpoint.read(path)


def test_a_file_with_pickled_objects_is_not_executed(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> Any:
            return (Path.touch, (tmp_path / "executed",))

    bomb = np.empty(1, object)
    bomb[0] = Bomb()
    head = json.dumps({"version": 1, "tree": {"__array__": "a0"}})
    np.savez(tmp_path / "c.npz", a0=bomb, tree=np.frombuffer(head.encode(), np.uint8))
    with pytest.raises(ValueError, match="not a checkpoint"):
        checkpoint.read(tmp_path / "c.npz")
    assert not (tmp_path / "executed").exists()


def test_a_link_under_the_temporary_name_is_not_written_through(tmp_path: Path) -> None:
    other, path = tmp_path / "other", tmp_path / "c.npz"
    other.write_text("precious")
    path.with_name(f".c.npz.{os.getpid()}.tmp").symlink_to(other)
    checkpoint.write(path, {"a": 1})
    assert other.read_text() == "precious"
    assert checkpoint.read(path) == {"a": 1}
    assert not path.is_symlink()


def test_a_small_file_that_unpacks_to_much_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "c.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file, file.open("tree.npy", "w") as entry:
        for _ in range(100):
            entry.write(bytes(2**20))
    tracemalloc.start()
    with pytest.raises(ValueError, match=r"not a checkpoint .*it unpacks to 104,857,600 bytes, and 8\d,\d{3},"):
        checkpoint.read(path)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2**22


def test_what_packs_very_well_is_written_so_that_it_can_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint, "FLOOR", 0)
    checkpoint.write(tmp_path / "c.npz", {"a": np.zeros(10**6)})
    assert not checkpoint.read(tmp_path / "c.npz")["a"].any()
    assert [file.name for file in tmp_path.iterdir()] == ["c.npz"]


def test_a_newer_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "VERSION", 2)
    checkpoint.write(tmp_path / "c.npz", {})
    monkeypatch.undo()
    with pytest.raises(ValueError, match="version 2, and this program reads version 1"):
        checkpoint.read(tmp_path / "c.npz")


# -- the session --------------------------------------------------------------------------------------------------


class Stop(Exception):
    pass


def stopped_after(rounds: int, path: Path) -> Any:
    def after_round(session: uai.ActiveSession) -> None:
        checkpoint.save(session, path, note="here")
        if session.round == rounds:
            raise Stop

    return after_round


@pytest.mark.parametrize("rounds", [0, 1, 4])
def test_an_interrupted_simulation_goes_on_bit_for_bit(ds: uai.Dataset, tmp_path: Path, rounds: int) -> None:
    whole = uai.simulate(session_of(ds), uai.Oracle(ds.y), progress=False)
    path = tmp_path / "c.npz"
    with pytest.raises(Stop):
        uai.simulate(session_of(ds), uai.Oracle(ds.y), progress=False, after_round=stopped_after(rounds, path))
    again = session_of(ds)
    assert checkpoint.load(again, path) == {"note": "here"}
    assert again.round == rounds
    assert again.n_labels == again.n_asked == 5 * (rounds + 1)
    uai.simulate(again, uai.Oracle(ds.y), progress=False)
    assert again.labels["index"].tolist() == whole.labels["index"].tolist()
    assert again.round == whole.round
    assert again.snapshot is not None
    assert whole.snapshot is not None
    np.testing.assert_array_equal(again.snapshot.ranking_score, whole.snapshot.ranking_score)
    np.testing.assert_array_equal(again.snapshot.labeled_index, whole.snapshot.labeled_index)
    np.testing.assert_array_equal(again.history.unsupervised_order, whole.history.unsupervised_order)
    told = ("round", "n_labels", "n_anomalies", "loss_total")
    assert [[s.get(name) for name in told] for s in again.history.scalars] == [
        [s.get(name) for name in told] for s in whole.history.scalars
    ]


def test_a_checkpoint_of_an_untrained_session_is_refused(ds: uai.Dataset, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"between two rounds: wait\(\)"):
        checkpoint.save(session_of(ds), tmp_path / "c.npz")


def test_a_checkpoint_is_loaded_only_into_a_new_session(ds: uai.Dataset, tmp_path: Path) -> None:
    session = session_of(ds)
    session.train()
    checkpoint.save(session, tmp_path / "c.npz")
    with pytest.raises(RuntimeError, match="has been trained or has labels"):
        checkpoint.load(session, tmp_path / "c.npz")


def test_a_checkpoint_of_other_data_or_settings_changes_nothing(ds: uai.Dataset, tmp_path: Path) -> None:
    session = session_of(ds)
    session.train()
    checkpoint.save(session, tmp_path / "c.npz")
    other = session_of(uai.Dataset.from_arrays(np.eye(9, 5), name="ones"))
    with pytest.raises(ValueError, match="belongs to other data than 'ones'"):
        checkpoint.load(other, tmp_path / "c.npz")
    other = session_of(ds, query="paper")
    with pytest.raises(ValueError, match="made with query='adaptive', not 'paper'"):
        checkpoint.load(other, tmp_path / "c.npz")
    assert other.snapshot is None
    assert other.n_labels == 0


def test_a_setting_that_came_later_does_not_make_a_checkpoint_useless(ds: uai.Dataset, tmp_path: Path) -> None:
    session = session_of(ds)
    session.train()
    checkpoint.save(session, tmp_path / "c.npz")
    state = checkpoint.read(tmp_path / "c.npz")
    del state["settings"]["config"]["optimizer"]
    checkpoint.write(tmp_path / "c.npz", state)
    again = session_of(ds)
    checkpoint.load(again, tmp_path / "c.npz")
    assert again.snapshot is not None


@pytest.mark.parametrize("answered", [0, 2])
def test_what_was_asked_and_not_answered_is_asked_again(ds: uai.Dataset, tmp_path: Path, answered: int) -> None:
    session = session_of(ds)
    session.train()
    first = session.queue[:answered]
    if answered:
        session.label(first, uai.Oracle(ds.y).audit(first))
    checkpoint.save(session, tmp_path / "c.npz")
    again = session_of(ds)
    checkpoint.load(again, tmp_path / "c.npz")
    assert again.queue.tolist() == session.queue.tolist()
    for one in (session, again):
        uai.simulate(one, uai.Oracle(ds.y), progress=False)
    assert again.labels["index"].tolist() == session.labels["index"].tolist()
    assert again.round == session.round


def test_a_checkpoint_of_a_learner_with_other_options_is_refused(ds: uai.Dataset, tmp_path: Path) -> None:
    session = session_of(ds, base=make_learner(ds, "loda_aad"))
    session.train()
    checkpoint.save(session, tmp_path / "c.npz")
    other = session_of(ds, base=make_learner(ds, "loda_aad", scale=False))
    with pytest.raises(ValueError, match=r"made with a learner of options .*'scale': True"):
        checkpoint.load(other, tmp_path / "c.npz")
    checkpoint.load(session_of(ds, base=make_learner(ds, "loda_aad")), tmp_path / "c.npz")
