"""``ErrorInfo``: an exception as data."""

from __future__ import annotations

import traceback

from .object import Object, members


@members([], additional_keys=["pyglove.core.utils.error_utils.ErrorInfo"])
class ErrorInfo(Object):
    """An exception as data.

    Attributes:
      tag: the names of its class and of the classes of its causes, with dots between.
      description: its message.
      stacktrace: its traceback.
    """

    tag: str
    description: str
    stacktrace: str

    @classmethod
    def from_exception(cls, error: BaseException) -> ErrorInfo:
        """Returns the data of an exception."""
        names: list[str] = []
        at: BaseException | None = error
        while at is not None:
            names.append(type(at).__name__)
            at = at.__cause__ or at.__context__
        text = "".join(traceback.format_exception(error))
        made: ErrorInfo = cls(tag=".".join(names), description=str(error), stacktrace=text)
        return made
