"""Scopes: modules, such as cells and nodes, whose choices belong together.  They decide nothing.

A mutator is told when the forward pass enters and leaves one, and finds the decisions inside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from pliant.values.errors import FieldTypeError

from .mutable import BindError, Mutable, find_mutables


class MutableScope(nn.Module):
    """A module whose choices belong together: subclass it in place of ``nn.Module``.

    ``BaseMutator.enter_mutable_scope`` and ``exit_mutable_scope`` are called around its forward pass, the latter also when
    that fails.  Scopes may be nested.  They are in ``mutator.mutables.scopes``, not among the decisions.

    >>> import torch
    >>> from pliant.oneshot import LayerChoice, Mutator
    >>> class Node(MutableScope):
    ...     def __init__(self, key):
    ...         super().__init__(key)
    ...         self.op = LayerChoice([nn.ReLU(), nn.Tanh()], key=f"{key}_op")
    ...
    ...     def forward(self, x):
    ...         return self.op(x)
    >>> class Told(Mutator):
    ...     def enter_mutable_scope(self, scope):
    ...         print("enter", scope.key, [mutable.key for mutable in scope.mutables])
    ...
    ...     def sample_search(self):
    ...         return {mutable.key: torch.tensor([True, False]) for mutable in self.mutables}
    ...
    ...     sample_final = sample_search
    >>> model = nn.Sequential(Node("first"), Node("second"))
    >>> Told(model).reset()
    >>> _ = model(torch.zeros(1))
    enter first ['first_op']
    enter second ['second_op']

    Attributes:
      key: the name of the scope.
    """

    def __init__(self, key: str | None = None) -> None:
        """Makes a scope; without ``key`` it is named by its path in the network, once a mutator is bound to that."""
        super().__init__()
        given: Any = key
        if key is not None and (not isinstance(given, str) or not given):
            raise FieldTypeError(f"the key of a {type(self).__name__} is a name for it; got {key!r:.80}.")
        self.key: str = key or ""
        self._hooks: tuple[Callable[[Any], Any], Callable[[Any], Any]] | None = None

    @property
    def mutables(self) -> tuple[Mutable, ...]:
        """The choices inside, also those of scopes in it; of equal keys the first."""
        found: dict[Any, Mutable] = {}
        for _, module in find_mutables(self):
            found.setdefault(module.key or id(module), module)
        return tuple(found.values())

    def watch(self, enter: Callable[[Any], Any], leave: Callable[[Any], Any]) -> None:
        """Has functions called with this scope before and after its forward pass.

        Raises:
          BindError: others are called already.
        """
        if self._hooks is not None:
            raise BindError(
                f"another mutator watches the scope {self.key!r} already; a network has one mutator that is told of its scopes. "
                "Call `release()` of that one first."
            )
        self._hooks = enter, leave

    def unwatch(self, watcher: Any) -> None:
        """Has the functions of ``watcher`` called no more."""
        if self._hooks is not None and getattr(self._hooks[0], "__self__", None) is watcher:
            self._hooks = None

    def __call__(self, *args: Any, **fields: Any) -> Any:
        """Runs the module, between what watches it."""
        if self._hooks is None:
            return super().__call__(*args, **fields)
        enter, leave = self._hooks
        enter(self)
        try:
            return super().__call__(*args, **fields)
        finally:
            leave(self)


@contextmanager
def unwatched(network: nn.Module) -> Iterator[None]:
    """Lets nothing watch the scopes of a network, for a while: a copy that is made then has no part in a mutator."""
    kept = [(module, module._hooks) for module in network.modules() if isinstance(module, MutableScope)]
    for scope, _ in kept:
        scope._hooks = None
    try:
        yield
    finally:
        for scope, hooks in kept:
            scope._hooks = hooks


def find_scopes(network: nn.Module) -> Iterator[MutableScope]:
    """Yields the scopes of a network, outer ones before those inside; names them by their paths where they have no key."""
    for name, module in network.named_modules():
        if isinstance(module, MutableScope):
            module.key = module.key or name
            yield module
