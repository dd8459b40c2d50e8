"""What a SLURM job costs beside its own work: seconds a trivial job, in a chain in which each waits for the one before.

    python -m benchmarks.slurm                 starts a cluster of two nodes on this machine (Debian's slurm-wlm, munge)
    python -m benchmarks.slurm --here          uses the cluster of this login node

Peers, in the same run: bare `sbatch --wait`, which is what SLURM itself needs, and the executor plugin as it comes,
with the same settings. The second figure is what matters to a study: from the end of a job's work to the next
submission.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).parents[1]
LENGTH = 4
SNAKEFILE = """
import sys
sys.path.insert(0, {project!r})
if {ours}:
    from rules.slurm import adopt_executor
    adopt_executor()

rule all:
    input: "{last}"
    localrule: True

rule first:
    output: "0.txt"
    shell: "date +%s.%N > {{output}}"

rule link:
    input: lambda wildcards: f"{{int(wildcards.n) - 1}}.txt"
    output: "{{n,[1-9]+}}.txt"
    shell: "{stamp}; date +%s.%N > {{output}}"
"""
# When the controller got the job: it keeps whole seconds, the submitting host's clock keeps more.
STAMP = "squeue --noheader --jobs=$SLURM_JOB_ID --Format=SubmitTime > {output}.submitted"


def bare(folder: Path) -> tuple[float, float]:
    """A chain of `sbatch --wait`: seconds a job, and from the end of a job's work to the next submission."""
    started, gaps, ended = time.time(), [], None
    for n in range(LENGTH):
        submitted = time.time()
        gaps += [] if ended is None else [submitted - ended]
        done = f"date +%s.%N > {folder}/{n}.txt"
        command = ["sbatch", "--wait", "--quiet", "--output=/dev/null", "--wrap", done]
        subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL)
        ended = float((folder / f"{n}.txt").read_text())
    return (time.time() - started) / LENGTH, sum(gaps) / len(gaps)


def chained(folder: Path, ours: bool) -> tuple[float, float]:
    """The same by Snakemake with the profile of this project."""
    text = SNAKEFILE.format(project=str(PROJECT), ours=ours, last=f"{LENGTH - 1}.txt", stamp=STAMP)
    (folder / "Snakefile").write_text(text)
    command = ["snakemake", "--profile", str(PROJECT / "profiles/slurm"), "--default-resources", "mem_mb=100"]
    started = time.time()
    done = subprocess.run([*command, "--", "all"], cwd=folder, capture_output=True, text=True)
    took = time.time() - started
    if done.returncode:
        raise SystemExit(done.stdout + done.stderr)
    ends = [float((folder / f"{n}.txt").read_text()) for n in range(LENGTH)]
    starts = [_seconds((folder / f"{n}.txt.submitted").read_text().strip()) for n in range(1, LENGTH)]
    return took / LENGTH, sum(s - e for s, e in zip(starts, ends, strict=False)) / len(starts)


def _seconds(when: str) -> float:
    return time.mktime(time.strptime(when, "%Y-%m-%dT%H:%M:%S"))


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
            cases = {
                "sbatch --wait": bare,
                "snakemake, the plugin as it comes": lambda folder: chained(folder, ours=False),
                "snakemake, ours": lambda folder: chained(folder, ours=True),
            }
            for what, measure in cases.items():
                folder = Path(name) / what.replace(" ", "-")
                folder.mkdir()
                each, gap = measure(folder)
                print(
                    f"{what:36} {each:6.1f} s a job, {gap:5.1f} s from a job's end to the next submission", flush=True
                )
        finally:
            if cluster:
                cluster.down()


if __name__ == "__main__":
    main()
