"""Trials, and what is checked and decided about them.  Knows no database."""
