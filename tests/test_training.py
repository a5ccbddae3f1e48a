"""Appendix A.1 as numbers, scaling, and the training step against plain numpy."""

from __future__ import annotations

import dataclasses
import inspect

import numpy as np
import pytest
import torch
from sklearn.preprocessing import MinMaxScaler

import uai_notebook as uai
from uai_notebook.learners import UaiLearner
from uai_notebook.training import Rows, choose_device, fit_scaling, train_steps

CPU = torch.device("cpu")


def run(generator) -> list[uai.Progress]:
    return list(generator)


# -- the numbers ----------------------------------------------------------------------------------------------------


def test_the_defaults_are_those_of_appendix_a1_and_of_the_contract():
    assert dataclasses.asdict(uai.TrainConfig()) == {
        "hidden": (256, 64, 8),
        "pretrain_steps": 5000,
        "round_steps": 100,
        "batch_size": 256,
        "labeled_batch": 256,
        "lr": 0.01,
        "noise": 0.1,
        "uai_weight": 1.0,
        "threads": 1,
        "device": "auto",
        "optimizer": "rmsprop",
        "through_latent": True,
    }


def test_a_session_asks_ten_at_a_time_without_a_budget_by_the_adaptive_rule():
    defaults = {name: p.default for name, p in inspect.signature(uai.ActiveSession).parameters.items()}
    assert [defaults[name] for name in ("base", "k", "budget", "query", "seed", "path")] == [
        "dae",
        10,
        None,
        "adaptive",
        0,
        None,
    ]
    assert defaults["config"] == uai.TrainConfig()


def test_the_networks_have_the_papers_layers_and_a_latent_of_eight(ds):
    def sizes(net):
        return [(m.in_features, m.out_features) for m in net.modules() if isinstance(m, torch.nn.Linear)]

    dae = UaiLearner(ds, "dae").net
    assert sizes(dae) == [(5, 256), (256, 64), (64, 8), (8, 64), (64, 256), (256, 5), (9, 1)]
    assert dae.base.encoder[0].weight.data_ptr() != dae.base.decoder[-1].weight.data_ptr()
    assert sizes(UaiLearner(ds, "class").net) == [(5, 256), (256, 64), (64, 8), (8, 3), (9, 1)]


def test_the_optimizer_is_rmsprop_with_the_papers_rate_and_tensorflows_numbers(ds):
    optimizer = UaiLearner(ds)._optimizer
    assert type(optimizer) is torch.optim.RMSprop
    (group,) = optimizer.param_groups
    assert (group["lr"], group["alpha"], group["eps"]) == (0.01, 0.9, 1e-10)
    assert (group["momentum"], group["weight_decay"], group["centered"]) == (0, 0, False)


def test_pretraining_and_a_round_have_the_steps_of_the_config(ds):
    config = uai.TrainConfig(hidden=(4, 2), pretrain_steps=7, round_steps=3, batch_size=8, labeled_batch=8)
    learner = UaiLearner(ds, config=config)
    assert [(p.step, p.of) for p in learner.pretrain()] == [(i, 7) for i in range(1, 8)]
    assert len(run(learner.update(np.array([0]), np.int8([1])))) == 3


@pytest.mark.parametrize("t", [0, 1, 3, 40])
def test_each_step_reads_256_items_and_256_labelled_ones_from_the_first_label_on(ds, t):
    learner = UaiLearner(ds, config=uai.TrainConfig(hidden=(4, 2), round_steps=20))
    drawn = []
    real = learner.rows.batch
    learner.rows.batch = lambda index: (drawn.append(index.clone()), real(index))[1]
    labelled = np.arange(20, 20 + t)
    run(learner.update(labelled, np.int8(labelled % 2)))
    assert {len(index) for index in drawn} == {256}
    if t == 0:
        assert len(drawn) == 20
        return
    assert len(drawn) == 40
    labelled_draws = torch.cat(drawn[1::2]).numpy()
    counts = np.bincount(labelled_draws, minlength=80)
    assert set(np.flatnonzero(counts)) == set(labelled)
    # Uniform with replacement: a chi-square of t - 1 degrees of freedom; 256 distinct rows are impossible anyway.
    expected = 20 * 256 / t
    assert ((counts[labelled] - expected) ** 2 / expected).sum() < t + 6 * np.sqrt(2 * t)
    assert len(set(torch.cat(drawn[0::2]).tolist())) == 80


