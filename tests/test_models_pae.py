"""PAE: layers learn one after the other, then all together."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import uai_notebook as uai
from uai_notebook.learners import UaiLearner
from uai_notebook.models import PretrainedAutoEncoder


def weights(model):
    linears = [layer for part in (model.encoder, model.decoder) for layer in part if isinstance(layer, torch.nn.Linear)]
    return [torch.cat([p.detach().flatten() for p in layer.parameters()]).clone() for layer in linears]


def changed(before, after):
    return [not torch.equal(a, b) for a, b in zip(before, after, strict=True)]


def test_layers_learn_one_after_the_other_and_then_all(ds):
    config = uai.TrainConfig(hidden=(8, 6, 2), pretrain_steps=20, batch_size=16)
    learner = UaiLearner(ds, "pae", config)
    model, steps = learner.net.base, learner.pretrain()
    last = weights(model)
    for pair in ((0, 5), (1, 4), (2, 3), range(6)):  # of encoder layers 0 to 2 and decoder layers 3 to 5
        for _ in range(5):
            next(steps)
        now = weights(model)
        assert changed(last, now) == [i in pair for i in range(6)]
        last = now
    assert list(steps) == []


def test_steps_that_the_layers_cannot_share_go_to_the_fine_tuning(ds):
    learner = UaiLearner(ds, "pae", uai.TrainConfig(hidden=(8, 2), pretrain_steps=11, batch_size=16))
    assert [(p.step, p.of) for p in learner.pretrain()] == [(i, 11) for i in range(1, 12)]
    few = UaiLearner(ds, "pae", uai.TrainConfig(hidden=(8, 2), pretrain_steps=2, batch_size=16))
    assert len(list(few.pretrain())) == 2


@pytest.mark.parametrize("stage", [0, 1])
def test_a_layer_restores_its_own_input_from_a_noisy_copy(stage):
    model = PretrainedAutoEncoder(5, (8, 2), noise=0.3, generator=torch.Generator().manual_seed(0))
    x = torch.rand(7, 5, generator=torch.Generator().manual_seed(1))
    model.noise.generator = torch.Generator().manual_seed(9)
    loss = model.pretrain_stages(30)[stage].loss(x, None)
    clean = x if stage == 0 else torch.relu(model.encoder[0](x))
    eps = torch.empty(clean.shape).normal_(0, 0.3, generator=torch.Generator().manual_seed(9))
    code = torch.relu(model.encoder[0](clean + eps)) if stage == 0 else model.encoder[2](clean + eps)
    decoder = model.decoder[2] if stage == 0 else model.decoder[0]
    torch.testing.assert_close(loss, (decoder(code) - clean).square().mean(1))


def test_no_gradient_reaches_the_layers_below():
    model = PretrainedAutoEncoder(5, (8, 2))
    model.pretrain_stages(30)[1].loss(torch.rand(7, 5), None).mean().backward()
    assert model.encoder[0].weight.grad is None
    assert model.encoder[2].weight.grad.abs().sum() > 0


def test_each_stage_lowers_its_loss():
    x = np.random.default_rng(0).uniform(size=(300, 2)) @ np.random.default_rng(1).normal(size=(2, 6))
    config = uai.TrainConfig(hidden=(16, 8, 2), pretrain_steps=1200, batch_size=64, lr=0.003, noise=0.05)
    losses = [p.loss for p in UaiLearner(uai.Dataset.from_arrays(x), "pae", config).pretrain()]
    for stage in range(4):
        part = losses[300 * stage : 300 * (stage + 1)]
        assert np.mean(part[-30:]) < np.mean(part[:3])


def test_score_and_latent_are_the_denoising_autoencoders():
    model = PretrainedAutoEncoder(5, (8, 2), generator=torch.Generator().manual_seed(0)).eval()
    twin = uai.DenoisingAutoEncoder(5, (8, 2)).eval()
    twin.load_state_dict(model.state_dict())
    x = torch.rand(7, 5)
    for ours, theirs in zip(model(x), twin(x), strict=True):
        assert torch.equal(ours, theirs)
