"""A stage's log keeps every attempt when a job is run again, by Snakemake or by a person."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest

from tests.workflow.conftest import PROJECT

pytestmark = pytest.mark.slow

SNAKEFILE = f"""
import sys
sys.path.insert(0, {str(PROJECT)!r})
from rules import logs
from rules.logs import logged
logs.keep()
rule all:
    output: "out"
    log: "logs/all.log"
    shell: logged("sh command.sh {{output}}")
"""
LINE = re.compile(r"==== attempt (\d+) (began|ended) (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)(.*)")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return the folder of a workflow with one rule, which runs `command.sh`."""
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    (tmp_path / "rules").mkdir()
    shutil.copy(PROJECT / "rules/log.sh", tmp_path / "rules/log.sh")
    return tmp_path


def snakemake(place: Path, script: str, *options: str) -> int:
    """Run the rule with these commands, and return the exit status."""
    (place / "command.sh").write_text(script)
    command = [Path(sys.executable).parent / "snakemake", "-c1", "--nolock", *options]
    return subprocess.run(command, cwd=place, stdin=subprocess.DEVNULL, capture_output=True).returncode


def attempts(place: Path) -> list[tuple[str, str, str]]:
    """Return the number, `began` or `ended`, and the rest of each line about an attempt."""
    found = [LINE.fullmatch(line) for line in (place / "logs/all.log").read_text().splitlines()]
    return [(match[1], match[2], match[4]) for match in found if match]


def test_retries_and_later_runs_are_added_with_time_and_number(place: Path) -> None:
    once = "echo words; [ -e flag ] && { touch $1; exit 0; }; touch flag; printf half; exit 75"
    assert snakemake(place, once, "--retries", "1") == 0
    done = [("2", "began", ""), ("2", "ended", ": done")]
    assert attempts(place) == [("1", "began", ""), ("1", "ended", ": stopped, to go on in the next attempt"), *done]
    text = (place / "logs/all.log").read_text()
    assert text.count("words\n") == 2
    assert "half\n==== attempt" in text
    assert snakemake(place, "echo anew; exit 3", "--forceall") == 1
    assert (place / "logs/all.log").read_text().startswith(text)
    assert attempts(place)[4:] == [("1", "began", ""), ("1", "ended", ": failed with exit status 3")]


def test_an_attempt_that_was_killed_is_counted(place: Path) -> None:
    (place / "command.sh").write_text("echo here; exec sleep 60")
    command = [Path(sys.executable).parent / "snakemake", "-c1", "--nolock"]
    running = subprocess.Popen(command, cwd=place, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    log = place / "logs/all.log"
    deadline = time.monotonic() + 60
    while not (log.exists() and "here" in log.read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process = psutil.Process(running.pid)
    for one in (process, *process.children(recursive=True)):
        one.kill()
    running.wait()
    assert snakemake(place, "touch $1", "--rerun-incomplete") == 0
    assert [line[:2] for line in attempts(place)] == [("1", "began"), ("2", "began"), ("2", "ended")]


def test_words_after_a_signal_are_in_the_log(place: Path) -> None:
    assert snakemake(place, "trap 'echo last; exit 75' TERM; sleep 1; kill -TERM $PPID $$; sleep 5") == 1
    assert "last\n" in (place / "logs/all.log").read_text()
    assert attempts(place)[-1] == ("1", "ended", ": stopped, to go on in the next attempt")


def test_the_job_of_slurm_is_named(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "42")
    assert snakemake(place, "touch $1") == 0
    assert attempts(place)[0] == ("1", "began", ", SLURM job 42")
