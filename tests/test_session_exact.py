"""Resuming a session: as if it had never been left, with its checkpoints or from its journal alone."""

from __future__ import annotations

import gc
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import uai_notebook as uai
from uai_notebook import checkpoint
from uai_notebook.labels import JOURNAL_NAME
from uai_notebook.learners import make_learner

Session = uai.ActiveSession


def played(make, path, rounds=4, **options):
    """A session of some rounds with what a person does: answers, notes, a change of mind, an answer unasked for."""
    session = make(path=path, query="random", **options)
    session.label([70, 71], [1, 0])
    session.train()
    for number in range(rounds):
        queue = session.queue
        session.label(queue[:-1], (session.ds.y[queue[:-1]] == 1).astype(int).tolist(), annotator="me")
        session.undo()
        if number % 2:
            session.redo()
        session.label(queue[0], -1)
        session.note(int(queue[1]), f"round {number}")
        session.train()
    session.label(session.queue[:2], [0, 1])
    session.undo()
    return session


def same(a, b) -> None:
    """All that a person could tell two sessions apart by."""
    for name in ("base_score", "latent", "uai_logit", "head", "labeled_index", "labeled_value"):
        np.testing.assert_array_equal(getattr(a.snapshot, name), getattr(b.snapshot, name))
    assert (a.snapshot.round, a.snapshot.losses) == (b.snapshot.round, b.snapshot.losses)
    same_labels(a, b)
    assert (a.phase, a.round, a.n_asked, a.n_untrained) == (b.phase, b.round, b.n_asked, b.n_untrained)
    pd.testing.assert_frame_equal(a.results(), b.results())
    np.testing.assert_array_equal(a.history.unsupervised_order, b.history.unsupervised_order)
    assert a.history.scalars == b.history.scalars


def same_labels(a, b) -> None:
    pd.testing.assert_frame_equal(a.labels, b.labels)
    assert (a.queue.tolist(), a.batch.tolist()) == (b.queue.tolist(), b.batch.tolist())
    assert a.notes == b.notes
    assert a.store._done == b.store._done
    assert a.store._undone == b.store._undone
    assert a.store.batch.offered == b.store.batch.offered


def same_frames(a, b) -> None:
    assert [f.round for f in a.history.frames] == [f.round for f in b.history.frames]
    for f, g in zip(a.history.frames, b.history.frames, strict=True):
        assert f.n_labels == g.n_labels
        for name in ("index", "base_score", "latent", "uai_logit", "head"):
            np.testing.assert_array_equal(getattr(f, name), getattr(g, name))


def left(session, name="copy") -> Path:
    """A copy of the folder of a session that nobody has, as a killed process leaves it."""
    target = session.path.with_name(f"{session.path.name} {name}")
    shutil.copytree(session.path, target)
    (target / "lock").unlink()
    return target


def without(path: Path, *names: str) -> Path:
    for name in names:
        shutil.rmtree(path / name)
    return path


@pytest.mark.parametrize("base", ["dae", "class", "dagmm", "loda_aad", "tree_aad", "isolation_forest"])
def test_a_resumed_session_is_the_one_that_was_left_bit_for_bit(make, ds, tmp_path, base):
    session = played(make, tmp_path / "s", base=base)
    again = Session.resume(left(session), ds)
    same(again, session)
    same_frames(again, session)


def test_and_it_goes_on_as_the_other_would_have(make, ds, tmp_path):
    session = played(make, tmp_path / "s")
    again = Session.resume(left(session), ds)
    for one in (session, again):
        for _ in range(3):
            one.label(one.queue, 0)
            one.train()
            one.undo()
    assert again.labels.drop(columns="time").equals(session.labels.drop(columns="time"))
    np.testing.assert_array_equal(again.snapshot.ranking_score, session.snapshot.ranking_score)
    assert again.queue.tolist() == session.queue.tolist()
    same_frames(again, session)


