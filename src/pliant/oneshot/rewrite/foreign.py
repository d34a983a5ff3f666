"""A network that somebody else wrote, as a symbolic program: every layer can be found, changed and searched.

Each module becomes a node of its own class, whose fields are its children, and for layers of ``torch.nn`` also what
their constructors took.  Its code is not read and not copied: realized, the node is a copy of the module with the
children that the program says.  Which layers' widths belong together is not known here (``follow``).
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from pliant.hyper.functions import oneof
from pliant.hyper.hole import DerivedHole
from pliant.symbolic.edit.clone import clone
from pliant.symbolic.edit.rebind import rebind
from pliant.symbolic.objects.symbolize import symbolize
from pliant.symbolic.tree.leaf import Ref
from pliant.values.errors import FieldTypeError, FieldValueError

from ..elastic.rules import find_rule

_CONTAINERS = (nn.Module, nn.Sequential, nn.ModuleList, nn.ModuleDict, nn.ParameterList, nn.ParameterDict)

_classes: dict[tuple[Any, ...], Any] = {}  # by what they were made for


def open_network(network: nn.Module) -> Any:
    """Returns a symbolic program that makes a copy of a network, weights included.

    Its nodes are named as the modules are, and are instances of the same classes; what is numbered in a module
    (``nn.Sequential``, ``nn.ModuleList``) is the list ``layers`` of its node: ``layer1.0.conv1`` is at
    ``layer1.layers[0].conv1``.  A layer of ``torch.nn``, or of a class derived from one, has the arguments of its
    constructor as fields.  Where these are changed, as much of its weights is kept as fits: the parts that a
    super-network would share.

    >>> import pliant as pg
    >>> network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 2, 1))
    >>> program = open_network(network)
    >>> x = torch.ones(1, 3, 8, 8)
    >>> torch.equal(program(x), network(x))
    True
    >>> open = program.rebind(lambda k, v, p: pg.oneof([4, 8]) if k == "layers[0].out_channels" else v)
    >>> net = pg.oneshot.supernet(pg.oneshot.follow(open, x))
    >>> net.space.size
    2

    Args:
      network: an ordinary module; it stays as it is, and must stay alive with its weights.

    Raises:
      FieldTypeError: it is no module.
      FieldValueError: two modules of it have a weight in common, or one stands at two places.
    """
    given: Any = network
    if not isinstance(given, nn.Module):
        raise FieldTypeError(
            f"open_network takes a module; got {network!r:.80} of type {type(network).__name__}."
        )
    _refuse_shared(network)
    return _open(network)


class SamePadding(DerivedHole):
    """The padding that keeps an image's size under a kernel of a size that is searched: half of what it covers."""

    kernel: Any
    dilation: int = 1

    def inner(self) -> Any:
        return [clone(self.kernel)]

    def build(self, value: Any) -> Any:
        return self.dilation * (value[0] - 1) // 2

    def unbuild(self, value: Any) -> Any:
        return [2 * value // self.dilation + 1]


def open_kernel(layer: Any, sizes: list[int], *, name: str) -> Any:
    """Returns a symbolic convolution with its kernel size to decide; the padding follows, so that sizes stay.

    >>> import pliant as pg
    >>> conv = open_kernel(pg.symbolize(nn.Conv2d)(3, 8, 3, padding=1), [3, 5], name="kernel")
    >>> [(c.kernel_size, c.padding) for c in pg.iter(conv)]
    [(3, 1), (5, 2)]

    Args:
      layer: stays as it is.
      sizes: odd numbers.
      name: of the decision; the path of the layer, say.

    Raises:
      FieldValueError: a size is not odd.
    """
    if any(type(size) is not int or size % 2 == 0 for size in sizes):
        raise FieldValueError(f"kernel sizes that keep an image's size are odd numbers; got {sizes}.")
    kernel = oneof(sizes, name=name)
    dilation = layer.sym_init_args["dilation"]
    step = dilation[0] if isinstance(dilation, tuple) else dilation
    return rebind(clone(layer), kernel_size=kernel, padding=SamePadding(clone(kernel), step))


def _open(module: nn.Module) -> Any:
    children = name_children({n: _open(child) for n, child in module._modules.items() if child is not None})
    base = _base(type(module))
    arguments = None if base is None else _arguments(module, base)
    cls = node_class(type(module), None if arguments is None else base, tuple(children))
    return cls(**(arguments or {}), opened=Ref(module), **children)


def name_children(children: dict[str, Any]) -> dict[str, Any]:
    """Returns the children of a module as fields of its node: by name, or, where they are numbered, as the list ``layers``."""
    if children and list(children) == [str(i) for i in range(len(children))]:
        return {"layers": list(children.values())}
    return children if all(map(str.isidentifier, children)) else {"layers": children}


def _base(cls: type[nn.Module]) -> type[nn.Module] | None:
    """Returns the class of ``torch.nn`` that a layer is of, or derives from."""
    for base in cls.__mro__:
        if base.__module__.startswith("torch.nn.") and issubclass(base, nn.Module):
            return None if base in _CONTAINERS else base
    return None


def _arguments(layer: nn.Module, base: type[nn.Module]) -> dict[str, Any] | None:
    """Returns what a layer's constructor took, as its attributes tell; None where they do not."""
    found: dict[str, Any] = {}
    if base is nn.MultiheadAttention:
        own: Any = layer
        found = {"bias": own.in_proj_bias is not None, "add_bias_kv": own.bias_k is not None}
    for name, parameter in inspect.signature(base).parameters.items():
        if name in ("device", "dtype") or name in found:
            continue
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD) or not hasattr(layer, name):
            return None
        value = getattr(layer, name)
        if name == "bias" and not isinstance(value, bool):
            value = value is not None
        if isinstance(value, (Tensor, nn.Module)) or (callable(value) and not isinstance(value, type)):
            return None
        found[name] = value[0] if isinstance(value, tuple) and len(set(value)) == 1 else value
    return found


