"""Networks for tables of data: layers for their columns, and a space of networks with how to train them (PyTorch)."""

from .layers import (
    Categories,
    Columns,
    Dense,
    OneHot,
    Periodic,
    PiecewiseLinear,
    Plain,
    Residual,
    TableNetwork,
)
from .space import TableModel, Training, make_model, make_space

__all__ = [
    "Categories",
    "Columns",
    "Dense",
    "OneHot",
    "Periodic",
    "PiecewiseLinear",
    "Plain",
    "Residual",
    "TableModel",
    "TableNetwork",
    "Training",
    "make_model",
    "make_space",
]
