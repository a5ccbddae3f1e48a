"""MNIST, Fashion-MNIST and scikit-learn's digits: the four kinds of anomalies of Sec. 4.1."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from functools import partial
from importlib.resources import files as package_files
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from uai_notebook.datasets.dataset import Dataset
from uai_notebook.datasets.download import RemoteFile
from uai_notebook.datasets.entry import Build, Entry

KEEP = 0.1
"""Share of an anomalous class that is kept (Sec. 4.1)."""

PCA_SHARE = 20
"""One in so many images of a class is an anomaly of the _pca sets: 5% (Sec. 4.1)."""

HARD_INDICES = "hard.npz"
"""Package data that `make_hard` writes: the rows of the misclassified training images, by the folder of the files."""


def thin(
    classes: npt.NDArray[Any], anomalous: Sequence[int], seed: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """Keep a tenth of each anomalous class and give it other classes.

    Parameters
    ----------
    classes : int (n,)
    anomalous : the classes to thin
    seed : int

    Returns
    -------
    kept : int64 (m,), rows in their original order
    x_y : int64 (m,), given classes; of anomalies drawn uniformly from the classes that are not anomalous
    y : uint8 (m,), 1 for the items of anomalous classes

    Notes
    -----
    Sec. 4.1, MNIST_0 and MNIST_0-2. Exactly round(n_c / 10) items of a class stay (our choice: the paper's 602 of 5,923
    zeros suggest one random draw per item).
    """
    rng = np.random.default_rng(seed)
    is_anomaly = np.isin(classes, anomalous)
    keep = ~is_anomaly
    for c in anomalous:
        of_class = np.flatnonzero(classes == c)
        keep[rng.choice(of_class, size=round(KEEP * len(of_class)), replace=False)] = True
    kept = np.flatnonzero(keep)
    y = is_anomaly[kept]
    x_y = classes[kept].astype(np.int64)
    x_y[y] = rng.choice(np.unique(classes[~is_anomaly]), size=int(y.sum()))
    return kept, x_y, y.astype(np.uint8)


def pca_errors(rows: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return how far each row is from the plane of the first two principal components.

    Parameters
    ----------
    rows : real (n, d), d >= 2

    Returns
    -------
    float64 (n,): squared distance between a row and its reconstruction from two components.

    Notes
    -----
    Sec. 4.1, MNIST_pca. The components are those of the covariance, pixels centred and not scaled (our choice, the
    usual PCA).
    """
    centred = rows.astype(np.float64)
    centred -= centred.mean(axis=0)
    plane = np.linalg.eigh(centred.T @ centred)[1][:, -2:]
    errors: npt.NDArray[np.float64] = np.square(centred).sum(axis=1) - np.square(centred @ plane).sum(axis=1)
    return errors


