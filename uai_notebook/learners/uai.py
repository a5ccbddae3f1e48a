"""A UaiNet as a learner: Sections 3.1 and A.1."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..datasets import Dataset
from ..models import (
    DAGMM,
    DCN,
    DSEBM,
    BaseModel,
    BaseOutput,
    Classifier,
    DenoisingAutoEncoder,
    PretrainedAutoEncoder,
    UaiNet,
)
from ..snapshot import FloatArray, Snapshot
from ..training import (
    EVALUATION_ROWS,
    Progress,
    Rows,
    TrainConfig,
    choose_device,
    evaluate,
    make_optimizer,
    stage_steps,
    train_steps,
)
from .replica import Replica

_MODELS: dict[str, Callable[[Dataset, TrainConfig, torch.Generator], BaseModel]] = {
    "dae": lambda ds, config, weights: DenoisingAutoEncoder(ds.n_features, config.hidden, config.noise, weights),
    "class": lambda ds, config, weights: Classifier(ds.n_features, ds.n_classes, config.hidden, weights),
    "pae": lambda ds, config, weights: PretrainedAutoEncoder(ds.n_features, config.hidden, config.noise, weights),
    "dagmm": lambda ds, config, weights: DAGMM(ds.n_features, config.hidden, generator=weights),
    "dsebm_e": lambda ds, config, weights: DSEBM(ds.n_features, config.hidden, "energy", config.noise, weights),
    "dsebm_r": lambda ds, config, weights: DSEBM(ds.n_features, config.hidden, "reconstruction", config.noise, weights),
    "dcn": lambda ds, config, weights: DCN(ds.n_features, config.hidden, generator=weights),
}
BASES = tuple(_MODELS)


class UaiLearner:
    """Trains a UaiNet on a Dataset.

    The optimizer keeps its state over rounds; labelled items stay in the base loss; s enters the head as it is (the
    paper's column of our findings). RMSprop has TensorFlow 1's numbers (decay .9, epsilon 1e-10) in torch's form:
    its mean square starts at zero and epsilon is outside the root.

    Parameters
    ----------
    ds : Dataset
        What is looked at.
    base : str or BaseModel
        "dae", "class", "pae", "dagmm", "dsebm_e", "dsebm_r", "dcn", or a module. A module is trained in place.
    config : TrainConfig
        Hyper-parameters.
    seed : int
        Of weights, batches and noise.

    Raises
    ------
    ValueError
        An unknown base, or one that needs given classes without them.
    TypeError
        A module that does not satisfy :class:`~uai_notebook.BaseModel`.

    Examples
    --------
    >>> import numpy as np
    >>> from uai_notebook import Dataset, TrainConfig
    >>> from uai_notebook.learners import UaiLearner
    >>> ds = Dataset.from_arrays(np.random.default_rng(0).normal(size=(50, 3)))
    >>> learner = UaiLearner(ds, config=TrainConfig(hidden=(8, 2), pretrain_steps=3))
    >>> [progress.step for progress in learner.pretrain()]
    [1, 2, 3]
    >>> learner.evaluate().latent.shape
    (50, 2)
    """

    def __init__(
        self, ds: Dataset, base: str | BaseModel = "dae", config: TrainConfig | None = None, seed: int = 0
    ) -> None:
        self.config = config or TrainConfig()
        # Two generators from one seed: the weights do not depend on how many batches were drawn.
        weights = torch.Generator().manual_seed(seed)
        self._generator = torch.Generator().manual_seed(seed + 0x5EED)
        model = _build(ds, base, self.config, weights)
        device = _device(self.config.device, model)
        self.net = UaiNet(model, generator=weights, through_latent=self.config.through_latent).to(device)
        for module in self.net.modules():
            # A network may have a part of that name, as every GAN does.
            if isinstance(getattr(module, "generator", 0), torch.Generator | None):
                module.generator = self._generator  # type: ignore[assignment]
        self.rows = Rows(ds, device)
        self._optimizer = make_optimizer(self.net.parameters(), self.config)
        self._seen = (False, False)  # whether the head has been trained with a normal, an anomaly
        self._losses: dict[str, float] = {}
        self._pretrained = 0  # steps of an unfinished pre-training that its own stages are behind
        self._try_one_batch()

    def pretrain(self) -> Iterator[Progress]:
        """``pretrain_steps`` steps: the model's own stages where it has them, then on the base loss.

        From a state that was taken after these stages it goes on; from one within them it would begin anew.
        """
        of = self.config.pretrain_steps
        pretrain_stages = getattr(self.net.base, "pretrain_stages", None)
        stages = [] if pretrain_stages is None else pretrain_stages(of)
        if (taken := sum(stage.steps for stage in stages)) >= of:
            name = type(self.net.base).__name__
            raise ValueError(f"{name}.pretrain_stages took {taken} of {of} steps: leave at least one for the whole.")
        done = self._pretrained
        for stage in stages if not done else []:
            for progress in stage_steps(self.net, stage, self.rows, self.config, self._generator):
                yield Progress(done + progress.step, of, progress.loss)
            done += stage.steps
        for progress in self._train(of - done, None):
            self._pretrained = (done + progress.step) % of
            yield Progress(done + progress.step, of, progress.loss)

    def update(self, index: npt.NDArray[np.int64], label: npt.NDArray[np.int8]) -> Iterator[Progress]:
        """``round_steps`` steps on the base loss and the cross entropy of the labelled items."""
        labels = None
        if len(index):
            order = np.argsort(index)  # the same labels give the same model, in whatever order they came
            index, label = index[order], label[order]
            values = torch.from_numpy(np.asarray(label, np.float32)).to(self.rows.device)
            labels = torch.from_numpy(np.asarray(index, np.int64)), values
            self._seen = (self._seen[0] or bool((label == 0).any()), self._seen[1] or bool((label == 1).any()))
        return self._train(self.config.round_steps, labels)

    def evaluate(self) -> Snapshot:
        """Latents, base scores and, once the head has seen both kinds, logits of all items."""
        latent, score, logit = evaluate(self.net, self.rows)
        replica, losses = Replica.of(self.net.base, self.rows), dict(self._losses)
        if not all(self._seen):
            return Snapshot(score, latent, losses=losses, replica=replica)
        return Snapshot(score, latent, logit, losses=losses, head=self._head(), replica=replica)

    def score(self, rows: npt.ArrayLike, x_y: npt.ArrayLike | None = None) -> npt.NDArray[np.float32]:
        """UAI logits (m,) of new rows, or base scores until the head has seen both kinds.

        ``rows`` (m, ...) are unscaled like ``ds.x``; ``x_y`` (m,) are classes as they were given to the Dataset.
        """
        base, logit = self.score_both(rows, x_y)
        return base if logit is None else logit

    @torch.inference_mode()
    def score_both(self, rows: npt.ArrayLike, x_y: npt.ArrayLike | None = None) -> tuple[FloatArray, FloatArray | None]:
        """Base scores (m,) and UAI logits (m,) of new rows; no logits until the head has seen both kinds."""
        x = np.asarray(rows, np.float32)
        classes = self._codes(x_y, len(x))
        self.net.eval()
        parts = [(np.empty(0, np.float32), np.empty(0, np.float32))]
        for start in range(0, len(x), EVALUATION_ROWS):
            part = slice(start, start + EVALUATION_ROWS)
            out = self.net(self.rows.scale(x[part]), None if classes is None else classes[part])
            parts.append((out.score.float().cpu().numpy(), out.logit.float().cpu().numpy()))
        base, logit = (np.concatenate(part) for part in zip(*parts, strict=True))
        return base, logit if all(self._seen) else None

    def state_dict(self) -> dict[str, Any]:
        """Copies of weights, optimizer and random state, and the scaling, as plain arrays and numbers."""
        unfinished = {"pretrained": self._pretrained} if self._pretrained else {}
        return {
            "net": _arrays(self.net.state_dict()),
            "optimizer": _arrays(self._optimizer.state_dict()),
            "random": _arrays(self._generator.get_state()),
            "seen": list(self._seen),
            "losses": dict(self._losses),
            "scaling": [self.rows.offset.copy(), self.rows.factor.copy()],
            **unfinished,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` gave. ValueError if names or shapes differ."""
        try:
            self.net.load_state_dict(_tensors(state["net"]))
        except RuntimeError as error:
            raise ValueError(f"the state is of another model: {error}") from error
        self._optimizer.load_state_dict(_tensors(state["optimizer"]))
        self._generator.set_state(_tensors(state["random"]))
        self._seen = (bool(state["seen"][0]), bool(state["seen"][1]))
        self._losses = dict(state["losses"])
        self._pretrained = int(state.get("pretrained", 0))
        self.rows = Rows(self.rows.ds, self.rows.device, tuple(state["scaling"]))

    @property
    def shapes(self) -> dict[str, list[int]]:
        """Names and shapes of the weights: what a saved session compares a module of the user's with."""
        return {name: list(value.shape) for name, value in self.net.state_dict().items()}

    def _codes(self, x_y: npt.ArrayLike | None, m: int) -> Tensor | None:
        """Codes of given classes, int64 (m,)."""
        base = self.net.base
        if not base.needs_x_y:
            return None
        if x_y is None:
            raise ValueError(_NEEDS_CLASSES if isinstance(base, Classifier) else _needs_classes(base))
        code = {name: i for i, name in enumerate(self.rows.ds.class_names)}
        given = np.asarray(x_y).tolist()
        unknown = sorted({str(name) for name in given if name not in code})
        if unknown or len(given) != m:
            raise ValueError(
                f"x_y has {len(given)} classes for {m} rows, of them unknown: {', '.join(unknown) or 'none'}: "
                f"expected one of {', '.join(map(str, code))} for each row."
            )
        return torch.tensor([code[name] for name in given], dtype=torch.int64, device=self.rows.device)

    def _head(self) -> FloatArray | None:
        """Weights of [l; s] and the bias, float32 (d + 2,); None for a deeper head."""
        head = self.net.head
        if not isinstance(head, torch.nn.Linear):
            return None
        with torch.no_grad():
            bias = head.weight.new_zeros(1) if head.bias is None else head.bias
            return torch.cat([head.weight[0], bias]).float().cpu().numpy().copy()

    def _train(self, steps: int, labels: tuple[Tensor, Tensor] | None) -> Iterator[Progress]:
        total = 0.0
        for progress in train_steps(self.net, self._optimizer, self.rows, steps, self.config, self._generator, labels):
            total += progress.loss
            yield progress
        self._losses = {"total": total / steps}
        fit_statistics = getattr(self.net.base, "fit_statistics", None)
        if fit_statistics is not None:
            fit_statistics(self.rows.chunks())

    def _try_one_batch(self) -> None:
        """Find out now, not in a background thread, whether a user's model satisfies the protocol."""
        with torch.no_grad():
            x, x_y = self.rows.batch(torch.arange(2))
            self.net.eval()
            out = self.net.base(x, x_y)  # type: ignore[operator]
        shapes = [tuple(part.shape) for part in out] if isinstance(out, BaseOutput) else []
        if shapes != [(2, self.net.base.latent_dim), (2,), (2,)]:
            raise TypeError(
                f"{type(self.net.base).__name__}.forward gave {shapes or type(out).__name__} for a batch of 2: "
                f"expected BaseOutput(latent (2, {self.net.base.latent_dim}), score (2,), loss (2,))."
            )


_NEEDS_CLASSES = 'base="class" scores how surprising a given class is: pass x_y, or use base="dae"'


def _build(ds: Dataset, base: str | BaseModel, config: TrainConfig, weights: torch.Generator) -> BaseModel:
    if isinstance(base, str):
        if base not in BASES:
            raise ValueError(f"base={base!r}: expected one of {', '.join(BASES)}, a BaseModel or a Learner.")
        if base == "class" and ds.x_y is None:
            raise ValueError(_NEEDS_CLASSES)
        return _MODELS[base](ds, config, weights)
    missing = [name for name in ("latent_dim", "needs_x_y") if not hasattr(base, name)]
    if not isinstance(base, torch.nn.Module) or missing or isinstance(base, type):
        lacks = f"; it lacks {', '.join(missing)}" if missing else ""
        raise TypeError(
            f"base={type(base).__name__}: expected {', '.join(map(repr, BASES))}, a Learner, or a torch.nn.Module "
            f"with latent_dim, needs_x_y and forward(x, x_y=None) -> BaseOutput{lacks}."
        )
    if base.needs_x_y and ds.x_y is None:
        raise ValueError(_needs_classes(base))
    return base


def _device(name: str, model: BaseModel) -> torch.device:
    """The device of a config; the cpu for a model with float64 buffers where "auto" finds mps, which has no float64."""
    device = choose_device(name)
    in_double = isinstance(model, torch.nn.Module) and any(b.dtype == torch.float64 for b in model.buffers())
    return torch.device("cpu") if name == "auto" and device.type == "mps" and in_double else device


def _needs_classes(base: BaseModel) -> str:
    return f"{type(base).__name__} needs given classes (needs_x_y): pass x_y."


def _arrays(tree: Any) -> Any:
    """The same nested dicts and lists with tensors copied into arrays."""
    if isinstance(tree, Tensor):
        return tree.detach().cpu().numpy().copy()
    if isinstance(tree, dict):
        return {key: _arrays(value) for key, value in tree.items()}
    return [_arrays(value) for value in tree] if isinstance(tree, list | tuple) else tree


def _tensors(tree: Any) -> Any:
    """The inverse of :func:`_arrays`; the tensors share no memory with it."""
    if isinstance(tree, np.ndarray):
        return torch.from_numpy(tree.copy())
    if isinstance(tree, dict):
        return {key: _tensors(value) for key, value in tree.items()}
    return [_tensors(value) for value in tree] if isinstance(tree, list | tuple) else tree
