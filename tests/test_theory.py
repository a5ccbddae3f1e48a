"""The theorems as functions: laws for random distributions, exact formulas, and what the paper claims."""

from fractions import Fraction
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from uai_notebook.theory import (
    ResidualSet,
    distance_to_uniform,
    draw_distributions,
    estimate_volume,
    largest_distance,
    largest_weight,
    lower_bound,
    mix,
    posterior_weight,
    residual_sets,
    total_variation,
    undecidable,
    upper_bound,
)

P_FULL = np.array([0.5, 0.3, 0.2])
shares = st.floats(0.001, 0.999)
seeds = st.integers(0, 2**32 - 1)
sizes = st.integers(2, 12)


def pair(seed, m):
    """Two random distributions, from sparse (nearly disjoint) to smooth."""
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.full(m, rng.choice([0.05, 1, 20])), 2)


def near(part, rng):
    """Distributions around the border of a residual set: half-way to a corner at most, and a little beyond."""
    corners = np.eye(len(part.mixture))
    reach = part.mixture / part.weight  # on the way from the mixture to corner i, outcome i is the first at its limit
    step = np.minimum(1, (reach - part.mixture) / (1 - part.mixture))[:, None]
    scale = np.concatenate([step * rng.uniform(0, 1, step.shape), step * 0.999, np.minimum(1, step * 1.001)])
    return part.mixture + scale * (np.tile(corners, (3, 1)) - part.mixture)


# -- Figure 2 -------------------------------------------------------------------------------------------------------


def test_the_undecidable_data_have_three_classes_and_two_groups_of_equal_size():
    data = undecidable(2000, seed=3, share=0.1)
    assert data.x.shape == (2000, 2)
    assert sorted(set(data.x_y)) == [0, 1, 2]
    assert data.clustered.sum() == data.scattered.sum() == 200
    assert not (data.clustered & data.scattered).any()


def test_the_undecidable_data_lie_in_four_clusters_but_for_the_scattered_items():
    from sklearn.cluster import DBSCAN

    for seed in range(5):
        data = undecidable(seed=seed)
        found = DBSCAN(eps=0.6, min_samples=10).fit_predict(data.x)
        assert (found[data.scattered] == -1).mean() > 0.6  # some happen to lie in company
        assert len(set(found[~data.scattered])) == 4
        assert -1 not in found[~data.scattered]
        assert len(set(found[data.clustered])) == 1


def test_the_undecidable_data_of_a_seed_are_the_same_and_of_another_differ():
    first, again, other = undecidable(seed=1), undecidable(seed=1), undecidable(seed=2)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first.x, other.x)


@pytest.mark.parametrize(("n", "share"), [(99, 0.05), (1000, 0), (1000, 0.3)])
def test_undecidable_data_of_another_size_are_refused(n, share):
    with pytest.raises(ValueError, match="expected n of at least 100 and a share above 0"):
        undecidable(n, share=share)


def test_low_capacity_flags_the_cluster_and_high_capacity_the_scattered_items():
    from uai_notebook.experiments.figure2 import found, gaussian_mixture_score, kernel_score

    for seed in range(5):
        data = undecidable(seed=seed)
        assert found(data, gaussian_mixture_score(data.x, 1)) == (50, 0)
        clustered, scattered = found(data, gaussian_mixture_score(data.x, 4))
        assert clustered == 0
        assert scattered > 35
        assert found(data, kernel_score(data.x)) == (0, 50)


# -- Lemma 1 --------------------------------------------------------------------------------------------------------


@given(seeds, sizes, shares)
def test_what_was_mixed_is_in_the_residual_sets_and_is_recovered(seed, m, share):
    p_normal, p_anom = pair(seed, m)
    p1, p2 = residual_sets(mix(p_normal, p_anom, share), share)
    assert p1.contains(p_normal)
    assert p2.contains(p_anom)
    assert np.allclose(p1.partner(p_normal), p_anom, atol=1e-12 / share)
    assert np.allclose(p2.partner(p_anom), p_normal, atol=1e-12 / (1 - share))


