"""Class detours with PyGlove's names."""
