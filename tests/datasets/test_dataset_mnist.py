"""The _pca and _hard sets: which images are marked."""

from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest

from uai_notebook.datasets import make_hard, mnist
from uai_notebook.datasets.download import RemoteFile

RNG = np.random.default_rng(0)
CLASSES = np.repeat([3, 7], [45, 60]).astype(np.uint8)
FLAT = RNG.integers(0, 80, size=(105, 4, 4)).astype(np.uint8)


def test_the_distance_from_the_plane_is_that_of_scikit_learns_pca():
    from sklearn.decomposition import PCA

    rows = RNG.normal(size=(50, 8)) * np.arange(1, 9)
    pca = PCA(n_components=2, svd_solver="full").fit(rows)
    expected = np.square(rows - pca.inverse_transform(pca.transform(rows))).sum(axis=1)
    np.testing.assert_allclose(mnist.pca_errors(rows), expected, rtol=1e-8)


def test_a_twentieth_of_each_class_rounded_down_is_marked():
    y = mnist.far_from_plane(FLAT, CLASSES)
    assert np.bincount(CLASSES[y == 1]).tolist() == [0, 0, 0, 2, 0, 0, 0, 3]


def test_the_marked_images_are_the_farthest_of_their_class():
    y = mnist.far_from_plane(FLAT, CLASSES)
    for c in (3, 7):
        errors = mnist.pca_errors(FLAT[c == CLASSES].reshape(-1, 16))
        marked = y[c == CLASSES] == 1
        assert errors[marked].min() >= errors[~marked].max()


def test_an_image_that_is_unlike_its_class_is_marked():
    images = np.zeros((105, 4, 4), dtype=np.uint8)
    images[:, 0, :2] = RNG.integers(0, 200, size=(105, 2))  # two pixels vary: every class lies in a plane
    images[[10, 80], 3, 3] = 90
    assert set(np.flatnonzero(mnist.far_from_plane(images, CLASSES))) >= {10, 80}


@pytest.mark.parametrize(("folder", "name"), [("mnist", "mnist_hard"), ("fashion-mnist", "fashion_mnist_hard")])
def test_the_indices_that_ship_are_as_many_as_are_listed(folder, name):
    y = mnist.misclassified(folder, 60_000)
    assert int(y.sum()) == mnist.ENTRIES[name].n_anomalies


def separable(n: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Images whose bright row is their class, except for ten at the start, whose class is another one's."""
    classes = (np.arange(n) % 10).astype(np.uint8)
    images = np.zeros((n, 10, 10), dtype=np.uint8)
    images[np.arange(n), classes] = 255
    images[:10] = images[:10][:, ::-1]
    return images, classes


def test_the_weak_classifier_gets_the_odd_images_wrong_and_repeats_itself():
    recipe = make_hard.Recipe(hidden=16, steps=150)
    wrong = make_hard.weak_errors(*separable(), recipe)
    assert wrong.dtype == np.int32
    assert set(wrong) >= set(range(10))
    assert len(wrong) < 40
    np.testing.assert_array_equal(wrong, make_hard.weak_errors(*separable(), recipe))


def test_making_the_indices_leaves_the_random_state_of_torch_as_it_is():
    import torch

    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    make_hard.weak_errors(*separable(40), make_hard.Recipe(hidden=2, steps=2))
    assert torch.equal(torch.rand(1), expected)


def test_the_script_writes_the_indices_of_both_sets(tmp_path, monkeypatch):
    images, classes = separable()
    files = []
    for path, array in (("a/images.gz", images), ("a/classes.gz", classes)):
        file = tmp_path / path
        file.parent.mkdir(exist_ok=True)
        header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, dtype=">u4").tobytes()
        file.write_bytes(gzip.compress(header + array.tobytes()))
        files.append(RemoteFile(path, f"md5:{hashlib.md5(file.read_bytes()).hexdigest()}"))
    monkeypatch.setenv("UAI_NOTEBOOK_DATA", str(tmp_path))
    monkeypatch.setattr(make_hard, "FILES", {"mnist": tuple(files), "fashion-mnist": tuple(files)})
    make_hard.main(["--out", str(tmp_path / "hard.npz"), "--hidden", "4", "--steps", "20"])
    with np.load(tmp_path / "hard.npz") as found:
        assert sorted(found.files) == ["fashion-mnist", "mnist"]
        expected = make_hard.weak_errors(images, classes, make_hard.Recipe(hidden=4, steps=20))
        np.testing.assert_array_equal(found["mnist"], expected)


def test_the_file_that_ships_is_small():
    assert Path(mnist.__file__).with_name(mnist.HARD_INDICES).stat().st_size < 50_000
