"""Holes, templates and dynamic evaluation with PyGlove's names."""
