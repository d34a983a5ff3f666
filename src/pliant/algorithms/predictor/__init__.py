"""Neural predictors: learn the reward from what was tried, and try next what they hold promising.

A search is composed of four small parts: an ``Encoding`` (decisions to numbers), a ``Predictor`` (numbers to rewards),
``Candidates`` (what to choose from) and an ``Acquisition`` (how good each candidate is).
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
