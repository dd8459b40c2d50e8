"""Asks for many URLs at once, but only for a few at a time from one host."""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar
from urllib.parse import urlsplit

import requests

from pipeline.sources.web import session

T = TypeVar("T")
R = TypeVar("R")


def politely(
    jobs: Sequence[tuple[T, str]],
    work: Callable[[T, requests.Session], R],
    *,
    workers: int,
    per_host: int,
    delay: float,
    contact: str | None = None,
    starts: dict[str, float] | None = None,
) -> Iterator[tuple[T, R]]:
    """Do `work` for each job, in parallel, and yield jobs with results in the order of completion.

    Args:
        jobs: the arguments of `work`, each with the URL that it asks for.
        workers: connections at a time, all hosts together.
        per_host: connections at a time to one host.
        delay: seconds between two requests to one host, at least.
        contact: a contact that the servers are told.
        starts: when each host may be asked again (`time.monotonic`); several calls can share it.

    Raises:
        Exception: whatever `work` raised; the other jobs are abandoned.
    """
    todo: queue.SimpleQueue[tuple[T, str] | None] = queue.SimpleQueue()
    done: queue.SimpleQueue[tuple[T, str, R | Exception]] = queue.SimpleQueue()

    def serve() -> None:
        web = session(contact)
        while (task := todo.get()) is not None:
            job, host = task
            try:
                done.put((job, host, work(job, web)))
            except Exception as error:
                done.put((job, host, error))

    waiting: dict[str, deque[T]] = {}
    for job, url in jobs:
        waiting.setdefault(urlsplit(url).netloc, deque()).append(job)
    workers = min(workers, len(jobs))
    for _ in range(workers):  # daemons, so that Ctrl-C does not wait for a server that does not answer
        threading.Thread(target=serve, daemon=True).start()
    running: Counter[str] = Counter()
    next_start = {} if starts is None else starts
    try:
        while waiting or running.total():
            for host in list(waiting):
                if running.total() == workers:
                    break
                while waiting[host] and running[host] < per_host and running.total() < workers:
                    if next_start.get(host, 0.0) > (now := time.monotonic()):
                        break
                    todo.put((waiting[host].popleft(), host))
                    running[host] += 1
                    next_start[host] = now + delay
                if not waiting[host]:
                    del waiting[host]
            try:
                job, host, result = done.get(timeout=min(delay, 0.1) if delay and waiting else None)
            except queue.Empty:
                continue
            running[host] -= 1
            if isinstance(result, Exception):
                raise result
            yield job, result
    finally:
        for _ in range(workers):
            todo.put(None)