@pytest.mark.parametrize("gone", [["checkpoints"], ["checkpoints", "frames"]], ids=" and ".join)
@pytest.mark.parametrize("base", ["dae", "loda_aad"])
def test_the_journal_alone_is_enough_to_make_the_model_again(make, ds, tmp_path, base, gone):
    session = played(make, tmp_path / "s", base=base)
    path = without(left(session), *gone)
    again = Session.resume(path, ds)
    same_labels(again, session)
    assert (again.phase, again.round) == ("new", 4)
    said = []
    again.observe(lambda changes: said.append(again.progress))
    again.train()
    same(again, session)
    same_frames(again, session)
    assert any(progress is not None and 0 < progress.step < progress.of for progress in said)
    once_more = Session.resume(left(again), ds)  # what was made again is kept again
    same(once_more, session)


def test_a_round_whose_checkpoint_was_not_written_is_done_again_from_the_one_before(make, ds, tmp_path):
    session = played(make, tmp_path / "s")
    path = left(session)
    newest = max((path / "checkpoints").glob("*.npz"))
    newest.unlink()
    learner = make_learner(ds, "dae", session.config, 0)
    learner.pretrain = lambda: pytest.fail("pre-trained again")
    again = Session.resume(path, ds)
    again.learner.pretrain = learner.pretrain
    assert again.phase == "new"
    again.train()
    same(again, session)
    same_frames(again, session)


@pytest.mark.parametrize("damage", [lambda b: b[:-30], lambda b: b"", lambda b: b"x" * 99, lambda b: b[:200] + b[300:]])
def test_a_damaged_checkpoint_is_passed_over(make, ds, tmp_path, damage):
    session = played(make, tmp_path / "s")
    path = left(session)
    for file in [max((path / "checkpoints").glob("*.npz")), *(path / "frames").glob("*.npz")]:
        file.write_bytes(damage(file.read_bytes()))
    again = Session.resume(path, ds)
    again.train()
    same(again, session)


def test_a_checkpoint_of_another_session_is_passed_over(make, ds, tmp_path):
    session, other = played(make, tmp_path / "s"), played(make, tmp_path / "t", seed=5)
    path = without(left(session), "checkpoints")
    shutil.copytree(other.path / "checkpoints", path / "checkpoints")
    again = Session.resume(path, ds)
    assert again.phase == "new"
    again.train()
    same(again, session)


def test_a_cancelled_rebuild_has_changed_nothing_and_can_be_done_again(make, ds, tmp_path):
    session = played(make, tmp_path / "s")
    again = Session.resume(without(left(session), "checkpoints", "frames"), ds)
    before = again.learner.state_dict()["random"]
    again.start()
    again.cancel()
    np.testing.assert_array_equal(again.learner.state_dict()["random"], before)
    again.train()
    same(again, session)


def test_labels_given_before_a_rebuild_are_for_the_round_after_it(make, ds, tmp_path):
    session = played(make, tmp_path / "s")
    again = Session.resume(without(left(session), "checkpoints"), ds)
    for one in (session, again):
        one.label([40, 41], [0, 1])
    again.train()
    np.testing.assert_array_equal(again.snapshot.ranking_score, session.snapshot.ranking_score)
    assert again.n_untrained == session.n_untrained >= 2
    for one in (session, again):
        one.train()
    np.testing.assert_array_equal(again.snapshot.ranking_score, session.snapshot.ranking_score)


def test_cancelled_and_failed_rounds_are_not_done_again(make, ds, tmp_path, monkeypatch):
    session = played(make, tmp_path / "s", rounds=1)
    session.label(session.queue[0], 1)
    session.start()
    session.cancel()
    with monkeypatch.context() as patch:
        patch.setattr(session.learner, "evaluate", lambda: 1 / 0)
        with pytest.raises(RuntimeError, match="division by zero"):
            session.train()
    session.label(session.queue[0], 0)
    session.train()
    again = Session.resume(without(left(session), "checkpoints"), ds)
    again.train()
    same(again, session)


def test_a_refill_is_asked_again_after_a_resume(make, ds, tmp_path):
    session = make(path=tmp_path / "s")
    session.train()
    session.label(session.queue, 0)
    session.refill()
    session.label(session.queue[0], 1)
    again = Session.resume(left(session), ds)
    same(again, session)
    assert len(again.queue) == 4


