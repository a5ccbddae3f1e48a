"""The deep clustering network of Yang et al. (ICML 2017)."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from .base import BaseOutput, Stage, mlp

FIRST_COUNT = 100  # items that a centre counts as having had when k-means has placed it


class DCN(nn.Module):
    """DCN: an autoencoder whose latents keep close to k centres; the score is the distance to the nearest.

    Parameters
    ----------
    d : int
        Features per item; items of more dimensions are flattened.
    hidden : sequence of int
        Sizes of the encoder's layers, the last one the latent; the decoder mirrors it.
    n_centres : int
        k. Our choice: as many as DAGMM has components.
    distance_weight : float
        lambda of the loss |x - x'|^2 + lambda / 2 |l - m|^2. Our choice: .05.
    generator : torch.Generator, optional
        Source of the initial weights and of k-means.

    Notes
    -----
    Yang 2017, Sec. 3.3 and 3.4: first an autoencoder alone, then k-means on its latents, then both: each item moves
    its centre by one over the number of items that the centre has had. Our choices: half of the steps for the first
    part; the count starts at 100, or else the first items would undo what k-means found; a batch's items move the
    centres all at once, with the latents before the step; the loss is divided by d, which makes it scale-free.

    Examples
    --------
    >>> import torch
    >>> from uai_notebook.models import DCN
    >>> model = DCN(6, hidden=(16, 2), n_centres=2)
    >>> model.place_centres([(torch.rand(50, 6), None)])
    >>> out = model.eval()(torch.rand(3, 6))
    >>> tuple(out.latent.shape), tuple(out.score.shape)
    ((3, 2), (3,))
    """

    needs_x_y = False

    def __init__(
        self,
        d: int,
        hidden: Sequence[int] = (256, 64, 8),
        n_centres: int = 4,
        distance_weight: float = 0.05,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.latent_dim, self.distance_weight, self.generator = hidden[-1], distance_weight, generator
        self.encoder = mlp([d, *hidden], generator)
        self.decoder = mlp([*reversed(hidden), d], generator)
        self.register_buffer("centres", torch.zeros(n_centres, self.latent_dim))
        self.register_buffer("counts", torch.full((n_centres,), FIRST_COUNT))

    def forward(self, x: Tensor, x_y: Tensor | None = None) -> BaseOutput:
        """Yang 2017, eq. 9, divided by d; the score is the distance to the nearest centre."""
        x = x.flatten(1)  # (B, d)
        latent = self.encoder(x)
        squared = (latent - self.centres[self.assign(latent)]).square().sum(1)  # type: ignore[index]
        error = nn.functional.mse_loss(self.decoder(latent), x, reduction="none").sum(1)
        return BaseOutput(latent, squared.detach().sqrt(), (error + 0.5 * self.distance_weight * squared) / x.shape[1])

    def assign(self, latent: Tensor) -> Tensor:
        """The nearest centre of each latent (B, latent_dim): int64 (B,)."""
        return torch.cdist(latent.detach(), self.centres).argmin(1)  # type: ignore[arg-type]

    def pretrain_stages(self, steps: int) -> list[Stage]:
        """The autoencoder alone, for half of the steps; then k-means places the centres."""
        parts = [*self.encoder.parameters(), *self.decoder.parameters()]
        return [Stage(steps // 2, parts, self._reconstruction, self.place_centres)]

    def _reconstruction(self, x: Tensor, x_y: Tensor | None = None) -> Tensor:
        x = x.flatten(1)
        return nn.functional.mse_loss(self.decoder(self.encoder(x)), x, reduction="none").mean(1)

    def reconstruct(self, x: Tensor, x_y: Tensor | None = None) -> Tensor:
        """The decoder of the latent (B, d); the score is not of it, but of the distance to a centre."""
        made: Tensor = self.decoder(self.encoder(x.flatten(1)))
        return made

    @torch.no_grad()
    def place_centres(self, chunks: Iterable[tuple[Tensor, Tensor | None]]) -> None:
        """Put the centres where scikit-learn's k-means finds those of the latents of all items (x, x_y)."""
        from sklearn.cluster import KMeans
        from sklearn.exceptions import ConvergenceWarning

        latent = torch.cat([self.encoder(x.flatten(1)) for x, _ in chunks])
        seed = int(torch.randint(1 << 31, (1,), generator=self.generator))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # fewer different latents than centres
            found = KMeans(len(self.centres), n_init=3, random_state=seed).fit(latent.cpu().numpy())  # type: ignore[arg-type]
        self.centres.copy_(torch.from_numpy(found.cluster_centers_))  # type: ignore[operator]
        self.counts.fill_(FIRST_COUNT)  # type: ignore[operator]

    @torch.no_grad()
    def observe_latent(self, latent: Tensor) -> None:
        """Move each centre towards the latents (B, latent_dim) nearest to it: Yang 2017, eq. 8.

        One item after the other, each with a weight of one over its centre's count, makes a running mean. It is taken
        here in one go, with the assignments by the centres before the batch.
        """
        nearest = nn.functional.one_hot(self.assign(latent), len(self.centres))  # type: ignore[arg-type]
        counts: Tensor = self.counts + nearest.sum(0)  # type: ignore[operator]
        gained = nearest.T.to(latent.dtype) @ latent
        self.centres.copy_((self.centres * self.counts[:, None] + gained) / counts[:, None])  # type: ignore[operator,index]
        self.counts.copy_(counts)  # type: ignore[operator]
