"""What a job requests from SLURM: translates `resources` and the profile's defaults for the executor."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from pipeline.core.files import atomic_file
from pipeline.params import Study
from pipeline.params.resources import AlignJobResources, GpuJobResources, JobResources, TrainJobResources

NAMES = (
    "cpus_per_task", "gpu_count", "gres", "launch", "mem_mb", "mpi", "nodes", "runtime", "tasks", "tasks_per_gpu",
    "tasks_per_node",
)  # fmt: skip


def asked(study: Study, stage: str, name: str, defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return the resources of a job for snakemake-executor-plugin-slurm.

    Args:
        study: the study; its `resources` take precedence.
        stage, name: the job's stage and name; for `embed` the name of the model.
        defaults: the profile's `default-resources`: cpus, gpu_count (for trainings
            and embeddings), gpu_type, mem_mb, runtime.

    Returns:
        A value for each of `NAMES`; None for no request. `launch` goes before the command: it starts the processes
        of a training on several GPUs or nodes, or of an alignment in parts.
    """
    job = study.resources.of(stage, name)
    cpus, gpus = job.cpus or defaults.get("cpus", 1), _gpus(study, stage, name, job, defaults)
    found: dict[str, Any] = dict.fromkeys(NAMES) | {
        "cpus_per_task": cpus,
        "gpu_count": gpus or None,  # shown instead of the profile's number, which would appear for every job
        "gres": ":".join(["gpu", *filter(None, [defaults.get("gpu_type")]), str(gpus)]) if gpus else None,
        "launch": "",
        "mem_mb": defaults.get("mem_mb") if job.memory_gb is None else math.ceil(1024 * job.memory_gb),
        "runtime": defaults.get("runtime") if job.hours is None else math.ceil(60 * job.hours),
    }
    if isinstance(job, AlignJobResources) and (job.parts or 1) > 1:
        found |= {"tasks": job.parts, **_step(f"--ntasks={job.parts}", found)}
    if isinstance(job, TrainJobResources) and study.models[name].is_trained:
        nodes, each = job.nodes or 1, job.processes or gpus or 1
        if nodes * each > 1:
            # The executor takes tasks per node if there are several, or else the total, which it multiplies by GPUs.
            tasks = {"tasks_per_node": each} if each > 1 else {"tasks": nodes, "tasks_per_gpu": 0}
            found |= {"nodes": nodes, **tasks, **_step(f"--nodes={nodes} --ntasks-per-node={each}", found)}
    return found


def _gpus(study: Study, stage: str, name: str, job: JobResources, defaults: Mapping[str, Any]) -> int:
    """Return the GPUs on each node: the study's request, or else the profile's number if the job can use one."""
    if not isinstance(job, GpuJobResources) or (stage == "train" and not study.models[name].is_trained):
        return 0
    return int(defaults.get("gpu_count", 0)) if job.gpus is None else job.gpus


def _step(shape: str, found: Mapping[str, Any]) -> dict[str, str]:
    """Return the resources of a job that starts its processes by srun itself; if one fails, the others end."""
    gres = f" --gres={found['gres']}" if found["gres"] else ""
    step = f"{shape} --cpus-per-task={found['cpus_per_task']}{gres} --cpu-bind=q --kill-on-bad-exit=1"
    return {"mpi": "srun", "launch": f"srun {step} sh rules/rank.sh"}


def locally(study: Study, stage: str, name: str) -> dict[str, Any]:
    """Return the same without a cluster: a training on several GPUs starts a process for each of them."""
    job = study.resources.of(stage, name)
    if (
        stage == "train"
        and study.models[name].is_trained
        and isinstance(job, TrainJobResources)
        and (job.gpus or 0) > 1
    ):
        each = job.processes or job.gpus
        return {"launch": f"python -m torch.distributed.run --standalone --nproc-per-node={each} --no-python"}
    return {"launch": ""}


def send_study(text: str) -> None:
    """Keep the params file for the jobs that will be sent.

    A job may wait for days. It uses the study as it was when the job was sent, whatever is edited in the meantime.
    """
    sent = Path(f".snakemake/sitter-study/{sha256(text.encode()).hexdigest()}.yaml")
    with atomic_file(sent) as part:
        part.write_text(text)
    os.environ["SITTER_STUDY"] = str(sent)


def study_as_sent() -> str | None:
    """Return, in a job, the params file that it was sent with; None outside of one."""
    return os.environ.get("SITTER_STUDY")
