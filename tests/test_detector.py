"""UaiDetector: conventions of scikit-learn, scores of new data, and the two rankings of Section 4.3."""

from __future__ import annotations

import pickle
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import average_precision_score
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import uai_notebook as uai
from uai_notebook.datasets.encoding import TableEncoding
from uai_notebook.detector.parts import cut_of
from uai_notebook.learners import learner_names

SMALL = uai.TrainConfig(hidden=(8, 2), pretrain_steps=30, round_steps=3, batch_size=32, labeled_batch=16)


@pytest.fixture(scope="module")
def blobs():
    """400 items of 6 features; 40 anomalies, of which 12 are labelled, as are 30 normals."""
    rng = np.random.default_rng(1)
    X = rng.normal(size=(400, 6))
    X[:40, :2] += 4
    y = np.full(400, -1)
    y[:12], y[100:130] = 1, 0
    return X, y


@pytest.fixture(scope="module")
def fitted(blobs):
    config = uai.TrainConfig(hidden=(16, 4), pretrain_steps=300, round_steps=60, batch_size=64, labeled_batch=64)
    return uai.UaiDetector(config=config).fit(*blobs)


# -- scikit-learn -----------------------------------------------------------------------------------------------------

CLASSES = "its y holds classes such as 2, and ours are 1, 0 and -1"
SIGN = "it expects -1 for an outlier, 1 for the rest and higher scores for the rest: ours are 1, 0 and the other sign"
EXPECTED = {
    **dict.fromkeys(
        [
            "check_classifier_data_not_an_array",
            "check_dict_unchanged",
            "check_dont_overwrite_parameters",
            "check_dtype_object",
            "check_estimators_dtypes",
            "check_estimators_fit_returns_self",
            "check_estimators_overwrite_params",
            "check_f_contiguous_array_estimator",
            "check_fit2d_1feature",
            "check_fit2d_predict1d",
            "check_fit_score_takes_y",
            "check_methods_sample_order_invariance",
            "check_methods_subset_invariance",
            "check_n_features_in_after_fitting",
            "check_positive_only_tag_during_fit",
            "check_readonly_memmap_input",
        ],
        CLASSES,
    ),
    "check_outliers_fit_predict": SIGN,
    "check_outliers_train": SIGN,
}


def test_the_page_names_the_checks_that_are_exceptions():
    page = (Path(__file__).parents[1] / "docs" / "hand_over.md").read_text()
    assert f"{len(EXPECTED)} of scikit-learn's checks expect" in page.replace("\n", " ")
    assert sorted(re.findall(r"`(check_\w+)`", page)) == sorted(EXPECTED)


class AnyLabels(uai.UaiDetector):
    """Takes classes beyond 1 for normal, as the checks give them."""

    def fit(self, X, y=None, x_y=None):
        values = None if y is None else np.asarray(y)
        if values is not None and values.dtype.kind in "iuf":
            y = np.where(np.isin(values, (1, 0, -1)), values, 0)
        return super().fit(X, y, x_y)


class OtherSign(AnyLabels):
    """Labels and signs of scikit-learn's outlier detectors."""

    def _take(self, *args):
        super()._take(*args)
        self.offset_ *= -1

    def score_samples(self, X, x_y=None):
        return -super().score_samples(X, x_y)

    def predict(self, X, x_y=None):
        return np.where(self.decision_function(X, x_y) >= 0, 1, -1)


def outcomes(estimator, status: str, **options) -> set[str]:
    done = check_estimator(estimator, on_fail=None, on_skip=None, **options)
    assert len(done) > 40
    return {check["check_name"] for check in done if check["status"] == status}


@pytest.mark.slow
def test_it_passes_scikit_learns_checks_but_for_those_of_other_label_conventions():
    estimator = uai.UaiDetector(config=SMALL, label_rounds=2)
    assert outcomes(estimator, "failed", expected_failed_checks=EXPECTED) == set()
    assert outcomes(estimator, "xfail", expected_failed_checks=EXPECTED) == set(EXPECTED), "no exception is idle"


