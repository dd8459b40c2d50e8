"""A web site on this machine for sources to fetch from: real HTTP, with the faults of real servers on demand."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Site:
    """What is served under each path, and what was asked for.

    `faults[path]` is used up from the front: a status to answer with, "cut" to hang up half way, "half" to send half
    and say that it is all, "stall" to keep silent for a second, or "other" to answer another range than asked for.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, list[int | str]] = {}
        self.headers: dict[str, str] = {}
        self.etags: dict[str, str] = {}
        self.tokens: dict[str, str] = {}  # by path: what is served to who has it, and to nobody else
        self.moved: dict[str, str] = {}  # by path: the URL that the server points to
        self.shown: list[str] = []  # Authorization headers, "" for none
        self.asked: list[tuple[str, str, float]] = []  # path, Range header, when
        self.agents: set[str] = set()
        self.pause = 0.0  # seconds between pieces
        self.piece = 1 << 16
        self.busy = self.busiest = 0
        self.url = ""
        self._lock = threading.Lock()

    def paths(self) -> list[str]:
        """Paths asked for, in order."""
        return [path for path, _, _ in self.asked]

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Serve one request."""
        span = request.headers.get("Range", "")
        with self._lock:
            self.asked.append((request.path, span, time.monotonic()))
            self.agents.add(request.headers.get("User-Agent", ""))
            self.shown.append(request.headers.get("Authorization", ""))
            self.busy += 1
            self.busiest = max(self.busiest, self.busy)
            faults = self.faults.get(request.path, [])
            fault = faults.pop(0) if faults else None
        try:
            last = self._send(request, span, fault)
        finally:
            with self._lock:
                self.busy -= 1
        request.wfile.write(last)  # after which the client may ask for more at once

    def _send(self, request: BaseHTTPRequestHandler, span: str, fault: int | str | None) -> bytes:
        """All but the last piece, which is given back."""
        content, token = self.files.get(request.path), request.headers.get("Authorization", "")
        if (needed := self.tokens.get(request.path)) is not None and token != f"Bearer {needed}":
            fault = 403 if token else 401
        elif request.path in self.moved:
            request.send_response(302)
            self._end_headers(request, 0, {"Location": self.moved[request.path]})
            return b""
        if isinstance(fault, int) or content is None:
            request.send_response(fault if isinstance(fault, int) else 404)
            self._end_headers(request, 0)
            return b""
        version = {"ETag": self.etags[request.path]} if request.path in self.etags else {}
        if request.headers.get("If-Range", version.get("ETag")) != version.get("ETag"):
            span = ""
        start = int(span.removeprefix("bytes=").rstrip("-")) if span else 0
        if fault == "stall":
            time.sleep(1)
        if fault == "other":
            start += 1
        rest = content[start:]
        rest = rest[: len(rest) // 2] if fault == "half" else rest
        request.send_response(206 if start else 200)
        further = version | ({"Content-Range": f"bytes {start}-{len(content) - 1}/{len(content)}"} if start else {})
        self._end_headers(request, len(rest), further)
        rest = rest[: len(rest) // 2] if fault == "cut" else rest
        last = b""
        for i in range(0, len(rest), self.piece):
            request.wfile.write(last)
            last = rest[i : i + self.piece]
            time.sleep(self.pause)
        return last

    def _end_headers(self, request: BaseHTTPRequestHandler, length: int, further: dict[str, str] | None = None) -> None:
        for name, value in {**self.headers, **(further or {}), "Content-Length": str(length)}.items():
            request.send_header(name, value)
        request.end_headers()


@contextmanager
def serving(site: Site | None = None) -> Iterator[Site]:
    """A running site."""
    site = site or Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with suppress(BrokenPipeError, ConnectionResetError):  # where a test kills the client
                site.answer(self)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    site.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
