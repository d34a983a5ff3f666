"""Containers of docker or podman as jobs: the launcher, the engine that runs them, and how they end."""

from __future__ import annotations

from .launcher import Containers

__all__ = ["Containers"]
