"""``make_app``: the web application of the dashboard; each screen has an address for people and one for programs (``.json``)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pliant.study.export import to_csv
from pliant.study.trials.trial import Trial
from pliant.values.errors import FieldValueError, PliantError, quote
from pliant.values.packages import require

from .catalog import Catalog
from .control import ACTIONS, MAX_BODY, change, read_form
from .figures import Figures, to_data
from .guard import CONTROL, LOOPBACK, Guard
from .live import Streams
from .markup import tag
from .pages import compare, decisions, search, studies, tradeoff, trial, trials
from .pages.layout import DESCRIPTIONS, Screen, show_figure
from .progress import Progress, measure
from .reader import Reader, Snapshot
from .responses import explain, find_status, in_thread, read_width, refuse, send, send_svg, to_html, to_json
from .run_routes import RunRoutes
from .runs import RunCatalog, is_run

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

STATIC: Final = Path(__file__).parent / "static"
Write = Callable[[Any, Trial], str]  # a trial of a view as Python; empty where its program is not known
Draw = Callable[
    [Any, Sequence[Trial], str | None], str
]  # one trial, or the difference of two, as SVG in a scheme; empty for none


def make_app(
    places: Sequence[str],
    *,
    token: str | None = None,
    allow_control: bool = False,
    hosts: Sequence[str] = (),
    write: Write = lambda view, trial: "",
    draw: Draw = lambda view, trials, scheme: "",
) -> Guard:
    """Returns the dashboard of some studies as an application for ASGI servers.

    Args:
      places: files of studies, folders, addresses of studies or of databases.
      token: what a user needs to change studies, and, where ``hosts`` has more than this machine, to read them.
      allow_control: whether studies may be changed by users with the token.
      hosts: names under which the server may be addressed, beside ``localhost`` and its addresses.
      write: returns a trial of a study as Python; empty where its program is not known.
      draw: returns what a trial is, or how two differ, as SVG, in the scheme ``light`` or ``dark`` or that of the reader (None); empty
        where that is not known.

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

    routes = _Routes(places, write, draw, allow_control=allow_control)
    app = Starlette(routes=routes.list(), exception_handlers={PliantError: explain})
    return Guard(app, hosts=hosts, token=token, is_closed=is_closed)


