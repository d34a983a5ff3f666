"""Spaces of multilayer perceptrons: sequences of dense and dropout layers from a vocabulary (PyTorch).

Sable, "Neural Architecture Search Part 2", a walk-through for Keras, 2020: a dense layer is a pair of units and activation, and
dropout is one more word of the vocabulary.  ``make_space`` has all sequences; ``mlp_vocabulary`` has those that the rules
of the walk-through's controller allow, and their numbers.  ``make_shared_space`` decouples the same decisions for weight sharing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, final

from torch import Tensor, nn

from pliant.hyper import oneof
from pliant.symbolic.edit.clone import clone
from pliant.symbolic.objects.object import Object
from pliant.symbolic.objects.symbolize import symbolize
from pliant.values.errors import FieldValueError

from .layers import Stage, make_activation
from .sizes import checked

UNITS = (8, 16, 32, 64, 128, 256, 512)
"""The candidates for the units of a dense layer."""

ACTIVATIONS = ("sigmoid", "tanh", "relu", "elu")
"""The candidates for its activation."""

LAYER_HINT, DEPTH_HINT, UNITS_HINT, ACTIVATION_HINT, DROPOUT_HINT = (
    "layer",
    "depth",
    "units",
    "activation",
    "dropout",
)
"""The hints of the holes."""


@final
class Layer(Object):
    """A word of the vocabulary: a dense layer, or dropout with 0 units.

    Attributes:
      units: outputs of the dense layer; 0 for dropout.
      activation: of the dense layer.
    """

    units: int
    activation: str = "none"


@symbolize
@final
class Perceptron(nn.Module):
    """A multilayer perceptron.

    Args:
      layers: the hidden layers; a list among them stands for the layers in it, so that a hole can decide about several.
      inputs: numbers in an example, of any shape.
      classes: how many logits it returns.
      dropout: the probability of all dropout layers.
    """

    def __init__(
        self, layers: Sequence[Any], *, inputs: int = 784, classes: int = 10, dropout: float = 0.2
    ) -> None:
        super().__init__()
        parts: list[nn.Module] = [nn.Flatten()]
        for layer in flatten_layers(layers):
            if layer.units < 0:
                raise FieldValueError(f"a layer has units, or 0 for dropout; got {layer.units}.")
            if layer.units:
                parts += [nn.Linear(inputs, layer.units), make_activation(layer.activation)]
                inputs = layer.units
            else:
                parts.append(nn.Dropout(dropout))
        self.body = nn.Sequential(*parts, nn.Linear(inputs, classes))

    def forward(self, x: Tensor) -> Tensor:
        """Returns a logit per class."""
        out: Tensor = self.body(x)
        return out


@symbolize
@final
class Hidden(nn.Sequential):
    """A linear layer, an activation, and dropout (of probability 0 for none)."""

    def __init__(self, inputs: int, units: int, activation: str, dropout: float) -> None:
        super().__init__(nn.Linear(inputs, units), make_activation(activation), nn.Dropout(dropout))


Flatten: Any = symbolize(nn.Flatten)
"""Flattens each example."""

Linear: Any = symbolize(nn.Linear)
"""The last layer."""


@checked()
def make_network(
    units: Sequence[int] = (128, 64), activation: str = "relu", *, inputs: int = 784, classes: int = 10
) -> Any:
    """Returns a multilayer perceptron without dropout, a point of the space.

    >>> sum(p.numel() for p in make_network().parameters())  # 785 * 128 + 129 * 64 + 65 * 10
    109386

    Args:
      units: of the hidden layers.
      activation: of all hidden layers.
      inputs: numbers in an example.
      classes: how many logits it returns.
    """
    return Perceptron([Layer(wide, activation) for wide in units], inputs=inputs, classes=classes)


@checked()
def make_space(
    max_layers: int = 3,
    *,
    units: Sequence[int] = UNITS,
    activations: Sequence[str] = ACTIVATIONS,
    inputs: int = 784,
    classes: int = 10,
    dropout: float = 0.2,
) -> Any:
    """Returns sequences of 1 to ``max_layers`` words: the sum of v ** n for n of them, v = len(units) * len(activations) + 1.

    >>> import pliant as pg
    >>> pg.abstract_search_space(make_space()).size == 29 + 29**2 + 29**3 == 25259
    True

    Args:
      max_layers: the largest number of hidden layers, dropout included.
      units: of a dense layer, to choose from.
      activations: of a dense layer, to choose from.
      inputs: numbers in an example.
      classes: how many logits the network returns.
      dropout: the probability of all dropout layers.

    Raises:
      FieldValueError: a largest number below 1.
    """
    words = [Layer(wide, name) for wide in units for name in activations] + [Layer(0)]

    def choose() -> Any:
        return oneof(clone(words, deep=True), hints=LAYER_HINT)

    sequences = [[choose() for _ in range(count)] for count in range(1, max_layers + 1)]
    layers = sequences[0] if max_layers == 1 else oneof(sequences, hints=DEPTH_HINT)
    return Perceptron(layers, inputs=inputs, classes=classes, dropout=dropout)


@checked()
def make_shared_space(
    max_layers: int = 3,
    *,
    units: Sequence[int] = UNITS,
    activations: Sequence[str] = ACTIVATIONS,
    dropouts: Sequence[float] = (0.0, 0.2),
    inputs: int = 784,
    classes: int = 10,
) -> Any:
    """Returns the space with separate decisions, which becomes a super-network: units, activation, dropout of each layer.

    A layer that a deeper network adds is decided about only there: the sum of w ** n programs, n from 1 to ``max_layers``,
    w = len(units) * len(activations) * len(dropouts).

    >>> import pliant as pg
    >>> pg.abstract_search_space(make_shared_space()).size == 56 + 56**2 + 56**3
    True

    Args:
      max_layers: the largest number of hidden layers.
      units: of a layer, to choose from.
      activations: of a layer, to choose from.
      dropouts: probabilities, to choose from.
      inputs: numbers in an example.
      classes: how many logits the network returns.

    Raises:
      FieldValueError: a largest number below 1.
    """
    rest: Any = None
    for place in reversed(range(max_layers)):
        wide = _open(units, f"units{place}", UNITS_HINT)
        before = _open(units, f"units{place - 1}", UNITS_HINT) if place else inputs
        hidden = Hidden(
            before,
            wide,
            _open(activations, None, ACTIVATION_HINT),
            _open(dropouts, None, DROPOUT_HINT),
        )
        top = Linear(clone(wide), classes)
        after = top if rest is None else oneof([top, rest], hints=DEPTH_HINT)
        rest = Stage([hidden, after])
    return Stage([Flatten(), rest])


def flatten_layers(layers: Any) -> Iterator[Any]:
    """Yields the layers in nested lists, in order."""
    for one in layers:
        if isinstance(one, (list, tuple)):
            yield from flatten_layers(one)
        else:
            yield one


def _open(values: Sequence[Any], name: str | None, hints: str) -> Any:
    return values[0] if len(values) == 1 else oneof(list(values), name=name, hints=hints)
