"""``serve``: runs the dashboard on this machine until Ctrl-C."""

from __future__ import annotations

import secrets
import socket
import string
from collections.abc import Callable, Sequence

from pliant.values.errors import FieldValueError, StudyError, quote
from pliant.values.packages import require

from .app import Draw, Write, make_app
from .guard import LOOPBACK

MIN_TOKEN = 16
_LETTERS = set(string.ascii_letters + string.digits + "-_")


def serve(
    places: Sequence[str],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    allow_control: bool = False,
    token: str | None = None,
    write: Write = lambda view, trial: "",
    draw: Draw = lambda view, trials, scheme: "",
    say: Callable[[str], object] = print,
) -> None:
    """Serves a dashboard until Ctrl-C; prints its address first.

    Args:
      places: files of studies, folders, addresses of studies or of databases.
      host: the address of this machine to listen on; other machines reach only another one than 127.0.0.1.
      port: of the server; 0 for a free one.
      allow_control: whether users with the token may change studies.
      token: what is needed to read from other machines, and to change studies; a random one by default.
      write: returns a trial as Python; empty where its program is not known.
      draw: returns a trial, or the difference of two, as SVG; see ``make_app``.
      say: prints a line.

    Raises:
      FieldValueError: the token is short, or has other characters than letters, digits, ``-`` and ``_``.
      StudyError: a place is missing, or the server cannot listen there.
    """
    require("the dashboard", "uvicorn", instead="use `pliant report STUDY`")
    import uvicorn

    needs_token = allow_control or host not in LOOPBACK
    if token is not None and (len(token) < MIN_TOKEN or not set(token) <= _LETTERS):
        raise FieldValueError(
            f"a token has at least {MIN_TOKEN} letters, digits, - and _, and nothing else; got {len(token)} characters. Leave it out for a "
            "random one."
        )
    secret = (token or secrets.token_urlsafe(24)) if needs_token else None
    hosts = [] if host in LOOPBACK else [host, socket.gethostname(), socket.getfqdn()]
    app = make_app(places, token=secret, allow_control=allow_control, hosts=hosts, write=write, draw=draw)
    listener = _listen(host, port)
    shown = socket.gethostname() if host in ("0.0.0.0", "::") else host  # noqa: S104  # only compared
    name = f"[{shown}]" if ":" in shown else shown
    address = f"http://{name}:{listener.getsockname()[1]}/"
    say(f"{address}?token={secret}" if secret else address)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=1,
        server_header=False,
        lifespan="off",
    )
    try:
        uvicorn.Server(config).run(sockets=[listener])
    except KeyboardInterrupt:
        pass
    finally:
        listener.close()


def _listen(host: str, port: int) -> socket.socket:
    listener = None
    try:
        if not host:
            raise OSError("an empty name is not an address")
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(place)
        listener.listen(128)
    except (OSError, ValueError) as error:  # ValueError: a name that no machine can have
        if listener is not None:
            listener.close()
        why = getattr(error, "strerror", None) or str(error)
        raise StudyError(
            f"the dashboard cannot listen on {quote(host)}, port {port}: {why[:200]}. Give another --host or --port."
        ) from error
    return listener