class _Routes:
    """The answers of the application."""

    def __init__(self, places: Sequence[str], write: Write, draw: Draw, *, allow_control: bool) -> None:
        self.catalog = Catalog([place for place in places if not is_run(place)])
        self.write, self.draw, self.allow_control = write, draw, allow_control
        self.figures = Figures()
        self.streams = Streams()
        self.runs = RunRoutes(RunCatalog(places), self.figures, self.streams)

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
            Route(f"{study}/trials.json", self._page(lambda s, r: to_json(trials.to_json(s)))),
            Route(f"{study}/trials.csv", self._page(self._csv)),
            Route(f"{study}/decisions", self._page(lambda s, r: to_html(decisions.show(s)))),
            Route(f"{study}/decisions.json", self._page(lambda s, r: to_json(decisions.to_json(s, self.figures)))),
            Route(f"{study}/tradeoff", self._page(lambda s, r: to_html(tradeoff.show(s)))),
            Route(f"{study}/tradeoff.json", self._page(lambda s, r: to_json(tradeoff.to_json(s, self.figures)))),
            Route(f"{study}/compare", self._page(self._compare)),
            Route(f"{study}/compare.json", self._page(self._compare)),
            Route(f"{study}/drawing.svg", self._page(self._drawing)),
            Route(f"{one}.json", self._page(self._trial_json)),
            Route(one, self._page(self._trial)),
            Route(f"{one}/files/{{name:path}}", self._page(self._file)),
            Route(f"{one}/text/{{name:path}}", self._page(self._text)),
            Route(f"{study}/figure/{{name}}.json", self._page(self._figure_json)),
            Route(f"{study}/figure/{{name}}.svg", self._page(self._figure_svg)),
            Route(f"{study}/figure/{{name}}", self._page(self._figure)),
            Route(f"{study}/control/{{action}}", self._control, methods=["POST"]),
            *self.runs.list(),
            Mount("/static", StaticFiles(directory=STATIC)),
        ]  # fmt: skip

    def _page(self, answer: Callable[..., Response]) -> Callable[[Request], Awaitable[Response]]:
        """Returns an answer that is made in a thread, as it reads a database."""

        def work(request: Request) -> Response:
            if "key" not in request.path_params:
                return answer(None, request)
            reader = self.catalog.find(request.path_params["key"])
            if reader is None:
                return refuse("No study has this address.")
            return answer(self._see(reader, request), request)

        async def endpoint(request: Request) -> Response:
            return await in_thread(work, request)

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
        return to_html(studies.show(self.catalog.readers(), self._measure, self.runs.read_all()))

    def _studies_json(self, screen: None, request: Request) -> Response:
        return to_json(studies.to_json(self.catalog.readers(), self._measure))

    def _search(self, screen: Screen, request: Request) -> Response:
        return to_html(search.show(screen, self.figures, ACTIONS.get(screen.query.get("done", ""), "")))

    def _search_json(self, screen: Screen, request: Request) -> Response:
        return to_json(search.to_json(screen))

    def _trials(self, screen: Screen, request: Request) -> Response:
        found = trials.find_page(screen)
        return to_html(trials.show(screen, found), 400 if found.fault else 200)

    def _trial(self, screen: Screen, request: Request) -> Response:
        found = self._find_trial(screen, request.path_params["number"])
        program = self.write(screen.snapshot.view, found)
        return to_html(
            trial.show(screen, found, program, has_drawing=bool(self._paint(screen, [found], None)))
        )

    def _trial_json(self, screen: Screen, request: Request) -> Response:
        found = self._find_trial(screen, request.path_params["number"])
        return to_json(trial.to_json(screen, found, self.write(screen.snapshot.view, found)))

    def _find_trial(self, screen: Screen, number: int) -> Trial:
        return screen.snapshot.view.trial(number)

    def _compare(self, screen: Screen, request: Request) -> Response:
        found = self._find_trials(screen, request)
        if request.url.path.endswith(".json"):
            return to_json(compare.to_json(found))
        programs = [self.write(screen.snapshot.view, one) for one in found]
        has_drawing = len(found) == 2 and bool(self._paint(screen, found, None))
        return to_html(compare.show(screen, found, programs, has_drawing=has_drawing))

    def _find_trials(self, screen: Screen, request: Request) -> Sequence[Trial]:
        given = [text.strip() for text in request.query_params.getlist("trial")]
        wanted = [_to_number(text) for text in dict.fromkeys(given) if text]
        return [self._find_trial(screen, number) for number in wanted[: compare.MOST]]

    def _drawing(self, screen: Screen, request: Request) -> Response:
        """Sends the drawing of a trial, or of the difference of two."""
        found, scheme = self._find_trials(screen, request), screen.query.get("scheme")
        if scheme not in (None, "light", "dark"):
            raise FieldValueError(f"the scheme of a drawing is light or dark; got {quote(scheme)}.")
        if not 1 <= len(found) <= 2:
            raise FieldValueError(
                "a drawing shows a trial, or the difference of two: drawing.svg?trial=3&trial=7."
            )
        svg = self._paint(screen, found, scheme)
        return send_svg(svg) if svg else refuse("The program of this study is not known, so it is not drawn.")

    def _paint(self, screen: Screen, found: Sequence[Trial], scheme: str | None) -> str:
        view = screen.snapshot.view
        key = (screen.key, "drawing", tuple(one.id for one in found), scheme, view.space.fingerprint)
        return self.figures.keep(key, lambda: self.draw(view, found, scheme))

    def _csv(self, screen: Screen, request: Request) -> Response:
        query = screen.query
        found = trials.find_trials(screen.snapshot, query.get("filter", ""), query.get("sort", "") or "id")
        text = to_csv(screen.snapshot.view, [one for one, _ in found])
        headers = {"content-disposition": f'attachment; filename="{screen.key}.csv"'}
        return send(text, "text/csv", headers)

    def _file(self, screen: Screen, request: Request) -> Response:
        """Sends a file that a trial saved.  Its name is looked up among those of the trial, and never used as a path."""
        found = self._find_trial(screen, request.path_params["number"])
        path = found.artifact(request.path_params["name"])
        name = request.path_params["name"].rpartition("/")[2]
        from starlette.responses import FileResponse

        return FileResponse(path, filename=name, media_type="application/octet-stream")

    def _text(self, screen: Screen, request: Request) -> Response:
        """Sends the end of a file that a trial saved, as text on a page."""
        found, name = self._find_trial(screen, request.path_params["number"]), request.path_params["name"]
        return to_html(trial.show_text(screen, found, name, found.artifact(name)))

    def _figure_json(self, screen: Screen, request: Request) -> Response:
        return to_json(to_data(self._draw(screen, request).figure))

    def _figure_svg(self, screen: Screen, request: Request) -> Response:
        from pliant.study.plot.svg import to_svg

        return send_svg(to_svg(self._draw(screen, request).figure))

    def _figure(self, screen: Screen, request: Request) -> Response:
        """Sends the inside of the place of a figure: heading, picture, legend, notes."""
        name = request.path_params["name"]
        try:
            drawn = self._draw(screen, request)
        except PliantError as error:
            return to_html(tag("p", error, class_="dim"), find_status(error))
        notes = list(drawn.figure.notes)
        if not screen.snapshot.is_whole:
            notes.append(
                f"Reading trials: made of {len(screen.snapshot.source.trials):,} of {screen.snapshot.info.proposed:,}, evenly spread."
            )
        return to_html(show_figure(drawn, DESCRIPTIONS.get(name, ""), notes))

    def _draw(self, screen: Screen, request: Request) -> Any:
        given = {name: value for name, value in screen.query.items() if name != "width"}
        width = read_width(screen.query.get("width", ""))
        return self.figures.draw(screen.key, screen.snapshot, request.path_params["name"], given, width=width)

    async def _control(self, request: Request) -> Response:
        """Changes a study.  ``Guard`` has checked the token and where the request comes from."""
        reader = self.catalog.find(request.path_params["key"])
        if reader is None:
            return refuse("No study has this address.")
        if not self.allow_control:
            return refuse("This dashboard only reads. Start it with --allow-control.", 403)
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > MAX_BODY:
                return refuse("The form is too long.", 413)
        action = request.path_params["action"]
        try:
            await in_thread(change, reader.place, action, read_form(body))
        except FieldValueError as error:
            return refuse(str(error), 400)
        await in_thread(reader.expire)
        from starlette.responses import RedirectResponse

        return RedirectResponse(f"/s/{reader.key}?done={action}", status_code=303)

    async def _live(self, request: Request) -> Response:
        """Sends an event when a study changes, or any of them, until the browser goes away."""
        key = request.path_params.get("key")
        readers = None if key is None else [self.catalog.find(key)]
        if readers == [None]:
            return refuse("No study has this address.")
        return self.streams.open(lambda: self._stamp(key))

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
        return found if key is not None else {**found, "": self.runs.stamp_all()}


def _to_number(text: str) -> int:
    """Returns the number of a trial in an address."""
    if not (text.isascii() and text.isdecimal() and len(text) < 11):
        raise FieldValueError(f"a trial is given by its number, such as trial=12; got {quote(text)}.")
    return int(text)