def node_class(cls: type[nn.Module], base: type[nn.Module] | None, children: tuple[str, ...] = ()) -> Any:
    """Returns the symbolic class of copies of a class's modules.

    Args:
      cls: the class.
      base: the class of ``torch.nn`` whose constructor's arguments are fields; None for a module with none.
      children: the names of further fields.
    """
    known = _classes.get((cls, base, children))
    if known is not None:
        return known

    def __init__(self: Any, *, opened: nn.Module, **given: Any) -> None:  # noqa: N807  # installed below
        names = () if base is None else [n for n in inspect.signature(base).parameters if n in given]
        fields = {name: given.pop(name) for name in names}
        _become(self, opened, None if base is None else base(**fields), _by_name(opened, given))

    keyword = inspect.Parameter.KEYWORD_ONLY
    own = (
        []
        if base is None
        else [p for n, p in inspect.signature(base).parameters.items() if n not in ("device", "dtype")]
    )
    __init__.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # read by symbolize
        [
            inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD),
            *(p.replace(kind=keyword, annotation=inspect.Parameter.empty) for p in own),
            inspect.Parameter("opened", keyword),
            *(inspect.Parameter(name, keyword, default=None) for name in children),
        ]
    )
    # Under a name of its own, so that stored text that names the class still means the class.
    names = {
        "__init__": __init__,
        "__module__": cls.__module__,
        "__qualname__": f"{cls.__qualname__}.opened",
        "_sym_recipe": (
            node_class,
            (cls, base, children),
        ),  # by which it is made again where a pickle is read
    }
    metaclass: Any = type(cls)
    made = _classes[cls, base, children] = symbolize(metaclass(cls.__name__, (cls,), names))
    return made