@given(seeds, sizes, shares)
def test_both_forms_of_lemma_1_name_the_same_members(seed, m, share):
    rng = np.random.default_rng(seed)
    mixture, *others = rng.dirichlet(np.full(m, rng.choice([0.3, 1, 5])), 40)
    for part in residual_sets(mixture, share):
        p = np.concatenate([others, [mixture], near(part, rng)])
        assert part.contains(p).tolist() == part.contains_by_partner(p).tolist()
        assert part.contains(p[39 : 40 + 2 * m]).all()  # the mixture, and what lies within the border


def test_a_distribution_that_is_too_large_somewhere_is_in_neither_form():
    p1, p2 = residual_sets(P_FULL, share=0.3)
    assert not p2.contains([0, 0, 1])
    assert not p2.contains_by_partner([0, 0, 1])
    assert p2.contains([[0, 1, 0], [1, 0, 0]]).tolist() == [True, True]  # .3 * 1 <= .3
    assert not p1.contains([[1, 0, 0], [0, 1, 0], [0, 0, 1]]).any()


def test_what_is_no_distribution_is_in_no_residual_set():
    _, p2 = residual_sets(P_FULL, share=0.1)
    for p in ([0.5, 0.5, 0.5], [1.5, -0.5, 0], [0.1, 0.1, 0.1]):
        assert not p2.contains(p)
        assert not p2.contains_by_partner(p)


def test_members_of_one_set_have_their_partner_in_the_other():
    p1, p2 = residual_sets(P_FULL, share=0.4)
    p = p1.draw(500, np.random.default_rng(0))
    assert p2.contains(p1.partner(p)).all()
    assert np.allclose(p2.partner(p1.partner(p)), p)
    assert p1.other.weight == pytest.approx(p2.weight)


@pytest.mark.parametrize(
    ("mixture", "weight", "message"),
    [
        ([0.5, 0.6], 0.5, "expected non-negative numbers"),
        ([1.5, -0.5], 0.5, "expected non-negative numbers"),
        ([[1.0]], 0.5, "expected non-negative numbers"),
        ([0.5, 0.5], 0, "weight=0: expected a number between 0 and 1"),
        ([0.5, 0.5], 1, "weight=1: expected a number between 0 and 1"),
    ],
)
def test_a_residual_set_of_what_is_no_mixture_is_refused(mixture, weight, message):
    with pytest.raises(ValueError, match=message):
        ResidualSet(mixture, weight)


# -- Lemma 2 --------------------------------------------------------------------------------------------------------


@given(st.floats(0.01, 0.99), shares)
def test_volume_over_two_outcomes_is_the_length_of_an_interval(p, share):
    for part in residual_sets([p, 1 - p], share):
        low, high = max(0, 1 - (1 - p) / part.weight), min(1, p / part.weight)  # of the first outcome
        assert part.volume == pytest.approx(high - low, abs=1e-12)


@given(seeds, shares)
def test_volume_over_three_outcomes_is_a_triangle_without_its_corners(seed, share):
    mixture = np.random.default_rng(seed).dirichlet(np.ones(3))
    part = residual_sets(mixture, share)[1]
    limit = mixture / share
    # Corners are disjoint but where two limits are below one together.
    corners = np.maximum(0, 1 - limit) ** 2
    both = [max(0, 1 - limit[i] - limit[j]) ** 2 for i, j in ((0, 1), (0, 2), (1, 2))]
    assert part.volume == pytest.approx(1 - corners.sum() + sum(both), abs=1e-9)


