"""Weight bank: trained weights of pairs of adjacent layers, which networks of a search pass on to each other."""

from .bank import WeightBank
from .pairs import Pair, pair_layers

__all__ = ["Pair", "WeightBank", "pair_layers"]
