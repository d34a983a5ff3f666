"""``LayerChoice``, ``InputChoice`` and ``ValueChoice``: choices between modules, inputs and values in a network.

``supernet`` creates them; they can also be written into a module by hand, each with a ``key``.  Equal keys are one
decision.  Choices read the current decision from a ``Selection``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import inf
from typing import Any, final

import torch
from torch import Tensor, nn

from pliant.space import Choice, Float, Int
from pliant.space.build import MAX_CANDIDATES
from pliant.values.errors import FieldTypeError, FieldValueError, check_items, quote, quote_typed, suggest
from pliant.values.numbers import to_whole

from .mutable import BindError, Mutable

NO_YES = ("no", "yes")
"""The candidates of each decision of an input choice that selects any number of inputs."""

REDUCTIONS = ("sum", "mean", "concat", "none")


@final
class LayerChoice(Mutable):
    """One of several modules, or a mixture of them.

    >>> choice = LayerChoice([nn.Identity(), nn.Flatten()], key="op")
    >>> choice.selection.replace({"op": 1})
    >>> choice(torch.zeros(2, 3, 4)).shape, len(choice), choice.names
    (torch.Size([2, 12]), 2, ('0', '1'))

    Args:
      op_candidates: the modules; the keys of a mapping are their names.
      reduction: how to join the outputs of several candidates: ``sum``, ``mean``, ``concat`` or ``none``.
      return_mask: whether to return ``(output, mask)``; the mask has an item per candidate: booleans or weights.
      key: the name of the decision; if None, the path in the network.
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
        self._is_named = isinstance(op_candidates, Mapping)
        if self._is_named:
            pairs = op_candidates.items()  # type: ignore[union-attr]  # a mapping
        else:
            pairs = enumerate(
                check_items(op_candidates, "LayerChoice", "LayerChoice([nn.ReLU(), nn.Tanh()])")
            )
        named = {str(name): module for name, module in pairs}
        if not named:
            raise FieldValueError("LayerChoice has no candidates; give it at least one module.")
        for name, module in named.items():
            if not isinstance(module, nn.Module):
                raise FieldTypeError(
                    f"the candidates of a LayerChoice are modules; got {quote_typed(module)} "
                    f"for candidate {name!r}. Use ValueChoice for values."
                )
        self.candidates, self.names = nn.ModuleDict(), tuple(named)
        for name, module in named.items():
            found = name.replace(".", "_") or "_"  # names of submodules have no dots and differ from methods
            while found in self.candidates or hasattr(self.candidates, found):
                found += "_"
            self.candidates[found] = module

    @property
    def texts(self) -> tuple[str, ...]:
        """The text of each candidate: its name if it has one, otherwise its ``repr`` on one line."""
        return self.names if self._is_named else tuple(" ".join(repr(module).split()) for module in self)

    def __len__(self) -> int:
        return len(self.candidates)

    def __iter__(self) -> Iterator[nn.Module]:
        return iter(self.candidates.values())

    def __getitem__(self, index: int | str) -> nn.Module:
        """Returns a candidate by index or name."""
        return list(self)[self._index(index)]

    def __setitem__(self, index: int | str, module: nn.Module) -> None:
        """Replaces a candidate."""
        if not isinstance(module, nn.Module):
            raise FieldTypeError(f"the candidates of a LayerChoice are modules; got {quote_typed(module)}.")
        self.candidates[list(self.candidates)[self._index(index)]] = module

    def __delitem__(self, index: int | str | slice) -> None:
        """Removes candidates by index, name or slice; allowed until a super-network or mutator is made.

        Raises:
          BindError: this choice is a decision of a super-network or a mutator.
          FieldValueError: no candidate would be left.
        """
        if self.is_bound:
            raise BindError(
                f"the choice {self.key!r} is a decision of a super-network or mutator, so its {len(self)} candidates are fixed. "
                "Remove candidates before you make the super-network or mutator."
            )
        places = range(len(self))
        gone = set(places[index] if isinstance(index, slice) else [places[self._index(index)]])
        if len(gone) == len(self):
            raise FieldValueError(
                f"the LayerChoice {self.key!r} would have no candidates left; keep at least one."
            )
        for i, name in enumerate(list(self.candidates)):
            if i in gone:
                del self.candidates[name]
        self.names = tuple(name for i, name in enumerate(self.names) if i not in gone)

    def __getattr__(self, name: str) -> Any:
        """Returns a plain attribute of the candidates, for networks that read those of their blocks."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            candidates = self.__dict__.get("_modules", {}).get("candidates", {})
            for candidate in () if name.startswith("_") else candidates.values():
                value = vars(candidate).get(name)
                if type(value) in (bool, int, float, str):
                    return value
            raise

    def _index(self, index: int | str) -> int:
        if not isinstance(index, str):
            return index
        if index not in self.names:
            raise FieldValueError(
                f"the LayerChoice {self.key!r} has no candidate {quote(index)}{suggest(index, self.names) or '.'} "
                f"Its candidates: {', '.join(self.names)}."
            )
        return self.names.index(index)

    def forward(self, *args: Any, **fields: Any) -> Any:
        """Runs the selected candidates."""
        if self.handler is not None:
            out, mask = self.handler(self, *args, **fields)
        else:
            mask = self.selected
            out = self.run(mask, *args, **fields)
        return (out, to_mask(mask, len(self))) if self.return_mask else out

    def run(self, mask: Any, /, *args: Any, **fields: Any) -> Any:
        """Runs candidates on the inputs.

        Args:
          mask: an index, booleans, or weights: candidates with a weight other than zero run, scaled by it.
          *args: positional inputs of the candidates.
          **fields: keyword inputs of the candidates.
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
    """One or several of the input tensors, joined in the order of the inputs.

    Write it into a module with a key; or symbolize it and put a hole at ``chosen``, as in
    ``InputChoice(chosen=pg.manyof(2, range(4)))``.

    >>> choice = InputChoice(3, 2, reduction="sum", key="inputs")
    >>> choice.selection.replace({"inputs": [0, 2]})
    >>> tensors = [torch.tensor(1), torch.tensor(10), torch.tensor(100)]
    >>> choice(tensors), InputChoice(chosen=[1, 2])(tensors)
    (tensor(101), tensor(110))

    Args:
      n_candidates: the number of tensors.
      n_chosen: how many to choose; if None, any number.
      reduction: how to join them: ``sum``, ``mean``, ``concat`` (along dimension 1) or ``none`` (a list).  If no input is
        chosen, the sum and mean are zeros, and the concatenation has no channels.
      choose_from: names of the tensors; then ``forward`` also takes a dict of them.
      chosen: the indices of the chosen tensors, if nothing is left to decide.
      return_mask: whether to return ``(output, mask)``; the mask has an item per tensor: booleans or weights.
      key: the name of the decision; if None, the path in the network.
    """

    NO_KEY = ""

    def __init__(
        self,
        n_candidates: int | None = None,
        n_chosen: int | None = None,
        reduction: str = "sum",
        *,
        choose_from: Sequence[str] | None = None,
        chosen: int | Sequence[int] | None = None,
        return_mask: bool = False,
        key: str | None = None,
    ) -> None:
        super().__init__(key)
        if choose_from is not None:
            choose_from = check_items(choose_from, "InputChoice(choose_from=...)", "['a', 'b']")
        count = (
            len(choose_from) if n_candidates is None and choose_from is not None else to_whole(n_candidates)
        )
        self.chosen = None if chosen is None else _check_chosen(chosen, count)
        if self.chosen is not None and (count is not None or n_candidates is None):
            self.is_open = False
            n_chosen, size = len(self.chosen), max(self.chosen, default=-1) + 1 if count is None else count
        elif count is None or not 1 <= count <= MAX_CANDIDATES or (choose_from and count != len(choose_from)):
            raise FieldValueError(
                f"InputChoice needs the number of its tensors, or their names in choose_from; got n_candidates="
                f"{quote(n_candidates)} and choose_from={quote(choose_from)}."
            )
        else:
            size = count
            picks = to_whole(n_chosen)
            if n_chosen is not None and (picks is None or not 1 <= picks <= count):
                raise FieldValueError(
                    f"n_chosen of an InputChoice over {count} tensors is from 1 to {count}, or None for any number; got {quote(n_chosen)}."
                )
            n_chosen = picks
        self.n_candidates, self.n_chosen = size, n_chosen
        # the exact number of tensors if it is known, and the smallest number
        self._expected, self._least = count, size
        self._sources: tuple[int, ...] | None = None  # the indices of the candidates, if not all tensors are
        self.names = tuple(choose_from) if choose_from is not None else tuple(map(str, range(size)))
        self._inputs = self.names
        self.reduction, self.return_mask = _check_reduction(reduction), return_mask

    @property
    def kind(self) -> tuple[Any, ...]:
        """What all choices of one key must have in common."""
        return *super().kind, self.n_chosen

    def __len__(self) -> int:
        return self.n_candidates

    def forward(self, inputs: Sequence[Tensor] | Mapping[str, Tensor]) -> Any:
        """Joins the selected inputs."""
        tensors = [inputs[name] for name in self._inputs] if isinstance(inputs, Mapping) else list(inputs)
        expected = self._expected or self._least
        if len(tensors) < expected or len(tensors) > (self._expected or inf):
            raise FieldValueError(
                f"the InputChoice {self.key!r} chooses among {'' if self._expected else 'at least '}{expected} tensors; got {len(tensors)}."
            )
        if self._sources is not None:
            tensors = [tensors[i] for i in self._sources]
        if self.handler is not None:
            out, mask = self.handler(self, tensors)
        else:
            mask = self.selected
            out = self.run(mask, tensors)
        return (out, to_mask(mask, len(self))) if self.return_mask else out

    def run(self, mask: Any, tensors: Sequence[Tensor]) -> Any:
        """Joins the tensors that indices or booleans select, or all tensors, scaled by weights."""
        if not isinstance(mask, Tensor):
            found = [tensors[i] for i in sorted([mask] if isinstance(mask, int) else mask)]
        elif mask.dtype == torch.bool:
            found = [t for t, on in zip(tensors, mask.tolist()) if on]
        else:
            flags = mask.detach().tolist()
            found = [w * t for t, w, on in zip(tensors, mask, flags) if on != 0 or mask.requires_grad]
        if not found and self.reduction != "none":
            return tensors[0][:, :0] if self.reduction == "concat" else torch.zeros_like(tensors[0])
        return reduce_outputs(found, self.reduction, self.key)

    def choose_among(self, sources: Sequence[int], n_chosen: int) -> None:
        """Makes the tensors at some indices the candidates, and decides ``n_chosen`` of them."""
        self.chosen, self.is_open = None, True
        self.names = tuple(self.names[i] for i in sources)
        self._sources, self.n_candidates, self.n_chosen = tuple(sources), len(sources), n_chosen

    def fix(self, chosen: Sequence[int]) -> InputChoice:
        """Returns an input choice over the same tensors with a fixed decision."""
        sources = range(len(self)) if self._sources is None else self._sources
        return InputChoice(
            self._expected,
            reduction=self.reduction,
            choose_from=self._inputs if self._expected == len(self._inputs) else None,
            chosen=[sources[i] for i in chosen],
            return_mask=self.return_mask,
        )

    def extra_repr(self) -> str:
        if self.chosen is not None:
            return f"chosen={list(self.chosen)}"
        return f"n_candidates={self.n_candidates}, n_chosen={self.n_chosen}, key={self.key!r}"


