"""``Trainer``: trains a super-network over epochs with a loss and an optimizer, while a sampler searches it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from random import Random
from typing import Any, final

import torch
import torch.distributed
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim import Optimizer

from pliant.algorithms.base import check_seed
from pliant.algorithms.options import check_count
from pliant.values.errors import FieldValueError, check_items
from pliant.values.record import Record

from ..choices.evaluation import evaluating, keep_buffers
from ..choices.nested import change_leaves
from ..gradient.learner import GradientSampler, is_distributed
from ..normalization import BatchStatistics, Normalization, Recalibrated
from ..rewrite.foreign import is_opened
from ..rewrite.network import Supernet, supernet
from ..sampler import Sampler
from .batches import Feed, mover, noted
from .checkpoint import read_checkpoint, write_checkpoint
from .defaults import default_loss, default_quality
from .distillation import follow_teacher
from .layout import is_channels_last_safe
from .logs import Callback, describe_leading, open_logs
from .plots import TrainerPlots, bound_memory, read_probabilities
from .randomness import PrivateRandom, kept_random, read_random
from .report import Report, make_report
from .session import Loss, Quality, Session, explain_single
from .settings import (
    MakeOptimizer,
    check_autocast,
    check_checkpoint,
    check_clip,
    check_device,
    check_sampler,
    check_settings,
    describe_settings,
    make_optimizer,
)
from .standalone import export

REPORTED = 2000  # the report judges on so many validation examples, if there are so many
PROBES = 16  # random networks that are tried on a batch of one example

Schedule = Callable[[float], float]
"""From the progress of the training, 0 to 1, to a factor of the learning rate."""


def cosine(progress: float) -> float:
    """Cosine schedule: the factor of a learning rate that falls from 1 to 0 (Loshchilov and Hutter, ICLR 2017).

    >>> cosine(0.0), cosine(1.0), round(cosine(0.5), 6)
    (1.0, 0.0, 0.5)
    """
    return 0.5 * (1.0 + float(torch.cos(torch.tensor(torch.pi * progress, dtype=torch.float64))))


@final
class Trainer:
    """Trains a super-network and lets a sampler search it.

    >>> import pliant as pg
    >>> from pliant.oneshot import SPOS
    >>> Linear, Sequential, ReLU, Tanh = map(pg.symbolize, (nn.Linear, nn.Sequential, nn.ReLU, nn.Tanh))
    >>> space = Sequential(Linear(2, 8), pg.oneof([ReLU(), Tanh()]), Linear(8, 2))
    >>> x = torch.randn(64, 2, generator=torch.Generator().manual_seed(0))
    >>> data = [(x[i : i + 16], (x[i : i + 16, 0] > 0).long()) for i in range(0, 64, 16)]
    >>> trainer = Trainer(space, SPOS(evaluations=2, batches=1), data, data, epochs=2, seed=0)
    >>> report = trainer.fit()
    >>> report.decisions == trainer.fit().decisions, len(report.random)
    (True, 32)

    Training leaves the caller's random generators of PyTorch as they are: it has a state of its own, which starts from
    ``seed``.  The generators belong to the process, so of several trainings in threads, one runs at a time.

    Args:
      space: a space of networks, or its super-network.
      sampler: the algorithm.
      train: batches that weights are trained on; can be iterated again and again.  If it has no length (a
        ``DataLoader`` of an ``IterableDataset``), the first epoch counts: until it ends, ``Step.progress`` is 0.
      valid: batches that networks are judged by.
      epochs: the number of passes over ``train``.
      loss: from a network and a batch to the loss.  When None it follows the targets of ``batch = (inputs, targets)``: cross-entropy
        for class labels, mean squared error for one float per example; other targets need a loss.
      quality: from a network and a batch to a number of which more is better.  When None: without a loss, accuracy or the
        negative mean squared error, by the targets; with a loss, the negative loss.
      teacher: a trained network, such as the one that was opened, whose outputs the loss follows by half; ``Distillation(teacher)``
        as the loss has other shares.
      optimizer: from the weights to their optimizer; SGD at 0.025, momentum 0.9, weight decay 3e-4 when None (DARTS).  A network
        that was opened usually comes trained, and this rate can spoil its weights, so for it the default is a tenth of that.
      schedule: from the progress of the training to a factor of the learning rate; None keeps the rate.
      clip: the largest norm of all gradients, above 0; None for no clipping.
      accumulate: over how many batches gradients are averaged for one step; the rest of an epoch makes a step of its own.
      device: where to train.
      autocast: the type that autocast computes in, ``torch.bfloat16`` or ``torch.float16``; None for no autocast.  With
        ``float16`` losses are scaled, and gradients unscaled before they are clipped (``torch.amp.GradScaler``).
      channels_last: whether 4-dimensional weights and inputs are kept in that order, which is faster on most machines.  Networks for
        which it is not safe on the CPU are trained without (``is_channels_last_safe``).
      checkpoint: a file that is written after each epoch; if it exists, the search continues from it, with the same settings
        (the number of epochs may differ).  It holds the random state of PyTorch, Python and, if it is loaded, NumPy.
      checkpoint_steps: write it also after every so many steps of the weights.
      callbacks: functions that receive a ``Record`` after each epoch: ``ProgressLine()``, ``CsvLog(path)``, ``RunLog(path)`` for the
        dashboard, or your own.
      normalization: the statistics of normalization layers that the report judges by, and that ``network`` hands out;
        ``Recalibrated()`` when None.
      example: an input, for a space with layers that learn their width from it; see ``supernet``.
      seed: of the initial weights, dropout, shuffling and the sampler.

    Raises:
      FieldTypeError, FieldValueError: an argument is invalid, or the checkpoint is of a search with other settings.
      BindError: the sampler is bound to another super-network.
      SpaceError: the sampler cannot search this space.
      LoadError: the checkpoint is damaged, or its folder does not exist.
    """

    def __init__(
        self,
        space: object,
        sampler: Sampler,
        train: Iterable[Any],
        valid: Iterable[Any],
        *,
        epochs: int,
        loss: Loss | None = None,
        quality: Quality | None = None,
        teacher: nn.Module | None = None,
        optimizer: MakeOptimizer | None = None,
        schedule: Schedule | None = cosine,
        clip: float | None = 5.0,
        accumulate: int = 1,
        device: str | torch.device = "cpu",
        autocast: torch.dtype | None = None,
        channels_last: bool = True,
        checkpoint: str | Path | None = None,
        checkpoint_steps: int | None = None,
        callbacks: Sequence[Callback] = (),
        normalization: Normalization | None = None,
        example: object = None,
        seed: int = 0,
    ) -> None:
        self.epochs = check_count(epochs, "epochs", "Trainer")
        self.accumulate = check_count(accumulate, "accumulate", "Trainer")
        if checkpoint_steps is not None:
            checkpoint_steps = check_count(checkpoint_steps, "checkpoint_steps", "Trainer")
        self._checkpoint_steps = checkpoint_steps
        check_sampler(sampler)
        self.clip, self._autocast_type = check_clip(clip, "Trainer"), check_autocast(autocast)
        self._path, self.device = check_checkpoint(checkpoint), check_device(device)
        self._order = torch.channels_last if channels_last else None
        if teacher is not None:
            loss, quality = follow_teacher(teacher, loss, quality, self.device)
        self._random = PrivateRandom(seed)
        with self._random.used():
            self.supernet = self._place(space, example)
        self._move = mover(self.device)
        self.train, self.valid = Feed(train, "train", self._move), Feed(valid, "valid", self._move)
        self.optimizer = make_optimizer(
            optimizer or partial(_sgd, self.supernet), list(self.supernet.parameters())
        )
        self.schedule = schedule
        self._rates = [group["lr"] for group in self.optimizer.param_groups]
        self.callbacks = check_items(callbacks, "Trainer(callbacks=...)", "[CsvLog('search.csv')]")
        self.seed = check_seed(seed)
        self.normalization = Recalibrated() if normalization is None else normalization
        self._scaler = torch.amp.GradScaler(self.device.type) if autocast is torch.float16 else None
        self.model = _wrap(self.supernet)
        self._asked = describe_settings(sampler, self._list_settings(loss, quality))  # before it is bound
        self.session = self._make_session(sampler, loss, quality)
        self._sums = [0.0, 0.0]  # of the epoch: losses, batches
        self._held, self._steps = 0, 0  # batches whose gradients wait for a step; steps of the weights so far
        self._is_finished, self._is_checked, self.records = False, False, list[Record]()
        if _is_first_process():
            open_logs(self.callbacks, sampler, self.supernet.space)
        if self._path is not None and self._path.exists():
            self._restore(read_checkpoint(self._path, self.supernet.space))

    @property
    def sampler(self) -> Sampler:
        """The algorithm."""
        return self.session.sampler

    @property
    def plot(self) -> TrainerPlots:
        """The figures of the training, such as ``trainer.plot.probabilities()``; see ``TrainerPlots``."""
        return TrainerPlots(self.records, self.supernet.space)

    def fit(self) -> Report:
        """Trains the remaining epochs, lets the sampler finish, and reports; called again, it only reports.

        Raises:
          RewardError: the loss is not finite.
          FieldValueError: a batch has one example, and the network cannot normalize it.
        """
        with self._random.used():
            while self.session.epoch < self.epochs:
                self.run_epoch()
            if not self._is_finished:
                self.session.finish()
                self._is_finished = True
                self._write()
            data = self.valid.read_examples(REPORTED)
            return make_report(self.session, data=data, normalization=self.normalization, seed=self.seed)

    def run_epoch(self) -> Record:
        """Trains for one epoch, or for the rest of one, and returns its record."""
        started, self._is_finished = time.perf_counter(), False
        with self._random.used():
            self._check_singles()
            self.supernet.train()
            while (batch := self.train.next_in_pass()) is not None:
                self._train_on(batch)
                is_time = self._checkpoint_steps and self._steps % self._checkpoint_steps == 0
                if is_time and not self._held:
                    self._write()
            if self._held:
                self._step_weights()
            self.session.end_epoch()
            if self.train.length is None:  # the length of this pass is taken for that of the next ones
                self.session.steps = self.epochs * self.train.read
            record = self._make_record(time.perf_counter() - started)
            self.records.append(record)
            bound_memory(self.records)
            self._sums = [0.0, 0.0]
            self._write()
        if _is_first_process():
            for callback in self.callbacks:
                callback(record)
        return record

    def network(
        self, decisions: object = None, *, inherit: bool = True, batches: Iterable[Any] | None = None
    ) -> Any:
        """Returns a concrete network of the space, whose normalization layers have statistics of their own.

        The running statistics of a super-network are averages over many networks.  Hence those of the network are
        measured on training data (by ``normalization``, as the report does), and it scores in evaluation mode what the
        report says (with ``autocast``, in that context).

        Args:
          decisions: of the network; the best ones when None.
          inherit: whether it gets the trained weights; otherwise new ones, see ``Supernet.materialize``.
          batches: to measure the statistics on, like those for training; some of the training data when None.
        """
        normalization, net = self.normalization, self.supernet
        if batches is not None or isinstance(normalization, BatchStatistics):
            normalization = Recalibrated()
        with self._random.used(), net.selection.borrowed():
            chosen = net.activate(self.sampler.decisions() if decisions is None else decisions)
            if not inherit:
                return net.materialize(chosen, inherit=False)
            given = None if batches is None else map(self._move, batches)
            source = self.session.step.train_batches if given is None else lambda: given
            with evaluating(net), normalization.applied(net, source, self.session.loss):
                return net.materialize(chosen)

    def export(
        self,
        path: str | Path,
        decisions: Any = None,
        *,
        batches: Iterable[Any] | None = None,
        example: Any = None,
    ) -> Path:
        """Writes ``network(decisions, batches=batches)`` to a file; see ``oneshot.export``.

        Args:
          path: ends with ``.onnx``, ``.pt`` or ``.pt2``.
          decisions: of the network; the best ones when None.
          batches: see ``network``.
          example: an input; that of the next validation batch when None.
        """
        if example is None:
            batch = self.valid.next()
            example = batch[0] if isinstance(batch, (tuple, list)) else batch
        return export(self.network(decisions, batches=batches), example, path)

    # ------------------------------------------------------------------ private

    def _place(self, space: object, example: object) -> Supernet:
        """Returns the super-network on the device of the training."""
        net: Supernet = space if isinstance(space, Supernet) else supernet(space, example=example)
        net = net.to(self.device)
        if not is_channels_last_safe(net, self.device):
            self._order = None
        for parameter in net.parameters():
            if self._order is not None and parameter.dim() == 4:
                parameter.data = parameter.data.contiguous(memory_format=self._order)
        return net

    def _list_settings(self, loss: Loss | None, quality: Quality | None) -> dict[str, Any]:
        """Returns the settings that a search resumed from a checkpoint must have in common with it."""
        return {
            "seed": self.seed,
            "accumulate": self.accumulate,
            "clip": self.clip,
            "autocast": self._autocast_type,
            "optimizer": self.optimizer,
            "schedule": self.schedule,
            "loss": loss,
            "quality": quality,
        }

    def _make_session(self, sampler: Sampler, loss: Loss | None, quality: Quality | None) -> Session:
        plain, self._loss = loss is None and quality is None, loss or default_loss
        return Session(
            self.supernet,
            sampler,
            valid=self.valid.next,
            loss=self._loss,
            quality=default_quality if plain else quality,
            steps=self.epochs * (self.train.length or math.inf),
            optimizer=self.optimizer,
            model=self.model,
            train_batches=self.train.pass_over,
            seed=self.seed,
            autocast=self._autocast,
        )

    def _check_singles(self) -> None:
        """Checks, once and before any training, that batches of one example can be normalized."""
        if self._is_checked:
            return
        self._is_checked = True
        learns = isinstance(self.sampler, GradientSampler)
        cases = [(self.train, True), (self.valid, learns), (self.valid, False)]
        for feed, training in cases:
            batch = feed.find_single()
            if batch is not None and not self._runs(batch, training=training):
                twice: Any = lambda x: torch.cat([x, x]) if isinstance(x, Tensor) and x.dim() else x  # noqa: E731
                if self._runs(change_leaves(batch, twice), training=training):
                    raise explain_single(f"a batch of {feed.name}")

    def _runs(self, batch: Any, *, training: bool) -> bool:
        """Returns whether some networks, and the mixture if there is one, run on a batch; changes nothing."""
        net, draw = self.supernet, Random(0)
        drawn = [None, *(net.space.sample(draw) for _ in range(PROBES))]
        try:
            with torch.no_grad(), self._autocast(), kept_random(), evaluating(net), keep_buffers(net):
                net.train(training)
                with net.selection.borrowed():
                    for decisions in drawn:
                        if decisions is not None:
                            net.activate(decisions)
                        self._loss(net, batch)  # not the wrapper, whose processes would wait for each other
        except (ValueError, RuntimeError):
            return False
        return True

    def _train_on(self, batch: Any) -> None:
        """Takes one step of the weights, or adds to the gradients of one; then the sampler learns."""
        session = self.session
        batch = _order_inputs(batch) if self._order is not None else batch
        if not self._held:
            if self.schedule is not None:
                factor = self.schedule(session.progress)
                for group, rate in zip(self.optimizer.param_groups, self._rates):
                    group["lr"] = rate * factor
            self.optimizer.zero_grad(set_to_none=True)
        session.begin(batch)
        with noted(batch, self.train.name):
            self._sums[0] += session.backward(share=1 / self.accumulate, scaler=self._scaler)
        self._sums[1] += 1
        self._held += 1
        if self._held == self.accumulate:
            self._step_weights()
        session.end()

    def _step_weights(self) -> None:
        """Takes a step along the mean of the accumulated gradients."""
        scaler = self._scaler
        if all(weight.grad is None for group in self.optimizer.param_groups for weight in group["params"]):
            scaler = None  # networks without weights: nothing to unscale, which a scaler refuses
        if scaler is not None:
            scaler.unscale_(self.optimizer)
        if self._held < self.accumulate:  # the rest of an epoch
            for parameter in self.supernet.parameters():
                if parameter.grad is not None:
                    parameter.grad.mul_(self.accumulate / self._held)
        if self.clip is not None:
            nn.utils.clip_grad_norm_(self.supernet.parameters(), self.clip)
        if scaler is None:
            self.optimizer.step()
        else:
            scaler.step(self.optimizer)
            scaler.update()
        self._held, self._steps = 0, self._steps + 1

    def _autocast(self) -> AbstractContextManager[Any]:
        if self._autocast_type is None:
            return nullcontext()
        return torch.autocast(self.device.type, self._autocast_type)

    def _make_record(self, seconds: float) -> Record:
        loss, steps = self._sums
        quality = float("nan")
        if self.session.step.batch is not None:
            with evaluating(self.supernet):
                quality = self.session.quality(self.session.step.batch)
        leading = self.sampler.decisions()
        return Record(
            epoch=self.session.epoch,
            epochs=self.epochs,
            loss=loss / max(steps, 1.0),
            quality=quality,
            learning_rate=float(self.optimizer.param_groups[0]["lr"]),
            seconds=seconds,
            metrics=self.sampler.metrics(),
            leading=describe_leading(self.supernet, leading),
            probabilities=read_probabilities(self.sampler),
        )

    def _write(self) -> None:
        if self._path is None or not _is_first_process():
            return
        state = {
            "weights": self.supernet.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scaler": None if self._scaler is None else self._scaler.state_dict(),
            "name": type(self.sampler).__name__,
            "train": self.train.state(),
            "valid": self.valid.state(),
            "random": read_random(),
            "session": self.session.state_dict(),
            "length": self.session.steps / self.epochs,  # of an epoch, if known
            "steps": self._steps,
            "sums": self._sums,
            "asked": self._asked,
            "finished": self._is_finished,
        }
        write_checkpoint(self._path, state, self.supernet.space)

    def _restore(self, state: dict[str, Any]) -> None:
        name = type(self.sampler).__name__
        if state["name"] != name:
            raise FieldValueError(
                f"the checkpoint {str(self._path)!r} is of a search by {state['name']}; this search is by {name}. Use "
                f"{state['name']}, or name another file."
            )
        check_settings(self._asked, state["asked"], str(self._path))
        self.supernet.load_state_dict(state["weights"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self._scaler is not None and state["scaler"] is not None:
            self._scaler.load_state_dict(state["scaler"])
        self.session.load_state_dict(state["session"])
        if self.train.length is None:
            self.session.steps = self.epochs * state["length"]
        self._sums, self._steps = list(state["sums"]), int(state["steps"])
        self._is_finished = bool(state["finished"])
        self.train.restore(state["train"])
        self.valid.restore(state["valid"])
        self._random.restore(state["random"])


def _sgd(net: Supernet, weights: list[nn.Parameter]) -> Optimizer:
    template = net.template
    rate = 0.0025 if template is not None and is_opened(template.program) else 0.025
    return torch.optim.SGD(weights, lr=rate, momentum=0.9, weight_decay=3e-4)


def _wrap(net: Supernet) -> nn.Module:
    """Returns the module that runs: the network, wrapped for distributed training if there are several processes."""
    return DistributedDataParallel(net, find_unused_parameters=True) if is_distributed() else net


def _is_first_process() -> bool:
    return not is_distributed() or torch.distributed.get_rank() == 0


def _order_inputs(batch: Any) -> Any:
    def order(leaf: Any) -> Any:
        is_image = isinstance(leaf, Tensor) and leaf.dim() == 4
        return leaf.contiguous(memory_format=torch.channels_last) if is_image else leaf

    return change_leaves(batch, order)
