"""The tables of Table 1 other than KDD: thyroid, arrhythmia, yeast, abalone, ctg, creditcard, covtype and so on."""

from __future__ import annotations

import dataclasses
import gzip
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from uai_notebook.datasets import checks, originals
from uai_notebook.datasets.dataset import Dataset
from uai_notebook.datasets.download import RemoteFile
from uai_notebook.datasets.entry import Entry
from uai_notebook.datasets.prepared import Arrays, Prepared, Rebuild, read_arrays


def build_table(name: str, paths: Sequence[Path], seed: int) -> Dataset:
    """Make a Dataset of a prepared table; nothing is scaled or drawn, so `seed` has no use.

    The ids are the numbers of the items in the order of the source, counted among those that are kept. `source_class`
    is the class in the words of the source where the file has it.
    """
    (path,) = paths
    table = read_arrays(path)
    names = table.get("feature_names")
    if names is None:  # arrhythmia, whose file says which attributes are kept
        names = np.array(originals.arrhythmia_names())[table["uci_columns"]]
    ds = Dataset.from_arrays(table["X"], y=table["y"], feature_names=names.tolist(), name=name)
    words = table.get("orig_label")
    return dataclasses.replace(
        ds,
        source_class=None if words is None else checks.read_only(words.astype(object)),
        notes=_rounding(table),
    )


def _rounding(table: Arrays) -> tuple[str, ...]:
    """Return what to say of the ready-made creditcard file, which knows the exact Time of some rows only."""
    if "time_exact" not in table:
        return ()
    guessed = int((~table["time_exact"]).sum())
    return (f"rounded copy: values to about 6 digits, Time interpolated in {guessed:,} rows",)


# -- the originals -----------------------------------------------------------------------------------------------------

_UCI = "https://archive.ics.uci.edu/ml/machine-learning-databases/"
_AD_EXAMPLES = (
    "https://raw.githubusercontent.com/shubhomoydas/ad_examples/"
    "4f20369f5ab7c9f67b1e6ee1b079dd1ee3c9ecc3/ad_examples/datasets/anomaly/",
    "https://raw.githubusercontent.com/shubhomoydas/ad_examples/"
    "53f7a784ceed547ff950ac7d298dfbae7549291e/datasets/anomaly/",  # an older commit, which has the files elsewhere
)


def _ad_examples_files(name: str) -> tuple[RemoteFile, ...]:
    """Return the two files of a set of ad_examples; the table that is made of them has the checksum."""
    files = (f"{name}_1.csv", f"{name}_1_orig_labels.csv")
    return tuple(
        RemoteFile(f"raw/{file}", "", tuple(f"{folder}{name}/fullsamples/{file}" for folder in _AD_EXAMPLES))
        for file in files
    )


def _rebuild_ad_examples(paths: Sequence[Path], *, names: tuple[str, ...]) -> Arrays:
    data, classes = (path.read_bytes() for path in paths)
    return originals.ad_examples(data, classes, names)


def _rebuild_text(paths: Sequence[Path], *, read: Callable[[bytes], Arrays]) -> Arrays:
    (path,) = paths
    data = path.read_bytes()
    return read(gzip.decompress(data) if path.suffix == ".gz" else data)


def _entry(file: Prepared, *, source: str, paper: str, licence: str = "CC BY 4.0") -> Entry:
    return Entry(*file.counts, source, licence, paper, build_table, (file,))


def _from_ad_examples(
    name: str, folder: str, names: tuple[str, ...], counts: tuple[int, int, int], checksums: tuple[str, str]
) -> Prepared:
    rebuild: Rebuild = partial(_rebuild_ad_examples, names=names)
    return Prepared(
        f"{name}.npz",
        f"sha256:{checksums[0]}",
        originals=_ad_examples_files(folder),
        rebuild=rebuild,
        content=checksums[1],
        counts=counts,
    )


# -- the entries -------------------------------------------------------------------------------------------------------

