"""Training a super-network: the loop, its checkpoints and logs, reports, and standalone networks after the search."""

from __future__ import annotations

from pliant.values.record import Record as Record

from .batches import Feed as Feed
from .distillation import Distillation as Distillation
from .logs import CsvLog as CsvLog
from .logs import ProgressLine as ProgressLine
from .logs import RunLog as RunLog
from .logs import TensorBoardLog as TensorBoardLog
from .plots import TrainerPlots as TrainerPlots
from .report import Report as Report
from .report import kendall_tau as kendall_tau
from .report import make_report as make_report
from .session import Session as Session
from .standalone import ExportError as ExportError
from .standalone import export as export
from .standalone import judge_alone as judge_alone
from .standalone import search_alone as search_alone
from .standalone import train_alone as train_alone
from .trainer import Trainer as Trainer
from .trainer import cosine as cosine
