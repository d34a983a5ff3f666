"""Drawings of programs and spaces as SVG, without other libraries: ``pg.draw``."""

from __future__ import annotations

from .blocks import Block, Chip, Link, Row, walk
from .picture import Drawing, draw
from .scene import Scene, Shape, Wire, Words

__all__ = ["Block", "Chip", "Drawing", "Link", "Row", "Scene", "Shape", "Wire", "Words", "draw", "walk"]
