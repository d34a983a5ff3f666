"""Layers of networks for tables: embeddings of numbers and categories, residual blocks, dense layers (PyTorch).

Each ``forward`` works on the last axis, whatever axes are before it, so that several networks can run as one with a leading
axis of candidates.  The arguments are symbolic, so each can be a hole.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, final

import torch
from torch import Tensor, nn

from pliant.symbolic.objects.symbolize import symbolize
from pliant.values.errors import FieldValueError, quote, suggest

from ..layers import make_activation
from ..sizes import checked

NORMALIZATIONS: Final[dict[str, Any]] = {
    "none": lambda width: nn.Identity(),
    "batch": nn.BatchNorm1d,
    "layer": nn.LayerNorm,
}
"""Normalizations by name."""


@checked()
def make_normalization(name: str, width: int) -> nn.Module:
    """Returns the normalization of a name.

    >>> type(make_normalization("layer", 8))
    <class 'torch.nn.modules.normalization.LayerNorm'>

    Raises:
      FieldValueError: the name is unknown.
    """
    if name not in NORMALIZATIONS:
        raise FieldValueError(
            f"the normalizations are {', '.join(NORMALIZATIONS)}; got {quote(name)}{suggest(name, NORMALIZATIONS) or '.'}"
        )
    made: nn.Module = NORMALIZATIONS[name](width)
    return made


@symbolize
@final
class Plain(nn.Identity):
    """Numerical columns as they are, without an embedding."""

    def __init__(self, numbers: int) -> None:
        super().__init__()
        self.features = numbers


@symbolize
@final
class Periodic(nn.Module):
    """Embeds each number by sines and cosines of learned frequencies, a linear layer that columns share, and ReLU.

    Gorishniy et al., "On Embeddings for Numerical Features in Tabular Deep Learning", NeurIPS 2022, section 3.3: of a number x,
    ReLU(Linear([sin(2 pi c x), cos(2 pi c x)])), where the c of a column are drawn from a normal distribution.

    >>> Periodic(3, width=4)(torch.zeros(5, 3)).shape
    torch.Size([5, 12])

    Args:
      numbers: how many columns.
      width: numbers in the embedding of a column.
      frequencies: how many of a column.
      scale: standard deviation of the initial frequencies.
    """

    def __init__(self, numbers: int, width: int = 8, frequencies: int = 16, scale: float = 0.1) -> None:
        super().__init__()
        self.features = numbers * width
        self.weight = nn.Parameter(torch.randn(numbers, frequencies) * scale)
        self.linear = nn.Linear(2 * frequencies, width)

    def forward(self, x: Tensor) -> Tensor:
        """Returns ``width`` numbers for each column."""
        angles = 2 * math.pi * self.weight * x.unsqueeze(-1)
        out: Tensor = self.linear(torch.cat([angles.sin(), angles.cos()], dim=-1)).relu().flatten(-2)
        return out


@symbolize
@final
class PiecewiseLinear(nn.Module):
    """Embeds each number by its piecewise-linear encoding, a linear layer of its column, and ReLU.

    Gorishniy et al., "On Embeddings for Numerical Features in Tabular Deep Learning", NeurIPS 2022, sections 3.2 and 3.3.  With
    edges b_0 < ... < b_T of the bins of a column, the encoding of x has (x - b_(t-1)) / (b_t - b_(t-1)) for bin t, at
    least 0 and at most 1.  The first bin goes down to -1 and the last one up to 2 (in the paper, without a bound).

    The edges are quantiles of a normal distribution until ``fit`` sets those of the training data.

    >>> PiecewiseLinear(3, width=4)(torch.zeros(5, 3)).shape
    torch.Size([5, 12])

    Args:
      numbers: how many columns.
      width: numbers in the embedding of a column.
      bins: how many of a column, at least 2.

    Raises:
      FieldValueError: less than 2 bins.
    """

    edges: Tensor

    def __init__(self, numbers: int, width: int = 8, bins: int = 16) -> None:
        super().__init__()
        if bins < 2:
            raise FieldValueError(f"PiecewiseLinear(bins=...) is at least 2; got {bins}.")
        self.features = numbers * width
        bound = 1 / math.sqrt(bins)
        self.weight = nn.Parameter(torch.empty(numbers, bins, width).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(numbers, width).uniform_(-bound, bound))
        shares = torch.linspace(0.01, 0.99, bins + 1)
        self.register_buffer("edges", torch.special.ndtri(shares).repeat(numbers, 1))

    def fit(self, numbers: Tensor) -> None:
        """Sets the edges to quantiles of the columns.

        Args:
          numbers: training data (rows, columns); bins between equal quantiles become steps.
        """
        shares = torch.linspace(0, 1, self.edges.shape[1], dtype=torch.double)
        rows = numbers[:_QUANTILE_ROWS].double()
        self.edges.copy_(torch.quantile(rows, shares, dim=0).T)

    def encode(self, x: Tensor) -> Tensor:
        """Returns the encoding: one number for each bin of each column, in a new last axis."""
        low, wide = self.edges[:, :-1], self.edges.diff(dim=1)
        place = (x.unsqueeze(-1) - low) / wide.clamp_min(1e-6)
        first, last = place[..., :1].clamp(-1, 1), place[..., -1:].clamp(0, 2)
        return torch.cat([first, place[..., 1:-1].clamp(0, 1), last], dim=-1)

    def forward(self, x: Tensor) -> Tensor:
        """Returns ``width`` numbers for each column."""
        out = torch.einsum("...cb,cbw->...cw", self.encode(x), self.weight) + self.bias
        return out.relu().flatten(-2)


_QUANTILE_ROWS = 100_000  # rows that are enough for quantiles


@symbolize
@final
class Categories(nn.Module):
    """Embeds each category as a vector; the columns have separate vectors in one table.

    >>> Categories((3, 5), width=2)(torch.tensor([[2, 4], [0, 0]])).shape
    torch.Size([2, 4])

    Args:
      cardinalities: the number of codes of each column, code 0 (missing or unseen) included.
      width: of a vector.
    """

    offsets: Tensor

    def __init__(self, cardinalities: Sequence[int], width: int = 8) -> None:
        super().__init__()
        self.features = len(cardinalities) * width
        self.weight = nn.Parameter(torch.randn(sum(cardinalities), width) / math.sqrt(width))
        starts = [sum(cardinalities[:i]) for i in range(len(cardinalities))]
        self.register_buffer("offsets", torch.tensor(starts, dtype=torch.long))

    def forward(self, x: Tensor) -> Tensor:
        """Returns the vectors of all columns, for codes (rows, columns)."""
        return nn.functional.embedding(x + self.offsets, self.weight).flatten(-2)


@symbolize
@final
class Columns(nn.Module):
    """Embeds the columns of a table, and maps all embeddings to ``width`` numbers by one linear layer.

    >>> columns = Columns(2, (3,), 16)
    >>> columns(torch.zeros(5, 2), torch.zeros(5, 1, dtype=torch.long)).shape
    torch.Size([5, 16])

    Args:
      numbers: how many numerical columns.
      cardinalities: the number of codes of each categorical column, code 0 (missing or unseen) included.
      width: numbers that come out.
      embedding: of the numerical columns, such as ``Periodic(numbers)``; None leaves them as they are.
      category_width: numbers in the vector of a category.

    Raises:
      FieldValueError: it has no columns.
    """

    def __init__(
        self,
        numbers: int,
        cardinalities: Sequence[int],
        width: int,
        *,
        embedding: nn.Module | None = None,
        category_width: int = 8,
    ) -> None:
        super().__init__()
        if not numbers and not cardinalities:
            raise FieldValueError("Columns(numbers, cardinalities, ...) has at least one column; got none.")
        parts: list[Any] = []
        if numbers:
            parts.append(embedding if embedding is not None else Plain(numbers))
        if cardinalities:
            parts.append(Categories(cardinalities, category_width))
        self.has_numbers = numbers > 0
        self.parts = nn.ModuleList(parts)
        self.linear = nn.Linear(sum(part.features for part in parts), width)

    def forward(self, numbers: Tensor, categories: Tensor) -> Tensor:
        """Returns ``width`` numbers for each row."""
        given = [numbers, categories] if self.has_numbers else [categories]
        found = [part(x) for part, x in zip(self.parts, given, strict=False)]
        if len(found) == 1:
            return self.linear(found[0])  # type: ignore[no-any-return]  # of a module
        rank = max(x.dim() for x in found)
        lead = next(x for x in found if x.dim() == rank).shape[:-1]
        out: Tensor = self.linear(torch.cat([x.expand(*lead, x.shape[-1]) for x in found], dim=-1))
        return out


@symbolize
@final
class OneHot(nn.Module):
    """Numerical columns as they are, and each category as one number that is 1 among zeros; without weights.

    So any network of vectors can follow: ``TableNetwork(OneHot(2, (3,)), [Perceptron([Layer(8, "relu")], inputs=5, classes=4)])``.

    >>> OneHot(2, (3,))(torch.ones(1, 2), torch.tensor([[2]]))
    tensor([[1., 1., 0., 0., 1.]])

    Args:
      numbers: how many numerical columns.
      cardinalities: the number of codes of each categorical column.
    """

    def __init__(self, numbers: int, cardinalities: Sequence[int] = ()) -> None:
        super().__init__()
        self.cardinalities = tuple(cardinalities)
        self.features = numbers + sum(cardinalities)

    def forward(self, numbers: Tensor, categories: Tensor) -> Tensor:
        """Returns ``features`` numbers for each row."""
        columns = zip(categories.unbind(-1), self.cardinalities, strict=True)
        codes = [nn.functional.one_hot(column, count).to(numbers.dtype) for column, count in columns]
        return torch.cat([numbers, *codes], dim=-1)


@symbolize
@final
class Dense(nn.Sequential):
    """Normalization, activation, dropout, linear layer.

    >>> Dense(8, 3)(torch.zeros(5, 8)).shape
    torch.Size([5, 3])

    Args:
      inputs: numbers that come in.
      outputs: numbers that go out.
      activation: a name in ``pliant.zoo.layers.ACTIVATIONS``.
      dropout: probability.
      normalization: ``"none"``, ``"batch"`` or ``"layer"``.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        *,
        activation: str = "relu",
        dropout: float = 0.0,
        normalization: str = "none",
    ) -> None:
        super().__init__(
            make_normalization(normalization, inputs),
            make_activation(activation),
            nn.Dropout(dropout),
            nn.Linear(inputs, outputs),
        )


