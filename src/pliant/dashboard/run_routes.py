"""``RunRoutes``: the addresses of one-shot runs; each screen has one for people and one for programs (``.json``)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, final

from pliant.study.plot.training import make_figure
from pliant.values.errors import PliantError

from .figures import Drawn, Figures, draw_figure, fit_width, to_data
from .live import Streams
from .markup import tag
from .pages import run as screen
from .pages.layout import show_figure
from .responses import find_status, in_thread, read_width, refuse, send_svg, to_html, to_json
from .runs import RunCatalog, RunSnapshot

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

Answer = Callable[[RunSnapshot, Any], Any]


@final
class RunRoutes:
    """The answers about one-shot runs.

    Args:
      catalog: finds them.
      figures: keeps their pictures.
      streams: tells pages that a file has changed.
    """

    def __init__(self, catalog: RunCatalog, figures: Figures, streams: Streams) -> None:
        self._catalog, self._figures, self._streams = catalog, figures, streams

    def list(self) -> list[BaseRoute]:
        """Returns the addresses."""
        from starlette.routing import Route

        one = "/r/{key}"
        return [
            Route("/runs.json", self._list_json),
            Route(f"{one}.json", self._page(lambda run, r: to_json(screen.to_json(run)))),
            Route(one, self._page(lambda run, r: to_html(screen.show(run)))),
            Route(f"{one}/live", self._live),
            Route(f"{one}/figure/{{name}}.json", self._page(lambda run, r: to_json(to_data(self._draw(run, r).figure)))),
            Route(f"{one}/figure/{{name}}.svg", self._page(self._figure_svg)),
            Route(f"{one}/figure/{{name}}", self._page(self._figure)),
        ]  # fmt: skip

    def read_all(self) -> Sequence[RunSnapshot | tuple[str, PliantError]]:
        """Returns all runs; where a file cannot be read, its name and the error."""
        found: list[RunSnapshot | tuple[str, PliantError]] = []
        for key in self._catalog.keys():  # noqa: SIM118  # a method, not those of a dict
            try:
                run = self._catalog.find(key)
            except PliantError as error:
                found.append((key, error))
                continue
            if run is not None:
                found.append(run)
        return found

    def stamp_all(self) -> Sequence[Any]:
        """Returns what changes when one of the files does, as JSON data."""
        return [[one[0]] if isinstance(one, tuple) else [one.key, *one.version] for one in self.read_all()]

    def _page(self, answer: Answer) -> Callable[[Request], Awaitable[Response]]:
        def work(request: Request) -> Response:
            run = self._catalog.find(request.path_params["key"])
            found: Response = (
                refuse("No one-shot run has this address.") if run is None else answer(run, request)
            )
            return found

        async def endpoint(request: Request) -> Response:
            return await in_thread(work, request)

        return endpoint

    async def _list_json(self, request: Request) -> Response:
        def work() -> Response:
            return to_json(
                [
                    {"key": one[0], "fault": str(one[1])} if isinstance(one, tuple) else screen.to_json(one)
                    for one in self.read_all()
                ]
            )

        return await in_thread(work)

    async def _live(self, request: Request) -> Response:
        key = request.path_params["key"]
        if key not in await in_thread(self._catalog.keys):
            return refuse("No one-shot run has this address.")
        return self._streams.open(lambda: self._stamp(key))

    def _stamp(self, key: str) -> Any:
        try:
            run = self._catalog.find(key)
        except PliantError as error:
            return str(error)[:200]
        return None if run is None else list(run.version)

    def _figure(self, run: RunSnapshot, request: Request) -> Response:
        """Sends the inside of the place of a figure."""
        name = request.path_params["name"]
        try:
            drawn = self._draw(run, request)
        except PliantError as error:
            return to_html(tag("p", error, class_="dim"), find_status(error))
        return to_html(show_figure(drawn, screen.DESCRIPTIONS.get(name, ""), drawn.figure.notes))

    def _figure_svg(self, run: RunSnapshot, request: Request) -> Response:
        from pliant.study.plot.svg import to_svg

        return send_svg(to_svg(self._draw(run, request).figure))

    def _draw(self, run: RunSnapshot, request: Request) -> Drawn:
        name, wide = request.path_params["name"], fit_width(read_width(request.query_params.get("width", "")))
        key = ("run", run.key, name, run.version)
        figure = self._figures.keep(key, lambda: make_figure(run.run, name))
        return self._figures.keep((*key, wide), lambda: draw_figure(figure, wide))
