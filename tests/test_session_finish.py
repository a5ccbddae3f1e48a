"""Handing over: a session trains on all its labels and gives a detector of its own."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import uai_notebook as uai
from uai_notebook.learners import learner_names


@pytest.mark.parametrize("base", learner_names())
def test_the_detector_scores_the_items_as_the_session_does(make, ds, base):
    session = make(base=base)
    session.train()
    session.label([0, 1, 30, 40], [1, 1, 0, 0])
    detector = session.finish()
    snapshot = session.snapshot
    assert snapshot.n_labels == 4
    given = np.array(ds.class_names)[ds.x_y] if base == "class" else None
    np.testing.assert_allclose(detector.score_samples(ds.x, given), snapshot.ranking_score, rtol=1e-4, atol=1e-4)
    ranking = detector.rank_new(ds.x, given)
    np.testing.assert_allclose(ranking["base_score"], snapshot.base_score, rtol=1e-4, atol=1e-5)
    if snapshot.uai_score is not None:
        np.testing.assert_allclose(ranking["learned_score"], snapshot.uai_score, rtol=1e-4, atol=1e-4)


def test_it_trains_only_if_there_are_labels_to_train_on(make):
    session = make()
    detector = session.finish()
    assert session.round == 0
    assert detector.rank_new(session.ds.x)["known_rank"].isna().all()
    session.label([0, 40], [1, 0])
    session.finish()
    assert session.round == 1
    session.finish()
    assert (session.round, session.n_untrained) == (1, 0)


def test_it_waits_for_a_training_and_trains_on_what_came_during_it(holding):
    session, learner = holding, holding.learner
    session.label([0, 40], [1, 0])
    session.start()
    assert learner.entered.wait(30)
    session.label([50], [0])
    learner.hold.clear()
    learner.score_both = lambda rows, x_y=None: (np.square(rows).sum(1), rows @ learner.state["w"])
    detector = session.finish()
    assert sorted(learner.calls[-1][1]) == [0, 40, 50]
    assert np.array_equal(detector.score_samples(session.ds.x[:3]), session.snapshot.uai_logit[:3])


def test_the_session_goes_on_without_changing_the_detector(make, ds):
    session = make()
    session.label([0, 40], [1, 0])
    detector = session.finish()
    before = detector.score_samples(ds.x)
    session.label([1, 2, 50], [1, 1, 0])
    session.train()
    assert np.array_equal(detector.score_samples(ds.x), before)
    assert not np.array_equal(session.finish().score_samples(ds.x), before)
    assert detector.learner_.rows.ds is not ds, "it holds none of the data"


def test_a_module_of_ones_own_is_handed_over_as_a_copy(make, ds, tmp_path, distance_model):
    module = distance_model()
    session = make(base=module)
    session.label([0, 40], [1, 0])
    detector = session.finish()
    before = detector.score_samples(ds.x)
    np.testing.assert_allclose(before, session.snapshot.uai_logit, rtol=1e-4, atol=1e-4)
    detector.save(tmp_path / "d.uai")
    session.label([1, 50], [1, 0])
    session.train()
    assert np.array_equal(detector.score_samples(ds.x), before)
    again = uai.UaiDetector.load(tmp_path / "d.uai", base=distance_model())
    assert np.array_equal(again.score_samples(ds.x), before)


def test_a_learner_that_lacks_base_scores_of_new_data_is_said(make, ds, numpy_learner):
    detector = make(base=numpy_learner(ds)).finish()
    with pytest.raises(TypeError, match=r"NumpyLearner has no score_both\(rows, x_y\)"):
        detector.score_samples(ds.x)


def test_a_failing_training_hands_over_nothing(make, ds, numpy_learner):
    class Failing(numpy_learner):
        def update(self, index, label):
            raise ArithmeticError("no")

    session = make(base=Failing(ds))
    session.train()
    session.label([0], [1])
    with pytest.raises(RuntimeError, match="the training failed: no"):
        session.finish()


def test_a_session_that_was_never_trained_has_no_detector(make):
    with pytest.raises(RuntimeError, match=r"call session.finish\(\)"):
        uai.UaiDetector.from_session(make())


def test_new_rows_of_a_table_are_given_as_a_table(make, tmp_path):
    rng = np.random.default_rng(0)
    df = pd.DataFrame(
        {"who": [f"p{i}" for i in range(60)], "age": rng.integers(18, 80, 60), "town": rng.choice(["x", "y"], 60)}
    )
    session = make(ds=uai.Dataset.from_frame(df, id="who"))
    session.label([0, 40], [1, 0])
    detector = session.finish()
    new = df.sample(frac=1, random_state=1)[["town", "age"]]
    rows = session.ds.x[new.index]
    assert np.array_equal(detector.score_samples(new), detector.score_samples(rows))
    detector.save(tmp_path / "d.uai")
    again = uai.UaiDetector.load(tmp_path / "d.uai")
    assert np.array_equal(again.score_samples(new), detector.score_samples(rows))
    assert again.rank_new(new)["id"].tolist() == new.index.tolist()
    with pytest.warns(UserWarning, match="never seen"):
        again.score_samples(pd.DataFrame({"age": [30], "town": ["z"]}))
    with pytest.raises(ValueError, match="lacks 1 of 2 columns, such as 'town'"):
        again.score_samples(pd.DataFrame({"age": [30]}))


def test_new_images_may_have_their_own_shape(make):
    images = np.random.default_rng(0).integers(0, 255, (30, 4, 3), dtype=np.uint8)
    session = make(ds=uai.Dataset.from_images(images))
    session.label([0, 20], [1, 0])
    detector = session.finish()
    assert np.array_equal(detector.score_samples(images), detector.score_samples(session.ds.x))
    with pytest.raises(ValueError, match="expecting 12 features"):
        detector.score_samples(images[:, :3])
