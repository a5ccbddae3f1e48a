"""What a base model is: anything that gives a latent l(x), a score s(x) and a loss (Section 3.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn


class BaseOutput(NamedTuple):
    """One forward pass over a batch of B items.

    Attributes
    ----------
    latent : Tensor float32 (B, d)
        l(x), what the UAI layer reads and sends gradient into.
    score : Tensor float32 (B,)
        s(x); higher is more anomalous.
    loss : Tensor float32 (B,)
        Training loss per item; a term of the whole batch is added to every item.

    Examples
    --------
    >>> import torch
    >>> from uai_notebook import BaseOutput
    >>> BaseOutput(latent=torch.zeros(5, 2), score=torch.ones(5), loss=torch.ones(5)).latent.shape
    torch.Size([5, 2])
    """

    latent: Tensor
    score: Tensor
    loss: Tensor


@runtime_checkable
class BaseModel(Protocol):
    """Protocol of an unsupervised anomaly model: any ``torch.nn.Module`` with these three satisfies it.

    A module that draws random numbers while training may read a ``torch.Generator`` from its attribute
    ``generator``: the learner sets it where that attribute is None or a generator, and then the same seed gives
    the same weights.

    Five methods more are optional; a learner calls them where a module has them:

    ``pretrain_stages(steps) -> list[Stage]``
        Trainings that come before that of the whole: see :class:`Stage`. They take up part of the ``steps``.
    ``observe_latent(latent)``
        After each training step, the latents (B, d) of its unlabelled batch, detached: for running statistics, which
        labelled batches would distort.
    ``fit_statistics(chunks)``
        After each training, all items as an iterable of (x, x_y): for statistics over the whole data.
        They belong into buffers, which are saved with the weights.
    ``reconstruct(x, x_y=None) -> Tensor (B, d)``
        What the model makes of items, flat and without noise: :func:`~uai_notebook.explain` shows it beside them.
    ``class_probability(x) -> Tensor (B, C)``
        How probable each given class is, for the same.

    Examples
    --------
    >>> import torch
    >>> from uai_notebook import BaseOutput
    >>> class Distance(torch.nn.Module):
    ...     latent_dim, needs_x_y = 2, False
    ...     def __init__(self, d):
    ...         super().__init__()
    ...         self.latent = torch.nn.Linear(d, 2)
    ...     def forward(self, x, x_y=None):
    ...         latent = self.latent(x)
    ...         score = latent.square().sum(1)
    ...         return BaseOutput(latent, score, score)
    >>> Distance(4)(torch.ones(3, 4)).score.shape
    torch.Size([3])
    """

    latent_dim: int
    needs_x_y: bool

    def forward(self, x: Tensor, x_y: Tensor | None = None) -> BaseOutput:
        """Latents, scores and losses of x, float32 (B, ...); ``x_y`` int64 (B,) if ``needs_x_y``."""
        ...


class Stage(NamedTuple):
    """A part of a model's own pre-training.

    Attributes
    ----------
    steps : int
        Optimization steps.
    parameters : list of Parameter
        What is trained; nothing else changes.
    loss : function (x, x_y) -> Tensor (B,)
        Loss of each item of a batch.
    finish : function (chunks) -> None, optional
        Called at the end with all items, as an iterable of (x, x_y).
    """

    steps: int
    parameters: list[nn.Parameter]
    loss: Callable[[Tensor, Tensor | None], Tensor]
    finish: Callable[[Iterable[tuple[Tensor, Tensor | None]]], None] | None = None


def mlp(
    sizes: Sequence[int],
    generator: torch.Generator | None = None,
    activation: Callable[[], nn.Module] | None = None,
) -> nn.Sequential:
    """Fully connected layers, the activation (by default ReLU) between them, the last one linear.

    Weights start Glorot uniform, biases zero: TensorFlow's defaults, with which the paper was run. The linear
    end is our choice where it is a latent: a ReLU on 8 units can die and leave nothing to learn from.
    """
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(sizes):
        linear = nn.Linear(fan_in, fan_out)
        glorot(linear, generator)
        layers += [linear, nn.ReLU(inplace=True) if activation is None else activation()]
    return nn.Sequential(*layers[:-1])


def glorot(linear: nn.Linear, generator: torch.Generator | None = None) -> None:
    """Set Glorot uniform weights and zero bias in place."""
    nn.init.xavier_uniform_(linear.weight, generator=generator)
    nn.init.zeros_(linear.bias)
