"""The history of a session as an animated figure, and its rounds side by side."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import uai_notebook as uai
from uai_notebook import views
from uai_notebook.snapshot import History, Snapshot, sigmoid
from uai_notebook.views.film.colouring import Groups, colouring
from uai_notebook.views.film.frames import MAX_FRAMES, NO_LABEL, Plane, choose_frames, given, known, make_film
from uai_notebook.views.film.scene_traces import head_line
from uai_notebook.views.projection import LatentAxis
from uai_notebook.views.separation import words_of

ORDER = ([3, 4, 7, 5, 9], [1, 0, -1, 0, 1])  # items 3, 4, 5, 9 can be trained on


def a_history(n: int = 40, rounds: int = 4, d: int | None = 1, head: bool = True, **options: Any) -> History:
    """One more trainable label of ORDER in every round; latents move to the right."""
    rng = np.random.default_rng(0)
    history, start, score = History(**options), rng.normal(size=(n, d or 1)), rng.random(n) + 0.5
    sure = [(i, v) for i, v in zip(*ORDER, strict=True) if v >= 0]
    for r in range(rounds):
        seen = sure[:r]
        w = np.float32([*([1.0] * (d or 1)), 2.0, -3.0 - r]) if head and r else None
        latent, s = (start + r).astype(np.float32), (score * (1 + r)).astype(np.float32)
        logit = None if w is None else np.column_stack([latent, s, np.ones(n)]).astype(np.float32) @ w
        snapshot = Snapshot(
            s,
            latent=None if d is None else latent,
            uai_logit=logit,
            round=r,
            labeled_index=np.array([i for i, _ in seen], np.int64),
            labeled_value=np.array([v for _, v in seen], np.int8),
            head=w,
        )
        history.append(snapshot, labeled=[i for i, _ in seen])
    return history


def named(traces: Any, names: list[str]) -> dict[str, Any]:
    return dict(zip(names, traces, strict=True))


def of_frame(fig: Any, i: int) -> dict[str, Any]:
    """Traces of one frame by name."""
    return named(fig.frames[i].data, [trace.name for trace in fig.data])


def items(trace: Any) -> list[int]:
    return [] if trace.customdata is None else np.asarray(trace.customdata).tolist()


# -- frames, axes and the slider -------------------------------------------------------------------------------------


def test_there_is_one_frame_per_round_and_the_slider_says_round_and_labels() -> None:
    fig = views.evolution(a_history())
    assert [frame.name for frame in fig.frames] == ["round 0", "round 1", "round 2", "round 3"]
    steps = fig.layout.sliders[0].steps
    assert [s.label for s in steps] == [f"round {r + 1}, {r} label{'s' * (r != 1)}" for r in range(4)]
    assert [list(s.args[0]) for s in steps] == [[frame.name] for frame in fig.frames]
    assert [b.label for b in fig.layout.updatemenus[0].buttons] == ["Play", "Pause"]


def test_numbers_of_each_round_stand_above_its_picture_and_the_axes_stay_as_high() -> None:
    row = {"on": "truth", "n": 40, "n_anomalies": 4, "ranking": "s", "ap": 0.25, "auc": 0.5}
    numbers = pd.DataFrame([row | {"round": r} for r in (0, 1)] + [row | {"round": 1, "ranking": "s_uai", "ap": 0.75}])
    plain, fig = views.evolution(a_history()), views.evolution(a_history(), numbers=numbers)
    words = [frame.layout.annotations[0].text.split("<br>") for frame in fig.frames]
    assert words[0] == ["truth, 4 anomalies of 40:", "s: AP 0.250, AUC 0.500", " "]
    assert words[1][2] == "s_uai: AP 0.750, AUC 0.500"
    assert [len(lines) for lines in words] == [3, 3, 3, 3]
    assert fig.layout.annotations[0].text == fig.frames[0].layout.annotations[0].text
    heights = [f.layout.height - f.layout.margin.t - f.layout.margin.b for f in (plain, fig)]
    assert heights[0] == heights[1]
    assert fig.layout.legend.y == pytest.approx(1 + (fig.layout.height - plain.layout.height) / heights[0])


def test_numbers_of_a_table_with_truth_are_those_of_the_truth() -> None:
    row = {"round": 0, "n": 40, "n_anomalies": 4, "ranking": "s", "ap": 0.25, "auc": 0.5, "ap_low": 0.1, "ap_high": 0.4}
    numbers = pd.DataFrame([row | {"on": "known labels"}, row | {"on": "truth", "ap_low": np.nan}])
    assert words_of(numbers, 0) == "truth, 4 anomalies of 40:<br>s: AP 0.250, AUC 0.500"
    known_only = words_of(numbers[numbers["on"] == "known labels"], 0)
    assert known_only == "known labels, 4 anomalies of 40:<br>s: AP 0.250 (0.10–0.40), AUC 0.500"
    assert words_of(numbers, 7) == ""


def test_every_frame_has_the_traces_of_the_figure_in_their_order() -> None:
    fig = views.evolution(a_history(), labels=ORDER)
    for frame in fig.frames:
        assert list(frame.traces) == list(range(len(fig.data)))
        assert len(frame.data) == len(fig.data)


def test_the_axes_hold_all_points_of_all_frames_and_no_frame_changes_them() -> None:
    history = a_history()
    fig = views.evolution(history, log=False)
    (left, right), (low, high) = fig.layout.xaxis.range, fig.layout.yaxis.range
    for frame in history.frames:
        assert left < frame.latent.min()
        assert frame.latent.max() < right
        assert low < frame.base_score.min()
        assert frame.base_score.max() < high
    assert all(frame.layout.to_plotly_json() == {} for frame in fig.frames)


def test_a_log_axis_has_the_range_in_decades() -> None:
    history = a_history()
    fig = views.evolution(history, log=True)
    low, high = fig.layout.yaxis.range
    assert fig.layout.yaxis.type == "log"
    assert 10**low < min(f.base_score.min() for f in history.frames) < max(f.base_score.max() for f in history.frames)
    assert 10**high < 10


def test_scores_far_below_the_others_are_drawn_at_the_bottom_and_it_is_said() -> None:
    history = History()
    scores = np.linspace(1, 2, 100).astype(np.float32)
    scores[0] = 0
    history.append(Snapshot(scores, latent=np.zeros((100, 1), np.float32)))
    fig = views.evolution(history, log=True)
    assert "1 scores below" in fig.layout.title.subtitle.text
    assert min(fig.data[0].y) > 0


def test_rounds_can_be_chosen_and_an_unknown_one_is_refused_with_those_there() -> None:
    history = a_history()
    fig = views.evolution(history, rounds=[0, 3])
    assert [frame.name for frame in fig.frames] == ["round 0", "round 3"]
    with pytest.raises(ValueError, match=r"rounds=\[9\].*holds rounds 0, 1, 2, 3"):
        views.evolution(history, rounds=[9])
    with pytest.raises(ValueError, match="train the session first"):
        views.evolution(History())


def test_of_many_frames_40_are_drawn_with_the_first_and_the_last() -> None:
    frames = a_history(n=5, rounds=3).frames
    many = [uai.snapshot.Frame(r, *list(vars(frames[0]).values())[1:]) for r in range(101)]
    chosen = choose_frames(many, None)
    assert (len(chosen), chosen[0].round, chosen[-1].round) == (MAX_FRAMES, 0, 100)


def test_frames_of_other_items_or_of_one_round_twice_are_refused() -> None:
    frames = a_history().frames
    with pytest.raises(ValueError, match="two frames of round 0"):
        make_film([frames[0], frames[0]], None, Plane(), 100)
    with pytest.raises(ValueError, match="does not begin with the items"):
        make_film([frames[0], a_history(n=30).frames[1]], None, Plane(), 100)


# -- labels ----------------------------------------------------------------------------------------------------------


def test_an_item_is_drawn_as_labelled_from_the_first_frame_trained_on_it() -> None:
    fig = views.evolution(a_history(), labels=ORDER)
    anomaly = [items(of_frame(fig, i)["anomaly"]) for i in range(4)]
    normal = [items(of_frame(fig, i)["normal"]) for i in range(4)]
    unsure = [items(of_frame(fig, i)["unsure"]) for i in range(4)]
    assert anomaly == [[], [3], [3], [3]]  # item 9 was given after the last training
    assert normal == [[], [], [4], [4, 5]]
    assert unsure == [[], [], [7], [7]]  # given before item 5, which round 2 had not been trained on
    shapes = {trace.name: trace.marker.symbol for trace in fig.data if trace.name in ("anomaly", "normal", "unsure")}
    assert shapes == {"anomaly": "diamond", "normal": "circle", "unsure": "x-thin"}


def test_every_drawn_item_is_in_one_trace_of_each_frame() -> None:
    fig = views.evolution(a_history(n=40), labels=ORDER)
    for i in range(4):
        drawn = [item for trace in of_frame(fig, i).values() for item in items(trace)]
        assert sorted(drawn) == list(range(40))


def test_only_unsure_answers_are_never_known_to_a_model() -> None:
    index, value = given(([1, 2], [-1, -1]))
    assert known(index, value, 0)[0].tolist() == []
    assert known(*given(([1, 2, 3], [-1, 0, -1])), 1)[0].tolist() == [1, 2, 3]


@pytest.mark.parametrize(("labels", "words"), [(([1, 2], [1]), "one per item"), (([1], [3]), "1 .anomaly., 0")])
def test_labels_that_are_none_are_refused(labels: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        views.evolution(a_history(), labels=labels)


def test_a_session_brings_its_frames_labels_and_truth(make: Any, ds: uai.Dataset) -> None:
    session = uai.simulate(make(budget=10), uai.Oracle(ds.y), progress=False)
    fig = views.evolution(session, color="truth")
    assert len(fig.frames) == len(session.history.frames)
    labelled = [t for name, t in of_frame(fig, -1).items() if name.startswith("labelled")]
    trained = session.labels["index"][: session.history.frames[-1].n_labels]
    assert sorted(item for trace in labelled for item in items(trace)) == sorted(trained)
    truth = items(of_frame(fig, 0)["anomaly (truth)"])
    assert truth == np.flatnonzero(ds.y).tolist()


# -- thinning --------------------------------------------------------------------------------------------------------


def test_many_points_are_thinned_alike_in_all_frames_with_labels_kept_and_it_is_said() -> None:
    fig = views.evolution(a_history(n=500), labels=ORDER, max_points=50)
    drawn = [sorted(item for t in of_frame(fig, i).values() for item in items(t)) for i in range(4)]
    assert drawn[0] == drawn[1] == drawn[3]
    assert {3, 4, 5, 7, 9} <= set(drawn[0])
    assert 50 <= len(drawn[0]) <= 55
    assert f"{len(drawn[0])} of 500 items drawn" in fig.layout.title.subtitle.text


def test_an_item_outside_the_display_sample_appears_with_its_label() -> None:
    history = a_history(n=200, max_items=20)
    fig = views.evolution(history, labels=ORDER)
    outside = [i for i in (3, 4) if i not in history.frames[0].index]
    assert outside  # else this says nothing
    last = [item for t in of_frame(fig, 3).values() for item in items(t)]
    first = [item for t in of_frame(fig, 0).values() for item in items(t)]
    assert set(outside) <= set(last)
    assert not set(outside) & set(first)


def test_above_5000_points_webgl_draws() -> None:
    assert views.evolution(a_history(n=300)).data[0].type == "scatter"
    assert views.evolution(a_history(n=5500), max_points=6000).data[0].type == "scattergl"


# -- coordinates -----------------------------------------------------------------------------------------------------


def test_a_latent_of_one_dimension_is_drawn_as_it_is() -> None:
    history = a_history()
    film = make_film(history.frames, None, Plane(), 100)
    for scene, frame in zip(film.scenes, history.frames, strict=True):
        np.testing.assert_array_equal(scene.x, frame.latent[:, 0].astype(np.float32))  # type: ignore[index]


def test_one_axis_of_the_first_frame_serves_all() -> None:
    history = a_history(d=3)
    axis = LatentAxis.fit(history.frames[0].latent)  # type: ignore[arg-type]
    film = make_film(history.frames, None, Plane(), 100)
    for scene, frame in zip(film.scenes, history.frames, strict=True):
        np.testing.assert_allclose(scene.x, axis(frame.latent.astype(np.float32)), rtol=1e-5)  # type: ignore[union-attr]


def test_without_a_latent_the_features_are_needed() -> None:
    history = a_history(d=None)
    with pytest.raises(ValueError, match="Pass ds="):
        views.evolution(history)
    ds = uai.Dataset.from_arrays(np.random.default_rng(1).normal(size=(40, 3)))
    fig = views.evolution(history, ds=ds)
    assert "features" in fig.layout.xaxis.title.text


class Halves:
    """A map that has placed rounds 0 and 2, and not item 0."""

    titles = ("map <1>", "map 2")

    def __call__(self, frame: Any) -> Any:
        xy = np.column_stack([frame.index, -frame.index]).astype(np.float32) + frame.round
        xy[0] = np.nan
        return xy if frame.round % 2 == 0 else None


def test_a_map_gives_both_axes_and_rounds_that_it_has_not_placed_are_left_out() -> None:
    fig = views.evolution(a_history(), map=Halves(), labels=ORDER)
    assert [frame.name for frame in fig.frames] == ["round 0", "round 2"]
    assert "2 rounds are not on the map" in fig.layout.title.subtitle.text
    assert (fig.layout.xaxis.title.text, fig.layout.yaxis.title.text) == ("map &lt;1&gt;", "map 2")
    assert fig.layout.title.text == "A map of the items as labels come in"
    assert not any("probability" in trace.name for trace in fig.data)  # the head is no line there


def test_a_map_of_nothing_or_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match="placed none"):
        views.evolution(a_history(), map=lambda frame: None)
    with pytest.raises(ValueError, match=r"shape \(3,\)"):
        views.evolution(a_history(), map=lambda frame: np.zeros(3, np.float32))


# -- the line of the head --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("log", [False, True])
def test_on_the_line_of_the_head_the_probability_is_one_half(log: bool) -> None:
    history = a_history()
    fig = views.evolution(history, log=log)
    line = of_frame(fig, 2)["UAI probability 1/2"]
    l, s = (np.asarray(v, np.float64) for v in (line.x, line.y))  # noqa: E741
    assert len(l) > 20
    logit = np.column_stack([l, s, np.ones(len(l))]) @ history.frames[2].head
    np.testing.assert_allclose(sigmoid(logit), 0.5, atol=1e-5)
    assert list(of_frame(fig, 0)["UAI probability 1/2"].x) == [None]  # no head yet


@pytest.mark.parametrize("head", [[1.0, 0.0, -3.0], [0.0, 1.0, -3.0], [5.0, 0.01, -3.0]])
def test_a_line_that_stands_or_lies_is_drawn_inside_the_axes(head: list[float]) -> None:
    l, s = head_line(np.float32(head), ((0.0, 4.0), (0.1, 10.0)), log=True)  # noqa: E741
    assert len(l) > 50
    assert l.min() >= 0
    assert l.max() <= 4
    assert s.min() >= 0.099
    assert s.max() <= 10.01
    np.testing.assert_allclose(head[0] * l + head[1] * s + head[2], 0, atol=1e-4)


def test_a_head_that_looks_at_neither_has_no_line() -> None:
    assert len(head_line(np.float32([0, 0, 1]), ((0.0, 1.0), (0.0, 1.0)), log=False)[0]) == 0


def test_a_latent_of_more_dimensions_has_no_line() -> None:
    assert not any("probability" in trace.name for trace in views.evolution(a_history(d=2)).data)


def test_rescaled_rounds_have_one_spread_and_the_line_stays_where_the_head_gives_one_half() -> None:
    history = a_history(n=200)
    for i, frame in enumerate(history.frames):
        grown = np.asarray(frame.latent, np.float32) * 10.0**i
        head = None if frame.head is None else frame.head / np.float32([10.0**i, 1, 1])
        object.__setattr__(frame, "latent", grown)
        object.__setattr__(frame, "head", head)
    fig = views.evolution(history, rescale=True, log=False)
    spreads = [np.ptp(np.asarray(of_frame(fig, i)["unlabeled"].x)) for i in range(4)]
    np.testing.assert_allclose(spreads, spreads[0], rtol=1e-2)
    assert "rescaled per round" in fig.layout.xaxis.title.text
    # The line halves the dots of the last round as the head does.
    last, line = of_frame(fig, 3), of_frame(fig, 3)["UAI probability 1/2"]
    x, y = (np.asarray(v, np.float64) for v in (last["unlabeled"].x, last["unlabeled"].y))
    order = np.argsort(line.x)
    inside = (x > np.min(line.x)) & (x < np.max(line.x))
    above = y > np.interp(x, np.asarray(line.x)[order], np.asarray(line.y)[order])
    frame = history.frames[3]
    logit = np.column_stack([frame.latent, frame.base_score, np.ones(200)]) @ frame.head  # type: ignore[list-item]
    clear = inside & (np.abs(logit) > 0.1)
    assert clear.sum() > 100
    assert (above[clear] == (logit[clear] > 0)).all()


# -- colours ---------------------------------------------------------------------------------------------------------


def test_by_truth_the_dots_have_its_colour_and_labels_are_outlines_around_them() -> None:
    truth = (np.arange(40) < 4).astype(int)
    fig = views.evolution(a_history(), labels=ORDER, truth=truth, color="truth")
    last = of_frame(fig, 3)
    assert items(last["anomaly (truth)"]) == [0, 1, 2, 3]
    assert items(last["labelled anomaly"]) == [3]
    assert last["labelled anomaly"].marker.symbol == "diamond-open"
    assert len(items(last["normal (truth)"])) == 36
    with pytest.raises(ValueError, match="pass truth="):
        views.evolution(a_history(), color="truth")


def test_the_base_score_is_on_one_scale_for_all_frames() -> None:
    history = a_history()
    fig = views.evolution(history, color="base score", log=False)
    together = np.concatenate([f.base_score for f in history.frames])
    assert (fig.layout.coloraxis.cmin, fig.layout.coloraxis.cmax) == (together.min(), together.max())
    for i, frame in enumerate(history.frames):
        np.testing.assert_array_equal(of_frame(fig, i)["anomaly score s"].marker.color, frame.base_score)


def test_the_uai_probability_is_grey_before_there_is_a_head() -> None:
    history = a_history()
    fig = views.evolution(history, color="uai")
    assert len(items(of_frame(fig, 0)["UAI probability not known"])) == 40
    frame = history.frames[2]
    np.testing.assert_allclose(of_frame(fig, 2)["UAI probability"].marker.color, sigmoid(frame.uai_logit))  # type: ignore[arg-type]
    assert (fig.layout.coloraxis.cmin, fig.layout.coloraxis.cmax) == (0, 1)


def test_a_column_of_numbers_is_a_scale_and_one_of_text_is_groups() -> None:
    history = a_history()
    numbers = np.arange(40, dtype=float)
    numbers[5] = np.nan
    fig = views.evolution(history, color="width", values=numbers)
    assert fig.layout.coloraxis.colorbar.title.text == "width"
    assert items(of_frame(fig, 0)["width not known"]) == [5]
    text = np.array(["<b>", "other"])[np.arange(40) % 2]
    fig = views.evolution(history, color="kind", values=text)
    assert {t.name for t in fig.data} >= {"kind: &lt;b&gt;", "kind: other"}


def test_of_many_categories_the_smallest_are_one_group() -> None:
    film = make_film(a_history().frames, None, Plane(), 100)
    look = colouring(film, "kind", values=[f"k{i % 9}" for i in range(36)] + ["k0"] * 4)
    assert isinstance(look, Groups)
    assert len(look.marks) == 6
    assert look.marks[0].word == "kind: k0"
    assert look.marks[-1].word == "kind: 4 others"
    assert sum((look.group(film.scenes[0]) == g).sum() for g in range(6)) == 40


@pytest.mark.parametrize(
    ("options", "words"),
    [({"color": "size"}, "expected one of label"), ({"values": [1, 2]}, "at least 40"), ({"max_points": 0}, "least 1")],
)
def test_what_cannot_be_drawn_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        views.evolution(a_history(), **options)


def test_unlabelled_is_what_no_model_knew() -> None:
    film = make_film(a_history().frames, ORDER, Plane(), 100)
    assert (film.scenes[0].label == NO_LABEL).all()
    assert (film.scenes[2].label != NO_LABEL).sum() == 3


# -- side by side ----------------------------------------------------------------------------------------------------


def test_two_rounds_stand_side_by_side_on_the_same_axes() -> None:
    fig = views.compare(a_history(), rounds=(1, 3), labels=ORDER)
    assert [note.text for note in fig.layout.annotations] == ["round 2, 1 label", "round 4, 3 labels"]
    assert fig.layout.xaxis.range == fig.layout.xaxis2.range
    assert fig.layout.yaxis.range == fig.layout.yaxis2.range
    anomalies = [trace for trace in fig.data if trace.name == "anomaly"]
    assert [trace.showlegend for trace in anomalies] == [True, False]
    assert [items(trace) for trace in anomalies] == [[3], [3]]


def test_by_default_the_first_and_the_last_round_are_compared() -> None:
    fig = views.compare(a_history())
    assert [note.text for note in fig.layout.annotations] == ["round 1, 0 labels", "round 4, 3 labels"]
