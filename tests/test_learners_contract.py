"""What every learner that has a name must do: one test for each sentence of the protocol."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import uai_notebook as uai
from uai_notebook import checkpoint
from uai_notebook.learners import Learner, UaiLearner, learner_names, make_learner

AAD = ("loda_aad", "tree_aad", "pine_forest")
UNSUPERVISED = ("isolation_forest", "oc_svm")
INDEX, LABEL = np.array([40, 1, 0, 20, 60]), np.int8([0, 1, 1, 0, 0])
NONE = np.empty(0, np.int64), np.empty(0, np.int8)


def run(generator) -> list[uai.Progress]:
    return list(generator)


def same(a: uai.Snapshot, b: uai.Snapshot) -> bool:
    pairs = [(getattr(a, name), getattr(b, name)) for name in ("base_score", "latent", "uai_logit")]
    return all((x is None and y is None) or np.array_equal(x, y) for x, y in pairs)


def leaves(tree: Any) -> list[Any]:
    if isinstance(tree, dict):
        assert all(isinstance(key, str | int) for key in tree)
        return [leaf for value in tree.values() for leaf in leaves(value)]
    return [leaf for value in tree for leaf in leaves(value)] if isinstance(tree, list | tuple) else [tree]


@pytest.fixture(params=learner_names())
def name(request) -> str:
    return request.param


@pytest.fixture
def new(name, ds, config):
    """A function that makes the learner, the same each time."""
    return lambda seed=0: make_learner(ds, name, config, seed)


@pytest.fixture
def trained(new):
    """A learner after two rounds."""
    learner = new()
    for part in (learner.pretrain(), learner.update(INDEX[:3], LABEL[:3]), learner.update(INDEX, LABEL)):
        run(part)
    return learner


def test_it_satisfies_the_protocol_and_reports_every_step(new):
    learner = new()
    assert isinstance(learner, Learner)
    for part in (learner.pretrain(), learner.update(INDEX, LABEL), learner.update(*NONE)):
        done = run(part)
        assert [p.step for p in done] == list(range(1, len(done) + 1))
        assert {p.of for p in done} == {len(done)}


def test_its_scores_are_float32_finite_and_one_for_each_item(trained, name):
    snapshot = trained.evaluate()
    for array in (snapshot.base_score, snapshot.uai_logit, snapshot.latent):
        assert array is None or (len(array) == 80 and array.dtype == np.float32 and np.isfinite(array).all())
    assert (snapshot.uai_logit is None) == (name in UNSUPERVISED)
    assert (snapshot.latent is None) == (name in AAD + UNSUPERVISED)
    assert snapshot.probability == isinstance(trained, UaiLearner)


def test_new_rows_have_a_base_score_and_a_learned_one(trained, new, ds):
    snapshot = trained.evaluate()
    base, learned = trained.score_both(ds.x, None if ds.x_y is None else ds.x_y)
    np.testing.assert_allclose(base, snapshot.base_score, rtol=1e-4, atol=1e-5)
    assert (learned is None) == (snapshot.uai_logit is None)
    if learned is not None:
        np.testing.assert_allclose(learned, snapshot.uai_logit, rtol=1e-4, atol=1e-4)
        assert np.array_equal(trained.score(ds.x, ds.x_y), learned)
    fresh = new()
    run(fresh.pretrain())
    assert fresh.score_both(ds.x, ds.x_y)[1] is None


def test_nothing_is_learned_before_there_are_labels(new):
    learner = new()
    run(learner.pretrain())
    assert learner.evaluate().uai_logit is None
    run(learner.update(*NONE))
    assert learner.evaluate().uai_logit is None


@pytest.mark.parametrize("value", [0, 1])
def test_one_label_is_enough_to_train_on(new, name, value):
    learner = new()
    run(learner.pretrain())
    before = learner.evaluate().ranking_score
    run(learner.update(np.array([0]), np.int8([value])))
    after = learner.evaluate()
    assert np.isfinite(after.ranking_score).all()
    if name in AAD:  # these learn from the first label on, of whatever kind
        rank = [np.sum(score > score[0]) for score in (before, after.uai_logit)]
        assert rank[1] >= rank[0] if value == 0 else rank[1] <= rank[0]


@pytest.mark.parametrize("name", [name for name in learner_names() if name in ("dae", *AAD, *UNSUPERVISED)])
def test_an_obvious_outlier_has_the_highest_score(name, config):
    x = np.random.default_rng(1).normal(size=(300, 4))
    x[[17, 250]] = 9
    learner = make_learner(uai.Dataset.from_arrays(x), name, config)
    run(learner.pretrain())
    assert set(np.argsort(learner.evaluate().base_score)[-2:]) == {17, 250}
    assert set(np.argsort(learner.score(x))[-2:]) == {17, 250}


@pytest.mark.parametrize("name", AAD)
def test_labelled_anomalies_rise_and_their_like_with_them(name):
    rng = np.random.default_rng(2)
    x = rng.normal(size=(600, 4))
    x[:20, 0] += 5  # two kinds of outliers, and only the first is an anomaly
    x[20:40, 1] -= 5
    learner = make_learner(uai.Dataset.from_arrays(x), name)
    run(learner.pretrain())
    index = np.r_[0:6, 20:26]
    for _ in range(3):
        run(learner.update(index, (index < 20).astype(np.int8)))
    score = learner.evaluate().uai_logit
    assert score[6:20].mean() > np.quantile(score, 0.95)
    assert score[6:20].mean() > score[26:40].mean()


def test_the_same_seed_and_labels_give_the_same_model_in_whatever_order_they_came(new):
    one, other = new(), new()
    order = np.array([4, 2, 0, 1, 3])
    for learner, (index, label) in ((one, (INDEX, LABEL)), (other, (INDEX[order], LABEL[order]))):
        run(learner.pretrain())
        run(learner.update(index, label))
    assert same(one.evaluate(), other.evaluate())


@pytest.mark.parametrize("name", [name for name in learner_names() if name != "oc_svm"])
def test_another_seed_gives_another_model(new):
    one, other = new(0), new(1)
    for learner in (one, other):
        run(learner.pretrain())
    assert not same(one.evaluate(), other.evaluate())


def test_new_rows_are_scored_like_its_own(trained, ds):
    classes = ds.x_y
    np.testing.assert_allclose(trained.score(ds.x, classes), trained.evaluate().ranking_score, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(trained.score(ds.x[5:9], classes[5:9]), trained.score(ds.x, classes)[5:9], rtol=1e-4)
    assert trained.score(ds.x[:0], classes[:0]).shape == (0,)


def test_the_state_is_plain_arrays_and_numbers_and_fits_into_a_checkpoint(trained, tmp_path):
    state = trained.state_dict()
    for leaf in leaves(state):
        plain = isinstance(leaf, np.ndarray) and leaf.dtype != object
        assert plain or leaf is None or isinstance(leaf, bool | int | float | str), type(leaf)
    checkpoint.write(tmp_path / "state.npz", state)
    back = checkpoint.read(tmp_path / "state.npz")
    assert len(leaves(back)) == len(leaves(state))


@pytest.mark.parametrize("rounds", [0, 1, 2])
def test_from_a_state_it_goes_on_exactly_as_it_would_have(new, rounds, tmp_path):
    learner = new()
    run(learner.pretrain())
    for t in (3, 4)[:rounds]:
        run(learner.update(INDEX[:t], LABEL[:t]))
    checkpoint.write(tmp_path / "state.npz", learner.state_dict())
    other = new()
    other.load_state_dict(checkpoint.read(tmp_path / "state.npz"))
    assert same(other.evaluate(), learner.evaluate())
    for one in (learner, other):
        run(one.update(INDEX, LABEL))
    assert same(other.evaluate(), learner.evaluate())


def test_the_state_is_a_copy(trained):
    state, before = trained.state_dict(), trained.evaluate()
    run(trained.update(INDEX[:4], 1 - LABEL[:4]))
    trained.load_state_dict(state)
    assert same(trained.evaluate(), before)


def test_a_state_from_before_pretraining_leads_back_there(new):
    learner = new()
    empty = learner.state_dict()
    run(learner.pretrain())
    first = learner.evaluate()
    run(learner.update(INDEX, LABEL))
    learner.load_state_dict(empty)
    run(learner.pretrain())
    assert same(learner.evaluate(), first)


def test_a_cancelled_round_never_happened(make, name):
    session = make(base=name, budget=40)
    session.train()
    before = session.snapshot
    session.label(INDEX, LABEL)
    end = session.observe(lambda changes: session.cancel(wait=False) if "progress" in changes else None)
    session.train()
    assert session.snapshot is before
    assert same(session.learner.evaluate(), before)
    end()
    assert session.train().n_labels == 5


@pytest.mark.parametrize("query", ["adaptive", "uai"])
def test_a_simulation_runs_to_its_budget(make, ds, name, query):
    session = uai.simulate(make(base=name, budget=23, query=query), uai.Oracle(ds.y), progress=False)
    assert (session.n_asked, session.phase) == (23, "done")
    assert len(session.results()) == 80


@pytest.mark.parametrize("name", [*AAD, *UNSUPERVISED])
def test_an_interrupted_simulation_goes_on_from_its_checkpoint_as_if_nothing_had_happened(make, ds, name, tmp_path):
    def stop(session):
        if session.n_asked == 15:
            checkpoint.save(session, tmp_path / "c.npz")

    options = {"base": name, "budget": 30, "query": "uai"}
    whole = uai.simulate(make(**options), uai.Oracle(ds.y), progress=False)
    uai.simulate(make(**options), uai.Oracle(ds.y), progress=False, after_round=stop)
    resumed = make(**options)
    checkpoint.load(resumed, tmp_path / "c.npz")
    assert resumed.n_asked == 15
    uai.simulate(resumed, uai.Oracle(ds.y), progress=False)
    assert resumed.labels["index"].tolist() == whole.labels["index"].tolist()
    assert same(resumed.snapshot, whole.snapshot)


def test_a_saved_session_is_opened_and_resumed_by_its_name(make, ds, config, name, tmp_path):
    session = make(base=name, path=tmp_path / "s")
    session.label([1, 2], [1, 0])
    session.close()
    again = uai.ActiveSession.resume(tmp_path / "s", ds)
    assert type(again.learner) is type(session.learner)
    assert again.train().n_labels == 2
    again.close()
    opened = uai.ActiveSession.open(tmp_path / "s", ds, name, config=config)
    assert opened.n_labels == 2
    opened.close()
    other = "tree_aad" if name == "loda_aad" else "loda_aad"
    with pytest.raises(ValueError, match=f"the saved session has base='{name}', and base='{other}' was given"):
        uai.ActiveSession.open(tmp_path / "s", ds, other)


# -- names ----------------------------------------------------------------------------------------------------------


def test_the_names_are_those_of_networks_and_of_other_learners():
    assert {"dae", "class", *AAD, *UNSUPERVISED} <= set(learner_names())


def test_an_unknown_name_is_an_error_that_lists_them_all(ds):
    for make in (make_learner, uai.ActiveSession):
        with pytest.raises(ValueError, match="base='forest': expected one of ") as caught:
            make(ds, "forest")
        assert all(name in str(caught.value) for name in learner_names())


def test_a_learner_is_taken_as_it_is_and_a_module_gets_a_uai_layer(ds, config, numpy_learner, distance_model):
    learner = numpy_learner(ds)
    assert make_learner(ds, learner) is learner
    assert isinstance(make_learner(ds, distance_model(), config), UaiLearner)


@pytest.mark.parametrize("name", AAD)
def test_with_a_memory_only_the_newest_labels_count(name, ds):
    limited, full = make_learner(ds, name, memory=3), make_learner(ds, name)
    for learner, given in ((limited, slice(None)), (full, slice(2, None))):
        run(learner.pretrain())
        run(learner.update(INDEX[given], LABEL[given]))
    assert same(limited.evaluate(), full.evaluate())


@pytest.mark.parametrize("name", AAD)
def test_a_memory_of_nothing_is_an_error(name, ds):
    with pytest.raises(ValueError, match="memory=0"):
        make_learner(ds, name, memory=0)


@pytest.mark.parametrize("name", ["dae", *UNSUPERVISED])
def test_an_option_that_a_learner_does_not_have_is_an_error(name, ds):
    with pytest.raises(TypeError, match="memory"):
        make_learner(ds, name, memory=5)


def test_loda_on_raw_features_depends_on_their_units(ds):
    small = uai.Dataset.from_arrays(ds.x * np.array([1, 1, 1, 1, 1e-3], np.float32), name="tiny")
    for scale, alike in ((True, True), (False, False)):
        scores = []
        for data in (ds, small):
            learner = make_learner(data, "loda_aad", scale=scale)
            run(learner.pretrain())
            scores.append(learner.evaluate().base_score)
        assert np.allclose(*scores, atol=1e-3) == alike


@pytest.mark.parametrize("name", [*AAD, *UNSUPERVISED])
def test_before_pretraining_there_is_nothing_to_score_with(name, ds):
    learner = make_learner(ds, name)
    with pytest.raises(RuntimeError, match=r"run pretrain\(\)"):
        learner.evaluate()
    with pytest.raises(RuntimeError, match=r"run pretrain\(\)"):
        learner.score(ds.x)


@pytest.mark.parametrize("name", [*AAD, *UNSUPERVISED])
def test_a_state_of_another_seed_is_refused(name, ds):
    with pytest.raises(ValueError, match="seed"):
        make_learner(ds, name, seed=2).load_state_dict(make_learner(ds, name, seed=1).state_dict())


@pytest.mark.parametrize("name", [*AAD, *UNSUPERVISED])
def test_equal_rows_have_equal_scores_and_change_nothing_else(name):
    x = np.random.default_rng(3).normal(size=(40, 3))
    ds = uai.Dataset.from_arrays(np.repeat(x, 3, axis=0))
    learner = make_learner(ds, name)
    run(learner.pretrain())
    run(learner.update(np.array([0, 4]), np.int8([1, 0])))
    snapshot = learner.evaluate()
    by_row = snapshot.ranking_score.reshape(40, 3)
    assert np.array_equal(by_row, by_row[:, :1].repeat(3, axis=1))
    np.testing.assert_allclose(learner.score(ds.x), snapshot.ranking_score, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", [*AAD, *UNSUPERVISED])
def test_images_and_constant_features_are_fine(name):
    images = np.random.default_rng(4).integers(0, 256, size=(60, 3, 3), dtype=np.uint8)
    images[:, 0, 0] = 7
    ds = uai.Dataset.from_images(images)
    learner = make_learner(ds, name)
    run(learner.pretrain())
    np.testing.assert_allclose(learner.score(ds.x), learner.evaluate().base_score, rtol=1e-4, atol=1e-5)


# -- the extra ------------------------------------------------------------------------------------------------------

BLOCKED = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "coniferest":
            raise ImportError("blocked: " + name)
sys.meta_path.insert(0, Blocker())
import numpy as np
import uai_notebook as uai
ds = uai.Dataset.from_arrays(np.random.default_rng(0).normal(size=(40, 3)))
for name in ("tree_aad", "pine_forest"):
    try:
        uai.ActiveSession(ds, name)
    except ImportError as error:
        print(error)
print(uai.ActiveSession(ds, "loda_aad").train().base_score.shape)
"""


def test_without_the_extra_the_forests_say_how_to_get_it_and_the_others_work():
    done = subprocess.run([sys.executable, "-c", BLOCKED], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        'base="tree_aad" needs the package coniferest: pip install "uai_notebook[forest]"',
        'base="pine_forest" needs the package coniferest: pip install "uai_notebook[forest]"',
        "(40,)",
    ]
