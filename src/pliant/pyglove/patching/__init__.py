"""Patches and patchers with PyGlove's names."""
