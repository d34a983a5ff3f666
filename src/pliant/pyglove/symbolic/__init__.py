"""Symbolic objects, containers and functions with PyGlove's names."""
