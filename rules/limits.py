"""Checks whether a cluster can meet the requests of a study, before anything is submitted."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.core.errors import SitterError, nearest
from pipeline.params import Study
from pipeline.params.resources import ALL, Resources
from pipeline.plan.stages import jobs
from snakemake_executor_plugin_sitter_slurm.states import minutes

TRAINS_ON = ("train", "hours")
"""The stage and the field that may exceed a limit, since a training is stopped at its limit and resumed."""


@dataclass(frozen=True)
class Nodes:
    """Some nodes of a kind in a partition."""

    count: int
    cpus: int
    mem_mb: int
    gpus: int
    minutes: float
    """The longest that a job may take."""


def check_requests(study: Study, request: Callable[[str, str], Mapping[str, Any]], settings: Any) -> None:
    """Compare the requests of each job with the nodes of its partition.

    Args:
        study: the study with the jobs.
        request: returns the requests of a stage's job, as `rules.cluster.asked`.
        settings: Snakemake's `workflow.resource_settings`: they name the partition for all rules or for one.

    Raises:
        SitterError: a job could never start; a line for each names the field, the request, and what there is.
    """
    partitions = _partitions()
    problems = {}
    for job in jobs(study):
        name = job.names[0] if job.names else ALL
        if job.stage in Resources.model_fields and (job.stage, name) not in problems:
            found = _problem(study, job.stage, name, request(job.stage, name), partitions, settings)
            problems[job.stage, name] = found
    if lines := [problem for problem in problems.values() if problem]:
        raise SitterError("\n".join(dict.fromkeys(lines)))


def _partitions() -> dict[str, list[Nodes]]:
    """The nodes of each partition; the default partition is also under the name ""."""
    asked = ["sinfo", "--noheader", "--format=%P|%D|%c|%m|%G|%l"]
    try:
        done = subprocess.run(asked, capture_output=True, text=True, timeout=60)
    except FileNotFoundError:
        raise SitterError("there is no SLURM here (no sinfo on PATH): run this on a login node of a cluster.") from None
    except subprocess.TimeoutExpired:
        raise SitterError("SLURM does not answer (sinfo took more than a minute): try again later.") from None
    if done.returncode:
        raise SitterError(f"SLURM does not answer (sinfo): {done.stderr.strip()}")
    found: dict[str, list[Nodes]] = {}
    for line in done.stdout.splitlines():
        partition, count, cpus, memory, gres, limit = line.strip().split("|")
        gpus = sum(int(n) for n in re.findall(r"gpu:(?:[^:,()]+:)?(\d+)", gres))
        some = Nodes(int(count), _number(cpus), _number(memory), gpus, minutes(limit))
        for name in (partition.rstrip("*"), *([""] if partition.endswith("*") else [])):
            found.setdefault(name, []).append(some)
    return found


def _number(text: str) -> int:
    return int(text.rstrip("+"))  # "16+" means that nodes differ


def _problem(
    study: Study,
    stage: str,
    name: str,
    asked: Mapping[str, Any],
    partitions: Mapping[str, list[Nodes]],
    settings: Any,
) -> str | None:
    chosen = _partition(stage, settings)
    nodes: list[Nodes] = []
    for partition in re.split(r"[,\s]+", chosen):
        if partition not in partitions:
            return (
                f"the profile's slurm_partition is {partition!r}, which the cluster does not have; "
                f"{nearest(partition, [p for p in partitions if p])}"
                if partition
                else "the cluster has no default partition: set slurm_partition in the profile."
            )
        nodes += partitions[partition]
    where = f"partition {chosen}" if chosen else "the default partition"
    each = asked["tasks_per_node"] or 1
    wanted: dict[str, tuple[float, str, Callable[[Nodes], float]]] = {
        "gpus": (int((asked["gres"] or "gpu:0").rsplit(":", 1)[1]), "GPUs on a node", lambda n: n.gpus),
        "cpus": (each * asked["cpus_per_task"], "cores on a node", lambda n: n.cpus),
        "memory_gb": (asked["mem_mb"] or 0, "MB of memory on a node", lambda n: n.mem_mb),
        "hours": (asked["runtime"] or 0, "minutes", lambda n: n.minutes),
    }
    for field, (number, of, has) in wanted.items():
        most = max(has(some) for some in nodes)
        if number > most:
            goes_on = " A training resumes in the next job: request that much." if (stage, field) == TRAINS_ON else ""
            place = _place(study, stage, name, field)
            return f"{place}: {number} {of} are requested; {where} gives at most {most:g}.{goes_on}"
    fit = sum(some.count for some in nodes if all(number <= has(some) for number, _, has in wanted.values()))
    if fit < (asked["nodes"] or 1):
        return (
            f"{_place(study, stage, name, 'nodes')}: {asked['nodes'] or 1} nodes are requested that have all of "
            f"{', '.join(f'{number:g} {of}' for number, of, _ in wanted.values())}; {where} has {fit}."
        )
    return None


def _partition(stage: str, settings: Any) -> str:
    """Return the partition that the profile names for a rule; "" for the cluster's default."""
    for given in (settings.overwrite_resources.get(stage, {}), settings.default_resources or {}):
        if "slurm_partition" in given:
            return str(given["slurm_partition"].raw).strip("'\"")
    return ""


def _place(study: Study, stage: str, name: str, field: str) -> str:
    """Return where a field is set: in the study for the entry or for all, or else in the profile."""
    asked = getattr(study.resources, stage)
    for key in (name, ALL):
        if key in asked and field in asked[key].model_fields_set:
            return f"resources.{stage}.{key}.{field}" + (f" (of {name})" if key == ALL and name != ALL else "")
    there = {"gpus": "gpu_count", "memory_gb": "mem_mb", "hours": "runtime"}.get(field, field)
    return f"resources.{stage}.{name}.{field} is not set, so the profile's default-resources.{there} applies"
