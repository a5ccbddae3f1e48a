"""Gaussian noise at the cost of a copy, eps of eq. 4, and dropout from a generator."""

from __future__ import annotations

import torch
from torch import Tensor, nn

POOL_SIZE = 1 << 22


class GaussianNoise(nn.Module):
    """Adds N(0, std) to a batch while training; does nothing in evaluation.

    Drawing 400,000 normals a step costs a fifth of the step's matrix products. Each item's noise is therefore a
    window, at a random offset, of one fixed sequence of 4 million independent normals (our choice): every window
    is white Gaussian noise, and gathering it costs what gathering the batch does.

    Parameters
    ----------
    std : float
        phi of eq. 4, in units of the input.
    generator : torch.Generator, optional
        Source of the offsets.
    """

    def __init__(self, std: float, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.std, self.generator = std, generator
        self._pool: Tensor | None = None  # not a buffer: it is the same in every run, and never saved

    def forward(self, x: Tensor) -> Tensor:
        """x + eps, float32 (B, d)."""
        if not self.training or self.std == 0:
            return x
        batch, d = x.shape
        if self._pool is None or self._pool.device != x.device or len(self._pool) < POOL_SIZE + d:
            sequence = torch.empty(POOL_SIZE + d).normal_(generator=torch.Generator().manual_seed(0)).mul_(self.std)
            self._pool = sequence.to(x.device)
        offset = torch.randint(POOL_SIZE, (batch,), generator=self.generator)
        windows = self._pool.unfold(0, d, 1)  # (POOL_SIZE + 1, d), a view
        return windows.index_select(0, offset.to(x.device)).add_(x)


class Dropout(nn.Module):
    """Dropout while training; does nothing in evaluation.

    torch's own draws from the global generator, with which the same seed need not give the same weights.

    Parameters
    ----------
    p : float
        Chance of a number to become 0; the others are divided by 1 - p.
    generator : torch.Generator, optional
        Source of the draws.
    """

    def __init__(self, p: float, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.p, self.generator = p, generator

    def forward(self, x: Tensor) -> Tensor:
        """X (B, d) with some numbers 0."""
        if not self.training or self.p == 0:
            return x
        kept = torch.rand(x.shape, generator=self.generator) >= self.p
        return x * kept.to(x.device) / (1 - self.p)
