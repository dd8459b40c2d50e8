"""A training records its progress, and that a signal stopped it, in files that can be read without torch."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.core.layout import Layout
from pipeline.stages import train
from pipeline.training import prepare, status
from pipeline.training.stop import StopRequest
from tests.training.study import prepared, study


@pytest.mark.training
def test_what_the_last_checkpoint_holds_stands_beside_it_until_the_training_is_done(at: Layout, project: Path) -> None:
    folder = at.checkpoints("small")
    for step in (1, 2):
        stop = StopRequest()
        stop.by, stop.folder = signal.SIGTERM, folder
        with pytest.raises(SystemExit):
            prepared(at).fit(folder, "key", stop)
        found = status.read(folder)
        assert found is not None
        assert (found.key, found.step) == ("key", step)
        assert found.place == f"epoch 1, {step} of {len(prepared(at).sampler)} batches done"
        assert 0 < found.seconds < 60
        assert status.read_stop(folder) == "SIGTERM"
    train.run(study(), "small", at.root)
    assert status.read(folder) is None
    assert status.read_stop(folder) is None


def test_a_stop_before_the_first_step_is_recorded_too(
    at: Layout, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(*given: object) -> None:
        stop = given[-2]
        assert isinstance(stop, StopRequest)
        stop.by = signal.SIGUSR1
        stop.leave("no step was made yet")

    monkeypatch.setattr(prepare, "prepare", told)
    with pytest.raises(SystemExit):
        train.run(study(), "small", at.root)
    folder = at.checkpoints("small")
    assert status.read_stop(folder) == "SIGUSR1"
    assert status.read(folder) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"step": 3}', '{"unknown": 1}'])
def test_a_file_of_another_kind_is_no_progress(tmp_path: Path, text: str) -> None:
    for name in (status.FILE, status.STOPPED):
        (tmp_path / name).write_text(text)
    assert status.read(tmp_path) is None
    assert status.read_stop(tmp_path) is None


def test_it_is_read_without_torch() -> None:
    module = "snakemake_executor_plugin_sitter_slurm.attempts"
    code = f"import sys, {module}; sys.exit('torch' in sys.modules or 'cv2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