def test_a_replaced_item_that_was_called_up_again_is_asked_after_a_resume(make, ds, tmp_path):
    session = make(path=tmp_path / "s", query="random")
    session.train()
    old = int(session.queue[3])
    session.label(session.queue[0], 0)
    session.train()
    assert old not in session.queue
    session.show(old)
    assert session.queue[0] == old
    same(Session.resume(left(session), ds), session)


def test_undo_of_any_depth_goes_on_after_a_resume(make, ds, tmp_path):
    session = make(path=tmp_path / "s")
    for i in range(30):
        session.label(i, i % 3 - 1)
    for _ in range(12):
        session.undo()
    again = Session.resume(left(session), ds)
    for one in (session, again):
        assert [one.redo()[0] for _ in range(7)] == list(range(18, 25))
        assert [one.undo()[0] for _ in range(20)] == list(range(24, 4, -1))
    assert again.labels["index"].tolist() == [0, 1, 2, 3, 4]


def test_the_model_follows_an_undo_of_what_it_was_trained_on_at_the_next_round(make, ds, tmp_path):
    session = make(path=tmp_path / "s")
    session.label([0, 1], [1, 0])
    session.train()
    session.label([2, 3], [1, 0])
    session.train()
    session.undo()
    assert session.snapshot.labeled_index.tolist() == [0, 1, 2, 3], "until then"
    again = Session.resume(left(session), ds)
    for one in (session, again):
        assert one.n_untrained == 2
        assert one.train().labeled_index.tolist() == [0, 1]
        one.redo()
        assert one.train().labeled_index.tolist() == [0, 1, 2, 3]
    np.testing.assert_array_equal(again.snapshot.ranking_score, session.snapshot.ranking_score)


def test_checkpoints_are_two_and_frames_are_those_of_the_history(make, tmp_path):
    session = make(path=tmp_path / "s")
    for i in range(6):
        session.train()
        session.label(session.queue[0], i % 2)
    session.history.max_bytes = 5 * session.history.frames[-1].nbytes
    session.train()
    assert sorted(file.name for file in (tmp_path / "s" / "checkpoints").iterdir()) == ["0000005.npz", "0000006.npz"]
    rounds = [frame.round for frame in session.history.frames]
    assert len(rounds) < 7
    assert sorted(file.name for file in (tmp_path / "s" / "frames").iterdir()) == [f"{r:07d}.npz" for r in rounds]


def test_what_a_killed_process_left_half_written_is_removed(make, tmp_path):
    session = make(path=tmp_path / "s")
    session.train()
    torn = [tmp_path / "s" / name / ".0000009.npz.77.tmp" for name in ("checkpoints", "frames")]
    for file in torn:
        file.write_bytes(b"half")
    session.train()
    assert not any(file.exists() for file in torn)


def test_a_folder_without_labels_but_a_model_comes_back_too(make, ds, tmp_path):
    session = make(path=tmp_path / "s")
    session.train()
    same(Session.resume(left(session), ds), session)


def test_a_session_that_was_deleted_without_closing_it_is_opened_again_in_the_same_process(make, ds, tmp_path, config):
    session = Session(ds, k=5, config=config, path=tmp_path)
    session.train()
    ranking, path = session.snapshot.ranking_score, session.path
    session.wait()
    del session
    gc.collect()
    np.testing.assert_array_equal(Session.open(path, ds).snapshot.ranking_score, ranking)


def test_a_module_of_ones_own_is_made_again_only_if_it_begins_as_it_did_then(make, ds, tmp_path, distance_model):
    def other():
        model = distance_model()
        torch.nn.init.ones_(model.linear.weight)
        return model

    session = played(make, tmp_path / "s", base=distance_model())
    from_checkpoint = Session.resume(left(session, "a"), ds, base=other())
    same(from_checkpoint, session)
    alike = Session.resume(without(left(session, "b"), "checkpoints"), ds, base=distance_model())
    alike.train()
    same(alike, session)
    with pytest.warns(UserWarning, match="cannot be made again: there is no checkpoint, and DistanceModel was given"):
        new = Session.resume(without(left(session, "c"), "checkpoints"), ds, base=other())
    same_labels(new, session)
    assert new.phase == "new"
    new.train()
    assert new.snapshot.n_labels == (session.labels["label"] != -1).sum()


