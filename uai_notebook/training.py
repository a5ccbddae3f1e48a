"""How a UaiNet is trained and evaluated: Appendix A.1, as a generator of small steps."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from .datasets import Dataset
from .distinct import DistinctRows, distinct_rows
from .models import Stage, UaiNet
from .snapshot import FloatArray

OPTIMIZERS = ("rmsprop", "adam")
MOST_THREADS = 256  # torch crashes where it is told of a million, and a journal may say so
EVALUATION_ROWS = 512  # rows per forward pass when scoring: their activations stay in the cache


class Progress(NamedTuple):
    """One step of a training: ``step`` of ``of`` done, with its loss (nan where a learner has none).

    Examples
    --------
    >>> from uai_notebook import Progress
    >>> Progress(step=1, of=100, loss=0.5).of
    100
    """

    step: int
    of: int
    loss: float


@dataclass(frozen=True)
class TrainConfig:
    """Hyper-parameters. Defaults are Appendix A.1 unless marked as our choice; every number is checked.

    Attributes
    ----------
    hidden : tuple of int
        Layer sizes, the last one the latent.
    pretrain_steps, round_steps : int
        Optimization steps before the first call, and after each.
    batch_size : int
        Rows of the unlabelled batch.
    labeled_batch : int
        Rows drawn uniformly with replacement from the labelled items, each step, from the first label on. Our
        choice: constant, so that a round costs the same at any number of labels.
    lr : float
        Of the optimizer.
    noise : float
        phi of eq. 4. Our choice: the paper gives no value.
    uai_weight : float
        Weight of the UAI cross entropy beside the base loss. Our choice.
    threads : int
        torch threads while training, restored afterwards. Our choice: one leaves a core for the person.
    device : str
        "auto" (cuda, else mps, else cpu) or a torch device name.
    optimizer : str
        "rmsprop", with TensorFlow 1's numbers (decay .9, epsilon 1e-10), or "adam", which DAGMM's authors use.
    through_latent : bool
        Whether the UAI layer's gradient goes on into the base model through l (Sec. 3.1). False is the contrast
        that shows what it does there.

    Examples
    --------
    >>> from uai_notebook import TrainConfig
    >>> TrainConfig(lr=-1)
    Traceback (most recent call last):
    ValueError: TrainConfig: lr=-1: expected a positive number
    """

    hidden: tuple[int, ...] = (256, 64, 8)
    pretrain_steps: int = 5000
    round_steps: int = 100
    batch_size: int = 256
    labeled_batch: int = 256
    lr: float = 0.01
    noise: float = 0.1
    uai_weight: float = 1.0
    threads: int = 1
    device: str = "auto"
    optimizer: str = "rmsprop"
    through_latent: bool = True

    def __post_init__(self) -> None:
        if isinstance(self.hidden, list | tuple):
            object.__setattr__(self, "hidden", tuple(self.hidden))
        wrong = (
            [f"hidden={self.hidden!r}: expected positive whole numbers, such as (256, 64, 8)"]
            if not _sizes(self.hidden)
            else []
        )
        wrong += [
            f"{name}={getattr(self, name)!r}: expected a positive whole number"
            for name in ("pretrain_steps", "round_steps", "batch_size", "labeled_batch", "threads")
            if not _sizes((getattr(self, name),))
        ]
        if not _number(self.lr) or self.lr <= 0:
            wrong.append(f"lr={self.lr!r}: expected a positive number")
        wrong += [
            f"{name}={getattr(self, name)!r}: expected a number of at least 0"
            for name in ("noise", "uai_weight")
            if not _number(getattr(self, name)) or getattr(self, name) < 0
        ]
        if _sizes((self.threads,)) and self.threads > MOST_THREADS:
            wrong.append(
                f"threads={self.threads!r}: expected at most {MOST_THREADS}; more than there are cores is slow"
            )
        if not isinstance(self.device, str):
            wrong.append(f'device={self.device!r}: expected "auto" or the name of a torch device, such as "cpu"')
        if self.optimizer not in OPTIMIZERS:
            wrong.append(f"optimizer={self.optimizer!r}: expected one of {', '.join(OPTIMIZERS)}")
        if not isinstance(self.through_latent, bool):
            wrong.append(f"through_latent={self.through_latent!r}: expected True or False")
        if wrong:
            raise ValueError("TrainConfig: " + "; ".join(wrong))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a file."""
        return {**asdict(self), "hidden": list(self.hidden)}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> TrainConfig:
        """The inverse of :meth:`to_dict`; unknown names (of a newer version) are left out."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in values.items() if name in known})


def make_optimizer(parameters: Iterable[nn.Parameter], config: TrainConfig) -> torch.optim.Optimizer:
    """The optimizer of a config. RMSprop has TensorFlow 1's numbers in torch's form: epsilon outside the root."""
    if config.optimizer == "adam":
        return torch.optim.Adam(parameters, lr=config.lr, fused=True)
    return torch.optim.RMSprop(parameters, lr=config.lr, alpha=0.9, eps=1e-10)


def choose_device(name: str = "auto") -> torch.device:
    """The torch device of a config: "auto" takes cuda, else mps, else cpu. ValueError if torch lacks it."""
    if name != "auto":
        try:
            torch.empty(0, device=name)
        except (RuntimeError, AssertionError) as error:
            raise ValueError(f'device={name!r} is not there: {error}. Use "auto" or "cpu".') from error
        return torch.device(name)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


class Rows:
    """Scaled rows of a Dataset as tensors on one device: the only way training and scoring see the data.

    Integer images are scaled by their type's range, everything else min-max per feature, constants to 0. An
    accelerator gets all rows once; on the cpu, batches are gathered from the Dataset, which is not copied.

    Parameters
    ----------
    ds : Dataset
    device : torch.device
    scaling : (float32 array, float32 array), optional
        Offset and factor of an earlier fit.
    resident : bool, optional
        Whether to keep all scaled rows on the device; by default on everything but the cpu.
    """

    def __init__(
        self,
        ds: Dataset,
        device: torch.device,
        scaling: tuple[FloatArray, FloatArray] | None = None,
        resident: bool | None = None,
    ) -> None:
        self.ds, self.device = ds, device
        self.offset, self.factor = scaling or fit_scaling(ds)
        self._x_y = None if ds.x_y is None else torch.tensor(ds.x_y, dtype=torch.int64, device=device)
        self._x: Tensor | None = None
        if device.type != "cpu" if resident is None else resident:
            self._x = torch.cat([self.scale(x) for _, x in ds.chunks(EVALUATION_ROWS)])

    def __len__(self) -> int:
        return len(self.ds)

    def batch(self, index: Tensor) -> tuple[Tensor, Tensor | None]:
        """Scaled x, float32 (B, ...), and given classes, int64 (B,) or None, of the items in ``index`` (cpu)."""
        there = index.to(self.device)
        x = self._scale_in_place(self.ds.rows(index.numpy())) if self._x is None else self._x.index_select(0, there)
        return x, None if self._x_y is None else self._x_y[there]

    def chunks(self, size: int = EVALUATION_ROWS) -> Iterator[tuple[Tensor, Tensor | None]]:
        """All items in order."""
        for part, x in self.ds.chunks(size):
            rows = self.scale(x) if self._x is None else self._x[part]
            yield rows, None if self._x_y is None else self._x_y[part]

    @cached_property
    def distinct(self) -> DistinctRows | None:
        """The rows without repetition, or None where few are repeated; found when first asked for."""
        return distinct_rows(self.ds)

    def distinct_chunks(self, size: int = EVALUATION_ROWS) -> Iterator[tuple[Tensor, Tensor | None]]:
        """The rows of ``distinct.first`` in order; all items where that is None."""
        if self.distinct is None:
            return self.chunks(size)
        first = torch.from_numpy(self.distinct.first)
        return (self.batch(first[start : start + size]) for start in range(0, len(first), size))

    def scale(self, x: FloatArray) -> Tensor:
        """(x - offset) * factor, a new float32 tensor."""
        return self._scale_in_place(np.array(x, np.float32))

    def _scale_in_place(self, rows: FloatArray) -> Tensor:
        rows -= self.offset
        rows *= self.factor
        return torch.from_numpy(rows).to(self.device)


def fit_scaling(ds: Dataset) -> tuple[FloatArray, FloatArray]:
    """Offset and factor that bring x to [0, 1]: float32, one value for images, else one per feature."""
    if ds.value_range is not None:
        first, last = ds.value_range
        return np.asarray([first], np.float32), np.asarray([1.0 / (last - first)], np.float32)
    low = np.full(ds.x.shape[1:], np.inf, np.float32)
    high = -low
    for _, x in ds.chunks(EVALUATION_ROWS):
        np.minimum(low, x.min(axis=0), out=low)
        np.maximum(high, x.max(axis=0), out=high)
    span = high.astype(np.float64) - low
    limit = float(np.finfo(np.float32).max)
    if (span > limit).any():
        raise ValueError("a feature spans more than float32 can hold: give it in larger units.")
    # A span too small for its inverse to be a float32 counts as constant.
    factor = np.divide(1.0, span, out=np.zeros_like(span), where=span > 1.0 / limit)
    return low, factor.astype(np.float32)


def train_steps(
    net: UaiNet,
    optimizer: torch.optim.Optimizer,
    rows: Rows,
    steps: int,
    config: TrainConfig,
    generator: torch.Generator,
    labels: tuple[Tensor, Tensor] | None = None,
) -> Iterator[Progress]:
    """Train for ``steps`` steps, yielding after each.

    Each step draws an unlabelled batch from all items and, if there are ``labels`` (items int64 (t,), values
    float32 (t,) on the device), a labelled batch of fixed size. The base loss is of the first, the cross entropy
    of the second. They pass the network separately: backpropagation of a labelled batch then ends at l(x).

    Raises
    ------
    FloatingPointError
        The loss is no longer finite.
    """
    net.train()
    n = len(rows)
    observe = getattr(net.base, "observe_latent", None)
    for step in range(1, steps + 1):
        x, x_y = rows.batch(torch.randint(n, (config.batch_size,), generator=generator))
        out = net.base(x, x_y)  # type: ignore[operator]
        loss = out.loss.mean()
        if labels is not None:
            items, values = labels
            drawn = torch.randint(len(items), (config.labeled_batch,), generator=generator)
            logit = net(*rows.batch(items[drawn])).logit
            target = values[drawn.to(values.device)]
            loss = loss + config.uai_weight * nn.functional.binary_cross_entropy_with_logits(logit, target)
        progress = Progress(step, steps, _step(optimizer, loss))
        if observe is not None:
            observe(out.latent.detach())
        _check_finite(progress, config)
        yield progress


def stage_steps(
    net: UaiNet, stage: Stage, rows: Rows, config: TrainConfig, generator: torch.Generator
) -> Iterator[Progress]:
    """Train one stage of a model's own pre-training, yielding after each step. Raises as :func:`train_steps`."""
    net.train()
    optimizer = make_optimizer(stage.parameters, config)
    for step in range(1, stage.steps + 1):
        x, x_y = rows.batch(torch.randint(len(rows), (config.batch_size,), generator=generator))
        progress = Progress(step, stage.steps, _step(optimizer, stage.loss(x, x_y).mean()))
        _check_finite(progress, config)
        yield progress
    if stage.finish is not None:
        stage.finish(rows.chunks())


