"""A week of daily work in one folder: nothing that was ever made is lost, and both engines agree after each step.

    python -m tests.workflow.week [--slurm] [--folder FOLDER]

Two studies share the folder. They are run, changed, tried out in experiments of DVC, fail and are repeated, and are
killed; with `--slurm`, jobs are also cancelled and stopped at a time limit on a cluster of their own. Then an older
commit is checked out. After each step, the script looks for every file that any step has made, by content: it must be
in its place, among the kept files, or in DVC's cache. It also asks both engines, for both studies, what they would run.
The script takes some minutes, and ends with status 1 if anything was wrong.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import yaml

from tests.workflow.conftest import Workplace, checkout

OUTPUTS = ("data", "models", "embeddings", "attributions", "results")
# Folders that hold no results: records of jobs, and the plan that follows from params.yaml.
NO_RESULTS = {"made", "plan"}
OTHER = "mine/art.yaml"
MARGIN = "models.tuned.loss.margin"


@dataclass
class Week:
    """The folder of the week, the files seen in it, and the faults found."""

    place: Workplace
    seen: dict[str, str] = field(default_factory=dict)
    """By the MD5 of each file's content, the path and the step where it was first seen."""
    wrong: list[str] = field(default_factory=list)

    def step(self, name: str, work: Callable[[], object], done: bool = True) -> None:
        """Do one step of the week, then check the files and both engines.

        Args:
            name: the name of the step.
            work: a function that does the step.
            done: whether both studies must be up to date afterwards.
        """
        begun = time.monotonic()
        print(f"{name} …", flush=True)
        work()
        present = self.present()
        for digest, where in present.items():
            self.seen.setdefault(digest, f"{where} (of: {name})")
        saved = self.saved()
        lost = sorted(where for digest, where in self.seen.items() if digest not in present and digest not in saved)
        elsewhere = sum(digest not in present for digest in self.seen)
        told = [f"lost: {where}" for where in lost] + list(self.disagreements(done))
        self.wrong += [f"{name}: {line}" for line in told]
        found = f"{len(self.seen)} files were ever made, {elsewhere} of them only in DVC's cache or kept"
        print(f"    {found}; {time.monotonic() - begun:.0f} s")
        for line in told or ["nothing is lost, and both engines agree"]:
            print(f"    {line}", flush=True)

    def present(self) -> dict[str, str]:
        """Return the path of every file in its place, by its MD5."""
        homes = [self.place.folder, *self.place.folder.glob("runs/*/")]
        files = (file for home in homes for part in OUTPUTS for file in (home / part).rglob("*") if file.is_file())
        every = (file for file in files if NO_RESULTS.isdisjoint(file.relative_to(self.place.folder).parts))
        return {_md5(file): str(file.relative_to(self.place.folder)) for file in every}

    def saved(self) -> set[str]:
        """Return the MD5 of every file in DVC's cache, and of every file that is kept until it is in the cache."""
        cache = self.place.folder / ".dvc/cache/files/md5"
        kept = (file for file in self.place.folder.rglob("data/made/*/*/*/**/*") if file.is_file())
        return {f"{file.parent.name}{file.name}" for file in cache.glob("*/*")} | {_md5(file) for file in kept}

    def disagreements(self, done: bool) -> Iterator[str]:
        """Yield a line for each study on which the engines disagree, or that should be up to date but is not."""
        # Both engines read a study's params in its home, where an experiment may have changed them.
        for study, config in (("", []), ("runs/art/", ["--configfile", "runs/art/params.yaml"])):
            if study and not (self.place.folder / study).exists():
                continue
            snakemake, dvc = self.by_snakemake(config), self.by_dvc(f"{study}dvc.yaml")
            # DVC finds later jobs changed only when it reaches them.
            if bool(snakemake) != bool(dvc - {"plan"}) or not dvc <= snakemake | {"plan"}:
                yield f"study of {study or './'}: Snakemake would run {sorted(snakemake)}, DVC {sorted(dvc)}"
            elif done and snakemake:
                yield f"study of {study or './'} is not up to date: {sorted(snakemake)}"

    def by_snakemake(self, config: list[str]) -> set[str]:
        """Return the jobs of a study that Snakemake would run, in the form `train/tuned`."""
        said = self.place.call("snakemake", "-n", "all", *config).stdout
        found = re.findall(r"(?:localrule|rule) (\w+):\n(?:    .*\n)*?    log: (?:runs/\w+/)?logs/(\S+)\.log", said)
        return {name for _, name in found}

    def by_dvc(self, file: str) -> set[str]:
        """Return the jobs of a study that DVC finds changed, in the same form."""
        said = self.place.call("dvc", "status", "--json", file).stdout
        stages = yaml.safe_load(said[said.index("{") :])
        return {name.rpartition(":")[2].replace("@", "/").replace("--", "/") for name in stages}

    def margin(self, value: float) -> None:
        """Change the margin of the loss of one model of params.yaml."""
        self.place.change(MARGIN, value)

    def fails(self, *command: str) -> None:
        """Run a command that must fail."""
        done = self.place.call(*command, check=False)
        if done.returncode == 0:
            self.wrong.append(f"{' '.join(command)} should have failed")


def _md5(file: Path) -> str:
    return hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()


