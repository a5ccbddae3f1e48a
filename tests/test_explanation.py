"""Why an item is shown: every number against its definition, and of one moment whatever trains."""

from __future__ import annotations

import threading
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
import torch

import uai_notebook as uai
from uai_notebook.learners.replica import Replica
from uai_notebook.models import DCN, DSEBM


@pytest.fixture
def labelled(make):
    """A function that makes a session with labels of both kinds, two rounds on."""

    def build(**options):
        session = make(**options)
        session.train()
        session.label([0, 1, 20, 21], [1, 1, 0, -1])
        session.train()
        session.label([2, 22], [1, 0])
        session.train()
        return session

    return build


# -- the logit -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("base", ["dae", "class", "dagmm", "dcn", "dsebm_e"])
def test_the_terms_sum_to_the_logit_of_every_item(labelled, base):
    session = labelled(base=base)
    for i in range(len(session.ds)):
        why = uai.explain(session, i)
        assert sum(term.product for term in why.terms) == pytest.approx(why.uai_logit, rel=1e-4, abs=1e-4)


def test_against_the_mean_the_terms_sum_to_what_the_item_has_above_the_mean_logit(labelled):
    session = labelled()
    why = uai.explain(session, 3)
    mean = session.snapshot.uai_logit.mean(dtype=np.float64)
    assert sum(term.against_mean for term in why.terms) == pytest.approx(why.uai_logit - mean, abs=1e-4)


def test_the_terms_are_named_after_eq_3(labelled):
    assert [t.name for t in uai.explain(labelled(), 3).terms] == ["l1", "l2", "l3", "l4", "s", "bias"]


def test_a_deeper_head_has_no_terms(labelled, ds, config):
    session = labelled()
    replaced = session.learner
    assert uai.explain(session, 3).terms
    replaced.net.head = torch.nn.Sequential(torch.nn.Linear(5, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1))
    replaced._optimizer = torch.optim.SGD(replaced.net.parameters(), lr=0.01)
    session.train()
    why = uai.explain(session, 3)
    assert why.terms == ()
    assert why.uai_logit is not None


# -- ranks -----------------------------------------------------------------------------------------------------------


def test_ranks_are_those_of_results(labelled):
    session = labelled()
    results = session.results()
    for i in results["index"][:5]:
        why = uai.explain(session, int(i))
        assert why.uai_place.rank == results.loc[results["index"] == i, "rank"].item()
        assert why.base_place.rank == 1 + int((results["base_score"] > why.base_score).sum())


def test_a_rise_is_measured_against_the_round_before(labelled):
    session = labelled()
    before = session.history.frames[-2]
    why = uai.explain(session, 5)
    assert (why.uai_place.since, why.uai_place.among) == (before.round, len(session.ds))
    old = 1 + int((before.uai_logit > before.uai_logit[5]).sum())
    assert why.uai_place.rose == old - why.uai_place.rank


def test_the_first_round_has_nothing_to_compare_with(make):
    session = make()
    session.train()
    why = uai.explain(session, 5)
    assert (why.base_place.rose, why.uai_place, why.terms) == (None, None, ())


def test_where_the_history_keeps_a_part_a_rise_is_among_that_part(labelled):
    session = labelled()
    session.history._frames[:] = [
        uai.snapshot.Frame(f.round, np.arange(10), f.base_score[:10], None, None, f.n_labels)
        for f in session.history.frames
    ]
    inside, outside = uai.explain(session, 5), uai.explain(session, 50)
    old = session.history.frames[-2].base_score
    now = session.snapshot.base_score[:10]
    assert inside.base_place.among == 10
    assert inside.base_place.rose == int((old > old[5]).sum()) - int((now > now[5]).sum())
    assert outside.base_place.rose is None


# -- labelled items --------------------------------------------------------------------------------------------------


def test_neighbours_are_the_nearest_labelled_items_in_l_and_not_the_item_itself(labelled):
    session = labelled()
    latent = session.snapshot.latent.astype(np.float64)
    for i in (0, 7):
        found = uai.explain(session, i).neighbours
        distance = np.linalg.norm(latent - latent[i], axis=1)
        expected = sorted((distance[j], j) for j in (0, 1, 2, 20, 21, 22) if j != i)[:3]
        assert [n.index for n in found] == [j for _, j in expected]
        np.testing.assert_allclose([n.distance for n in found], [d for d, _ in expected], rtol=1e-5)
        assert [n.label for n in found] == [session.store.get(n.index).label for n in found]
        nearer = [(distance < distance[n.index] - 1e-9).sum() - 1 for n in found]
        np.testing.assert_allclose([n.nearer for n in found], np.array(nearer) / len(latent), atol=1e-9)


# -- reconstructions -------------------------------------------------------------------------------------------------


def image_session(make, base="dae"):
    rng = np.random.default_rng(0)
    ds = uai.Dataset.from_images(rng.integers(0, 255, (60, 4, 3), dtype=np.uint8), x_y=np.arange(60) % 2)
    session = make(ds=ds, base=base)
    session.train()
    return session