def far_from_plane(images: npt.NDArray[np.uint8], classes: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    """Mark the floor(n_c / 20) images of each class with the largest `pca_errors` within it: uint8 (n,).

    Notes
    -----
    Sec. 4.1, MNIST_pca; Tables 2 and 4 (2,996 and 3,000 anomalies) fix the rounding. Of equal errors the earlier row is
    taken.
    """
    y = np.zeros(len(images), dtype=np.uint8)
    for c in np.unique(classes):
        of_class = np.flatnonzero(classes == c)
        errors = pca_errors(images[of_class].reshape(len(of_class), -1))
        largest = np.argsort(-errors, kind="stable")[: len(of_class) // PCA_SHARE]
        y[of_class[largest]] = 1
    return y


def misclassified(folder: str, n: int) -> npt.NDArray[np.uint8]:
    """Mark the training images that the weak classifier of `make_hard` gets wrong: uint8 (n,).

    Parameters
    ----------
    folder : "mnist" or "fashion-mnist"
    n : number of training images
    """
    with package_files("uai_notebook.datasets").joinpath(HARD_INDICES).open("rb") as stream:
        wrong = np.load(stream)[folder]
    y = np.zeros(n, dtype=np.uint8)
    y[wrong] = 1
    return y


def read_idx(path: Path) -> npt.NDArray[np.uint8]:
    """Read a gzipped idx file of bytes (the MNIST format).

    Raises
    ------
    ValueError
        Another format, or a size that does not fit its header.
    """
    data = gzip.decompress(path.read_bytes())
    if data[:3] != b"\x00\x00\x08":
        raise ValueError(f"{path} is not an idx file of bytes: it starts with {data[:4]!r}.")
    shape = tuple(int(size) for size in np.frombuffer(data, dtype=">u4", count=data[3], offset=4))
    return np.frombuffer(data, dtype=np.uint8, offset=4 + 4 * len(shape)).reshape(shape)


def build_thinned_idx(
    name: str, paths: Sequence[Path], seed: int, *, anomalous: Sequence[int], words: Sequence[str] | None = None
) -> Dataset:
    """Thin a set of idx files, images then classes; `words` names the classes."""
    images, classes = (read_idx(path) for path in paths)
    kept, x_y, y = thin(classes, anomalous, seed)
    given = x_y if words is None else np.asarray(words)[x_y]
    return Dataset.from_images(images[kept], x_y=given, y=y, ids=kept, name=name)


def build_marked_idx(
    name: str,
    paths: Sequence[Path],
    seed: int,
    *,
    mark: Callable[[npt.NDArray[np.uint8], npt.NDArray[np.uint8]], npt.NDArray[np.uint8]],
    words: Sequence[str] | None = None,
) -> Dataset:
    """Keep all images with their own classes; ``mark(images, classes)`` says which are anomalies. No use for `seed`."""
    images, classes = (read_idx(path) for path in paths)
    given = classes if words is None else np.asarray(words)[classes]
    return Dataset.from_images(images, x_y=given, y=mark(images, classes), name=name)


def build_thinned_digits(name: str, paths: Sequence[Path], seed: int, *, anomalous: Sequence[int]) -> Dataset:
    """Thin scikit-learn's digits: 1,797 images of 8 x 8 with values 0 to 16, which come with the library."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError(f"{name} is made of scikit-learn's digits. Install it: pip install scikit-learn") from error
    digits = load_digits()
    kept, x_y, y = thin(digits.target, anomalous, seed)
    return Dataset.from_images(digits.images[kept], x_y=x_y, y=y, ids=kept, name=name, value_range=(0, 16))


# -- the entries -------------------------------------------------------------------------------------------------------

_MNIST = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/")
_FASHION = ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",)
_FASHION_WORDS = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)


def _train_files(folder: str, mirrors: tuple[str, ...], images_md5: str, labels_md5: str) -> tuple[RemoteFile, ...]:
    """Return the two training files, images first."""
    hashes = {"train-images-idx3-ubyte.gz": images_md5, "train-labels-idx1-ubyte.gz": labels_md5}
    return tuple(
        RemoteFile(f"{folder}/{name}", f"md5:{md5}", tuple(mirror + name for mirror in mirrors))
        for name, md5 in hashes.items()
    )


MNIST_FILES = _train_files("mnist", _MNIST, "f68b3c2dcbeaaa9fbdd348bbdeb94873", "d53e105ee54ea40749a09fcbcd1e9432")
FASHION_FILES = _train_files(
    "fashion-mnist", _FASHION, "8d4fb7e6c68d591d4c3dfef9ec88bf0d", "25c81989df183df01b3e8a0aad5dffbe"
)


def _hard(folder: str, words: Sequence[str] | None = None) -> Build:
    """Return the builder of a _hard set."""
    return partial(build_marked_idx, mark=lambda images, _: misclassified(folder, len(images)), words=words)


_digits = partial(Entry, n_features=64, source="scikit-learn load_digits (UCI 80)", licence="CC BY 4.0")
_mnist = partial(
    Entry,
    n_features=784,
    source="MNIST, training images",
    licence="CC BY-SA 3.0",
    files=MNIST_FILES,
)
_fashion = partial(
    Entry,
    n_features=784,
    source="Fashion-MNIST, training images",
    licence="MIT",
    files=FASHION_FILES,
)

ENTRIES: dict[str, Entry] = {
    "digits_0": _digits(
        n_items=1637,
        n_anomalies=18,
        paper="the recipe of MNIST_0 (Sec. 4.1)",
        build=partial(build_thinned_digits, anomalous=(0,)),
    ),
    "digits_0_2": _digits(
        n_items=1314,
        n_anomalies=54,
        paper="the recipe of MNIST_0-2 (Sec. 4.1)",
        build=partial(build_thinned_digits, anomalous=(0, 1, 2)),
    ),
    "mnist_0": _mnist(
        n_items=54_669,
        n_anomalies=592,
        paper="Table 2, MNIST_0: 54,679 items, 602 anomalies",
        build=partial(build_thinned_idx, anomalous=(0,)),
    ),
    "mnist_0_2": _mnist(
        n_items=43_239,
        n_anomalies=1862,
        paper="Table 2, MNIST_0-2: 43,199 items, 1,822 anomalies",
        build=partial(build_thinned_idx, anomalous=(0, 1, 2)),
    ),
    "mnist_hard": _mnist(
        n_items=60_000,
        n_anomalies=2187,
        paper="Table 2, MNIST_hard: 2,108 anomalies",
        build=_hard("mnist"),
    ),
    "mnist_pca": _mnist(
        n_items=60_000,
        n_anomalies=2996,
        paper="Table 2, MNIST_pca",
        build=partial(build_marked_idx, mark=far_from_plane),
    ),
    "fashion_mnist_0": _fashion(
        n_items=54_600,
        n_anomalies=600,
        paper="Table 4, Fashion-MNIST_0: 54,610 items, 610 anomalies",
        build=partial(build_thinned_idx, anomalous=(0,), words=_FASHION_WORDS),
    ),
    "fashion_mnist_0_2": _fashion(
        n_items=43_800,
        n_anomalies=1800,
        paper="Table 4, Fashion-MNIST_0-2: 43,765 items, 1,765 anomalies",
        build=partial(build_thinned_idx, anomalous=(0, 1, 2), words=_FASHION_WORDS),
    ),
    "fashion_mnist_hard": _fashion(
        n_items=60_000,
        n_anomalies=9454,
        paper="Table 4, Fashion-MNIST_hard: 9,656 anomalies",
        build=_hard("fashion-mnist", _FASHION_WORDS),
    ),
    "fashion_mnist_pca": _fashion(
        n_items=60_000,
        n_anomalies=3000,
        paper="Table 4, Fashion-MNIST_pca",
        build=partial(build_marked_idx, mark=far_from_plane, words=_FASHION_WORDS),
    ),
}
"""In the order of `list_datasets`."""
