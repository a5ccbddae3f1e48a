"""The contract of every learner, and what is particular to the torch one."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

import uai_notebook as uai
from uai_notebook.learners import Learner, UaiLearner
from uai_notebook.learners.uai import BASES, _device
from uai_notebook.models import DAGMM, Stage

INDEX, LABEL = np.array([0, 1, 20, 40, 60]), np.int8([1, 1, 0, 0, 0])


def run(generator) -> list[uai.Progress]:
    return list(generator)


def arrays(snapshot):
    return [snapshot.base_score, snapshot.latent, snapshot.uai_logit]


def same(a, b) -> bool:
    return all((x is None and y is None) or np.array_equal(x, y) for x, y in zip(arrays(a), arrays(b), strict=True))


@pytest.fixture(params=[*BASES, "user module", "user learner"])
def build(request, ds, config, distance_model, numpy_learner):
    """A function that makes a new learner, the same each time."""
    if request.param in BASES:
        return lambda: UaiLearner(ds, request.param, config)
    return {
        "user module": lambda: UaiLearner(ds, distance_model(), config),
        "user learner": lambda: numpy_learner(ds),
    }[request.param]


# -- the contract ---------------------------------------------------------------------------------------------------


def test_a_learner_satisfies_the_protocol(build):
    assert isinstance(build(), Learner)


def test_a_learner_reports_each_step_of_its_progress(build):
    learner = build()
    for part in (learner.pretrain(), learner.update(INDEX, LABEL), learner.update(INDEX[:0], LABEL[:0])):
        done = run(part)
        assert all(isinstance(p, uai.Progress) for p in done)
        assert [p.step for p in done] == list(range(1, len(done) + 1))
        assert {p.of for p in done} == {len(done)}


def test_a_learner_scores_all_items_in_float32(build):
    learner = build()
    run(learner.pretrain())
    snapshot = learner.evaluate()
    assert snapshot.base_score.shape == (80,)
    assert snapshot.uai_logit is None
    run(learner.update(INDEX, LABEL))
    snapshot = learner.evaluate()
    assert snapshot.uai_logit.shape == (80,)
    for part in arrays(snapshot):
        assert part is None or (part.dtype == np.float32 and len(part) == 80 and np.isfinite(part).all())


def test_a_learner_has_no_logit_until_it_has_seen_an_anomaly_and_a_normal(build):
    learner = build()
    run(learner.pretrain())
    run(learner.update(INDEX[:2], LABEL[:2]))
    assert learner.evaluate().uai_logit is None
    run(learner.update(INDEX[2:], LABEL[2:]))
    assert learner.evaluate().uai_logit is not None or not isinstance(learner, UaiLearner)
    run(learner.update(INDEX, LABEL))
    assert learner.evaluate().uai_logit is not None


def test_a_learner_scores_new_data_as_it_scores_its_own(build, ds):
    learner = build()
    run(learner.pretrain())
    for labelled in (False, True):
        if labelled:
            run(learner.update(INDEX, LABEL))
        score = learner.score(ds.x[10:20].copy(), ds.x_y[10:20].copy())
        assert score.shape == (10,)
        np.testing.assert_allclose(score, learner.evaluate().ranking_score[10:20], rtol=1e-4, atol=1e-5)


def test_a_learner_takes_the_read_only_arrays_of_a_dataset_without_a_warning(build, ds):
    learner = build()
    torch.set_warn_always(True)  # otherwise this warning comes once a process
    try:
        learner.score(ds.x, ds.x_y)
    finally:
        torch.set_warn_always(False)


def test_two_learners_of_one_seed_are_the_same(build):
    first, second = build(), build()
    for learner in (first, second):
        run(learner.pretrain())
        run(learner.update(INDEX, LABEL))
    assert same(first.evaluate(), second.evaluate())


def test_a_state_is_a_copy_and_training_goes_on_from_it_exactly(build):
    learner = build()
    run(learner.pretrain())
    state = learner.state_dict()
    run(learner.update(INDEX, LABEL))
    run(learner.update(INDEX, LABEL))
    first = learner.evaluate()
    learner.load_state_dict(state)
    assert learner.evaluate().uai_logit is None
    run(learner.update(INDEX, LABEL))
    run(learner.update(INDEX, LABEL))
    assert same(first, learner.evaluate())
    other = build()
    other.load_state_dict(state)
    run(other.update(INDEX, LABEL))
    run(other.update(INDEX, LABEL))
    assert same(first, other.evaluate())


def test_a_state_holds_plain_arrays_and_numbers_only(build):
    def check(value):
        if isinstance(value, dict):
            for key, part in value.items():
                assert isinstance(key, str | int)
                check(part)
        elif isinstance(value, list | tuple):
            for part in value:
                check(part)
        else:
            assert value is None or isinstance(value, bool | int | float | str | np.ndarray | torch.Tensor), type(value)

    learner = build()
    run(learner.pretrain())
    run(learner.update(INDEX, LABEL))
    check(learner.state_dict())


def test_evaluating_does_not_change_what_comes_next(build):
    first, second = build(), build()
    for learner in (first, second):
        run(learner.pretrain())
    for _ in range(3):
        second.evaluate()
        second.score(np.zeros((2, 5)), np.zeros(2, int))
    for learner in (first, second):
        run(learner.update(INDEX, LABEL))
    assert same(first.evaluate(), second.evaluate())


# -- the torch learner ----------------------------------------------------------------------------------------------


def test_only_the_state_of_an_unfinished_pretraining_says_where_it_is(ds, config):
    # A session on disk knows a module of one's own by the content of its first state.
    learner = UaiLearner(ds, "dae", config)
    assert "pretrained" not in learner.state_dict()
    steps = learner.pretrain()
    next(steps)
    state = learner.state_dict()
    assert state["pretrained"] == 1
    run(steps)
    assert "pretrained" not in learner.state_dict()
    again = UaiLearner(ds, "dae", config, seed=9)
    again.load_state_dict(state)
    assert len(run(again.pretrain())) == config.pretrain_steps - 1
    assert same(again.evaluate(), learner.evaluate())


def test_labels_move_the_scores_of_labelled_items_apart(ds):
    config = uai.TrainConfig(hidden=(16, 4), pretrain_steps=50, round_steps=200, batch_size=32, labeled_batch=32)
    learner = UaiLearner(ds, config=config)
    run(learner.pretrain())
    run(learner.update(INDEX, LABEL))
    logit = learner.evaluate().uai_logit[INDEX]
    assert logit[:2].min() > logit[2:].max()


def test_the_head_of_a_snapshot_gives_its_logits(ds, config):
    learner = UaiLearner(ds, "dae", config)
    run(learner.pretrain())
    assert learner.evaluate().head is None
    run(learner.update(np.array([0, 1]), np.array([1, 0], np.int8)))
    snap = learner.evaluate()
    joined = np.column_stack([snap.latent, snap.base_score, np.ones(len(snap))])
    np.testing.assert_allclose(joined @ snap.head, snap.uai_logit, rtol=1e-4, atol=1e-5)
    learner.net.head = torch.nn.Sequential(torch.nn.Linear(len(snap.head) - 1, 1))
    assert learner.evaluate().head is None


def test_base_models_learn_nothing_from_labels_where_no_gradient_goes_through_l(ds, config):
    def trained(through, labels):
        learner = UaiLearner(ds, "dae", dataclasses.replace(config, through_latent=through))
        run(learner.pretrain())
        run(learner.update(np.array([0, 1]), np.array(labels, np.int8)))
        return learner.evaluate()

    one, other = trained(False, [1, 0]), trained(False, [0, 1])
    assert np.array_equal(one.latent, other.latent)
    assert not np.array_equal(one.uai_logit, other.uai_logit)
    assert not np.array_equal(trained(True, [1, 0]).latent, trained(True, [0, 1]).latent)


def test_another_seed_gives_other_weights(ds, config):
    a, b = (UaiLearner(ds, config=config, seed=seed).net.state_dict() for seed in (0, 1))
    assert not torch.equal(a["base.encoder.0.weight"], b["base.encoder.0.weight"])


def test_a_learner_ignores_the_global_random_state_of_torch_and_numpy(ds, config):
    snapshots = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        learner = UaiLearner(ds, config=config)
        run(learner.pretrain())
        run(learner.update(INDEX, LABEL))
        snapshots.append(learner.evaluate())
    assert same(*snapshots)


def test_a_state_of_another_model_is_a_value_error(ds, config):
    state = UaiLearner(ds, config=uai.TrainConfig(hidden=(8, 2))).state_dict()
    with pytest.raises(ValueError, match="the state is of another model"):
        UaiLearner(ds, config=config).load_state_dict(state)


def test_an_unknown_base_is_an_error_that_names_the_known_ones(ds):
    with pytest.raises(
        ValueError, match=r"base='vae': expected one of dae, class, .*dagmm.*, a BaseModel or a Learner"
    ):
        UaiLearner(ds, "vae")


def test_class_without_classes_is_the_error_of_the_contract_also_for_new_data(ds, config):
    message = 'base="class" scores how surprising a given class is: pass x_y, or use base="dae"'
    with pytest.raises(ValueError) as caught:
        UaiLearner(uai.Dataset.from_arrays(ds.x), "class", config)
    assert str(caught.value) == message
    with pytest.raises(ValueError) as caught:
        UaiLearner(ds, "class", config).score(ds.x[:2])
    assert str(caught.value) == message


@pytest.mark.parametrize("classes", [[1, 2], ["a", "b"]])
def test_classes_of_new_data_are_given_as_those_of_the_dataset_were(config, classes):
    x = np.random.default_rng(0).normal(size=(20, 5))
    data = uai.Dataset.from_arrays(x, x_y=classes * 10)
    learner = UaiLearner(data, "class", config)
    run(learner.pretrain())
    np.testing.assert_allclose(learner.score(x, classes * 10), learner.evaluate().base_score, rtol=1e-4)


def test_a_module_that_lacks_latent_dim_is_an_error_that_says_so(ds, config):
    with pytest.raises(TypeError, match=r"base=Linear: expected 'dae', 'class'.*it lacks latent_dim, needs_x_y\."):
        UaiLearner(ds, torch.nn.Linear(5, 2), config)


@pytest.mark.parametrize("base", [None, 7, np.zeros(3)])
def test_what_is_no_module_at_all_is_a_type_error(ds, config, base):
    with pytest.raises(TypeError, match=r"expected 'dae', 'class', .*, a Learner, or a torch\.nn\.Module"):
        UaiLearner(ds, base, config)


def test_a_module_that_gives_wrong_shapes_is_found_out_at_once(ds, config, distance_model):
    class Wrong(distance_model):
        def forward(self, x, x_y=None):
            """The score as a column."""
            latent, score, loss = super().forward(x)
            return uai.BaseOutput(latent, score[:, None], loss)

    class Plain(distance_model):
        def forward(self, x, x_y=None):
            """A tuple instead of a BaseOutput."""
            return tuple(super().forward(x))

    with pytest.raises(TypeError, match=r"Wrong.forward gave \[\(2, 2\), \(2, 1\), \(2,\)\].*expected BaseOutput"):
        UaiLearner(ds, Wrong(), config)
    with pytest.raises(TypeError, match=r"Plain.forward gave tuple.*expected BaseOutput"):
        UaiLearner(ds, Plain(), config)


def test_a_module_that_needs_classes_says_so(ds, config, distance_model):
    model = distance_model()
    model.needs_x_y = True
    with pytest.raises(ValueError, match=r"DistanceModel needs given classes .needs_x_y.: pass x_y"):
        UaiLearner(uai.Dataset.from_arrays(ds.x), model, config)
    UaiLearner(ds, model, config)


def test_a_module_gets_the_learners_generator_where_it_has_the_attribute(ds, config, distance_model):
    class Drawing(distance_model):
        generator = None

        def forward(self, x, x_y=None):
            """Noise in training, from the learner's generator."""
            if self.training:
                x = x + torch.randn(x.shape, generator=self.generator)
            return super().forward(x)

    snapshots = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        learner = UaiLearner(ds, Drawing(), config)
        run(learner.pretrain())
        snapshots.append(learner.evaluate())
    assert same(*snapshots)