@symbolize
@final
class Residual(nn.Module):
    """Residual block: x + Dropout(Linear(Dropout(activation(Linear(normalization(x)))))).

    Gorishniy et al., "Revisiting Deep Learning Models for Tabular Data", NeurIPS 2021, section 3.2 ("ResNet").

    >>> Residual(8)(torch.zeros(5, 8)).shape
    torch.Size([5, 8])

    Args:
      width: numbers that come in and go out.
      expansion: inner width divided by ``width``.
      activation: a name in ``pliant.zoo.layers.ACTIVATIONS``.
      dropout: probability, inside the block.
      residual_dropout: probability, before the addition.
      normalization: ``"none"``, ``"batch"`` or ``"layer"``.
    """

    def __init__(
        self,
        width: int,
        expansion: float = 2.0,
        *,
        activation: str = "relu",
        dropout: float = 0.0,
        residual_dropout: float = 0.0,
        normalization: str = "batch",
    ) -> None:
        super().__init__()
        inner = max(1, round(width * expansion))
        self.body = nn.Sequential(
            make_normalization(normalization, width),
            nn.Linear(width, inner),
            make_activation(activation),
            nn.Dropout(dropout),
            nn.Linear(inner, width),
            nn.Dropout(residual_dropout),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Returns x with what the block adds."""
        out: Tensor = x + self.body(x)
        return out


@symbolize
@final
class TableNetwork(nn.Module):
    """A network for tables: columns, then blocks in turn.

    >>> network = TableNetwork(Columns(2, (3,), 16), [Residual(16), Dense(16, 4)])
    >>> network(torch.zeros(5, 2), torch.zeros(5, 1, dtype=torch.long)).shape
    torch.Size([5, 4])

    Args:
      columns: from the columns of a table to numbers; ``Columns``.
      blocks: from there to the outputs; the last one ends in as many numbers as there are outputs.
    """

    def __init__(self, columns: nn.Module, blocks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.first, self.body = columns, nn.Sequential(*blocks)

    def forward(self, numbers: Tensor, categories: Tensor) -> Tensor:
        """Returns the outputs (rows, outputs) for numbers (rows, numerical columns) and codes (rows, categorical columns)."""
        out: Tensor = self.body(self.first(numbers, categories))
        return out
