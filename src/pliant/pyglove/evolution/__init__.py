"""Evolution and its parts with PyGlove's names."""
