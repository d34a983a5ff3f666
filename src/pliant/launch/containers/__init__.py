"""Containers of docker or podman as jobs: the launcher, the engine, and outcomes."""

from __future__ import annotations

from .launcher import Containers

__all__ = ["Containers"]
