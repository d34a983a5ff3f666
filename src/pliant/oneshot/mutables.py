"""Choices inside a network: between modules, between inputs, between values.  What to choose is not decided here.

A super-network is made of these by ``supernet``; they can also be written into a module by hand, each with a
``key``: equal keys are one decision.  What is selected they read from a ``Selection``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, final

import torch
from torch import Tensor, nn

from pliant.values.errors import FieldTypeError, FieldValueError

from .selection import Selection

REDUCTIONS = ("sum", "mean", "concat", "none")


class Mutable(nn.Module):
    """A decision of a super-network; equal keys are one decision.

    Attributes:
      key: the name of the decision.
      selection: where the present answer is read.
      handler: runs the choice in place of its own way, when a mutator wants to.
    """

    def __init__(self, key: str | None) -> None:
        super().__init__()
        given: Any = key
        if key is not None and (not isinstance(given, str) or not given):
            raise FieldTypeError(
                f"the key of a {type(self).__name__} is a name for its decision; got {key!r:.80}."
            )
        self.key: str = key or ""  # without one, the path in the network is used, once there is a network
        self.selection = Selection()
        self.handler: Callable[..., Any] | None = None

    @property
    def selected(self) -> Any:
        """What is selected: an index, a list of indices, or a mixture's weights."""
        found = self.selection.weights.get(self.key)
        return self.selection.value(self.key) if found is None else found

    def __len__(self) -> int:
        raise NotImplementedError

    @property
    def length(self) -> int:
        """How many candidates there are."""
        return len(self)


@final
class LayerChoice(Mutable):
    """One of several modules, or a mixture of them.

    >>> choice = LayerChoice([nn.Identity(), nn.Flatten()], key="op")
    >>> choice.selection.replace({"op": 1})
    >>> choice(torch.zeros(2, 3, 4)).shape, len(choice), choice.names
    (torch.Size([2, 12]), 2, ('0', '1'))

    Args:
      op_candidates: the modules; with a mapping, their names are its keys.
      reduction: how the outputs are joined when several run: ``sum``, ``mean``, ``concat`` or ``none``.
      return_mask: whether to return ``(output, mask)``, the mask as it was selected.
      key: the name of the decision; its path in the network when None.
    """

    def __init__(
        self,
        op_candidates: Sequence[nn.Module] | Mapping[str, nn.Module],
        reduction: str = "sum",
        *,
        return_mask: bool = False,
        key: str | None = None,
    ) -> None:
        super().__init__(key)
        self.reduction, self.return_mask = _check_reduction(reduction), return_mask
        named = (
            dict(op_candidates)
            if isinstance(op_candidates, Mapping)
            else {str(i): module for i, module in enumerate(op_candidates)}
        )
        if not named:
            raise FieldValueError("LayerChoice has no candidates; give it one module at least.")
        for name, module in named.items():
            if not isinstance(module, nn.Module):
                raise FieldTypeError(
                    f"the candidates of a LayerChoice are modules; got {module!r:.80} of type "
                    f"{type(module).__name__} for candidate {name!r}. Use ValueChoice for values."
                )
        self.candidates = nn.ModuleDict({name.replace(".", "_"): module for name, module in named.items()})
        self.names = tuple(named)

    def __len__(self) -> int:
        return len(self.candidates)

    def __iter__(self) -> Iterator[nn.Module]:
        return iter(self.candidates.values())

    def __getitem__(self, index: int | str) -> nn.Module:
        """Returns a candidate by its place or its name."""
        return list(self)[self.names.index(index) if isinstance(index, str) else index]

    def forward(self, *args: Any, **fields: Any) -> Any:
        """Runs what is selected."""
        if self.handler is not None:
            out, mask = self.handler(self, *args, **fields)
        else:
            mask = self.selected
            out = self.run(mask, *args, **fields)
        return (out, mask) if self.return_mask else out

    def run(self, mask: Any, *args: Any, **fields: Any) -> Any:
        """Runs candidates on the inputs.

        Args:
          mask: an index: that one runs; booleans: those that they select; weights: all whose weight is not zero,
            scaled by it.
          *args: what the candidates take.
          **fields: the same, by name.
        """
        modules = list(self.candidates.values())
        if not isinstance(mask, Tensor):
            return modules[int(mask)](*args, **fields)
        flags = mask.detach()
        if flags.dtype == torch.bool:
            found = [module(*args, **fields) for module, on in zip(modules, flags.tolist()) if on]
        else:
            found = [
                weight * module(*args, **fields)
                for module, weight, on in zip(modules, mask, flags.tolist())
                if on != 0 or mask.requires_grad
            ]
        return reduce_outputs(found, self.reduction, self.key)

    def extra_repr(self) -> str:
        return f"key={self.key!r}"


