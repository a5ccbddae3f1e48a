"""KDD Cup 1999: the sets KDDCUP, KDDCUP-Rev and the test set of Figure 4."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from uai_notebook.datasets import checks, kdd_original
from uai_notebook.datasets.dataset import Dataset
from uai_notebook.datasets.download import RemoteFile
from uai_notebook.datasets.entry import Entry
from uai_notebook.datasets.prepared import Arrays, Prepared, read_arrays

NORMAL = "normal"
"""What the source calls a connection that is no attack."""

TRAINING_TYPES = frozenset(
    {
        *("normal", "back", "buffer_overflow", "ftp_write", "guess_passwd", "imap", "ipsweep", "land"),
        *("loadmodule", "multihop", "neptune", "nmap", "perl", "phf", "pod", "portsweep", "rootkit", "satan"),
        *("smurf", "spy", "teardrop", "warezclient", "warezmaster"),
    }
)
"""What occurs in the training file, the 10 percent file: 22 types of attack, and normal."""

REV_ATTACKS = 24_319
"""Attacks kept in KDDCUP-Rev: 20% of its items (Table 1)."""

TEST_SEEN, TEST_UNSEEN = 3_817, 3_498
"""Attacks in the test set of Figure 4, of types that the training file has and of others (Sec. 4.3)."""


def is_new_attack(ds: Dataset) -> npt.NDArray[np.bool_]:
    """Tell which items of a KDD set are attacks of a type that the training file does not have.

    Parameters
    ----------
    ds : Dataset
        One of kddcup, kddcup_rev and kddcup_test.

    Returns
    -------
    bool (n,); nowhere True in kddcup and kddcup_rev.

    Raises
    ------
    ValueError
        A data set without attack types.

    Notes
    -----
    Figure 4 draws the recall of new attacks and that of the others apart.

    Examples
    --------
    >>> ds = Dataset.from_arrays([[105.0, 146.0], [1032.0, 0.0]], name="two connections")
    >>> ds = dataclasses.replace(ds, source_class=np.array(["mailbomb", "smurf"]))
    >>> is_new_attack(ds)
    array([ True, False])
    """
    if ds.source_class is None:
        raise ValueError(
            f"{ds.name!r} has no source_class, which holds the attack types. Load it with "
            'load_dataset("kddcup_test"), "kddcup_rev" or "kddcup".'
        )
    return ~np.isin(ds.source_class.astype(str), sorted(TRAINING_TYPES))


def labels(table: Arrays) -> npt.NDArray[np.str_]:
    """Return the type of each row in words, str (n,): "normal", "smurf", ..."""
    words: npt.NDArray[np.str_] = np.char.rstrip(table["label_vocab"], ".")[table["label_codes"]]
    return words


def raw_rows(table: Arrays, kept: npt.NDArray[np.int64]) -> pd.DataFrame:
    """Return the connections as the source writes them: DataFrame (m, 41), numbers first, then words."""
    columns: dict[str, Any] = {}
    for j, (name, divisor) in enumerate(zip(table["cont_names"], table["cont_div"], strict=True)):
        values = table["cont_q"][kept, j]
        columns[str(name)] = values if divisor == 1 else values / divisor
    for j, name in enumerate(table["cat_names"]):
        columns[str(name)] = pd.Categorical.from_codes(table["cat_codes"][kept, j], table[f"vocab_{name}"].tolist())
    return pd.DataFrame(columns)


def levels(training: Arrays) -> list[npt.NDArray[np.int64]]:
    """Return the codes of each categorical column that occur in the training file, in the order of the alphabet."""
    return [np.unique(column).astype(np.int64) for column in training["cat_codes"].T]


def encode(
    table: Arrays, kept: npt.NDArray[np.int64], of: Sequence[npt.NDArray[np.int64]]
) -> tuple[npt.NDArray[np.float32], list[str]]:
    """Turn connections into numbers.

    Parameters
    ----------
    table : arrays of a prepared KDD file
    kept : int64 (m,), the rows to encode
    of : the codes that get a column, per categorical column; see `levels`

    Returns
    -------
    x : float32 (m, 121): the 34 continuous features as they are, then a 0/1 column per level
    names : 121 names such as "duration" and "flag=SF"

    Notes
    -----
    App. A.3: "34 continuous features and 7 categorical ones", made one-hot. The seven are those that the source's
    kddcup.names calls symbolic. With the levels of the training file that gives 34 + 87 = 121 columns, and the paper
    says 120. Two columns are constant, num_outbound_cmds and is_host_login=0: leaving out either gives 120, and as the
    paper does not say which, we keep both. A level that only the test file has (service icmp, is_host_login 1) is all
    zeros in its group, so that the same columns serve all three sets.
    """
    numbers = table["cont_q"].shape[1]
    x = np.zeros((len(kept), numbers + sum(map(len, of))), dtype=np.float32)
    for j, divisor in enumerate(table["cont_div"]):
        x[:, j] = table["cont_q"][kept, j] / divisor
    names = [str(name) for name in table["cont_names"]]
    for j, (column, codes) in enumerate(zip(table["cat_names"], of, strict=True)):
        x[:, len(names) : len(names) + len(codes)] = table["cat_codes"][kept, j, None] == codes
        names += [f"{column}={level}" for level in table[f"vocab_{column}"][codes]]
    return x, names


def build_kddcup(name: str, paths: Sequence[Path], seed: int) -> Dataset:
    """All of the training file; the normal connections are the anomalies. No use for `seed`."""
    (training,) = map(read_arrays, paths)
    rows = np.arange(len(training["label_codes"]))
    return _dataset(name, training, rows, levels(training), anomaly_is_normal=True)


def build_kddcup_rev(name: str, paths: Sequence[Path], seed: int) -> Dataset:
    """All normal connections of the training file and attacks drawn to make up 20%, which are the anomalies."""
    (training,) = map(read_arrays, paths)
    is_normal = labels(training) == NORMAL
    attacks = np.random.default_rng(seed).choice(np.flatnonzero(~is_normal), size=REV_ATTACKS, replace=False)
    rows = np.sort(np.concatenate([np.flatnonzero(is_normal), attacks]))
    return _dataset(name, training, rows, levels(training), anomaly_is_normal=False)


def build_kddcup_test(name: str, paths: Sequence[Path], seed: int) -> Dataset:
    """All normal connections of the test file and attacks drawn in the paper's numbers, of seen and of new types."""
    training, test = map(read_arrays, paths)
    words = labels(test)
    is_seen = np.isin(words, sorted(TRAINING_TYPES))
    rng = np.random.default_rng(seed)
    seen = rng.choice(np.flatnonzero(is_seen & (words != NORMAL)), size=TEST_SEEN, replace=False)
    unseen = rng.choice(np.flatnonzero(~is_seen), size=TEST_UNSEEN, replace=False)
    rows = np.sort(np.concatenate([np.flatnonzero(words == NORMAL), seen, unseen]))
    return _dataset(name, test, rows, levels(training), anomaly_is_normal=False)