@pytest.mark.parametrize("m", [2, 4, 9])
@pytest.mark.parametrize("share", [0.1, 0.3, 0.45, 0.7])
def test_exact_volumes_agree_with_counting_random_distributions(m, share):
    mixture = np.random.default_rng(m).dirichlet(np.full(m, 3.0))
    for part in residual_sets(mixture, share):
        estimate = estimate_volume(part, 40_000, seed=1)
        slack = 2 * (estimate.high - estimate.low)  # four times the half width: 95% become all of 24
        assert estimate.value - slack <= part.volume <= estimate.value + slack


@given(seeds, st.integers(2, 8), st.floats(0.55, 0.95))
def test_the_volume_of_the_small_set_agrees_with_inclusion_and_exclusion_in_exact_numbers(seed, m, weight):
    mixture = np.random.default_rng(seed).dirichlet(np.ones(m))
    limits = [Fraction(p) / Fraction(weight) for p in (mixture / mixture.sum()).tolist()]
    total = Fraction(0)
    for size in range(m + 1):
        for some in combinations(limits, size):
            left = 1 - sum(some, Fraction(0))
            total += (-1) ** size * (left ** (m - 1) if left > 0 else 0)
    assert ResidualSet(mixture, weight).volume == pytest.approx(float(total), rel=1e-6, abs=1e-10)


def test_p1_shrinks_to_p_full_and_p2_grows_to_everything():
    falling = [residual_sets(P_FULL, share) for share in (0.6, 0.4, 0.2, 0.1, 0.01, 0.001)]
    for sizes_ in ([p1.volume for p1, _ in falling], [p1.radius for p1, _ in falling]):
        assert sizes_ == sorted(sizes_, reverse=True)
        assert sizes_[-1] < 0.001
    volumes = [p2.volume for _, p2 in falling]
    assert volumes == sorted(volumes)
    assert volumes[2:] == [1.0] * 4  # from lambda = min p_full on: no limit is needed


def test_for_small_lambda_p1_is_a_simplex_of_size_lambda_over_one_minus_lambda():
    share, m = 0.05, 6
    p1, _ = residual_sets(np.full(m, 1 / m), share)
    assert p1.volume == pytest.approx((share / (1 - share)) ** (m - 1))


@given(seeds, st.integers(2, 8), shares)
def test_the_radius_bounds_all_members_and_is_at_most_lambda_for_p1(seed, m, share):
    rng = np.random.default_rng(seed)
    mixture = rng.dirichlet(np.ones(m))
    p1, p2 = residual_sets(mixture, share)
    assert p1.radius <= share + 1e-9
    assert p2.radius <= 1 - share + 1e-9
    for part in (p1, p2):
        p = near(part, rng)
        assert total_variation(p[part.contains(p)], mixture).max() <= part.radius + 1e-9


def test_the_radius_is_that_of_the_farthest_corner_found_by_linear_programming():
    from scipy.optimize import linprog

    rng = np.random.default_rng(0)
    for m, share in ((3, 0.3), (5, 0.6), (6, 0.1)):
        mixture = rng.dirichlet(np.ones(m))
        part = residual_sets(mixture, share)[1]
        limit = [(0, min(1, p / share)) for p in mixture]
        best = 0.0
        for bits in range(1, 2**m - 1):  # p(S) - mixture(S), as large as it can be
            inside = np.array([bits >> i & 1 for i in range(m)], float)
            found = linprog(-inside, A_eq=np.ones((1, m)), b_eq=[1], bounds=limit)
            best = max(best, -found.fun - inside @ mixture)
        assert part.radius == pytest.approx(best, abs=1e-9)


def test_draws_are_uniform_in_the_set():
    from scipy.stats import ks_2samp

    for part in residual_sets(P_FULL, share=0.35):
        drawn = part.draw(4000, np.random.default_rng(0))
        everywhere = draw_distributions(60_000, 3, np.random.default_rng(1))
        counted = everywhere[part.contains(everywhere)]
        assert all(ks_2samp(drawn[:, i], counted[:, i]).pvalue > 0.001 for i in range(3))


