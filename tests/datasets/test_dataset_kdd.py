"""KDD Cup 1999: text to arrays, arrays to the three sets."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from uai_notebook.datasets import Dataset, is_new_attack, kdd, kdd_original, load_dataset
from uai_notebook.datasets.prepared import read_arrays

DATA = os.environ.get("UAI_NOTEBOOK_DATA", "")
FILES = (kdd.TRAINING, kdd.TEST)
needs_kdd = pytest.mark.skipif(
    not DATA or not all((Path(DATA) / file.path).is_file() for file in FILES),
    reason="UAI_NOTEBOOK_DATA names no folder with the KDD files",
)


def line(protocol="tcp", service="http", flag="SF", host_login="0", rate="0.17", label="normal.") -> str:
    start = ["0", protocol, service, flag, "181", "5450", "0", *["0"] * 4, "1", *["0"] * 8, host_login, "0"]
    return ",".join([*start, "8", "9", *[rate] * 7, "9", "9", *["1.00"] * 8, label])


TRAINING_TEXT = "\n".join(
    [line(), line(label="smurf.", service="ecr_i", protocol="icmp"), line(service="red_i", flag="S0", label="neptune.")]
)
TEST_TEXT = "\n".join(
    [line(service="icmp", host_login="1", label="mailbomb."), line(rate="1.00"), line(label="smurf.")]
)


@pytest.fixture(scope="module")
def tables() -> list[dict[str, np.ndarray]]:
    """The training and the test file of three connections each."""
    frames = [kdd_original.read_connections(text.encode()) for text in (TRAINING_TEXT, TEST_TEXT)]
    return [kdd_original.pack(frames, which) for which in (0, 1)]


def test_numbers_and_words_come_back_as_they_were_written(tables):
    rows = kdd.raw_rows(tables[0], np.arange(3))
    assert list(rows.columns) == [*kdd_original.CONTINUOUS, *kdd_original.SYMBOLIC]
    first = rows.iloc[0]
    assert (first["src_bytes"], first["serror_rate"], first["dst_host_count"], first["service"]) == (
        181,
        0.17,
        9,
        "http",
    )
    assert rows["flag"].tolist() == ["SF", "SF", "S0"]


def test_words_have_the_same_code_in_both_files(tables):
    for name in (*(f"vocab_{c}" for c in kdd_original.SYMBOLIC), "label_vocab"):
        np.testing.assert_array_equal(tables[0][name], tables[1][name])
    assert tables[0]["vocab_service"].tolist() == ["ecr_i", "http", "icmp", "red_i"]
    assert kdd.labels(tables[1]).tolist() == ["mailbomb", "normal", "smurf"]


def test_every_level_of_the_training_file_has_a_column(tables):
    x, names = kdd.encode(tables[0], np.arange(3), kdd.levels(tables[0]))
    assert names[:34] == list(kdd_original.CONTINUOUS)
    assert names[34:42] == [
        *("protocol_type=icmp", "protocol_type=tcp", "service=ecr_i", "service=http", "service=red_i"),
        *("flag=S0", "flag=SF", "land=0"),
    ]
    np.testing.assert_array_equal(x[1, 34:42], [1, 0, 1, 0, 0, 0, 1, 1])
    assert x[0, names.index("serror_rate")] == np.float32(0.17)


def test_a_level_that_only_the_test_file_has_is_all_zeros_in_its_group(tables):
    x, names = kdd.encode(tables[1], np.arange(3), kdd.levels(tables[0]))
    of_service = [j for j, name in enumerate(names) if name.startswith(("service=", "is_host_login="))]
    assert x[0, of_service].tolist() == [0, 0, 0, 0]
    assert x[1, of_service].tolist() == [0, 1, 0, 1]


def test_the_type_of_attack_is_neither_a_feature_nor_shown(tables):
    ds = kdd._dataset("tiny", tables[1], np.arange(3), kdd.levels(tables[0]), anomaly_is_normal=False)
    assert ds.source_class.tolist() == ["mailbomb", "normal", "smurf"]
    assert ds.y.tolist() == [1, 0, 1]
    assert is_new_attack(ds).tolist() == [True, False, False]
    shown = {*map(str, ds.item(0)), *ds.item(0).index, *ds.feature_names}
    assert not shown & {"mailbomb", "label", "attack type"}


def test_a_data_set_without_types_is_refused_by_is_new_attack():
    with pytest.raises(ValueError, match=r"'toy' has no source_class, .* load_dataset\(\"kddcup_test\"\)"):
        is_new_attack(Dataset.from_arrays([[0, 1], [2, 3]], name="toy"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2,3\n", "the file has 3 columns, where 42 are expected"),
        (line(rate="high"), "could not convert|[Uu]nable to parse"),
        (line(rate="0.123"), "two decimals"),
    ],
)
def test_another_format_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        kdd_original.pack([kdd_original.read_connections(text.encode())], 0)


@pytest.mark.data
@needs_kdd
@pytest.mark.skipif(
    not DATA or not all((Path(DATA) / part.path).is_file() for part in kdd.ORIGINALS),
    reason="UAI_NOTEBOOK_DATA names no folder with the original KDD files",
)
def test_the_original_files_give_exactly_the_ready_made_tables():
    frames = [kdd_original.read_connections(kdd_original.unpack(Path(DATA) / part.path)) for part in kdd.ORIGINALS]
    for which, file in enumerate(FILES):
        rebuilt, ready = kdd_original.pack(frames, which), read_arrays(Path(DATA) / file.path)
        assert rebuilt.keys() == ready.keys()
        for name in ready:
            np.testing.assert_array_equal(rebuilt[name], ready[name])
        assert file.problem(rebuilt) == ""


@pytest.mark.data
@needs_kdd
def test_the_known_types_are_those_of_the_training_file():
    training, test = (kdd.labels(read_arrays(Path(DATA) / file.path)) for file in FILES)
    assert set(training) == kdd.TRAINING_TYPES
    assert len(set(test) - kdd.TRAINING_TYPES) == 17


@pytest.mark.data
@needs_kdd
def test_the_test_set_has_the_papers_numbers_and_the_columns_of_the_training_sets():
    ds, rev = load_dataset("kddcup_test", seed=1), load_dataset("kddcup_rev", seed=1)
    assert int((ds.y == 0).sum()) == 60_593
    assert int(is_new_attack(ds).sum()) == 3_498
    assert int((ds.y == 1).sum() - is_new_attack(ds).sum()) == 3_817
    assert ds.feature_names == rev.feature_names
    assert not is_new_attack(rev).any()
    assert (rev.source_class[rev.y == 0] == "normal").all()


@pytest.mark.data
@needs_kdd
def test_a_draw_depends_on_the_seed_and_ids_are_rows_of_the_original():
    one, same, other = (load_dataset("kddcup_rev", seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one.ids, same.ids)
    assert not np.array_equal(one.ids, other.ids)
    np.testing.assert_array_equal(one.ids[one.y == 0], other.ids[other.y == 0])
    labels = kdd.labels(read_arrays(Path(DATA) / kdd.TRAINING.path))
    np.testing.assert_array_equal(labels[one.ids], one.source_class.astype(str))
