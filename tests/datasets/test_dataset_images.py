"""Dataset.from_images."""

from __future__ import annotations

import numpy as np
import pytest

from uai_notebook.datasets import Dataset

IMAGES = np.random.default_rng(0).integers(0, 256, size=(5, 4, 3), dtype=np.uint8)


def test_pixels_are_flattened_and_the_images_kept_in_their_type():
    ds = Dataset.from_images(IMAGES)
    assert ds.x.shape == (5, 12)
    np.testing.assert_array_equal(ds.x[2], IMAGES[2].ravel())
    assert ds.item(2).dtype == np.uint8
    np.testing.assert_array_equal(ds.item(2), IMAGES[2])
    assert ds.feature_names[:4] == ("pixel 0,0", "pixel 0,1", "pixel 0,2", "pixel 1,0")


def test_colour_images_are_accepted():
    assert Dataset.from_images(np.stack([IMAGES] * 3, axis=-1)).n_features == 36


def test_a_list_of_equal_sized_images_is_accepted():
    assert Dataset.from_images(list(IMAGES)).x.shape == (5, 12)


@pytest.mark.parametrize(
    ("dtype", "expected"),
    [
        (np.uint8, (0, 255)),
        (np.uint16, (0, 65535)),
        (np.int8, (-128, 127)),
        (bool, (0, 1)),
        (np.int64, None),
        (np.float32, None),
    ],
)
def test_the_value_range_is_that_of_a_small_integer_type(dtype, expected):
    assert Dataset.from_images((IMAGES > 99).astype(dtype)).value_range == expected


def test_a_given_value_range_is_kept():
    assert Dataset.from_images(IMAGES / 16.0, value_range=(0, 16)).value_range == (0.0, 16.0)


def test_values_outside_the_given_range_are_refused():
    with pytest.raises(ValueError, match=r"value_range is \(0, 1\) and the values lie between"):
        Dataset.from_images(IMAGES, value_range=(0, 1))


def test_an_empty_value_range_is_refused():
    with pytest.raises(ValueError, match="low < high"):
        Dataset.from_images(IMAGES, value_range=(1, 1))


def test_other_items_may_be_shown_in_place_of_the_images():
    assert Dataset.from_images(IMAGES, items=list("abcde")).item(1) == "b"


def test_flat_rows_of_pixels_are_refused_with_the_way_to_reshape_them():
    with pytest.raises(ValueError, match=r"\(n, h, w\) or \(n, h, w, c\), got \(5, 12\).*from_arrays"):
        Dataset.from_images(IMAGES.reshape(5, -1))


def test_images_of_different_sizes_are_refused_with_both_sizes():
    with pytest.raises(ValueError, match=r"image 0 is \(4, 3\), image 1 is \(3, 4\)"):
        Dataset.from_images([IMAGES[0], IMAGES[1].T])


def test_channels_before_height_and_width_are_refused():
    with pytest.raises(ValueError, match=r"look like \(n, channels, h, w\)"):
        Dataset.from_images(np.zeros((5, 3, 8, 8)))


def test_classes_truth_and_ids_are_taken_as_in_from_arrays():
    ds = Dataset.from_images(IMAGES, x_y=[1, 2, 1, 2, 1], y=[0, 0, 0, 0, 1], ids=list("abcde"), name="pictures")
    assert repr(ds) == "Dataset 'pictures': 5 items x 12 features, 2 classes, 1 known anomaly (20%)"
    assert ds.ids[4] == "e"
