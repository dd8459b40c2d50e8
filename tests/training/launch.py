"""Real processes that train together, on this machine's loopback."""

from __future__ import annotations

import copy
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import yaml

from pipeline.core.layout import Layout
from tests.suite.environment import environment
from tests.training.forks import Fork
from tests.training.study import SMALLER, STUDY, TINY, make_faces

ROOT = Path(__file__).parents[2]
# Processes that train together run on the CPU here: there may be fewer GPUs than processes.
ALONE = {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo", "CUDA_VISIBLE_DEVICES": ""}
# Settings with which several processes train the same as one. Batch statistics are not trained and there is no dropout,
# since both differ between processes. The optimiser is SGD: a step of Adam may enlarge noise in a gradient. Only late
# stages are trained: a PReLU's input may be so near to 0 that rounding, which depends on the size of the batch, decides
# on its derivative.
LORA = {
    "backbone": SMALLER,
    "adaptation": {"kind": "lora", "rank": 2, "stages": 2},
    "training": {"optimiser": "sgd", "lr": 0.02},
}
LOSSES: dict[str, dict[str, Any]] = {
    "arcface": {"kind": "arcface", "scale": 8},
    "infonce": {"kind": "infonce"},
    "supcon": {"kind": "supcon"},
    "triplet": {"kind": "triplet"},
    "both": {"kind": "sum", "losses": [{"kind": "arcface", "scale": 8}, {"kind": "infonce"}], "weights": [1, 0.5]},
}
MODELS: dict[str, dict[str, Any]] = {name: {**LORA, "loss": loss} for name, loss in LOSSES.items()}
MODELS["accumulated"] = MODELS["arcface"] | {"training": LORA["training"] | {"accumulate": 3, "clip": 0.5}}
MODELS["chunked"] = MODELS["infonce"] | {"training": LORA["training"] | {"accumulate": 3, "chunk": 2}}
# The centres of six sitters are sharded; in a batch of four sitters, one of the other two is drawn.
CENTRES = [{"kind": "arcface", "sample": 0.9}, {"kind": "adaface", "decay": 0.5}, {"kind": "subcentre-arcface"}]
MODELS["shared"] = MODELS["arcface"] | {
    "loss": {"kind": "sum", "losses": [*({"scale": 8} | loss for loss in CENTRES), {"kind": "infonce"}]},
    "training": LORA["training"] | {"shard_centres": 6, "clip": 0.5, "accumulate": 2},
}
# The input of this network has the size of the stored faces, as with most networks.
MODELS["decoded"] = MODELS["infonce"] | {"backbone": TINY, "training": LORA["training"] | {"cache_gb": 0, "images": 3}}
MODELS["head"] = {"backbone": SMALLER, "adaptation": {"kind": "head", "pull": 0.3}, "loss": {"kind": "supcon"}}
MODELS["deep"] = MODELS["both"] | {"adaptation": {"kind": "lora", "rank": 2}}
# Two of its sitters are tested in the data set "more", and so are left out of the mean.
MODELS["centred"] = MODELS["infonce"] | {"centre": True}
MODELS["full"] = {"backbone": SMALLER, "adaptation": {"kind": "full"}, "loss": LOSSES["arcface"]}
MODELS["frozen"] = {"backbone": SMALLER, "adaptation": {"kind": "none"}, "loss": {"kind": "none"}}
# A program's first line: with batches of 8 faces, there are enough batches of features for all processes.
FEW = "import pipeline.training.features; pipeline.training.features.FACES_AT_ONCE = 8\n"
RUN = FEW + "import sys; from pipeline.cli import main; sys.exit(main(['train', sys.argv[1]]))"


def new_project(folder: Path, models: dict[str, Any] = MODELS, **training: Any) -> Path:
    """Make a folder with generated faces and the study of MODELS; batches have 5 or 4 sitters with 2 images each."""
    raw = copy.deepcopy(STUDY) | {"models": models}
    raw["train"] |= {"sitters": 5, "images": 2, "epochs": 2, "checkpoint_seconds": 1000} | training
    raw["embed"]["datasets"] = ["tiny", "more"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "params.yaml").write_text(yaml.safe_dump(raw, sort_keys=False))
    make_faces(Layout(folder))
    make_faces(Layout(folder), "more", sitters=4, images=2, train=0, val=2)
    return folder


Process = subprocess.Popen[str] | Fork


def start(
    folder: Path, world: int, *arguments: str, program: str = RUN, interpreters: bool = False
) -> Sequence[Process]:
    """Start processes of a Python program, with the variables that torchrun and Slurm's job script set.

    Args:
        folder: the working folder of the processes.
        world: the number of processes.
        arguments: the arguments of the program.
        program: the program, in Python.
        interpreters: start a new interpreter for each process, as users do. Otherwise processes are forked, which saves
            seconds; only the end of the interpreter differs.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes: list[Process] = []
    for rank in range(world):
        place = {"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": world, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        told = {k: str(v) for k, v in place.items()} if world > 1 else {}
        env = environment(**ALONE, **told)
        if interpreters:
            command, pipe = [sys.executable, "-c", program, *arguments], subprocess.PIPE
            processes.append(subprocess.Popen(command, cwd=folder, env=env, stdout=pipe, stderr=pipe, text=True))
        else:
            processes.append(Fork(program, arguments, folder, env))
    return processes


def finish(processes: Sequence[Process]) -> list[tuple[int, str, str]]:
    """Wait for the processes, and return exit status, output and errors of each; fails if one hangs."""
    try:
        said = [p.communicate(timeout=300) for p in processes]
    finally:
        for p in processes:
            p.kill()
    return [(cast(int, p.returncode), out, err) for p, (out, err) in zip(processes, said, strict=True)]
