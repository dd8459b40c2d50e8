"""Start a daemon, and collect orphaned processes below it when they end, as the first process of a machine does.

In a container, the first process may collect them late or never, and a job of SLURM ends only when none of its
processes is left.

    python reaper.py COMMAND ...    exits as the command does, which leaves the daemon in the background
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys

PR_SET_CHILD_SUBREAPER = 36


def main() -> int:
    """Return the exit status of the command; a second process remains as the parent of the daemon."""
    read, write = os.pipe()
    if os.fork():
        os.close(write)
        return int(os.read(read, 1)[0])
    os.setsid()
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    os.write(write, bytes([subprocess.run(sys.argv[1:]).returncode & 255]))
    os.close(write)
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return 0


if __name__ == "__main__":
    sys.exit(main())
