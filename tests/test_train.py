"""Real processes: killed at any moment, a training ends in the weights of one that was never stopped."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pipeline.core.layout import Layout
from tests.suite.environment import environment
from tests.training.forks import Fork
from tests.training.launch import Process
from tests.training.study import make_faces, write_params

EPOCHS = 10
TRAIN = "import sys; from pipeline.cli import main; sys.exit(main(['train', 'small']))"

pytestmark = pytest.mark.training


def start(folder: Path, interpreter: bool = False) -> Process:
    """A process that trains, forked or, as users start it, a new interpreter."""
    env = environment(OMP_NUM_THREADS=1)
    if not interpreter:
        return Fork(TRAIN, [], folder, env)
    command, pipe = [sys.executable, "-m", "pipeline", "train", "small"], subprocess.PIPE
    return subprocess.Popen(command, cwd=folder, env=env, stdout=pipe, stderr=pipe, text=True)


def finish(folder: Path) -> tuple[str, str]:
    """Train to the end; returns what was printed and the hashes of what came of it."""
    process = start(folder)
    _, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    return err, (folder / "models" / "small" / "manifest.csv").read_text()


def stop_after(process: Process, folder: Path, seconds: float, by: signal.Signals) -> tuple[int, str]:
    """Send a signal so many seconds after the first checkpoint; returns the exit status and what it said."""
    path = folder / "checkpoints" / "small" / "checkpoint.pt"
    while not path.exists() and process.poll() is None:
        time.sleep(0.01)
    time.sleep(seconds)
    process.send_signal(by)
    _, said = process.communicate(60)
    assert process.returncode is not None
    return process.returncode, said


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Hashes of what an uninterrupted training makes."""
    return finish(new_project(tmp_path_factory.mktemp("whole")))[1]


def new_project(folder: Path) -> Path:
    make_faces(Layout(folder))
    write_params(folder / "params.yaml", epochs=EPOCHS)
    return folder


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGUSR1, signal.SIGKILL])
def test_a_stopped_training_ends_in_the_same_bytes(tmp_path: Path, whole: str, by: signal.Signals) -> None:
    folder = new_project(tmp_path)
    process = start(folder, interpreter=by == signal.SIGTERM)
    status, said = stop_after(process, folder, random.Random(by).random() / 2, by)
    if by == signal.SIGKILL:
        assert status == -by
    else:
        assert status == 75
        assert f"stopped by {by.name}; a checkpoint is written, run it again to go on from epoch" in said
    assert not (folder / "models" / "small").exists()
    said, hashes = finish(folder)
    assert "going on from a checkpoint: epoch" in said
    assert hashes == whole
    assert [p.name for p in (folder / "checkpoints" / "small").iterdir()] == ["lock"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_a_training_killed_again_and_again_at_random_moments_ends_in_the_same_bytes(
    tmp_path: Path, whole: str, seed: int
) -> None:
    folder, draw = new_project(tmp_path), random.Random(seed)
    for _ in range(3):
        process = start(folder)
        time.sleep(draw.uniform(0, 1.5))
        process.send_signal(draw.choice([signal.SIGKILL, signal.SIGTERM, signal.SIGUSR1]))
        process.communicate()
    assert finish(folder)[1] == whole


def test_a_second_process_that_trains_the_same_model_refuses(tmp_path: Path) -> None:
    folder = new_project(tmp_path)
    first = start(folder)
    while not (folder / "checkpoints" / "small" / "checkpoint.pt").exists():
        time.sleep(0.01)
    first.send_signal(signal.SIGSTOP)
    try:
        second = start(folder)
        _, err = second.communicate(timeout=120)
        assert second.returncode == 1
        assert "models.small is being trained by another process" in err
    finally:
        first.kill()
        first.communicate()