@given(seeds, sizes, shares)
def test_a_component_of_the_largest_weight_just_fits(seed, m, share):
    mixture, p = pair(seed, m) + 1e-6
    mixture, p = mixture / mixture.sum(), p / p.sum()
    weight = largest_weight(p, mixture)
    assert ResidualSet(mixture, min(0.999 * weight, 0.999)).contains(p)
    if weight < 0.9:
        assert not ResidualSet(mixture, weight * 1.01).contains(p)


def test_a_heavier_tail_leaves_no_weight_so_eq_10_needs_finitely_many_outcomes():
    k = np.arange(200)
    weights = [largest_weight(0.2 * 0.8 ** k[:m], 0.5 * 0.5 ** k[:m]) for m in (10, 50, 200)]
    assert weights == pytest.approx([2.5 * 0.625 ** (m - 1) for m in (10, 50, 200)])


def test_a_set_that_holds_next_to_nothing_is_refused_instead_of_drawn_for_ever(monkeypatch):
    monkeypatch.setattr("uai_notebook.theory.residual._MOST_TRIES", 3)
    part = ResidualSet([0.97] + [0.001] * 30, 0.5)
    with pytest.raises(ValueError, match=r"weight=0.5: fewer than 5 of 30,000 random distributions are in this set"):
        part.draw(5, np.random.default_rng(0))
    with pytest.raises(ValueError, match="in this set"):
        part.other.draw(5, np.random.default_rng(0))


def test_exact_sizes_of_too_many_outcomes_are_refused_with_a_way_out():
    part = ResidualSet(np.full(40, 1 / 40), 0.3)
    with pytest.raises(ValueError, match=r"40 outcomes.*estimate_volume"):
        part.volume
    assert 0 < estimate_volume(part, 2000).value < 1


# -- Theorem 1 ------------------------------------------------------------------------------------------------------


def test_with_nothing_known_of_p_normal_the_posterior_is_uniform_at_every_lambda():
    for share in (0.01, 0.3, 0.9):
        assert distance_to_uniform(P_FULL, share, np.ones(3), 2000) == (0, 0, 0)


def test_the_posterior_tends_to_uniform_with_lambda():
    falling = [distance_to_uniform(P_FULL, share, [4, 6, 10], 40_000) for share in (0.2, 0.05, 0.01, 0.001)]
    for before, after in pairwise(falling):
        assert after.high < before.low
    assert falling[-1].high < 0.005


def test_the_posterior_agrees_with_keeping_only_what_gives_the_mixture():
    """An independent reference: draw p_normal and p_anom, and keep the pairs whose mixture is near p_full."""
    share, prior, rng = 0.3, np.array([2.0, 3.0, 5.0]), np.random.default_rng(0)
    p_anom = draw_distributions(3_000_000, 3, rng)
    near = np.abs(mix(rng.dirichlet(prior, len(p_anom)), p_anom, share) - P_FULL).max(1) < 0.01
    kept = p_anom[near]
    assert len(kept) > 300
    p = residual_sets(P_FULL, share)[1].draw(200_000, np.random.default_rng(1))
    weight = posterior_weight(p, P_FULL, share, prior)
    expected = (p * weight[:, None]).sum(0) / weight.sum()
    error = kept.std(0) / np.sqrt(len(kept))
    assert (np.abs(kept.mean(0) - expected) < 4 * error + 0.01).all()
    assert (np.abs(expected - p.mean(0)) > 0.05).any()  # far from uniform, so that this test can fail


def test_known_p_normal_gives_p_anom_away_at_every_lambda():
    p_normal, p_anom = pair(5, 4)
    for share in (0.5, 0.1, 0.001):
        p1, _ = residual_sets(mix(p_normal, p_anom, share), share)
        assert total_variation(p1.partner(p_normal), p_anom) < 1e-12


# -- Theorems 2 and 3 -----------------------------------------------------------------------------------------------


