"""``describe_program``: a network for a table and how it was trained, as one short line of a leaderboard."""

from __future__ import annotations

from typing import Any

from pliant.symbolic.read.query import get
from pliant.zoo.tabular import Dense, Plain, Residual, TableModel, TableNetwork


def describe_program(program: Any) -> str | None:
    """Returns a ``TableModel`` as text; None for a program of another kind.

    >>> from pliant.zoo.tabular import make_model
    >>> describe_program(make_model(8, width=64, depth=2))
    'perceptron 64-64, relu, dropout 0.1; learning rate 0.001, weight decay 0.01, batches of 128'
    """
    if not isinstance(program, TableModel) or not isinstance(program.network, TableNetwork):
        return None
    columns, blocks, training = (
        get(program, name) for name in ("network.columns", "network.blocks", "training")
    )
    width = get(columns, "width", None)
    if width is None or not all(isinstance(block, Dense | Residual) for block in blocks):
        return None
    parts = [_describe_blocks(blocks, width)]
    embedding = get(columns, "embedding", None)
    if embedding is not None and not isinstance(embedding, Plain):
        scale = get(embedding, "scale", None)
        name = {"PiecewiseLinear": "piecewise-linear"}.get(
            type(embedding).__name__, type(embedding).__name__.lower()
        )
        parts.append(f"{name} numbers" + ("" if scale is None else f" ({scale:g})"))
    how = (
        f"learning rate {training.learning_rate:g}, weight decay {training.weight_decay:g}, "
        f"batches of {training.batch_size}"
    )
    return f"{', '.join(parts)}; {how}"


def _describe_blocks(blocks: Any, width: int) -> str:
    if not len(blocks):
        return "linear"
    count = sum(isinstance(block, Residual) for block in blocks)
    if count:
        found = f"{count} residual block{'s' * (count > 1)} of {width}"
    else:
        found = f"perceptron {'-'.join([str(width)] * len(blocks))}"
    head = blocks[0]
    settings = [get(head, "activation")]
    if get(head, "normalization") != "none":
        settings.append(f"{get(head, 'normalization')} normalization")
    if get(head, "dropout"):
        settings.append(f"dropout {get(head, 'dropout'):g}")
    return ", ".join([found, *settings])
