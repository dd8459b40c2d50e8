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
from pipeline.serving.dropped_pictures import MOST_BYTES, Lookup
from pipeline.serving.looking import UPLOAD, Looking
from pipeline.serving.pages import Pages

MOST_JSON = 200_000
"""Largest number of bytes in a request of a page."""


def application(desk: Desk) -> Starlette:
    """Return the web application, without its access control."""
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
    """A server that listens at once and answers as soon as `run` is called."""

    def __init__(self, desk: Desk, port: int = 0) -> None:
        """Listen on 127.0.0.1; requests before `run` wait.

        Args:
            desk: the study to serve.
            port: the port; 0: any free one.

        Raises:
            OSError, OverflowError: the port cannot be used.
        """
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((HOST, port))
        self.socket.listen(128)  # early requests wait
        self.door = Door(application(desk), self.socket.getsockname()[1], {UPLOAD: MOST_BYTES}, MOST_JSON)
        # A log of requests would contain the key. There is no proxy, so nobody may set its headers.
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
