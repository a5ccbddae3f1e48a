"""Sessions of several annotators made one: nothing is lost, and the new journal replays."""

from __future__ import annotations

import json
import random
import warnings
from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import uai_notebook as uai
from uai_notebook.agreement import opinions_of
from uai_notebook.arguments import MERGED
from uai_notebook.labels import LabelStore


@pytest.fixture
def session(ds, config, tmp_path):
    """A function: a session in a folder of this name, closed at the end."""
    made = {}

    def build(name, **options):
        if name not in made:
            made[name] = uai.ActiveSession(ds, k=5, config=config, path=tmp_path / name, **options)
        return made[name]

    yield build
    for one in made.values():
        one.close()


def answers(path, ds):
    """Who said what in a folder, without merges."""
    given = LabelStore.open(path, ds, read_only=True).given()
    return Counter((i, a.label, a.annotator, a.time, a.base_score) for i, a in given if a.annotator != MERGED)


def test_every_answer_is_there_with_its_name_time_and_scores(session, ds, tmp_path):
    anna, ben = session("anna"), session("ben", annotator="Ben")
    anna.train()
    anna.label([0, 1, 2], [1, 0, -1])
    ben.label([1, 2, 3], [0, 1, 0])
    ben.label(3, 1)
    merged = uai.merge_sessions([tmp_path / "anna", tmp_path / "ben"], tmp_path / "both", ds)
    assert merged.n_answers == {"anna": 3, "Ben": 4}
    expected = Counter({(i, v, n or "anna", t, s): c for (i, v, n, t, s), c in answers(tmp_path / "anna", ds).items()})
    assert answers(tmp_path / "both", ds) == expected + answers(tmp_path / "ben", ds)
    both = uai.ActiveSession.resume(merged.path, ds)
    assert dict(zip(*both.store.arrays(), strict=True)) == {0: 1, 1: 0, 2: 1, 3: 1}
    assert (both.settings["k"], both.round) == (5, 0)
    both.train()
    assert both.snapshot.n_labels == 4


def test_where_they_disagree_it_is_unsure_until_somebody_decides(session, ds, tmp_path):
    session("a").label([0, 1, 2], [1, 1, 0], annotator="Anna")
    session("b").label([0, 1, 2], [1, 0, 1], annotator="Ben")
    merged = uai.merge_sessions([tmp_path / "a", tmp_path / "b"], tmp_path / "both", ds)
    assert merged.conflicts["index"].tolist() == [1, 2]
    both = uai.ActiveSession.resume(merged.path, ds)
    labels = both.labels.set_index("index")
    assert labels["label"].to_dict() == {0: 1, 1: -1, 2: -1}
    assert labels.loc[1, "annotator"] == MERGED
    both.train()
    assert both.snapshot.labeled_index.tolist() == [0]
    uai.adjudicate(both, 1, 0, annotator="Cleo")
    assert both.labels.set_index("index").loc[1, ["label", "annotator"]].tolist() == [0, "Cleo"]
    assert uai.conflicts(both)["index"].tolist() == [2, 1]


def test_who_is_sure_counts_against_who_is_not_whoever_came_last(session, ds, tmp_path):
    session("a").label([0, 1], [1, -1], annotator="Anna")
    session("b").label([0, 1], [-1, 0], annotator="Ben")
    session("a").label([2], [-1], annotator="Anna")
    merged = uai.merge_sessions([tmp_path / "a", tmp_path / "b"], tmp_path / "both", ds)
    assert merged.conflicts.empty
    store = LabelStore.open(merged.path, ds)
    assert {i: answer.label for i, answer in store.current.items()} == {0: 1, 1: 0, 2: -1}


def test_what_was_taken_back_is_not_taken_over(session, ds, tmp_path):
    a = session("a")
    a.label(0, 1)
    a.label(1, 1)
    a.undo()
    a.label(2, 0)
    a.undo()
    a.redo()
    session("b").label(5, 1)
    merged = uai.merge_sessions([tmp_path / "a", tmp_path / "b"], tmp_path / "both", ds)
    assert sorted(LabelStore.open(merged.path, ds).current) == [0, 2, 5]


@pytest.mark.parametrize(("second", "budget"), [([0, 1, 5], 5), ([5, 6, 7], None)])
def test_a_budget_that_all_together_exceed_is_left_out(ds, tmp_path, second, budget):
    kept = {"k": 3, "budget": 5}
    for name, items in (("a", [0, 1, 2]), ("b", second)):
        LabelStore.create(tmp_path / name, ds, kept).add(items, [0] * 3)
    merged = uai.merge_sessions([tmp_path / "a", tmp_path / "b"], tmp_path / "both", ds)
    assert LabelStore.open(merged.path, ds).settings == {"k": 3, "budget": budget}