@pytest.mark.slow
def test_the_exceptions_fail_by_their_labels_and_signs_alone():
    assert outcomes(AnyLabels(config=SMALL, label_rounds=2), "failed") == {
        name for name, reason in EXPECTED.items() if reason == SIGN
    }
    assert outcomes(OtherSign(config=SMALL, label_rounds=2), "failed") == set()


def test_it_works_in_a_pipeline_and_in_cross_validation(blobs):
    X = np.random.default_rng(0).permutation(blobs[0])
    truth = (X[:, 0] > 3).astype(int)
    scores = cross_val_score(
        make_pipeline(StandardScaler(), uai.UaiDetector(config=SMALL)), X, truth, scoring="average_precision", cv=3
    )
    assert len(scores) == 3
    assert np.isfinite(scores).all()


def test_the_same_seed_gives_the_same_detector(blobs):
    a, b, c = (uai.UaiDetector(config=SMALL, random_state=seed).fit(*blobs) for seed in (3, 3, 4))
    assert np.array_equal(a.score_samples(blobs[0]), b.score_samples(blobs[0]))
    assert not np.array_equal(a.score_samples(blobs[0]), c.score_samples(blobs[0]))
    drawn = uai.UaiDetector(config=SMALL, random_state=np.random.RandomState(5)).fit(*blobs)
    assert np.isfinite(drawn.score_samples(blobs[0])).all()


def test_a_module_that_is_a_parameter_is_not_trained(blobs, distance_model):
    module = distance_model(6)
    before = module.linear.weight.detach().clone()
    detector = uai.UaiDetector(base=module, config=SMALL).fit(*blobs)
    assert (module.linear.weight == before).all()
    assert (detector.learner_.net.base.linear.weight != before).any()
    assert clone(detector).base is not module


# -- labels and cuts --------------------------------------------------------------------------------------------------


def test_labels_make_it_find_what_was_not_labelled(blobs, fitted):
    X, y = blobs
    hidden = np.flatnonzero(y == -1)
    truth = hidden < 40
    unlabelled = uai.UaiDetector(config=fitted.config).fit(X)
    assert average_precision_score(truth, fitted.score_samples(X[hidden])) > 0.9
    assert average_precision_score(truth, unlabelled.score_samples(X[hidden])) < 0.8
    assert fitted.predict(X[hidden])[truth].mean() > 0.9


def test_it_predicts_an_anomaly_where_p_anom_is_above_a_half(blobs, fitted):
    X, _ = blobs
    logit = fitted.learner_.score(X.astype(np.float32))
    np.testing.assert_allclose(fitted.score_samples(X), logit, rtol=1e-4, atol=1e-4)
    assert fitted.offset_ == 0
    assert np.array_equal(fitted.predict(X), (fitted.score_samples(X) > 0).astype(int))


def test_a_contamination_is_the_share_that_is_called(blobs):
    X, y = blobs
    for labels in (y, None):
        detector = uai.UaiDetector(contamination=0.25, config=SMALL).fit(X, labels)
        assert detector.predict(X).sum() == 100
        assert np.allclose(detector.decision_function(X), detector.score_samples(X) - detector.offset_)
    assert uai.UaiDetector(config=SMALL).fit(X).predict(X).sum() == 40


@pytest.mark.parametrize(("label", "p"), [([1, 0], 0.5), ([1, 0, 0, 0], 0.5), ([1, 1, 1, 0], 0.75), ([1, 1], 0.5)])
def test_p_anom_must_exceed_a_half_and_the_share_of_anomalies_that_were_labelled(label, p):
    scores = np.zeros(9, np.float32)
    snapshot = uai.Snapshot(scores, None, scores, 0, np.arange(len(label)), np.int8(label))
    assert 1 / (1 + np.exp(-cut_of(snapshot, "auto"))) == pytest.approx(p)


