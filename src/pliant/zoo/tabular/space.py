"""A space of networks for tables and of how to train them: linear models, perceptrons and residual networks.

Residual blocks after Gorishniy et al., "Revisiting Deep Learning Models for Tabular Data", NeurIPS 2021; embeddings of numerical
columns after Gorishniy et al., "On Embeddings for Numerical Features in Tabular Deep Learning", NeurIPS 2022.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

from pliant.hyper import oneof
from pliant.symbolic.objects.object import Object
from pliant.values.errors import FieldValueError

from ..sizes import checked
from .layers import Columns, Dense, Periodic, PiecewiseLinear, Plain, Residual, TableNetwork

WIDTHS, DEPTHS = (32, 64, 128, 256), (1, 2, 3)
"""The candidates for the width of all hidden layers, and for their number (of a residual network: of its blocks)."""

ACTIVATIONS, NORMALIZATIONS = ("relu", "elu", "tanh", "gelu"), ("none", "batch", "layer")
"""The candidates for the activation and the normalization of all layers."""

DROPOUTS, CATEGORY_WIDTHS = (0.0, 0.1, 0.25, 0.5), (4, 8, 16)
"""The candidates for the probability of dropout, and for the width of a category's vector."""

LEARNING_RATES, WEIGHT_DECAYS = (3e-4, 1e-3, 3e-3, 1e-2), (0.0, 0.01, 0.1, 1.0)
"""The candidates for the learning rate and the decoupled weight decay of AdamW."""

BATCH_SIZES = (32, 128, 512)
"""The candidates for the number of rows in a step."""

MAX_EMBEDDED = 100
"""Numerical columns beyond which their embeddings are not part of the space, because they are slow."""

NETWORK_HINT, EMBEDDING_HINT, WIDTH_HINT, ACTIVATION_HINT, DROPOUT_HINT, TRAINING_HINT = (
    "network",
    "embedding",
    "width",
    "activation",
    "dropout",
    "training",
)
"""The hints of the holes."""


@final
class Training(Object):
    """How to train a network: the settings of AdamW.

    Attributes:
      learning_rate: its peak.
      weight_decay: the factor of the weights that each step subtracts, times the learning rate.
      batch_size: rows of a step.
    """

    learning_rate: float = 1e-3
    weight_decay: float = 0.01
    batch_size: int = 128


@final
class TableModel(Object):
    """A network for tables, and how to train it.

    Attributes:
      network: called with numbers (rows, numerical columns) and codes (rows, categorical columns).
      training: its settings.
    """

    network: Any
    training: Training = Training()


@checked()
def make_model(
    numbers: int = 10,
    cardinalities: Sequence[int] = (),
    outputs: int = 1,
    *,
    width: int = 128,
    depth: int = 2,
    dropout: float = 0.1,
) -> TableModel:
    """Returns a perceptron without embeddings of numbers, a point of the space: a good first try.

    >>> model = make_model(30, outputs=2)
    >>> sum(p.numel() for p in model.network.parameters())  # 31 * 128 + 129 * 128 + 129 * 2
    20738

    Args:
      numbers: how many numerical columns.
      cardinalities: the number of codes of each categorical column.
      outputs: numbers that the network returns for a row.
      width: of the hidden layers.
      depth: their number.
      dropout: probability.
    """
    hidden = [Dense(width, width, dropout=dropout) for _ in range(depth - 1)]
    columns = Columns(numbers, tuple(cardinalities), width, embedding=Plain(numbers) if numbers else None)
    return TableModel(TableNetwork(columns, [*hidden, Dense(width, outputs, dropout=dropout)]))