def test_notes_are_kept_those_of_several_annotators_together(session, ds, tmp_path):
    session("a").note(3, "odd")
    session("a").note(4, "gone")
    session("a").note(4, "")
    session("b").note(3, "a scratch")
    session("b").note(5, "alone")
    merged = uai.merge_sessions([tmp_path / "a", tmp_path / "b"], tmp_path / "both", ds)
    both = uai.ActiveSession.resume(merged.path, ds)
    assert both.notes == {3: "a: odd\nb: a scratch", 5: "alone"}


@pytest.mark.parametrize("kind", ["answers", "notes", "answers after a decision"])
def test_a_clock_that_jumped_back_does_not_bring_an_old_answer_back(ds, tmp_path, monkeypatch, kind):
    clock = iter(f"2026-01-01T{hour}:00:00.000+00:00" for hour in ("12", "11", "10"))
    a, b = (LabelStore.create(tmp_path / name, ds, {}) for name in "ab")
    with monkeypatch.context() as patch:
        patch.setattr("uai_notebook.labels._now", lambda: next(clock))
        if kind == "notes":
            a.note(3, "old", "Anna")
            a.note(3, "new", "Anna")
        else:
            if kind != "answers":
                a.add([4], [-1], annotator=MERGED)
            a.add([4, 3], [1, 1], annotator="Anna")
            a.add([3], [0], annotator="Anna")
    b.add([5], [0], annotator="Ben")
    merged = LabelStore.open(uai.merge_sessions([tmp_path / "a", tmp_path / "b"], tmp_path / "both", ds).path, ds)
    assert merged.notes == a.notes
    assert [merged.get(i).label for i in a.current] == [answer.label for answer in a.current.values()]


# -- merging again ----------------------------------------------------------------------------------------------------


def test_what_several_folders_share_counts_once(session, ds, tmp_path):
    import shutil

    session("a").label([0, 1], 1, annotator="Anna")
    shutil.copytree(tmp_path / "a", tmp_path / "copy", ignore=shutil.ignore_patterns("*lock*"))
    session("a").label(2, 1, annotator="Anna")
    copy = uai.ActiveSession.resume(tmp_path / "copy", ds)
    copy.label(3, 1, annotator="Ben")
    copy.close()
    merged = uai.merge_sessions([tmp_path / "a", tmp_path / "copy"], tmp_path / "both", ds)
    assert (merged.n_answers, merged.n_repeated) == ({"Anna": 3, "Ben": 1}, 1)


@pytest.mark.parametrize(
    ("names", "counts", "disagreed"), [(None, {"a": 5}, []), (["Anna", "Ben"], {"Anna": 4, "Ben": 1}, [3])]
)
def test_a_copy_without_names_is_of_the_same_person_unless_names_are_given(ds, tmp_path, names, counts, disagreed):
    import shutil

    a = LabelStore.create(tmp_path / "a", ds, {})
    a.add([3, 4, 5], [1, 1, 0])
    a.note(3, "odd")
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    a.add([6], [1])
    LabelStore.open(tmp_path / "b", ds).add([3], [0])
    merged = uai.merge_sessions([tmp_path / "a", tmp_path / "b"], tmp_path / "both", ds, names=names)
    assert (merged.n_answers, merged.n_repeated) == (counts, 2)
    assert merged.conflicts["index"].tolist() == disagreed
    store = LabelStore.open(merged.path, ds)
    assert store.get(3).label == (-1 if disagreed else 0)
    assert store.notes == {3: "odd"}


