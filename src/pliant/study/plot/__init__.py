"""Figures of studies and searches: what they show as plain data, drawn with Matplotlib, or as SVG by themselves."""

from .figure import Figure
from .plots import FIGURES, Plots
from .source import Source

__all__ = ["FIGURES", "Figure", "Plots", "Source"]
