"""The start-up time of commands, in seconds, beside Python's own.

    python -m benchmarks.startup

For each, the output has the least time of several runs, and its ratio to an interpreter that does nothing. Stages
import only what they need: a stage that does not need torch does not spend the time to import it.
"""

from __future__ import annotations

import subprocess
import sys
import time

RUNS = 7
CASES = {
    "python alone": "pass",
    "python -m pipeline --help": "import runpy, sys; sys.argv = ['pipeline', '--help']; runpy.run_module('pipeline')",
    "check params.yaml": "from pipeline.params import load; load()",
    **{
        f"import of the stage {stage}": f"import pipeline.stages.{stage}"
        for stage in ("download", "render", "align", "split", "train", "embed", "fuse", "evaluate", "report")
    },
    "import torch, for comparison": "import torch",
}


def seconds(code: str) -> float:
    """Return the least time of a fresh interpreter that runs some code."""

    def once() -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=True)
        return time.perf_counter() - start

    return min(once() for _ in range(RUNS))


def main() -> None:
    """Print a line for each case."""
    alone = seconds(CASES["python alone"])
    for name, code in CASES.items():
        took = alone if code == "pass" else seconds(code)
        print(f"{name:34} {took:6.3f} s {took / alone:7.1f} ×")


if __name__ == "__main__":
    main()
