"""Functions that evolve as instructions, with PyGlove's names."""
