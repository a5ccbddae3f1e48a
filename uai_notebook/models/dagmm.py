"""The deep autoencoding Gaussian mixture model of Zong et al. (ICLR 2018)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from .base import BaseOutput, mlp
from .mixture import Mixture, energy, fit_mixture, inverse_variances
from .noise import Dropout

SMALLEST_NORM = 1e-3  # an item of zeros has neither relative error nor angle: its norm counts as this


class DAGMM(nn.Module):
    """DAGMM: a mixture of Gaussians over z, the latent with two features of the reconstruction.

    The compression network gives the latent z_c, and z joins it with the relative Euclidean error and the cosine
    similarity of x and its reconstruction. The estimation network gives each item's memberships in the mixture's
    components. In training, the mixture is that of the batch; :meth:`fit_statistics` takes it over all items, and
    that one scores.

    Parameters
    ----------
    d : int
        Features per item; items of more dimensions are flattened.
    hidden : sequence of int
        Sizes of the encoder's layers, the last one z_c; the decoder mirrors it. tanh between them.
    n_components : int
        K. The default is that of KDDCUP; Zong takes 2 for the smaller sets.
    energy_weight, variance_weight : float
        lambda_1 and lambda_2 of eq. 7.
    generator : torch.Generator, optional
        Source of the initial weights and of the dropout.

    Notes
    -----
    The latent that the UAI layer reads is z, "the low-dimensional representation" of Zong's eq. 3 (our choice: the
    paper does not say): latent_dim is hidden[-1] + 2. While training, the score is the energy under the mixture of
    the last :meth:`fit_statistics`: labelled items must not be scored by a mixture of labelled items.

    Zong's eq. 7 has |x - x'|^2. The loss here has its mean over features, as our other models: lambda_1 and lambda_2
    then mean the same whatever d is. With the sum, the error of many features outweighs the energy.

    Examples
    --------
    >>> import torch
    >>> from uai_notebook.models import DAGMM
    >>> model = DAGMM(6, hidden=(4, 1), n_components=2)
    >>> x = torch.rand(50, 6)
    >>> model.fit_statistics([(x, None)])
    >>> out = model.eval()(x)
    >>> tuple(out.latent.shape), tuple(out.score.shape)
    ((50, 3), (50,))
    """

    needs_x_y = False
    estimation_units = 10
    dropout = 0.5

    def __init__(
        self,
        d: int,
        hidden: Sequence[int] = (60, 30, 10, 1),
        n_components: int = 4,
        energy_weight: float = 0.1,
        variance_weight: float = 0.005,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.latent_dim = hidden[-1] + 2
        self.energy_weight, self.variance_weight = energy_weight, variance_weight
        self.encoder = mlp([d, *hidden], generator, nn.Tanh)
        self.decoder = mlp([*reversed(hidden), d], generator, nn.Tanh)
        self.estimation = nn.Sequential(
            mlp([self.latent_dim, self.estimation_units], generator),
            nn.Tanh(),
            Dropout(self.dropout, generator),
            mlp([self.estimation_units, n_components], generator),
            nn.Softmax(dim=1),
        )
        start = torch.float64
        self.register_buffer("weight", torch.full((n_components,), 1 / n_components, dtype=start))
        self.register_buffer("mean", torch.zeros(n_components, self.latent_dim, dtype=start))
        self.register_buffer("factor", torch.eye(self.latent_dim, dtype=start).repeat(n_components, 1, 1))

    @property
    def mixture(self) -> Mixture:
        """The mixture of the last :meth:`fit_statistics`; before the first, standard normals."""
        return Mixture(self.weight, self.mean, self.factor)  # type: ignore[arg-type]

    def forward(self, x: Tensor, x_y: Tensor | None = None) -> BaseOutput:
        """Zong 2018, eq. 3 to 7: the score is the energy of z, the loss |x - x'|^2 / d + lambda_1 E + lambda_2 P."""
        x = x.flatten(1)  # (B, d)
        z, error = self._represent(x)
        if self.training:
            with torch.no_grad():
                score = energy(z, self.mixture)
            mixture = fit_mixture(z, self.estimation(z))
            surprise = energy(z, mixture)
        else:
            mixture = self.mixture
            score = surprise = energy(z, mixture)
        loss = (
            error / x.shape[1]
            + (self.energy_weight * surprise + self.variance_weight * inverse_variances(mixture)).float()
        )
        return BaseOutput(z, score.float(), loss)

    def reconstruct(self, x: Tensor, x_y: Tensor | None = None) -> Tensor:
        """What the compression network makes of x (B, d); two features of it are part of z."""
        made: Tensor = self.decoder(self.encoder(x.flatten(1)))
        return made

    @torch.no_grad()
    def fit_statistics(self, chunks: Iterable[tuple[Tensor, Tensor | None]]) -> None:
        """Take the mixture over all items (x, x_y) in chunks, without dropout."""
        self.eval()
        z = torch.cat([self._represent(x.flatten(1))[0] for x, _ in chunks])
        mixture = fit_mixture(z, self.estimation(z))
        for buffer, value in zip(self.mixture, mixture, strict=True):
            buffer.copy_(value)

    def _represent(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Z (B, latent_dim) and the squared error (B,) of x (B, d)."""
        latent = self.encoder(x)
        made = self.decoder(latent)
        error = nn.functional.mse_loss(made, x, reduction="none").sum(1)
        # A root has no slope at zero, where a decoder that makes the item exactly would get nan.
        norm, made_norm = (part.square().sum(1).clamp_min(SMALLEST_NORM**2).sqrt() for part in (x, made))
        relative = error.clamp_min(1e-12).sqrt() / norm
        cosine = (x * made).sum(1) / (norm * made_norm)
        return torch.cat([latent, relative[:, None], cosine[:, None]], dim=1), error
