"""``make_app``: the web application of the dashboard; each screen has an address for people and one for programs (``.json``)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pliant.study.export import to_csv
from pliant.study.trials.trial import Trial
from pliant.values.errors import (
    DecisionError,
    FeedbackError,
    FieldTypeError,
    FieldValueError,
    PliantError,
    UnknownFieldError,
    quote,
)
from pliant.values.packages import require

from .catalog import Catalog
from .control import ACTIONS, MAX_BODY, change, read_form
from .figures import Figures, to_data
from .guard import CONTROL, LOOPBACK, Guard
from .markup import Markup, tag
from .pages import compare, decisions, search, studies, tradeoff, trial, trials
from .pages.layout import DESCRIPTIONS, Screen, page
from .progress import Progress, measure
from .reader import Reader, Snapshot

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

STATIC: Final = Path(__file__).parent / "static"
EVENT_SECONDS: Final = 1.0  # between two looks of a page that is open
_PING: Final = 15  # looks without a change after which a line is sent, so that a lost browser is noticed
_MOST_STREAMS: Final = 50
_WRONG_REQUESTS: Final = (FieldValueError, FieldTypeError, UnknownFieldError, DecisionError)
Made = TypeVar("Made")
Write = Callable[[Any, Trial], str]  # a trial of a view as Python; empty where its program is not known


def make_app(
    places: Sequence[str],
    *,
    token: str | None = None,
    allow_control: bool = False,
    hosts: Sequence[str] = (),
    write: Write = lambda view, trial: "",
) -> Guard:
    """Returns the dashboard of some studies as an application for ASGI servers.

    Args:
      places: files of studies, folders, addresses of studies or of databases.
      token: what a user needs to change studies, and, where ``hosts`` has more than this machine, to read them.
      allow_control: whether studies may be changed by users with the token.
      hosts: names under which the server may be addressed, beside ``localhost`` and its addresses.
      write: returns a trial of a study as Python; empty where its program is not known.

    Raises:
      FieldValueError: it may be addressed from outside, or change studies, and has no token.
      StudyError: a place is missing.
      MissingLibraryError: Starlette is not installed.

    >>> import tempfile
    >>> from starlette.testclient import TestClient
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     TestClient(make_app([folder]), base_url="http://localhost").get("/studies.json").json()
    []
    """
    is_closed = not set(hosts) <= LOOPBACK
    if (is_closed or allow_control) and not token:
        raise FieldValueError(
            "a dashboard that other machines can reach, or that may change studies, needs a token: make_app(..., token=...), a long "
            "random text. `pliant dashboard` makes one."
        )
    require("the dashboard", "starlette", instead="use `pliant report STUDY`")
    from starlette.applications import Starlette

    routes = _Routes(Catalog(places), write, allow_control=allow_control)
    app = Starlette(routes=routes.list(), exception_handlers={PliantError: _explain})
    return Guard(app, hosts=hosts, token=token, is_closed=is_closed)


class _Routes:
    """The answers of the application."""

    def __init__(self, catalog: Catalog, write: Write, *, allow_control: bool) -> None:
        self.catalog, self.write, self.allow_control = catalog, write, allow_control
        self.figures = Figures()
        self.streams = 0

    def list(self) -> list[BaseRoute]:
        """Returns the addresses."""
        from starlette.routing import Mount, Route
        from starlette.staticfiles import StaticFiles

        study, one = "/s/{key}", "/s/{key}/trial/{number:int}"
        return [
            Route("/", self._page(self._studies)),
            Route("/studies.json", self._page(self._studies_json)),
            Route("/live", self._live),
            Route(f"{study}.json", self._page(self._search_json)),
            Route(study, self._page(self._search)),
            Route(f"{study}/live", self._live),
            Route(f"{study}/trials", self._page(self._trials)),
            Route(f"{study}/trials.json", self._page(lambda s, r: _json(trials.to_json(s)))),
            Route(f"{study}/trials.csv", self._page(self._csv)),
            Route(f"{study}/decisions", self._page(lambda s, r: _html(decisions.show(s)))),
            Route(f"{study}/decisions.json", self._page(lambda s, r: _json(decisions.to_json(s, self.figures)))),
            Route(f"{study}/tradeoff", self._page(lambda s, r: _html(tradeoff.show(s)))),
            Route(f"{study}/tradeoff.json", self._page(lambda s, r: _json(tradeoff.to_json(s, self.figures)))),
            Route(f"{study}/compare", self._page(self._compare)),
            Route(f"{study}/compare.json", self._page(self._compare)),
            Route(f"{one}.json", self._page(self._trial_json)),
            Route(one, self._page(self._trial)),
            Route(f"{one}/files/{{name:path}}", self._page(self._file)),
            Route(f"{study}/figure/{{name}}.json", self._page(self._figure_json)),
            Route(f"{study}/figure/{{name}}.svg", self._page(self._figure_svg)),
            Route(f"{study}/figure/{{name}}", self._page(self._figure)),
            Route(f"{study}/control/{{action}}", self._control, methods=["POST"]),
            Mount("/static", StaticFiles(directory=STATIC)),
        ]  # fmt: skip

    def _page(self, answer: Callable[..., Response]) -> Callable[[Request], Awaitable[Response]]:
        """Returns an answer that is made in a thread, as it reads a database."""

        def work(request: Request) -> Response:
            if "key" not in request.path_params:
                return answer(None, request)
            reader = self.catalog.find(request.path_params["key"])
            if reader is None:
                return _missing("No study has this address.")
            return answer(self._see(reader, request), request)

        async def endpoint(request: Request) -> Response:
            return await _in_thread(work, request)

        return endpoint

    def _see(self, reader: Reader, request: Request) -> Screen:
        snapshot = reader.look()
        may = self.allow_control and bool(request.scope.get(CONTROL))
        query = dict(request.query_params)
        return Screen(
            reader.key, snapshot, self._measure(reader.key, snapshot), may, self.allow_control, query
        )

    def _measure(self, key: str, snapshot: Snapshot) -> Progress:
        stamp = (key, "progress", snapshot.version, len(snapshot.source.trials))
        return self.figures.keep(stamp, lambda: measure(snapshot))

    def _studies(self, screen: None, request: Request) -> Response:
        return _html(studies.show(self.catalog.readers(), self._measure))

    def _studies_json(self, screen: None, request: Request) -> Response:
        return _json(studies.to_json(self.catalog.readers(), self._measure))

    def _search(self, screen: Screen, request: Request) -> Response:
        return _html(search.show(screen, self.figures, ACTIONS.get(screen.query.get("done", ""), "")))

    def _search_json(self, screen: Screen, request: Request) -> Response:
        return _json(search.to_json(screen))

    def _trials(self, screen: Screen, request: Request) -> Response:
        found = trials.find_page(screen)
        return _html(trials.show(screen, found), 400 if found.fault else 200)

    def _trial(self, screen: Screen, request: Request) -> Response:
        found = self._find_trial(screen, request.path_params["number"])
        return _html(trial.show(screen, found, self.write(screen.snapshot.view, found)))

    def _trial_json(self, screen: Screen, request: Request) -> Response:
        found = self._find_trial(screen, request.path_params["number"])
        return _json(trial.to_json(screen, found, self.write(screen.snapshot.view, found)))

    def _find_trial(self, screen: Screen, number: int) -> Trial:
        return screen.snapshot.view.trial(number)

    def _compare(self, screen: Screen, request: Request) -> Response:
        given = [text.strip() for text in request.query_params.getlist("trial")]
        wanted = [_to_number(text) for text in dict.fromkeys(given) if text]
        found = [self._find_trial(screen, number) for number in wanted[: compare.MOST]]
        if request.url.path.endswith(".json"):
            return _json(compare.to_json(found))
        return _html(compare.show(screen, found, [self.write(screen.snapshot.view, one) for one in found]))

    def _csv(self, screen: Screen, request: Request) -> Response:
        query = screen.query
        found = trials.find_trials(screen.snapshot, query.get("filter", ""), query.get("sort", "") or "id")
        text = to_csv(screen.snapshot.view, [one for one, _ in found])
        headers = {"content-disposition": f'attachment; filename="{screen.key}.csv"'}
        return _send(text, "text/csv", headers)

    def _file(self, screen: Screen, request: Request) -> Response:
        """Sends a file that a trial saved.  Its name is looked up among those of the trial, and never used as a path."""
        found = self._find_trial(screen, request.path_params["number"])
        path = found.artifact(request.path_params["name"])
        name = request.path_params["name"].rpartition("/")[2]
        from starlette.responses import FileResponse

        return FileResponse(path, filename=name, media_type="application/octet-stream")

    def _figure_json(self, screen: Screen, request: Request) -> Response:
        return _json(to_data(self._draw(screen, request).figure))

    def _figure_svg(self, screen: Screen, request: Request) -> Response:
        from pliant.study.plot.svg import to_svg

        policy = {"content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox"}
        return _send(to_svg(self._draw(screen, request).figure), "image/svg+xml", policy)

    def _figure(self, screen: Screen, request: Request) -> Response:
        """Sends the inside of the place of a figure: heading, picture, legend, notes."""
        name = request.path_params["name"]
        try:
            drawn = self._draw(screen, request)
        except PliantError as error:
            return _html(tag("p", error, class_="dim"), find_status(error))
        notes = list(drawn.figure.notes)
        if not screen.snapshot.is_whole:
            notes.append(
                f"Reading trials: made of {len(screen.snapshot.source.trials):,} of {screen.snapshot.info.proposed:,}, evenly spread."
            )
        legend = tag(
            "ul",
            [tag("li", Markup(mark), label) for label, mark in drawn.legend],
            class_="legend",
        )
        return _html(
            tag(
                "figcaption",
                tag("h2", drawn.figure.title),
                tag("p", DESCRIPTIONS.get(name, ""), class_="dim"),
            )
            + (legend if drawn.legend else "")
            + tag("div", Markup(drawn.svg), class_="picture")
            + tag("div", [tag("p", note) for note in notes], class_="notes dim")
        )

    def _draw(self, screen: Screen, request: Request) -> Any:
        given = {name: value for name, value in screen.query.items() if name != "width"}
        text = screen.query.get("width", "")
        width = int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else 720
        return self.figures.draw(screen.key, screen.snapshot, request.path_params["name"], given, width=width)

    async def _control(self, request: Request) -> Response:
        """Changes a study.  ``Guard`` has checked the token and where the request comes from."""
        reader = self.catalog.find(request.path_params["key"])
        if reader is None:
            return _missing("No study has this address.")
        if not self.allow_control:
            return _missing("This dashboard only reads. Start it with --allow-control.", 403)
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > MAX_BODY:
                return _missing("The form is too long.", 413)
        action = request.path_params["action"]
        try:
            await _in_thread(change, reader.place, action, read_form(body))
        except FieldValueError as error:
            return _missing(str(error), 400)
        from starlette.responses import RedirectResponse

        return RedirectResponse(f"/s/{reader.key}?done={action}", status_code=303)

    async def _live(self, request: Request) -> Response:
        """Sends an event when a study changes, or any of them, until the browser goes away."""
        key = request.path_params.get("key")
        readers = None if key is None else [self.catalog.find(key)]
        if readers == [None]:
            return _missing("No study has this address.")
        if self.streams >= _MOST_STREAMS:
            return _missing("Too many pages are open.", 503)
        from starlette.responses import StreamingResponse

        return StreamingResponse(self._watch(key), media_type="text/event-stream")

    async def _watch(self, key: str | None) -> AsyncIterator[str]:
        self.streams += 1
        try:
            last, silent = None, 0
            yield "retry: 2000\n\n"
            while True:
                present = await _in_thread(self._stamp, key)
                silent += 1
                if present != last:
                    yield f"event: change\ndata: {json.dumps(present)}\n\n"
                    last, silent = present, 0
                elif silent >= _PING:
                    yield ": here\n\n"
                    silent = 0
                await asyncio.sleep(EVENT_SECONDS)
        finally:
            self.streams -= 1

    def _stamp(self, key: str | None) -> dict[str, Any]:
        """Returns what changes when a study does."""
        found: dict[str, Any] = {}
        for reader in self.catalog.readers():
            if key is None or reader.key == key:
                try:
                    snapshot = reader.look()
                    found[reader.key] = [snapshot.version, len(snapshot.trials)]
                except PliantError as error:
                    found[reader.key] = str(error)[:200]
        return found


async def _in_thread(work: Callable[..., Made], *arguments: Any) -> Made:
    """Returns what a function returns that reads a database, while other requests are answered."""
    from starlette.concurrency import run_in_threadpool

    made: Made = await run_in_threadpool(work, *arguments)
    return made


def _to_number(text: str) -> int:
    """Returns the number of a trial in an address."""
    if not (text.isascii() and text.isdecimal() and len(text) < 11):
        raise FieldValueError(f"a trial is given by its number, such as trial=12; got {quote(text)}.")
    return int(text)


def _html(text: str, status: int = 200) -> Response:
    return _send(text, "text/html", status=status)


def _json(data: Any, status_code: int = 200) -> Response:
    return _send(json.dumps(data, default=str), "application/json", status=status_code)


def _send(text: str, kind: str, headers: dict[str, str] | None = None, *, status: int = 200) -> Response:
    from starlette.responses import Response

    return Response(text, status_code=status, media_type=kind, headers=headers)


def _missing(why: str, status: int = 404) -> Response:
    title = {404: "Not found"}.get(status, "This does not work")
    heading = tag("div", tag("div", tag("h1", title), class_="title"), class_="heading")
    back = tag("p", tag("a", "All studies", href="/"))
    return _html(page(title, heading, tag("div", tag("p", why), back, class_="empty card")), status)


def find_status(error: Exception) -> int:
    """Returns the status of an answer: 404 for what does not exist, 400 for what a request asks wrongly, 500 for what cannot be read.

    >>> find_status(FieldValueError("no figure is called 'x'")), find_status(PliantError("the disk reports an error"))
    (400, 500)
    """
    if isinstance(error, FeedbackError):
        return 404
    return 400 if isinstance(error, _WRONG_REQUESTS) else 500


async def _explain(request: Request, error: Exception) -> Response:
    """Answers where a study or a trial cannot be read: with the message, which tells what to do."""
    status = find_status(error)
    if request.url.path.endswith(".json"):
        return _json({"fault": str(error)}, status_code=status)
    return _missing(str(error), status)