def test_a_merge_can_be_merged_again_and_decisions_stay(session, ds, tmp_path):
    session("a").label([0, 1], 1, annotator="Anna")
    session("b").label([0, 1], 0, annotator="Ben")
    first = uai.merge_sessions([tmp_path / "a", tmp_path / "b"], tmp_path / "ab", ds)
    ab = uai.ActiveSession.resume(first.path, ds)
    uai.adjudicate(ab, 0, 1, annotator="Dora")
    ab.close()
    session("c").label([0, 1, 2], [0, 0, 1], annotator="Cleo")  # later than the decision, and no decision
    merged = uai.merge_sessions([tmp_path / "c", first.path, tmp_path / "a"], tmp_path / "abc", ds)
    assert merged.n_answers == {"Anna": 2, "Ben": 2, "Cleo": 3, "Dora": 1}
    assert merged.n_repeated == 1
    found = merged.conflicts.set_index("index")
    assert found["normal"].to_dict() == {0: "Ben, Cleo", 1: "Ben, Cleo"}
    assert found["decided_by"].to_dict() == {0: "Dora", 1: ""}
    store = LabelStore.open(merged.path, ds)
    assert {i: answer.label for i, answer in store.current.items()} == {0: 1, 1: -1, 2: 1}


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_a_merge_loses_and_invents_nothing(ds, tmp_path_factory, seed):
    rng, folder = random.Random(seed), tmp_path_factory.mktemp("m")
    for name in ("a", "b", "c"):
        store = LabelStore.create(folder / name, ds, {})
        for _ in range(rng.randrange(1, 12)):
            if rng.random() < 0.3:
                rng.choice([store.undo, store.redo])()
            else:
                items = rng.sample(range(6), rng.randrange(1, 4))
                store.add(items, [rng.choice([1, 0, -1]) for _ in items], annotator=rng.choice(["", "Anna", "Ben"]))
    expected = Counter()
    for name in ("a", "b", "c"):
        for (i, v, who, t, s), count in answers(folder / name, ds).items():
            expected[i, v, who or name, t, s] += count
    merged = uai.merge_sessions([folder / name for name in "abc"], folder / "all", ds)
    found = answers(folder / "all", ds)
    assert set(found) == set(expected)
    assert sum(found.values()) == sum(merged.n_answers.values())
    store = LabelStore.open(folder / "all", ds)
    for i, said in opinions_of(store).items():
        assert store.get(i).label == said.together
        assert (i in merged.conflicts["index"].tolist()) == said.in_conflict


# -- other data, other files ------------------------------------------------------------------------------------------


def test_items_that_moved_are_found_and_those_that_are_gone_are_named(tmp_path):
    x = np.random.default_rng(0).normal(size=(40, 3))
    old = uai.Dataset.from_arrays(x, ids=[f"i{j}" for j in range(40)])
    for name in ("a", "b"):
        LabelStore.create(tmp_path / name, old, {}).add([3, 39], [1, 0], annotator=name)
    new = uai.Dataset.from_arrays(x[:39][::-1], ids=[f"i{j}" for j in range(39)][::-1])
    merged = uai.merge_sessions([tmp_path / "a", tmp_path / "b"], tmp_path / "both", new)
    assert merged.unmatched == {"i39": "missing"}
    with pytest.warns(UserWarning, match="1 are not in this data"):
        assert list(LabelStore.open(merged.path, new).current) == [35]
    assert len(LabelStore.open(merged.path, old)) == 2, "they are in the journal"


def test_annotators_whose_rows_were_in_another_order_are_of_the_same_items(ds, tmp_path):
    turned = uai.Dataset.from_arrays(ds.x[::-1], x_y=ds.x_y[::-1])
    for name, data, rows, labels in (("a", ds, [3, 4], [1, 1]), ("b", turned, [76, 75], [0, 1])):
        store = LabelStore.create(tmp_path / name, data, {})
        store.add(rows, labels, annotator=name)
        store.note(rows[0], f"of {name}", annotator=name)
    merged = uai.merge_sessions([tmp_path / "a", tmp_path / "b"], tmp_path / "both", ds)
    assert (merged.conflicts["index"].tolist(), merged.unmatched) == ([3], {})
    session = uai.ActiveSession.open(merged.path, ds)
    assert session.store.arrays()[0].tolist() == [4, 3]
    assert session.store.arrays()[1].tolist() == [1, -1], "Unsure until somebody decides"
    assert session.notes == {3: "a: of a\nb: of b"}
    assert uai.agreement_table(session)["n"].tolist() == [2]


def test_a_decision_in_reordered_data_stays_one_when_merged_again(ds, tmp_path):
    for name, label in (("a", 1), ("b", 0)):
        LabelStore.create(tmp_path / name, ds, {}).add([3], [label], annotator=name)
    uai.merge_sessions([tmp_path / "a", tmp_path / "b"], tmp_path / "both", ds)
    turned = uai.Dataset.from_arrays(ds.x[::-1], x_y=ds.x_y[::-1])
    session = uai.ActiveSession.open(tmp_path / "both", turned)
    uai.adjudicate(session, 76, 0, annotator="cleo")
    session.close()
    LabelStore.create(tmp_path / "c", turned, {}).add([5], [1], annotator="c")
    again = uai.merge_sessions([tmp_path / "both", tmp_path / "c"], tmp_path / "all", turned)
    assert again.conflicts[["index", "decision", "decided_by"]].values.tolist() == [[76, 0, "cleo"]]


