"""`Dataset`: the items that a session ranks and a person looks at."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from uai_notebook.datasets import checks
from uai_notebook.datasets.frames import encode_frame, frame_ids, pick_column
from uai_notebook.datasets.hashing import combine, hash_arrays, hash_rows
from uai_notebook.datasets.images import image_range, pixel_names, stack_images


@dataclass(frozen=True, eq=False, repr=False)
class Dataset:
    """The items of one problem and what is known about them. Made by `from_arrays`, `from_images` or `from_frame`.

    Attributes
    ----------
    x : float32 (n, ...)
        Features as given: scaling belongs to the learner. Read-only, C-contiguous.
    name : str
    ids : int64 (n,) or object (n,) of int and str
        Unique; row numbers unless given.
    feature_names : tuple of str
        One per number of an item.
    items : sequence of length n, ndarray (n, ...), DataFrame, or None
        What is shown of an item; None shows its row of features.
    x_y : int64 (n,) or None
        Given class of each item (the paper's x_y), 0..C-1.
    class_names : tuple of int or str
        The C class values as given: code c stands for ``class_names[c]``.
    y : uint8 (n,) or None
        Truth, 1 anomaly, 0 normal. For simulation and evaluation; training never reads it.
    value_range : (float, float) or None
        The values that the type of the data allows, (0, 255) for bytes; None: scale each feature by what occurs.
    notes : tuple of str
        What was filled in or left out on the way, shown in the repr.
    source_class : object (n,) of str, or None
        What each item is in the words of its source, such as the type of an attack. Truth like `y`: for evaluation,
        never shown, no feature.

    Notes
    -----
    Sec. 2 of the paper writes an item as x, and Sec. 3 as (x_x, x_y) where it comes with a class.

    Examples
    --------
    >>> ds = Dataset.from_arrays([[0.0, 1.0], [0.1, 0.9], [7.0, 7.0]], y=[0, 0, 1], name="toy")
    >>> ds
    Dataset 'toy': 3 items x 2 features, 1 known anomaly (33.3%)
    >>> ds.rows([2])
    array([[7., 7.]], dtype=float32)
    """

    x: npt.NDArray[np.float32]
    name: str
    ids: npt.NDArray[Any]
    feature_names: tuple[str, ...]
    items: Any = None
    x_y: npt.NDArray[np.int64] | None = None
    class_names: tuple[int | str, ...] = ()
    y: npt.NDArray[np.uint8] | None = None
    value_range: tuple[float, float] | None = None
    notes: tuple[str, ...] = ()
    source_class: npt.NDArray[Any] | None = None
    _raw: pd.DataFrame | None = field(default=None)  # the table as given, for hashing

    # -- making one ----------------------------------------------------------------------------------------------------

    @classmethod
    def from_arrays(
        cls,
        x: Any,
        items: Any = None,
        x_y: Any = None,
        y: Any = None,
        feature_names: Sequence[str] | None = None,
        ids: Any = None,
        name: str = "my data",
    ) -> Dataset:
        """Make a Dataset of numbers.

        Parameters
        ----------
        x : array-like (n, ...) of finite real numbers, n >= 2
            List, ndarray, torch tensor, or DataFrame of numbers (its columns become the feature names).
        items : sequence of length n, optional
            What to show of each item: images, texts, a DataFrame, anything with a renderer.
        x_y : array-like (n,) of int or of str, optional
            Given classes, at least two, none missing.
        y : array-like (n,) of 0 and 1, optional
            Truth, 1 anomaly. For simulation only.
        feature_names : sequence of str, optional
            One per number of an item.
        ids : sequence (n,) of int or str, optional
            Unique. Labels are kept under these.
        name : str

        Raises
        ------
        TypeError
            Values that are not numbers; ids that are neither int nor str; classes neither all int nor all str.
        ValueError
            NaN or infinity, values beyond float32, fewer than two rows, no feature, identical items, lengths that
            differ, ids that repeat, y other than 0 and 1, missing classes or a single class.

        Examples
        --------
        >>> Dataset.from_arrays([[1, 2], [3, 4]], x_y=["a", "b"])
        Dataset 'my data': 2 items x 2 features, 2 classes
        """
        if feature_names is None and isinstance(x, pd.DataFrame):
            feature_names = [str(c) for c in x.columns]
        return cls._checked(x, items=items, x_y=x_y, y=y, ids=ids, name=name, feature_names=feature_names)

    @classmethod
    def from_images(
        cls,
        images: Any,
        items: Any = None,
        x_y: Any = None,
        y: Any = None,
        ids: Any = None,
        name: str = "my images",
        *,
        value_range: tuple[float, float] | None = None,
    ) -> Dataset:
        """Make a Dataset of images of one size; `x` is their pixels, row by row.

        Parameters
        ----------
        images : array (n, h, w) or (n, h, w, c), or a list of equal-sized arrays
        items : sequence of length n, optional
            Shown in place of the images, for instance at full resolution.
        x_y, y, ids, name
            As in `from_arrays`.
        value_range : (float, float), optional
            Values that a pixel can take. By default the range of an integer type of 8 or 16 bits; None for other
            types, which scales each pixel by the values that occur (our choice: the range of int64 says nothing
            about an image).

        Raises
        ------
        ValueError
            Images of another shape, of different sizes, or with values outside `value_range`; and as `from_arrays`.

        Examples
        --------
        >>> ds = Dataset.from_images(np.arange(8, dtype=np.uint8).reshape(2, 2, 2))
        >>> ds.x.shape, ds.value_range, ds.item(1).tolist()
        ((2, 4), (0.0, 255.0), [[4, 5], [6, 7]])
        """
        pixels = stack_images(images)
        return cls._checked(
            pixels.reshape(len(pixels), -1),
            items=checks.read_only(pixels) if items is None else items,
            x_y=x_y,
            y=y,
            ids=ids,
            name=name,
            feature_names=pixel_names(pixels.shape[1:]),
            value_range=image_range(pixels.dtype) if value_range is None else value_range,
        )

    @classmethod
    def from_frame(
        cls,
        df: pd.DataFrame,
        id: Any = None,
        ignore: Any = (),
        y: Any = None,
        x_y: Any = None,
        name: str = "my data",
    ) -> Dataset:
        """Make a Dataset of a table; the row is the item shown.

        Numbers stay as they are and text of at most 50 values becomes one column per value ("colour=red"). A gap in a
        number is filled with the median and marked in a column of its own ("age missing"); a missing category is a
        level of its own ("colour missing").

        Parameters
        ----------
        df : DataFrame (n, columns), not changed
        id : column name, optional
            Unique ids; by default the index if it is unique, else row numbers. Values other than int and str become
            str.
        ignore : column name or sequence of them
            Shown, but not used as features.
        y : column name, optional
            Truth, 0/1 or bool; neither a feature nor shown.
        x_y : column name, optional
            Given class; shown, but not a feature.
        name : str

        Raises
        ------
        TypeError
            Not a DataFrame; columns that hold lists, dicts or other nested objects.
        ValueError
            Unknown or repeated column names, infinity, no usable column; and as `from_arrays`.

        Warns
        -----
        UserWarning
            Names the columns left out: text of more than 50 values, dates, columns without any value.

        Examples
        --------
        >>> df = pd.DataFrame({"age": [31, None, 55], "colour": ["red", "blue", "red"]})
        >>> ds = Dataset.from_frame(df, name="people")
        >>> ds
        Dataset 'people': 3 items x 4 features
          filled with the median: age (1)
        >>> ds.feature_names
        ('age', 'age missing', 'colour=blue', 'colour=red')
        """
        roles = pick_column(df, id=id, ignore=ignore, y=y, x_y=x_y)
        features, names, notes = encode_frame(df.drop(columns=roles))
        shown = df.drop(columns=[] if y is None else [y]).reset_index(drop=True)
        return cls._checked(
            features,
            items=shown,
            x_y=None if x_y is None else df[x_y],
            y=None if y is None else df[y],
            ids=frame_ids(df, id),
            name=name,
            feature_names=names,
            notes=notes,
            raw=shown,
        )

    @classmethod
    def _checked(
        cls,
        x: Any,
        *,
        items: Any,
        x_y: Any,
        y: Any,
        ids: Any,
        name: str,
        feature_names: Sequence[str] | None,
        value_range: tuple[float, float] | None = None,
        notes: tuple[str, ...] = (),
        raw: pd.DataFrame | None = None,
    ) -> Dataset:
        """Check every part and make the Dataset."""
        features = checks.check_x(x)
        n = len(features)
        if items is not None:
            checks.check_length("items", items, n)
        codes, class_names = checks.check_x_y(x_y, n)
        return cls(
            x=features,
            name=name,
            ids=checks.check_ids(ids, n),
            feature_names=checks.check_feature_names(feature_names, math.prod(features.shape[1:])),
            items=items,
            x_y=codes,
            class_names=class_names,
            y=checks.check_y(y, n),
            value_range=checks.check_value_range(value_range, features),
            notes=notes,
            _raw=raw,
        )

    # -- reading it ----------------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self.x)

    @property
    def n_features(self) -> int:
        """Numbers per item."""
        return math.prod(self.x.shape[1:])

    @property
    def n_classes(self) -> int:
        """Given classes; 0 without `x_y`."""
        return len(self.class_names)

    def rows(self, index: Any) -> npt.NDArray[np.float32]:
        """Return the features, float32 (m, ...), at `index`: an int, a sequence of ints, a mask (n,) or a slice."""
        if not isinstance(index, slice):
            index = np.atleast_1d(index)
            index = index.astype(np.int64) if index.size == 0 else index
        picked: npt.NDArray[np.float32] = self.x[index]
        return picked

    def chunks(self, size: int) -> Iterator[tuple[slice, npt.NDArray[np.float32]]]:
        """Yield (slice, x rows (<= size, ...)) over all items in order; the rows are read-only views.

        Raises
        ------
        ValueError
            `size` below 1.
        """
        if size < 1:
            raise ValueError(f"chunks of {size} items: give a size of at least 1.")
        parts = (slice(start, min(start + size, len(self))) for start in range(0, len(self), size))
        return ((part, self.x[part]) for part in parts)

    def item(self, i: int) -> Any:
        """Return what is shown of item `i`: its entry of `items`, or its features as a Series named by its id."""
        if self.items is None:
            return pd.Series(self.x[i].ravel(), index=list(self.feature_names), name=self.ids[i])
        if isinstance(self.items, pd.DataFrame):  # column by column: a row taken at once would turn ints into floats
            values = [self.items.iloc[i, j] for j in range(self.items.shape[1])]
            return pd.Series(values, index=self.items.columns, name=self.ids[i], dtype=object)
        return self.items.iloc[i] if isinstance(self.items, pd.Series) else self.items[i]

    def given_class(self, i: int) -> str | None:
        """Return the class given with item `i` in words, or None without `x_y`."""
        return None if self.x_y is None else str(self.class_names[self.x_y[i]])

    def index_of(self, ids: Any) -> npt.NDArray[np.int64]:
        """Return the rows of these ids (one id, or a sequence of m): int64 (m,).

        Raises
        ------
        KeyError
            Ids that the data set does not have.
        """
        wanted: list[Any] = [ids] if isinstance(ids, int | str | np.integer) else list(ids)
        unknown = [i for i in wanted if i not in self._row_of]
        if unknown:
            names = ", ".join(repr(i) for i in unknown[:5])
            raise KeyError(f"{len(unknown):,} of {len(wanted):,} ids are not in {self.name!r}, such as {names}.")
        return np.array([self._row_of[i] for i in wanted], dtype=np.int64)

    @cached_property
    def _row_of(self) -> dict[int | str, int]:
        return {key: i for i, key in enumerate(self.ids.tolist())}

    @cached_property
    def item_hash(self) -> npt.NDArray[np.uint64]:
        """Hash of the content of each item, uint64 (n,).

        It depends on the item alone: neither on its row nor on other rows. Of arrays and images: 8 bytes of BLAKE2b
        over the float32 bytes of the row and the name of the given class. Of tables: pandas' hash over the row as
        given, in all columns except `y`, numbers as float64, since medians and one-hot columns depend on other rows.
        """
        if self._raw is not None:
            return hash_rows(self._raw)
        return hash_arrays(self.x, self.x_y, self.class_names)

    @cached_property
    def fingerprint(self) -> str:
        """32 hex digits that name the data: the same for the same items in any order."""
        return combine(self.item_hash)

    def __repr__(self) -> str:
        parts = [f"{len(self):,} items x {self.n_features:,} feature{'s' * (self.n_features != 1)}"]
        if self.n_classes:
            parts.append(f"{self.n_classes:,} classes")
        if self.y is not None:
            found = int(self.y.sum())
            plural = "y" if found == 1 else "ies"
            parts.append(f"{found:,} known anomal{plural} ({100 * found / len(self):.3g}%)")
        return "\n  ".join([f"Dataset {self.name!r}: {', '.join(parts)}", *self.notes])
