"""Writes a shrunk network to a file, and reads it into the network that it was made from."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pliant.symbolic.edit.rebind import rebind
from pliant.symbolic.tree.realize import realize
from pliant.values.errors import FieldValueError, check_file, quote
from pliant.values.packages import require

from ..choices.mutable import check_module
from ..rewrite.foreign import open_network
from ..rewrite.plain import to_plain
from .attention import replace_again
from .blocks import make_skip
from .opening import find_nodes

_KEY = "pliant.shrunk"
LEFT_OUT = "left_out"  # of a block that returns a tuple, with its length
Changes = Mapping[str, Mapping[str, Any] | None]


def is_left_out(change: Mapping[str, Any] | None) -> bool:
    """Returns whether a change leaves a block out.

    >>> is_left_out(None), is_left_out({LEFT_OUT: 2}), is_left_out({"out_features": 2})
    (True, True, False)
    """
    return change is None or LEFT_OUT in change


def save_network(network: nn.Module, changes: Changes, path: Path) -> Path:
    """Writes the weights of a network, and its changes against the network that it was made from."""
    weights = {name: tensor.detach().cpu().contiguous() for name, tensor in network.state_dict().items()}
    text = json.dumps({"version": 1, "changes": dict(changes)}, sort_keys=True)
    if path.suffix == ".safetensors":
        _require_safetensors(path)
        from safetensors.torch import save_file

        kept: dict[str, Tensor] = {}
        for name, tensor in weights.items():  # the format refuses tensors that share memory
            kept[name] = tensor.clone()
        save_file(kept, path, metadata={_KEY: text})
    else:
        torch.save({_KEY: text, "weights": weights}, path)
    return path


def load_shrunk(network: nn.Module, path: str | Path) -> Any:
    """Returns the network of a file of ``Shrunk.save``.

    Args:
      network: an instance of the network that was shrunk, with its original sizes and any weights; it stays as it is.
      path: of the file.

    Raises:
      FieldTypeError: the network is not a module, or the path is not text or a path.
      FieldValueError: the file does not exist or does not hold a shrunk network, or that of another network.
    """
    check_module(network)
    weights, text = _read(Path(check_file(path, "load_shrunk(path=...)")))
    try:
        changes = json.loads(text)["changes"]
        own = apply_changes(network, changes)
        own.load_state_dict(weights)
    except (KeyError, ValueError, TypeError, RuntimeError) as error:
        raise FieldValueError(
            f"the file {str(path)!r} does not fit this {type(network).__name__}: {error} Give a network of the class and the sizes "
            "that was shrunk."
        ) from error
    return own


def apply_changes(network: nn.Module, changes: Changes) -> Any:
    """Returns an ordinary network with other arguments of layers, and without some blocks."""
    replaced = {
        name: change["replaced"] for name, change in changes.items() if change and "replaced" in change
    }
    if replaced:
        network = copy.deepcopy(network)
        for name, fields in replaced.items():
            replace_again(network, name, fields)
    program = open_network(network)
    names = {id(module): name for name, module in network.named_modules()}
    updates: dict[Any, Any] = {}
    unknown = set(changes) - set(names.values())
    if unknown:
        raise ValueError(f"it has no module {sorted(unknown)[0]!r}.")
    gone = {name: (change or {}).get(LEFT_OUT) for name, change in changes.items() if is_left_out(change)}
    for place, _, module in find_nodes(program):
        name = names[id(module)]
        if name in gone:
            updates[place] = make_skip(module, gone[name])
        elif not any(name.startswith(one + ".") for one in gone):
            for key, value in (changes.get(name) or {}).items():
                if key == "replaced":
                    continue
                updates[place + key] = tuple(value) if isinstance(value, list) else value
    made = rebind(program, updates) if updates else program
    with torch.random.fork_rng(devices=[]):
        realize(made)
    return to_plain(made)


def _require_safetensors(path: Path) -> None:
    require(
        f"the file {quote(str(path))}",
        "safetensors",
        instead="give a name that ends differently, such as small.pt",
        kind=FieldValueError,
    )


def _read(path: Path) -> tuple[dict[str, Tensor], str]:
    if path.suffix == ".safetensors":
        _require_safetensors(path)
    try:
        if path.suffix == ".safetensors":
            from safetensors import safe_open

            with safe_open(path, framework="pt") as file:
                text = (file.metadata() or {})[_KEY]
                return {name: file.get_tensor(name) for name in file.keys()}, text  # noqa: SIM118  # not a mapping
        found = torch.load(path, weights_only=True, map_location="cpu")
        return found["weights"], found[_KEY]
    except FileNotFoundError:
        raise FieldValueError(
            f"the file {quote(str(path))} does not exist. Give a file that `result.save(path)` wrote."
        ) from None
    except Exception as error:  # whatever a damaged file raises in either package
        raise FieldValueError(
            f"the file {quote(str(path))} does not hold a shrunk network. Give a file that `result.save(path)` wrote."
        ) from error
