"""The stage `train` around the loop: the files that it writes, and the inputs and checkpoints that it refuses."""

from __future__ import annotations

import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from pipeline.core.errors import SitterError
from pipeline.core.files import read_csv, read_json
from pipeline.core.layout import Layout
from pipeline.metrics.verification import eer, roc, tally
from pipeline.params.recipe import recipe_of
from pipeline.plan.fingerprint import code
from pipeline.stages import train
from pipeline.training import checkpoint
from pipeline.training.loop import Run
from pipeline.training.stop import StopRequest
from tests.suite.devices import on_both
from tests.training.study import prepared, study

pytestmark = pytest.mark.training


@on_both
def test_the_stage_leaves_a_model_its_history_and_its_figures(
    at: Layout, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train.run(study("head"), "head", at.root)
    folder = at.model("head")
    assert {p.name for p in folder.iterdir()} == {
        "weights.safetensors", "model.json", "history.csv", "metrics.json", "manifest.csv",
    }  # fmt: skip
    history = read_csv(folder / "history.csv")
    assert [row["epoch"] for row in history] == ["0", "1", "2", "3"]
    figures = read_json(folder / "metrics.json")
    assert figures["epochs"] == 3
    assert float(history[figures["epoch"]]["val_eer"]) == figures["val_eer"]
    assert not (at.checkpoints("head") / "checkpoint.pt").exists()
    assert "val EER" in capsys.readouterr().err


@on_both
def test_the_class_centres_of_the_epoch_that_is_kept_are_left_with_the_model(
    at: Layout, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    end_of_epoch, seen = Run.end_of_epoch, []

    def watched(self: Run) -> None:
        end_of_epoch(self)
        seen.append(self.loss.loss.centres.detach().cpu().clone())

    monkeypatch.setattr(Run, "end_of_epoch", watched)
    train.run(study("small", epochs=4, lr=0.05), "small", at.root)
    (centres,) = load_file(at.model("small") / "centres.safetensors").values()
    kept = read_json(at.model("small") / "metrics.json")["epoch"]
    assert [n for n, value in enumerate(seen) if torch.equal(value, centres)] == [kept]
    assert centres.shape == (6, 8)


def test_a_changed_parameter_does_not_go_on_from_the_checkpoint(
    at: Layout, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stop = StopRequest()
    stop.by = signal.SIGUSR1
    recipe = recipe_of(study("head"), "head")
    key = checkpoint.key(recipe, code("train", *recipe.kinds), at=at)
    with checkpoint.locked("head", at=at) as folder, pytest.raises(SystemExit) as left:
        prepared(at, "head").fit(folder, key, stop)
    assert left.value.code == 75
    assert "stopped by SIGUSR1; a checkpoint is written" in capsys.readouterr().err
    train.run(study("head", epochs=1), "head", at.root)
    said = capsys.readouterr()
    assert "is of other parameters, inputs or code: training starts anew" in said.err
    assert "going on" not in said.err
    assert [row["epoch"] for row in read_csv(at.model("head") / "history.csv")] == ["0", "1"]


def test_a_frozen_model_is_recorded_without_training(at: Layout, project: Path) -> None:
    train.run(study(), "frozen", at.root)
    assert {p.name for p in at.model("frozen").iterdir()} == {"model.json", "manifest.csv"}


def test_an_unknown_model_is_answered_with_the_nearest(at: Layout, project: Path) -> None:
    with pytest.raises(SitterError, match="did you mean 'small'"):
        train.run(study(), "smal", at.root)


@on_both
def test_what_is_written_embeds_as_it_was_validated(at: Layout, project: Path) -> None:
    from pipeline.models.load import load_model

    train.run(study("lora", lr=0.01), "lora", at.root)
    embedder = load_model("lora", at=at)
    run = prepared(at, "lora")
    faces = run.val.dataset.faces
    with torch.no_grad():
        vectors = embedder.module(torch.stack([embedder.prepare(*faces.face(i)) for i in range(len(faces))]))
    unit = torch.nn.functional.normalize(vectors).numpy()
    one, other = np.triu_indices(len(faces), 1)
    scores, genuine = (unit @ unit.T)[one, other], faces.labels[one] == faces.labels[other]
    error = eer(roc(tally(scores[genuine], scores[~genuine])))[0]
    assert read_json(at.model("lora") / "metrics.json")["val_eer"] == pytest.approx(error, abs=0.05)
