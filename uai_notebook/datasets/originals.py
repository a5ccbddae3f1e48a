"""From the public originals to the arrays of a table: which rows and columns stay, and what counts as an anomaly.

Pure functions of bytes, one per data set. Each returns X float32 (n, d), y uint8 (n,) with 1 for anomalies, and where
they are known the names of the features and the class of each row in the words of the source.
"""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Arrays = dict[str, npt.NDArray[Any]]

THYROID_COLUMNS = {0: "age", 16: "TSH", 17: "T3", 18: "TT4", 19: "T4U", 20: "FTI"}
"""The continuous attributes of ann-train.data, by their place."""

ARRHYTHMIA_MISSING = range(10, 15)
"""The attributes of arrhythmia.data with missing values: T, P, QRST, J, heart rate."""

ARRHYTHMIA_ANOMALIES = (3, 4, 5, 7, 8, 9, 14, 15)
"""The smallest classes (App. A.3)."""

YEAST_NAMES = ("mcg", "gvh", "alm", "mit", "erl", "pox", "vac", "nuc")
ABALONE_NAMES = (
    *("sex_M", "sex_I", "length", "diameter", "height"),
    *("whole_weight", "shucked_weight", "viscera_weight", "shell_weight"),
)
CTG_NAMES = (
    *("LB", "AC", "FM", "UC", "DL", "DS", "DP", "ASTV", "MSTV", "ALTV", "MLTV"),
    *("Width", "Min", "Max", "Nmax", "Nzeros", "Mode", "Mean", "Median", "Variance", "Tendency"),
)
SHUTTLE_NAMES = tuple(f"v{j}" for j in range(1, 10))
MAMMOGRAPHY_NAMES = tuple(f"v{j}" for j in range(1, 7))

COVTYPE_NORMAL, COVTYPE_ANOMALY = 2, 4
"""Cover types that stay."""

COVTYPE_NAMES = (
    *("Elevation", "Aspect", "Slope", "Horizontal_Distance_To_Hydrology", "Vertical_Distance_To_Hydrology"),
    *("Horizontal_Distance_To_Roadways", "Hillshade_9am", "Hillshade_Noon", "Hillshade_3pm"),
    "Horizontal_Distance_To_Fire_Points",
    *(f"Wilderness_Area{j}" for j in range(1, 5)),
    *(f"Soil_Type{j}" for j in range(1, 41)),
)


def thyroid(data: bytes) -> Arrays:
    """Make the thyroid table of ann-train.data: 21 attributes and the class, between blanks.

    The six continuous attributes, each scaled to [0, 1] over the file as ODDS does; class 1, hyperfunction, is the
    anomaly and classes 2 and 3 are normal.

    Notes
    -----
    App. A.3: "we treat the hyperfunction class as an anomaly", from ODDS, which keeps the continuous attributes only.
    Table 1 prints this set under Arrhythmia.
    """
    table = np.loadtxt(io.BytesIO(data), ndmin=2)
    _require_columns(table, 22)
    x = table[:, list(THYROID_COLUMNS)]
    low, high = x.min(axis=0), x.max(axis=0)
    return _table((x - low) / (high - low), table[:, 21] == 1, tuple(THYROID_COLUMNS.values()))


def arrhythmia_names() -> tuple[str, ...]:
    """Return the names of the 279 attributes of arrhythmia.data, after its documentation (arrhythmia.names)."""
    channels = ("DI", "DII", "DIII", "AVR", "AVL", "AVF", "V1", "V2", "V3", "V4", "V5", "V6")
    widths = ("Q width", "R width", "S width", "R' width", "S' width", "intrinsic deflections")
    shapes = [f"{shape} {wave}" for wave in "RPT" for shape in ("ragged", "diphasic")]
    amplitudes = ("JJ", "Q", "R", "S", "R'", "S'", "P", "T", "QRSA", "QRSTA")
    return (
        *("age", "sex", "height", "weight", "QRS duration", "P-R interval", "Q-T interval", "T interval"),
        *("P interval", "QRS angle", "T angle", "P angle", "QRST angle", "J angle", "heart rate"),
        *(f"{channel} {what}" for channel in channels for what in (*widths, *shapes)),
        *(f"{channel} {what} amplitude" for channel in channels for what in amplitudes),
    )


