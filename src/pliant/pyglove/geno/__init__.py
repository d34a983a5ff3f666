"""Abstract search spaces and decisions with PyGlove's names: ``DNA``, ``DNASpec``, ``DNAGenerator``."""
