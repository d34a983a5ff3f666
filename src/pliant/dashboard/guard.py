"""``Guard``: refuses requests that do not come from the dashboard's own pages, or lack its token; sets the headers that keep pages safe.

A page of another site can send requests to a local server by the browser of a user.  A site whose name is made to point to this machine
(DNS rebinding) is found by the header ``Host``, another site by ``Origin`` and ``Sec-Fetch-Site``.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from typing import Any, Final, NamedTuple, final
from urllib.parse import parse_qsl, urlencode
from urllib.parse import quote as to_url

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
SAFE: Final = ("GET", "HEAD")
CONTROL: Final = "pliant.may_control"  # in the scope of a request
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
Scope = MutableMapping[str, Any]  # of the interface ASGI, as the following ones
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


class Answer(NamedTuple):
    """The answer to a request that the application does not get."""

    status: int
    text: str
    headers: tuple[tuple[str, str], ...] = ()


@final
class Guard:
    """Checks each request before the application gets it.

    Args:
      app: the application.
      hosts: the names under which the server may be addressed, beside those of loopback; with any, also by addresses in numbers.
      token: what a user needs to change studies; None if no user may.
      is_closed: whether the token is needed for reading as well.
    """

    def __init__(
        self, app: Application, *, hosts: Iterable[str], token: str | None, is_closed: bool = False
    ) -> None:
        self._app = app
        self._hosts = frozenset(map(str.lower, hosts)) | LOOPBACK
        self._has_numbers = not self._hosts <= LOOPBACK
        self._token, self._is_closed = token, is_closed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return

        async def send_safely(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                given = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *(
                        (name.encode(), value.encode())
                        for name, value in _HEADERS.items()
                        if name.encode() not in given
                    ),
                ]
            await send(message)

        answer = self._check(scope)
        if answer is None:
            await self._app(scope, receive, send_safely)
        else:
            await _answer(answer, send_safely)

    def _check(self, scope: Scope) -> Answer | None:
        """Returns the answer to a request that is refused or redirected; None where the application answers."""
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        host, method = headers.get("host", ""), scope["method"]
        if not self._is_own(host):
            return Answer(421, "This server is not addressed by this name. Use the address that it printed.")
        origin = headers.get("origin")
        if origin is not None and origin.lower() != f"{scope['scheme']}://{host}".lower():
            return Answer(403, "Requests from other sites are refused.")
        fetch_site = headers.get("sec-fetch-site", "none")
        if fetch_site not in ("none", "same-origin") and headers.get("sec-fetch-mode") != "navigate":
            return Answer(403, "Requests from other sites are refused.")
        if (found := self._enter(scope)) is not None:
            return found
        has_cookie = self._token is not None and self._matches(
            _read_cookie(headers.get("cookie", ""), _name(self._token))
        )
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        has_bearer = scheme.lower() == "bearer" and self._matches(bearer.strip())
        if self._is_closed and not (has_cookie or has_bearer):
            return Answer(401, "Open the address that `pliant dashboard` printed: it ends with the token.")
        if method not in SAFE and not (has_bearer or (has_cookie and origin is not None)):
            return Answer(
                403,
                "A change needs the token, from a page of this dashboard. Start `pliant dashboard --allow-control`, "
                "and open the address that it prints.",
            )
        scope[CONTROL] = has_cookie or has_bearer
        return None

    def _is_own(self, host: str) -> bool:
        name = host.rpartition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]
        if name.lower() in self._hosts:
            return True
        return self._has_numbers and _is_number(name)  # a name that was made to point here is not a number

    def _matches(self, given: str) -> bool:
        return self._token is not None and hmac.compare_digest(given.encode(), self._token.encode())

    def _enter(self, scope: Scope) -> Answer | None:
        """Returns a redirection that keeps the token of an address in a cookie."""
        pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = [value for key, value in pairs if key == "token"]
        if not given or scope["method"] not in SAFE or self._token is None:
            return None
        if not self._matches(given[0]):
            return Answer(403, "This is not the token of this dashboard. It prints a new one at each start.")
        rest = urlencode([(key, value) for key, value in pairs if key != "token"])
        path = "/" + to_url(scope["path"].lstrip("/\\"))  # never the address of another site
        cookie = f"{_name(self._token)}={self._token}; HttpOnly; Path=/; SameSite=Strict"
        where = path + (f"?{rest}" if rest else "")
        return Answer(303, "", (("location", where), ("set-cookie", cookie)))


async def _answer(answer: Answer, send: Send) -> None:
    headers = [("content-type", "text/plain; charset=utf-8"), *answer.headers]
    raw = [(name.encode(), value.encode()) for name, value in headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": raw})
    await send({"type": "http.response.body", "body": f"{answer.text}\n".encode()})


def _name(token: str) -> str:
    """Returns the name of the cookie: another one for each token, as cookies do not distinguish ports."""
    return f"pliant_{hashlib.sha256(token.encode()).hexdigest()[:8]}"


def _read_cookie(text: str, name: str) -> str:
    try:
        cookies = SimpleCookie(text)
    except CookieError:
        return ""
    return cookies[name].value if name in cookies else ""


def _is_number(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