def test_a_score_that_is_no_probability_is_cut_where_labels_say():
    rng = np.random.default_rng(0)
    for _ in range(50):
        score = rng.integers(0, 6, 12).astype(np.float32)  # with ties
        label = np.resize(np.int8([1, 0]), 12)
        snapshot = uai.Snapshot(score, None, score, 0, np.arange(12), label, probability=False)
        cuts = np.arange(-0.5, 6)
        errors = [((score > cut) != (label == 1)).sum() for cut in cuts]
        cut = cut_of(snapshot, "auto")
        assert ((score > cut) != (label == 1)).sum() == min(errors)
        assert not ((score > cut) & (score < cuts[np.flatnonzero(errors == min(errors))[-1]])).any(), "the highest"
    only = uai.Snapshot(score, None, score, 0, np.arange(2), np.int8([1, 1]), probability=False)
    assert cut_of(only, "auto") == np.quantile(score.astype(float), 0.9)


def test_labels_of_one_kind_alone_leave_the_base_score(blobs):
    X, y = blobs
    detector = uai.UaiDetector(config=SMALL).fit(X, np.where(y == 1, -1, y))
    base, learned = detector.learner_.score_both(X.astype(np.float32))
    assert learned is None
    np.testing.assert_allclose(detector.score_samples(X), base, rtol=1e-4)


def test_a_score_does_not_depend_on_the_company(blobs, fitted):
    X, _ = blobs
    alone = np.concatenate([fitted.score_samples(X[i : i + 1]) for i in range(0, 400, 37)])
    np.testing.assert_allclose(alone, fitted.score_samples(X)[::37], rtol=1e-7)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"contamination": 0.7}, 'contamination=0.7: expected "auto" or a share'),
        ({"contamination": True}, "contamination=True"),
        ({"contamination": "high"}, "contamination='high'"),
        ({"label_rounds": 0}, "label_rounds=0: expected a positive whole number"),
        ({"config": {"lr": 1}}, "expected a TrainConfig"),
        ({"base": "pca"}, "base='pca': expected one of dae"),
        ({"base": "class"}, "pass x_y"),
    ],
)
def test_parameters_that_do_not_fit_are_said_when_it_is_fitted(blobs, parameters, message):
    with pytest.raises(ValueError, match=message):
        uai.UaiDetector(**parameters).fit(*blobs)


@pytest.mark.parametrize("wrong", [2, np.nan, "anomaly", None])
def test_other_labels_are_refused(blobs, wrong):
    y = blobs[1].astype(object)
    y[5] = wrong
    with pytest.raises(ValueError, match=r"Unknown label type or value in y: \w+. Expected 1 \(anomaly\)"):
        uai.UaiDetector(config=SMALL).fit(blobs[0], y)
    with pytest.raises(ValueError, match="399"):
        uai.UaiDetector(config=SMALL).fit(blobs[0], blobs[1][:-1])


def test_before_it_is_fitted_it_says_so(blobs):
    with pytest.raises(NotFittedError):
        uai.UaiDetector().score_samples(blobs[0])


def test_given_classes_are_needed_where_the_model_needs_them(blobs):
    X, y = blobs
    x_y = np.where(np.arange(400) % 2, "odd", "even")
    detector = uai.UaiDetector(base="class", config=SMALL).fit(X, y, x_y=x_y)
    assert detector.score_samples(X[:3], x_y[:3]).shape == (3,)
    assert not np.array_equal(detector.score_samples(X, x_y), detector.score_samples(X, np.roll(x_y, 1)))
    with pytest.raises(ValueError, match='base="class" scores how surprising a given class is: pass x_y'):
        detector.score_samples(X)
    with pytest.raises(ValueError, match=r"x_y of 2 rows has 1 that are unknown: neither\. Expected one of even, odd"):
        detector.score_samples(X[:2], ["neither", "odd"])
    with pytest.raises(ValueError, match=r"x_y has shape \(2,\) for 1 items"):
        detector.score_samples(X[:1], ["odd", "even"])