@final
class ValueChoice(Mutable):
    """One of several values; call it to get the selected one.

    >>> choice = ValueChoice([0.1, 0.5], key="dropout")
    >>> choice.selection.replace({"dropout": 1})
    >>> choice()
    0.5

    Args:
      candidates: the values.
      key: the name of the decision; if None, the path in the network.
    """

    def __init__(self, candidates: Sequence[Any], *, key: str | None = None) -> None:
        super().__init__(key)
        self.values = check_items(candidates, "ValueChoice", "ValueChoice([1, 2])")
        if not self.values:
            raise FieldValueError("ValueChoice has no candidates; give it at least one value.")
        self.names = tuple(map(str, self.values))

    def __len__(self) -> int:
        return len(self.values)

    def forward(self) -> Any:
        """Returns the selected value; for a mixture of numbers, the weighted mean."""
        found = self.selected
        if isinstance(found, Tensor):
            return (found * torch.as_tensor(self.values, dtype=found.dtype, device=found.device)).sum()
        return self.values[int(found)]

    def extra_repr(self) -> str:
        return f"{list(self.values)!r}, key={self.key!r}"


@final
class PointChoice(Mutable):
    """A size or number of elastic modules, as a decision for mutators.  It is not part of the network.

    Attributes:
      point: the decision point in the space of the super-network.
      names: the text of each candidate; empty for numbers.
    """

    def __init__(self, point: Choice | Int | Float) -> None:
        super().__init__(point.path)
        self.point = point
        self.names = point.literals if isinstance(point, Choice) else ()

    def __len__(self) -> int:
        """The number of candidates; 0 for a continuous range."""
        return 0 if self.point.count == inf else int(self.point.count)