def _become(module: Any, source: nn.Module, layer: nn.Module | None, children: dict[str, Any]) -> None:
    """Makes ``module`` a copy of ``source``, with other children, and as a layer of another size."""
    state = dict(source.__dict__)
    for name, child in list(children.items()):  # values, and modules that stood at attributes as holes
        state.pop(name, None)
        if child is not None and not isinstance(child, nn.Module):
            state[name] = children.pop(name)
    for name in ("_parameters", "_buffers"):
        state[name] = {n: None if t is None else _fresh(t) for n, t in state[name].items()}
    state["_modules"] = children
    for name, value in state.items():
        if name.endswith("_hooks") or name == "_non_persistent_buffers_set":
            state[name] = copy.copy(value)
    if layer is not None:
        like = next(
            (t for t in [*source._parameters.values(), *source._buffers.values()] if t is not None), None
        )
        own = next(layer.parameters(recurse=False), None)
        if like is not None and own is not None and like.is_floating_point():
            layer.to(own.device if own.is_meta else like.device, like.dtype)
        for name, value in layer.__dict__.items():
            if name in ("_parameters", "_buffers"):
                state[name].update(value)
            elif name not in state or (not name.startswith("_") and name != "training"):
                state[name] = value
    module.__dict__.update(state)
    if layer is not None:
        _inherit(module, source)


def _by_name(source: nn.Module, given: dict[str, Any]) -> dict[str, Any]:
    """Returns children by the names that they have in the module, in its order."""
    layers = given.get("layers")
    if isinstance(layers, (list, dict)) and "layers" not in source._modules:
        named = layers if isinstance(layers, dict) else {str(i): layer for i, layer in enumerate(layers)}
        given = {**named, **{name: value for name, value in given.items() if name != "layers"}}
    return {**{name: given.get(name) for name in source._modules}, **given}


def _fresh(tensor: Tensor) -> Tensor:
    copied = tensor.detach().clone()
    return (
        nn.Parameter(copied, requires_grad=tensor.requires_grad)
        if isinstance(tensor, nn.Parameter)
        else copied
    )


def _inherit(layer: nn.Module, source: nn.Module) -> None:
    """Copies of the source's weights what fits."""
    rule = find_rule(layer)
    with torch.no_grad():
        for name, new, old in _both(layer, source):
            pairs = list(zip(new.shape, old.shape))
            if new.is_meta:
                continue
            if new.shape == old.shape:
                new.copy_(old)
            elif rule is not None and new.dim() == old.dim() and all(a <= b for a, b in pairs):
                new.copy_(rule(layer, name, old))
            elif rule is not None and new.dim() == old.dim() and all(a >= b for a, b in pairs):
                _write(rule, source, name, new, old)


def _write(rule: Any, source: nn.Module, name: str, new: Tensor, old: Tensor) -> None:
    """Writes a weight to the part of a larger one that a rule takes, be that part a view or put together (attention)."""
    places = torch.arange(new.numel(), device=new.device).reshape(new.shape)
    try:
        part = rule(source, name, places)
    except RuntimeError:
        return  # a rule that computes, and takes no whole numbers: what it returns is no part
    if part.dtype == places.dtype and part.shape == old.shape:
        before = new.clone()
        new.view(-1)[part.flatten()] = old.flatten()
        if not torch.equal(rule(source, name, new), old):
            new.copy_(before)


def _both(layer: nn.Module, source: nn.Module) -> Iterator[tuple[str, Tensor, Tensor]]:
    for kind in ("_parameters", "_buffers"):
        there: dict[str, Any] = getattr(source, kind)
        for name, new in getattr(layer, kind).items():
            if new is not None and there.get(name) is not None:
                yield name, new, there[name]


def _refuse_shared(network: nn.Module) -> None:
    """Checks that every module and every weight has one place."""
    seen: dict[int, str] = {}
    for name, module in network.named_modules(remove_duplicate=False):
        for kind, part in [("module", module), *(("weight", p) for p in module._parameters.values())]:
            if part is None or (kind == "module" and next(module.parameters(), None) is None):
                continue
            first = seen.setdefault(id(part), name)
            if first != name:
                raise FieldValueError(
                    f"the {kind} at {name!r} is that at {first!r} too, and would become two. Open the parts of the network "
                    "one by one, or symbolize its class: pg.symbolize keeps what its constructor ties."
                )
