"""The overhead of a SLURM job: seconds per trivial job, in a chain in which each job waits for the one before.

    python -m benchmarks.slurm                 starts a cluster of two nodes on this machine (Debian's slurm-wlm, munge)
    python -m benchmarks.slurm --here          uses the cluster of this login node

The peers, in the same run, are bare `sbatch --wait`, which is the time that SLURM itself needs, and
snakemake-executor-plugin-slurm with the same settings. The second figure matters to a study: how long nothing happens
between two jobs.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from pathlib import Path

PROJECT = Path(__file__).parents[1]
LENGTH = 5
SNAKEFILE = """
rule all:
    input: "{last}"
    localrule: True

rule first:
    output: "0.txt"
    shell: "date > {{output}}"

rule link:
    input: lambda wildcards: f"{{int(wildcards.n) - 1}}.txt"
    output: "{{n,[1-9]+}}.txt"
    shell: "date > {{output}}"
"""


def bare(folder: Path) -> None:
    """Run a chain of `sbatch --wait`."""
    for n in range(LENGTH):
        command = ["sbatch", "--wait", "--quiet", "--output=/dev/null", "--wrap", f"date > {n}.txt"]
        subprocess.run(command, check=True, cwd=folder)


def chained(folder: Path, ours: bool) -> None:
    """Run the same chain by Snakemake with the profile of this project."""
    (folder / "Snakefile").write_text(SNAKEFILE.format(last=f"{LENGTH - 1}.txt"))
    profile = (PROJECT / "profiles/slurm/config.yaml").read_text()
    (folder / "config.yaml").write_text(profile if ours else profile.replace("sitter-slurm", "slurm"))
    command = ["snakemake", "--profile", str(folder), "--default-resources", "mem_mb=100"]
    done = subprocess.run([*command, "--", "all"], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)


def gap(folder: Path) -> float:
    """Return the mean seconds from a job's end to the next submission, by the controller's clock (whole seconds)."""
    shown = subprocess.run(["scontrol", "--oneliner", "show", "jobs"], capture_output=True, text=True, check=True)
    jobs = [dict(word.split("=", 1) for word in line.split() if "=" in word) for line in shown.stdout.splitlines()]
    times = sorted((_when(j["SubmitTime"]), _when(j["EndTime"])) for j in jobs if j["WorkDir"] == str(folder))
    gaps = [submitted - ended for (_, ended), (submitted, _) in pairwise(times)]
    return sum(gaps) / len(gaps)


def _when(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def main() -> None:
    """Print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--here", action="store_true", help="use the cluster of this login node")
    here = parser.parse_args().here
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    with tempfile.TemporaryDirectory(prefix="sitter-slurm-") as name:
        cluster = None
        if not here:
            from tests.workflow.slurm.cluster import Cluster

            cluster = Cluster(Path(name) / "cluster")
            cluster.up()
            os.environ.update(cluster.environment())
        try:
            cases: dict[str, Callable[[Path], None]] = {
                "sbatch --wait": bare,
                "snakemake, executor slurm": lambda folder: chained(folder, ours=False),
                "snakemake, executor sitter-slurm": lambda folder: chained(folder, ours=True),
            }
            for what, measure in cases.items():
                folder = Path(name) / what.replace(" ", "-")
                folder.mkdir()
                started = time.monotonic()
                measure(folder)
                each = (time.monotonic() - started) / LENGTH
                next_one = f"{gap(folder):4.1f} s from its end to the next submission"
                print(f"{what:36} {each:5.1f} s a job, {next_one}", flush=True)
        finally:
            if cluster:
                cluster.down()


if __name__ == "__main__":
    main()
