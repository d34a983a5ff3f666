"""Paths, missing values, formatting and JSON with PyGlove's names (its package core.utils)."""
