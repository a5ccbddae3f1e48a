"""What goes into a map: nothing here runs UMAP."""

from __future__ import annotations

import numpy as np
import pytest

import uai_notebook as uai
from uai_notebook.snapshot import Frame
from uai_notebook.views.maps import input as map_input
from uai_notebook.views.maps.input import Choice, latent_input, x_input


def frame_of(latent, round_=0, index=None):
    n = len(latent)
    index = np.arange(n) if index is None else np.asarray(index)
    return Frame(round_, index, np.ones(n, np.float32), np.asarray(latent, np.float16), None, 0)


@pytest.fixture
def latent():
    return np.random.default_rng(0).normal(size=(300, 3)).round(2)


def test_labelled_items_are_fitted_first_and_sparse_parts_before_the_crowd(latent):
    latent[7] = 50  # alone, far from the others
    labeled = np.array([11, 222, 299])
    made = latent_input([frame_of(latent)], Choice(40, labeled))
    fitted = made.index[made.fit]
    assert len(fitted) == 40
    assert {7, 11, 222, 299} <= set(fitted.tolist())


def test_more_labels_than_items_fitted_are_drawn_from_at_random(latent):
    labeled = np.arange(100)
    made = latent_input([frame_of(latent)], Choice(40, labeled))
    fitted = made.index[made.fit]
    assert len(fitted) == 40
    assert set(fitted.tolist()) <= set(labeled.tolist())
    other = latent_input([frame_of(latent)], Choice(40, labeled, seed=1))
    assert fitted.tolist() != other.index[other.fit].tolist()


def test_the_rest_is_placed_while_it_is_few_and_else_left_out(latent, monkeypatch):
    frames = [frame_of(latent, 0), frame_of(latent, 1)]
    few = latent_input(frames, Choice(100))
    assert (len(few.index), [len(rows) for rows in few.rows]) == (300, [100, 200, 300])
    assert few.note == "300 of 300 items on the map, fitted on 100 of them"
    monkeypatch.setattr(map_input, "MOST_PLACED", 399)
    many = latent_input(frames, Choice(100))
    assert (len(many.index), [len(rows) for rows in many.rows]) == (100, [100, 0, 100])
    assert many.note == "100 of 300 items on the map"


def test_wide_features_count_by_their_numbers(latent, monkeypatch):
    monkeypatch.setattr(map_input, "MOST_VALUES", 599)
    assert len(latent_input([frame_of(latent)], Choice(100)).index) == 100
    monkeypatch.setattr(map_input, "MOST_VALUES", 600)
    assert len(latent_input([frame_of(latent)], Choice(100)).index) == 300


def test_rows_belong_to_their_items_in_any_order(latent):
    order = np.random.default_rng(1).permutation(300)
    made = latent_input([frame_of(latent[::-1]), frame_of(latent[order], 1, order)], Choice(100))
    assert made.index.tolist() == list(range(300))
    exact = latent.astype(np.float16).astype(np.float32)
    assert np.array_equal(made.rows[0], exact[made.fit])
    assert np.array_equal(made.rows[1], exact[made.places[0]])
    assert np.array_equal(made.rows[2], exact[::-1][made.places[1]])


def test_items_that_a_round_does_not_have_or_that_are_not_finite_are_not_placed_in_it(latent):
    early = latent[:250].copy()
    early[5] = np.inf
    made = latent_input([frame_of(early), frame_of(latent, 1)], Choice(300))
    assert made.places[1].tolist() == [i for i in range(250) if i != 5]


def test_rounds_of_other_dimensions_are_refused(latent):
    with pytest.raises(ValueError, match=r"latents of \[2, 3\] dimensions: give frames of one session"):
        latent_input([frame_of(latent[:, :2]), frame_of(latent, 1)], Choice())


def test_a_dataset_is_scaled_as_its_learner_does():
    images = np.zeros((20, 2, 2), np.uint8)
    images[np.arange(20), 0, 0] = np.arange(20) * 10
    ds = uai.Dataset.from_images(images)
    made = x_input(frame_of(np.zeros((20, 1))), ds, Choice())
    assert made.what == "x (4-d)"
    assert made.rows[0][:, 0] == pytest.approx(np.arange(20) * 10 / 255)


def test_an_array_is_brought_to_0_to_1_feature_by_feature():
    x = np.stack([np.arange(30) * 5.0, np.full(30, 3.0)], axis=1)
    x[4] = np.nan
    made = x_input(frame_of(np.zeros((30, 1))), x, Choice())
    assert len(made.index) == 29
    assert made.note == "29 of 30 items on the map; 1 left out: their x (2-d) is not finite"
    assert (made.rows[0].min(), made.rows[0].max()) == (0, 1)
    assert not made.rows[0][:, 1].any()
