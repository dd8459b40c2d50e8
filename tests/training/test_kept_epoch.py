"""The choice of the epoch to keep: by the EER or the loss on validation faces, by the training loss, or the last."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from pipeline.core.errors import SitterError
from pipeline.core.files import read_csv, read_json, write_csv
from pipeline.core.layout import Layout
from pipeline.params import check
from pipeline.params.recipe import recipe_of
from pipeline.training.loop import Run
from pipeline.training.stop import StopRequest
from tests.training.launch import LORA, new_project
from tests.training.study import STUDY, prepared_by
from tests.training.test_processes import assert_same, train_all

pytestmark = pytest.mark.training

ARCFACE = {"kind": "arcface", "scale": 8}
LOSSES: dict[str, dict[str, Any]] = {
    "arcface": ARCFACE,
    "infonce": {"kind": "infonce"},
    "both": {"kind": "sum", "losses": [{"kind": "infonce"}, ARCFACE], "weights": [0.5, 2]},
}
BY_IMAGES = {"tiny": {"kind": "images", "val": 0.4}, "more": {"kind": "sitters", "test": 0.2}}


def split_by_images(at: Layout) -> None:
    """Move two of the five images of each train sitter to val."""
    table = at.split("tiny") / "split.csv"
    rows = read_csv(table)
    for row in rows:
        if row["subset"] == "train":
            row["subset"] = "val" if row["image_id"][-1] in "34" else "train"
        elif row["subset"] == "val":
            row["subset"] = "test"
    write_csv(table, rows, list(rows[0]))


def prepared(at: Layout, loss: str, **training: Any) -> Run:
    raw = copy.deepcopy(STUDY) | {"split": BY_IMAGES}
    raw["models"] = {"m": {**LORA, "loss": LOSSES[loss]}}
    raw["models"]["m"]["training"] = LORA["training"] | {"images": 2, "batch_per": "training"} | training
    return prepared_by(recipe_of(check(raw), "m"), at)


@pytest.mark.parametrize("keep", ["val-eer", "val-loss", "train-loss", "last"])
def test_the_epoch_is_kept_that_has_the_lowest_of_the_figure_asked_for(at: Layout, project: Path, keep: str) -> None:
    split_by_images(at)
    run = prepared(at, "both", keep=keep, epochs=6, lr=0.3)
    kept: list[dict[str, torch.Tensor]] = []
    end = run.end_of_epoch

    def watched() -> None:
        end()
        kept.append({name: p.detach().clone() for name, p in run.backbone.named_parameters() if p.requires_grad})

    run.end_of_epoch = watched  # type: ignore[method-assign]
    state = run.fit(project / "c", "key", StopRequest())
    assert all(("val_loss" in row.cells()) == (keep == "val-loss") for row in state.history)
    column = {"val-eer": "val_eer", "val-loss": "val_loss", "train-loss": "loss"}.get(keep)
    figures = [getattr(row, column) for row in state.history[1:]] if column else [6, 5, 4, 3, 2, 1]
    assert len(set(figures)) > 1, "nothing to choose"
    assert state.best_epoch == 1 + figures.index(min(figures))
    for name, value in kept[state.best_epoch].items():
        assert torch.equal(state.best[name], value)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_validation_loss_is_that_of_all_val_faces_of_the_network_at_rest(
    at: Layout, project: Path, loss: str
) -> None:
    split_by_images(at)
    run = prepared(at, loss, keep="val-loss", val_images=4, sitters=3)
    run.fit(project / "c", "key", StopRequest())
    assert run.validation_loss is not None
    run.backbone.eval()
    faces = run.validation_loss.faces
    assert (len(faces), len(run.val.dataset.faces)) == (12, 4)
    names = [faces.name(i).split("/")[1] for i in range(12)]
    trained = [run.train.dataset.faces.name(i).split("/")[1] for i in range(18)]
    of = dict(zip(trained, run.sampler.labels.tolist(), strict=True))
    assert [of[name] for name in names] == faces.labels.tolist(), "the training sitters' numbers"
    with torch.no_grad():
        inputs = torch.stack([run.val.dataset.prepare(*faces.face(i)) for i in range(12)])
        vectors, labels = run.backbone(inputs), torch.from_numpy(faces.labels)
        if loss == "infonce":
            batches = [run.validation_loss.sampler.whole(run.validation_loss.at, 0, p).images for p in range(2)]  # type: ignore[union-attr]
            assert sorted(i for b in batches for i in b) == list(range(12))
            expected = sum(float(run.loss(vectors[b], labels[b])) * len(b) for b in batches) / 12
        else:
            arcface, weight = (run.loss.loss, 1) if loss == "arcface" else (run.loss.loss.losses[1], 2)
            expected = weight * float(arcface(vectors, labels))
    assert run.state.history[-1].val_loss == pytest.approx(expected, rel=1e-5)


def test_measuring_it_changes_nothing_of_the_training(at: Layout, project: Path) -> None:
    split_by_images(at)
    with_it, without = (
        prepared(at, "both", keep=keep).fit(project / keep, "key", StopRequest()) for keep in ("val-loss", "train-loss")
    )
    assert [row.loss for row in with_it.history] == [row.loss for row in without.history]


def test_a_loss_with_class_centres_needs_val_faces_of_training_sitters(at: Layout, project: Path) -> None:
    with pytest.raises(
        SitterError, match=r"models\.m: keep is val-loss, but tiny have 0 val faces of training sitters"
    ):
        prepared(at, "arcface", keep="val-loss")
    assert math.isfinite(prepared(at, "infonce", keep="val-loss").val_eer())


@pytest.mark.parametrize(
    ("training", "words"),
    [
        ({"keep": "val-loss"}, "training.keep is val-loss, but tiny has no val sitters"),
        ({"keep": "last", "patience": 2}, "patience is 2, but keep is last"),
    ],
)
def test_a_choice_that_nothing_can_make_is_refused_by_check(training: dict[str, Any], words: str) -> None:
    raw = copy.deepcopy(STUDY)
    raw["split"]["tiny"] = {"kind": "sitters", "test": 0.2}
    raw["models"]["small"]["training"] = training
    with pytest.raises(SitterError, match=words):
        check(raw)


def test_two_processes_choose_by_the_loss_that_one_has(tmp_path: Path) -> None:
    models = {name: {**LORA, "loss": loss} for name, loss in LOSSES.items()}
    folders = []
    for world in (1, 2):
        folder = new_project(tmp_path / str(world), models, keep="val-loss", shard_centres=6)
        raw = yaml.safe_load((folder / "params.yaml").read_text()) | {"split": BY_IMAGES}
        (folder / "params.yaml").write_text(yaml.safe_dump(raw, sort_keys=False))
        split_by_images(Layout(folder))
        train_all(folder, world, *models)
        folders.append(folder)
    for name in models:
        assert_same(folders[0], folders[1], name)
        assert read_json(folders[0] / "models" / name / "metrics.json")["val_loss"] > 0
