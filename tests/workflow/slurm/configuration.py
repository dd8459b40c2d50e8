"""The files of a cluster's folder: configuration, key, simulated GPUs, and wrappers of the commands."""

from __future__ import annotations

import os
import pwd
import random
import socket
from pathlib import Path
from string import Template

from tests import programs

HERE = Path(__file__).parent
CLIENTS = ("sacct", "sacctmgr", "salloc", "sbatch", "scancel", "scontrol", "sinfo", "squeue", "srun", "sstat")
NEEDED = ("munged", "slurmctld", "slurmd", *CLIENTS)
NEEDED_TO_ACCOUNT = ("slurmdbd", "mariadbd", "mariadb-install-db")
# The search path with the system's daemons, but without the wrappers of another test cluster.
SEARCH_PATH = ":".join(
    folder for folder in programs.SEARCH_PATH.split(":") if not (Path(folder).parent / "munge.key").exists()
)
# These ports lie below the system's automatic ones, so that a restarted daemon finds its port free.
PORTS = range(20000, 32000)
CPUS, MEMORY = 4, 16000


def missing(accounting: bool = True) -> str:
    """Return a text that names missing programs and their Debian packages; empty if none is missing."""
    return programs.absent(*NEEDED, *(NEEDED_TO_ACCOUNT if accounting else ()), path=SEARCH_PATH)


def write(folder: Path, nodes: int, gpus: int, accounting: bool) -> None:
    """Fill a cluster's folder; slurm.conf comes last, so that a folder with it is complete."""
    for name in ("bin", "log", "gpus", "controller", *(f"n{i + 1}" for i in range(nodes))):
        (folder / name).mkdir(parents=True, exist_ok=True)
    values = {
        "folder": str(folder),
        "host": socket.gethostname().partition(".")[0],
        "user": pwd.getpwuid(os.getuid()).pw_name,
    }
    controller_port, accounting_port, *node_ports = map(str, _free_ports(nodes + 2))
    values |= {"controller_port": controller_port, "accounting_port": accounting_port}
    values["nodes"] = "\n".join(
        f"NodeName=n{i} NodeHostname={values['host']} NodeAddr=127.0.0.1 Port={port} CPUs={CPUS} RealMemory={MEMORY}"
        + (f" Gres=gpu:{gpus}" if gpus else "")
        for i, port in enumerate(node_ports, start=1)
    )
    values["accounting"] = "AccountingStorageType=accounting_storage/none"
    if accounting:
        values["accounting"] = (
            "AccountingStorageType=accounting_storage/slurmdbd\nAccountingStorageHost=127.0.0.1\n"
            f"AccountingStoragePort={accounting_port}\nAccountingStoragePass={folder}/munge.socket\n"
            "AccountingStorageTRES=gres/gpu\nAccountingStoreFlags=job_comment"
        )
        _write_private(folder / "slurmdbd.conf", Template((HERE / "slurmdbd.conf").read_text()).substitute(values))
    _write_private(folder / "munge.key", random.SystemRandom().randbytes(512).hex())
    (folder / "plugstack.conf").touch()
    _pretend_gpus(folder, gpus)
    _wrap_commands(folder)
    (folder / "slurm.conf").write_text(Template((HERE / "slurm.conf").read_text()).substitute(values))


def _pretend_gpus(folder: Path, count: int) -> None:
    # SLURM drops GPUs without a file. Any path that ends in a digit is enough, since without cgroups nothing opens it.
    for i in range(count):
        (folder / f"gpus/gpu{i}").unlink(missing_ok=True)
        (folder / f"gpus/gpu{i}").symlink_to("/dev/null")
    (folder / "gres.conf").write_text(f"Name=gpu File={folder}/gpus/gpu[0-{count - 1}]\n" if count else "")


def _wrap_commands(folder: Path) -> None:
    # Wrappers are needed instead of SLURM_CONF in the environment: inside a job, snakemake's executor drops all SLURM_*
    # variables before it calls srun, which must then find the configuration without them.
    for client in CLIENTS:
        wrapper = folder / "bin" / client
        program = programs.find(client, SEARCH_PATH)
        wrapper.write_text(f'#!/bin/sh\nSLURM_CONF={folder}/slurm.conf exec {program} "$@"\n')
        wrapper.chmod(0o755)


def _write_private(file: Path, content: str) -> None:
    file.touch(mode=0o600)
    file.write_text(content)


def _free_ports(count: int) -> list[int]:
    """Return free ports, drawn at random, so that two clusters that start at the same time do not collide."""
    found: list[int] = []
    while len(found) < count:
        port = random.SystemRandom().choice(PORTS)
        with socket.socket() as probe:
            if port not in found and probe.connect_ex(("127.0.0.1", port)):
                found.append(port)
    return found