@given(seeds, sizes, shares)
def test_the_distance_is_lambda_times_that_of_the_parts_and_below_theorem_2(seed, m, share):
    p_normal, p_anom = pair(seed, m)
    distance = total_variation(mix(p_normal, p_anom, share), p_normal)
    assert distance == pytest.approx(share * total_variation(p_normal, p_anom), abs=1e-12)
    assert distance <= share + 1e-12
    assert share <= upper_bound(share)


def test_thousands_of_pairs_keep_both_bounds():
    from uai_notebook.experiments.theorem_figures import random_pairs

    pairs = random_pairs(4000, seed=7)
    assert (pairs.distance <= upper_bound(pairs.share)).all()
    assert (pairs.largest >= lower_bound(pairs.share, pairs.m) - 1e-12).all()
    assert (pairs.distance > 0.99 * pairs.share).any()  # some pairs come near the true bound


def test_theorem_2_is_tight_nowhere_and_least_near_zero():
    share = np.linspace(0.001, 0.999, 9981)
    ratio = upper_bound(share) / share
    assert 1.10 < ratio.min() < 1.12
    assert 0.70 < share[ratio.argmin()] < 0.73
    assert upper_bound(1e-6) / 1e-6 > 700
    assert upper_bound(1e-6) == pytest.approx(np.sqrt(0.5e-6), rel=1e-3)
    assert upper_bound(0.86) < 1 < upper_bound(0.87)


def test_the_divergence_of_disjoint_parts_is_the_bound_before_pinsker():
    p_normal, p_full = np.array([0.4, 0.6, 0]), mix([0.4, 0.6, 0], [0, 0, 1], 0.3)
    divergence = np.sum(p_normal[:2] * np.log(p_normal[:2] / p_full[:2]))
    assert divergence == pytest.approx(np.log(1 / 0.7))
    assert upper_bound(0.3) == pytest.approx(np.sqrt(divergence / 2))


@given(seeds, sizes, shares)
def test_no_p_normal_is_farther_than_the_one_of_appendix_e(seed, m, share):
    rng = np.random.default_rng(seed)
    p_anom = rng.dirichlet(np.ones(m))
    largest = largest_distance(p_anom, share)
    others = np.concatenate([np.eye(m), rng.dirichlet(np.full(m, 0.3), 50)])
    distances = total_variation(mix(others, p_anom, share), others)
    assert distances.max() == pytest.approx(largest)
    assert largest >= lower_bound(share, m) - 1e-12


def test_theorem_3_is_met_by_the_uniform_distribution_at_every_lambda_and_by_no_other():
    for m in (2, 5, 50):
        for share in (0.001, 0.5, 0.999):
            assert largest_distance(np.full(m, 1 / m), share) == pytest.approx(lower_bound(share, m))
    assert largest_distance([0.5, 0.3, 0.2], 0.5) > lower_bound(0.5, 3) + 0.05


# -- the report -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_reports_and_figures_are_written(tmp_path):
    from uai_notebook.experiments import figure2, theorems

    names = [path.name for path in theorems.make(tmp_path, html=False)]
    assert names == ["theorems.md", *(f"theorems_{name}.png" for name in ("bounds", "posterior", "sets", "volume"))]
    text = (tmp_path / "theorems.md").read_text(encoding="utf-8")
    assert all(f"({name})" in text for name in names[1:])
    assert "the forms disagree on 0." in text
    assert "exceed the bound 0 times" in text
    assert "are below the bound 0 times" in text
    assert "{" not in text
    assert [path.name for path in figure2.make(tmp_path, html=False)] == ["figure2.md", "figure2.png"]
    row = next(line for line in (tmp_path / "figure2.md").read_text(encoding="utf-8").splitlines() if "1 comp" in line)
    assert row.endswith("| 50 (50 to 50) | 0 (0 to 0) |")


@pytest.mark.slow
def test_the_report_is_the_same_in_every_run(tmp_path):
    from uai_notebook.experiments import theorems

    first, again = (theorems.show((), tmp_path, html=False) for _ in range(2))
    assert first == again
