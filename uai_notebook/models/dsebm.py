"""The deep structured energy-based model of Zhai et al. (ICML 2016), fully connected."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .base import BaseOutput, mlp
from .noise import GaussianNoise

CRITERIA = ("energy", "reconstruction")


class DSEBM(nn.Module):
    """DSEBM: E(x) = |x - b'|^2 / 2 - sum of h_L(x), where h_L is a network of softplus layers.

    The energy's slope gives a reconstruction with tied weights, f(x) = x - dE/dx, and f is trained as a denoising
    autoencoder, which is score matching.

    Parameters
    ----------
    d : int
        Features per item; items of more dimensions are flattened.
    hidden : sequence of int
        Sizes of the layers h_1 ... h_L.
    score : str
        "energy" (DSEBM-e) ranks by E(x), "reconstruction" (DSEBM-r) by |x - f(x)|^2 = |dE/dx|^2.
    noise : float
        Standard deviation of the Gaussian noise while training.
    generator : torch.Generator, optional
        Source of the initial weights and of the noise.

    Raises
    ------
    ValueError
        Another ``score``.

    Notes
    -----
    Zhai 2016, Sec. 3.1 (energy), Sec. 4 (training) and Sec. 5 (the two criteria). The latent is the input of the
    last softplus (our choice: linear, as the latents of the other models); b' has one number per feature.

    Examples
    --------
    >>> import torch
    >>> from uai_notebook.models import DSEBM
    >>> out = DSEBM(6, hidden=(16, 4), score="reconstruction")(torch.rand(3, 6))
    >>> tuple(out.latent.shape), bool((out.score >= 0).all())
    ((3, 4), True)
    """

    needs_x_y = False

    def __init__(
        self,
        d: int,
        hidden: Sequence[int] = (256, 64, 8),
        score: str = "energy",
        noise: float = 0.1,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        if score not in CRITERIA:
            raise ValueError(f"DSEBM: score={score!r}: expected one of {', '.join(CRITERIA)}.")
        self.latent_dim, self.criterion = hidden[-1], score
        self.noise = GaussianNoise(noise, generator)
        self.layers = mlp([d, *hidden], generator, nn.Softplus)
        self.offset = nn.Parameter(torch.zeros(d))  # b'

    def forward(self, x: Tensor, x_y: Tensor | None = None) -> BaseOutput:
        """Energy or squared slope of x; the loss is |x - f(x + eps)|^2, its mean over features: scale-free in d.

        Noise is added in training mode only, and the latent is that of the noisy item, as in the autoencoder.
        """
        x = x.flatten(1)  # (B, d)
        noisy = self.noise(x)
        inputs = self._layer_inputs(noisy)
        slope = self._slope(noisy, inputs)
        if self.criterion == "energy":
            score = 0.5 * (noisy - self.offset).square().sum(1) - nn.functional.softplus(inputs[-1]).sum(1)
        else:
            score = slope.square().sum(1)
        loss = nn.functional.mse_loss(noisy - slope, x, reduction="none").mean(1)
        return BaseOutput(inputs[-1], score, loss)

    def reconstruct(self, x: Tensor, x_y: Tensor | None = None) -> Tensor:
        """f(x) = x - dE/dx (B, d), without noise."""
        x = x.flatten(1)
        return x - self._slope(x, self._layer_inputs(x))

    def _layer_inputs(self, x: Tensor) -> list[Tensor]:
        """What the softplus of each layer gets: W_l h_{l-1} + b_l, each (B, units)."""
        inputs = []
        for layer in self.layers:
            x = layer(x)
            if isinstance(layer, nn.Linear):
                inputs.append(x)
        return inputs

    def _slope(self, x: Tensor, inputs: list[Tensor]) -> Tensor:
        """dE/dx (B, d) in closed form, which needs no autograd: the slope of softplus is the sigmoid."""
        linears = [layer for layer in self.layers if isinstance(layer, nn.Linear)]
        backward = torch.sigmoid(inputs[-1])
        for layer, below in zip(reversed(linears[1:]), reversed(inputs[:-1]), strict=True):
            backward = torch.sigmoid(below) * (backward @ layer.weight)
        return x - self.offset - backward @ linears[0].weight
