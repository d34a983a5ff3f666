"""Opens ordinary, non-symbolic networks as symbolic programs, so that their layers can be queried, changed and searched.

Each module becomes a node of its own class.  The fields of a node are the children of the module and, for layers of
``torch.nn``, the constructor's arguments.  A realized node is a copy of the module with the children of the program;
the module's code is neither read nor changed.  ``follow`` finds the layers whose widths depend on each other.
"""

from __future__ import annotations

import copy
import inspect
import weakref
from collections.abc import Iterator
from keyword import iskeyword
from typing import Any

import torch
from torch import Tensor, nn

from pliant.hyper.functions import oneof
from pliant.hyper.hole import DerivedHole
from pliant.symbolic.edit.clone import clone
from pliant.symbolic.edit.rebind import rebind
from pliant.symbolic.objects.symbolize import symbolize
from pliant.symbolic.tree.leaf import Ref
from pliant.symbolic.tree.node import Node, children
from pliant.symbolic.tree.realize import hole_paths, realize
from pliant.values.errors import FieldValueError, check_items, quote
from pliant.values.path import Path

from ..elastic.rules import find_rule
from ..elastic.slices import slice_rule
from .layer_fields import read_fields, read_settings
from .openable import check_openable
from .ties import has_weights, tie_again
from .written import has_written, is_written, to_hole

_classes: weakref.WeakValueDictionary[tuple[Any, ...], Any] = weakref.WeakValueDictionary()


def open_network(network: nn.Module) -> Any:
    """Returns a symbolic program that makes a copy of a network, weights included.

    Nodes have the names and classes of the modules; numbered children (``nn.Sequential``, ``nn.ModuleList``) become the
    list ``layers``: ``layer1.0.conv1`` is at ``layer1.layers[0].conv1``.  The fields of a layer of ``torch.nn``, or of a
    class derived from one, are the arguments of its constructor.  A layer with changed arguments keeps the parts of its
    weights that a super-network would share.

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
      FieldTypeError: ``network`` is not a module, or a part of it is compiled, scripted, exported or quantized.
      FieldValueError: a lazy layer has no weights yet, or only some weights have values.
    """
    return _open(check_openable(network, "open_network takes a module"), set())


def open_holes(network: nn.Module) -> Any:
    """Returns a program of a module with holes in it; None if it has none.

    A hole may be in the arguments of a symbolic module inside an ordinary one, or an attribute of a module: ``self.act =
    pg.oneof([ReLU(), Tanh()])``.  Only the modules above holes become nodes; others are copied.  Choices that are written by hand
    (``LayerChoice``) become holes.

    Raises:
      FieldValueError: a module or a weight occurs at two places.
      SpaceError: a choice that is written by hand does what no hole does.
    """
    if not _has_holes(network):
        return None
    if isinstance(network, Node):
        return _open_arguments(network)
    _check_unshared(network)
    return _open_modules_with_holes(network)


def _open_modules_with_holes(module: nn.Module) -> Any:
    if is_written(module):
        return to_hole(module, _open_modules_with_holes)  # type: ignore[arg-type]  # a choice
    if isinstance(module, Node):
        return _open_arguments(module)
    if not _has_holes(module) and not has_written(module):
        return module
    children = {name: _open_modules_with_holes(child) for name, child in module.named_children()}
    fields = {**_name_children(children), **_find_hole_attributes(module)}
    return _make_node(module, None, {}, fields)


def _open_arguments(program: Any) -> Any:
    """Returns a program in which ordinary modules with holes or written choices in them are opened; itself without any."""
    updates: dict[Path, Any] = {}

    def walk(value: object, path: Path) -> None:
        for key, child in children(value) or ():
            if not isinstance(child, nn.Module) or isinstance(child, Node):
                walk(child, path + key)
            elif _has_holes(child) or has_written(child):
                _check_unshared(child)
                updates[path + key] = _open_modules_with_holes(child)

    walk(program, Path())
    return rebind(clone(program), updates) if updates else program


def _has_holes(module: nn.Module) -> bool:
    if isinstance(module, Node):
        return bool(hole_paths(module)) or any(_has_holes(part) for part in _find_modules(module))
    return bool(_find_hole_attributes(module)) or any(map(_has_holes, module.children()))


