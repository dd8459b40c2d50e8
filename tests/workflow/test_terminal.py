"""The terminal is calm: a line for each job, one bar, and the words of a job that failed."""

from __future__ import annotations

import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from snakemake_logger_plugin_sitter.excerpt import last_attempt
from tests.suite.environment import environment
from tests.workflow.conftest import PROJECT

pytestmark = pytest.mark.slow
SNAKEFILE = f"""
import sys
sys.path.insert(0, {str(PROJECT)!r})
from rules import logs
from rules.logs import logged
logs.keep()
rule all:
    input: "a.txt", "b.txt"
    localrule: True
onsuccess:
    logger.info("the table")
rule draw:
    output: "{{name}}.txt"
    log: "logs/draw/{{name}}.log"
    shell: logged("sh command.sh {{wildcards.name}} {{output}}")
"""
WELL = "echo words of $1; sleep 0.1; touch $2"
LINE = re.compile(r"[12]/2  draw +([ab]) +0:0\d")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A workflow of two jobs, each of which runs `command.sh`."""
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    (tmp_path / "rules").mkdir()
    shutil.copy(PROJECT / "rules/log.sh", tmp_path / "rules/log.sh")
    return tmp_path


def command(*options: str) -> list[str]:
    """The command line of a run with this logger and, as the default profile has them, its settings."""
    snakemake = str(Path(sys.executable).parent / "snakemake")
    return [snakemake, "-c1", "--nolock", "--logger", "sitter", "--quiet", "host", *options]


def said(place: Path, script: str, *options: str) -> list[str]:
    """Run the workflow; the lines that it wrote to something that is no terminal."""
    (place / "command.sh").write_text(script)
    env = {**os.environ, "PYTHONPATH": str(PROJECT)}
    done = subprocess.run(
        command(*options), cwd=place, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    return (done.stdout + done.stderr).splitlines()


def test_each_job_has_one_line_with_its_stage_name_and_time_and_the_results_come_last(place: Path) -> None:
    *jobs, last = said(place, WELL)
    assert sorted(match[1] for line in jobs if (match := LINE.fullmatch(line))) == ["a", "b"]
    assert len(jobs) == 2, "and nothing else is written"
    assert last == "the table"
    assert "words of a" in (place / "logs/draw/a.log").read_text()
    assert "words of a" not in "\n".join(jobs)


def test_a_job_that_failed_shows_what_it_said_in_its_last_attempt(place: Path) -> None:
    lines = said(place, f"[ $1 = b ] && {{ echo 'the reason, {{braces}}'; exit 3; }}; {WELL}", "-k", "--retries", "1")
    assert sum(bool(LINE.fullmatch(line)) for line in lines) == 1
    assert sum(line.startswith("failed: draw b, after 0:0") for line in lines) == 2
    assert lines.count("    the reason, {braces}") == 2, "each attempt shows its own words only"
    assert "    whole log: logs/draw/b.log" in lines
    assert lines[-1] == "1 of 2 jobs done; failed: draw b. Run the same command again to resume."
    assert not any("RuleException" in line or "CalledProcessError" in line for line in lines)


def test_a_mistake_in_the_workflow_is_told(place: Path) -> None:
    with (place / "Snakefile").open("a") as file:
        file.write('\nrule broken:\n    input: "nowhere"\n    output: "c"\n    shell: "true"\n')
    assert any("nowhere" in line for line in said(place, WELL, "--", "c"))


@pytest.mark.parametrize("option", ["-n", "-p"])
def test_who_asks_for_more_is_shown_what_snakemake_shows(place: Path, option: str) -> None:
    text = "\n".join(said(place, WELL, option))
    assert re.search(r"rule draw:\n    output: a\.txt\n    log: logs/draw/a\.log\n", text)
    assert ("sh command.sh a a.txt" in text) == (option == "-p")


def test_quiet_all_writes_nothing_but_what_failed(place: Path) -> None:
    assert said(place, WELL, "--quiet", "all") == []
    assert "    no" in said(place, "echo no; exit 1", "--quiet", "all", "--forceall")


def test_a_terminal_has_one_bar_which_names_what_runs_and_the_time_left(place: Path) -> None:
    (place / "command.sh").write_text("sleep 1; touch $2")
    reader, writer = pty.openpty()
    env = environment(TERM="xterm", COLUMNS=120)
    env.pop("NO_COLOR", None)
    running = subprocess.Popen(command(), cwd=place, env=env, stdin=writer, stdout=writer, stderr=writer)
    os.close(writer)
    written = b""
    while True:
        try:
            written += os.read(reader, 65536)
        except OSError:  # the terminal is gone with its last process
            break
    assert running.wait(60) == 0
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", written.decode()).replace("\r", "\n")
    bars = re.findall(r"([012])/2 \S+ 0:00:0\d left: (\S+) draw ([ab])", text)
    assert {count for count, _, _ in bars} == {"0", "1"}
    assert {name for _, _, name in bars} == {"a", "b"}
    assert {left for count, left, _ in bars if count == "0"} == {"?"}
    assert {left for count, left, _ in bars if count == "1"} <= {"0:01", "0:02", "0:03", "0:04"}
    assert text.rstrip().endswith("the table")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"# Gem\xe4lde\nseed: 1\n", "mine.yaml, line 1: byte 0xe4 at place 6 of the line is not UTF-8"),
        (b"seed: [1\n", "mine.yaml, line "),
        (b"seed: 1\nseed: 2\n", "mine.yaml, line 2: key 'seed' stands in line 1 already"),
        (None, "mine.yaml does not exist"),
    ],
    ids=["encoding", "yaml", "twice", "absent"],
)
def test_a_params_file_that_cannot_be_read_is_told_without_a_traceback(
    place: Path, content: bytes | None, words: str
) -> None:
    if content is not None:
        (place / "mine.yaml").write_bytes(content)
    lines = said(place, WELL, "-n", "--configfile", "mine.yaml")
    assert lines[0].startswith(words)
    assert not any("Traceback" in line for line in lines)


def test_the_excerpt_of_a_log_is_the_end_of_its_last_attempt(tmp_path: Path) -> None:
    log = tmp_path / "one.log"
    log.write_text(
        "==== attempt 1 began x\nold\n==== attempt 1 ended x: failed\n==== attempt 2 began x\n1%\r2%\rnew\nend\n"
    )
    assert last_attempt(log) == ["new", "end"]
    assert last_attempt(log, most=1) == ["end"]
    with log.open("a") as file:
        file.write("==== attempt 2 ended x: failed with exit status 1\n")
    assert last_attempt(log) == ["new", "end"]
    log.write_text("a log of SLURM\n")
    assert last_attempt(log) == ["a log of SLURM"]
    assert last_attempt(tmp_path / "none.log") == []
