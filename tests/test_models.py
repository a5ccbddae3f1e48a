"""Base models and the UAI layer: eq. 2 to 8 against plain numpy, autograd and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.linear_model import LogisticRegression

import uai_notebook as uai
from uai_notebook.learners.uai import BASES
from uai_notebook.models import DAGMM, DCN, DSEBM, PretrainedAutoEncoder, noise
from uai_notebook.models.base import mlp
from uai_notebook.training import Rows, train_steps

D, CLASSES = 5, 3


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def batch(n=7, seed=0):
    generator = seeded(seed)
    return torch.rand(n, D, generator=generator), torch.randint(CLASSES, (n,), generator=generator)


MODELS = {
    "dae": lambda: uai.DenoisingAutoEncoder(D, (16, 4), generator=seeded()),
    "class": lambda: uai.Classifier(D, CLASSES, (16, 4), generator=seeded()),
    "pae": lambda: PretrainedAutoEncoder(D, (16, 4), generator=seeded()),
    "dagmm": lambda: DAGMM(D, (16, 4), generator=seeded()),
    "dsebm_e": lambda: DSEBM(D, (16, 4), "energy", generator=seeded()),
    "dsebm_r": lambda: DSEBM(D, (16, 4), "reconstruction", generator=seeded()),
    "dcn": lambda: DCN(D, (16, 4), generator=seeded()),
}


@pytest.fixture(params=[*MODELS, "user"])
def model(request, distance_model):
    return distance_model() if request.param == "user" else MODELS[request.param]()


# -- the contract of every base model -------------------------------------------------------------------------------


def test_a_base_model_satisfies_the_protocol(model):
    assert isinstance(model, torch.nn.Module)
    assert isinstance(model, uai.BaseModel)
    assert isinstance(model.latent_dim, int)
    assert isinstance(model.needs_x_y, bool)


def test_every_base_model_with_a_name_is_tested_here():
    assert set(MODELS) == set(BASES)


def test_a_base_model_gives_one_latent_score_and_loss_per_item(model):
    for n in (1, 7):
        out = model(*batch(n))
        assert isinstance(out, uai.BaseOutput)
        assert [tuple(part.shape) for part in out] == [(n, model.latent_dim), (n,), (n,)]
        assert all(part.dtype == torch.float32 and torch.isfinite(part).all() for part in out)


def test_a_base_model_in_evaluation_is_deterministic_and_scores_items_one_by_one(model):
    model.eval()
    x, x_y = batch()
    whole, again = model(x, x_y), model(x, x_y)
    for a, b in zip(whole, again, strict=True):
        assert torch.equal(a, b)
    for i in range(len(x)):
        alone = model(x[i : i + 1], x_y[i : i + 1])
        torch.testing.assert_close(alone.score[0], whole.score[i])
        torch.testing.assert_close(alone.latent[0], whole.latent[i])


def test_the_loss_of_a_base_model_trains_its_latent(model):
    model.train()
    model(*batch()).loss.mean().backward()
    grads = [p.grad for p in model.parameters() if p.grad is not None]
    assert grads
    assert any(g.abs().sum() > 0 for g in grads)


def test_a_base_model_takes_items_of_more_dimensions(model):
    x, x_y = batch()
    model.eval()
    torch.testing.assert_close(model(x.reshape(7, D, 1), x_y).score, model(x, x_y).score)


def test_a_base_model_does_not_change_its_input(model):
    model.train()
    x, x_y = batch()
    before = x.clone()
    model(x, x_y)
    assert torch.equal(x, before)


def test_the_uai_layer_goes_on_any_base_model(model):
    net = uai.UaiNet(model, generator=seeded())
    out = net(*batch())
    assert tuple(out.logit.shape) == (7,)
    model.eval()
    base = model(*batch())
    net.eval()
    out = net(*batch())
    assert torch.equal(out.latent, base.latent)
    assert torch.equal(out.score, base.score)
    assert torch.equal(out.loss, base.loss)


def test_the_logit_is_eq_3_in_plain_numpy(model):
    net = uai.UaiNet(model, generator=seeded()).eval()
    out = net(*batch())
    weight, bias = net.head.weight.detach().numpy(), net.head.bias.detach().numpy()
    joined = np.c_[out.latent.detach().numpy(), out.score.detach().numpy()]
    np.testing.assert_allclose(out.logit.detach().numpy(), (joined @ weight.T + bias)[:, 0], rtol=1e-4, atol=1e-5)


# -- eq. 3: gradient ------------------------------------------------------------------------------------------------


class TwoParts(torch.nn.Module):
    """l = a x and s = b x, so that it can be seen which of them gradient reaches."""

    latent_dim, needs_x_y = D, False

    def __init__(self):
        super().__init__()
        self.a, self.b = torch.nn.Parameter(torch.ones(D)), torch.nn.Parameter(torch.ones(D))

    def forward(self, x, x_y=None):
        """Latent a x, score b x."""
        return uai.BaseOutput(x * self.a, x @ self.b, x @ self.b)


def test_gradient_flows_through_l_and_none_through_s():
    net = uai.UaiNet(TwoParts(), generator=seeded())
    x, _ = batch()
    net(x).logit.sum().backward()
    assert net.base.b.grad is None
    torch.testing.assert_close(net.base.a.grad, x.sum(0) * net.head.weight[0, :D].detach())
    assert (net.head.weight.grad != 0).all()


def test_without_gradient_through_l_labels_reach_the_head_only():
    x = torch.rand(4, D)
    through, stopped = (uai.UaiNet(TwoParts(), through_latent=which) for which in (True, False))
    stopped.load_state_dict(through.state_dict())
    torch.testing.assert_close(stopped(x).logit, through(x).logit)
    stopped(x).logit.sum().backward()
    assert stopped.base.a.grad is None
    assert stopped.head.weight.grad is not None


def test_s_need_not_be_differentiable():
    class Counting(TwoParts):
        def forward(self, x, x_y=None):
            """A score that is a count."""
            latent, score, loss = super().forward(x)
            return uai.BaseOutput(latent, (score > 1).float().detach(), loss)

    net = uai.UaiNet(Counting(), generator=seeded())
    net(batch()[0]).logit.sum().backward()
    assert net.base.a.grad is not None


@pytest.mark.parametrize("kind", ["dae", "class"])
def test_in_the_shipped_models_the_cross_entropy_reaches_the_encoder_only(kind):
    base = uai.DenoisingAutoEncoder(D, (16, 4)) if kind == "dae" else uai.Classifier(D, CLASSES, (16, 4))
    net = uai.UaiNet(base)
    net(*batch()).logit.sum().backward()
    encoder, rest = (base.encoder, base.decoder) if kind == "dae" else (base.hidden, base.output)
    assert all(p.grad is not None for p in encoder.parameters())
    assert all(p.grad is None for p in rest.parameters())


def test_a_deeper_head_can_be_given():
    head = torch.nn.Sequential(torch.nn.Linear(D + 1, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1))
    assert tuple(uai.UaiNet(TwoParts(), head=head)(batch()[0]).logit.shape) == (7,)


# -- the head against scikit-learn ----------------------------------------------------------------------------------


def frozen_problem(ds, n=80):
    """A frozen base, and noisy labels that no line separates, so that the optimum is finite."""
    base = uai.DenoisingAutoEncoder(D, (8, 2), noise=0.0, generator=seeded(3)).eval()
    for p in base.parameters():
        p.requires_grad_(False)
    rows = Rows(ds, torch.device("cpu"))
    x, _ = rows.batch(torch.arange(n))
    out = base(x)
    features = torch.cat([out.latent, out.score[:, None]], 1).numpy()
    z = (features - features.mean(0)) / features.std(0)
    y = (z.sum(1) + np.random.default_rng(0).normal(size=n) * 2 > 0.3).astype(int)
    reference = LogisticRegression(C=1e8, tol=1e-10, max_iter=10_000).fit(features.astype(np.float64), y)
    return base, rows, x, y, reference, features


def test_the_converged_head_is_scikit_learns_logistic_regression(ds):
    base, _, x, y, reference, features = frozen_problem(ds)
    net = uai.UaiNet(base, generator=seeded()).double()
    target = torch.tensor(y, dtype=torch.float64)
    optimizer = torch.optim.LBFGS(
        net.head.parameters(), max_iter=500, line_search_fn="strong_wolfe", tolerance_grad=1e-9
    )

    def closure():
        optimizer.zero_grad()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(net(x.double()).logit, target)
        loss.backward()
        return loss

    for _ in range(5):
        optimizer.step(closure)
    ours = torch.sigmoid(net(x.double()).logit).detach().numpy()
    np.testing.assert_allclose(ours, reference.predict_proba(features)[:, 1], atol=2e-3)


def test_our_training_steps_lead_the_head_to_scikit_learns_probabilities(ds):
    base, rows, x, y, reference, features = frozen_problem(ds)
    net = uai.UaiNet(base, generator=seeded())
    labels = torch.arange(80), torch.tensor(y, dtype=torch.float32)
    config = uai.TrainConfig(batch_size=1, labeled_batch=256)
    # The score enters raw, so the problem is badly scaled: larger steps first.
    for lr, steps in ((0.05, 1000), (0.005, 300)):
        optimizer = torch.optim.RMSprop(net.head.parameters(), lr=lr, alpha=0.9, eps=1e-10)
        for _ in train_steps(net, optimizer, rows, steps, config, seeded(), labels):
            pass
    ours = torch.sigmoid(net(x).logit).detach().numpy()
    theirs = reference.predict_proba(features)[:, 1]
    assert np.abs(ours - theirs).max() < 0.15
    assert np.corrcoef(ours, theirs)[0, 1] > 0.97


# -- eq. 4, 5 and 7 -------------------------------------------------------------------------------------------------


def layers(part, h):
    linears = [m for m in part if isinstance(m, torch.nn.Linear)]
    for m in linears:
        h = h @ m.weight.detach().numpy().T + m.bias.detach().numpy()
        h = np.maximum(h, 0) if m is not linears[-1] else h
    return h


def test_eq_5_is_the_summed_squared_error_and_the_loss_its_mean_over_features():
    model = uai.DenoisingAutoEncoder(D, (16, 4), generator=seeded()).eval()
    x, _ = batch()
    out = model(x)
    latent = layers(model.encoder, x.numpy())
    error = (x.numpy() - layers(model.decoder, latent)) ** 2
    np.testing.assert_allclose(out.latent.detach().numpy(), latent, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(out.score.detach().numpy(), error.sum(1), rtol=1e-4)
    np.testing.assert_allclose(out.loss.detach().numpy(), error.mean(1), rtol=1e-4)


def test_eq_4_encodes_the_noisy_item_and_measures_against_the_clean_one():
    model = uai.DenoisingAutoEncoder(D, (16, 4), noise=0.5, generator=seeded()).train()
    x, _ = batch()
    noisy = {}
    model.noise.register_forward_hook(lambda module, given, out: noisy.update(x=out.detach().clone()))
    out = model(x)
    latent = layers(model.encoder, noisy["x"].numpy())
    error = (x.numpy() - layers(model.decoder, latent)) ** 2
    np.testing.assert_allclose(out.score.detach().numpy(), error.sum(1), rtol=1e-4)
    assert (noisy["x"] - x).abs().max() > 0.1


def test_eq_7_is_the_cross_entropy_of_the_given_class():
    model = uai.Classifier(D, CLASSES, (16, 4), generator=seeded())
    x, x_y = batch()
    latent = layers(model.hidden, x.numpy())
    logits = layers(model.output, latent)
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    expected = -np.log(p[np.arange(7), x_y.numpy()])
    out = model(x, x_y)
    np.testing.assert_allclose(out.score.detach().numpy(), expected, rtol=1e-4)
    np.testing.assert_allclose(out.loss.detach().numpy(), expected, rtol=1e-4)
    np.testing.assert_allclose(out.latent.detach().numpy(), latent, rtol=1e-4, atol=1e-6)


def test_a_classifier_without_classes_says_what_its_score_is():
    with pytest.raises(ValueError, match="x_y is missing: the score of an item is how surprising its given class is"):
        uai.Classifier(D, CLASSES)(batch()[0])


# -- initial weights ------------------------------------------------------------------------------------------------


def test_weights_start_glorot_uniform_and_biases_zero():
    net = uai.UaiNet(uai.DenoisingAutoEncoder(100, (256, 64, 8), generator=seeded()), generator=seeded(1))
    for m in net.modules():
        if isinstance(m, torch.nn.Linear):
            bound = np.sqrt(6 / (m.in_features + m.out_features))
            weight = m.weight.detach().numpy().ravel()
            assert np.abs(weight).max() <= bound
            assert (m.bias == 0).all()
            assert stats.kstest(weight, stats.uniform(-bound, 2 * bound).cdf).pvalue > 1e-4


def test_weights_come_from_the_given_generator_alone():
    torch.manual_seed(1)
    first = uai.UaiNet(uai.DenoisingAutoEncoder(D, (8, 2), generator=seeded()), generator=seeded(1)).state_dict()
    torch.manual_seed(2)
    second = uai.UaiNet(uai.DenoisingAutoEncoder(D, (8, 2), generator=seeded()), generator=seeded(1)).state_dict()
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_layers_are_relu_between_and_linear_at_the_end():
    assert [type(m).__name__ for m in mlp([3, 4, 5, 2])] == ["Linear", "ReLU", "Linear", "ReLU", "Linear"]


# -- noise ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_pool(monkeypatch):
    monkeypatch.setattr(noise, "POOL_SIZE", 1 << 18)


def test_noise_has_mean_zero_and_standard_deviation_phi_and_is_normal(small_pool):
    layer = noise.GaussianNoise(0.3, seeded()).train()
    eps = layer(torch.zeros(2000, 50)).numpy().ravel().astype(np.float64)
    assert abs(eps.mean()) < 0.01
    assert eps.std() == pytest.approx(0.3, rel=0.02)
    assert stats.kstest(eps[::97] / 0.3, "norm").pvalue > 1e-4


def test_the_noise_of_two_features_or_of_two_items_is_not_correlated(small_pool):
    eps = noise.GaussianNoise(1.0, seeded()).train()(torch.zeros(4000, 8)).numpy()
    assert np.abs(np.corrcoef(eps.T) - np.eye(8)).max() < 0.08
    assert np.abs(np.corrcoef(eps[:40].T) - np.eye(8)).max() < 0.7


def test_noise_is_the_same_for_the_same_generator_and_new_in_each_step(small_pool):
    x = torch.zeros(20, 6)
    first, second = noise.GaussianNoise(1.0, seeded(5)).train(), noise.GaussianNoise(1.0, seeded(5)).train()
    torch.manual_seed(1)
    a = first(x)
    torch.manual_seed(2)
    assert torch.equal(a, second(x))
    assert not torch.equal(a, first(x))


def test_noise_is_off_in_evaluation_and_for_phi_zero():
    x = torch.rand(4, 3)
    assert noise.GaussianNoise(1.0).eval()(x) is x
    assert noise.GaussianNoise(0.0).train()(x) is x


def test_noise_of_wider_items_draws_a_wider_pool(small_pool):
    layer = noise.GaussianNoise(1.0, seeded()).train()
    assert layer(torch.zeros(3, 4)).shape == (3, 4)
    assert layer(torch.zeros(3, 4000)).shape == (3, 4000)


def test_the_noise_pool_is_not_saved_with_the_weights(small_pool):
    model = uai.DenoisingAutoEncoder(D, (8, 2)).train()
    names = list(model.state_dict())
    model(batch()[0])
    assert list(model.state_dict()) == names
