"""Early stopping policies with PyGlove's names."""
