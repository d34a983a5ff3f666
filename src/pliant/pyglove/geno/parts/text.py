"""Indentation of genotypes written as text."""

from __future__ import annotations


def indent(text: str, level: int) -> str:
    """Returns text below ``level`` levels of indentation.

    >>> indent("a", 2)
    '    a'
    """
    return "  " * level + text