# -- config ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"hidden": ()}, r"hidden=\(\): expected positive whole numbers"),
        ({"hidden": (8, 0)}, "hidden="),
        ({"hidden": "ab"}, "hidden="),
        ({"pretrain_steps": 0}, "pretrain_steps=0: expected a positive whole number"),
        ({"round_steps": 1.5}, "round_steps=1.5"),
        ({"batch_size": True}, "batch_size=True"),
        ({"labeled_batch": -1}, "labeled_batch=-1"),
        ({"threads": 0}, "threads=0"),
        ({"threads": 1_000_000}, "threads=1000000: expected at most 256"),
        ({"lr": 0}, "lr=0: expected a positive number"),
        ({"lr": float("nan")}, "lr=nan"),
        ({"lr": "fast"}, "lr='fast'"),
        ({"noise": -0.1}, "noise=-0.1: expected a number of at least 0"),
        ({"device": 1.5}, r"device=1.5: expected \"auto\" or the name of a torch device"),
        ({"uai_weight": float("inf")}, "uai_weight=inf"),
    ],
)
def test_every_number_is_checked(bad, message):
    with pytest.raises(ValueError, match=message):
        uai.TrainConfig(**bad)


def test_all_wrong_numbers_are_named_at_once():
    with pytest.raises(ValueError, match=r"hidden=.*threads=.*lr=.*noise="):
        uai.TrainConfig(hidden=(), threads=0, lr=-1, noise=-1)


def test_hidden_that_is_no_sequence_is_a_value_error_of_the_house():
    with pytest.raises(ValueError, match="hidden=8"):
        uai.TrainConfig(hidden=8)


def test_a_config_is_frozen_comes_back_from_a_file_and_ignores_names_of_later_versions():
    config = uai.TrainConfig(hidden=[8, 2], lr=0.5)
    assert config.hidden == (8, 2)
    assert uai.TrainConfig.from_dict({**config.to_dict(), "of_2030": 1}) == config
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.lr = 1


def test_devices_are_chosen_and_an_unknown_one_is_a_value_error():
    assert choose_device("cpu") == CPU
    assert choose_device().type in ("cpu", "cuda", "mps")
    for name in ("quantum", "cuda:99"):
        with pytest.raises(ValueError, match=r'is not there.*Use "auto" or "cpu"'):
            choose_device(name)


# -- scaling --------------------------------------------------------------------------------------------------------


def test_scaling_is_min_max_per_feature_as_scikit_learns_and_constants_become_zero():
    x = np.random.default_rng(0).normal(size=(50, 4)).astype(np.float32) * [1, 100, 1e-3, 0] + [0, 5, 0, 7]
    scaled = Rows(uai.Dataset.from_arrays(x), CPU).batch(torch.arange(50))[0].numpy()
    np.testing.assert_allclose(scaled[:, :3], MinMaxScaler().fit_transform(x)[:, :3], atol=1e-5)
    assert (scaled[:, 3] == 0).all()
    assert scaled.dtype == np.float32


def test_integer_images_are_scaled_by_their_types_range_also_where_a_pixel_never_reaches_it():
    images = np.zeros((4, 2, 2), np.uint8)
    images[1, 0, 0], images[2, 1, 1] = 255, 51
    scaled = Rows(uai.Dataset.from_images(images), CPU).batch(torch.arange(4))[0].numpy()
    np.testing.assert_allclose(scaled, images.reshape(4, 4) / 255, atol=1e-7)


def test_scaling_does_not_change_the_data_and_reads_them_in_chunks_alike(ds):
    before = ds.x.copy()
    rows = Rows(ds, CPU)
    whole, classes = rows.batch(torch.arange(80))
    parts = list(rows.chunks(32))
    assert [len(x) for x, _ in parts] == [32, 32, 16]
    assert torch.equal(torch.cat([x for x, _ in parts]), whole)
    assert torch.equal(torch.cat([c for _, c in parts]), classes)
    assert classes.dtype == torch.int64
    np.testing.assert_array_equal(ds.x, before)


def test_a_span_too_small_for_float32_counts_as_constant():
    rows = Rows(uai.Dataset.from_arrays(np.c_[np.arange(6.0), [0, 1e-40] * 3]), CPU)
    assert rows.batch(torch.arange(6))[0][:, 1].tolist() == [0.0] * 6


def test_a_span_beyond_float32_is_refused():
    with pytest.raises(ValueError, match="spans more than float32 can hold"):
        Rows(uai.Dataset.from_arrays(np.c_[np.arange(6.0), [-3e38, 3e38] * 3]), CPU)


@pytest.mark.parametrize("resident", [False, True])
def test_rows_are_the_same_whether_gathered_or_kept_on_the_device(resident):
    ds = uai.Dataset.from_arrays(np.arange(12.0).reshape(6, 2), x_y=[1, 2, 1, 2, 1, 2])
    rows = Rows(ds, CPU, resident=resident)
    x, x_y = rows.batch(torch.tensor([5, 0]))
    assert x.tolist() == [[1.0, 1.0], [0.0, 0.0]]
    assert x_y.tolist() == [1, 0]
    parts = list(rows.chunks(4))
    assert torch.cat([x for x, _ in parts])[5].tolist() == [1.0, 1.0]
    assert [len(x_y) for _, x_y in parts] == [4, 2]


