"""Images: from what a user has to one array of pixels."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from uai_notebook.datasets.checks import as_numpy

_CHANNELS = (1, 3, 4)


def stack_images(images: Any) -> npt.NDArray[Any]:
    """Return the images as one array (n, h, w) or (n, h, w, c) of their own type.

    Raises
    ------
    ValueError
        Another number of dimensions, sizes that differ, channels before height and width.
    """
    if isinstance(images, list | tuple):
        images = [as_numpy(image) for image in images]
        odd = next((i for i, image in enumerate(images) if image.shape != images[0].shape), None)
        if odd is not None:
            raise ValueError(
                f"images differ in size: image 0 is {images[0].shape}, image {odd} is {images[odd].shape}. "
                "Resize or crop them to one size."
            )
    pixels = as_numpy(images)
    if pixels.ndim not in (3, 4):
        raise ValueError(
            f"images must have shape (n, h, w) or (n, h, w, c), got {pixels.shape}. Rows of pixels: reshape them to "
            "(n, h, w), or use Dataset.from_arrays."
        )
    if pixels.ndim == 4 and pixels.shape[1] in _CHANNELS and pixels.shape[3] not in _CHANNELS:
        raise ValueError(
            f"images of shape {pixels.shape} look like (n, channels, h, w). Give (n, h, w, channels), for example "
            "images.transpose(0, 2, 3, 1)."
        )
    return pixels


def image_range(dtype: np.dtype[Any]) -> tuple[float, float] | None:
    """Return the values that a pixel of this type can take; None for floats and integers wider than 16 bits."""
    if dtype.kind == "b":
        return 0.0, 1.0
    if dtype.kind in "iu" and dtype.itemsize <= 2:
        limits = np.iinfo(dtype)
        return float(limits.min), float(limits.max)
    return None


def pixel_names(shape: tuple[int, ...]) -> list[str]:
    """Return a name per pixel of an image of this shape: "pixel 3,4" is row 3, column 4; a channel would follow."""
    return [f"pixel {','.join(map(str, position))}" for position in product(*(range(size) for size in shape))]