@final
class InputChoice(Mutable):
    """Some of several tensors, joined.

    >>> choice = InputChoice(3, 2, reduction="sum", key="inputs")
    >>> choice.selection.replace({"inputs": [0, 2]})
    >>> choice([torch.tensor(1), torch.tensor(10), torch.tensor(100)])
    tensor(101)

    Args:
      n_candidates: how many tensors there are.
      n_chosen: how many are chosen; any number of them when None.
      reduction: how they are joined: ``sum``, ``mean``, ``concat`` (along dimension 1) or ``none`` (a list).
      choose_from: names of the tensors; then ``forward`` also takes a dict of them.
      return_mask: whether to return ``(output, mask)``.
      key: the name of the decision; its path in the network when None.
    """

    NO_KEY = ""

    def __init__(
        self,
        n_candidates: int | None = None,
        n_chosen: int | None = None,
        reduction: str = "sum",
        *,
        choose_from: Sequence[str] | None = None,
        return_mask: bool = False,
        key: str | None = None,
    ) -> None:
        super().__init__(key)
        count = len(choose_from) if n_candidates is None and choose_from is not None else n_candidates
        if not isinstance(count, int) or count < 1 or (choose_from is not None and count != len(choose_from)):
            raise FieldValueError(
                f"InputChoice takes the number of its tensors, or their names in choose_from; got n_candidates="
                f"{n_candidates!r} and choose_from={choose_from!r}."
            )
        if n_chosen is not None and not 1 <= n_chosen <= count:
            raise FieldValueError(
                f"InputChoice chooses n_chosen of its {count} tensors; got {n_chosen!r}. None chooses any number."
            )
        self.n_candidates, self.n_chosen = count, n_chosen
        self.names = tuple(choose_from) if choose_from is not None else tuple(map(str, range(count)))
        self.reduction, self.return_mask = _check_reduction(reduction), return_mask

    def __len__(self) -> int:
        return self.n_candidates

    def forward(self, inputs: Sequence[Tensor] | Mapping[str, Tensor]) -> Any:
        """Joins what is selected of the inputs."""
        tensors = [inputs[name] for name in self.names] if isinstance(inputs, Mapping) else list(inputs)
        if len(tensors) != self.n_candidates:
            raise FieldValueError(
                f"the InputChoice {self.key!r} chooses among {self.n_candidates} tensors; got {len(tensors)}."
            )
        if self.handler is not None:
            out, mask = self.handler(self, tensors)
        else:
            mask = self.selected
            out = self.run(mask, tensors)
        return (out, mask) if self.return_mask else out

    def run(self, mask: Any, tensors: Sequence[Tensor]) -> Any:
        """Joins tensors: those of a list of indices or a mask of booleans, or all, scaled by weights."""
        if not isinstance(mask, Tensor):
            chosen = [mask] if isinstance(mask, int) else mask
            return reduce_outputs([tensors[int(i)] for i in chosen], self.reduction, self.key)
        flags = mask.detach().tolist()
        if mask.dtype == torch.bool:
            return reduce_outputs([t for t, on in zip(tensors, flags) if on], self.reduction, self.key)
        kept = [w * t for t, w, on in zip(tensors, mask, flags) if on != 0 or mask.requires_grad]
        return reduce_outputs(kept, self.reduction, self.key)

    def extra_repr(self) -> str:
        return f"n_candidates={self.n_candidates}, n_chosen={self.n_chosen}, key={self.key!r}"


@final
class ValueChoice(Mutable):
    """One of several values; call it to get the present one.

    >>> choice = ValueChoice([0.1, 0.5], key="dropout")
    >>> choice.selection.replace({"dropout": 1})
    >>> choice()
    0.5

    Args:
      candidates: the values.
      key: the name of the decision; its path in the network when None.
    """

    def __init__(self, candidates: Sequence[Any], *, key: str | None = None) -> None:
        super().__init__(key)
        self.values = tuple(candidates)
        if not self.values:
            raise FieldValueError("ValueChoice has no candidates; give it one value at least.")
        self.names = tuple(map(str, self.values))

    def __len__(self) -> int:
        return len(self.values)

    def forward(self) -> Any:
        """Returns the value that is selected; of a mixture of numbers, its mean."""
        found = self.selected
        if isinstance(found, Tensor):
            return (found * torch.as_tensor(self.values, dtype=found.dtype, device=found.device)).sum()
        return self.values[int(found)]

    def extra_repr(self) -> str:
        return f"{list(self.values)!r}, key={self.key!r}"


def reduce_outputs(found: list[Any], reduction: str, key: str) -> Any:
    """Returns several outputs as one.

    Raises:
      FieldValueError: there are none, or their shapes differ; the decision is named.
    """
    if reduction == "none":
        return found
    if not found:
        raise FieldValueError(
            f"nothing is selected at {key!r}, so there is no output. Select one candidate at least."
        )
    if len(found) == 1:
        return found[0]
    if reduction == "concat":
        return torch.cat(found, dim=1)
    shapes = {tuple(one.shape) for one in found if isinstance(one, Tensor)}
    if len(shapes) > 1:
        raise FieldValueError(
            f"the candidates at {key!r} return different shapes, {' and '.join(map(str, sorted(shapes)))}, which cannot be added. "
            "Make their outputs alike (channels, stride, padding), or use reduction='concat'."
        )
    total = sum(found[1:], found[0])
    return total / len(found) if reduction == "mean" else total


def _check_reduction(reduction: str) -> str:
    if reduction not in REDUCTIONS:
        raise FieldValueError(f"reduction is one of {', '.join(REDUCTIONS)}; got {reduction!r}.")
    return reduction
