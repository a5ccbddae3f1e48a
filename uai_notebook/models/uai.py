"""The UAI layer, eq. 2 and 3: logistic regression on [l(x); s(x)], on top of any base model."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from .base import BaseModel, glorot


class UaiOutput(NamedTuple):
    """:class:`BaseOutput` and the logit of s_uai, each float32 with B items first."""

    latent: Tensor
    score: Tensor
    loss: Tensor
    logit: Tensor


class UaiNet(nn.Module):
    """A base model with a UAI layer: s_uai(x) = sigma(W [l(x); s(x)] + b), eq. 3, 6 and 8.

    Gradient flows through l and not through s, which need not be differentiable (Sec. 3.1).

    Parameters
    ----------
    base : BaseModel
        Gives l and s.
    head : nn.Module, optional
        Maps (B, latent_dim + 1) to (B, 1). Default: one linear layer, the paper's logistic regression.
    generator : torch.Generator, optional
        Source of the head's initial weights.
    through_latent : bool
        False: no gradient through l either, and the base model learns nothing from labels. For contrast only.

    Examples
    --------
    >>> import torch
    >>> from uai_notebook import DenoisingAutoEncoder, UaiNet
    >>> UaiNet(DenoisingAutoEncoder(6))(torch.rand(3, 6)).logit.shape
    torch.Size([3])
    """

    def __init__(
        self,
        base: BaseModel,
        head: nn.Module | None = None,
        generator: torch.Generator | None = None,
        through_latent: bool = True,
    ) -> None:
        super().__init__()
        self.base, self.through_latent = base, through_latent
        if head is None:
            head = nn.Linear(base.latent_dim + 1, 1)
            glorot(head, generator)
        self.head = head

    def forward(self, x: Tensor, x_y: Tensor | None = None) -> UaiOutput:
        """Latent, base score, base loss and UAI logit of a batch."""
        latent, score, loss = self.base(x, x_y)  # type: ignore[operator]
        l = latent if self.through_latent else latent.detach()  # noqa: E741 - the paper's letter
        joined = torch.cat([l, score.detach().unsqueeze(1)], dim=1)  # [l ; s], (B, d + 1)
        return UaiOutput(latent, score, loss, self.head(joined).squeeze(1))