ENTRIES: dict[str, Entry] = {
    "thyroid": _entry(
        Prepared(
            "thyroid.npz",
            "sha256:343db72c2d4493eddced4797735ab5550c1b5a94bb5611fc7c08f63d23c1fd3c",
            originals=(
                RemoteFile(
                    "raw/ann-train.data",
                    "sha256:3da53a156bda36cb0c97e9f4b6b111c9226c54c4aa00230de5604b787c47e3a6",
                    (_UCI + "thyroid-disease/ann-train.data",),
                ),
            ),
            rebuild=partial(_rebuild_text, read=originals.thyroid),
            content="e50d788488af2e3a10869f9d52bc20d6ff0dfb80ae94f3311153159a21a50f4f",
            counts=(3772, 6, 93),
        ),
        source="UCI 102 (ann-train.data), scaled as in ODDS",
        paper="Table 1, Thyroid (its counts are printed under Arrhythmia)",
    ),
    "arrhythmia": _entry(
        Prepared(
            "arrhythmia.npz",
            "sha256:8e20e2155b98f6a4bd173e8566fc7da5b1700e0695d77147edb1afd8e674bde0",
            originals=(
                RemoteFile(
                    "raw/arrhythmia.data",
                    "sha256:a7f0f4ca289a4c58b5ed85a9adb793189acd38425828ce3dfbb70adb45f30169",
                    (_UCI + "arrhythmia/arrhythmia.data",),
                ),
            ),
            rebuild=partial(_rebuild_text, read=originals.arrhythmia),
            content="82a6b7efe133e27a6f3722cb22673eff1ef55898a909962d8692a9ae440aee68",
            counts=(452, 274, 66),
        ),
        source="UCI 5, columns as in ODDS",
        paper="Table 1, Arrhythmia (its counts are printed under Thyroid)",
    ),
    "yeast": _entry(
        _from_ad_examples(
            "yeast",
            "yeast",
            originals.YEAST_NAMES,
            (1191, 8, 55),
            (
                "45ebcdd9d5593fe835fa5e179844128657fb0684c83d6243cc21c811a2e3843c",
                "cd32fdcb0ea591c78beeb605e8019dcfc5e64a7cd0d43c6f3fb98b99ab8c6080",
            ),
        ),
        source="UCI 110, subset of ad_examples",
        paper="Table 1, Yeast",
    ),
    "abalone": _entry(
        _from_ad_examples(
            "abalone",
            "abalone",
            originals.ABALONE_NAMES,
            (1920, 9, 29),
            (
                "71feedbe53845ada8ad146497365111184423975a647c71fa8362aad675574ff",
                "03526a8845f6d560b16a6822d2604796cf6a3575f3498368a438fc635cdd218c",
            ),
        ),
        source="UCI 1, subset of ad_examples",
        paper="Table 1, Abalone",
    ),
    "ctg": _entry(
        _from_ad_examples(
            "ctg",
            "cardiotocography_1",
            originals.CTG_NAMES,
            (1700, 21, 45),
            (
                "0870558d15eea81fa6ebc4facdbb61ab46d633e1b43f205c71efbcb013714b64",
                "9caea63a2288a2aab9656042a4c9c460e0c0fdf3a10982181c0946fa3d0cb8a6",
            ),
        ),
        source="UCI 193, subset of ad_examples",
        paper="Table 1, CTG: 22 features",
    ),
    "creditcard": _entry(
        Prepared(
            "creditcard.npz",
            "sha256:4d846f3ad22ce8ea0e6db9d37c23b650e25ede853b4a198996c7e2dff4872de7",
            originals=(
                RemoteFile(
                    "raw/creditcard.csv",
                    "sha256:76274b691b16a6c49d3f159c883398e03ccd6d1ee12d9d8ee38f4b4b98551a89",
                    ("https://storage.googleapis.com/download.tensorflow.org/data/creditcard.csv",),
                ),
            ),
            rebuild=partial(_rebuild_text, read=originals.creditcard),
            counts=(284_807, 30, 492),  # no checksum of the content: the ready-made file holds rounded values
        ),
        source="ULB credit card fraud (Dal Pozzolo et al. 2015)",
        licence="ODbL 1.0 / DbCL 1.0",
        paper="Table 1, Credit Card",
    ),
    "covtype": _entry(
        Prepared(
            "covtype.npz",
            "sha256:5b062e69b2ddd423d27241c10d8ea7e88e148ce45ed6018d2fc5271f002dda86",
            originals=(
                RemoteFile(
                    "raw/covtype.data.gz",
                    "sha256:614360d0257557dd1792834a85a1cdebfadc3c4f30b011d56afee7ffb5b15771",
                    ("https://ndownloader.figshare.com/files/5976039",),
                ),
            ),
            rebuild=partial(_rebuild_text, read=originals.covtype),
            content="9ee20d79cab790f498b421d6f4bf71cff0506f54a142f367f06840710fa2f553",
            counts=(286_048, 54, 2747),
        ),
        source="UCI 31, scikit-learn's copy",
        paper="Table 1, Covtype",
    ),
    "mammography": _entry(
        _from_ad_examples(
            "mammography",
            "mammography",
            originals.MAMMOGRAPHY_NAMES,
            (11_183, 6, 260),
            (
                "67f1f6e1203401131048b8920f2568520061643969534b22c90344ff458191a4",
                "53e0ac3c16bf84c88ce324bf55c0ef6ca125efdb3e85c4acb996e71fe3c4a2dd",
            ),
        ),
        source="Woods et al. 1993 (OpenML 310), copy of ad_examples",
        licence="public (OpenML)",
        paper="Table 1, MMG",
    ),
    "shuttle": _entry(
        _from_ad_examples(
            "shuttle",
            "shuttle_1v23567",
            originals.SHUTTLE_NAMES,
            (12_345, 9, 867),
            (
                "1a7f3cb2106cc0330022a4ea9f24be4e1a0965169137227f3de13ad1af2ab6d6",
                "d0ab0758762c8aedf40db82cf9102005019942f924a0ebcb00d6bdc1dfcc19cb",
            ),
        ),
        source="UCI 148 (shuttle.tst), subset of ad_examples",
        paper="Table 1, Shuttle",
    ),
}
"""In the order of `list_datasets`."""
