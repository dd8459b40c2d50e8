"""A training reports its speed in the log, and in none of its files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from pipeline.core.layout import Layout
from pipeline.stages import train
from pipeline.training.log import Log
from pipeline.training.stop import StopRequest
from tests.training.study import prepared, study

CPU = torch.device("cpu")


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def run_batches(clock: Clock, log: Log, batches: int, waits: float, works: float) -> None:
    """Run a number of batches of 50 faces; each takes `waits` seconds to load and `works` seconds to train."""

    def loaded() -> Iterator[int]:
        for batch in range(batches):
            clock.now += waits
            yield batch

    for _ in log.waited(loaded()):
        clock.now += works
        log.batch(50, lambda: {"loss": "7"})


def test_a_job_s_log_has_a_line_within_the_first_minute_and_then_one_a_minute(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock()
    run_batches(clock, Log(100_000, 0, CPU, clock=clock), 610, waits=0.1, works=0.4)  # 305 seconds
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 5
    assert lines[0] == ("training: 1,000 of 100,000 faces, 16:30 left; loss 7, images/s 100, waiting for data 20.0 %")
    assert lines[4].startswith("training: 25,000 of 100,000 faces, 12:30 left")


def test_an_epoch_s_line_has_the_speed_of_its_batches_not_of_what_came_after(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock()
    log = Log(1000, 500, CPU, clock=clock)
    run_batches(clock, log, 4, waits=0.5, works=0.5)
    log.measure()
    clock.now += 1000  # validation
    log.say({"val EER": "3 %"})
    run_batches(clock, log, 4, waits=0.0, works=15)
    assert capsys.readouterr().err.splitlines() == [
        "training: 700 of 1,000 faces, 00:06 left; val EER 3 %, images/s 50, waiting for data 50.0 %",
        "training: 900 of 1,000 faces, 00:30 left; loss 7, images/s 3.33, waiting for data 0.0 %",
    ]


@pytest.mark.parametrize(("world", "share"), [(1, "40.0 %"), (4, "10.0 %")])
def test_the_share_of_the_peak_is_that_of_one_device(
    capsys: pytest.CaptureFixture[str], world: int, share: str
) -> None:
    clock = Clock()
    run_batches(clock, Log(1000, 0, CPU, clock=clock, world=world, flops=4e9, peak=1e12), 20, waits=0.0, works=0.5)
    assert f"images/s 100, MFU {share}, waiting" in capsys.readouterr().err


def test_without_a_known_peak_no_share_of_it_is_named_and_only_the_first_process_speaks(
    capsys: pytest.CaptureFixture[str],
) -> None:
    clock = Clock()
    run_batches(clock, Log(1000, 0, CPU, clock=clock, flops=4e9), 20, waits=0.0, works=0.5)
    assert "MFU" not in capsys.readouterr().err
    run_batches(clock, Log(1000, 0, CPU, clock=clock, first=False), 20, waits=0.0, works=0.5)
    assert capsys.readouterr().err == ""


@pytest.mark.training
def test_a_training_says_where_it_is_after_every_epoch(
    at: Layout, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = prepared(at, "head", epochs=2)
    capsys.readouterr()
    state = run.fit(project / "c", "key", StopRequest())
    start, *epochs = (line for line in capsys.readouterr().err.splitlines() if line.startswith("training: "))
    faces = sum(len(run.sampler.whole(run.seed, 0, p).images) for p in range(len(run.sampler)))
    assert start.startswith(f"training: 0 of {2 * faces} faces, ? left; epoch 0 of 2, val EER")
    assert len(epochs) == 2
    for number, line in enumerate(epochs, 1):
        row = state.history[number]
        assert row.loss is not None
        assert row.val_eer is not None
        assert f"{number * faces} of {2 * faces} faces" in line
        assert f"epoch {number} of 2, loss {row.loss:.4g}, val EER {100 * row.val_eer:.2f} %" in line
        assert re.search(r"images/s [\d,.]+(e\+\d+)?, waiting for data [\d.]+ %$", line)


@pytest.mark.training
def test_how_fast_it_was_is_not_in_what_it_leaves(at: Layout, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifests = []
    for seconds in (0.0, 100.0):
        clock = Clock()

        def slow(clock: Clock = clock, seconds: float = seconds) -> float:
            clock.now += seconds
            return clock.now

        monkeypatch.setattr(Log.__init__, "__kwdefaults__", Log.__init__.__kwdefaults__ | {"clock": slow})
        train.run(study("head"), "head", at.root)
        manifests.append((at.model("head") / "manifest.csv").read_bytes())
    assert manifests[0] == manifests[1]
