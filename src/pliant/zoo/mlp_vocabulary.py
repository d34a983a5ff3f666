"""Numbered layers of perceptrons, and the rules of their sequences: the vocabulary of a walk-through for Keras (PyTorch).

Sable, "Neural Architecture Search Part 2: Search Space, Architecture Design and One-Shot Training", 2020.  The networks are
those of ``mlp``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Final, Literal, final

from torch import nn

from pliant.hyper import oneof
from pliant.symbolic.edit.clone import clone
from pliant.values.errors import FieldTypeError, FieldValueError, quote, quote_typed, suggest
from pliant.values.numbers import to_whole

from .layers import make_activation
from .mlp import ACTIVATIONS, DEPTH_HINT, LAYER_HINT, UNITS, Layer, Perceptron, flatten_layers
from .sizes import checked

Word = tuple[int, str] | str
"""A layer as a word: units and activation, or ``"dropout"``."""

DROPOUT: Final = "dropout"
TASKS = ("classification", "multilabel", "regression")


@final
@dataclass(frozen=True)
class Vocabulary:
    """The vocabulary of the walk-through: each layer has a number, and a network is a sequence of them.

    Hidden layers have the numbers from 1, all activations of the first width first; then come dropout and the final layer.  0
    is padding.

    >>> vocabulary = Vocabulary(3)
    >>> [vocabulary.words[number] for number in (1, 2, 28, 29, 30)]
    [(8, 'sigmoid'), (8, 'tanh'), (512, 'elu'), 'dropout', (3, 'softmax')]
    >>> vocabulary.encode_sequence([(16, "relu"), "dropout", (3, "softmax")], length=5)
    [7, 29, 30, 0, 0]
    >>> vocabulary.decode_sequence([7, 29, 30, 0, 0])
    [(16, 'relu'), 'dropout', (3, 'softmax')]

    A valid sequence begins with a dense layer, has no dropout directly after dropout, and ends with the final layer, which is
    nowhere else.

    The printed listing adds two final layers, ``(1, "sigmoid")`` and ``(2, "softmax")``, for two classes and none for other
    numbers: it lost its ``else``.  As its text says, two classes have one sigmoid output here, and more have softmax.
    The walk-through's own controller allows dropout after dropout (``repeat_dropout=True``), but its networks with two dropout
    layers fail in Keras, as both have one name.

    Args:
      classes: number of classes; of labels that may be true together (multilabel), or of predicted numbers (regression).
      task: ``"classification"``, ``"multilabel"`` (sigmoid outputs) or ``"regression"`` (linear outputs).
      units: of the dense layers.
      activations: of the dense layers.
      repeat_dropout: whether dropout may follow dropout.

    Raises:
      FieldTypeError, FieldValueError: an argument is wrong.
    """

    classes: int
    task: Literal["classification", "multilabel", "regression"] = "classification"
    units: tuple[int, ...] = UNITS
    activations: tuple[str, ...] = ACTIVATIONS
    repeat_dropout: bool = False

    def __post_init__(self) -> None:
        if self.task not in TASKS:
            raise FieldValueError(
                f"Vocabulary(task=...) takes one of {', '.join(TASKS)}; got {quote(self.task)}{suggest(self.task, TASKS) or '.'}"
            )
        least = 2 if self.task == "classification" else 1
        count = to_whole(self.classes)
        if count is None or count < least:
            raise (FieldTypeError if count is None else FieldValueError)(
                f"Vocabulary(classes=...) for {self.task} takes an integer of at least {least}; got {quote(self.classes)}."
            )
        sizes = [to_whole(one) for one in self.units]
        if not sizes or not self.activations or any(one is None or one < 1 for one in sizes):
            raise FieldValueError(
                "a vocabulary has one width or more, each an integer of at least 1, and one activation or more; got "
                f"units={quote(self.units)}, activations={quote(self.activations)}."
            )
        for name in self.activations:
            make_activation(name)
        words = [(wide, name) for wide in sizes for name in self.activations]
        if len(set(words)) < len(words):
            raise FieldValueError(
                f"each width and each activation of a vocabulary is given once; got units={quote(self.units)}, "
                f"activations={quote(self.activations)}."
            )
        for name, value in (
            ("classes", count),
            ("units", tuple(sizes)),
            ("activations", tuple(self.activations)),
        ):
            object.__setattr__(self, name, value)

    @cached_property
    def words(self) -> dict[int, Word]:
        """The layer of each number."""
        words: list[Word] = [(wide, name) for wide in self.units for name in self.activations]
        return dict(enumerate([*words, DROPOUT, self.final], 1))

    @property
    def final(self) -> tuple[int, str]:
        """The final layer: outputs and activation."""
        if self.task == "classification":
            return (1, "sigmoid") if self.classes == 2 else (self.classes, "softmax")
        return self.classes, "sigmoid" if self.task == "multilabel" else "linear"

    def encode_sequence(self, sequence: Sequence[Any], *, length: int | None = None) -> list[int]:
        """Returns the numbers of layers, which need not be a valid network.

        A layer that is in the vocabulary twice, hidden and final, counts as the final one at the end of the sequence.

        Args:
          sequence: the layers.
          length: pads the result by 0 to this length.

        Raises:
          FieldTypeError, FieldValueError: a layer is not in the vocabulary, or there are more than ``length``.
        """
        _check_iterable(sequence)
        numbers = {word: number for number, word in reversed(self.words.items())}
        found = []
        for place, given in enumerate(sequence):
            word = tuple(given) if isinstance(given, list) else given
            last = place == len(sequence) - 1 and word == self.final
            try:
                number = len(self.words) if last else numbers.get(word)
            except TypeError:  # not hashable, so not a layer
                number = None
            if number is None:
                raise FieldValueError(
                    f"position {place + 1} of a sequence has {quote(given)}, which is not in the vocabulary. A layer is (units, "
                    f"activation) with units from {', '.join(map(str, self.units))} and activation from "
                    f"{', '.join(self.activations)}; {DROPOUT!r}; or the final layer {self.final!r}."
                )
            found.append(number)
        if length is not None and len(found) > length:
            raise FieldValueError(
                f"a sequence of {len(found)} layers does not fit in the length {length}; pad to a larger one."
            )
        return found + [0] * ((length or 0) - len(found))

    def decode_sequence(self, sequence: Sequence[int]) -> list[Word]:
        """Returns the layers of numbers, without the padding at the end; they need not be a valid network.

        Raises:
          FieldTypeError, FieldValueError: a number is not in the vocabulary, or padding is before a layer.
        """
        return [self.words[number] for number in self._numbers(sequence)]

    def check_sequence(self, sequence: Sequence[int], *, max_length: int | None = None) -> list[int]:
        """Returns the numbers of a valid network, without the padding at the end.

        Args:
          sequence: the numbers.
          max_length: the largest number of layers, the final one included; None for any.

        Raises:
          FieldTypeError, FieldValueError: a number is not in the vocabulary, or the sequence breaks a rule; the message names
            the rule and the position.
        """
        found = self._numbers(sequence)
        final, dropout = len(self.words), len(self.words) - 1
        fault = None
        if not found:
            fault = 1, "a sequence has a dense layer and the final layer at least"
        elif found[0] in (dropout, final):
            fault = 1, "the first layer is dense"
        for place, (before, number) in enumerate(pairwise(found), 2):
            if before == final:
                fault = fault or (place, "nothing follows the final layer")
            if before == number == dropout and not self.repeat_dropout:
                fault = fault or (place, "dropout does not follow dropout")
        if fault is None and found[-1] != final:
            fault = len(found) + 1, f"the last layer is the final layer {self.final!r}, number {final}"
        if fault is None and max_length is not None and len(found) > max_length:
            fault = max_length + 1, f"a sequence has at most {max_length} layers"
        if fault is not None:
            raise FieldValueError(
                f"the sequence {quote(found, 120)} breaks a rule at position {fault[0]}: {fault[1]}. Its layers are "
                f"{quote([self.words[one] for one in found], 200)}."
            )
        return found

    def make_network(self, sequence: Sequence[int], *, inputs: int = 784, dropout: float = 0.2) -> Any:
        """Returns the network of a valid sequence.  It returns logits: ``make_loss`` has the activation of the final layer.

        Args:
          sequence: numbers of layers; padding at the end has no effect.
          inputs: numbers in an example.
          dropout: the probability of all dropout layers.

        Raises:
          FieldTypeError, FieldValueError: as ``check_sequence``.
        """
        layers = [self._layer(number) for number in self.check_sequence(sequence)[:-1]]
        return Perceptron(layers, inputs=inputs, classes=self.final[0], dropout=dropout)

    def read_network(self, network: Any) -> list[int]:
        """Returns the numbers of the layers of a network that ``make_network`` or ``make_space`` gives.

        Raises:
          FieldTypeError: it is not a ``Perceptron`` without holes.
          FieldValueError: a layer is not in the vocabulary, or it has other outputs.
        """
        if not isinstance(network, Perceptron):
            raise FieldTypeError(f"a sequence is read from a Perceptron; got {quote_typed(network)}.")
        layers = list(flatten_layers(network.layers))
        if not all(isinstance(one, Layer) for one in layers):
            raise FieldTypeError(
                f"a sequence is read from a Perceptron without holes; got {quote(network, 120)}. Read one of its programs, such as "
                "`pg.random_sample(space)`."
            )
        if network.classes != self.final[0]:
            raise FieldValueError(
                f"this vocabulary's networks have {self.final[0]} outputs, and this one has {network.classes}. Read it with the "
                "vocabulary of its space."
            )
        words = [(one.units, one.activation) if one.units else DROPOUT for one in layers]
        return self.encode_sequence([*words, self.final])

    def make_space(
        self, max_length: int = 3, *, min_length: int = 2, inputs: int = 784, dropout: float = 0.2
    ) -> Any:
        """Returns the valid sequences as a space of networks, which decides layer by layer.

        After each layer there is a choice between the final layer, a dense layer and dropout; then the dense layer is chosen.
        So an untrained policy ends a network after a dense layer with a probability of 1/3; in the walk-through it is 1/30.

        >>> import pliant as pg
        >>> vocabulary = Vocabulary(3)
        >>> pg.abstract_search_space(vocabulary.make_space(3)).size == 28 + 28 * 29 == 840
        True
        >>> vocabulary.read_network(pg.random_sample(vocabulary.make_space(6), seed=1))
        [4, 29, 8, 13, 23, 30]

        Args:
          max_length: the largest number of layers, the final one included.
          min_length: the smallest number of layers.
          inputs: numbers in an example.
          dropout: the probability of all dropout layers.

        Raises:
          FieldValueError: not 2 <= min_length <= max_length <= 16.
        """
        if not 2 <= min_length <= max_length <= _LONGEST:
            raise FieldValueError(
                f"the lengths of sequences are 2 <= min_length <= max_length <= {_LONGEST}; got min_length={min_length}, "
                f"max_length={max_length}."
            )
        words = [self._layer(number) for number in range(1, len(self.words) - 1)]

        def dense() -> Any:
            return oneof(clone(words, deep=True), hints=LAYER_HINT)

        def after(count: int, *, dropped: bool) -> list[Any]:
            """Returns what follows ``count`` hidden layers."""
            if count == max_length - 1:
                return []
            ways: list[list[Any]] = [[]] if count + 1 >= min_length else []
            ways.append([dense(), *after(count + 1, dropped=False)])
            if self.repeat_dropout or not dropped:
                ways.append([Layer(0), *after(count + 1, dropped=True)])
            return ways[0] if len(ways) == 1 else [oneof(ways, hints=DEPTH_HINT)]

        layers = [dense(), *after(1, dropped=False)]
        return Perceptron(layers, inputs=inputs, classes=self.final[0], dropout=dropout)

    def make_loss(self) -> nn.Module:
        """Returns the loss of the task for logits: cross-entropy, binary cross-entropy or mean squared error.

        Binary cross-entropy and mean squared error compare arrays of one shape, ``[examples, outputs]``.
        """
        if self.task == "regression":
            return nn.MSELoss()
        return nn.CrossEntropyLoss() if self.final[1] == "softmax" else nn.BCEWithLogitsLoss()

    def _layer(self, number: int) -> Layer:
        word = self.words[number]
        return Layer(0) if isinstance(word, str) else Layer(*word)

    def _numbers(self, sequence: Sequence[int]) -> list[int]:
        """Returns numbers of the vocabulary without the padding at the end."""
        _check_iterable(sequence)
        found = []
        for place, given in enumerate(sequence, 1):
            number = to_whole(given)
            if number is None or not 0 <= number <= len(self.words):
                raise (FieldTypeError if number is None else FieldValueError)(
                    f"position {place} of a sequence has {quote(given)}; a layer is a number from 1 to {len(self.words)}, and 0 is "
                    "padding at the end."
                )
            found.append(number)
        while found and found[-1] == 0:
            found.pop()
        if 0 in found:
            raise FieldValueError(
                f"position {found.index(0) + 1} of the sequence {quote(found, 120)} is padding, and layers follow it. Move all 0 to the end."
            )
        return found


@checked()
def make_sequence_space(max_length: int = 3, *, inputs: int = 784, classes: int = 10) -> Any:
    """Returns the sequences that the walk-through's rules allow: ``Vocabulary(classes).make_space(max_length, inputs=inputs)``.

    >>> import pliant as pg
    >>> pg.abstract_search_space(make_sequence_space()).size == 28 + 28 * 29
    True

    Args:
      max_length: the largest number of layers, the final one included.
      inputs: numbers in an example.
      classes: number of classes; two have one output.

    Raises:
      FieldValueError: a largest length below 2, or fewer than two classes.
    """
    return Vocabulary(classes).make_space(max_length, inputs=inputs)


_LONGEST = 12


def _check_iterable(sequence: Any) -> None:
    if isinstance(sequence, (str, bytes, dict)) or not hasattr(sequence, "__iter__"):
        raise FieldTypeError(
            f"a sequence is a list of layers or of their numbers, such as [7, 29, 30]; got {quote_typed(sequence)}."
        )
