"""DSEBM's energy, its slope and its loss against autograd and plain numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import uai_notebook as uai
from uai_notebook.learners import UaiLearner
from uai_notebook.models import DSEBM

D = 5


def made(score="energy", hidden=(7, 6, 3), noise=0.1):
    """A model whose biases are not zero."""
    generator = torch.Generator().manual_seed(0)
    model = DSEBM(D, hidden, score, noise, generator).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.normal_(generator=generator)
    return model


def items(n=9):
    return torch.randn(n, D, generator=torch.Generator().manual_seed(1))


def plain_energy(model, x):
    """Sec. 3.1 of Zhai 2016 in numpy: |x - b'|^2 / 2 - sum of h_L."""
    h = x
    for layer in model.layers:
        if isinstance(layer, torch.nn.Linear):
            h = np.log1p(np.exp(h @ layer.weight.detach().numpy().T + layer.bias.detach().numpy()))
    return 0.5 * ((x - model.offset.detach().numpy()) ** 2).sum(1) - h.sum(1)


def autograd_slope(model, x):
    x = x.clone().requires_grad_()
    energy = DSEBM.forward(model, x).score
    (slope,) = torch.autograd.grad(energy.sum(), x)
    return slope


@pytest.mark.parametrize("hidden", [(3,), (7, 3), (7, 6, 3)])
def test_the_score_of_e_is_the_energy_in_plain_numpy(hidden):
    model, x = made("energy", hidden), items()
    np.testing.assert_allclose(model(x).score.detach(), plain_energy(model, x.numpy()), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("hidden", [(3,), (7, 3), (7, 6, 3)])
def test_the_score_of_r_is_the_squared_norm_of_autograds_slope_of_the_energy(hidden):
    x = items()
    slope = autograd_slope(made("energy", hidden), x)
    torch.testing.assert_close(made("reconstruction", hidden)(x).score, slope.square().sum(1), rtol=1e-4, atol=1e-5)


def test_the_loss_is_the_squared_distance_of_the_item_from_the_reconstruction_of_its_noisy_copy():
    model, x = made(noise=0.5).train(), items()
    seen = {}
    model.noise.register_forward_hook(lambda module, given, out: seen.update(noisy=out.detach().clone()))
    loss = model(x).loss
    assert (seen["noisy"] - x).abs().max() > 0.1
    restored = seen["noisy"] - autograd_slope(made(), seen["noisy"])
    torch.testing.assert_close(loss, (x - restored).square().mean(1), rtol=1e-4, atol=1e-6)


def test_the_slope_of_the_loss_reaches_every_weight_and_one_offset_per_feature():
    model = made().train()
    model(items()).loss.mean().backward()
    assert tuple(model.offset.shape) == (D,)
    assert all(parameter.grad.abs().sum() > 0 for parameter in model.parameters())


def test_the_slope_needs_no_autograd():
    model, x = made("reconstruction"), items()
    with torch.inference_mode():
        inside = model(x).score
    torch.testing.assert_close(inside, model(x).score.detach())


def test_the_latent_is_the_input_of_the_last_softplus():
    model, x = made(), items()
    torch.testing.assert_close(model(x).latent, model.layers(x))


def test_the_two_criteria_share_one_training(ds, config):
    learners = [UaiLearner(ds, base, config) for base in ("dsebm_e", "dsebm_r")]
    for learner in learners:
        for _ in learner.pretrain():
            pass
    energy, reconstruction = (learner.net.base.state_dict() for learner in learners)
    assert all(torch.equal(energy[name], reconstruction[name]) for name in energy)
    first, second = (learner.evaluate().base_score for learner in learners)
    assert not np.allclose(first, second)


def test_training_gives_a_low_energy_where_the_items_are():
    rng = np.random.default_rng(0)
    line = rng.uniform(size=(600, 1))
    x = np.c_[line, line, 1 - line] + rng.normal(size=(600, 3)) * 0.01
    model_options = {"hidden": (32, 8), "pretrain_steps": 600, "lr": 0.003}
    learner = UaiLearner(uai.Dataset.from_arrays(x), "dsebm_r", uai.TrainConfig(**model_options))
    for _ in learner.pretrain():
        pass
    far = np.array([[0.9, 0.1, 0.9], [0.1, 0.9, 0.2]])
    assert learner.score(far).min() > np.quantile(learner.score(x), 0.99)


def test_another_criterion_is_an_error_that_names_both():
    with pytest.raises(ValueError, match="DSEBM: score='r': expected one of energy, reconstruction"):
        DSEBM(4, score="r")
