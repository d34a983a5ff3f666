"""Dashboard: shows studies in a browser, from a local web server that only reads them and runs no code of theirs.

``make_app`` returns the application of Starlette; ``serve`` runs it with uvicorn, as ``pliant dashboard`` does.
"""

from __future__ import annotations

from .app import make_app
from .server import serve

__all__ = ["make_app", "serve"]
