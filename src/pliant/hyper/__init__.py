"""Floor 3: programs with holes, and the way between them and decisions."""

from __future__ import annotations

from .hole import DerivedHole, Floatv, Hole, Intv, ManyOf, OneOf

__all__ = ["DerivedHole", "Float", "Floatv", "Hole", "HyperValue", "Intv", "ManyOf", "OneOf"]

Float = Floatv  # the names that PyGlove programs use in partitions
HyperValue = Hole