@pytest.mark.parametrize("base", learner_names())
def test_every_base_can_be_one(blobs, base):
    X, y = blobs
    x_y = np.arange(400) % 3
    given = x_y if base == "class" else None
    detector = uai.UaiDetector(base, contamination=0.1, config=SMALL).fit(X, y, given)
    assert set(detector.predict(X, given)) == {0, 1}
    ranking = detector.rank_new(X, given)
    assert ranking["known_rank"].isna().all() == (base in ("isolation_forest", "oc_svm"))
    again = pickle.loads(pickle.dumps(detector))
    assert np.array_equal(again.score_samples(X, given), detector.score_samples(X, given))


# -- new data: Section 4.3 --------------------------------------------------------------------------------------------


def test_known_and_new_kinds_of_anomalies_are_ranked_apart(blobs, fitted):
    rng = np.random.default_rng(7)
    new = rng.normal(size=(200, 6))
    new[:10, :2] += 4  # of the kind that labels were of
    new[10:20, 4] += 9  # of a new kind
    new[10:20, 5] -= 9
    ranking = fitted.rank_new(pd.DataFrame(new, index=[f"n{i}" for i in range(200)]).to_numpy())
    known = ranking.sort_values("known_rank")["index"].to_numpy()[:10]
    novel = ranking.sort_values("novel_rank")["index"].to_numpy()[:10]
    assert (known < 10).sum() >= 9
    assert ((novel >= 10) & (novel < 20)).sum() >= 9


def test_the_rankings_are_those_of_the_scores(blobs, fitted):
    ranking = fitted.rank_new(blobs[0], ids=[f"item {i}" for i in range(400)])
    assert ranking["id"].iloc[7] == "item 7"
    assert np.array_equal(ranking["called"], fitted.predict(blobs[0]).astype(bool))
    order = np.argsort(-fitted.score_samples(blobs[0]), kind="stable")
    assert np.array_equal(ranking["known_rank"].to_numpy(int)[order], np.arange(1, 401))
    assert ranking["learned_score"].between(0, 1).all()
    others = ranking[~ranking["called"]]
    assert ranking.loc[ranking["called"], "novel_rank"].isna().all()
    assert np.array_equal(
        others.sort_values("base_score", ascending=False)["novel_rank"], np.arange(1, len(others) + 1)
    )
    with pytest.raises(ValueError, match="3 ids for 400 items"):
        fitted.rank_new(blobs[0], ids=[1, 2, 3])


def test_without_labels_everything_is_ranked_as_new(blobs):
    ranking = uai.UaiDetector(config=SMALL).fit(blobs[0]).rank_new(blobs[0])
    assert not ranking["called"].any()
    assert ranking["known_rank"].isna().all()
    assert sorted(ranking["novel_rank"]) == list(range(1, 401))


# -- tables -----------------------------------------------------------------------------------------------------------


