"""A Gaussian mixture of given memberships, and the energy of an item under it: DAGMM's eq. 5 and 6."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

JITTER = 1e-6  # added to the diagonal of a covariance; ten times more as often as it is needed
LARGEST_JITTER = 1e6
FEWEST = 1e-6  # membership, in items, that a component without members counts as having


class Mixture(NamedTuple):
    """K Gaussians in D dimensions, float64: a covariance may be nearly singular.

    Attributes
    ----------
    weight : Tensor (K,)
        phi, sums to one.
    mean : Tensor (K, D)
        mu.
    factor : Tensor (K, D, D)
        Lower Cholesky factors of the covariances Sigma.
    """

    weight: Tensor
    mean: Tensor
    factor: Tensor


def fit_mixture(z: Tensor, membership: Tensor) -> Mixture:
    """The mixture of items z (n, D) whose memberships (n, K) in its components are given; gradient flows through.

    Notes
    -----
    Zong 2018, eq. 5. Our choice: the diagonal of a covariance grows by 1e-6, and ten times as much until it can be
    factored, so that constant features and repeated items give finite energies.
    """
    z, membership = z.double(), membership.double()
    count = membership.sum(0).clamp_min(FEWEST)  # (K,)
    mean = membership.T @ z / count[:, None]
    centred = z - mean[:, None]  # (K, n, D)
    covariance = (centred * membership.T[..., None]).mT @ centred / count[:, None, None]
    return Mixture(count / count.sum(), mean, cholesky(covariance))


def cholesky(covariance: Tensor) -> Tensor:
    """Lower factors (K, D, D) of covariances (K, D, D) with just enough jitter; nan if they hold nan."""
    identity = torch.eye(covariance.shape[-1], dtype=covariance.dtype, device=covariance.device)
    jitter = JITTER
    factor, failed = torch.linalg.cholesky_ex(covariance + jitter * identity)
    while failed.any() and jitter < LARGEST_JITTER:
        jitter *= 10
        factor, failed = torch.linalg.cholesky_ex(covariance + jitter * identity)
    return factor if not failed.any() else torch.full_like(factor, torch.nan)


def energy(z: Tensor, mixture: Mixture) -> Tensor:
    """-log of the mixture's density at z (n, D): float64 (n,), higher is more anomalous. Zong 2018, eq. 6."""
    weight, mean, factor = mixture
    centred = (z.double() - mean[:, None]).mT  # (K, D, n)
    distance = torch.linalg.solve_triangular(factor, centred, upper=False).square().sum(1)  # Mahalanobis, (K, n)
    log_volume = factor.diagonal(dim1=1, dim2=2).log().sum(1) + 0.5 * mean.shape[1] * math.log(2 * math.pi)
    return -torch.logsumexp((weight.log() - log_volume)[:, None] - 0.5 * distance, dim=0)


def inverse_variances(mixture: Mixture) -> Tensor:
    """Sum of 1 / Sigma_jj over features and components: P of Zong 2018, eq. 7, which keeps variances from zero."""
    return (1 / mixture.factor.square().sum(-1)).sum()
