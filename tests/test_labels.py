"""The label store: its events, its undo, its journal, and finding items again in changed data."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import uai_notebook as uai
from uai_notebook.labels import JOURNAL_NAME, Label, LabelStore

N = 8
X = np.random.default_rng(1).normal(size=(N, 3))
DS = uai.Dataset.from_arrays(X, name="eight")


def values(store: LabelStore) -> dict[int, int]:
    return {i: answer.label for i, answer in store.current.items()}


def everything(store: LabelStore):
    return store.current, store.rounds, store._done, store._undone


def test_the_labels_are_one_zero_and_minus_one():
    assert (Label.ANOMALY, Label.NORMAL, Label.UNSURE) == (1, 0, -1)
    assert uai.Label is Label


# -- memory ---------------------------------------------------------------------------------------------------------


def test_a_new_store_is_empty():
    store = LabelStore(DS)
    assert len(store) == 0
    assert store.settings == {}
    assert store.undo() == []
    assert store.redo() == []
    assert not store.can_undo
    assert not store.can_redo
    assert store.saved_at is None
    assert store.counts() == {1: 0, 0: 0, -1: 0}


def test_the_latest_answer_of_an_item_counts_and_it_moves_to_the_end():
    store = LabelStore(DS)
    store.add([3, 1], [1, 0])
    store.add([3], [-1])
    assert list(values(store).items()) == [(1, 0), (3, -1)]
    assert store.counts() == {1: 0, 0: 1, -1: 1}
    assert 3 in store
    assert 2 not in store
    assert store.get(2) is None


def test_arrays_have_their_dtypes_also_when_empty():
    store = LabelStore(DS)
    for _ in range(2):
        index, value = store.arrays()
        assert (index.dtype, value.dtype) == (np.int64, np.int8)
        store.add([4], [1])
    assert (index.tolist(), value.tolist()) == ([4], [1])


def test_one_call_is_one_undo_step_and_undo_brings_the_former_answer_back():
    store = LabelStore(DS)
    store.add([0], [1])
    store.add([0, 1, 2], [0, 0, 0])
    assert store.undo() == [0, 1, 2]
    assert values(store) == {0: 1}
    assert store.redo() == [0, 1, 2]
    assert values(store) == {0: 0, 1: 0, 2: 0}


def test_undo_and_redo_go_to_any_depth():
    store = LabelStore(DS)
    states = [values(store)]
    for i in range(N):
        store.add([i], [i % 2])
        states.append(values(store))
    for state in reversed(states[:-1]):
        store.undo()
        assert values(store) == state
    for state in states[1:]:
        store.redo()
        assert values(store) == state


def test_a_new_label_clears_redo():
    store = LabelStore(DS)
    store.add([0], [1])
    store.undo()
    assert store.can_redo
    store.add([1], [1])
    assert not store.can_redo
    assert store.redo() == []


def test_current_is_a_copy():
    store = LabelStore(DS)
    store.add([0], [1])
    store.current.clear()
    assert len(store) == 1


def test_asked_counts_only_what_the_queue_offered():
    store = LabelStore(DS)
    store.add([0, 1, 2], [1, 0, -1], asked=[True, False, True])
    assert store.n_asked == 2
    store.undo()
    assert store.n_asked == 0


def test_the_frame_has_the_columns_and_dtypes_of_the_contract_empty_or_not():
    expected = ["index", "id", "label", "asked", "annotator", "time", "round", "base_score", "uai_score"]
    store = LabelStore(DS)
    empty = store.frame()
    store.add([2, 5], [1, -1], asked=[True, False], annotator="me", round=3, base_score=[0.5, np.nan])
    frame = store.frame()
    for one in (empty, frame):
        assert list(one.columns) == expected
        assert one["index"].dtype == np.int64
        assert one["label"].dtype == np.int8
        assert one["asked"].dtype == bool
        assert one["round"].dtype == np.int64
        assert one["base_score"].dtype == np.float64
        assert one["uai_score"].dtype == np.float64
        assert str(one["time"].dt.tz) == "UTC"
    assert frame["label"].tolist() == [1, -1]
    assert frame["base_score"][0] == 0.5
    assert frame["base_score"].isna().tolist() == [False, True]
    assert frame["uai_score"].isna().all()
    assert frame["annotator"].tolist() == ["me", "me"]


def test_the_time_column_has_one_dtype_empty_or_not():
    store = LabelStore(DS)
    empty = store.frame()["time"].dtype
    store.add([2], [1])
    assert store.frame()["time"].dtype == empty


@pytest.mark.parametrize(
    ("index", "label"), [([0], [7]), ([0, 1], [1]), ([-1], [1]), ([N], [1]), ([0, 0], [1, 0]), ([], [])]
)
def test_add_refuses_what_it_could_not_read_back(tmp_path, index, label):
    store = LabelStore.create(tmp_path, DS)
    before = (tmp_path / JOURNAL_NAME).read_bytes()
    with pytest.raises((ValueError, IndexError, TypeError)):
        store.add(index, label)
    assert values(store) == {}
    assert (tmp_path / JOURNAL_NAME).read_bytes() == before
    LabelStore.open(tmp_path, DS)


@pytest.mark.parametrize("extra", [{"asked": [True]}, {"base_score": [0.5]}, {"uai_score": [0.5]}])
def test_add_refuses_columns_of_another_length(tmp_path, extra):
    store = LabelStore.create(tmp_path, DS)
    with pytest.raises((ValueError, IndexError)):
        store.add([0, 1], [0, 1], **extra)
    assert values(LabelStore.open(tmp_path, DS)) == values(store) == {}


# -- laws -----------------------------------------------------------------------------------------------------------


@st.composite
def calls(draw):
    items = draw(st.lists(st.integers(0, N - 1), min_size=1, max_size=3, unique=True))
    return items, [draw(st.sampled_from([1, 0, -1])) for _ in items]


operations = st.lists(st.one_of(calls(), st.sampled_from(["undo", "redo", "round"])), max_size=25)


def end_training(store: LabelStore) -> None:
    """A round is accepted: two more items are asked."""
    queue = [i for i in range(N) if i not in store][:2]
    store.end_training(store.rounds + 1, len(store), store.n_events, queue, {"loss": 0.5})


def play(store: LabelStore, operations_) -> None:
    for operation in operations_:
        if operation == "undo":
            store.undo()
        elif operation == "redo":
            store.redo()
        elif operation == "round":
            end_training(store)
        else:
            store.add(*operation, asked=[i % 2 == 0 for i in operation[0]], round=store.rounds)


@settings(max_examples=30, deadline=None)
@given(operations)
def test_replaying_the_journal_gives_the_same_state(tmp_path_factory, done):
    folder = tmp_path_factory.mktemp("law")
    store = LabelStore.create(folder, DS, {"k": 3})
    play(store, done)
    again = LabelStore.open(folder, DS)
    assert everything(again) == everything(store)
    assert list(again.current) == list(store.current)
    assert again.settings == {"k": 3}


@settings(max_examples=30, deadline=None)
@given(operations)
def test_a_store_is_the_fold_of_its_calls(done):
    """Reference: two stacks of calls; the current answers are those on the first one."""
    store, kept, undone = LabelStore(DS), [], []
    play(store, done)
    for operation in done:
        if operation == "undo":
            undone += [kept.pop()] if kept else []
        elif operation == "redo":
            kept += [undone.pop()] if undone else []
        elif operation != "round":
            kept.append(operation)
            undone = []
    expected = {}
    for items, labels in kept:
        expected.update(zip(items, labels, strict=True))
    assert values(store) == expected
    assert store.rounds == done.count("round")
    assert (store.can_undo, store.can_redo) == (bool(kept), bool(undone))


@settings(max_examples=20, deadline=None)
@given(operations)
def test_undoing_everything_and_redoing_everything_is_no_change(done):
    store = LabelStore(DS)
    play(store, done)
    before = store.current
    depth = 0
    while store.undo():
        depth += 1
    assert len(store) == 0
    for _ in range(depth):
        store.redo()
    assert store.current == before


@settings(max_examples=20, deadline=None)
@given(operations, st.data())
def test_any_cut_of_the_journal_is_an_earlier_state(tmp_path_factory, done, data):
    folder = tmp_path_factory.mktemp("cut")
    store = LabelStore.create(folder, DS)
    file = folder / JOURNAL_NAME
    header = file.stat().st_size
    states = [everything_plain(store)]
    for operation in done:
        play(store, [operation])
        states.append(everything_plain(store))
    raw = file.read_bytes()
    file.write_bytes(raw[: data.draw(st.integers(header, len(raw)))])
    assert everything_plain(LabelStore.open(folder, DS)) in states


def everything_plain(store: LabelStore):
    return values(store), store.rounds


# -- files ----------------------------------------------------------------------------------------------------------


def test_one_call_is_one_journal_line(tmp_path):
    store = LabelStore.create(tmp_path, DS)
    store.add([0, 1, 2], [1, 0, -1])
    store.undo()
    store.redo()
    lines = [json.loads(line) for line in (tmp_path / JOURNAL_NAME).read_text().splitlines()]
    assert [line.get("op") for line in lines] == [None, "label", "undo", "redo"]
    assert store.saved_at is not None


def test_create_refuses_a_folder_with_a_session_and_names_the_ways_on(tmp_path):
    LabelStore.create(tmp_path, DS)
    with pytest.raises(FileExistsError, match=r"already holds a session.*open.*resume.*another folder"):
        LabelStore.create(tmp_path, DS)


def test_create_takes_a_folder_with_a_torn_header(tmp_path):
    (tmp_path / JOURNAL_NAME).write_text('{"format": 1')
    LabelStore.create(tmp_path, DS).add([1], [1])
    assert values(LabelStore.open(tmp_path, DS)) == {1: 1}


def test_open_without_a_journal_is_file_not_found(tmp_path):
    with pytest.raises(FileNotFoundError):
        LabelStore.open(tmp_path, DS)


def test_an_unwritable_journal_counts_nothing(tmp_path, monkeypatch):
    store = LabelStore.create(tmp_path, DS)
    store.add([0], [1])
    store.undo()
    before = everything(store)

    def fail(event):
        raise OSError("disk full")

    monkeypatch.setattr(store.journal, "append", fail)
    for action in (lambda: store.add([1], [1]), store.redo, lambda: end_training(store)):
        with pytest.raises(OSError, match="disk full"):
            action()
    assert everything(store) == before


@pytest.mark.parametrize(
    "event",
    [
        {"op": "undo"},
        {"op": "redo"},
        {"op": "dance"},
        {},
        {"op": "round", "round": "x"},
        {"op": "label", "id": [0], "hash": ["zz"]},
        {"op": "label", "id": [0], "hash": []},
        {"op": "label", "id": [0], "hash": [f"{int(DS.item_hash[0]):016x}"], "label": [5]},
        {"op": "label", "id": [0], "hash": [f"{int(DS.item_hash[0]):016x}"], "label": [1], "asked": []},
    ],
)
def test_a_line_that_is_no_label_event_is_an_error_that_names_it(tmp_path, event):
    LabelStore.create(tmp_path, DS).add([1], [1])
    file = tmp_path / JOURNAL_NAME
    lines = file.read_text().splitlines()
    extra = ['{"op":"undo"}'] if event.get("op") == "undo" else []  # the first one is fine
    file.write_text("\n".join([*lines, *extra, json.dumps(event)]) + "\n")
    with pytest.raises(ValueError, match=rf"line {3 + len(extra)} of .* is not a valid label event"):
        LabelStore.open(tmp_path, DS)


def test_labels_of_other_data_are_refused_with_both_names(tmp_path):
    LabelStore.create(tmp_path, DS)
    other = uai.Dataset.from_arrays(X + 1, name="others")
    with pytest.raises(ValueError, match=r"labels of other data: 'eight' with 8 items, and this is 'others' with 8"):
        LabelStore.open(tmp_path, other)


OWN = [f"item {i}" for i in range(N)]


@pytest.mark.parametrize("ids", [None, OWN], ids=["default ids", "own ids"])
@pytest.mark.parametrize("change", ["reversed", "grown in front", "grown behind", "an item left out"])
def test_labels_find_their_items_in_grown_and_reordered_data(tmp_path, ids, change):
    store = LabelStore.create(tmp_path, uai.Dataset.from_arrays(X, ids=ids))
    store.add([0, 3, 6], [1, 0, -1])
    store.add([3], [1])
    store.offer([4, 5])
    order = {
        "reversed": list(range(N))[::-1],
        "grown in front": [-1, -2, *range(N)],
        "grown behind": [*range(N), -1, -2],
        "an item left out": [0, 2, 3, 4, 5, 6, 7],
    }[change]
    extra = {-1: [9.0, 9, 9], -2: [8.0, 8, 8]}
    x = np.array([extra[i] if i < 0 else X[i] for i in order])
    new_ids = None if ids is None else [f"new {i}" if i < 0 else OWN[i] for i in order]
    again = LabelStore.open(tmp_path, uai.Dataset.from_arrays(x, ids=new_ids))
    assert {order[row]: label for row, label in values(again).items()} == {0: 1, 3: 1, 6: -1}
    assert [order[row] for row in again.batch.items] == [4, 5]
    again.undo()
    assert {order[row]: label for row, label in values(again).items()} == {0: 1, 3: 0, 6: -1}


def test_what_is_labelled_in_reordered_data_is_found_from_the_old_order_too(tmp_path):
    LabelStore.create(tmp_path, DS).add([0], [1])
    LabelStore.open(tmp_path, uai.Dataset.from_arrays(X[::-1])).add([0], [0])
    assert values(LabelStore.open(tmp_path, DS)) == {0: 1, N - 1: 0}


def test_an_offered_item_that_has_changed_is_not_asked_and_needs_no_warning(tmp_path):
    LabelStore.create(tmp_path, DS).offer([4, 5])
    x = X.copy()
    x[4] += 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = LabelStore.open(tmp_path, uai.Dataset.from_arrays(x))
    assert (again.batch.items, again.unmatched) == ([5], {})


def test_offers_of_older_versions_have_no_content_and_go_by_their_ids(tmp_path):
    LabelStore.create(tmp_path, DS).offer([4, 5])
    path = tmp_path / "labels.jsonl"
    header, offer = map(json.loads, path.read_text().splitlines())
    del offer["hash"]
    path.write_text("".join(json.dumps(line) + "\n" for line in (header, offer)))
    assert LabelStore.open(tmp_path, DS).batch.items == [4, 5]


def test_a_labelled_item_that_is_gone_is_warned_of_and_its_label_stays_in_the_journal(tmp_path):
    LabelStore.create(tmp_path, DS).add([0, 7], [1, 0])
    with pytest.warns(UserWarning, match=r"0 have changed and 1 are not in this data \(ids 7\)"):
        fewer = LabelStore.open(tmp_path, uai.Dataset.from_arrays(X[:7]))
    assert values(fewer) == {0: 1}
    assert fewer.unmatched == {7: "missing"}
    assert fewer.undo() == [0]
    fewer.redo()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert values(LabelStore.open(tmp_path, DS)) == {0: 1, 7: 0}


def test_a_changed_item_does_not_keep_its_label(tmp_path):
    LabelStore.create(tmp_path, uai.Dataset.from_arrays(X, ids=OWN)).add([2, 3], [1, 1])
    changed = X.copy()
    changed[2] += 1
    with pytest.warns(UserWarning, match="'item 2'"):
        again = LabelStore.open(tmp_path, uai.Dataset.from_arrays(changed, ids=OWN))
    assert values(again) == {3: 1}
    assert again.unmatched == {"item 2": "changed"}


def test_items_of_the_same_content_keep_one_label_each_when_data_grow(tmp_path):
    a, b, z, w = [0, 0], [1, 1], [2, 2], [3, 3]
    store = LabelStore.create(tmp_path, uai.Dataset.from_arrays([a, b, b, w]))
    store.add([1], [1])
    store.add([2], [0])
    again = LabelStore.open(tmp_path, uai.Dataset.from_arrays([a, z, b, b, w]))
    assert sorted(again.current) == [2, 3]
    assert again.counts() == {1: 1, 0: 1, -1: 0}


def test_ids_keep_their_type_in_the_journal(tmp_path):
    mixed = uai.Dataset.from_arrays(X, ids=[1, "1", 2, "2", 3, "3", 4, "ä"])
    LabelStore.create(tmp_path, mixed).add([0, 7], [1, 0])
    again = LabelStore.open(tmp_path, mixed)
    assert values(again) == {0: 1, 7: 0}
    assert again.frame()["id"].tolist() == [1, "ä"]