def test_a_module_may_have_a_network_called_generator(ds, config):
    class Gan(torch.nn.Module):
        latent_dim, needs_x_y = 2, False

        def __init__(self):
            super().__init__()
            self.encoder, self.generator = torch.nn.Linear(5, 2), torch.nn.Linear(2, 5)

        def forward(self, x, x_y=None):
            """Squared error of what the generator makes."""
            latent = self.encoder(x)
            error = (self.generator(latent) - x).square()
            return uai.BaseOutput(latent, error.sum(1), error.mean(1))

    run(UaiLearner(ds, Gan(), config).pretrain())


def test_rmsprop_is_the_default_and_adam_can_be_chosen(ds):
    assert type(UaiLearner(ds)._optimizer) is torch.optim.RMSprop
    learner = UaiLearner(ds, config=uai.TrainConfig(optimizer="adam", lr=1e-4))
    assert type(learner._optimizer) is torch.optim.Adam
    assert learner._optimizer.defaults["lr"] == 1e-4
    with pytest.raises(ValueError, match="optimizer='sgd': expected one of rmsprop, adam"):
        uai.TrainConfig(optimizer="sgd")


class Staged(torch.nn.Module):
    """A module with each of the optional methods, which writes down when they are called."""

    latent_dim, needs_x_y = 2, False

    def __init__(self):
        super().__init__()
        self.first, self.second = torch.nn.Linear(5, 2), torch.nn.Linear(2, 5)
        self.calls = []

    def forward(self, x, x_y=None):
        """Squared error of the reconstruction."""
        latent = self.first(x)
        error = (self.second(latent) - x).square()
        self.last = latent.detach()
        return uai.BaseOutput(latent, error.sum(1), error.mean(1))

    def pretrain_stages(self, steps):
        """A third of the steps for the second layer alone."""
        self.before = [p.detach().clone() for p in self.first.parameters()]
        return [Stage(steps // 3, [*self.second.parameters()], lambda x, x_y: self(x).loss, self.finish)]

    def finish(self, chunks):
        """After the stage."""
        unchanged = all(torch.equal(a, b) for a, b in zip(self.before, self.first.parameters(), strict=True))
        self.calls.append(("finish", sum(len(x) for x, _ in chunks), unchanged))

    def observe_latent(self, latent):
        """After each step of the whole."""
        self.calls.append(("observe", len(latent), latent.requires_grad))

    def fit_statistics(self, chunks):
        """After a training."""
        self.calls.append(("fit", sum(len(x) for x, _ in chunks)))


def test_the_optional_methods_of_a_module_are_called_at_their_time(ds, config):
    model = Staged()
    learner = UaiLearner(ds, model, config)
    assert [(p.step, p.of) for p in learner.pretrain()] == [(i, 30) for i in range(1, 31)]
    assert model.calls == [("finish", 80, True), *[("observe", 32, False)] * 20, ("fit", 80)]
    model.calls.clear()
    run(learner.update(INDEX, LABEL))
    assert model.calls == [*[("observe", 32, False)] * 5, ("fit", 80)]
    model.calls.clear()
    learner.evaluate()
    learner.score(ds.x[:3])
    assert model.calls == []


def test_stages_that_leave_no_step_for_the_whole_are_an_error(ds, config):
    class Greedy(Staged):
        def pretrain_stages(self, steps):
            """All of the steps."""
            return [Stage(steps, [*self.second.parameters()], lambda x, x_y: self(x).loss)]

    with pytest.raises(ValueError, match=r"Greedy\.pretrain_stages took 30 of 30 steps: leave at least one"):
        run(UaiLearner(ds, Greedy(), config).pretrain())


def test_a_module_with_double_buffers_runs_on_the_cpu_where_auto_finds_mps(monkeypatch):
    monkeypatch.setattr("uai_notebook.learners.uai.choose_device", lambda name: torch.device("mps"))
    assert _device("auto", DAGMM(5)).type == "cpu"
    assert _device("auto", uai.DenoisingAutoEncoder(5)).type == "mps"
    assert _device("mps", DAGMM(5)).type == "mps"


def test_evaluation_beyond_one_chunk_is_the_same_as_in_one(ds, config, monkeypatch):
    learner = UaiLearner(ds, config=config)
    whole = learner.evaluate()
    monkeypatch.setattr(type(learner.rows).chunks, "__defaults__", (16,))
    parts = learner.evaluate()
    np.testing.assert_allclose(parts.base_score, whole.base_score, rtol=1e-5)
