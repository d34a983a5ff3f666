"""SpineNet: backbones of blocks whose levels are permuted, each of which takes two earlier ones (PyTorch).

Du et al., "SpineNet: Learning Scale-Permuted Backbone for Recognition and Localization", CVPR 2020, section 3; the space is that of
the cloud service.  Feature level l has 1 / 2**l of the rows and columns of the image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, final

from torch import Tensor, nn

from pliant.hyper import manyof, oneof
from pliant.symbolic.objects.object import Object
from pliant.symbolic.objects.symbolize import symbolize
from pliant.values.errors import FieldValueError, quote

from ..backbones.resnet import Bottleneck, Stem
from ..cell_graph import CellGraph, draw_decided
from ..layers import ConvNormAct
from ..sizes import checked

FILTERS: Final = {1: 32, 2: 64, 3: 128, 4: 256, 5: 256, 6: 256, 7: 256}
"""The channels of a residual block at each level; a bottleneck has four times as many."""

KINDS = ("residual", "bottleneck")
"""The kinds of blocks."""

ALLOCATION: Final = {2: 1, 3: 3, 4: 5, 5: 2}
"""The number of intermediate blocks for each level, before it is changed, in the service's setting."""

OFFSETS = (-1, 0, 1, 2)
"""How the level of an intermediate block can be changed."""

MIN_LEVEL, MAX_LEVEL = 3, 7
"""The levels of the output."""

LEVEL_HINT, OFFSET_HINT, KIND_HINT, INPUT_HINT = "level", "offset", "kind", "input"
"""The hints of the holes."""


@final
class Block(Object):
    """A block.

    Attributes:
      kind: ``"residual"`` or ``"bottleneck"``.
      inputs: two different indices of earlier blocks; 0 and 1 are those of the stem.
      offset: is added to the block's level.
    """

    kind: str
    inputs: list[int]
    offset: int = 0


FOUND = (
    (2, "bottleneck", (0, 1)),
    (4, "residual", (0, 1)),
    (3, "bottleneck", (2, 3)),
    (4, "bottleneck", (2, 4)),
    (6, "residual", (3, 5)),
    (4, "bottleneck", (3, 5)),
    (5, "residual", (6, 7)),
    (7, "residual", (6, 8)),
    (5, "bottleneck", (8, 9)),
    (5, "bottleneck", (8, 10)),
    (4, "bottleneck", (5, 10)),
    (3, "bottleneck", (4, 10)),
    (5, "bottleneck", (7, 12)),
    (7, "bottleneck", (5, 14)),
    (6, "bottleneck", (12, 14)),
)
"""The blocks of SpineNet-49: level, kind and inputs of each; the last five are the output."""


@symbolize
@final
class Residual(nn.Module):
    """Two 3 x 3 convolutions, added to the input."""

    def __init__(self, filters: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            ConvNormAct(filters, filters, 3), ConvNormAct(filters, filters, 3, activation="none")
        )

    def forward(self, x: Tensor) -> Tensor:
        """Returns images in the shape of ``x``."""
        out: Tensor = (self.body(x) + x).relu()
        return out


@symbolize
@final
class Resample(nn.Module):
    """Brings the output of a block to another level and number of channels.

    A 1 x 1 convolution reduces channels; then follow a 3 x 3 convolution with stride 2 and max pooling, or nearest upsampling, and
    a 1 x 1 convolution.

    Args:
      filters_in: channels that come in.
      hidden: channels in between.
      filters: channels that go out.
      halvings: by how many levels it goes up; negative for down.
    """

    def __init__(self, filters_in: int, hidden: int, filters: int, *, halvings: int) -> None:
        super().__init__()
        parts: list[Any] = [ConvNormAct(filters_in, hidden, 1)]
        if halvings > 0:
            parts.append(ConvNormAct(hidden, hidden, 3, stride=2))
            parts += [nn.MaxPool2d(3, 2, 1) for _ in range(halvings - 1)]
        self.reduce = nn.Sequential(*parts)
        self.expand = ConvNormAct(hidden, filters, 1, activation="none")

    def forward(self, x: Tensor, size: tuple[int, int]) -> Tensor:
        """Returns images of ``size`` rows and columns."""
        x = self.reduce(x)
        if tuple(x.shape[-2:]) != size:
            x = nn.functional.interpolate(x, size, mode="nearest")
        out: Tensor = self.expand(x)
        return out


