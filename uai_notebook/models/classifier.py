"""The classifier as an anomaly model, eq. 7: an item is anomalous if its given class is surprising."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .base import BaseOutput, mlp


class Classifier(nn.Module):
    """Class of Appendix A.1.

    Parameters
    ----------
    d : int
        Features per item; items of more dimensions are flattened.
    n_classes : int
        Number of given classes.
    hidden : sequence of int
        Sizes of the hidden layers; the last one is the latent h_{p-1} of eq. 8, linear (our choice, see
        :func:`~uai_notebook.models.base.mlp`).
    generator : torch.Generator, optional
        Source of the initial weights.

    Examples
    --------
    >>> import torch
    >>> from uai_notebook import Classifier
    >>> out = Classifier(6, n_classes=3)(torch.rand(4, 6), torch.tensor([0, 1, 2, 0]))
    >>> tuple(out.latent.shape), bool((out.score > 0).all())
    ((4, 8), True)
    """

    needs_x_y = True

    def __init__(
        self,
        d: int,
        n_classes: int,
        hidden: Sequence[int] = (256, 64, 8),
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        self.latent_dim = hidden[-1]
        self.hidden = mlp([d, *hidden], generator)
        self.output = mlp([hidden[-1], n_classes], generator)

    def forward(self, x: Tensor, x_y: Tensor | None = None) -> BaseOutput:
        """Cross entropy of the given class, both score and loss."""
        if x_y is None:
            raise ValueError("Classifier: x_y is missing: the score of an item is how surprising its given class is.")
        latent = self.hidden(x.flatten(1))  # l = h_{p-1}
        surprise = nn.functional.cross_entropy(self.output(latent), x_y, reduction="none")
        return BaseOutput(latent, surprise, surprise)

    def class_probability(self, x: Tensor) -> Tensor:
        """Softmax of the output (B, n_classes): the score is minus the logarithm of the given class's."""
        return nn.functional.softmax(self.output(self.hidden(x.flatten(1))), dim=1)