def test_an_image_comes_with_its_reconstruction_in_its_own_units(make):
    session = image_session(make)
    why = uai.explain(session, 9)
    np.testing.assert_allclose(why.pictures.x, session.ds.items[9], atol=1e-3)
    np.testing.assert_allclose(why.pictures.residual, why.pictures.x - why.pictures.made)
    assert np.square(why.pictures.residual / 255.0).sum() == pytest.approx(why.base_score, rel=1e-3)
    assert why.score_is_error
    assert why.features == ()


@pytest.mark.parametrize(("base", "is_error"), [("dae", True), ("pae", True), ("dsebm_r", True), ("dcn", False)])
def test_it_says_whether_the_score_is_the_error(labelled, base, is_error):
    assert uai.explain(labelled(base=base), 3).score_is_error == is_error


def test_features_are_those_of_the_largest_squared_error(labelled, ds):
    why = uai.explain(labelled(), 3)
    assert [f.share for f in why.features] == sorted((f.share for f in why.features), reverse=True)
    assert sum(f.share for f in why.features) == pytest.approx(1)
    for f in why.features:
        column = ds.x[:, ds.feature_names.index(f.name)].astype(np.float64)
        assert f.value == ds.x[3, ds.feature_names.index(f.name)]
        assert (f.low, f.high) == (column.min(), column.max())
        assert f.median == pytest.approx(np.median(column))
        spread = column.max() - column.min()
        part = ((f.value - f.made) / spread) ** 2 / why.squared_error
        assert part == pytest.approx(f.share, abs=1e-4)


def test_without_a_latent_neighbours_are_the_nearest_in_x_by_the_range_of_each_feature(labelled):
    session = labelled(base="loda_aad")
    why = uai.explain(session, 0, n_neighbours=4)
    x = session.ds.x.astype(float) / np.ptp(session.ds.x, axis=0)
    apart = np.linalg.norm(x - x[0], axis=1)
    known = [i for i in session.current_labels()[0].tolist() if i != 0]
    assert [n.index for n in why.neighbours] == sorted(known, key=lambda i: apart[i])[:4]
    assert [n.distance for n in why.neighbours] == pytest.approx([apart[n.index] for n in why.neighbours])
    assert why.neighbours_in == "x"
    assert "in x (each feature" in uai.views.why_html(session, 0)


def test_a_learner_without_reconstruction_names_the_features_furthest_from_the_median(labelled):
    session = labelled(base="loda_aad")
    why = uai.explain(session, 0)
    assert why.squared_error is None
    assert (why.terms, why.pictures, why.score_is_error) == ((), None, False)
    assert [f.made for f in why.features] == [None] * 5
    assert [f.distance for f in why.features] == sorted((f.distance for f in why.features), reverse=True)
    assert why.uai_place is not None


def test_a_learner_that_learns_nothing_from_labels_has_a_base_score_only(labelled):
    why = uai.explain(labelled(base="isolation_forest"), 0)
    assert (why.uai_logit, why.uai_score, why.uai_place, why.probability) == (None, None, None, False)
    assert why.base_place.rank >= 1


def test_a_classifier_says_how_probable_the_given_class_is(labelled):
    session = labelled(base="class")
    for i in range(20):
        why = uai.explain(session, i)
        (given, chance), *other = why.classes
        assert given == str(session.ds.class_names[session.ds.x_y[i]])
        assert -np.log(chance) == pytest.approx(why.base_score, rel=1e-3, abs=1e-5)
        assert all(p > chance for _, p in other)
    assert why.pictures is None


def test_a_constant_feature_is_reconstructed_as_that_constant(make):
    x = np.random.default_rng(0).normal(size=(40, 3))
    x[:, 1] = 7
    session = make(ds=uai.Dataset.from_arrays(x, feature_names=["a", "b", "c"]))
    session.train()
    found = next(f for f in uai.explain(session, 4).features if f.name == "b")
    assert (found.value, found.made, found.median, found.distance) == (7, 7, 7, 0)


# -- one moment ------------------------------------------------------------------------------------------------------


def test_while_a_round_trains_everything_is_of_the_accepted_snapshot(make, config):
    slow = uai.TrainConfig(**{**config.to_dict(), "hidden": (16, 4), "round_steps": 40})
    session, undisturbed = make(config=slow), make(config=slow)
    for one in (session, undisturbed):
        one.train()
        one.label([0, 1, 20, 21], [1, 1, 0, 0])
        one.train()
        one.label([2, 22], [1, 0])
    update, midway, go_on = session.learner.update, threading.Event(), threading.Event()

    def held(index, label):
        for progress in update(index, label):
            yield progress
            if progress.step == 20:
                midway.set()
                assert go_on.wait(60)

    session.learner.update = held
    session.start()
    assert midway.wait(60)
    for _ in range(20):
        why = uai.explain(session, 3)
        assert why.score_is_error
        assert sum(term.product for term in why.terms) == pytest.approx(why.uai_logit, rel=1e-4, abs=1e-4)
    go_on.set()
    while session.training:  # and beside it
        uai.explain(session, 3)
    session.wait()
    undisturbed.train()
    assert np.array_equal(session.snapshot.uai_logit, undisturbed.snapshot.uai_logit)


