"""DCN's centres against scikit-learn's k-means and a plain loop."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans

import uai_notebook as uai
from uai_notebook.learners import UaiLearner
from uai_notebook.models import DCN
from uai_notebook.models.dcn import FIRST_COUNT


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def groups(n=240, d=4, k=3, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.normal(size=(k, d)) * 6)[np.arange(n) % k] + rng.normal(size=(n, d))


@pytest.fixture
def model():
    return DCN(4, (8, 2), n_centres=3, generator=seeded()).eval()


def chunks_of(x, size=50):
    return [(part, None) for part in torch.as_tensor(x, dtype=torch.float32).split(size)]


def test_centres_are_those_of_scikit_learns_k_means_on_the_latents_of_all_items(model):
    x = groups()
    model.place_centres(chunks_of(x))
    with torch.no_grad():
        latent = model.encoder(torch.as_tensor(x, dtype=torch.float32)).numpy()
    theirs = KMeans(3, n_init=10, random_state=1).fit(latent)
    ours = model.centres.numpy()
    np.testing.assert_allclose(
        ours[np.lexsort(ours.T)], theirs.cluster_centers_[np.lexsort(theirs.cluster_centers_.T)], rtol=1e-3, atol=1e-3
    )


def test_assignments_are_scikit_learns_for_the_same_centres(model):
    x = groups(seed=3)
    model.place_centres(chunks_of(groups()))
    with torch.no_grad():
        latent = model.encoder(torch.as_tensor(x, dtype=torch.float32))
    theirs = KMeans(3, init=model.centres.numpy(), n_init=1, max_iter=1).fit(model.centres.numpy())
    theirs.cluster_centers_ = model.centres.numpy().copy()
    np.testing.assert_array_equal(model.assign(latent), theirs.predict(latent.numpy()))
    distance = theirs.transform(latent.numpy()).min(1)
    np.testing.assert_allclose(model(torch.as_tensor(x, dtype=torch.float32)).score, distance, rtol=1e-3, atol=1e-5)


def test_centres_move_as_in_a_loop_over_the_items_with_one_over_the_count(model):
    model.place_centres(chunks_of(groups()))
    latent = torch.randn(64, 2, generator=seeded(2)) * 3
    centres, counts = model.centres.double().numpy().copy(), model.counts.numpy().copy()
    nearest = model.assign(latent).numpy()
    for one, k in zip(latent.double().numpy(), nearest, strict=True):
        counts[k] += 1
        centres[k] -= (centres[k] - one) / counts[k]
    model.observe_latent(latent)
    np.testing.assert_allclose(model.centres, centres, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(model.counts, counts)
    assert model.counts.sum() == 3 * FIRST_COUNT + 64


def test_a_centre_without_items_stays(model):
    with torch.no_grad():
        model.centres.copy_(torch.tensor([[0.0, 0], [1, 1], [100, 100]]))
    model.observe_latent(torch.tensor([[0.2, 0.1], [0.9, 1.0]]))
    assert model.centres[2].tolist() == [100, 100]


def test_the_loss_is_yangs_eq_9_divided_by_the_features(model):
    x = torch.as_tensor(groups(), dtype=torch.float32)
    model.place_centres(chunks_of(x))
    out = model(x)
    latent, restored = model.encoder(x), model.decoder(model.encoder(x))
    to_centres = ((latent[:, None] - model.centres) ** 2).sum(2).min(1).values
    torch.testing.assert_close(out.loss, (((x - restored) ** 2).sum(1) + 0.05 / 2 * to_centres) / 4)


def test_the_first_half_trains_the_autoencoder_alone_and_the_centres_follow(ds):
    learner = UaiLearner(ds, "dcn", uai.TrainConfig(hidden=(8, 2), pretrain_steps=20, batch_size=16))
    model, steps = learner.net.base, learner.pretrain()
    for _ in range(10):
        next(steps)
    assert (model.centres == 0).all()
    next(steps)
    assert len(model.centres.unique(dim=0)) == 4
    assert model.counts.sum() == 4 * FIRST_COUNT + 16
    list(steps)
    assert model.counts.sum() == 4 * FIRST_COUNT + 16 * 10


def test_labelled_items_do_not_move_the_centres_twice(ds, config):
    learner = UaiLearner(ds, "dcn", config)
    list(learner.pretrain())
    before = int(learner.net.base.counts.sum())
    list(learner.update(np.arange(4), np.int8([1, 0, 1, 0])))
    assert int(learner.net.base.counts.sum()) == before + config.round_steps * config.batch_size


def test_fewer_different_items_than_centres_is_no_warning(config):
    x = np.repeat(np.eye(2), 20, axis=0)
    learner = UaiLearner(uai.Dataset.from_arrays(x), "dcn", config)
    list(learner.pretrain())
    assert np.isfinite(learner.evaluate().base_score).all()


def test_a_new_item_away_from_all_groups_scores_highest():
    x = groups(k=4)
    learner = UaiLearner(uai.Dataset.from_arrays(x), "dcn", uai.TrainConfig(hidden=(16, 2), pretrain_steps=400))
    list(learner.pretrain())
    assert learner.score([[60.0, -60, 60, -60]]) > learner.evaluate().base_score.max()
