"""Transformers for images and for text (PyTorch)."""