class Dropping(torch.nn.Module):
    """A module that draws from torch's global generator when it is trained, as most of those with dropout do."""

    needs_x_y, latent_dim = False, 2

    def __init__(self) -> None:
        super().__init__()
        self.dropout, self.linear = torch.nn.Dropout(0.5), torch.nn.Linear(5, 2)
        self.linear.load_state_dict({"weight": torch.arange(10.0).reshape(2, 5) / 10, "bias": torch.zeros(2)})

    def forward(self, x, x_y=None):
        latent = self.linear(self.dropout(x))
        score = latent.square().sum(1)
        return uai.BaseOutput(latent, score, score)


def test_a_module_with_dropout_is_made_again_and_goes_on_bit_for_bit(make, ds, tmp_path):
    session = played(make, tmp_path / "s", base=Dropping())
    again = Session.resume(left(session), ds, base=Dropping())
    same(again, session)
    alone = Session.resume(without(left(session, "alone"), "checkpoints", "frames"), ds, base=Dropping())
    alone.train()
    same(alone, session)
    for one in (session, again, alone):
        one.label(30, 1)
        one.train()
        np.testing.assert_array_equal(one.snapshot.base_score, session.snapshot.base_score)


def test_training_a_module_with_dropout_takes_no_random_number_of_the_users(make):
    session = make(base=Dropping())
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    session.train()
    assert torch.equal(torch.rand(4), expected)


# -- other data, other versions -------------------------------------------------------------------------------------


def test_reordered_data_get_a_new_model_on_the_same_labels(make, ds, tmp_path):
    session = played(make, tmp_path / "s")
    order = np.random.default_rng(1).permutation(len(ds))
    moved = uai.Dataset.from_arrays(ds.x[order], x_y=np.arange(80)[order] % 3, ids=order.tolist())
    again = Session.resume(left(session), moved)
    assert again.labels["id"].tolist() == session.labels["id"].tolist()
    assert {order[i]: text for i, text in again.notes.items()} == session.notes
    assert (again.phase, again.unmatched) == ("new", {})
    again.train()
    assert (again.snapshot.round, again.snapshot.n_labels) == (4, (session.labels["label"] != -1).sum())
    once_more = Session.resume(left(again), moved)
    same(once_more, again)


def test_grown_data_with_a_changed_item_say_which(make, ds, tmp_path):
    session = make(ds=uai.Dataset.from_arrays(ds.x), path=tmp_path / "s")
    session.label([3, 4, 79], [1, 0, 0])
    x = np.concatenate([ds.x[:79], ds.x[:3] + 50])
    x[4] += 1
    with pytest.warns(UserWarning, match=r"1 have changed and 1 are not in this data|2 have changed"):
        again = Session.resume(left(session), uai.Dataset.from_arrays(x))
    assert again.unmatched == {4: "changed", 79: "changed"}  # there is another row 79 now
    assert again.labels["index"].tolist() == [3]


def in_format_1(path: Path) -> Path:
    """The journal as the version before wrote it."""
    file = path / JOURNAL_NAME
    header, *events = [json.loads(line) for line in file.read_text().splitlines()]
    old = [{**header, "format": 1}]
    for event in events:
        if event["op"] == "round" and event["round"]:
            old.append({name: event[name] for name in ("op", "round", "n_labels", "time")})
        elif event["op"] not in ("round", "note", "offer"):
            old.append(event)
    file.write_text("".join(json.dumps(event) + "\n" for event in old))
    return path


def test_a_journal_of_format_1_goes_on_and_is_resumed_exactly_from_then_on(make, ds, tmp_path):
    session = played(make, tmp_path / "s")
    again = Session.resume(in_format_1(left(session)), ds)
    pd.testing.assert_frame_equal(again.labels, session.labels)
    assert (again.phase, again.round) == ("new", 4)
    assert again.undo() == session.undo()
    assert again.train().round == 4
    again.label(again.queue, 0)
    again.note(7, "new")
    again.train()
    for path in (left(again), without(left(again, "without"), "checkpoints", "frames")):
        once_more = Session.resume(path, ds)
        if once_more.snapshot is None:
            once_more.train()
        same(once_more, again)


