"""load_dataset and list_datasets, and the recipe of Sec. 4.1."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pooch
import pytest

from uai_notebook.datasets import list_datasets, load_dataset, registry
from uai_notebook.datasets.download import RemoteFile
from uai_notebook.datasets.mnist import build_thinned_idx, read_idx, thin
from uai_notebook.datasets.sets import ENTRIES

CLASSES = np.repeat(np.arange(10), 40)


def write_idx(path: Path, array: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, dtype=">u4").tobytes()
    path.write_bytes(gzip.compress(header + array.astype(np.uint8).tobytes()))
    return path


# -- the recipe --------------------------------------------------------------------------------------------------------


def test_a_tenth_of_each_anomalous_class_stays_and_all_of_the_others():
    kept, _, y = thin(CLASSES, (0, 1, 2), seed=0)
    assert np.bincount(CLASSES[kept]).tolist() == [4, 4, 4, *[40] * 7]
    assert y.tolist() == (CLASSES[kept] <= 2).astype(int).tolist()


def test_anomalies_get_normal_classes_and_the_others_keep_theirs():
    classes = np.repeat(np.arange(10), 2000)
    kept, x_y, y = thin(classes, (0, 1, 2), seed=0)
    np.testing.assert_array_equal(x_y[y == 0], classes[kept][y == 0])
    share = np.bincount(x_y[y == 1], minlength=10) / 600
    assert share[:3].tolist() == [0, 0, 0]
    np.testing.assert_allclose(share[3:], 1 / 7, atol=0.06)


def test_rows_keep_their_original_order():
    kept, _, _ = thin(np.random.default_rng(0).permutation(CLASSES), (0,), seed=0)
    assert (np.diff(kept) > 0).all()


def test_the_same_seed_draws_the_same_and_another_seed_another_set():
    one, same, other = (thin(CLASSES, (0,), seed=seed) for seed in (1, 1, 2))
    assert all(np.array_equal(a, b) for a, b in zip(one, same, strict=True))
    assert not np.array_equal(one[0], other[0])


# -- digits ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["digits_0", "digits_0_2"])
def test_digits_have_the_counts_that_are_listed(name):
    ds = load_dataset(name)
    entry = ENTRIES[name]
    assert (len(ds), ds.n_features, int(ds.y.sum())) == (entry.n_items, entry.n_features, entry.n_anomalies)
    assert ds.value_range == (0, 16)
    assert ds.item(0).shape == (8, 8)


def test_the_ids_of_digits_are_rows_of_the_original():
    from sklearn.datasets import load_digits

    ds = load_dataset("digits_0", seed=3)
    np.testing.assert_array_equal(ds.x, load_digits().data[ds.ids])
    assert ds.class_names == tuple(range(1, 10))


def test_normal_items_have_the_same_hash_under_another_seed():
    a, b = load_dataset("digits_0", seed=0), load_dataset("digits_0", seed=1)
    np.testing.assert_array_equal(a.item_hash[a.y == 0], b.item_hash[b.y == 0])
    assert a.fingerprint != b.fingerprint


def test_without_scikit_learn_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(ImportError, match="digits_0 is made of scikit-learn's digits"):
        load_dataset("digits_0")


# -- idx files ---------------------------------------------------------------------------------------------------------


def test_a_set_of_idx_files_is_downloaded_checked_thinned_and_kept(tmp_path, monkeypatch):
    images = np.random.default_rng(0).integers(0, 256, size=(400, 2, 3), dtype=np.uint8)
    paths = [write_idx(tmp_path / "tiny/images.gz", images), write_idx(tmp_path / "tiny/classes.gz", CLASSES)]
    files = tuple(RemoteFile(f"tiny/{p.name}", f"md5:{hashlib.md5(p.read_bytes()).hexdigest()}") for p in paths)
    entry = dataclasses.replace(ENTRIES["mnist_0"], files=files, build=partial(build_thinned_idx, anomalous=(0,)))
    monkeypatch.setitem(registry.ENTRIES, "tiny_0", entry)
    monkeypatch.setenv("UAI_NOTEBOOK_DATA", str(tmp_path))
    ds = load_dataset("tiny_0")
    assert repr(ds) == "Dataset 'tiny_0': 364 items x 6 features, 9 classes, 4 known anomalies (1.1%)"
    np.testing.assert_array_equal(ds.items, images[ds.ids])
    assert ds.value_range == (0, 255)


def test_another_format_is_not_read_as_idx(tmp_path):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"hello"))
    with pytest.raises(ValueError, match="not an idx file of bytes: it starts with b'hell'"):
        read_idx(path)


# -- names and the list ------------------------------------------------------------------------------------------------


def test_an_unknown_name_is_refused_with_the_closest_and_all_names():
    with pytest.raises(ValueError, match=r"'fashion_mnist0'. Did you mean 'fashion_mnist_0'\? Names: digits_0, "):
        load_dataset("fashion_mnist0")
    with pytest.raises(ValueError, match=r"called 'zzz'. Names:"):
        load_dataset("zzz")


def test_the_list_has_a_row_per_set_with_its_counts_and_licence():
    table = list_datasets()
    columns = ["name", "n_items", "n_features", "n_anomalies", "cached", "source", "licence", "paper", "checksum"]
    assert list(table.columns) == columns
    assert table["name"].tolist() == list(ENTRIES)
    assert table["cached"].dtype == bool
    assert (table[["source", "licence", "paper"]] != "").all(axis=None)


def test_the_list_has_the_checksums_of_the_files():
    checksums = list_datasets().set_index("name")["checksum"]
    assert checksums["yeast"] == "sha256:45ebcdd9d5593fe835fa5e179844128657fb0684c83d6243cc21c811a2e3843c"
    assert checksums["mnist_0"] == "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873 md5:d53e105ee54ea40749a09fcbcd1e9432"
    assert (checksums == "").tolist() == [name.startswith("digits") for name in checksums.index]


def test_the_list_says_what_loads_without_a_network(tmp_path, monkeypatch):
    monkeypatch.setenv("UAI_NOTEBOOK_DATA", str(tmp_path))
    monkeypatch.setattr(pooch, "os_cache", lambda _: tmp_path / "own")
    for file in ENTRIES["mnist_0"].files:
        (tmp_path / file.path).parent.mkdir(exist_ok=True)
        (tmp_path / file.path).touch()
    cached = list_datasets().set_index("name")["cached"]
    assert cached["digits_0"]
    assert cached["mnist_0_2"]
    assert not cached["fashion_mnist_0"]


def test_every_file_has_a_checksum_and_an_address_of_its_own_or_of_its_originals():
    for entry in ENTRIES.values():
        for file in entry.files:
            assert file.known_hash.startswith(("md5:", "sha256:"))
            assert file.urls or file.originals


def test_the_list_has_all_names_of_the_paper():
    names = "kddcup kddcup_rev kddcup_test thyroid arrhythmia yeast abalone ctg creditcard covtype mammography shuttle"
    images = [f"{of}mnist_{kind}" for of in ("", "fashion_") for kind in ("0", "0_2", "hard", "pca")]
    assert set(list_datasets()["name"]) == {"digits_0", "digits_0_2", *images, *names.split()}


def test_the_list_counts_a_table_as_cached_where_all_its_originals_are(tmp_path, monkeypatch):
    monkeypatch.setenv("UAI_NOTEBOOK_DATA", str(tmp_path))
    monkeypatch.setattr(pooch, "os_cache", lambda _: tmp_path / "own")
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "yeast_1.csv").touch()
    assert not list_datasets().set_index("name").loc["yeast", "cached"]
    (tmp_path / "raw" / "yeast_1_orig_labels.csv").touch()
    assert list_datasets().set_index("name").loc["yeast", "cached"]
