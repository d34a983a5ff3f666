"""The two spaces of ENAS for images: whole networks with skip connections (macro), and cells (micro) (PyTorch).

Pham et al., "Efficient Neural Architecture Search via Parameter Sharing", ICML 2018, sections 2.3 and 2.4, as its networks are
searched: skip connections are added, and the channels stay the same.  Cells are those of ``nasnet`` with five operations.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import torch
from torch import Tensor, nn

from pliant.hyper import oneof
from pliant.symbolic.objects.symbolize import symbolize
from pliant.values.errors import FieldValueError, quote, suggest

from . import nasnet
from .cell_graph import CellGraph, draw_decided
from .layers import ConvNormAct
from .operations import Convolution, FactorizedReduce, Identity, Pooling, Zero
from .sizes import checked

OPS = ("conv_3x3", "sep_conv_3x3", "conv_5x5", "sep_conv_5x5", "avg_pool_3x3", "max_pool_3x3")
"""The six operations of the macro space; a decision is an index into them."""

CELL_OPS = ("sep_conv_3x3", "sep_conv_5x5", "avg_pool_3x3", "max_pool_3x3", "skip_connect")
"""The five operations of the micro space."""

OP_HINT, SKIP_HINT = "op", "skip"
"""The hints of the holes of the macro space; those of cells are in ``nasnet``."""

FOUND = nasnet.Genotype(
    normal=(
        ("avg_pool_3x3", 0), ("sep_conv_3x3", 0), ("skip_connect", 0), ("sep_conv_5x5", 0), ("skip_connect", 0),
        ("sep_conv_5x5", 1), ("sep_conv_3x3", 1), ("sep_conv_5x5", 0), ("avg_pool_3x3", 0), ("sep_conv_5x5", 1),
    ),
    reduction=(
        ("sep_conv_3x3", 1), ("sep_conv_3x3", 1), ("max_pool_3x3", 0), ("avg_pool_3x3", 0), ("sep_conv_5x5", 1),
        ("sep_conv_5x5", 3), ("sep_conv_3x3", 1), ("skip_connect", 0), ("max_pool_3x3", 0), ("sep_conv_5x5", 1),
    ),
)  # fmt: skip
"""The cells that the paper found in the micro space."""

FOUND_LAYERS = (
    "conv_3x3",
    "sep_conv_5x5 0",
    "conv_3x3 10",
    "conv_5x5 001",
    "conv_5x5 0000",
    "sep_conv_5x5 11010",
    "conv_5x5 000001",
    "conv_5x5 0110111",
    "sep_conv_3x3 01110101",
    "conv_3x3 000000000",
    "conv_5x5 0000010000",
    "conv_3x3 10011000011",
    "conv_5x5 010000010110",
    "sep_conv_3x3 0010001110101",
    "conv_3x3 11010100000100",
    "conv_5x5 001000000010101",
    "conv_5x5 0100010011110010",
    "conv_5x5 00001010100101001",
    "sep_conv_5x5 011010000010101000",
    "sep_conv_5x5 0110000000001100001",
    "conv_3x3 10010110001000001100",
    "sep_conv_5x5 010110010110110100100",
    "conv_3x3 1010100000000101001000",
    "conv_3x3 11000111010001010011000",
)
"""The layers of the network that the authors' code trains at the end of the macro search: operation, and a digit for each
earlier output, 1 if it is used."""


@symbolize
@final
class Operation(nn.Sequential):
    """A 1 x 1 convolution, then one of the six operations.

    Args:
      name: one of ``OPS``.
      filters: channels that come in and go out.
    """

    def __init__(self, name: str, filters: int) -> None:
        if name not in OPS:
            raise FieldValueError(
                f"the operations of ENAS are {', '.join(OPS)}; got {quote(name)}{suggest(name, OPS) or '.'}"
            )
        kind, size = name[:-4], int(name[-1])
        parts: list[Any] = [ConvNormAct(filters, filters, 1)]
        if kind == "conv":
            parts.append(ConvNormAct(filters, filters, size))
        elif kind == "sep_conv":
            depthwise = nn.Conv2d(filters, filters, size, padding=size // 2, groups=filters, bias=False)
            parts += [depthwise, ConvNormAct(filters, filters, 1)]
        else:
            parts.append(Pooling(kind[:3], filters))
        super().__init__(*parts)


@symbolize
@final
class Layer(nn.Module):
    """An operation on the layer before, to whose output earlier layers are added.

    Args:
      op: the operation.
      skips: one for each layer before the one that comes in: the identity where it is added, else ``Zero``.
      filters: channels.
    """

    def __init__(self, op: nn.Module, skips: Sequence[nn.Module], filters: int) -> None:
        super().__init__()
        self.operation, self.connections = op, nn.ModuleList(skips)
        self.norm = nn.BatchNorm2d(filters) if skips else nn.Identity()

    def forward(self, layers: Sequence[Tensor]) -> Tensor:
        """Returns images in the shape of the layers before, the last of which the operation takes."""
        x = self.operation(layers[-1])
        for connection, earlier in zip(self.connections, layers):
            x = x + connection(earlier)
        out: Tensor = self.norm(x)
        return out


@symbolize
@final
class JoinedLayer(nn.Module):
    """An operation on the layer before, concatenated with earlier layers, and a 1 x 1 convolution back to the channels.

    Args:
      op: the operation.
      skips: one for each layer before the one that comes in: 1 where it is concatenated, else 0.
      filters: channels.
    """

    def __init__(self, op: nn.Module, skips: Sequence[int], filters: int) -> None:
        super().__init__()
        self.operation, self.sources = op, [i for i, used in enumerate(skips) if used]
        self.join: nn.Module = (
            Convolution((len(self.sources) + 1) * filters, filters, 1) if skips else nn.Identity()
        )

    def forward(self, layers: Sequence[Tensor]) -> Tensor:
        """Returns images in the shape of the layers before, the last of which the operation takes."""
        out: Tensor = self.join(
            torch.cat([*(layers[i] for i in self.sources), self.operation(layers[-1])], dim=1)
        )
        return out


@symbolize
@final
class Network(nn.Module):
    """A convolution, layers with a reduction of all earlier ones after each third, and a linear layer.

    Args:
      layers: the layers, of which number i can use the i outputs before the one that it takes.
      filters: channels of the first third.
      classes: how many logits it returns.
      growth: channels behind a reduction relative to those before it.
    """

    def __init__(
        self, layers: Sequence[nn.Module], filters: int = 36, classes: int = 10, *, growth: int = 1
    ) -> None:
        super().__init__()
        self.stem = ConvNormAct(3, filters, 3, activation="none")
        self.body = nn.ModuleList(layers)
        third = len(layers) // 3
        self.ends = (third - 1, 2 * third - 1) if third else ()
        self.reductions = nn.ModuleList()
        for end in self.ends:
            wide = filters * growth
            self.reductions.append(nn.ModuleList(FactorizedReduce(filters, wide) for _ in range(end + 2)))
            filters = wide
        self.classifier = nn.Linear(filters, classes)

    def _graphs_(self) -> dict[str, CellGraph] | None:
        return draw_decided(self, to_graphs)

    def forward(self, x: Tensor) -> Tensor:
        """Returns a logit per class."""
        found, reductions = [self.stem(x)], iter(self.reductions)
        for place, layer in enumerate(self.body):
            found.append(layer(found))
            if place in self.ends:
                found = [reduce(one) for reduce, one in zip(next(reductions), found)]  # type: ignore[call-overload]
        out: Tensor = self.classifier(found[-1].mean(dim=(2, 3)))
        return out


@checked()
def make_network(
    ops: Sequence[str], skips: Sequence[Sequence[int]], *, filters: int = 36, classes: int = 10
) -> Any:
    """Returns a network of the macro space.

    Args:
      ops: the operation of each layer.
      skips: for layer i, i numbers: 1 for each earlier output that is added, 0 for the others.
      filters: channels.
      classes: how many logits it returns.

    Raises:
      FieldValueError: another number of skip connections, or an unknown operation.
    """
    counts = [len(one) for one in skips]
    if counts != list(range(len(ops))):
        raise FieldValueError(
            f"layer i of {len(ops)} has i numbers of skip connections, from 0 for the first layer on; got {counts}."
        )
    layers = [
        Layer(Operation(op, filters), [Identity() if one else Zero() for one in row], filters)
        for op, row in zip(ops, skips)
    ]
    return Network(layers, filters, classes)


@checked()
def make_macro_network(
    layers: Sequence[str] = FOUND_LAYERS, *, filters: int = 96, classes: int = 10, whole: bool = False
) -> Any:
    """Returns a found network of the macro space as it is trained: outputs are concatenated, and reductions double channels.

    The authors' code builds separable convolutions as whole ones here (``whole``), and then has 42.6M parameters. The paper
    prints 21.3M, and 38.0M "with more channels", and gives neither the layers nor the channels of these networks.

    >>> sum(p.numel() for p in make_macro_network().parameters())
    30947434

    Args:
      layers: see ``FOUND_LAYERS``.
      filters: channels of the first third.
      classes: how many logits it returns.
      whole: whether separable convolutions are replaced by whole ones.

    Raises:
      FieldValueError: a layer has another number of digits, or an unknown operation.
    """
    third, made = len(layers) // 3, []
    for place, layer in enumerate(layers):
        name, _, digits = layer.partition(" ")
        if len(digits) != place or set(digits) - set("01"):
            raise FieldValueError(
                f"layer {place} is an operation and {place} digits, 0 or 1, such as {' '.join(['conv_3x3', '0' * place]).strip()!r}; "
                f"got {quote(layer)}."
            )
        wide = filters * 2 ** min(place // third, 2) if third else filters
        operation = Operation(name.removeprefix("sep_") if whole else name, wide)
        made.append(JoinedLayer(operation, [int(digit) for digit in digits], wide))
    return Network(made, filters, classes, growth=2)


@checked()
def make_macro_space(length: int = 12, *, filters: int = 36, classes: int = 10) -> Any:
    """Returns whole networks: 6 ** L * 2 ** (L (L - 1) / 2) for L layers, 1.6 * 10**29 for the paper's twelve.

    >>> import pliant as pg
    >>> f"{pg.abstract_search_space(make_macro_space()).size:.1e}"
    '1.6e+29'

    Args:
      length: the number of layers.
      filters: channels.
      classes: how many logits the network returns.

    Raises:
      FieldValueError: fewer than one layer.
    """

    def make_layer(place: int) -> Any:
        op = oneof([Operation(name, filters) for name in OPS], hints=OP_HINT)
        skips = [oneof([Zero(), Identity()], hints=SKIP_HINT) for _ in range(place)]
        return Layer(op, skips, filters)

    return Network([make_layer(place) for place in range(length)], filters, classes)


@checked()
def make_micro_network(*, filters: int = 36, repeats: int = 6, classes: int = 10) -> Any:
    """Returns the network of the cells that the paper found, without the auxiliary classifier.

    >>> sum(p.numel() for p in make_micro_network().parameters())  # 4.6M, as published
    4587382

    The script of the authors has five repeats, and so 3.9M.

    Args:
      filters: channels of a block of the first stage.
      repeats: normal cells of a stage.
      classes: how many logits it returns.
    """
    return nasnet.make_network(FOUND, filters=filters, repeats=repeats, classes=classes, calibrates=True)


@checked()
def make_micro_space(
    blocks: int = nasnet.BLOCKS, *, filters: int = 36, repeats: int = 6, classes: int = 10
) -> Any:
    """Returns two cells of five blocks: (product over blocks i of ((i + 2) * 5) ** 2) ** 2 programs, 2.6 * 10**25.

    The paper prints (5 * 5!) ** 4 = 1.3 * 10**11, which counts the operation once for all five blocks.

    >>> import pliant as pg
    >>> pg.abstract_search_space(make_micro_space()).size == ((2 * 3 * 4 * 5 * 6) * 5**5) ** 4
    True

    Args:
      blocks: of a cell.
      filters: channels of a block of the first stage.
      repeats: normal cells of a stage.
      classes: how many logits the network returns.
    """
    return nasnet.make_space(
        blocks=blocks, ops=CELL_OPS, filters=filters, repeats=repeats, classes=classes, calibrates=True
    )


def to_graphs(network: Any) -> dict[str, CellGraph]:
    """Returns the graph of the layers of a concrete network of the macro space; a number alone is an earlier output that is added or concatenated.

    >>> network = make_network(["conv_3x3", "max_pool_3x3", "conv_5x5"], [[], [1], [0, 1]])
    >>> print(to_graphs(network)["layers"].draw())
      0  1  2  3
      *           first convolution
      o--*        conv_3x3(0)
      o--o--*     max_pool_3x3(1) + 0
         o--o--*  conv_5x5(2) + 1
               o  classifier
    """
    nodes = tuple(
        ((layer.op.name, place), *(("", i) for i, skip in enumerate(layer.skips) if _is_used(skip)))
        for place, layer in enumerate(network.layers)
    )
    return {"layers": CellGraph(("first convolution",), nodes, (len(nodes),), "classifier")}


def _is_used(skip: Any) -> bool:
    return skip == 1 if isinstance(skip, int) else not isinstance(skip, Zero)
