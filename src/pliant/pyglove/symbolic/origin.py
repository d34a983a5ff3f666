"""``Origin``: where a symbolic object comes from, and by which operation."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

from .. import values as utils
from . import flags


class Origin(utils.Formattable):
    """The source of a symbolic object, and the operation that made the object from it.

    Args:
      source: the object that it was made from; None for the start.
      tag: the operation, such as ``"clone"``.
      stacktrace: whether to store the stack; None for ``track_origin``.
      stacklimit: the number of lines of the stack; None for ``set_origin_stacktrace_limit``.
      stacktop: the number of innermost frames that are left out.

    Raises:
      ValueError: the tag is not text.
    """

    def __init__(
        self,
        source: Any,
        tag: str,
        stacktrace: bool | None = None,
        stacklimit: int | None = None,
        stacktop: int = -1,
    ) -> None:
        if not isinstance(tag, str):
            raise ValueError(f"`tag` must be a string. Encountered: {tag!r}.")
        self._source = source
        self._tag = tag
        self._stack: list[traceback.FrameSummary] | None = None
        self._stacktrace: str | None = None
        if flags.is_tracking_origin() if stacktrace is None else stacktrace:
            limit = flags.get_origin_stacktrace_limit() if stacklimit is None else stacklimit
            frames = traceback.extract_stack(limit=limit - stacktop)
            self._stack = list(frames[:stacktop] if stacktop < 0 else frames)

    @property
    def source(self) -> Any:
        """The object that it was made from."""
        return self._source

    @property
    def root(self) -> Origin:
        """The first origin of the chain."""
        at = self
        while getattr(at.source, "sym_origin", None) is not None:
            at = at.source.sym_origin
        return at

    def history(self, condition: Callable[[Origin], bool] | None = None) -> list[Origin]:
        """Returns the origins from the first one to this one, those for which ``condition`` is true."""
        found: list[Origin] = []
        at: Origin | None = self
        while at is not None:
            if condition is None or condition(at):
                found.append(at)
            at = getattr(at.source, "sym_origin", None)
        return found[::-1]

    @property
    def tag(self) -> str:
        """The operation."""
        return self._tag

    @property
    def stack(self) -> list[traceback.FrameSummary] | None:
        """The frames of the stack, if they were stored."""
        return self._stack

    @property
    def stacktrace(self) -> str | None:
        """The stack as text, if it was stored."""
        if self._stacktrace is None and self._stack is not None:
            self._stacktrace = "".join(traceback.format_list(self._stack))
        return self._stacktrace

    def chain(self, tag: str | None = None) -> list[Origin]:
        """Returns this origin and those before it, the ones with this tag.

        Args:
          tag: a tag, or None for all.
        """
        return self.history(lambda o: tag in (None, o.tag))[::-1]

    def format(self, compact: bool = False, verbose: bool = True, root_indent: int = 0, **kwargs: Any) -> str:
        """Returns the origin as text."""
        source = self._source
        if source is not None and not isinstance(source, str):
            source = utils.RawText(f"{utils.format(source, compact=True)} at 0x{id(source):x}")
        pairs = [("tag", self._tag, None), ("source", source, None)]
        return str(
            utils.kvlist_str(
                pairs,
                label=type(self).__name__,
                compact=compact,
                verbose=verbose,
                root_indent=root_indent,
                **kwargs,
            )
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, type(self)):
            return False
        return self._source is other._source and self._tag == other._tag

    def __ne__(self, other: object) -> bool:
        return not self.__eq__(other)

    __hash__ = None  # type: ignore[assignment]  # compared by its source, which may change