def test_a_conflict_on_an_item_that_is_gone_is_one_when_it_is_there_again(ds, tmp_path):
    for name, label in (("a", 1), ("b", 0)):
        LabelStore.create(tmp_path / name, ds, {}).add([3, 79], [1, label], asked=[True, False], annotator=name)
    fewer = uai.Dataset.from_arrays(ds.x[:79], x_y=ds.x_y[:79])
    merged = uai.merge_sessions([tmp_path / "a", tmp_path / "b"], tmp_path / "both", fewer)
    assert merged.unmatched == {79: "missing"}
    assert merged.conflicts.empty, "of items that the data have"
    store = LabelStore.open(merged.path, ds)
    assert uai.conflicts(store)["index"].tolist() == [79]
    assert {i: (answer.label, answer.asked) for i, answer in store.current.items()} == {3: (1, True), 79: (-1, False)}


def test_the_folders_are_only_read(session, ds, tmp_path):
    session("a").label(0, 1)
    session("b").label(0, 0)
    with (tmp_path / "b" / "labels.jsonl").open("ab") as file:
        file.write(b'{"op":"label"')  # torn
    before = {p: p.read_bytes() for name in "ab" for p in (tmp_path / name).rglob("*") if p.is_file()}
    uai.merge_sessions([tmp_path / "a", tmp_path / "b"], tmp_path / "both", ds)
    assert {p: p.read_bytes() for p in before} == before


def test_what_does_not_fit_is_said_and_nothing_is_written(session, ds, tmp_path):
    a, b = tmp_path / "a", tmp_path / "b"
    session("a").label(0, 1)
    session("b").label(0, 1)
    with pytest.raises(ValueError, match="1 folders, 1 of them different"):
        uai.merge_sessions([a], tmp_path / "new", ds)
    with pytest.raises(ValueError, match="2 folders, 1 of them different"):
        uai.merge_sessions([a, a], tmp_path / "new", ds)
    with pytest.raises(FileNotFoundError, match="no label journal"):
        uai.merge_sessions([a, tmp_path / "none"], tmp_path / "new", ds)
    with pytest.raises(FileExistsError, match="choose a new folder"):
        uai.merge_sessions([a, b], a, ds)
    with pytest.raises(ValueError, match="a different one for each"):
        uai.merge_sessions([a, b], tmp_path / "new", ds, names=["Anna", "Anna"])
    with pytest.raises(ValueError, match="labels of other data"):
        uai.merge_sessions([a, b], tmp_path / "new", uai.Dataset.from_arrays(np.eye(5)))
    with (b / "labels.jsonl").open("ab") as file:
        file.write(json.dumps({"op": "undone"}).encode() + b"\n")
    with pytest.raises(ValueError, match=r"line \d of .*b.labels.jsonl is not a valid label event"):
        uai.merge_sessions([a, b], tmp_path / "new", ds)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a", "b"]


ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.lists(st.integers(), max_size=3),
    st.just({}),
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(line=st.integers(0, 5), field=st.integers(0, 9), value=ODD)
def test_a_journal_that_was_tampered_with_is_a_clear_error_or_merged(ds, tmp_path_factory, line, field, value):
    folder = tmp_path_factory.mktemp("t")
    for name in ("a", "b"):
        store = LabelStore.create(folder / name, ds, {})
        store.add([0, 1], [1, 0], annotator="Anna")
        store.note(3, "odd", annotator="Anna")
        store.add([2], [1])
        store.undo()
        store.redo()
    path = folder / "b" / "labels.jsonl"
    events = [json.loads(text) for text in path.read_text().splitlines()]
    event = events[line]
    event[sorted(event)[field % len(event)]] = value
    path.write_text("".join(json.dumps(one) + "\n" for one in events))
    try:
        merged = uai.merge_sessions([folder / "a", folder / "b"], folder / "both", ds)
    except ValueError as error:
        assert str(folder) in str(error)  # noqa: PT017
        assert sorted(p.name for p in folder.iterdir()) == ["a", "b"]
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            assert len(LabelStore.open(merged.path, ds)) >= 2


def test_names_are_given_to_answers_without_one(session, ds, tmp_path):
    session("a").label(0, 1)
    session("b").label(0, 1)
    merged = uai.merge_sessions([tmp_path / "a", tmp_path / "b"], tmp_path / "new", ds, names=["Anna", "Ben"])
    assert merged.n_answers == {"Anna": 1, "Ben": 1}
    assert isinstance(merged.conflicts, pd.DataFrame)
