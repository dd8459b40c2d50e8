"""Access control: only a browser on this machine gets in, with the key from the terminal, and no other site's page.

* The header Host has to be this server's own address, so that no other site's name leads here (DNS rebinding).
* A request that a page makes has to come from this server's own pages (headers Origin and Sec-Fetch-Site).
* The address that the terminal shows contains a random key. The server answers it with a cookie (HttpOnly,
  SameSite=Strict), and every other request needs this cookie.
* The size of a body is limited; its bytes are counted as they arrive.
* Each answer tells the browser to load from and send to this server only, and never to show the page in a frame.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs

from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOST = "127.0.0.1"
SESSIONS = 64
"""Number of browsers that are remembered; the oldest is forgotten first."""
SAFE = ("GET", "HEAD")
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
KEY = "key"
FOR_ALL = ("/serve.css", "/icon.svg")
"""Paths that a browser gets without the key: the style and icon of the page that refuses it."""
REFUSED = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Sitter: closed</title><link rel="icon" href="/icon.svg"><link rel="stylesheet" href="/serve.css"></head>
<body class="closed"><main><h1>This page is closed</h1><p class="answer">{reason}</p>
<p>Open the whole address that the terminal showed after <code>sitter serve</code>. It is new at each start.</p>
</main></body></html>"""


class Door:
    """Passes requests on, or answers them with the reason for the refusal."""

    def __init__(self, app: ASGIApp, port: int, most_bytes: Mapping[str, int], otherwise: int) -> None:
        """Guard an application.

        Args:
            app: the application.
            port: port of this server.
            most_bytes: the largest body in bytes, by path.
            otherwise: the largest body in bytes for all other paths.
        """
        self.app, self.most_bytes, self.otherwise = app, most_bytes, otherwise
        self.key = secrets.token_urlsafe(32)
        self.hosts = (f"{HOST}:{port}", f"localhost:{port}")
        self.cookie = f"sitter-{port}"
        self.sessions: OrderedDict[str, None] = OrderedDict()
        self._once: set[str] = set()

    def address_for_once(self) -> str:
        """Return an address that lets in one browser, once.

        A program that opens a browser gets the address on its command line, which other users of the machine can see.
        """
        key = secrets.token_urlsafe(32)
        self._once.add(key)
        return f"http://{self.hosts[0]}/?{KEY}={key}"

    @property
    def address(self) -> str:
        """The address that lets a browser in."""
        return f"http://{self.hosts[0]}/?{KEY}={self.key}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request of a browser."""
        if scope["type"] != "http":
            return
        refused = self._refused(scope)
        if refused is not None:
            await refused(scope, receive, _with_headers(send))
            return
        most = self.most_bytes.get(scope["path"], self.otherwise)
        await self.app(scope, _bounded(receive, most), _with_headers(send))

    def _refused(self, scope: Scope) -> Response | None:
        """Return the answer to a request that is refused; None if the request is allowed."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        host, origin, site = (headers.get(name) for name in ("host", "origin", "sec-fetch-site"))
        if host not in self.hosts:
            return _closed(421, "It answers to its own address only.")
        if origin is not None and origin != f"http://{host}":
            return _closed(403, "Another site has asked for it.")
        if scope["method"] not in SAFE and origin is None:
            return _closed(403, "A request that changes something has to come from one of its own pages.")
        query = parse_qs(scope["query_string"].decode("latin-1"))
        given = query.get(KEY, [""])[0]
        if scope["path"] == "/" and scope["method"] == "GET" and self._fits(given):
            return self._let_in()
        if site not in (None, "same-origin", "none"):
            return _closed(403, "Another site has asked for it.")
        session = self._session(headers.get("cookie", ""))
        if session is None and scope["path"] in FOR_ALL and scope["method"] in SAFE:
            return None
        if session is None:
            return _closed(403, "It opens with a key, which this browser does not have.")
        scope["browser"] = session
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self.most_bytes.get(scope["path"], self.otherwise):
            return too_large(self.most_bytes.get(scope["path"], self.otherwise))
        return None

    def _fits(self, given: str) -> bool:
        """Whether a key is valid; a key for one use is valid only once."""
        if given in self._once:
            self._once.remove(given)
            return True
        return secrets.compare_digest(given.encode(), self.key.encode())

    def _let_in(self) -> Response:
        """Give the browser its own cookie, and redirect it to an address without the key."""
        session = secrets.token_urlsafe(32)
        self.sessions[session] = None
        while len(self.sessions) > SESSIONS:
            self.sessions.popitem(last=False)
        answer = RedirectResponse("/", status_code=303)
        answer.set_cookie(self.cookie, session, httponly=True, samesite="strict", path="/")
        answer.headers["Cache-Control"] = "no-store"
        return answer

    def _session(self, cookie: str) -> str | None:
        try:
            found = SimpleCookie(cookie).get(self.cookie)
        except CookieError:
            return None
        return found.value if found is not None and found.value in self.sessions else None


class TooLarge(Exception):
    """A body has more bytes than its path allows."""

    def __init__(self, most: int) -> None:
        super().__init__(most)
        self.most = most


def too_large(most: int) -> Response:
    """Return the answer to a body that is too long."""
    return JSONResponse({"error": f"That is too large: at most {most / 1e6:,.1f} MB are accepted."}, 413)


def _bounded(receive: Receive, most: int) -> Receive:
    """Return `receive` with a count of the body's bytes; it raises TooLarge beyond `most`."""
    taken = 0

    async def counted() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        if taken > most:
            raise TooLarge(most)
        return message

    return counted


def _with_headers(send: Send) -> Send:
    """Return `send` with the headers added that every answer has."""
    ours = [(name.lower().encode(), value.encode()) for name, value in HEADERS.items()]

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *ours]
            if not any(name.lower() == b"cache-control" for name, _ in message["headers"]):
                message["headers"].append((b"cache-control", b"no-store"))
        await send(message)

    return sending


def _closed(status: int, reason: str) -> Response:
    return HTMLResponse(REFUSED.format(reason=reason), status)
