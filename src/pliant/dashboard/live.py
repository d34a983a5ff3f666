"""``Streams``: server-sent events, after which a page that is open reads itself again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, Final, final

from .responses import in_thread, refuse

if TYPE_CHECKING:
    from starlette.responses import Response

EVENT_SECONDS: Final = 1.0  # between two looks of a page that is open
_PING: Final = 15  # looks without a change after which a line is sent, so that a lost browser is noticed
_MOST_STREAMS: Final = 50
Stamp = Callable[[], Any]  # returns what changes when a page does, as JSON data


@final
class Streams:
    """The streams of events of the pages that are open."""

    def __init__(self) -> None:
        self._count = 0

    def open(self, stamp: Stamp) -> Response:
        """Returns an answer that sends an event whenever what a function returns has changed, until the browser goes away."""
        if self._count >= _MOST_STREAMS:
            return refuse("Too many pages are open.", 503)
        from starlette.responses import StreamingResponse

        return StreamingResponse(self._watch(stamp), media_type="text/event-stream")

    async def _watch(self, stamp: Stamp) -> AsyncIterator[str]:
        self._count += 1
        try:
            last, silent = None, 0
            yield "retry: 2000\n\n"
            while True:
                present = await in_thread(stamp)
                silent += 1
                if present != last:
                    yield f"event: change\ndata: {json.dumps(present)}\n\n"
                    last, silent = present, 0
                elif silent >= _PING:
                    yield ": here\n\n"
                    silent = 0
                await asyncio.sleep(EVENT_SECONDS)
        finally:
            self._count -= 1
