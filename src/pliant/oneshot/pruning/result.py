"""``Shrunk``: the smaller network that ``shrink`` found, the front of quality against cost, and its file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from pliant.hyper.template import Template
from pliant.space import Decisions
from pliant.symbolic.read.query import get

from ..rewrite.foreign import open_network
from .attention import describe_replaced
from .files import LEFT_OUT, is_left_out, save_network
from .limits import Limit, format_cost
from .opening import find_nodes
from .space import FoundSpace


@dataclass(frozen=True, slots=True)
class Row:
    """One network of the front.

    Attributes:
      decisions: that make it.
      costs: by name, of the costs in the limits.
      shares: the same, relative to the network as it was given.
      quality: the mean quality after its batch normalization was measured; None without targets or a quality.
      damage: how far its outputs are from those of the network as it was given; lower is better.
    """

    decisions: Decisions
    costs: Mapping[str, float]
    shares: Mapping[str, float]
    quality: float | None
    damage: float


@dataclass(frozen=True, eq=False)
class Shrunk:
    """The result of ``shrink``.

    Attributes:
      network: an ordinary network within the limits, with weights of the given one; fine-tune it as any other.
      decisions: of the space that make it.
      limits: that were asked for.
      front: networks from the given one to the smallest, without training.
      chosen: the row of ``network``.
      found: the space, and what was left out of it.
      changes: by path of a layer, its new arguments; None for a block that was left out, and the length of its output if that is a tuple.
    """

    network: Any
    decisions: Decisions
    limits: tuple[Limit, ...]
    front: tuple[Row, ...]
    chosen: Row
    found: FoundSpace
    changes: Mapping[str, Mapping[str, Any] | None]

    def save(self, path: str | Path) -> Path:
        """Writes the weights and changes of the network, as it is now, to a file that ``load_shrunk`` reads.

        The file is ``safetensors`` if that package is installed and the name ends with ``.safetensors``, else one of
        ``torch.save`` that loads with ``weights_only=True``.
        """
        return save_network(self.network, self.changes, Path(path))

    def __str__(self) -> str:
        names = list(self.chosen.costs)
        titles = [*(f"{name:>24}" for name in names), f"{'quality':>9}", f"{'change of outputs':>19}"]
        lines = ["".join(titles)]
        for row in self.front:
            cells = [f"{format_cost(row.costs[n]):>16} {row.shares[n]:>6.1%}" for n in names]
            quality = "-" if row.quality is None else f"{row.quality:.4g}"
            mark = "  <- chosen" if row is self.chosen else ""
            lines.append("".join(f"{cell:>24}" for cell in cells) + f"{quality:>9}{row.damage:>19.3g}{mark}")
        lines.append("limits: " + ", ".join(map(str, self.limits)) + "; nothing was trained")
        left = [path for path, change in self.changes.items() if is_left_out(change)]
        if left:
            lines.append("blocks left out: " + ", ".join(left))
        return "\n".join(lines)


def read_changes(found: FoundSpace, decisions: Decisions) -> dict[str, dict[str, Any] | None]:
    """Returns what decisions change in the network that was given: arguments of layers, and blocks that are left out."""
    names = {id(module): name for name, module in found.network.named_modules()}
    nodes = list(find_nodes(open_network(found.network)))
    before = {names[id(module)]: node.sym_init_args for _, node, module in nodes}
    places = {names[id(module)]: place for place, _, module in nodes}
    made = Template(found.space).materialize(decisions)
    after = {names[id(module)]: node.sym_init_args for _, node, module in find_nodes(made)}
    changes: dict[str, dict[str, Any] | None] = {}
    for block in found.blocks:
        if block not in after:
            outputs = get(made, places[block]).sym_init_args["outputs"]
            changes[block] = None if outputs is None else {LEFT_OUT: outputs}
    for name, fields in after.items():
        own = {
            key: fields[key]
            for key in fields
            if _is_setting(fields[key]) and fields[key] != before[name].get(key)
        }
        if name in found.replaced:
            own["replaced"] = describe_replaced(found.network.get_submodule(name), found.replaced[name])
        if own:
            changes[name] = own
    return changes


def _is_setting(value: object) -> bool:
    return isinstance(value, (int, float, str, tuple)) and not isinstance(value, nn.Module)
