"""``MutableScope``: a module, such as a cell or node, that groups choices for mutators.

A mutator gets a call when the forward pass enters and leaves a scope, and can list the choices inside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from torch import nn

from pliant.values.errors import FieldTypeError, quote

from .mutable import BindError, Mutable, find_mutables


class MutableScope(nn.Module):
    """A module that groups the choices inside it: subclass it instead of ``nn.Module``.

    ``BaseMutator.enter_mutable_scope`` and ``exit_mutable_scope`` are called before and after its forward pass, the latter
    also after an error.  Scopes may be nested.  ``mutator.mutables.scopes`` lists them; they are not decisions.

    >>> import torch
    >>> from pliant.oneshot import LayerChoice, Mutator
    >>> class Node(MutableScope):
    ...     def __init__(self, key):
    ...         super().__init__(key)
    ...         self.op = LayerChoice([nn.ReLU(), nn.Tanh()], key=f"{key}_op")
    ...
    ...     def forward(self, x):
    ...         return self.op(x)
    >>> class Printing(Mutator):
    ...     def enter_mutable_scope(self, scope):
    ...         print("enter", scope.key, [mutable.key for mutable in scope.mutables])
    ...
    ...     def sample_search(self):
    ...         return {mutable.key: torch.tensor([True, False]) for mutable in self.mutables}
    ...
    ...     sample_final = sample_search
    >>> model = nn.Sequential(Node("first"), Node("second"))
    >>> Printing(model).reset()
    >>> _ = model(torch.zeros(1))
    enter first ['first_op']
    enter second ['second_op']

    Attributes:
      key: the name of the scope.
    """

    def __init__(self, key: str | None = None) -> None:
        """Makes a scope; without ``key``, the key is the path in the network, set when a mutator is bound to the network."""
        super().__init__()
        given: Any = key
        if key is not None and (not isinstance(given, str) or not given):
            raise FieldTypeError(
                f"the key of a {type(self).__name__} is a non-empty string; got {quote(key)}."
            )
        self.key: str = key or ""
        self._hooks: tuple[Callable[[Any], Any], Callable[[Any], Any]] | None = None

    @property
    def mutables(self) -> tuple[Mutable, ...]:
        """The choices inside this scope and its inner scopes; the first of each key."""
        found: dict[Any, Mutable] = {}
        for _, module in find_mutables(self):
            found.setdefault(module.key or id(module), module)
        return tuple(found.values())

    def watch(self, enter: Callable[[Any], Any], leave: Callable[[Any], Any]) -> None:
        """Calls functions with this scope before and after each forward pass.

        Raises:
          BindError: another mutator watches this scope.
        """
        if self._hooks is not None:
            raise BindError(
                f"another mutator watches the scope {self.key!r}; only one mutator of a network can override `enter_mutable_scope`. "
                "Call `release()` of the other mutator first."
            )
        self._hooks = enter, leave

    def unwatch(self, watcher: object) -> None:
        """Stops calling the functions of ``watcher``."""
        if self._hooks is not None and getattr(self._hooks[0], "__self__", None) is watcher:
            self._hooks = None

    def __call__(self, *args: Any, **fields: Any) -> Any:
        """Runs the module between the calls of the watching functions."""
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
    """Disables the watching functions of all scopes in a context, so that a copy of the network has no reference to a mutator."""
    kept = [(module, module._hooks) for module in network.modules() if isinstance(module, MutableScope)]
    for scope, _ in kept:
        scope._hooks = None
    try:
        yield
    finally:
        for scope, hooks in kept:
            scope._hooks = hooks


def find_scopes(network: nn.Module) -> Iterator[MutableScope]:
    """Yields the scopes of a network, outer before inner ones; sets the path as key of those without one."""
    for name, module in network.named_modules():
        if isinstance(module, MutableScope):
            module.key = module.key or name
            yield module
