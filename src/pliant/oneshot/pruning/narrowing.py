"""Narrows the input that the code of an attention module sees, so that it runs with fewer heads.

Many modules take the width of all heads from their input: ``B, N, C = x.shape``, then ``reshape(B, N, C)``.  Hooks give such code
an input as wide as its heads, and its layers the whole input; the module keeps its class, its code and its weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

from torch import Tensor, nn
from torch.nn import functional

from .opening import run_once

SETTING = "kept_width"  # the attribute with the width that the code of a module sees
_WHOLE = "_pliant_whole"  # of a narrow tensor: the input that it stands for


@final
class NarrowInput:
    """Hook before an attention module: replaces some arguments by tensors as wide as its attribute ``kept_width``.

    Only the shape of such a tensor is meant to be read; layers with a ``WholeInput`` hook get the original.

    >>> import torch
    >>> module, x = nn.Identity(), torch.ones(1, 2, 8)
    >>> module.kept_width = 6
    >>> (narrow,), _ = NarrowInput((0,))(module, (x,), {})
    >>> narrow.shape, WholeInput()(module, (narrow,))[0] is x
    (torch.Size([1, 2, 6]), True)

    Args:
      places: the arguments: numbers of positional ones, names of others.
    """

    def __init__(self, places: tuple[int | str, ...]) -> None:
        self.places = places

    def __call__(self, module: Any, args: Any, fields: Any) -> Any:
        width = getattr(module, SETTING)
        args = tuple(_narrow(x, width) if i in self.places else x for i, x in enumerate(args))
        return args, {name: _narrow(x, width) if name in self.places else x for name, x in fields.items()}


@final
class WholeInput:
    """Hook before a layer of such a module: replaces narrow tensors by the inputs that they stand for."""

    def __call__(self, layer: Any, args: Any) -> Any:
        return tuple(getattr(x, _WHOLE, x) if isinstance(x, Tensor) else x for x in args)


def _narrow(x: Any, width: int) -> Any:
    if not isinstance(x, Tensor) or x.shape[-1] == width:
        return x
    made = functional.pad(x, (0, width - x.shape[-1]))  # a negative padding cuts
    setattr(made, _WHOLE, x)
    return made


def find_readers(network: nn.Module, path: str, inputs: Any) -> Mapping[int | str, tuple[str, ...]]:
    """Returns, by argument of a module that is a tensor, the paths in it of the modules that read just this tensor."""
    given: dict[int | str, Tensor] = {}
    found: dict[int | str, list[str]] = {}
    module = network.get_submodule(path)

    def enter(module: Any, args: Any, fields: Any) -> None:
        named = {**dict(enumerate(args)), **fields}
        given.update({key: x for key, x in named.items() if isinstance(x, Tensor) and x.dim() > 1})

    def note(name: str) -> Any:
        def hook(part: Any, args: Any) -> None:
            for place, x in given.items():
                if args and args[0] is x and name not in found.setdefault(place, []):
                    found[place].append(name)

        return hook

    hooks: list[Any] = [module.register_forward_pre_hook(enter, with_kwargs=True)]
    hooks += [part.register_forward_pre_hook(note(name)) for name, part in module.named_modules() if name]
    try:
        run_once(network, inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return {place: tuple(names) for place, names in found.items()}


def narrow(module: nn.Module, width: int, readers: Mapping[int | str, tuple[str, ...]]) -> bool:
    """Puts the hooks on a module, in place; returns whether it could.

    Args:
      module: takes one or more tensors, and has no attribute ``kept_width``.
      width: of all heads of it.
      readers: see ``find_readers``.
    """
    if not readers or hasattr(module, SETTING) or module._forward_pre_hooks:
        return False
    setattr(module, SETTING, width)
    module.register_forward_pre_hook(NarrowInput(tuple(readers)), with_kwargs=True)
    for name in sorted({name for names in readers.values() for name in names}):
        module.get_submodule(name).register_forward_pre_hook(WholeInput())
    return True


def widen(module: nn.Module) -> None:
    """Takes the hooks from a module, in place."""
    delattr(module, SETTING)
    for part in module.modules():
        hooks = part._forward_pre_hooks
        for key in [key for key, hook in hooks.items() if isinstance(hook, (NarrowInput, WholeInput))]:
            del hooks[key]
            part._forward_pre_hooks_with_kwargs.pop(key, None)


def describe_narrow(module: nn.Module) -> dict[str, Any]:
    """Returns what ``narrow_again`` needs to know of a module with hooks, as JSON."""
    (places,) = (hook.places for hook in module._forward_pre_hooks.values() if isinstance(hook, NarrowInput))
    names = [
        name
        for name, part in module.named_modules()
        if any(isinstance(hook, WholeInput) for hook in part._forward_pre_hooks.values())
    ]
    return {"kind": "narrow", "width": getattr(module, SETTING), "places": list(places), "readers": names}


def narrow_again(module: nn.Module, fields: Any) -> None:
    """Puts the hooks that ``describe_narrow`` described on a module, in place.

    Raises:
      ValueError: the module has no such parts.
    """
    width, places, names = fields.get("width"), fields.get("places"), fields.get("readers")
    parts = dict(module.named_modules())
    is_list = isinstance(places, list) and isinstance(names, list) and places and names
    if (
        type(width) is not int
        or width < 1
        or not is_list
        or not all(isinstance(n, str) and n in parts for n in names)
    ):
        raise ValueError("it has no attention module with the parts that the file names.")
    if not all(type(place) in (int, str) for place in places) or not narrow(module, width, dict.fromkeys(places, tuple(names))):  # fmt: skip
        raise ValueError("its attention module cannot have fewer heads.")
