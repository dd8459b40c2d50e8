"""Checkpoints belong to one training, and one process at a time writes them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.core.errors import SitterError
from pipeline.core.layout import Layout
from pipeline.params.recipe import Recipe, recipe_of
from pipeline.training import checkpoint
from tests.suite.environment import environment
from tests.training.study import make_faces, study


def key(recipe: Recipe, at: Layout) -> str:
    """Return the key of a training on one process."""
    return checkpoint.key(recipe, "code", at=at)


@pytest.mark.parametrize("changes", [{"lr": 0.5}, {"epochs": 9}, {"images": 2}, {"mirror": False}])
def test_a_changed_parameter_is_another_training(at: Layout, project: Path, changes: dict[str, Any]) -> None:
    plain, changed = recipe_of(study(), "small"), recipe_of(study(**changes), "small")
    assert key(changed, at) != key(plain, at)


def test_other_seeds_models_and_inputs_are_other_trainings(at: Layout, project: Path) -> None:
    keys = {key(recipe_of(study(), m), at) for m in ("small", "head", "lora")} | {
        key(recipe_of(study(seed=4), "small"), at)
    }
    keys.add(key(recipe_of(study(training_seed=4), "small"), at))
    make_faces(at, images=6)
    keys.add(key(recipe_of(study(), "small"), at))
    assert len(keys) == 6


def test_how_often_checkpoints_are_written_is_no_other_training(at: Layout, project: Path) -> None:
    plain = key(recipe_of(study(), "small"), at)
    assert key(recipe_of(study(checkpoint_seconds=5, workers=2), "small"), at) == plain


def test_absent_inputs_are_named(at: Layout, project: Path) -> None:
    (at.faces("tiny") / "manifest.csv").unlink()
    with pytest.raises(SitterError, match=r"data/faces/tiny/manifest\.csv does not exist"):
        key(recipe_of(study(), "small"), at)


def test_a_checkpoint_comes_back_whole_and_only_to_its_own_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = {"weights": {"a": torch.randn(3)}, "history": [{"loss": 0.1, "eer": None}], "best": float("nan")}
    checkpoint.save(tmp_path, "mine", content)
    found = checkpoint.load(tmp_path, "mine")
    assert found is not None
    assert torch.equal(found["weights"]["a"], content["weights"]["a"])  # type: ignore[index]
    assert found["history"] == content["history"]
    assert checkpoint.load(tmp_path, "other") is None
    assert "of other parameters, inputs or code: training starts anew" in capsys.readouterr().err
    checkpoint.remove(tmp_path)
    assert checkpoint.load(tmp_path, "mine") is None


def test_a_broken_checkpoint_starts_the_training_anew(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint.save(tmp_path, "mine", {"weights": torch.zeros(1000)})
    path = tmp_path / checkpoint.FILE
    for size in (0, 100, path.stat().st_size // 2):
        path.write_bytes(path.read_bytes()[:size])
        assert checkpoint.load(tmp_path, "mine") is None
        assert "cannot be read" in capsys.readouterr().err


def test_a_failed_write_leaves_the_checkpoint_before(tmp_path: Path) -> None:
    checkpoint.save(tmp_path, "mine", {"step": 1})
    with pytest.raises(Exception, match="pickle"):
        checkpoint.save(tmp_path, "mine", {"step": lambda: 2})
    assert checkpoint.load(tmp_path, "mine") == {"step": 1}


def test_a_second_process_at_the_same_model_is_refused_and_a_dead_one_s_lock_is_not_in_the_way(
    at: Layout, project: Path
) -> None:
    hold = (
        "from pipeline.core.layout import HERE\n"
        "from pipeline.training.checkpoint import locked\n"
        "with locked('small', HERE): print('held', flush=True); input()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment(), cwd=at.root
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    with (
        pytest.raises(SitterError, match=r"small is being trained by another process"),
        checkpoint.locked("small", at=at),
    ):
        pass
    with checkpoint.locked("head", at=at):
        pass
    process.kill()
    process.communicate()
    with checkpoint.locked("small", at=at) as folder:
        assert folder == at.checkpoints("small")


def test_what_a_killed_write_left_is_cleared_away(at: Layout, project: Path) -> None:
    folder = at.checkpoints("small")
    folder.mkdir(parents=True)
    (folder / ".checkpoint.pt.123.part").write_bytes(b"half")
    with checkpoint.locked("small", at=at):
        assert [p.name for p in folder.iterdir()] == ["lock"]
