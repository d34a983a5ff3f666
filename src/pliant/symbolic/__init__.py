"""Symbolic programs: trees that can be inspected, compared, stored and changed."""
