"""Callbacks of searches: ``CSV``, ``TensorBoard``, ``MLflow``, ``WandB``, and the interface ``Callback`` for your own."""

from __future__ import annotations

from .base import Beginning, Callback
from .csv_file import CSV
from .mlflow import MLflow
from .tensorboard import TensorBoard
from .wandb import WandB

__all__ = ["CSV", "Beginning", "Callback", "MLflow", "TensorBoard", "WandB"]
