"""Mutators: samplers of one's own that say, before each forward pass, what the choices of a network run.

A mutator is bound to one network, for good, and is a module itself: its parameters are those of the sampler, never
those of the network.  A network has one mutator: the one that was bound last says what runs, and those before it refuse
to.  The learning algorithms that a trainer drives are not here (``sampler``).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, final

import torch
from torch import Tensor, nn

from pliant.space import Choice, Point, Space, walk_points
from pliant.values.errors import DecisionError, FieldTypeError, SpaceError

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
      network: where they are.
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
        """What all choices of the network read."""
        return self.network.selection if isinstance(self.network, Supernet) else self._found[0].selection

    @classmethod
    def of(cls, network: nn.Module) -> Mutables:
        """Returns the decisions of a network: of its choices, and of its elastic modules as ``PointChoice``.

        Raises:
          FieldTypeError: it is no module.
          SpaceError: there are none, or two of one key differ.
        """
        if not isinstance(network, nn.Module):
            raise FieldTypeError(
                f"a mutator is bound to a module; got {network!r:.80} of type {type(network).__name__}. "
                "Make one of a symbolic space by `pg.oneshot.supernet(space)`."
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
                "or make a super-network of a space by `pg.oneshot.supernet(space)`."
            )
        return cls(network, found.values())

    @property
    def scopes(self) -> tuple[MutableScope, ...]:
        """The scopes of the network, outer ones before those inside."""
        return tuple(find_scopes(self.network))

    def traverse(self, *, deduplicate: bool = True) -> Iterator[Mutable]:
        """Yields the decisions; with ``deduplicate=False``, each choice that stands in the network."""
        if deduplicate:
            yield from self
        else:
            yield from (module for _, module in find_mutables(self.network))


def find_texts(mutable: Any, network: nn.Module) -> tuple[str, ...]:
    """Returns the text of each candidate of a decision: as the space has it, or a name, or the candidate's ``repr``."""
    if isinstance(network, Supernet) and network.template is not None:
        for point in network.space.points:
            if isinstance(point, Choice) and mutable.key in (point.path, point.hole):
                return point.literals
    texts: tuple[str, ...] = mutable.texts if isinstance(mutable, LayerChoice) else mutable.names
    return texts


