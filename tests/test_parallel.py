"""Work over processes keeps its order, ends with its parent, and says what went wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from itertools import count, islice

import psutil
import pytest

from pipeline.core.errors import SitterError
from pipeline.core.parallel import cores, in_order
from pipeline.faces.image import UnreadableImage


def make_power(exponent):
    return partial(_power, os.getpid(), exponent)


def _power(made_by, exponent, x):
    assert made_by == os.getpid()  # made where it works
    time.sleep(0.002 * (x % 3))
    return x**exponent, made_by


def make_failing():
    def work(x):
        raise UnreadableImage("a.png", f"item {x}")

    return work


def make_deadly():
    return _kill_itself


def _kill_itself(x):
    os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.parametrize("workers", [1, 2])
def test_results_come_in_the_order_of_the_items(workers):
    results = list(in_order(partial(make_power, 2), range(50), workers, chunk=4))
    assert [value for value, _ in results] == [x * x for x in range(50)]
    assert len({pid for _, pid in results}) == workers
    assert (os.getpid() in {pid for _, pid in results}) == (workers == 1)


def test_endless_items_are_taken_as_needed():
    results = in_order(partial(make_power, 1), count(), 2, chunk=2)
    assert [value for value, _ in islice(results, 30)] == list(range(30))
    results.close()


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_in_a_worker_arrives_as_it_is(workers):
    with pytest.raises(UnreadableImage, match=r"a\.png: item 0"):
        list(in_order(make_failing, range(9), workers, chunk=1))


def test_a_killed_worker_is_explained():
    with pytest.raises(SitterError, match=r"killed.*memory"):
        list(in_order(make_deadly, range(9), 2, chunk=1))


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM])
def test_workers_end_with_their_parent(sent):
    code = "from tests.test_parallel import *; list(in_order(partial(make_power, 1), count(), 2))"
    parent = subprocess.Popen([sys.executable, "-c", code])
    try:
        workers = _wait(lambda: _two_workers(parent.pid))
    finally:
        parent.send_signal(sent)
        parent.wait(10)
    assert psutil.wait_procs(workers, timeout=10)[1] == []


def _two_workers(pid):
    workers = [c for c in psutil.Process(pid).children() if "spawn_main" in " ".join(c.cmdline())]
    return workers if len(workers) == 2 else None


def _wait(found, seconds=20):
    end = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return value


def test_cores_are_those_of_the_job(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    here = cores()
    assert 1 <= here <= os.cpu_count()
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert cores() == 1
    monkeypatch.setenv("OMP_NUM_THREADS", "9999")
    assert cores() == here