@checked()
def make_space(
    numbers: int = 10,
    cardinalities: Sequence[int] = (),
    outputs: int = 1,
    *,
    widths: Sequence[int] = WIDTHS,
    depths: Sequence[int] = DEPTHS,
    embeds_numbers: bool | None = None,
) -> Any:
    """Returns a ``TableModel`` with holes for its network and its training.

    A network is linear, a perceptron of some depth, or a residual network of some depth.  What only some networks have (width,
    activation, dropout, normalization) is decided about only for those.  With w widths, d depths, e embeddings and c widths of
    categories (1 without categorical columns) there are e * c * (1 + 2 * d * w * 48) * 48 programs.

    >>> import pliant as pg
    >>> pg.abstract_search_space(make_space(8)).size == 5 * (1 + 2 * 3 * 4 * 48) * 48
    True

    Args:
      numbers: how many numerical columns.
      cardinalities: the number of codes of each categorical column, code 0 (missing or unseen) included.
      outputs: numbers that the network returns for a row.
      widths: of all hidden layers, to choose from.
      depths: numbers of hidden layers or of residual blocks, to choose from.
      embeds_numbers: whether embeddings of the numerical columns are choices; None for up to ``MAX_EMBEDDED`` columns.

    Raises:
      FieldValueError: no columns, no outputs, or nothing to choose from.
    """
    _check(numbers, cardinalities)
    if embeds_numbers is None:
        embeds_numbers = numbers <= MAX_EMBEDDED

    def columns(width: Any) -> Any:
        embedding = _choose_embedding(numbers, embeds_numbers) if numbers else None
        chosen = _open(CATEGORY_WIDTHS, "category_width", EMBEDDING_HINT) if cardinalities else 8
        return Columns(numbers, tuple(cardinalities), width, embedding=embedding, category_width=chosen)

    kinds = [TableNetwork(columns(outputs), [])]
    for block in (_dense, _residual):
        kinds += [
            TableNetwork(columns(_width(widths)), [*block(depth, widths), _head(widths, outputs)])
            for depth in depths
        ]
    training = Training(
        learning_rate=_open(LEARNING_RATES, None, TRAINING_HINT),
        weight_decay=_open(WEIGHT_DECAYS, None, TRAINING_HINT),
        batch_size=_open(BATCH_SIZES, None, TRAINING_HINT),
    )
    return TableModel(oneof(kinds, hints=NETWORK_HINT), training)


def _dense(depth: int, widths: Sequence[int]) -> list[Any]:
    return [Dense(_width(widths), _width(widths), **_settings()) for _ in range(depth - 1)]


def _residual(depth: int, widths: Sequence[int]) -> list[Any]:
    return [Residual(_width(widths), **_settings()) for _ in range(depth)]


def _head(widths: Sequence[int], outputs: int) -> Any:
    return Dense(_width(widths), outputs, **_settings())


def _settings() -> dict[str, Any]:
    """The holes that all blocks of a network share, by their names."""
    return {
        "activation": _open(ACTIVATIONS, "activation", ACTIVATION_HINT),
        "dropout": _open(DROPOUTS, "dropout", DROPOUT_HINT),
        "normalization": _open(NORMALIZATIONS, "normalization", ACTIVATION_HINT),
    }


def _width(widths: Sequence[int]) -> Any:
    return _open(widths, "width", WIDTH_HINT)


def _choose_embedding(numbers: int, embeds: bool) -> Any:
    if not embeds:
        return Plain(numbers)
    periodic = [Periodic(numbers, scale=scale) for scale in (0.03, 0.1, 0.3)]
    return oneof(
        [Plain(numbers), PiecewiseLinear(numbers), *periodic], name="embedding", hints=EMBEDDING_HINT
    )


def _check(
    numbers: int,
    cardinalities: Sequence[int],
) -> None:
    if numbers < 0 or not (numbers or cardinalities):
        raise FieldValueError(
            f"a table has at least one column; got {numbers} numerical and {len(cardinalities)} categorical ones."
        )


def _open(values: Sequence[Any], name: str | None, hints: str) -> Any:
    return values[0] if len(values) == 1 else oneof(list(values), name=name, hints=hints)
