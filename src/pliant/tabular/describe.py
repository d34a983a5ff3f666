"""``describe_program``: a network for a table and how it was trained, as one short line of a leaderboard."""

from __future__ import annotations

from typing import Any

from pliant.symbolic.read.query import get
from pliant.zoo.tabular import Dense, Residual, TableModel, TableNetwork


def describe_program(program: Any) -> str | None:
    """Returns a ``TableModel`` as text; None for a program of another kind.

    >>> from pliant.zoo.tabular import make_model
    >>> describe_program(make_model(8, width=64, depth=2))
    'perceptron 64-64, relu, dropout 0.1; learning rate 0.001, weight decay 0.01, batches of 128'
    """
    found = _read(program)
    if found is None:
        return None
    columns, blocks, training = found
    parts = [_describe_blocks(blocks, get(columns, "width"))]
    embedding = _describe_embedding(columns)
    if embedding not in (None, "plain"):
        parts.append(embedding.replace(" (", " numbers (") if " (" in embedding else f"{embedding} numbers")
    how = (
        f"learning rate {training.learning_rate:g}, weight decay {training.weight_decay:g}, "
        f"batches of {training.batch_size}"
    )
    return f"{', '.join(parts)}; {how}"


def list_choices(program: Any) -> dict[str, str] | None:
    """Returns what was decided in a ``TableModel``, by the name of the decision; None for a program of another kind.

    >>> from pliant.zoo.tabular import make_model
    >>> list_choices(make_model(8, width=64, depth=2))["network"], list_choices(make_model(8))["learning rate"]
    ('perceptron, 2 layers', '0.001')
    """
    found = _read(program)
    if found is None:
        return None
    columns, blocks, training = found
    is_residual = any(isinstance(block, Residual) for block in blocks)
    kind, part = ("residual,", "block") if is_residual else ("perceptron,", "layer")
    several = f"{kind} {len(blocks)} {part}{'s' * (len(blocks) > 1)}"
    choices = {"network": several if len(blocks) else "linear"}
    if len(blocks):
        choices |= {"width": f"{get(columns, 'width')}"}
        choices |= {name: f"{get(blocks[0], name)}" for name in ("activation", "normalization")}
        choices |= {"dropout": f"{get(blocks[0], 'dropout'):g}"}
    embedding = _describe_embedding(columns)
    choices |= {"numbers": embedding} if embedding else {}
    choices |= (
        {"width of categories": f"{get(columns, 'category_width')}"} if get(columns, "cardinalities") else {}
    )
    names = {"learning rate": "learning_rate", "weight decay": "weight_decay", "batch size": "batch_size"}
    return choices | {name: f"{getattr(training, field):g}" for name, field in names.items()}


def _read(program: Any) -> tuple[Any, Any, Any] | None:
    """Returns the columns, the blocks and the training of a program of the space for tables; None for another one."""
    if not isinstance(program, TableModel) or not isinstance(program.network, TableNetwork):
        return None
    columns, blocks, training = (
        get(program, name) for name in ("network.columns", "network.blocks", "training")
    )
    is_known = get(columns, "width", None) is not None and all(
        isinstance(one, Dense | Residual) for one in blocks
    )
    return (columns, blocks, training) if is_known else None


def _describe_embedding(columns: Any) -> str | None:
    """Returns how numbers are embedded; None without numbers."""
    embedding = get(columns, "embedding", None)
    if embedding is None:
        return None
    name = {"PiecewiseLinear": "piecewise-linear"}.get(
        type(embedding).__name__, type(embedding).__name__.lower()
    )
    scale = get(embedding, "scale", None)
    return name if scale is None else f"{name} ({scale:g})"


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
