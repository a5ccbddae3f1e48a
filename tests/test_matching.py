"""Items and their labels in data that are reordered, grow, lose items or change, again and again."""

from __future__ import annotations

import json
import shutil
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

import uai_notebook as uai
from uai_notebook.labels import JOURNAL_NAME, LabelStore

X = np.random.default_rng(3).normal(size=(60, 2)).astype(np.float32)  # each row another content
START = list(range(10))


def data(contents: list[int], ids: list[Any] | None = None) -> uai.Dataset:
    """A data set with these rows of X, in this order."""
    return uai.Dataset.from_arrays(X[contents], ids=ids)


def opened(folder: Path, ds: uai.Dataset) -> LabelStore:
    """The journal on this data; what is reported is looked at elsewhere."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return LabelStore.open(folder, ds)


def values(store: LabelStore) -> dict[int, int]:
    return {i: answer.label for i, answer in store.current.items()}


# -- row numbers ----------------------------------------------------------------------------------------------------


def test_an_item_answered_under_its_old_and_its_new_row_number_keeps_its_answers_and_notes(tmp_path):
    store = LabelStore.create(tmp_path, data(START))
    store.add([0], [1])
    store.note(0, "before")
    turned = data(START[::-1])
    again = opened(tmp_path, turned)
    again.add([9], [0])
    assert (values(again), again.notes) == ({9: 0}, {9: "before"})
    assert again.undo() == [9]
    for ds, row in ((turned, 9), (data(START), 0)):
        there = opened(tmp_path, ds)
        assert (values(there), there.notes, there.unmatched) == ({row: 1}, {row: "before"}, {})


def test_numbers_that_are_ids_and_no_row_numbers_name_their_items(tmp_path):
    ids = [7000 + i for i in START]
    LabelStore.create(tmp_path, data(START, ids)).add([2], [1])
    twin = data([0, 1, 20, 3, 4, 2, 6, 7, 8, 9], ids)  # 7002 has changed, and 7005 is now as that was
    assert (values(opened(tmp_path, twin)), opened(tmp_path, twin).unmatched) == ({}, {7002: "changed"})


# -- names ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("there", [True, False])
def test_no_other_item_gets_the_label_of_one_that_has_changed_or_is_gone(tmp_path, there):
    ids = [f"customer {i}" for i in START]
    twins = [0, 1, 2, 3, 4, 2, 6, 7, 8, 9]  # 2 and 5 are alike
    LabelStore.create(tmp_path, data(twins, ids)).add([2], [1])
    now = [20 if i == 2 else c for i, c in enumerate(twins)]
    new = data(now, ids) if there else data(twins[3:], ids[3:])
    store = opened(tmp_path, new)
    assert values(store) == {}
    assert store.unmatched == {"customer 2": "changed" if there else "missing"}


def test_data_that_are_given_without_their_names_are_known_by_content(tmp_path):
    LabelStore.create(tmp_path, data(START, [f"item {i}" for i in START])).add([2], [1])
    assert values(opened(tmp_path, data(START[::-1]))) == {7: 1}


# -- what is reported -----------------------------------------------------------------------------------------------


def test_a_label_that_was_taken_back_is_not_reported(tmp_path):
    store = LabelStore.create(tmp_path, data(START))
    store.add([0], [1])
    store.add([1], [1])
    store.undo()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert LabelStore.open(tmp_path, data([0, 20, *START[2:]])).unmatched == {}


def test_a_changed_item_is_reported_again_when_its_new_label_is_taken_back(tmp_path):
    LabelStore.create(tmp_path, data(START)).add([1], [1])
    changed = data([0, 20, *START[2:]])
    store = opened(tmp_path, changed)
    for action, reported in ((lambda: store.add([1], [0]), {}), (store.undo, {1: "changed"}), (store.redo, {})):
        action()
        assert store.unmatched == opened(tmp_path, changed).unmatched == reported


def test_a_note_on_a_changed_item_is_reported_until_there_is_a_new_one(tmp_path):
    LabelStore.create(tmp_path, data(START)).note(1, "as it was")
    changed = data([0, 20, *START[2:]])
    store = opened(tmp_path, changed)
    assert (store.notes, store.unmatched) == ({}, {1: "changed"})
    store.note(1, "as it is")
    assert store.unmatched == opened(tmp_path, changed).unmatched == {}


def test_a_journal_that_does_not_say_what_its_numbers_are_takes_them_for_row_numbers(tmp_path):
    LabelStore.create(tmp_path, data(START)).add([0], [1])
    file = tmp_path / JOURNAL_NAME
    header, *events = file.read_text().splitlines(keepends=True)
    old = json.loads(header)
    assert old.pop("row_ids") is True
    file.write_text("".join([json.dumps(old) + "\n", *events]))
    assert values(opened(tmp_path, data(START[::-1]))) == {9: 1}


# -- any of it, in any order ----------------------------------------------------------------------------------------


class Moves(RuleBasedStateMachine):
    """A journal, and a model of it that knows items by what they are."""

    named = False

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="moves"))
        self.next = len(START)
        self.kept: list[dict[int, tuple[Any, int]]] = []  # content to id and label, of each call
        self.undone: list[dict[int, tuple[Any, int]]] = []
        self.notes: dict[int, str] = {}

    @initialize()
    def begin(self) -> None:
        """Ten items."""
        self.contents, self.ids = list(START), [f"n{i}" for i in START]
        self.store = LabelStore.create(self.folder, self._ds())

    @rule(rows=st.lists(st.integers(0, 4), min_size=1, max_size=3, unique=True), label=st.sampled_from([1, 0, -1]))
    def label(self, rows: list[int], label: int) -> None:
        """One call."""
        self.store.add(rows, [label] * len(rows))
        self.kept.append({self.contents[i]: (self._id(i), label) for i in rows})
        self.undone.clear()

    @rule()
    def undo(self) -> None:
        """One step back."""
        self.store.undo()
        if self.kept:
            self.undone.append(self.kept.pop())

    @rule()
    def redo(self) -> None:
        """One step forward."""
        self.store.redo()
        if self.undone:
            self.kept.append(self.undone.pop())

    @rule(row=st.integers(0, 4), text=st.sampled_from(["", "a", "b"]))
    def note(self, row: int, text: str) -> None:
        """A note, or none any more."""
        self.store.note(row, text)
        self.notes.pop(self.contents[row], None)
        if text:
            self.notes[self.contents[row]] = text

    @rule(seed=st.integers(0, 2**16), grown=st.integers(0, 1), changed=st.integers(0, 1), gone=st.integers(0, 1))
    def change(self, seed: int, grown: int, changed: int, gone: int) -> None:
        """The data come in another order, with more, fewer and other items."""
        chance = np.random.default_rng(seed)
        order = chance.permutation(len(self.contents)).tolist()
        old = sum(content in START for content in self.contents)
        if old - gone - changed > len(START) // 2 and self.next + grown + changed <= len(X):  # else it is other data
            order = order[gone:]
            self.contents, self.ids = [self.contents[i] for i in order], [self.ids[i] for i in order]
            self.contents[:changed] = range(self.next, self.next + changed)
            self.contents += range(self.next + changed, self.next + changed + grown)
            self.ids += [f"n{self.next + n}" for n in range(grown)]
            self.next += changed + grown
        self.store = opened(self.folder, self._ds())

    @invariant()
    def every_answer_is_where_its_item_is(self) -> None:
        """In the store that goes on, and in one that is opened now."""
        if not hasattr(self, "store"):
            return
        row = {content: i for i, content in enumerate(self.contents)}
        expected: dict[int, int] = {}
        for step in self.kept:
            expected |= {row[c]: label for c, (_, label) in step.items() if c in row}
        replayed = opened(self.folder, self._ds())
        assert values(self.store) == values(replayed) == expected
        assert self.store.notes == replayed.notes == {row[c]: text for c, text in self.notes.items() if c in row}
        assert self.store.unmatched == replayed.unmatched
        reported = self._lost(row)
        assert {i: self.store.unmatched[i] for i in reported} == reported

    def _lost(self, row: dict[int, int]) -> dict[Any, str]:
        here, found = {self._id(i): i for i in range(len(self.contents))}, {}
        for step in self.kept:
            for content, (item_id, _) in step.items():
                if content not in row:
                    found[item_id] = "changed" if item_id in here else "missing"
                elif here.get(item_id) == row[content]:
                    found.pop(item_id, None)
        return found

    def _id(self, row: int) -> Any:
        return self.ids[row] if self.named else row

    def _ds(self) -> uai.Dataset:
        return data(self.contents, self.ids if self.named else None)

    def teardown(self) -> None:
        """Nothing stays."""
        shutil.rmtree(self.folder, ignore_errors=True)


class NamedMoves(Moves):
    """The same where items have names."""

    named = True


for machine in (Moves, NamedMoves):
    machine.TestCase.settings = settings(
        max_examples=20, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
    )
TestMoves, TestNamedMoves = Moves.TestCase, NamedMoves.TestCase
