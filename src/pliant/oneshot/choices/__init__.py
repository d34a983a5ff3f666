"""Choices inside a network: between layers, inputs and values, and the selection that they read."""