def reduce_outputs(found: list[Any], reduction: str, key: str) -> Any:
    """Joins the outputs of several candidates by ``sum``, ``mean``, ``concat`` or ``none`` (a list).

    Raises:
      FieldValueError: nothing is selected, or the shapes of the outputs differ; the message names the decision.
    """
    if reduction == "none":
        return found
    if not found:
        raise FieldValueError(
            f"nothing is selected at {key!r}, so it has no output. Select at least one candidate."
        )
    if len(found) == 1:
        return found[0]
    if reduction == "concat":
        return torch.cat(found, dim=1)
    tracing: Any = (
        torch.jit
    )  # sizes are then tensors, which do not compare as numbers; in an export they are symbols
    shapes = [one.shape for one in found if isinstance(one, Tensor)]
    if not tracing.is_tracing() and not all(shape == shapes[0] for shape in shapes[1:]):
        shown = sorted({tuple(map(int, shape)) for shape in shapes})
        raise FieldValueError(
            f"the candidates at {key!r} return different shapes, {' and '.join(map(str, shown))}, which cannot be added. "
            "Make their outputs alike (channels, stride, padding), or use reduction='concat'."
        )
    total = sum(found[1:], found[0])
    return total / len(found) if reduction == "mean" else total


def to_mask(selected: Any, count: int) -> Tensor:
    """Returns a mask with an item per candidate: indices become booleans; a tensor stays as it is.

    >>> to_mask(1, 3), to_mask([0, 2], 3)
    (tensor([False,  True, False]), tensor([ True, False,  True]))
    """
    if isinstance(selected, Tensor):
        return selected
    mask = torch.zeros(count, dtype=torch.bool)
    mask[selected if isinstance(selected, int) else list(selected)] = True
    return mask


def _check_chosen(chosen: object, count: int | None) -> tuple[int, ...]:
    given: list[Any] = (
        list(chosen) if isinstance(chosen, Sequence) and not isinstance(chosen, str) else [chosen]
    )
    places = [place for place in map(to_whole, given) if place is not None]
    below = inf if count is None else count
    if len(set(places)) < len(given) or not all(0 <= p < below for p in places):
        raise FieldValueError(
            f"chosen has distinct indices of inputs from 0{'' if count is None else f' to {count - 1}'}; got {quote(chosen)}."
        )
    return tuple(places)


def _check_reduction(reduction: str) -> str:
    if reduction not in REDUCTIONS:
        raise FieldValueError(f"reduction is one of {', '.join(REDUCTIONS)}; got {quote(reduction)}.")
    return reduction
