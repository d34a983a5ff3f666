"""``to_plain``: a copy of a symbolic network that consists of ordinary modules, for tools that compare classes exactly."""

from __future__ import annotations

import copy
from typing import Any

from torch import nn

from pliant.symbolic.objects.symbolize import plain
from pliant.symbolic.tree.node import Node
from pliant.symbolic.tree.realize import realize
from pliant.values.errors import FieldTypeError, quote_typed

from ..choices.mutable import Mutable
from ..elastic.module import Elastic
from .network import Supernet


def to_plain(network: nn.Module) -> Any:
    """Returns a copy of a network, weights included, whose modules have the classes that were symbolized or opened.

    It is not a program any more.  Quantization (``torch.ao.quantization``) and some counters of operations need this: they look
    layers up by their exact class, and pass over a subclass of ``nn.Linear``, which a symbolized one is.

    >>> import pliant as pg
    >>> program = pg.symbolize(nn.Sequential)(pg.symbolize(nn.Linear)(2, 4), pg.symbolize(nn.ReLU)())
    >>> network = to_plain(program)
    >>> type(network[0]) is nn.Linear, isinstance(network, pg.Symbolic)
    (True, False)

    Args:
      network: a symbolic network without holes, an ordinary one with symbolic parts, or the result of
        ``Supernet.materialize``; it stays as it is.

    Raises:
      FieldTypeError: it is not a module, has undecided choices, or has a module whose class derives from a symbolic one.
    """
    given: Any = network
    if not isinstance(given, nn.Module):
        raise FieldTypeError(f"to_plain takes a module; got {quote_typed(given)}.")
    classes = {name: _ordinary(name, module) for name, module in network.named_modules()}
    made = copy.deepcopy(network)
    for name, module in list(made.named_modules()):
        state, cls = module.__dict__, classes[name]
        if isinstance(module, Node):
            hidden = ("opened",) if "_sym_recipe" in type(module).__bases__[0].__dict__ else ()
            object.__setattr__(module, "__class__", cls)
            for key in [
                key for key in state if key.startswith(("_sym_", "_v_", "_pliant_")) or key in hidden
            ]:
                del state[key]
        state.update({key: plain(value) for key, value in state.items() if isinstance(value, Node)})
    return made


def _ordinary(name: str, module: Any) -> Any:
    """Returns the class of the ordinary module that stands for a module at a path."""
    place, cls = repr(name) if name else "the root", type(realize(module))
    if isinstance(module, (Supernet, Elastic)) or (isinstance(module, Mutable) and module.is_open):
        raise FieldTypeError(
            f"to_plain takes a network whose decisions are fixed; got a {cls.__name__} at {place}. Fix them by "
            "`net.materialize(decisions)` of a super-network, or by `fix_choices(network)`."
        )
    if not isinstance(module, Node):
        return cls
    if "_sym_origin" not in cls.__dict__:
        raise FieldTypeError(
            f"the class {cls.__name__} of the module at {place} derives from a symbolic class, so it has no ordinary class of its "
            "own. Derive it from the ordinary class, and symbolize that; if it was parametrized, call "
            "`parametrize.remove_parametrizations` first."
        )
    base = cls.__bases__[0]
    return base.__bases__[0] if "_sym_recipe" in base.__dict__ else base
