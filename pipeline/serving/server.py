"""The server: one process, on 127.0.0.1 only."""

from __future__ import annotations

import socket

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from pipeline.answering.study import OpenStudy
from pipeline.core.errors import SitterError
from pipeline.serving.desk import Desk
from pipeline.serving.door import HOST, Door, TooLarge, too_large
from pipeline.serving.looking import UPLOAD, Looking
from pipeline.serving.lookup import MOST_BYTES, Lookup
from pipeline.serving.pages import Pages

MOST_JSON = 200_000
"""Bytes of what a page sends back."""


def application(desk: Desk) -> Starlette:
    """Return the application behind the door."""
    lookup = Lookup(OpenStudy(desk.study, desk.at))
    pages = Pages(desk, list(lookup.galleries))
    return Starlette(
        routes=[*pages.routes, *Looking(pages, lookup).routes],
        exception_handlers={
            TooLarge: lambda _, error: too_large(error.most if isinstance(error, TooLarge) else 0),
            HTTPException: pages.failed,
            SitterError: pages.failed,
            OSError: pages.failed,
            Exception: pages.failed,
        },
    )


class Served:
    """A server that listens, and answers once it runs."""

    def __init__(self, desk: Desk, port: int = 0) -> None:
        """Listen on 127.0.0.1: who comes before `run` waits.

        Args:
            desk: what is served.
            port: 0: any free one.

        Raises:
            OSError, OverflowError: the port cannot be had.
        """
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((HOST, port))
        self.socket.listen(128)  # who comes at once waits
        self.door = Door(application(desk), self.socket.getsockname()[1], {UPLOAD: MOST_BYTES}, MOST_JSON)
        # The log of requests would hold the key; headers of a proxy are nobody's to set here.
        config = uvicorn.Config(
            self.door, log_config=None, log_level="warning", access_log=False, proxy_headers=False,
            server_header=False, lifespan="off", ws="none", limit_concurrency=64, timeout_graceful_shutdown=2,
        )  # fmt: skip
        self.server = uvicorn.Server(config)

    @property
    def address(self) -> str:
        """The address that lets a browser in."""
        return self.door.address

    def run(self) -> None:
        """Answer until the process is told to end (Ctrl-C)."""
        self.server.run(sockets=[self.socket])