def _find_modules(value: object) -> Iterator[nn.Module]:
    """Yields the ordinary modules in the arguments of a program."""
    for _, child in children(value) or ():
        if isinstance(child, nn.Module) and not isinstance(child, Node):
            yield child
        else:
            yield from _find_modules(child)


def _find_hole_attributes(module: nn.Module) -> dict[str, Any]:
    """Returns the attributes of a module, other than its children, that have holes."""
    return {n: value for n, value in vars(module).items() if isinstance(value, Node) and hole_paths(value)}


class SamePadding(DerivedHole):
    """The padding that keeps an image's size under a searched kernel size: half of the kernel's extent."""

    kernel: Any
    dilation: int = 1

    def inner(self) -> Any:
        return [clone(self.kernel)]

    def build(self, value: Any) -> Any:
        return self.dilation * (value[0] - 1) // 2

    def unbuild(self, value: Any) -> Any:
        return [2 * value // self.dilation + 1]


def open_kernel(layer: Any, sizes: list[int], *, name: str) -> Any:
    """Returns a symbolic convolution with a searched kernel size and a padding that keeps the image's size.

    >>> import pliant as pg
    >>> conv = open_kernel(pg.symbolize(nn.Conv2d)(3, 8, 3, padding=1), [3, 5], name="kernel")
    >>> [(c.kernel_size, c.padding) for c in pg.iter(conv)]
    [(3, 1), (5, 2)]

    Args:
      layer: stays as it is.
      sizes: odd numbers.
      name: the name of the decision; for example the path of the layer.

    Raises:
      FieldValueError: a size is not odd.
    """
    sizes = list(check_items(sizes, "open_kernel(sizes=...)", "[3, 5]"))
    if any(type(size) is not int or size % 2 == 0 for size in sizes):
        raise FieldValueError(
            f"kernel sizes that keep the size of an image are odd numbers; got {quote(sizes)}."
        )
    kernel = oneof(sizes, name=name)
    dilation = layer.sym_init_args["dilation"]
    step = dilation[0] if isinstance(dilation, tuple) else dilation
    return rebind(clone(layer), kernel_size=kernel, padding=SamePadding(clone(kernel), step))


def _open(module: nn.Module, seen: set[int]) -> Any:
    if is_written(module):
        return to_hole(module, lambda candidate: _open(candidate, seen))  # type: ignore[arg-type]  # a choice
    children: dict[str, Any] = {}
    for name, child in module._modules.items():
        if child is None:
            continue
        is_tied = id(child) in seen and has_weights(child)
        seen.add(id(child))
        children[name] = None if is_tied else _open(child, seen)
    fields = _name_children(children)
    base, arguments = read_fields(module) or (None, {})
    if base is None:
        fields.update({name: value for name, value in read_settings(module).items() if name not in fields})
    return _make_node(module, base, arguments, {n: v for n, v in fields.items() if n not in arguments})


def _make_node(
    module: nn.Module, base: type[nn.Module] | None, arguments: dict[str, Any], fields: dict[str, Any]
) -> Any:
    cls = node_class(type(module), base, tuple(fields), tuple(arguments))
    return cls(**{_source_field((*fields, *arguments)): Ref(module)}, **arguments, **fields)


def _name_children(children: dict[str, Any]) -> dict[str, Any]:
    """Returns the children of a module as fields of its node: by name, or as the list ``layers`` if they are numbered."""
    if children and list(children) == [str(i) for i in range(len(children))]:
        return {"layers": list(children.values())}
    return dict(children) if all(map(_can_be_field, children)) else {"layers": children}


def _can_be_field(name: str) -> bool:
    return name.isidentifier() and not iskeyword(name) and not name.startswith(("__", "_sym_", "_v_"))


def _source_field(others: tuple[str, ...]) -> str:
    """Returns the name of the field for the module that a node copies; ``opened`` where no other field has that name."""
    name = "opened"
    while name in others:
        name += "_"
    return name


def node_class(
    cls: type[nn.Module],
    base: type[nn.Module] | None,
    children: tuple[str, ...] = (),
    arguments: tuple[str, ...] = (),
) -> Any:
    """Returns the symbolic class whose instances are copies of modules of a class.

    Args:
      cls: the class of the modules.
      base: the class that makes a layer from ``arguments``; None if the modules are only copied.
      children: the names of further fields: parts, and settings.
      arguments: the names of the fields that are arguments of ``base``.
    """
    key = id(cls), base, children, arguments  # what is made keeps `cls` alive
    known = _classes.get(key)
    if known is not None:
        return known

    source = _source_field((*children, *arguments))

    def __init__(_node: Any, /, **given: Any) -> None:  # noqa: N807  # becomes the __init__ of the class
        fields = {name: given.pop(name) for name in arguments}
        module = given.pop(source)
        _become(_node, module, None if base is None else base(**fields), _by_name(module, given))

    keyword = inspect.Parameter.KEYWORD_ONLY
    __init__.__signature__ = inspect.Signature(  # type: ignore[attr-defined]  # read by symbolize
        [
            inspect.Parameter("__node", inspect.Parameter.POSITIONAL_ONLY),
            *(inspect.Parameter(name, keyword) for name in (*arguments, source)),
            *(inspect.Parameter(name, keyword, default=None) for name in children),
        ]
    )
    # A separate name: stored text with the name of the class still refers to the class.
    names = {
        "__init__": __init__,
        "__module__": cls.__module__,
        "__qualname__": f"{cls.__qualname__}.opened",
        "_sym_recipe": (node_class, (cls, base, children, arguments)),  # for reading a pickle
        "_sym_slim": staticmethod(_slim),  # for writing one
    }
    # Libraries keep tables by the printed names of classes, such as transformers' outputs to be recorded.
    metaclass: Any = type(f"Opened{type(cls).__name__}", (type(cls),), {"__repr__": lambda made: repr(cls)})
    if hasattr(cls, "__getitem__"):
        names["__getitem__"] = _item_of(cls)
    made = _classes[key] = symbolize(metaclass(cls.__name__, (cls,), names))
    return made


_shells: weakref.WeakValueDictionary[int, nn.Module] = weakref.WeakValueDictionary()  # during one pickle


def _slim(node: Any, own: dict[str, Any], user: Any) -> tuple[dict[str, Any], Any]:
    """Returns both parts of a realized copy for a pickle, in which the copy itself stands for the module that was opened.

    So the pickle has the weights once, and a clone of what is read has the weights of the copy.
    """
    hidden = _find_sources(own)
    if not hidden or not isinstance(user, dict):
        return own, user
    shell = _shell(node)
    own = {**own, **{f"_v_{name}": Ref(shell) for name in hidden}}
    return own, {name: shell if name in hidden else value for name, value in user.items()}


def _find_sources(own: dict[str, Any]) -> set[str]:
    """Returns the names of the fields of a node that hold what was opened."""
    return {name[3:] for name, value in own.items() if name.startswith("_v_") and _is_source(value)}


def _is_source(value: object) -> bool:
    return isinstance(value, Ref) and isinstance(value.value, nn.Module)


def is_opened(program: object) -> bool:
    """Returns whether a program has weights of a network that was opened.

    >>> is_opened(open_network(nn.Linear(2, 2))), is_opened(nn.Linear(2, 2))
    (True, False)
    """
    return any(
        has_weights(child.value) if _is_source(child) else is_opened(child)
        for _, child in children(program) or ()
    )


def _shell(node: Any) -> nn.Module:
    """Returns an ordinary module with the state of a realized copy, and shells of its children."""
    if not hasattr(type(node), "_sym_slim"):
        return node  # type: ignore[no-any-return]  # a module that was put into the program
    found = _shells.get(id(node))
    if found is None:
        cls = type(node)._sym_recipe[1][0]
        found = _shells[id(node)] = cls.__new__(cls)
        hidden = _find_sources(node.__dict__)
        state = {
            name: value
            for name, value in node.__dict__.items()
            if not name.startswith(("_v_", "_sym_", "_pliant_")) and name not in hidden
        }
        state["_modules"] = {
            name: None if child is None else _shell(child) for name, child in state["_modules"].items()
        }
        found.__dict__.update(state)
    return found


def _item_of(cls: Any) -> Any:
    """Returns ``__getitem__`` for copies of a container of modules: a slice is an ordinary container of that class."""

    def __getitem__(self: Any, index: Any) -> Any:  # noqa: N807  # installed on the class
        if isinstance(index, slice):
            state, self = vars(realize(self)), cls.__new__(cls)
            self.__dict__.update(state)
        return cls.__getitem__(self, index)

    return __getitem__


def _become(module: Any, source: nn.Module, layer: nn.Module | None, children: dict[str, Any]) -> None:
    """Makes ``module`` a copy of ``source`` with other children and with the size of ``layer``."""
    state = dict(source.__dict__)
    state.pop("_compiled_call_impl", None)  # `source.compile()` was for the source
    for name, child in list(children.items()):  # values, and modules that replace holes at attributes
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
        tensors = [*source._parameters.values(), *source._buffers.values()]
        like = next((tensor for tensor in tensors if tensor is not None), None)
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
    if len(source._modules) > 1 or (source._modules and source._parameters):
        tie_again(module, source)


def _by_name(source: nn.Module, given: dict[str, Any]) -> dict[str, Any]:
    """Returns children by their names in the module, in its order."""
    layers = given.get("layers")
    if isinstance(layers, (list, dict)) and not all(name in given for name in source._modules):
        named = layers if isinstance(layers, dict) else {str(i): layer for i, layer in enumerate(layers)}
        given = {**named, **{name: value for name, value in given.items() if name != "layers"}}
    return {**{name: given.get(name) for name in source._modules}, **given}


def _fresh(tensor: Tensor) -> Tensor:
    copied, is_weight = tensor.detach().clone(), isinstance(tensor, nn.Parameter)
    return nn.Parameter(copied, requires_grad=tensor.requires_grad) if is_weight else copied


def _inherit(layer: nn.Module, source: nn.Module) -> None:
    """Copies the parts of the source's weights that fit."""
    rule = find_rule(layer)
    there: dict[str, Any] = {**source._parameters, **source._buffers}
    with torch.no_grad():
        for name, new in [*layer._parameters.items(), *layer._buffers.items()]:
            if new is None or new.is_meta or (old := there.get(name)) is None:
                continue
            pairs = list(zip(new.shape, old.shape))
            if new.shape == old.shape:
                new.copy_(old)
            elif rule is not None and new.dim() == old.dim() and all(a <= b for a, b in pairs):
                sliced = slice_rule(rule, layer, name, part=new.shape, full=old.shape)
                new.copy_(sliced(layer, name, old))
            elif rule is not None and new.dim() == old.dim() and all(a >= b for a, b in pairs):
                _write(rule, source, name, new, old)


def _write(rule: Any, source: nn.Module, name: str, new: Tensor, old: Tensor) -> None:
    """Writes a weight to the part of a larger one that a sharing rule returns, as a view or a concatenation (attention)."""
    places = torch.arange(new.numel(), device=new.device).reshape(new.shape)
    try:
        part = rule(source, name, places)
    except RuntimeError:
        return  # the rule computes with floats, so its result is not a part
    if part.dtype == places.dtype and part.shape == old.shape:
        before = new.clone()
        new.view(-1)[part.flatten()] = old.flatten()
        if not torch.equal(rule(source, name, new), old):
            new.copy_(before)


def _check_unshared(network: nn.Module) -> None:
    """Checks that each module and each weight of a network with holes has one place."""
    seen: dict[int, str] = {}

    def walk(module: nn.Module, path: str) -> None:
        parts: list[tuple[str, str, Any]] = [("module", path, module)]
        if not isinstance(module, Node):
            parts += [("weight", f"{path}.{n}".lstrip("."), p) for n, p in module._parameters.items()]
        for kind, place, part in parts:
            first = place if part is None else seen.setdefault(id(part), place)
            if first != place:
                raise FieldValueError(
                    f"the {kind} at {place!r} is also at {first!r}, and its copies would be independent. The network has holes and is "
                    "built again for each decision. Symbolize the class that has both: pg.symbolize keeps what its constructor ties."
                )
        if not isinstance(module, Node):
            for name, child in module._modules.items():
                if child is not None:
                    walk(child, f"{path}.{name}" if path else name)

    walk(network, "")
