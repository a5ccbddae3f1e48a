"""The data sets: where their files are, and how each is made of them. A new one is one more entry of `ENTRIES`."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from uai_notebook.datasets.dataset import Dataset
from uai_notebook.datasets.download import RemoteFile

KEEP = 0.1
"""Share of an anomalous class that is kept (Sec. 4.1)."""

Build = Callable[[str, Sequence[Path], int], Dataset]  # name, paths of the files in their order, seed


@dataclass(frozen=True)
class Entry:
    """A data set that `load_dataset` can make; the counts are those of what it makes."""

    n_items: int
    n_features: int
    n_anomalies: int
    source: str
    licence: str
    paper: str
    build: Build
    files: tuple[RemoteFile, ...] = ()


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


def build_thinned_digits(name: str, paths: Sequence[Path], seed: int, *, anomalous: Sequence[int]) -> Dataset:
    """Thin scikit-learn's digits: 1,797 images of 8 x 8 with values 0 to 16, which come with the library."""
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise ImportError(f"{name} is made of scikit-learn's digits. Install it: pip install scikit-learn") from error
    digits = load_digits()
    kept, x_y, y = thin(digits.target, anomalous, seed)
    return Dataset.from_images(digits.images[kept], x_y=x_y, y=y, ids=kept, name=name, value_range=(0, 16))


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


_digits = partial(Entry, n_features=64, source="scikit-learn load_digits (UCI 80)", licence="CC BY 4.0")
_mnist = partial(
    Entry,
    n_features=784,
    source="MNIST, training images",
    licence="CC BY-SA 3.0",
    files=_train_files("mnist", _MNIST, "f68b3c2dcbeaaa9fbdd348bbdeb94873", "d53e105ee54ea40749a09fcbcd1e9432"),
)
_fashion = partial(
    Entry,
    n_features=784,
    source="Fashion-MNIST, training images",
    licence="MIT",
    files=_train_files(
        "fashion-mnist", _FASHION, "8d4fb7e6c68d591d4c3dfef9ec88bf0d", "25c81989df183df01b3e8a0aad5dffbe"
    ),
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
}