def arrhythmia(data: bytes) -> Arrays:
    """Make the arrhythmia table of arrhythmia.data: 279 attributes and the class, between commas, "?" where missing.

    The five attributes that have missing values are left out, the other 274 stay unscaled; the eight smallest classes
    are anomalies.

    Notes
    -----
    App. A.3; the columns are those of ODDS. Table 1 prints this set under Thyroid.
    """
    frame = _read(data, header=None, na_values="?")
    _require_columns(frame.to_numpy(), 280)
    columns = [j for j in range(279) if j not in ARRHYTHMIA_MISSING]
    x = frame[columns].to_numpy(dtype=np.float64)
    if np.isnan(x).any():
        raise ValueError("values are missing outside the attributes 10 to 14, where they are expected")
    arrays = _table(x, np.isin(frame[279], ARRHYTHMIA_ANOMALIES))
    return {**arrays, "uci_columns": np.array(columns, dtype=np.int16)}


def ad_examples(data: bytes, classes: bytes, names: tuple[str, ...]) -> Arrays:
    """Make a table of two files of ad_examples: yeast, abalone, ctg, shuttle or mammography.

    Parameters
    ----------
    data : CSV with a header, "nominal" or "anomaly" in the first column, then the features
    classes : CSV "ground.truth,label" with the class of the source of each row
    names : names of the features; the file numbers them

    Notes
    -----
    Table 1 uses these subsets of UCI sets, shuffled. Yeast: classes CYT, NUC, MIT against ERL, POX, VAC. Abalone: 8, 9,
    10 rings against 3 and 21, the sex as two columns, M = (1, 0), I = (0, 1), F = (0, 0). CTG: all rows with NSP 1
    against 45 of the 176 with NSP 3. Shuttle: class 1 of the test file against 2, 3, 5, 6, 7. Mammography: all rows.
    """
    frame = _read(data)
    _require_columns(frame.to_numpy(), 1 + len(names))
    words = _read(classes, dtype=str)
    truth = frame.iloc[:, 0]
    strange = set(truth.unique()) - {"nominal", "anomaly"}
    if strange:
        raise ValueError(f'the first column holds {sorted(map(str, strange))[:3]}, where "nominal" and "anomaly" are')
    if not np.array_equal(truth, words["ground.truth"]):
        raise ValueError("the two files do not agree on which rows are anomalies")
    arrays = _table(frame.iloc[:, 1:].to_numpy(dtype=np.float64), truth == "anomaly", names)
    return {**arrays, "orig_label": words["label"].to_numpy(dtype=str)}


def covtype(data: bytes) -> Arrays:
    """Make the covtype table of covtype.data, unpacked: 54 attributes and the cover type, between commas.

    Cover type 2 is normal and 4 the anomaly, the other five are left out; nothing is scaled.
    """
    table = _read(data, header=None, dtype=np.int32).to_numpy()
    _require_columns(table, 55)
    kept = table[np.isin(table[:, 54], (COVTYPE_NORMAL, COVTYPE_ANOMALY))]
    return _table(kept[:, :54], kept[:, 54] == COVTYPE_ANOMALY, COVTYPE_NAMES)


def creditcard(data: bytes) -> Arrays:
    """Make the credit card table of creditcard.csv: Time, V1 to V28, Amount and Class, which is 1 for fraud."""
    frame = _read(data)
    if frame.columns[-1] != "Class":
        raise ValueError(f'the last column is called {frame.columns[-1]!r}, where "Class" is expected')
    names = tuple(map(str, frame.columns[:-1]))
    return _table(frame.iloc[:, :-1].to_numpy(dtype=np.float64), frame["Class"] == 1, names)


def _read(data: bytes, **options: Any) -> pd.DataFrame:
    table: pd.DataFrame = pd.read_csv(io.BytesIO(data), **options)
    return table


def _require_columns(table: npt.NDArray[Any], expected: int) -> None:
    if table.shape[1] != expected:
        raise ValueError(f"the file has {table.shape[1]} columns, where {expected} are expected")


def _table(x: npt.NDArray[Any], is_anomaly: Any, names: tuple[str, ...] = ()) -> Arrays:
    arrays: Arrays = {"X": x.astype(np.float32), "y": np.asarray(is_anomaly).astype(np.uint8)}
    if names:
        arrays["feature_names"] = np.array(names)
    return arrays
