"""Real processes that are forked from one that has imported torch, which saves each the seconds of the import."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from subprocess import TimeoutExpired

# Modules that are imported once, before processes are forked. None starts threads or reads the launcher's variables.
IMPORTED = [
    *("pytest", "torch", "accelerate", "torch._dynamo", "pipeline.core.torchvision_ops", "peft"),
    *(
        "pipeline.cli",
        "pipeline.stages.train",
        "pipeline.training.prepare",
        "pipeline.losses",
    ),
]


class Fork:
    """A process that runs a Python program, with the methods of `subprocess.Popen` that the tests use."""

    def __init__(self, program: str, arguments: Sequence[str], cwd: Path, env: Mapping[str, str]) -> None:
        """Start the process as `python -c program arguments` would."""
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(IMPORTED)
        self.folder = tempfile.TemporaryDirectory()
        self.out, self.err = Path(self.folder.name, "out"), Path(self.folder.name, "err")
        given = (program, list(arguments), str(cwd), dict(env), str(self.out), str(self.err))
        self.process = context.Process(target=_run, args=given)
        self.process.start()

    def poll(self) -> int | None:
        """Return the exit status, or minus the signal that ended the process; None while it runs."""
        return self.process.exitcode

    @property
    def returncode(self) -> int | None:
        """The same as `poll`."""
        return self.process.exitcode

    def send_signal(self, number: int) -> None:
        """Send a signal to the process if it still runs."""
        if self.process.exitcode is None and self.process.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, number)

    def kill(self) -> None:
        """End the process at once if it still runs."""
        self.process.kill()

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait until the process ends, and return its output and errors.

        Raises:
            TimeoutExpired: the process still runs after the timeout.
        """
        self.process.join(timeout)
        if self.process.exitcode is None:
            raise TimeoutExpired("a forked process", timeout or 0)
        return self.out.read_text(), self.err.read_text()


def _run(program: str, arguments: list[str], cwd: str, env: dict[str, str], out: str, err: str) -> None:
    """Run the program in the forked process."""
    for number, file in ((1, out), (2, err)):
        opened = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(opened, number)
        os.close(opened)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    sys.argv = ["-c", *arguments]
    sys.path[:0] = [""]
    exec(compile(program, "<a test's program>", "exec"), {"__name__": "__main__"})
