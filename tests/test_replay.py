"""A session trained again on its own labels."""

from __future__ import annotations

import numpy as np
import pytest

import uai_notebook as uai
from uai_notebook.replay import retrain


def simulated(make, **options):
    session = make(budget=20, **options)
    uai.simulate(session, uai.Oracle(session.ds.y), progress=False)
    return session


def same_scores(a, b):
    return all(
        np.array_equal(getattr(a.snapshot, name), getattr(b.snapshot, name))
        for name in ("base_score", "latent", "uai_logit", "head", "labeled_index", "labeled_value")
    )


@pytest.mark.parametrize("base", ["dae", "class"])
def test_with_no_changes_the_last_snapshot_is_the_same_bit_for_bit(make, base):
    session = simulated(make, base=base, seed=3)
    session.train()
    again = retrain(session, progress=False)
    assert again is not session
    assert same_scores(again, session)
    assert again.round == session.round == 4
    assert again.path is None


def test_it_has_all_labels_in_the_same_order(make):
    session = simulated(make)
    session.label(session.results()["index"].iloc[-1], uai.Label.UNSURE)
    again = retrain(session, progress=False)
    for name in ("index", "label"):
        assert again.labels[name].tolist() == session.labels[name].tolist()


def test_labels_given_before_the_first_training_are_trained_on_in_it(make, ds):
    session = make()
    session.label([0, 40, 50], [1, 0, uai.Label.UNSURE])
    session.train()
    session.label([1, 41], [1, 0])
    session.train()
    again = retrain(session, progress=False)
    assert [s["n_labels"] for s in again.history.scalars] == [2, 4]
    assert same_scores(again, session)


def test_an_answer_that_came_in_while_a_training_ran_is_trained_on_in_the_next(make, numpy_learner, ds):
    learner = numpy_learner(ds)
    session = make(base=learner)
    session.train()
    session.label([0, 40], [1, 0])
    learner.hold.set()
    session.start()
    learner.entered.wait(10)
    session.label(1, 1)
    learner.hold.clear()
    session.wait()
    session.train()
    fresh = numpy_learner(ds)
    retrain(session, base=fresh, progress=False)
    assert fresh.calls == learner.calls


def test_a_session_of_a_checkpoint_is_replayed_bit_for_bit(make, tmp_path):
    from uai_notebook import checkpoint

    session = simulated(make)
    checkpoint.save(session, tmp_path / "c.npz")
    loaded = make(budget=20)
    checkpoint.load(loaded, tmp_path / "c.npz")
    assert same_scores(retrain(loaded, progress=False), session)


def test_a_resumed_session_is_replayed_bit_for_bit(make, ds, tmp_path):
    simulated(make, path=tmp_path / "s").close()
    resumed = uai.ActiveSession.resume(tmp_path / "s", ds)
    resumed.train()
    again = retrain(resumed, progress=False)
    assert again.round == resumed.round
    assert [s["n_labels"] for s in again.history.scalars] == [s["n_labels"] for s in resumed.history.scalars]
    assert np.array_equal(again.snapshot.ranking_score, resumed.snapshot.ranking_score)


def test_the_gradient_through_l_is_the_only_thing_that_differs(make):
    session = simulated(make)
    session.train()
    stopped = retrain(session, through_latent=False, progress=False)
    assert stopped.config == uai.TrainConfig.from_dict({**session.config.to_dict(), "through_latent": False})
    assert stopped.labels["index"].tolist() == session.labels["index"].tolist()
    first, second = session.history.frames[0], stopped.history.frames[0]
    assert np.array_equal(first.base_score, second.base_score)  # before the first label nothing differs
    assert not np.array_equal(session.snapshot.latent, stopped.snapshot.latent)


def test_the_session_itself_is_left_as_it_is(make):
    session = simulated(make)
    before = session.snapshot, session.labels, session.queue.tolist(), session.round
    retrain(session, round_steps=1, progress=False)
    assert session.snapshot is before[0]
    assert session.labels.equals(before[1])
    assert (session.queue.tolist(), session.round) == before[2:]


def test_a_session_that_was_never_trained_cannot_be_replayed(make):
    with pytest.raises(ValueError, match="has not been trained: call its train\\(\\) first"):
        retrain(make())


def test_a_setting_that_there_is_not_is_named(make):
    session = make()
    session.train()
    with pytest.raises(ValueError, match=r"no setting gradient: expected some of hidden, .* through_latent"):
        retrain(session, gradient=False)


def test_a_model_of_the_users_own_must_be_given_again_untrained(make, distance_model):
    model = distance_model()
    session = make(base=model)
    session.train()
    with pytest.raises(ValueError, match="a DistanceModel of your own, which has been trained in place: pass an untr"):
        retrain(session, progress=False)
    with pytest.raises(ValueError, match="which has been trained: make a new one"):
        retrain(session, base=model, progress=False)
    assert same_scores(retrain(session, base=distance_model(), progress=False), session) is True


def test_a_learner_without_a_config_cannot_have_another(make):
    session = make(base="loda_aad")
    session.train()
    with pytest.raises(ValueError, match="through_latent cannot change LodaLearner, which has no TrainConfig"):
        retrain(session, through_latent=False)
