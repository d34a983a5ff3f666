"""Predictor-based search (BANANAS): neural networks predict rewards, and the most promising candidates are tried.

A search has four parts: an ``Encoding`` (decisions to numbers), a ``Predictor`` (numbers to rewards), ``Candidates``
(what to choose from) and an ``Acquisition`` (how promising each candidate is).
"""

from .acquisition import (
    Acquisition,
    ExpectedImprovement,
    Greedy,
    IndependentThompson,
    Thompson,
    UpperConfidence,
)
from .candidates import Candidates, Mixture, MutateBest, Proposals, RandomCandidates
from .encoding import Encoder, Encoding, FunctionEncoding, OneHotEncoding, SequenceEncoding
from .feedforward import FeedForwardPredictor
from .lstm import LSTMPredictor
from .paths import PathEncoding, graph_paths
from .predictor import Model, Predictor
from .search import BANANAS, PredictorSearch

__all__ = [
    "BANANAS",
    "Acquisition",
    "Candidates",
    "Encoder",
    "Encoding",
    "ExpectedImprovement",
    "FeedForwardPredictor",
    "FunctionEncoding",
    "Greedy",
    "IndependentThompson",
    "LSTMPredictor",
    "Mixture",
    "Model",
    "MutateBest",
    "OneHotEncoding",
    "PathEncoding",
    "Predictor",
    "PredictorSearch",
    "Proposals",
    "RandomCandidates",
    "SequenceEncoding",
    "Thompson",
    "UpperConfidence",
    "graph_paths",
]