def test_after_a_restart_an_item_is_explained_as_before(labelled, ds, tmp_path):
    session = labelled(path=tmp_path / "s")
    before = uai.explain(session, 3)
    session.close()
    after = uai.explain(uai.ActiveSession.resume(tmp_path / "s", ds), 3)
    for name in ("round", "base_place", "uai_place", "terms", "neighbours", "features", "squared_error"):
        assert getattr(after, name) == getattr(before, name), name


def test_the_replica_of_a_snapshot_stays_as_it_was(labelled):
    session = labelled()
    snapshot = session.snapshot
    before = snapshot.replica.reconstruct(session.ds.rows([3])).made
    session.train()
    assert np.array_equal(snapshot.replica.reconstruct(session.ds.rows([3])).made, before)
    assert not np.array_equal(session.snapshot.replica.reconstruct(session.ds.rows([3])).made, before)


def test_a_module_without_reconstruction_has_no_replica(labelled, distance_model):
    session = labelled(base=distance_model())
    assert session.snapshot.replica is None
    assert uai.explain(session, 3).terms


def test_a_module_that_cannot_be_copied_trains_all_the_same(labelled, distance_model, caplog):
    class Uncopied(distance_model):
        def reconstruct(self, x, x_y=None):
            """Nothing, as large as x."""
            return torch.zeros_like(x)

        def __deepcopy__(self, memo):
            raise TypeError("not this one")

    session = labelled(base=Uncopied())
    assert session.snapshot.replica is None
    assert "cannot be copied" in caplog.text


@pytest.mark.parametrize("kind", ["dae", "pae", "dcn", "dagmm", "dsebm_e", "dsebm_r"])
def test_a_replica_shares_no_weights_with_its_model(labelled, kind):
    session = labelled(base=kind)
    base, replica = session.learner.net.base, Replica.of(session.learner.net.base, session.learner.rows)
    before = replica.reconstruct(session.ds.rows([3])).made
    with torch.no_grad():
        for value in base.state_dict().values():
            value.fill_(0)
    assert np.array_equal(replica.reconstruct(session.ds.rows([3])).made, before)


# -- models ----------------------------------------------------------------------------------------------------------


def test_models_reconstruct_what_they_compare_items_with():
    x = torch.rand(6, 5)
    dae = uai.DenoisingAutoEncoder(5, (8, 2)).eval()
    torch.testing.assert_close((x - dae.reconstruct(x)).square().sum(1), dae(x).score)
    slope = DSEBM(5, (8, 2), "reconstruction").eval()
    torch.testing.assert_close((x - slope.reconstruct(x)).square().sum(1), slope(x).score)
    assert DCN(5, (8, 2)).eval().reconstruct(x.reshape(6, 5, 1)).shape == (6, 5)


def test_class_probabilities_are_those_the_score_is_made_of():
    x, x_y = torch.rand(6, 5), torch.tensor([0, 1, 2, 0, 1, 2])
    model = uai.Classifier(5, 3, (8, 2))
    chance = model.class_probability(x)
    torch.testing.assert_close(chance.sum(1), torch.ones(6))
    torch.testing.assert_close(-chance[torch.arange(6), x_y].log(), model(x, x_y).score)


# -- errors ----------------------------------------------------------------------------------------------------------


def test_before_the_first_training_it_says_to_train(make):
    with pytest.raises(RuntimeError, match=r"call session.train\(\)"):
        uai.explain(make(), 3)


@pytest.mark.parametrize("index", [-1, 80])
def test_an_item_that_is_not_there_is_an_index_error(labelled, index):
    with pytest.raises(IndexError, match="expected 0 to 79"):
        uai.explain(labelled(), index)


@pytest.mark.parametrize("index", [3.7, 3.0, True, "3", None])
def test_what_is_no_item_is_a_type_error(labelled, index):
    with pytest.raises(TypeError, match=r"item .*: expected a whole number"):
        uai.explain(labelled(), index)


@pytest.mark.parametrize("name", ["n_neighbours", "n_features"])
def test_a_number_below_0_or_no_whole_number_of_what_to_show_is_refused(labelled, name):
    session = labelled()
    for count in (-1, 1.5, True):
        with pytest.raises(ValueError, match=f"{name}={count}: expected a whole number of at least 0"):
            uai.explain(session, 3, **{name: count})
    assert uai.explain(session, np.int64(3), **{name: np.int64(0)}).index == 3


def test_an_explanation_cannot_be_changed(labelled):
    with pytest.raises(FrozenInstanceError):
        uai.explain(labelled(), 3).base_score = 0