def walk(week: Week, slurm: bool) -> None:
    """Do all steps of the week."""
    place = week.place
    call = place.call

    def other_study() -> None:
        params = yaml.safe_load(place.text("params.yaml"))
        params["models"]["tuned"]["loss"]["margin"] = 0.4
        (place.folder / "mine").mkdir()
        (place.folder / OTHER).write_text(yaml.safe_dump(params, sort_keys=False))
        call("snakemake", "all", "--configfile", OTHER)
        place.commit("a second study")

    def first_study() -> None:
        call("snakemake", "all")
        place.commit("the first study")

    def killed() -> None:
        week.margin(0.15)
        kill_when_trained(place)

    def experiment_after_kill() -> None:
        call("dvc", "exp", "run", "-S", f"{MARGIN}=0.12")

    def back() -> None:
        week.margin(0.15)
        call("snakemake", "all")
        place.commit("the margin of the killed run")

    week.step("Monday: the first study, by Snakemake", first_study)
    week.step("Monday: a second study in the same folder", other_study)
    week.step("Tuesday: an experiment of DVC", lambda: call("dvc", "exp", "run", "-S", f"{MARGIN}=0.35"))
    in_art = ("-S", f"runs/art/params.yaml:{MARGIN}=0.45", "runs/art/dvc.yaml")
    week.step("Tuesday: one of the second study", lambda: call("dvc", "exp", "run", *in_art))
    week.step("Tuesday: back to what its file says", lambda: call("snakemake", "all", "--configfile", OTHER))
    place.commit("experiments")
    with unwritable(place.folder / "logs/evaluate.log"):
        week.margin(0.2)
        week.step("Wednesday: `dvc repro` fails in the evaluation", lambda: week.fails("dvc", "repro"), done=False)
        week.margin(0.25)
        week.step("Wednesday: so does `snakemake all`", lambda: week.fails("snakemake", "all"), done=False)
    week.step("Wednesday: `dvc repro`, repeated", lambda: call("dvc", "repro"))
    place.commit("another margin")
    week.step("Thursday: `snakemake all`, killed by kill -9", killed, done=False)
    week.step("Thursday: an experiment with another value", experiment_after_kill)
    week.step("Thursday: the value of the killed run again", back)
    if slurm:
        on_a_cluster(week)
    week.step("Friday: an older commit", lambda: go_to(place, "HEAD~2"), done=False)
    week.step("Friday: back to the newest", lambda: go_to(place, "main"))


def go_to(place: Workplace, commit: str) -> None:
    """Check out a commit, with the outputs of both studies."""
    place.call("git", "checkout", "-q", "--force", commit)
    place.call("dvc", "checkout")


def kill_when_trained(place: Workplace) -> None:
    """Start `snakemake all`, and kill it with all its jobs as soon as `tuned` is trained."""
    command, env = ["snakemake", "all"], place.environment()
    run = subprocess.Popen(command, cwd=place.folder, env=env, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        while not any(not path.suffix for path in (place.folder / "data/made/train/tuned").glob("*/")):
            assert run.poll() is None, "the run has ended before it could be killed"
            time.sleep(0.05)
    finally:
        os.killpg(run.pid, signal.SIGKILL)
        run.wait()


@contextmanager
def unwritable(log: Path) -> Iterator[None]:
    """Run a block in which a stage cannot write its log, and so fails."""
    aside = log.with_suffix(".aside")
    if log.exists():
        log.rename(aside)
    log.mkdir(parents=True)
    try:
        yield
    finally:
        log.rmdir()
        if aside.exists():
            aside.rename(log)


def on_a_cluster(week: Week) -> None:
    """Cancel a job, let another meet its time limit and resume, then run the rest of the study."""
    from tests.workflow.slurm.cluster import Cluster
    from tests.workflow.slurm.submitting import Submitting

    place = week.place
    place.change("train.checkpoint_seconds", 0)
    place.change("resources", {"train": {"all": {"gpus": 0, "cpus": 1, "memory_gb": 1}}, "embed": {"all": {"gpus": 0}}})
    with tempfile.TemporaryDirectory(prefix="sitter-") as folder:
        cluster = Cluster(Path(folder))
        cluster.up()
        here = Submitting(place, cluster)

        def cancelled() -> None:
            week.margin(0.11)
            here.hold("tuned", at=1)
            run = here.train("tuned")
            here.held("tuned")
            cluster.cancel(here.number("tuned"))
            if run.end() == 0:
                week.wrong.append("a cancelled job should have ended the run")

        def limited() -> None:
            here.hold("tuned", at=1)
            run = here.train("tuned")
            here.held("tuned")
            cluster.call("scontrol", "update", f"JobId={here.number('tuned')}", "TimeLimit=1")
            run.succeed()
            if not here.places("tuned"):
                week.wrong.append("the training did not go on from its checkpoint")

        try:
            week.step("Thursday, SLURM: scancel", cancelled, done=False)
            week.step("Thursday, SLURM: a time limit, and the next attempt", limited, done=False)
            week.step("Thursday, SLURM: the rest", lambda: here.snakemake("all").succeed())
        finally:
            here.close()
            cluster.down()
    place.commit("made on a cluster")


def main() -> int:
    """Run the command line, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.workflow.week", description=__doc__)
    parser.add_argument("--slurm", action="store_true", help="with steps on a cluster, which needs SLURM")
    parser.add_argument("--folder", type=Path, help="a folder for the project, which is kept; default: a temporary one")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="week-") as temporary:
        folder = (asked.folder or Path(temporary)).resolve() / "sitter"
        folder.mkdir(parents=True)
        week = Week(checkout(folder))
        walk(week, asked.slurm)
    print("\n".join(["wrong:", *week.wrong]) if week.wrong else f"a good week: {len(week.seen)} files, none lost")
    return 1 if week.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