def test_a_journal_that_the_first_version_wrote_goes_on(tmp_path):
    shutil.copy(Path(__file__).parent / "journals" / "format_1.jsonl", tmp_path / JOURNAL_NAME)
    ds = uai.Dataset.from_arrays(np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32))
    session = Session.resume(tmp_path, ds)
    assert session.labels["index"].tolist() == [44, 27, 17, 58, 34, 10]
    assert session.labels["label"].tolist() == [1, 0, -1, 1, 0, -1]
    assert (session.round, session.n_asked, session.budget, session.phase) == (3, 6, 40, "new")
    session.train()
    session.label(session.queue, 0)
    session.train()
    session.close()
    again = Session.resume(tmp_path, ds)
    same(again, session)


def test_a_journal_that_somebody_has_edited_is_trained_on_anew(make, ds, tmp_path):
    session = played(make, tmp_path / "s")
    path = left(session)
    lines = (path / JOURNAL_NAME).read_bytes().splitlines(keepends=True)
    number = next(n for n, line in enumerate(lines) if b'"op":"note"' in line)
    (path / JOURNAL_NAME).write_bytes(b"".join(lines[:number] + lines[number + 1 :]))
    again = Session.resume(path, ds)
    pd.testing.assert_frame_equal(again.labels, session.labels)
    assert again.phase == "new"
    assert again.train().round == session.round


def test_clocks_that_jump_change_nothing(make, ds, tmp_path):
    session = played(make, tmp_path / "s")
    path = left(session)
    lines = [json.loads(line) for line in (path / JOURNAL_NAME).read_text().splitlines()]
    for number, line in enumerate(lines[1:]):
        line["time"] = f"{2030 - number:04d}-01-01T00:00:00.000+00:00"  # each before the last
    (path / JOURNAL_NAME).write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))
    again = Session.resume(path, ds)  # whose checkpoints are those of another journal now
    again.train()
    assert again.labels.drop(columns="time").equals(session.labels.drop(columns="time"))
    np.testing.assert_array_equal(again.snapshot.ranking_score, session.snapshot.ranking_score)
    assert again.queue.tolist() == session.queue.tolist()


# -- what is not plain ----------------------------------------------------------------------------------------------


def test_a_learner_of_the_users_own_is_resumed_exactly(make, ds, tmp_path, numpy_learner):
    session = played(make, tmp_path / "s", base=numpy_learner(ds))
    again = Session.resume(left(session), ds, base=numpy_learner(ds))
    np.testing.assert_array_equal(again.snapshot.ranking_score, session.snapshot.ranking_score)
    assert again.learner.calls == []


def test_a_learner_whose_state_cannot_be_written_costs_no_round(make, ds, tmp_path, numpy_learner):
    learner = numpy_learner(ds)
    learner.state["what"] = object()
    learner.state_dict = lambda: dict(learner.state)
    session = played(make, tmp_path / "s", base=learner, rounds=2)
    assert "no checkpoint was written" in session.save_problem
    assert "cannot be in a checkpoint" in session.save_problem
    again = Session.resume(left(session), ds, base=numpy_learner(ds))
    again.train()
    np.testing.assert_array_equal(again.snapshot.ranking_score, session.snapshot.ranking_score)


def test_a_checkpoint_runs_nothing(make, ds, tmp_path):
    session = played(make, tmp_path / "s", rounds=1)
    path = left(session)

    class Bomb:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "executed",))

    newest = max((path / "checkpoints").glob("*.npz"))
    state = checkpoint.read(newest)
    bomb = np.empty(1, object)
    bomb[0] = Bomb()
    with np.load(newest) as file:
        arrays = {name: file[name] for name in file.files}
    np.savez(newest, **{**arrays, "a0": bomb}, allow_pickle=True)
    again = Session.resume(path, ds)
    again.train()
    assert not (tmp_path / "executed").exists()
    assert state["journal"]
    same(again, session)


def test_a_link_in_place_of_a_folder_is_not_followed(make, ds, tmp_path):
    session = make(path=tmp_path / "s")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "s" / "checkpoints").symlink_to(tmp_path / "elsewhere")
    session.train()
    assert "is a link" in session.save_problem
    assert list((tmp_path / "elsewhere").iterdir()) == []
