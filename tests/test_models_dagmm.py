"""DAGMM against scipy's and scikit-learn's mixtures, and the defects of public ports."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.mixture import GaussianMixture

import uai_notebook as uai
from uai_notebook.learners import UaiLearner
from uai_notebook.models import DAGMM
from uai_notebook.models.mixture import JITTER, Mixture, energy, fit_mixture, inverse_variances
from uai_notebook.models.noise import Dropout


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def problem(n=200, dimensions=3, k=4, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, dimensions)) @ rng.normal(size=(dimensions, dimensions))
    return z, rng.dirichlet(np.ones(k), size=n)


def plain_moments(z, membership):
    """Eq. 5 of Zong 2018, as a loop."""
    parts = []
    for gamma in membership.T:
        mean = (gamma[:, None] * z).sum(0) / gamma.sum()
        covariance = sum(g * np.outer(row - mean, row - mean) for g, row in zip(gamma, z, strict=True)) / gamma.sum()
        parts.append((gamma.mean(), mean, covariance + JITTER * np.eye(len(mean))))
    return parts


def scipy_energy(z, parts):
    """Eq. 6 with scipy's densities."""
    logs = [np.log(weight) + multivariate_normal(mean, covariance).logpdf(z) for weight, mean, covariance in parts]
    return -logsumexp(logs, axis=0)


# -- the mixture ----------------------------------------------------------------------------------------------------


def test_energy_is_that_of_scipys_normals():
    z, membership = problem()
    parts = plain_moments(z, membership)
    mixture = fit_mixture(torch.tensor(z), torch.tensor(membership))
    np.testing.assert_allclose(mixture.weight, [weight for weight, _, _ in parts], rtol=1e-10)
    np.testing.assert_allclose(mixture.mean, [mean for _, mean, _ in parts], rtol=1e-9)
    np.testing.assert_allclose(energy(torch.tensor(z), mixture), scipy_energy(z, parts), rtol=1e-9)


def test_energy_is_minus_the_log_likelihood_of_scikit_learns_mixture():
    z, _ = problem(seed=1)
    theirs = GaussianMixture(3, random_state=0).fit(z)
    factor = torch.linalg.cholesky(torch.tensor(theirs.covariances_))
    ours = Mixture(torch.tensor(theirs.weights_), torch.tensor(theirs.means_), factor)
    np.testing.assert_allclose(energy(torch.tensor(z), ours), -theirs.score_samples(z), rtol=1e-9)


def test_one_step_of_scikit_learns_em_has_our_moments():
    z, membership = problem(seed=2)
    theirs = GaussianMixture(4, reg_covar=JITTER)
    theirs._initialize(z, membership)
    ours = fit_mixture(torch.tensor(z), torch.tensor(membership))
    np.testing.assert_allclose(ours.mean, theirs.means_, rtol=1e-9)
    np.testing.assert_allclose(ours.factor @ ours.factor.mT, theirs.covariances_, rtol=1e-8, atol=1e-10)


def test_the_penalty_is_the_sum_of_inverse_variances():
    z, membership = problem()
    expected = sum((1 / covariance.diagonal()).sum() for _, _, covariance in plain_moments(z, membership))
    assert float(inverse_variances(fit_mixture(torch.tensor(z), torch.tensor(membership)))) == pytest.approx(expected)


def test_gradient_flows_through_the_moments_as_finite_differences_do():
    z, membership = (torch.tensor(part, requires_grad=True) for part in problem(n=12, dimensions=2, k=2))

    def total(z, membership):
        mixture = fit_mixture(z, membership)
        return energy(z, mixture).sum() + inverse_variances(mixture)

    assert torch.autograd.gradcheck(total, (z, membership))


@pytest.mark.parametrize("case", ["constant feature", "one row repeated", "collinear", "empty component", "large"])
def test_singular_latents_have_finite_energies(case):
    z, membership = problem(n=50)
    if case == "constant feature":
        z[:, 1] = 3.7
    elif case == "one row repeated":
        z[:] = z[0]
    elif case == "collinear":
        z = np.outer(z[:, 0], [1, 1e4, -1e4])
    elif case == "empty component":
        membership[:] = [1, 0, 0, 0]
    else:
        z *= 1e8
        z[:, 2] = z[:, 1]
    found = energy(torch.tensor(z), fit_mixture(torch.tensor(z), torch.tensor(membership)))
    assert torch.isfinite(found).all()


def test_latents_that_are_not_finite_give_nan_and_no_endless_loop():
    z, membership = problem(n=20)
    z[3] = np.nan
    assert torch.isnan(energy(torch.tensor(z), fit_mixture(torch.tensor(z), torch.tensor(membership)))).all()


# -- the network ----------------------------------------------------------------------------------------------------


def fitted(x, **options):
    model = DAGMM(x.shape[1], (6, 1), n_components=2, generator=seeded(), **options)
    model.fit_statistics([(part, None) for part in x.split(16)])
    return model.eval()


