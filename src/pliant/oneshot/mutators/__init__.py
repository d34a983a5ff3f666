"""Mutators: user-defined samplers that decide the choices of a network before each forward pass."""
