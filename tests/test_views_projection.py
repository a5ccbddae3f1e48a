"""One fixed horizontal axis for latents of any dimension."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from uai_notebook.views.projection import LatentAxis


def test_one_dimensional_latents_pass_unchanged():
    latent = np.random.default_rng(0).normal(size=(50, 1)).astype(np.float32)
    axis = LatentAxis.fit(latent)
    x = axis(latent)
    assert axis.label == "latent l"
    assert x.dtype == np.float32
    np.testing.assert_array_equal(x, latent[:, 0])


@pytest.mark.parametrize("shape", [(500, 8), (5, 40)])
def test_the_axis_is_the_first_principal_component_of_scikit_learn(shape):
    r = np.random.default_rng(1)
    latent = (r.normal(size=shape) * r.uniform(0.1, 4, shape[1])).astype(np.float32)
    axis = LatentAxis.fit(latent)
    expected = PCA(1, svd_solver="full").fit(latent.astype(np.float64))
    sign = np.sign(axis.weights @ expected.components_[0])
    np.testing.assert_allclose(axis.weights, sign * expected.components_[0], atol=1e-6)
    np.testing.assert_allclose(axis(latent), sign * expected.transform(latent)[:, 0], atol=1e-4)
    assert axis.label == f"first principal axis of the latent ({shape[1]}-d)"


def test_the_largest_loading_is_positive_whatever_the_sign_of_the_data():
    latent = np.random.default_rng(2).normal(size=(100, 3)) * [1, 5, 1]
    for values in (latent, -latent):
        weights = LatentAxis.fit(values).weights
        assert weights[np.abs(weights).argmax()] > 0


def test_a_fitted_axis_maps_later_latents_without_moving():
    r = np.random.default_rng(3)
    first = r.normal(size=(200, 4)) * [3, 1, 1, 1]
    axis = LatentAxis.fit(first)
    shifted = axis(first + axis.weights)
    np.testing.assert_allclose(shifted - axis(first), 1.0, atol=1e-5)


def test_half_precision_latents_of_a_frame_are_mapped():
    latent = np.random.default_rng(4).normal(size=(30, 5))
    axis = LatentAxis.fit(latent)
    np.testing.assert_allclose(axis(latent.astype(np.float16)), axis(latent), atol=0.02)


def test_features_are_scaled_so_that_a_large_unit_does_not_win():
    r = np.random.default_rng(5)
    informative = r.integers(0, 2, 400).astype(float)  # spread over the whole range of its feature
    metres = np.r_[r.normal(size=399) * 10, 1e6]  # large numbers, all but one near 0
    axis = LatentAxis.fit_features(np.c_[informative, metres, np.full(400, 7.0)])
    x = axis(np.c_[informative, metres, np.full(400, 7.0)])
    assert axis.of_features
    assert axis.label == "first principal axis of the features (this learner has no latent)"
    assert abs(np.corrcoef(x, informative)[0, 1]) > 0.99
    assert axis.weights[2] == 0


def test_images_are_taken_as_rows():
    x = np.random.default_rng(6).random((20, 6, 6), dtype=np.float32)
    assert LatentAxis.fit_features(x)(x).shape == (20,)


def test_wide_features_are_fitted_on_fewer_rows():
    r = np.random.default_rng(7)
    direction = r.normal(size=1500)
    x = (r.normal(size=(3000, 1)) * direction + 0.01 * r.normal(size=(3000, 1500))).astype(np.float32)
    axis = LatentAxis.fit(x)
    assert abs(axis.weights @ direction) / np.linalg.norm(direction) > 0.99


@pytest.mark.parametrize("values", [np.zeros((10, 3)), np.full((10, 3), np.nan), np.zeros((0, 3)), np.zeros((1, 3))])
def test_latents_that_do_not_spread_still_give_an_axis(values):
    axis = LatentAxis.fit(values)
    assert np.isfinite(axis.weights).all()
    assert np.isfinite(axis(np.zeros((2, 3)))).all()


def test_rows_that_are_not_finite_do_not_spoil_the_fit():
    latent = np.random.default_rng(8).normal(size=(50, 2))
    broken = np.r_[latent, [[np.nan, 0.0], [np.inf, 1.0]]]
    np.testing.assert_allclose(LatentAxis.fit(broken).weights, LatentAxis.fit(latent).weights)


def test_latents_of_another_width_are_refused():
    with pytest.raises(ValueError, match="fitted on 3"):
        LatentAxis.fit(np.eye(3))(np.eye(4))