def test_items_of_more_dimensions_are_scaled_in_their_shape():
    x = np.random.default_rng(0).normal(size=(10, 3, 2))
    offset, factor = fit_scaling(uai.Dataset.from_arrays(x))
    assert offset.shape == factor.shape == (3, 2)


# -- the step -------------------------------------------------------------------------------------------------------


def tiny_net():
    generator = torch.Generator().manual_seed(0)
    return uai.UaiNet(uai.DenoisingAutoEncoder(5, (4, 2), noise=0.0, generator=generator), generator=generator)


def numpy_forward(net, x):
    """Eq. 4, 5 and 3 in plain numpy: latent, score, logit."""

    def layers(part, h):
        linears = [m for m in part if isinstance(m, torch.nn.Linear)]
        for m in linears:
            h = h @ m.weight.detach().numpy().T + m.bias.detach().numpy()
            h = np.maximum(h, 0) if m is not linears[-1] else h
        return h

    latent = layers(net.base.encoder, x)
    score = ((x - layers(net.base.decoder, latent)) ** 2).sum(1)
    weight, bias = net.head.weight.detach().numpy()[0], net.head.bias.detach().numpy()[0]
    return latent, score, np.c_[latent, score] @ weight + bias


def test_the_loss_is_the_mean_base_loss_plus_the_weighted_cross_entropy_of_the_labelled_batch(ds):
    net, config = tiny_net(), uai.TrainConfig(batch_size=6, labeled_batch=9, uai_weight=3.0)
    rows = Rows(ds, CPU)
    items, values = torch.tensor([3, 50, 60]), torch.tensor([1.0, 0.0, 0.0])
    generator = torch.Generator().manual_seed(1)
    twin = torch.Generator().manual_seed(1)
    free = torch.randint(80, (6,), generator=twin)
    drawn = torch.randint(3, (9,), generator=twin)
    _, score, _ = numpy_forward(net, rows.batch(free)[0].numpy())
    _, _, logit = numpy_forward(net, rows.batch(items[drawn])[0].numpy())
    p = 1 / (1 + np.exp(-logit))
    y = values[drawn].numpy()
    expected = (score / 5).mean() + 3.0 * -(y * np.log(p) + (1 - y) * np.log(1 - p)).mean()
    optimizer = torch.optim.SGD(net.parameters(), lr=0.01)
    (progress,) = run(train_steps(net, optimizer, rows, 1, config, generator, (items, values)))
    assert progress == (1, 1, pytest.approx(expected, rel=1e-5))


def test_the_first_step_moves_each_weight_by_rate_over_root_of_a_tenth(ds):
    learner = UaiLearner(ds, config=uai.TrainConfig(hidden=(4, 2), round_steps=1, batch_size=16, labeled_batch=16))
    before = [p.detach().clone() for p in learner.net.parameters()]
    run(learner.update(np.arange(4), np.int8([1, 0, 1, 0])))
    for old, p in zip(before, learner.net.parameters(), strict=True):
        moved = (old - p.detach())[p.grad.abs() > 1e-6]
        expected = 0.01 / np.sqrt(0.1) * p.grad[p.grad.abs() > 1e-6].sign()
        torch.testing.assert_close(moved, expected, rtol=1e-3, atol=1e-6)


def test_without_labels_the_head_is_not_trained(ds, config):
    learner = UaiLearner(ds, config=config)
    before = learner.net.head.weight.detach().clone()
    run(learner.pretrain())
    assert torch.equal(learner.net.head.weight, before)


def test_training_lowers_the_loss(ds):
    learner = UaiLearner(ds, config=uai.TrainConfig(hidden=(16, 4), pretrain_steps=200, batch_size=64))
    losses = [p.loss for p in learner.pretrain()]
    assert np.mean(losses[-20:]) < 0.5 * losses[0]


def test_noise_is_on_in_training_and_off_in_scoring(ds, config):
    learner = UaiLearner(ds, config=config)
    run(learner.pretrain())
    assert learner.net.training
    first = learner.evaluate()
    assert not learner.net.training
    np.testing.assert_array_equal(first.base_score, learner.evaluate().base_score)
    latent, score, _ = numpy_forward(learner.net, learner.rows.batch(torch.arange(80))[0].numpy())
    np.testing.assert_allclose(first.latent, latent, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(first.base_score, score, rtol=1e-4)


def test_a_loss_that_is_not_finite_stops_training_and_says_what_to_try(ds):
    learner = UaiLearner(ds, config=uai.TrainConfig(hidden=(16, 4), pretrain_steps=500, lr=1e20))
    with pytest.raises(FloatingPointError, match=r"the loss became (nan|inf) at step \d+ of 500.*smaller TrainConfig"):
        run(learner.pretrain())