class BaseMutator(nn.Module, ABC):
    """A mutator that runs the choices of a network its own way: it says what a choice returns for its inputs.

    Args:
      model: the network, with choices in it; or a super-network.

    Raises:
      BindError: it is bound already.
      SpaceError: there is nothing to decide.
    """

    _mutables: Mutables

    def __init__(self, model: nn.Module) -> None:
        if "_model" in self.__dict__:
            raise BindError(
                f"this {type(self).__name__} is bound to a {type(self.model).__name__} already, and one mutator is for one "
                "network. Make a new one for another."
            )
        super().__init__()
        mutables = Mutables.of(model)
        handled = [(m, h) for m in mutables.traverse(deduplicate=False) if (h := self._find_handler(m))]
        for mutable, _ in handled:
            if mutable.handler is not None:
                raise BindError(
                    f"another mutator runs the choice {mutable.key!r} already; a network has one mutator that runs its choices. "
                    "Call `release()` of that one first."
                )
        if any(
            getattr(type(self), name) is not getattr(BaseMutator, name)
            for name in ("enter_mutable_scope", "exit_mutable_scope")
        ):
            for scope in mutables.scopes:
                scope.watch(self.enter_mutable_scope, self.exit_mutable_scope)
        for mutable, handler in handled:
            mutable.handler = handler
        self.__dict__["_model"], self.__dict__["_mutables"] = model, mutables  # and so no part of this module
        self.__dict__["_mark"] = mutables.selection.owner = [type(self).__name__]

    @property
    def model(self) -> nn.Module:
        """The network that this mutator is bound to; its parameters are not the mutator's."""
        found: nn.Module = self.__dict__["_model"]
        return found

    @property
    def mutables(self) -> Mutables:
        """The decisions of the network, one per key."""
        try:
            found: Mutables = self.__dict__["_mutables"]
        except KeyError:
            raise BindError(
                f"this {type(self).__name__} has no network yet. Call `super().__init__(model)` first in its `__init__`."
            ) from None
        return found

    @abstractmethod
    def on_forward_layer_choice(self, mutable: Any, *args: Any, **fields: Any) -> tuple[Any, Tensor]:
        """Runs a ``LayerChoice`` on its inputs; returns its output, and the mask of what ran."""

    @abstractmethod
    def on_forward_input_choice(self, mutable: Any, tensor_list: list[Tensor]) -> tuple[Any, Tensor]:
        """Runs an ``InputChoice`` on its inputs; returns its output, and the mask of what was chosen."""

    def enter_mutable_scope(self, scope: MutableScope) -> None:
        """Is told that the forward pass enters a scope; does nothing unless it is overridden."""

    def exit_mutable_scope(self, scope: MutableScope) -> None:
        """Is told that the forward pass leaves a scope, also by an error; does nothing unless it is overridden."""

    def release(self) -> None:
        """Gives the network back: its choices run what is selected, and this mutator selects nothing any more.

        So another mutator that runs choices its own way, or a super-network, can have it.

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
        """Checks that this mutator is the one that says what the network runs.

        Raises:
          BindError: another one was bound since, or it released the network.
        """
        mark, owner = self.__dict__["_mark"], self.mutables.selection.owner
        if mark is None:
            raise BindError(
                f"this {type(self).__name__} released its network. Make a new one to select what it runs."
            )
        if owner is not None and owner is not mark:
            raise BindError(
                f"a {owner[0]} was bound to this network after this {type(self).__name__}, and has taken it over: what either selects, "
                "both would have to run. Make a new mutator to take the network back, or give each a copy of the network "
                "(copy.deepcopy)."
            )

    def forward(self, *args: Any, **fields: Any) -> Any:
        """Refuses: a mutator says what the network runs, and is not run.

        Raises:
          BindError: always.
        """
        raise BindError(f"a {type(self).__name__} is not run on inputs. Call the network, after `reset()`.")

    def _find_handler(self, mutable: Mutable) -> Callable[..., Any] | None:
        """Returns what runs a choice in place of its own way."""
        if isinstance(mutable, LayerChoice):
            return self.on_forward_layer_choice
        return self.on_forward_input_choice if isinstance(mutable, InputChoice) else None

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "model":
            raise BindError(
                "`model` is set by `super().__init__(model)`, once; as an attribute it would be among the mutator's own parameters."
            )
        super().__setattr__(name, value)


class Mutator(BaseMutator):
    """A mutator that samples what the choices of a network run: write ``sample_search`` and ``sample_final``.

    Both return tensors by key: booleans, which candidates run, or numbers, how they are weighed.  As a module, it may have
    parameters to learn.

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
      model: the network, with choices in it; or a super-network.

    Raises:
      BindError: it is bound already.
      SpaceError: there is nothing to decide.
    """

    _sampled: Masks

    def __init__(self, model: nn.Module) -> None:
        super().__init__(model)
        self.__dict__["_sampled"] = Masks()

    @abstractmethod
    def sample_search(self) -> dict[str, Tensor]:
        """Returns what is run next, as tensors by key."""

    @abstractmethod
    def sample_final(self) -> dict[str, Tensor]:
        """Returns what is exported, as tensors by key."""

    def reset(self) -> None:
        """Samples by ``sample_search``, and lets the network run that until the next ``reset``.

        Elastic modules that were not decided stay as they are.

        Raises:
          BindError: another mutator was bound to the network since, or this one released it.
          DecisionError: a decision is missing, strange, or does not fit; the network stays as it was.
        """
        self._check_holds()
        masks = read_masks(self.sample_search(), self.mutables, f"{type(self).__name__}.sample_search")
        self._select(masks)
        self.__dict__["_sampled"] = masks

    def export(self) -> Masks:
        """Returns what ``sample_final`` samples, a tensor per key; does nothing to the network.

        ``pg.materialize`` makes the concrete network of it, ``supernet.materialize`` also with its weights.

        Raises:
          DecisionError: a key is of no decision, or a tensor does not fit its decision.
        """
        masks = read_masks(self.sample_final(), self.mutables, f"{type(self).__name__}.sample_final")
        return Masks((key, mask.detach().clone()) for key, mask in masks.items())

    def status(self) -> dict[str, list[float]]:
        """Returns what was sampled last, as lists of numbers by key."""
        return {key: mask.detach().float().reshape(-1).tolist() for key, mask in self._sampled.items()}

    def dry_run(self) -> str:
        """Returns the decisions as text, a line each: key, kind, candidates, and at how many places; samples nothing.

        >>> from pliant.oneshot import LayerChoice, RandomMutator
        >>> print(RandomMutator(nn.Sequential(LayerChoice([nn.ReLU(), nn.Tanh()], key="act"))).dry_run())
        act: LayerChoice, of 2: ReLU(), Tanh()
        """
        places: dict[str, int] = {}
        for mutable in self.mutables.traverse(deduplicate=False):
            places[mutable.key] = places.get(mutable.key, 0) + 1
        return "\n".join(
            _describe(m, self.model) + (f", at {places[m.key]} places" if places.get(m.key, 1) > 1 else "")
            for m in self.mutables
        )

    def on_forward_layer_choice(self, mutable: Any, *args: Any, **fields: Any) -> tuple[Any, Tensor]:
        """Runs what was sampled for a ``LayerChoice``, joined by its reduction."""
        mask = self._mask(mutable)
        places = mask.nonzero().flatten().tolist() if mask.dtype == torch.bool else []
        return mutable.run(places[0] if len(places) == 1 else mask, *args, **fields), mask

    def on_forward_input_choice(self, mutable: Any, tensor_list: list[Tensor]) -> tuple[Any, Tensor]:
        """Joins what was sampled for an ``InputChoice`` by its reduction."""
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
        """Returns only what a subclass wrote: otherwise choices read their selection, which is faster."""
        name = "on_forward_input_choice" if isinstance(mutable, InputChoice) else "on_forward_layer_choice"
        return (
            super()._find_handler(mutable)
            if getattr(type(self), name) is not getattr(Mutator, name)
            else None
        )

    def _select(self, masks: Masks) -> None:
        """Selects what masks say, all of it or, on an error, none."""
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
        sampled = {
            m.key for m in self.mutables if not isinstance(m, PointChoice)
        }  # sizes may stay as they are
        if isinstance(self.model, Supernet):
            sampled &= _find_active(self.model.space, self.mutables.selection)
        missing = [m.key for m in self.mutables if m.key in sampled and m.key not in masks]
        if missing:
            raise DecisionError(
                f"{type(self).__name__}.sample_search returned nothing for {missing[0]!r}"
                f"{f' and {len(missing) - 1} more' if len(missing) > 1 else ''}. Return a tensor for each of `self.mutables`."
            )


def _find_active(space: Space, selection: Selection) -> set[str]:
    """Returns the keys that are active, as far as what is selected says; below a mixture, none."""
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
