"""From the text files of KDD Cup 1999 to arrays: integers and codes, a tenth of the memory of the parsed text."""

from __future__ import annotations

import gzip
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Arrays = dict[str, npt.NDArray[Any]]

COLUMNS = (
    *("duration", "protocol_type", "service", "flag", "src_bytes", "dst_bytes", "land", "wrong_fragment", "urgent"),
    *("hot", "num_failed_logins", "logged_in", "num_compromised", "root_shell", "su_attempted", "num_root"),
    *("num_file_creations", "num_shells", "num_access_files", "num_outbound_cmds", "is_host_login", "is_guest_login"),
    *("count", "srv_count", "serror_rate", "srv_serror_rate", "rerror_rate", "srv_rerror_rate", "same_srv_rate"),
    *("diff_srv_rate", "srv_diff_host_rate", "dst_host_count", "dst_host_srv_count", "dst_host_same_srv_rate"),
    *("dst_host_diff_srv_rate", "dst_host_same_src_port_rate", "dst_host_srv_diff_host_rate"),
    *("dst_host_serror_rate", "dst_host_srv_serror_rate", "dst_host_rerror_rate", "dst_host_srv_rerror_rate"),
)
"""The 41 features in the order of the files, which have no header; the label follows."""

SYMBOLIC = ("protocol_type", "service", "flag", "land", "logged_in", "is_host_login", "is_guest_login")
"""What kddcup.names calls symbolic."""

CONTINUOUS = tuple(name for name in COLUMNS if name not in SYMBOLIC)

LABEL = "label"


def read_connections(data: bytes) -> pd.DataFrame:
    """Read a file of connections, unpacked: DataFrame (n, 42), words as str, numbers as float64.

    Raises
    ------
    ValueError
        Another number of columns, or text where a number is expected.
    """
    width = data[: data.find(b"\n")].count(b",") + 1
    if width != len(COLUMNS) + 1:
        raise ValueError(f"the file has {width} columns, where {len(COLUMNS) + 1} are expected")
    types: Any = {**dict.fromkeys(CONTINUOUS, np.float64), **dict.fromkeys((*SYMBOLIC, LABEL), str)}
    frame: pd.DataFrame = pd.read_csv(
        io.BytesIO(data), header=None, names=[*COLUMNS, LABEL], dtype=types, keep_default_na=False
    )
    return frame


def pack(frames: Sequence[pd.DataFrame], which: int) -> Arrays:
    """Return the arrays of one of the files; the words are numbered over all of them, so that codes agree.

    Returns
    -------
    cont_q int32 (n, 34) and cont_div (34,): the numbers are ``cont_q / cont_div``; cont_names.
    cat_codes uint8 (n, 7), with cat_names and a vocab_<name> per column: the words are ``vocab_<name>[cat_codes]``.
    label_codes uint8 (n,) and label_vocab, as in the file with a dot at the end.
    """
    frame = frames[which]
    numbers = frame[list(CONTINUOUS)].to_numpy()
    is_rate = np.array([name.endswith("_rate") for name in CONTINUOUS])
    divisors = np.where(is_rate, 100, 1).astype(np.int32)
    scaled = np.rint(numbers * divisors)
    if not np.allclose(scaled / divisors, numbers, rtol=0, atol=1e-9):
        raise ValueError("rates are expected to have two decimals, and the other numbers none")
    words = {name: np.unique(np.concatenate([f[name].unique() for f in frames]).astype(str)) for name in SYMBOLIC}
    labels = np.unique(np.concatenate([f[LABEL].unique() for f in frames]).astype(str))
    return {
        "cont_q": scaled.astype(np.int32),
        "cont_div": divisors,
        "cont_names": np.array(CONTINUOUS),
        "cat_codes": np.column_stack([_codes(frame[name], words[name]) for name in SYMBOLIC]),
        "cat_names": np.array(SYMBOLIC),
        "label_codes": _codes(frame[LABEL], labels),
        "label_vocab": labels,
        **{f"vocab_{name}": levels for name, levels in words.items()},
    }


def rebuild(paths: Sequence[Path], *, which: int) -> Arrays:
    """Return the arrays of the training file (0) or of the test file (1); `paths` are both, gzipped."""
    return pack([read_connections(unpack(path)) for path in paths], which)


def unpack(path: Path) -> bytes:
    """Return the text of a gzipped file."""
    return gzip.decompress(path.read_bytes())


def count(arrays: Any) -> tuple[int, int, int]:
    """Return connections, features and normal connections."""
    normal = arrays["label_vocab"].tolist().index("normal.")
    return (
        len(arrays["label_codes"]),
        arrays["cont_q"].shape[1] + arrays["cat_codes"].shape[1],
        int((arrays["label_codes"] == normal).sum()),
    )


def _codes(values: pd.Series[Any], levels: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    return np.asarray(pd.Categorical(values, categories=levels.tolist()).codes).astype(np.uint8)
