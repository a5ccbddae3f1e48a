"""The theorems of Section 2.1 and Appendices D and E on discrete distributions, as functions of numpy.

A distribution is float64 (m,), non-negative, summing to one. Of two of them only the mixture is seen (eq. 1),

    p_full = (1 - share) * p_normal + share * p_anom,

where ``share`` is the paper's lambda, the probability that an item is anomalous. The paper writes p_full = p_+ = p-bar,
p_normal = p_1 and p_anom = p_2.
"""

from .mixtures import draw_distributions, largest_distance, lower_bound, mix, total_variation, upper_bound
from .posterior import distance_to_uniform, posterior_weight
from .residual import Interval, ResidualSet, estimate_volume, largest_weight, residual_sets
from .undecidable import Undecidable, undecidable

__all__ = [
    "Interval",
    "ResidualSet",
    "Undecidable",
    "distance_to_uniform",
    "draw_distributions",
    "estimate_volume",
    "largest_distance",
    "largest_weight",
    "lower_bound",
    "mix",
    "posterior_weight",
    "residual_sets",
    "total_variation",
    "undecidable",
    "upper_bound",
]