def test_z_is_the_latent_the_relative_error_and_the_cosine():
    x = torch.rand(20, 5, generator=seeded())
    model = fitted(x)
    z = model(x).latent.detach().numpy()
    made = model.decoder(model.encoder(x)).detach().numpy()
    a = x.numpy()
    np.testing.assert_allclose(z[:, 0], model.encoder(x)[:, 0].detach(), rtol=1e-5)
    np.testing.assert_allclose(z[:, 1], np.linalg.norm(a - made, axis=1) / np.linalg.norm(a, axis=1), rtol=1e-5)
    cosine = (a * made).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(made, axis=1)
    np.testing.assert_allclose(z[:, 2], cosine, rtol=1e-4, atol=1e-6)


def test_the_score_is_the_energy_under_the_mixture_of_all_items_not_of_a_batch():
    x = torch.rand(60, 5, generator=seeded())
    model = fitted(x)
    z = model(x).latent
    membership = model.estimation(z)
    expected = scipy_energy(z.detach().numpy(), plain_moments(z.detach().double().numpy(), membership.detach().numpy()))
    np.testing.assert_allclose(model(x).score.detach(), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(model(x[:7]).score.detach(), expected[:7], rtol=1e-4, atol=1e-4)


def test_the_training_loss_is_zongs_eq_7_per_feature_with_the_mixture_of_the_batch():
    x = torch.rand(40, 5, generator=seeded())
    model = fitted(x, energy_weight=0.3, variance_weight=0.02).train()
    seen = {}
    model.estimation.register_forward_hook(lambda module, given, out: seen.update(membership=out.detach().numpy()))
    out = model(x)
    z = out.latent.detach().double().numpy()
    parts = plain_moments(z, seen["membership"].astype(np.float64))
    made = model.decoder(model.encoder(x)).detach().numpy()
    penalty = sum((1 / covariance.diagonal()).sum() for _, _, covariance in parts)
    expected = ((x.numpy() - made) ** 2).mean(1) + 0.3 * scipy_energy(z, parts) + 0.02 * penalty
    np.testing.assert_allclose(out.loss.detach(), expected, rtol=1e-4)


def test_dropout_is_off_when_scoring_so_that_two_evaluations_are_equal(ds, config):
    learner = UaiLearner(ds, "dagmm", config)
    for _ in learner.pretrain():
        pass
    first, second = learner.evaluate(), learner.evaluate()
    np.testing.assert_array_equal(first.base_score, second.base_score)
    x = torch.rand(9, 5)
    model = learner.net.base
    assert torch.equal(model.estimation(model(x).latent), model.estimation(model(x).latent))
    model.train()
    z = model(x).latent
    assert not torch.equal(model.estimation(z), model.estimation(z))


def test_dropout_keeps_the_mean_and_draws_from_its_generator_alone():
    layer = Dropout(0.5, seeded(4)).train()
    x = torch.ones(400, 50)
    torch.manual_seed(1)
    first = layer(x)
    assert set(first.unique().tolist()) == {0.0, 2.0}
    assert float(first.mean()) == pytest.approx(1, abs=0.03)
    torch.manual_seed(2)
    assert torch.equal(first, Dropout(0.5, seeded(4)).train()(x))
    assert layer.eval()(x) is x


def test_the_mixture_is_saved_with_the_weights(ds, config):
    learner = UaiLearner(ds, "dagmm", config)
    for _ in learner.pretrain():
        pass
    other = UaiLearner(ds, "dagmm", config, seed=9)
    other.load_state_dict(learner.state_dict())
    np.testing.assert_array_equal(other.score(ds.x), learner.score(ds.x))
    assert learner.state_dict()["net"]["base.factor"].dtype == np.float64


def test_constant_features_repeated_items_and_items_of_zeros_score_finitely(config):
    x = np.random.default_rng(0).normal(size=(60, 4))
    x[:, 2] = 5
    x[10:50] = x[10]
    x[3] = x.min(0)  # all zeros once scaled
    learner = UaiLearner(uai.Dataset.from_arrays(x), "dagmm", config)
    for _ in learner.pretrain():
        pass
    assert np.isfinite(learner.evaluate().base_score).all()


def test_a_session_with_dagmm_finds_what_lies_apart():
    rng = np.random.default_rng(0)
    x = np.r_[rng.normal(size=(12, 4)) * 0.2 + [3, -3, 3, -3], rng.normal(size=(300, 4)) * 0.5]
    ds = uai.Dataset.from_arrays(x, y=(np.arange(312) < 12).astype(int))
    config = uai.TrainConfig(hidden=(16, 2), pretrain_steps=200, round_steps=20, batch_size=64, labeled_batch=64)
    session = uai.simulate(uai.ActiveSession(ds, base="dagmm", k=4, budget=48, config=config), uai.Oracle(ds.y))
    assert (session.labels["label"] == 1).sum() >= 10