def people(n: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(2)
    return pd.DataFrame(
        {
            "who": [f"p{i}" for i in range(n)],
            "age": np.where(np.arange(n) % 9, rng.integers(18, 80, n), np.nan),
            "paid": rng.random(n) < 0.5,
            "colour": pd.Categorical(rng.choice(["red", "green", "blue"], n)),
            "town": np.where(np.arange(n) % 7, rng.choice(["x", "y"], n), None),
            "note": "free",
            "fraud": (np.arange(n) < 3).astype(int),
        }
    )


def test_the_encoding_of_a_table_is_that_of_the_dataset():
    df = people()
    ds = uai.Dataset.from_frame(df, id="who", ignore="note", y="fraud")
    encoding = TableEncoding.of(ds)
    assert np.array_equal(encoding.encode(df), ds.x)
    assert np.array_equal(TableEncoding.from_plain(encoding.to_plain()).encode(df.iloc[::-1]), ds.x[::-1])
    assert [f for column in encoding.columns for f in column.features] == list(ds.feature_names)
    assert TableEncoding.of(uai.Dataset.from_arrays(np.eye(3))) is None


def test_new_rows_are_encoded_with_the_medians_and_levels_of_the_old():
    df = people()
    encoding = TableEncoding.of(uai.Dataset.from_frame(df, id="who", ignore="note", y="fraud"))
    new = pd.DataFrame({"age": [None], "paid": [True], "colour": ["violet"], "town": ["x"], "more": [1]})
    names = [name for column in encoding.columns for name in column.features]
    with pytest.warns(UserWarning, match=r"never seen \('colour': 'violet'\)"):
        row = dict(zip(names, encoding.encode(new)[0].tolist(), strict=True))
    new["colour"] = "red"
    assert row["age"] == df["age"].median()
    assert (row["age missing"], row["town=x"], row["town missing"]) == (1, 1, 0)
    assert [row[f"colour={c}"] for c in ("red", "green", "blue")] == [0, 0, 0]
    with pytest.raises(ValueError, match="lacks 2 of 4 columns, such as 'colour', 'town'"):
        encoding.encode(new.drop(columns=["colour", "town"]))
    with pytest.raises(ValueError, match="column 'age' held numbers"):
        encoding.encode(new.assign(age="old"))
    with pytest.raises(ValueError, match="infinity"):
        encoding.encode(new.assign(age=np.inf))


def test_gaps_in_a_column_that_had_none_are_a_warning_that_names_it():
    df = pd.DataFrame({"age": np.arange(9.0), "paid": [1.0, None, 3.0] * 3})
    encoding = TableEncoding.of(uai.Dataset.from_frame(df))
    with pytest.warns(UserWarning, match=r"gaps, which had none before: 'age' \(9 of 9\)\. They are filled"):
        x = encoding.encode(df.assign(age=np.nan, paid=np.nan))
    assert x[:, 0].tolist() == [4] * 9


def test_columns_that_are_there_twice_are_refused_if_they_count():
    df = people()
    encoding = TableEncoding.of(uai.Dataset.from_frame(df, id="who", ignore="note", y="fraud"))
    assert np.array_equal(encoding.encode(pd.concat([df, df[["note"]]], axis=1)), encoding.encode(df))
    with pytest.raises(ValueError, match=r"must be unique, and these repeat: \['age'\]"):
        encoding.encode(pd.concat([df, df[["age"]]], axis=1))


@pytest.mark.parametrize("names", [list("abcde"), range(5), [f"x{j}" for j in range(5)]])
def test_columns_of_a_dataset_that_knows_their_names_are_taken_by_name(make, ds, tmp_path, names):
    frame = pd.DataFrame(ds.x, columns=list(names))
    session = make(ds=uai.Dataset.from_arrays(frame))
    session.train()
    session.finish().save(tmp_path / "d.uai")
    detector = uai.UaiDetector.load(tmp_path / "d.uai")
    scores = detector.score_samples(ds.x)
    assert np.array_equal(detector.score_samples(frame), scores)
    assert np.array_equal(detector.score_samples(frame[frame.columns[::-1]].assign(more="text")), scores)
    with pytest.raises(ValueError, match="must be unique, and these repeat"):
        detector.score_samples(pd.concat([frame, frame.iloc[:, :1]], axis=1))


def test_columns_of_other_names_are_refused_unless_nobody_named_them(make, ds):
    other = pd.DataFrame(ds.x, columns=range(100, 105))
    for names in (list("abcde"), None):
        session = make(ds=uai.Dataset.from_arrays(ds.x, feature_names=names))
        session.train()
        detector = session.finish()
        if names is None:
            assert np.array_equal(detector.score_samples(other), detector.score_samples(ds.x))
        else:
            with pytest.raises(ValueError, match="the table lacks 5 of 5 columns, such as 'a', 'b'"):
                detector.score_samples(other)
