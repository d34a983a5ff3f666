"""``Skip``: a candidate that returns its first input, so that a block can be left out of a network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from pliant.symbolic.objects.symbolize import symbolize
from pliant.values.errors import FieldTypeError, FieldValueError, quote
from pliant.values.numbers import to_whole


@symbolize
class Skip(nn.Module):
    """Returns its first input and ignores the others: a candidate beside a block, to search the depth of a network.

    Blocks that take several arguments need it in place of ``nn.Identity``, which takes one.  It is symbolic.

    >>> import torch
    >>> import pliant as pg
    >>> x = torch.ones(1, 3, 4)
    >>> torch.equal(Skip()(x, torch.zeros(1, 3), output_attentions=False), x), Skip(outputs=2)(hidden_states=x)[1]
    (True, None)
    >>> block = pg.symbolize(nn.TransformerEncoderLayer)(4, 2, 8, batch_first=True)
    >>> space = pg.symbolize(nn.Sequential)(block, pg.oneof([pg.clone(block), Skip()]))
    >>> pg.oneshot.supernet(space, example=x).space.size
    2

    Args:
      settings: attributes that it has, for networks that read those of a block, such as ``block.attention_type``.
      outputs: None where the block returns a tensor; where it returns a tuple, its length: the input comes first, and None
        in place of the others (attention weights, a cache).

    Raises:
      FieldTypeError: ``settings`` is not a dict.
      FieldValueError: ``outputs`` is not a whole number from 1.
    """

    def __init__(self, outputs: int | None = None, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        if settings is not None and not isinstance(settings, Mapping):
            raise FieldTypeError(
                f"Skip(settings=...) takes attributes by name, in a dict; got {quote(settings)}."
            )
        for name, value in (settings or {}).items():
            if name != "outputs" and not hasattr(self, name):
                setattr(self, name, value)
        count = to_whole(outputs)
        if outputs is not None and (count is None or count < 1):
            raise FieldValueError(
                f"Skip(outputs=...) takes the length of the tuple that the block returns, from 1, or None for a block that returns one "
                f"tensor; got {quote(outputs)}."
            )
        self.outputs = count

    def forward(self, *args: Any, **fields: Any) -> Any:
        """Returns the first positional input, or without one the first tensor among the named ones."""
        named = (value for value in fields.values() if isinstance(value, Tensor))
        first = args[0] if args else next(named, None)
        if first is None:
            raise FieldTypeError("Skip returns its first input, and was called without a tensor.")
        return first if self.outputs is None else (first, *[None] * (self.outputs - 1))

    def extra_repr(self) -> str:
        return "" if self.outputs is None else f"outputs={self.outputs}"