def _dataset(
    name: str,
    table: Arrays,
    rows: npt.NDArray[np.int64],
    of: Sequence[npt.NDArray[np.int64]],
    *,
    anomaly_is_normal: bool,
) -> Dataset:
    x, names = encode(table, rows, of)
    words = labels(table)[rows]
    ds = Dataset.from_arrays(
        x,
        items=raw_rows(table, rows),
        y=(words == NORMAL) == anomaly_is_normal,
        feature_names=names,
        ids=rows,
        name=name,
    )
    return dataclasses.replace(ds, source_class=checks.read_only(words.astype(object)))


# -- the entries -------------------------------------------------------------------------------------------------------

ORIGINALS = (
    RemoteFile(
        "raw/kddcup.data_10_percent.gz",
        "sha256:8045aca0d84e70e622d1148d7df782496f6333bf6eb979a1b0837c42a9fd9561",
        ("https://ndownloader.figshare.com/files/5976042",),
    ),
    RemoteFile(
        "raw/corrected.gz",
        "",  # none is published; the tables made of it have one
        (
            "https://archive.ics.uci.edu/ml/machine-learning-databases/kddcup99-mld/corrected.gz",
            "http://kdd.ics.uci.edu/databases/kddcup99/corrected.gz",
        ),
    ),
)
"""Both are needed for either table: the words are numbered over both."""

TRAINING = Prepared(
    "kddcup99_10percent.npz",
    "sha256:6ce453c48bb86541fa3216fac38457a568f17527fc253173993b13f1db028b99",
    originals=ORIGINALS,
    rebuild=partial(kdd_original.rebuild, which=0),
    content="9095f90467d86a971a13c65602708508686db978b2374ca4b8647609133445c2",
    counts=(494_021, 41, 97_278),
    count=kdd_original.count,
)
TEST = Prepared(
    "kddcup99_corrected_test.npz",
    "sha256:cb0b1acbbaea0bfd28aedc959d48f820e870b035a60eabe73f1214d9539fdb75",
    originals=ORIGINALS,
    rebuild=partial(kdd_original.rebuild, which=1),
    content="3cbb9d027ca89f9556bc68a3f1b588479073562901a6ac3954ad3b0b9c8b9064",
    counts=(311_029, 41, 60_593),
    count=kdd_original.count,
)
_kdd = partial(Entry, n_features=121, source="UCI 130, KDD Cup 1999", licence="CC BY 4.0")

ENTRIES: dict[str, Entry] = {
    "kddcup": _kdd(
        n_items=494_021,
        n_anomalies=97_278,
        paper="Table 1, KDDCUP: 120 features",
        build=build_kddcup,
        files=(TRAINING,),
    ),
    "kddcup_rev": _kdd(
        n_items=121_597,
        n_anomalies=REV_ATTACKS,
        paper="Table 1, KDDCUP-Rev: 120 features, another draw",
        build=build_kddcup_rev,
        files=(TRAINING,),
    ),
    "kddcup_test": _kdd(
        n_items=67_908,
        n_anomalies=TEST_SEEN + TEST_UNSEEN,
        paper="Sec. 4.3, Figure 4: 3,817 attacks of seen types and 3,498 of new ones, another draw",
        build=build_kddcup_test,
        files=(TRAINING, TEST),
    ),
}
"""In the order of `list_datasets`."""