@symbolize
@final
class SpineNet(nn.Module):
    """A stem with two bottlenecks of level 2, permuted blocks, and a 1 x 1 convolution for each level of the output.

    Args:
      blocks: the intermediate blocks, then one for each level of the output.
      levels: the level of each intermediate block, to which its offset is added.
      output_levels: the level of each block of the output: consecutive ones, permuted.
      filters: channels of each level of the output.
      scale: is multiplied with the channels of blocks.
      alpha: channels within ``Resample`` relative to the channels of a residual block.
      repeats: how often each block is repeated.
      classes: None to return features; the number of logits of a classifier on the mean of all levels.
    """

    def __init__(
        self,
        blocks: Sequence[Block],
        levels: Sequence[int],
        output_levels: Sequence[int],
        filters: int = 256,
        *,
        scale: float = 1.0,
        alpha: float = 0.5,
        repeats: int = 1,
        classes: int | None = None,
    ) -> None:
        super().__init__()
        _check(blocks, levels, output_levels)
        wide = int(FILTERS[2] * scale)
        if int(min(FILTERS.values()) * scale) < 1:
            raise FieldValueError(
                f"SpineNet(scale=...) is at least 1 / 32, so that each level has channels; got {scale}."
            )
        first = _repeat("bottleneck", wide, repeats, filters_in=64)
        self.stem = nn.ModuleList([Stem(), first, _repeat("bottleneck", wide, repeats)])
        widths, narrow, self.levels = [4 * wide] * 2, [wide] * 2, [2, 2]
        targets = [level + block.offset for block, level in zip(blocks, levels)] + list(output_levels)
        self.resamples, self.blocks = nn.ModuleList(), nn.ModuleList()
        self.sources: list[list[int]] = []
        used: set[int] = set()
        for place, (block, level) in enumerate(zip(blocks, targets)):
            few = int(FILTERS[level] * scale)
            many = 4 * few if block.kind == "bottleneck" else few
            sources = list(block.inputs)
            self.resamples.append(
                nn.ModuleList(
                    Resample(widths[i], max(1, int(narrow[i] * alpha)), many, halvings=level - self.levels[i])
                    for i in sources
                )
            )
            used.update(sources)
            if place >= len(levels):  # what no block takes is added to the output in its shape
                rest = [i for i, wide in enumerate(widths) if i not in used]
                sources += [i for i in rest if self.levels[i] == level and widths[i] == many]
                used.update(sources)
            self.sources.append(sources)
            self.blocks.append(_repeat(block.kind, few, repeats))
            widths, narrow, self.levels = [*widths, many], [*narrow, few], [*self.levels, level]
        self.order = sorted(range(len(output_levels)), key=lambda i: output_levels[i])
        outputs = widths[len(widths) - len(output_levels) :]
        self.ends = nn.ModuleList(ConvNormAct(outputs[i], filters, 1) for i in self.order)
        self.classifier = None if classes is None else nn.Linear(filters, classes)

    def _graphs_(self) -> dict[str, CellGraph] | None:
        return draw_decided(self, to_graphs)

    def forward(self, x: Tensor) -> Any:
        """Returns the features of each level of the output, finest first, or a logit per class."""
        rows, columns = x.shape[-2:]
        stem, first, second = self.stem
        found = [first(stem(x))]
        found.append(second(found[0]))
        for block, resamples, sources, level in zip(
            self.blocks, self.resamples, self.sources, self.levels[2:]
        ):
            size = (-(-rows // 2**level), -(-columns // 2**level))
            parts = [one(found[i], size) for one, i in zip(resamples, sources)]  # type: ignore[call-overload]
            parts += [found[i] for i in sources[2:]]
            found.append(block(sum(parts[1:], parts[0]).relu()))
        outputs = found[len(found) - len(self.order) :]
        features = [end(outputs[i]) for end, i in zip(self.ends, self.order)]
        if self.classifier is None:
            return features
        fine = features[0].shape[-2:]
        same = [nn.functional.interpolate(one, fine, mode="nearest") for one in features]
        return self.classifier((sum(same[1:], same[0]) / len(same)).mean(dim=(2, 3)))


@checked()
def make_network(
    *,
    filters: int = 256,
    scale: float = 1.0,
    alpha: float = 0.5,
    repeats: int = 1,
    classes: int | None = None,
) -> Any:
    """Returns SpineNet-49, or with other sizes those that are scaled from it.

    In a RetinaNet (its heads have 6.7M) it has the published 28.5M parameters:

    >>> sum(p.numel() for p in make_network().parameters())
    21831488

    SpineNet-49S has 128 filters and scale 0.65, SpineNet-96 2 repeats, SpineNet-143 3 repeats and alpha 1, and SpineNet-190
    512 filters, scale 1.3, alpha 1 and 4 repeats.  These are the settings of the authors' code; with them, SpineNet-49S in a
    RetinaNet has 11.3M parameters, and the paper prints 11.9M.

    Args:
      filters: channels of each level of the output.
      scale: is multiplied with the channels of blocks.
      alpha: see ``SpineNet``.
      repeats: how often each block is repeated.
      classes: None for a backbone; the number of classes for a classifier.
    """
    blocks = [Block(kind, list(inputs)) for _, kind, inputs in FOUND]
    levels = [level for level, _, _ in FOUND]
    return SpineNet(
        blocks,
        levels[:-5],
        levels[-5:],
        filters,
        scale=scale,
        alpha=alpha,
        repeats=repeats,
        classes=classes,
    )


@checked()
def make_space(
    allocation: Mapping[int, int] = ALLOCATION,
    *,
    offsets: Sequence[int] = OFFSETS,
    kinds: Sequence[str] = KINDS,
    window: int | None = 4,
    filters: int = 256,
    scale: float = 1.0,
    classes: int | None = None,
) -> Any:
    """Returns backbones: the order of levels, and kind, inputs and change of level of each block; n blocks and 5 for the output.

    n! * 5! * (product over n blocks i of len(offsets) * len(kinds) * C(min(i + 2, window), 2)) * (product over i = n, ..., n + 4 of
    len(kinds) * C(i + 2, 2)) programs.  Blocks of one level count as different ones in the order, as in the service.

    >>> import pliant as pg
    >>> f"{pg.abstract_search_space(make_space()).size:.1e}"
    '4.8e+38'

    Args:
      allocation: the number of intermediate blocks for each level.
      offsets: changes of the level of an intermediate block, to choose from.
      kinds: of a block, to choose from.
      window: how many blocks before it an intermediate block can take; None for all.
      filters: channels of each level of the output.
      scale: is multiplied with the channels of blocks.
      classes: None for backbones; the number of classes for classifiers.
    """
    bases = [level for level, count in allocation.items() for _ in range(count)]
    count, outputs = len(bases), list(range(MIN_LEVEL, MAX_LEVEL + 1))

    def make_block(place: int) -> Any:
        inner = place < count
        start = max(0, place + 2 - window) if inner and window else 0
        return Block(
            oneof(list(kinds), hints=KIND_HINT),
            manyof(2, list(range(start, place + 2)), distinct=True, sorted=True, hints=INPUT_HINT),
            oneof(list(offsets), hints=OFFSET_HINT) if inner else 0,
        )

    return SpineNet(
        [make_block(place) for place in range(count + len(outputs))],
        manyof(count, bases, distinct=True, sorted=False, hints=LEVEL_HINT) if bases else [],
        manyof(len(outputs), outputs, distinct=True, sorted=False, hints=LEVEL_HINT),
        filters,
        scale=scale,
        classes=classes,
    )


def to_graphs(network: Any) -> dict[str, CellGraph]:
    """Returns the graph of the blocks of a concrete backbone; the last ones are its output."""
    count = len(network.levels)
    levels = [level + block.offset for level, block in zip(network.levels, network.blocks)]
    labels = tuple(
        f"{block.kind} of level {level}"
        for block, level in zip(network.blocks, [*levels, *network.output_levels])
    )
    nodes = tuple(tuple(("", source) for source in block.inputs) for block in network.blocks)
    ends = tuple(range(2 + count, 2 + len(nodes)))
    return {"blocks": CellGraph(("stem", "stem"), nodes, ends, "output", labels)}


def _check(blocks: Sequence[Block], levels: Sequence[int], output_levels: Sequence[int]) -> None:
    """Raises FieldValueError for blocks, levels and inputs that do not fit together."""
    count, outputs = len(levels), sorted(output_levels)
    if (
        not outputs
        or len(blocks) != count + len(outputs)
        or outputs != list(range(outputs[0], outputs[-1] + 1))
    ):
        raise FieldValueError(
            f"a SpineNet has a block for each of its levels, and consecutive levels of the output; got {len(blocks)} blocks, "
            f"{count} levels and the output {list(output_levels)}."
        )
    for place, block in enumerate(blocks):
        level = levels[place] + block.offset if place < count else output_levels[place - count]
        if level not in FILTERS:
            raise FieldValueError(f"levels of blocks are 1 to 7; block {place} has level {level}.")
        if block.kind not in KINDS:
            raise FieldValueError(
                f"a block is 'residual' or 'bottleneck'; block {place} is {quote(block.kind)}."
            )
        first, second = block.inputs
        if first == second or not 0 <= first < place + 2 > second >= 0:
            raise FieldValueError(
                f"block {place} takes two different ones of the {place + 2} before it (0 and 1 are the stem's); got "
                f"{list(block.inputs)}."
            )


def _repeat(kind: str, filters: int, repeats: int, *, filters_in: int | None = None) -> nn.Module:
    """Returns blocks of one kind; ``filters_in`` are the channels that the first one takes, if they differ."""
    if kind == "residual":
        return nn.Sequential(*(Residual(filters) for _ in range(repeats)))
    wide = 4 * filters
    return nn.Sequential(*(Bottleneck((filters_in or wide) if not i else wide, wide) for i in range(repeats)))
