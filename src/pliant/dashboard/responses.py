"""Answers to requests: HTML, JSON, files, errors with the status that fits them; and work in threads."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pliant.values.errors import (
    DecisionError,
    FeedbackError,
    FieldTypeError,
    FieldValueError,
    UnknownFieldError,
)

from .markup import tag
from .pages.layout import page

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

_WRONG_REQUESTS: Final = (FieldValueError, FieldTypeError, UnknownFieldError, DecisionError)
Made = TypeVar("Made")


async def in_thread(work: Callable[..., Made], *arguments: Any) -> Made:
    """Returns what a function returns that reads a database, while other requests are answered."""
    from starlette.concurrency import run_in_threadpool

    made: Made = await run_in_threadpool(work, *arguments)
    return made


def read_width(text: str) -> int:
    """Returns the width of a picture that an address asks for."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 720


def to_html(text: str, status: int = 200) -> Response:
    """Returns a page, or a part of one."""
    return send(text, "text/html", status=status)


def to_json(data: Any, status_code: int = 200) -> Response:
    """Returns JSON data."""
    return send(json.dumps(data, default=str), "application/json", status=status_code)


def send(text: str, kind: str, headers: dict[str, str] | None = None, *, status: int = 200) -> Response:
    """Returns text of a media type."""
    from starlette.responses import Response

    return Response(text, status_code=status, media_type=kind, headers=headers)


def send_svg(text: str) -> Response:
    """Returns a picture, in which nothing may run."""
    policy = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox"}
    return send(text, "image/svg+xml", policy)


def refuse(why: str, status: int = 404) -> Response:
    """Returns a page that says why a request is refused."""
    title = {404: "Not found"}.get(status, "This does not work")
    heading = tag("div", tag("div", tag("h1", title), class_="title"), class_="heading")
    back = tag("p", tag("a", "All studies", href="/"))
    return to_html(page(title, heading, tag("div", tag("p", why), back, class_="empty card")), status)


def find_status(error: Exception) -> int:
    """Returns the status of an answer: 404 for what does not exist, 400 for what a request asks wrongly, 500 for what cannot be read.

    >>> from pliant.values.errors import PliantError
    >>> find_status(FieldValueError("no figure is called 'x'")), find_status(PliantError("the disk reports an error"))
    (400, 500)
    """
    if isinstance(error, FeedbackError):
        return 404
    return 400 if isinstance(error, _WRONG_REQUESTS) else 500


async def explain(request: Request, error: Exception) -> Response:
    """Answers where a study or a trial cannot be read: with the message, which tells what to do."""
    status = find_status(error)
    if request.url.path.endswith(".json"):
        return to_json({"fault": str(error)}, status_code=status)
    return refuse(str(error), status)