def _step(optimizer: torch.optim.Optimizer, loss: Tensor) -> float:
    optimizer.zero_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return float(loss.item())


def _check_finite(progress: Progress, config: TrainConfig) -> None:
    if not math.isfinite(progress.loss):
        raise FloatingPointError(
            f"the loss became {progress.loss} at step {progress.step} of {progress.of}: try a smaller "
            f"TrainConfig(lr=...), now {config.lr}."
        )


@torch.inference_mode()
def evaluate(net: UaiNet, rows: Rows) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Latents (n, d), base scores (n,) and UAI logits (n,) of all items, float32, without noise or dropout.

    Where many rows are repeated each is scored once, and equal rows have equal scores to the last bit.
    """
    net.eval()
    parts = [(out.latent, out.score, out.logit) for out in (net(x, x_y) for x, x_y in rows.distinct_chunks())]
    latent, score, logit = (torch.cat(part).float().cpu().numpy() for part in zip(*parts, strict=True))
    if rows.distinct is not None:
        place = rows.distinct.place
        return latent[place], score[place], logit[place]
    return latent, score, logit


def _sizes(values: Any) -> bool:
    return (
        isinstance(values, tuple)
        and len(values) > 0
        and all(isinstance(v, int) and not isinstance(v, bool) and v > 0 for v in values)
    )


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
