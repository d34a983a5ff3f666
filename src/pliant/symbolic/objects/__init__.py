"""Symbolic objects, functors and containers, and how they are declared."""
