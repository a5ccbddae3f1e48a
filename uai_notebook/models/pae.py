"""The denoising autoencoder with greedy layer-wise pre-training of Vincent et al. (JMLR 2010)."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from .base import Stage
from .dae import DenoisingAutoEncoder


class PretrainedAutoEncoder(DenoisingAutoEncoder):
    """PAE: the layers of a denoising autoencoder learn one after the other, then all together.

    Each layer of the encoder first learns, with its mirror image in the decoder, to restore its own input from a
    noisy copy of it; the layers below stay as they are. Parameters, score and loss are those of
    :class:`DenoisingAutoEncoder`.

    Notes
    -----
    Vincent 2010, Sec. 3.3. Our choices: Gaussian noise of the same standard deviation at every layer; the steps are
    shared out equally among the layers and the fine-tuning; while a pair of layers is trained, nothing is clipped at
    its output, so that no unit of the decoder dies before it is used.

    Examples
    --------
    >>> import torch
    >>> from uai_notebook.models import PretrainedAutoEncoder
    >>> model = PretrainedAutoEncoder(6, hidden=(16, 4))
    >>> [stage.steps for stage in model.pretrain_stages(3000)]
    [1000, 1000]
    """

    def pretrain_stages(self, steps: int) -> list[Stage]:
        """One stage for each layer of the encoder, of equal steps; as many are left for the fine-tuning."""
        encoders = [i for i, layer in enumerate(self.encoder) if isinstance(layer, nn.Linear)]
        decoders = [layer for layer in self.decoder if isinstance(layer, nn.Linear)]
        return [
            Stage(
                steps // (len(encoders) + 1),
                [*self.encoder[i].parameters(), *decoder.parameters()],
                self._loss_of_layer(i, decoder),
            )
            for i, decoder in zip(encoders, reversed(decoders), strict=True)
        ]

    def _loss_of_layer(self, i: int, decoder: nn.Linear) -> Callable[[Tensor, Tensor | None], Tensor]:
        below, layer = self.encoder[:i], self.encoder[i : i + 2]  # with its ReLU, which the last one lacks

        def loss(x: Tensor, x_y: Tensor | None = None) -> Tensor:
            with torch.no_grad():
                clean = below(x.flatten(1))
            noise = torch.empty(clean.shape).normal_(0, self.noise.std, generator=self.noise.generator)
            restored = decoder(layer(clean + noise.to(clean.device)))
            return nn.functional.mse_loss(restored, clean, reduction="none").mean(1)

        return loss
