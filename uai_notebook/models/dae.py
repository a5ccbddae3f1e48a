"""The denoising autoencoder, eq. 4 and 5."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .base import BaseOutput, mlp
from .noise import GaussianNoise


class DenoisingAutoEncoder(nn.Module):
    """DAE of Appendix A.1: encoder and decoder with independent weights.

    Parameters
    ----------
    d : int
        Features per item; items of more dimensions are flattened.
    hidden : sequence of int
        Sizes of the encoder's layers, the last one the latent; the decoder mirrors it.
    noise : float
        phi of eq. 4, standard deviation of the Gaussian noise while training, in units of the scaled input
        ([0, 1] after the learner's min-max scaling). The paper gives no value; .1 is our choice.
    generator : torch.Generator, optional
        Source of the initial weights and of the noise.

    Examples
    --------
    >>> import torch
    >>> from uai_notebook import DenoisingAutoEncoder
    >>> out = DenoisingAutoEncoder(6)(torch.rand(3, 6))
    >>> tuple(out.latent.shape), tuple(out.score.shape)
    ((3, 8), (3,))
    """

    needs_x_y = False

    def __init__(
        self,
        d: int,
        hidden: Sequence[int] = (256, 64, 8),
        noise: float = 0.1,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.latent_dim = hidden[-1]
        self.noise = GaussianNoise(noise, generator)
        self.encoder = mlp([d, *hidden], generator)
        self.decoder = mlp([*reversed(hidden), d], generator)

    def forward(self, x: Tensor, x_y: Tensor | None = None) -> BaseOutput:
        """Eq. 4 and 5. The score is the summed squared error, the loss its mean over features: scale-free in d.

        Noise is added in training mode only.
        """
        x = x.flatten(1)  # (B, d)
        latent = self.encoder(self.noise(x))  # l = f_enc(x + eps)
        # |x - f_dec(l)|^2 in one pass over memory
        error = nn.functional.mse_loss(self.decoder(latent), x, reduction="none").sum(1)
        return BaseOutput(latent, error, error / x.shape[1])

    def reconstruct(self, x: Tensor, x_y: Tensor | None = None) -> Tensor:
        """f_dec(f_enc(x)) (B, d), without noise: what the score compares x with."""
        made: Tensor = self.decoder(self.encoder(x.flatten(1)))
        return made
