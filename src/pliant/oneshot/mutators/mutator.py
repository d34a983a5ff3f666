"""Mutators: user-defined samplers that select what the choices of a network run before each forward pass.

A mutator is bound to one network and is a module: its parameters belong to the sampler, not to the network.  Only the
mutator that was bound last can select; earlier ones raise an error.  ``sampler`` has the algorithms for trainers.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, final

import torch
from torch import Tensor, nn

from pliant.space import Choice, Point, Space, walk_points
from pliant.values.errors import DecisionError, FieldTypeError, SpaceError, quote_typed

from ..choices.choice import InputChoice, LayerChoice, PointChoice
from ..choices.mutable import BindError, Mutable, find_mutables, share_selection
from ..choices.scope import MutableScope, find_scopes
from ..choices.selection import Selection
from ..elastic.module import Elastic
from ..rewrite.network import Supernet
from .masks import Masks, read_masks, to_selected


@final
class Mutables(Sequence[Mutable]):
    """The decisions of a network, one per key, in the order of the network.

    Attributes:
      network: the network of the decisions.
    """

    def __init__(self, network: nn.Module, found: Iterable[Mutable]) -> None:
        self.network, self._found = network, tuple(found)

    def __len__(self) -> int:
        return len(self._found)

    def __getitem__(self, index: Any) -> Any:
        return self._found[index]

    def __iter__(self) -> Iterator[Mutable]:
        return iter(self._found)

    @property
    def selection(self) -> Selection:
        """The selection that all choices of the network read."""
        return self.network.selection if isinstance(self.network, Supernet) else self._found[0].selection

    @classmethod
    def of(cls, network: nn.Module) -> Mutables:
        """Returns the decisions of a network: its choices, and those of its elastic modules as ``PointChoice``.

        Raises:
          FieldTypeError: ``network`` is not a module.
          SpaceError: nothing is to be decided, or two decisions with one key are different.
        """
        if not isinstance(network, nn.Module):
            raise FieldTypeError(
                f"a mutator is bound to a module; got {quote_typed(network)}. "
                "Make one from a symbolic space with `pg.oneshot.supernet(space)`."
            )
        if not isinstance(network, Supernet):
            bound = [module.selection for _, module in find_mutables(network) if module.is_bound]
            share_selection(network, bound[0] if bound else Selection())
        points = {p.path: p for p in network.space.points} if isinstance(network, Supernet) else {}
        found: dict[str, Mutable] = {}
        for module in network.modules():
            if isinstance(module, Mutable) and module.is_open:
                found.setdefault(module.key, module)
            elif isinstance(module, Elastic):
                for key in module.keys:
                    found.setdefault(key, PointChoice(points[key]))
        if not found:
            raise SpaceError(
                f"there is nothing to decide in this {type(network).__name__}. Put LayerChoice or InputChoice into it, "
                "or make a super-network with `pg.oneshot.supernet(space)`."
            )
        return cls(network, found.values())

    @property
    def scopes(self) -> tuple[MutableScope, ...]:
        """The scopes of the network, outer before inner ones."""
        return tuple(find_scopes(self.network))

    def traverse(self, *, deduplicate: bool = True) -> Iterator[Mutable]:
        """Yields the decisions; with ``deduplicate=False``, all choice modules of the network."""
        if deduplicate:
            yield from self
        else:
            yield from (module for _, module in find_mutables(self.network))


def find_texts(mutable: Mutable, network: nn.Module) -> tuple[str, ...]:
    """Returns the text of each candidate of a decision: from the space, its name, or its ``repr``."""
    if isinstance(network, Supernet) and network.template is not None:
        for point in network.space.points:
            if isinstance(point, Choice) and mutable.key in (point.path, point.hole):
                return point.literals
    return mutable.texts if isinstance(mutable, LayerChoice) else mutable.names


class BaseMutator(nn.Module, ABC):
    """Base class of mutators that override how choices run: it computes the output of a choice for its inputs.

    Args:
      model: a network with choices, or a super-network.

    Raises:
      BindError: the mutator is bound already, or another one runs the choices.
      SpaceError: there is nothing to decide.
    """

    _mutables: Mutables

    def __init__(self, model: nn.Module) -> None:
        if "_model" in self.__dict__:
            raise BindError(
                f"this {type(self).__name__} is already bound to a {type(self.model).__name__}. "
                "Make a new mutator for another network."
            )
        super().__init__()
        mutables = Mutables.of(model)
        handled = [(m, h) for m in mutables.traverse(deduplicate=False) if (h := self._find_handler(m))]
        for mutable, _ in handled:
            if mutable.handler is not None:
                raise BindError(
                    f"another mutator runs the choice {mutable.key!r}; only one mutator of a network can override how choices run. "
                    "Call `release()` of the other mutator first."
                )
        hooks = ("enter_mutable_scope", "exit_mutable_scope")
        if any(getattr(type(self), name) is not getattr(BaseMutator, name) for name in hooks):
            for scope in mutables.scopes:
                scope.watch(self.enter_mutable_scope, self.exit_mutable_scope)
        for mutable, handler in handled:
            mutable.handler = handler
        self.__dict__["_model"], self.__dict__["_mutables"] = model, mutables  # not submodules of the mutator
        self.__dict__["_mark"] = mutables.selection.owner = [type(self).__name__]

    @property
    def model(self) -> nn.Module:
        """The network that this mutator is bound to; not a submodule of the mutator."""
        found: nn.Module = self.__dict__["_model"]
        return found

    @property
    def mutables(self) -> Mutables:
        """The decisions of the network, one per key."""
        found: Mutables | None = self.__dict__.get("_mutables")
        if found is None:
            raise BindError(
                f"this {type(self).__name__} is not bound to a network. Call `super().__init__(model)` first in its `__init__`."
            )
        return found

    @abstractmethod
    def on_forward_layer_choice(self, mutable: Any, *args: Any, **fields: Any) -> tuple[Any, Tensor]:
        """Runs a ``LayerChoice`` on its inputs; returns its output, and the mask of what ran."""

    @abstractmethod
    def on_forward_input_choice(self, mutable: Any, tensor_list: list[Tensor]) -> tuple[Any, Tensor]:
        """Runs an ``InputChoice`` on its inputs; returns its output, and the mask of what was chosen."""

    def enter_mutable_scope(self, scope: MutableScope) -> None:
        """Called when the forward pass enters a scope; override it as needed."""

    def exit_mutable_scope(self, scope: MutableScope) -> None:
        """Called when the forward pass leaves a scope, also after an error; override it as needed."""

    def release(self) -> None:
        """Releases the network: this mutator can no longer select or run its choices.

        After that, a super-network or another mutator that overrides how choices run can be bound to the network.

        >>> from pliant.oneshot import LayerChoice, RandomMutator
        >>> model = nn.Sequential(LayerChoice([nn.ReLU(), nn.Tanh()], key="act"))
        >>> mutator = RandomMutator(model)
        >>> mutator.release()
        >>> mutator.reset()
        Traceback (most recent call last):
        ...
        pliant.oneshot.choices.mutable.BindError: this RandomMutator released its network. Make a new one to select what it runs.
        """
        for mutable in self.mutables.traverse(deduplicate=False):
            if getattr(mutable.handler, "__self__", None) is self:
                mutable.handler = None
        for scope in self.mutables.scopes:
            scope.unwatch(self)
        if self.mutables.selection.owner is self.__dict__["_mark"]:
            self.mutables.selection.owner = None
        self.__dict__["_mark"] = None

    def _check_holds(self) -> None:
        """Checks that this mutator may select what the network runs."""
        mark, owner = self.__dict__["_mark"], self.mutables.selection.owner
        if mark is None:
            raise BindError(
                f"this {type(self).__name__} released its network. Make a new one to select what it runs."
            )
        if owner is not None and owner is not mark:
            raise BindError(
                f"a {owner[0]} was bound to this network after this {type(self).__name__} and selects what it runs. Make a new mutator "
                "to take over the network, or give each mutator its own copy (copy.deepcopy)."
            )

    def forward(self, *args: Any, **fields: Any) -> Any:
        """Raises an error, because a mutator has no forward pass.

        Raises:
          BindError: always.
        """
        raise BindError(f"a {type(self).__name__} has no forward pass. Call `reset()`, then the network.")

    def _find_handler(self, mutable: Mutable) -> Callable[..., Any] | None:
        """Returns the method that overrides how a choice runs."""
        if isinstance(mutable, LayerChoice):
            return self.on_forward_layer_choice
        return self.on_forward_input_choice if isinstance(mutable, InputChoice) else None

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "model":
            raise BindError(
                "`super().__init__(model)` sets `model`; as an attribute, the network would become a part of the mutator. Remove the assignment."
            )
        super().__setattr__(name, value)


class Mutator(BaseMutator):
    """Base class of mutators that sample decisions: implement ``sample_search`` and ``sample_final``.

    Both return tensors by key: booleans select candidates, floating-point numbers weigh them.  A mutator may have
    parameters.

    >>> from pliant.oneshot import LayerChoice
    >>> class First(Mutator):
    ...     def sample_search(self):
    ...         return {m.key: torch.tensor([i == 0 for i in range(m.length)]) for m in self.mutables}
    ...
    ...     def sample_final(self):
    ...         return self.sample_search()
    >>> model = nn.Sequential(LayerChoice([nn.ReLU(), nn.Tanh()], key="act"))
    >>> mutator = First(model)
    >>> mutator.reset()
    >>> model(torch.tensor([-1.0])), mutator.export()
    (tensor([0.]), {'act': tensor([ True, False])})

    Args:
      model: a network with choices, or a super-network.

    Raises:
      BindError: the mutator is bound already.
      SpaceError: there is nothing to decide.
    """

    _sampled: Masks

    def __init__(self, model: nn.Module) -> None:
        super().__init__(model)
        self.__dict__["_sampled"] = Masks()

    @abstractmethod
    def sample_search(self) -> dict[str, Tensor]:
        """Returns the decisions to run next, as tensors by key."""

    @abstractmethod
    def sample_final(self) -> dict[str, Tensor]:
        """Returns the decisions to export, as tensors by key."""

    def reset(self) -> None:
        """Selects what ``sample_search`` returns until the next ``reset``.

        Elastic modules without a decision keep their size.

        Raises:
          BindError: another mutator was bound to the network later, or this one released it.
          DecisionError: a decision is missing, unknown, or does not fit; the selection stays as it was.
        """
        self._check_holds()
        masks = read_masks(self.sample_search(), self.mutables, f"{type(self).__name__}.sample_search")
        self._select(masks)
        self.__dict__["_sampled"] = masks

    def export(self) -> Masks:
        """Returns what ``sample_final`` samples, a tensor per key, without a change to the network.

        ``pg.materialize`` makes the concrete network of it; ``supernet.materialize`` also copies the weights.

        Raises:
          DecisionError: a key is unknown, or a tensor does not fit its decision.
        """
        masks = read_masks(self.sample_final(), self.mutables, f"{type(self).__name__}.sample_final")
        return Masks((key, mask.detach().clone()) for key, mask in masks.items())

    def status(self) -> dict[str, list[float]]:
        """Returns the last sample, as lists of numbers by key."""
        return {key: mask.detach().float().reshape(-1).tolist() for key, mask in self._sampled.items()}

    def dry_run(self) -> str:
        """Describes the decisions without sampling, one per line: key, kind, candidates, number of places.

        >>> from pliant.oneshot import LayerChoice, RandomMutator
        >>> print(RandomMutator(nn.Sequential(LayerChoice([nn.ReLU(), nn.Tanh()], key="act"))).dry_run())
        act: LayerChoice, of 2: ReLU(), Tanh()
        """
        places: dict[str, int] = {}
        for mutable in self.mutables.traverse(deduplicate=False):
            places[mutable.key] = places.get(mutable.key, 0) + 1
        lines = []
        for m in self.mutables:
            more = f", at {places[m.key]} places" if places.get(m.key, 1) > 1 else ""
            lines.append(_describe(m, self.model) + more)
        return "\n".join(lines)

    def on_forward_layer_choice(self, mutable: Any, *args: Any, **fields: Any) -> tuple[Any, Tensor]:
        """Runs the sampled candidates of a ``LayerChoice``, joined by its reduction."""
        mask = self._mask(mutable)
        places = mask.nonzero().flatten().tolist() if mask.dtype == torch.bool else []
        return mutable.run(places[0] if len(places) == 1 else mask, *args, **fields), mask

    def on_forward_input_choice(self, mutable: Any, tensor_list: list[Tensor]) -> tuple[Any, Tensor]:
        """Joins the sampled inputs of an ``InputChoice`` by its reduction."""
        mask = self._mask(mutable)
        return mutable.run(mask, tensor_list), mask

    def _mask(self, mutable: Mutable) -> Tensor:
        found: Tensor | None = self._sampled.get(mutable.key)
        if found is None:
            raise DecisionError(
                f"nothing is selected for {mutable.key!r} yet. Call `reset()` of the {type(self).__name__} before the forward pass."
            )
        return found

    def _find_handler(self, mutable: Mutable) -> Callable[..., Any] | None:
        """Returns only an overridden method; otherwise choices read their selection, which is faster."""
        name = "on_forward_input_choice" if isinstance(mutable, InputChoice) else "on_forward_layer_choice"
        is_own = getattr(type(self), name) is not getattr(Mutator, name)
        return super()._find_handler(mutable) if is_own else None

    def _select(self, masks: Masks) -> None:
        """Selects the decisions of masks; restores the selection after an error."""
        selection = self.mutables.selection
        before = dict(selection.values), dict(selection.weights)
        selected = {m.key: to_selected(masks[m.key], m) for m in self.mutables if m.key in masks}
        weights = {key: value for key, value in selected.items() if isinstance(value, Tensor)}
        selection.replace({key: value for key, value in selected.items() if key not in weights})
        selection.weights.update(weights)
        try:
            self._check_complete(masks)
            if isinstance(self.model, Supernet) and not weights:
                self.model.space.parse(self.model.decisions)  # picks of one hole may exclude each other
        except DecisionError:
            selection.values, selection.weights = before
            raise

    def _check_complete(self, masks: Masks) -> None:
        sampled = {m.key for m in self.mutables if not isinstance(m, PointChoice)}  # sizes are optional
        if isinstance(self.model, Supernet):
            sampled &= _find_active(self.model.space, self.mutables.selection)
        missing = [m.key for m in self.mutables if m.key in sampled and m.key not in masks]
        if missing:
            raise DecisionError(
                f"{type(self).__name__}.sample_search returned nothing for {missing[0]!r}"
                f"{f' and {len(missing) - 1} more' if len(missing) > 1 else ''}. Return a tensor for each of `self.mutables`."
            )


def _find_active(space: Space, selection: Selection) -> set[str]:
    """Returns the keys that are active with the current selection; below a mixture, none."""
    found: set[str] = set()

    def read(_: int, point: Point) -> int | None:
        key = point.path
        if isinstance(point, Choice) and point.hole in selection.values:
            key = point.hole
        found.update({key, getattr(point, "hole", key)})
        value = selection.values.get(key)
        return value if isinstance(value, int) and key not in selection.weights else None

    walk_points(space, read)
    return found


def _describe(mutable: Any, model: nn.Module) -> str:
    kind, texts = type(mutable).__name__, find_texts(mutable, model)
    if isinstance(mutable, PointChoice):
        if not isinstance(mutable.point, Choice):
            return f"{mutable.key}: number from {mutable.point.min_value} to {mutable.point.max_value}"
        kind = "size"
    count = f"{mutable.n_chosen or 'any'} " if isinstance(mutable, InputChoice) else ""
    return f"{mutable.key}: {kind}, {count}of {len(mutable)}: {', '.join(texts)}"
