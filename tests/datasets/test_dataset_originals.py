"""From the text of the public originals to arrays, on excerpts in the format of each original."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from uai_notebook.datasets import originals
from uai_notebook.datasets.prepared import read_arrays
from uai_notebook.datasets.sets import ENTRIES
from uai_notebook.datasets.tables import build_table

DATA = os.environ.get("UAI_NOTEBOOK_DATA", "")

# -- thyroid -----------------------------------------------------------------------------------------------------------

THYROID = b"""\
0.73 0 1 0 0 0 0 0 1 0 0 0 0 0 0 0 0.0006 0.015 0.12 0.082 0.146 3 \n\
0.24 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0.00025 0.03 0.143 0.133 0.108 3 \n\
0.47 0 0 0 0 0 0 0 0 0 0 1 0 0 0 0 0.0019 0.024 0.102 0.131 0.078 2 \n\
0.64 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0.053 0.005 0.02 0.09 0.024 1 \n"""


def test_thyroid_keeps_the_six_continuous_attributes_scaled_over_the_file():
    arrays = originals.thyroid(THYROID)
    assert arrays["feature_names"].tolist() == ["age", "TSH", "T3", "TT4", "T4U", "FTI"]
    assert arrays["X"].dtype == np.float32
    np.testing.assert_allclose(arrays["X"][:, 0], [1, 0, 0.23 / 0.49, 0.4 / 0.49], rtol=1e-6)
    assert arrays["X"].min(axis=0).tolist() == [0] * 6
    assert arrays["X"].max(axis=0).tolist() == [1] * 6


def test_thyroid_calls_class_1_the_anomaly():
    assert originals.thyroid(THYROID)["y"].tolist() == [0, 0, 0, 1]


def test_thyroid_refuses_another_number_of_columns():
    with pytest.raises(ValueError, match="the file has 3 columns, where 22 are expected"):
        originals.thyroid(b"1 2 3\n4 5 6\n")


# -- arrhythmia --------------------------------------------------------------------------------------------------------


def arrhythmia_line(first: int, of_class: int) -> str:
    values = [str(first + j / 10) for j in range(279)]
    values[10:15] = ["?", "64", "?", "?", "63"]
    return ",".join([*values, f"{of_class:02d}"])


ARRHYTHMIA = "\n".join(arrhythmia_line(i, c) for i, c in enumerate(range(1, 17))).encode()


def test_arrhythmia_drops_the_five_attributes_with_gaps_and_scales_nothing():
    arrays = originals.arrhythmia(ARRHYTHMIA)
    columns = [*range(10), *range(15, 279)]
    assert arrays["uci_columns"].tolist() == columns
    np.testing.assert_allclose(arrays["X"][2], [2 + j / 10 for j in columns], rtol=1e-6)


def test_arrhythmia_calls_the_eight_smallest_classes_anomalies():
    y = originals.arrhythmia(ARRHYTHMIA)["y"]
    assert (np.flatnonzero(y) + 1).tolist() == [3, 4, 5, 7, 8, 9, 14, 15]


def test_arrhythmia_refuses_a_gap_in_another_attribute():
    with pytest.raises(ValueError, match="missing outside the attributes 10 to 14"):
        originals.arrhythmia(ARRHYTHMIA.replace(b"0.0,", b"?,", 1))


def test_the_attributes_of_arrhythmia_have_the_names_of_its_documentation():
    names = originals.arrhythmia_names()
    assert len(names) == len(set(names)) == 279
    assert (names[3], names[14], names[15], names[26], names[158]) == (
        *("weight", "heart rate", "DI Q width", "DI diphasic T", "V6 diphasic T"),
    )
    assert (names[159], names[278]) == ("DI JJ amplitude", "V6 QRSTA amplitude")


# -- ad_examples -------------------------------------------------------------------------------------------------------

ABALONE = b"""\
label,X1,X2,V2,V3,V4,V5,V6,V7,V8
nominal,1,0,0.465,0.355,0.12,0.5315,0.2725,0.097,0.1395
nominal,0,1,0.725,0.55,0.22,2.0495,0.7735,0.4405,0.655
anomaly,0,0,0.675,0.555,0.2,1.4385,0.545,0.2665,0.465
"""
RINGS = b"ground.truth,label\nnominal,8\nnominal,10\nanomaly,21\n"


def test_ad_examples_keeps_order_values_and_the_class_of_the_source():
    arrays = originals.ad_examples(ABALONE, RINGS, originals.ABALONE_NAMES)
    assert arrays["y"].tolist() == [0, 0, 1]
    assert arrays["orig_label"].tolist() == ["8", "10", "21"]
    assert arrays["feature_names"].tolist()[:3] == ["sex_M", "sex_I", "length"]
    expected = np.float32([0, 1, 0.725, 0.55, 0.22, 2.0495, 0.7735, 0.4405, 0.655])
    np.testing.assert_array_equal(arrays["X"][1], expected)


@pytest.mark.parametrize(
    ("data", "classes", "message"),
    [
        (ABALONE.replace(b"anomaly", b"outlier"), RINGS, "the first column holds \\['outlier'\\]"),
        (ABALONE, RINGS.replace(b"anomaly", b"nominal"), "do not agree"),
        (ABALONE, RINGS[: RINGS.index(b"anomaly")], "do not agree"),
        (b"label,V2\nnominal,0.5\n", RINGS, "the file has 2 columns, where 10 are expected"),
    ],
)
def test_ad_examples_refuses_what_is_not_such_a_file(data, classes, message):
    with pytest.raises(ValueError, match=message):
        originals.ad_examples(data, classes, originals.ABALONE_NAMES)


# -- covtype and creditcard --------------------------------------------------------------------------------------------


def test_covtype_keeps_types_2_and_4_in_their_order():
    attributes = [[2596 + i, -51, *range(52)] for i in range(8)]
    kinds = [5, 2, 4, 1, 2, 3, 7, 6]
    text = "\n".join(",".join(map(str, [*row, kind])) for row, kind in zip(attributes, kinds, strict=True))
    arrays = originals.covtype(text.encode())
    np.testing.assert_array_equal(arrays["X"], np.float32(attributes)[[1, 2, 4]])
    assert arrays["y"].tolist() == [0, 1, 0]
    assert len(arrays["feature_names"]) == 54
    assert arrays["feature_names"][[9, 13, 53]].tolist() == [
        "Horizontal_Distance_To_Fire_Points",
        "Wilderness_Area4",
        "Soil_Type40",
    ]


def test_creditcard_keeps_all_rows_and_columns():
    names = ["Time", *(f"V{j}" for j in range(1, 29)), "Amount"]
    rows = [[0, *np.linspace(-1.3598071336738, 2, 28), 149.62], [406, *np.linspace(-2.3, 1, 28), 0]]
    lines = [",".join(f'"{name}"' for name in [*names, "Class"])]
    lines += [",".join(map(repr, map(float, row))) + f',"{c}"' for row, c in zip(rows, (0, 1), strict=True)]
    arrays = originals.creditcard("\n".join(lines).encode())
    np.testing.assert_array_equal(arrays["X"], np.float32(rows))
    assert arrays["feature_names"].tolist() == names
    assert arrays["y"].tolist() == [0, 1]


def test_creditcard_refuses_a_table_without_classes():
    with pytest.raises(ValueError, match="called 'Amount', where \"Class\" is expected"):
        originals.creditcard(b"Time,Amount\n0,1\n")


def test_a_rounded_copy_of_creditcard_says_so(tmp_path):
    names = np.array(["Time", "Amount"])
    table = {"X": np.float32([[0, 1], [2, 3]]), "y": np.uint8([0, 1]), "feature_names": names}
    np.savez(tmp_path / "original.npz", **table)
    np.savez(tmp_path / "rounded.npz", **table, time_exact=np.array([True, False]))
    assert build_table("creditcard", [tmp_path / "original.npz"], 0).notes == ()
    rounded = build_table("creditcard", [tmp_path / "rounded.npz"], 0)
    assert "rounded copy: values to about 6 digits, Time interpolated in 1 rows" in repr(rounded)


# -- the whole tables, written in the format of the original -----------------------------------------------------------


def text_of(number: np.float32) -> str:
    return np.format_float_positional(number, unique=True, trim="-")


def write_original(name: str, table: dict[str, np.ndarray], folder: Path) -> list[Path]:
    """Write a table as its originals are written: what the rules drop is put back, with made-up values."""
    x, y = table["X"], table["y"]
    if name == "thyroid":
        low_order = (np.array([186, 53000, 1054, 42800, 213, 61000]) * x.astype(float)).round().astype(int)
        lines = [
            f"{a} {'0 ' * 15}{' '.join(map(str, r))} {1 if t else 3} " for (a, *r), t in zip(low_order, y, strict=True)
        ]
        return [write(folder / "ann-train.data", "\n".join(lines))]
    if name == "covtype":
        frame = pd.DataFrame(x.astype(int)).assign(kind=np.where(y, 4, 2))
        lines = [",".join(["7"] * 55) + "\n", frame.to_csv(header=False, index=False), ",".join(["7"] * 55)]
        path = folder / "covtype.data.gz"
        path.write_bytes(gzip.compress("".join(lines).encode(), compresslevel=1))
        return [path]
    rows = [[text_of(v) for v in row] for row in x]
    if name == "arrhythmia":
        lines = [",".join([*r[:10], *"?????", *r[10:], "03" if t else "01"]) for r, t in zip(rows, y, strict=True)]
        return [write(folder / "arrhythmia.data", "\n".join(lines))]
    words = ["anomaly" if t else "nominal" for t in y]
    data = [
        ",".join(["label", *(f"V{j}" for j in range(x.shape[1]))]),
        *(",".join([w, *r]) for w, r in zip(words, rows, strict=True)),
    ]
    classes = ["ground.truth,label", *(f"{w},{c}" for w, c in zip(words, table["orig_label"], strict=True))]
    return [write(folder / "data.csv", "\n".join(data)), write(folder / "classes.csv", "\n".join(classes))]


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


@pytest.mark.data
@pytest.mark.parametrize(
    "name", ["thyroid", "arrhythmia", "yeast", "abalone", "ctg", "covtype", "mammography", "shuttle"]
)
def test_the_original_gives_exactly_the_ready_made_table(name, tmp_path):
    (file,) = ENTRIES[name].files
    if not DATA or not (Path(DATA) / file.path).is_file():
        pytest.skip(f"UAI_NOTEBOOK_DATA names no folder with {file.path}")
    table = read_arrays(Path(DATA) / file.path)
    rebuilt = file.rebuild(write_original(name, table, tmp_path))
    assert file.problem(rebuilt) == ""
    for part in rebuilt:
        np.testing.assert_array_equal(rebuilt[part], table[part])
