"""Training a super-network: the loop, its checkpoints and logs, and what comes after the search."""

from __future__ import annotations

from .batches import Feed
from .logs import CsvLog, ProgressLine, Record, TensorBoardLog
from .report import Report, kendall_tau, make_report
from .session import Session
from .standalone import ExportError, export, judge_alone, search_alone, train_alone
from .trainer import Trainer, cosine

__all__ = [
    "CsvLog",
    "ExportError",
    "Feed",
    "ProgressLine",
    "Record",
    "Report",
    "Session",
    "TensorBoardLog",
    "Trainer",
    "cosine",
    "export",
    "judge_alone",
    "kendall_tau",
    "make_report",
    "search_alone",
    "train_alone",
]
