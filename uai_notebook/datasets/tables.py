"""The tables of Table 1 other than KDD: thyroid, arrhythmia, yeast, abalone, ctg, creditcard, covtype and so on."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from uai_notebook.datasets.dataset import Dataset
from uai_notebook.datasets.download import RemoteFile
from uai_notebook.datasets.entry import Entry


def build_table(name: str, paths: Sequence[Path], seed: int) -> Dataset:
    """Make a Dataset of a prepared file; nothing is scaled or drawn, so `seed` has no use.

    The ids are rows of the source (ctg: of the UCI table), or where the source has other classes too, the number of the
    item among those that are kept, in the order of the source.
    """
    (path,) = paths
    with np.load(path) as arrays:
        table = {key: arrays[key] for key in arrays.files}
    names = table.get("feature_names")
    if names is None and "uci_columns" in table:
        names = [f"attribute {j + 1}" for j in table["uci_columns"]]
    ds = Dataset.from_arrays(
        table["X"],
        y=table["y"],
        feature_names=None if names is None else [str(n) for n in names],
        ids=table.get("uci_row"),
        name=name,
    )
    words = table.get("orig_label")
    return ds if words is None else dataclasses.replace(ds, source_class=words.astype(object))


ENTRIES: dict[str, Entry] = {}
_ROWS = {
    "thyroid": (
        (3772, 6, 93),
        "343db72c2d4493eddced4797735ab5550c1b5a94bb5611fc7c08f63d23c1fd3c",
        "ODDS thyroid, from UCI 102 (ann-train.data)",
        "Table 1, Thyroid (printed under Arrhythmia)",
        "CC BY 4.0",
    ),
    "arrhythmia": (
        (452, 274, 66),
        "8e20e2155b98f6a4bd173e8566fc7da5b1700e0695d77147edb1afd8e674bde0",
        "ODDS arrhythmia, from UCI 5",
        "Table 1, Arrhythmia (printed under Thyroid)",
        "CC BY 4.0",
    ),
    "yeast": (
        (1191, 8, 55),
        "45ebcdd9d5593fe835fa5e179844128657fb0684c83d6243cc21c811a2e3843c",
        "UCI 110, as in ad_examples",
        "Table 1, Yeast",
        "CC BY 4.0",
    ),
    "abalone": (
        (1920, 9, 29),
        "71feedbe53845ada8ad146497365111184423975a647c71fa8362aad675574ff",
        "UCI 1, as in ad_examples",
        "Table 1, Abalone",
        "CC BY 4.0",
    ),
    "ctg": (
        (1700, 21, 45),
        "0870558d15eea81fa6ebc4facdbb61ab46d633e1b43f205c71efbcb013714b64",
        "UCI 193, as in ad_examples",
        "Table 1, CTG: 22 features",
        "CC BY 4.0",
    ),
    "creditcard": (
        (284_807, 30, 492),
        "4d846f3ad22ce8ea0e6db9d37c23b650e25ede853b4a198996c7e2dff4872de7",
        "ULB credit card fraud",
        "Table 1, Credit Card",
        "DbCL 1.0",
    ),
    "covtype": (
        (286_048, 54, 2747),
        "5b062e69b2ddd423d27241c10d8ea7e88e148ce45ed6018d2fc5271f002dda86",
        "UCI 31",
        "Table 1, Covtype",
        "CC BY 4.0",
    ),
    "mammography": (
        (11_183, 6, 260),
        "67f1f6e1203401131048b8920f2568520061643969534b22c90344ff458191a4",
        "OpenML 310 (Woods et al. 1993)",
        "Table 1, MMG",
        "public",
    ),
    "shuttle": (
        (12_345, 9, 867),
        "1a7f3cb2106cc0330022a4ea9f24be4e1a0965169137227f3de13ad1af2ab6d6",
        "UCI 148 (shuttle.tst), as in ad_examples",
        "Table 1, Shuttle",
        "CC BY 4.0",
    ),
}
for _name, (_counts, _sha256, _source, _paper, _licence) in _ROWS.items():
    _file = RemoteFile(f"{_name}.npz", f"sha256:{_sha256}")
    ENTRIES[_name] = Entry(*_counts, _source, _licence, _paper, build_table, (_file,))
