"""Data augmentation: the result follows from seed, epoch and face, and each change does what its name says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from pipeline.core.errors import SitterError
from pipeline.core.layout import Layout
from pipeline.params.augment import Augmentation
from pipeline.params.train import Training
from pipeline.stages import train
from pipeline.training.augment import Augment
from tests.faces_of_noise import face
from tests.training.study import prepared, study

Image = NDArray[np.uint8]
OFF = dict.fromkeys(Augmentation.model_fields, 0.0)


def changed(way: str, epochs: int = 40, size: int = 112) -> tuple[Image, list[Image]]:
    """Return a face, and its results in several epochs with one kind of change alone."""
    augment, image = Augment(Augmentation(**OFF | {way: 1.0})), face(3)[:size, :size]
    return image, [augment(image, 1, epoch, 0) for epoch in range(epochs)]


def test_a_face_is_the_same_again_only_in_the_same_epoch_of_the_same_seed() -> None:
    options, image = Augmentation(colour=1.0, blur=1.0, jpeg=1.0, affine=1.0, occlusion=1.0), face(1)
    before = image.copy()
    first = Augment(options)(image, 1, 2, 4)
    torch.manual_seed(99)
    torch.rand(7)
    state = torch.get_rng_state()
    assert np.array_equal(Augment(options)(image, 1, 2, 4), first)
    assert torch.equal(torch.get_rng_state(), state), "the state of the global generator stays unchanged"
    assert np.array_equal(image, before)
    assert first.shape == image.shape
    assert first.dtype == np.uint8
    others = [Augment(options)(image, *drawn) for drawn in ((2, 2, 4), (1, 2, 5), (1, 3, 4))]
    assert not any(np.array_equal(other, first) for other in others)


def test_each_way_has_its_own_probability() -> None:
    image = face(1)
    assert all(np.array_equal(Augment(Augmentation(**OFF))(image, 1, 0, n), image) for n in range(20))
    often = Augment(Augmentation(**OFF | {"colour": 0.3}))
    share = np.mean([not np.array_equal(often(image, 1, 0, n), image) for n in range(300)])
    assert 0.2 < share < 0.4


def test_colour_changes_the_light_and_not_the_drawing() -> None:
    image, found = changed("colour")
    light = [f.mean() / image.mean() for f in found]
    assert min(light) < 0.85
    assert max(light) > 1.15
    grey = [np.corrcoef(f.mean(2).ravel(), image.mean(2).ravel())[0, 1] for f in found]
    assert np.median(grey) > 0.95


def test_blur_and_low_resolution_take_fine_detail_away() -> None:
    image, found = changed("blur")
    detail = [np.abs(np.diff(f.astype(float), axis=1)).mean() for f in (image, *found)]
    assert np.mean(np.array(detail[1:]) < detail[0]) > 0.9
    assert min(detail[1:]) < 0.7 * detail[0]
    assert max(abs(f.mean() - image.mean()) for f in found) < 1.5


def test_jpeg_stays_near_the_image_in_its_own_colours() -> None:
    image, found = changed("jpeg")
    errors = [np.abs(f.astype(float) - image).mean(axis=(0, 1)) for f in found]
    assert np.min(errors) > 0.3
    assert np.max(errors) < 20
    red = np.zeros((64, 64, 3), np.uint8)
    red[..., 0] = 200
    assert np.abs(Augment(Augmentation(**OFF | {"jpeg": 1.0}))(red, 1, 0, 0).astype(float) - red).max() < 12


def test_affine_moves_the_face_a_little() -> None:
    spot = np.zeros((112, 112, 3), np.uint8)
    spot[20:24, 20:24] = 255
    augment = Augment(Augmentation(**OFF | {"affine": 1.0}))
    where = [np.argwhere(augment(spot, 1, epoch, 0)[..., 0] > 100).mean(0) for epoch in range(40)]
    moved = np.linalg.norm(np.array(where) - 21.5, axis=1)
    assert moved.max() > 4
    assert moved.max() < 24  # 10 % of the distance from the middle, 10° around it, and 5.6 pixels each way
    assert np.abs(np.mean(where, axis=0) - 21.5).max() < 3


@pytest.mark.parametrize("size", [56, 112])
def test_occlusion_is_one_grey_rectangle(size: int) -> None:
    image, found = changed("occlusion", size=size)
    for one in found:
        hidden = (one != image).any(axis=2)
        assert (one[hidden] == 128).all()
        rows, columns = np.flatnonzero(hidden.any(1)), np.flatnonzero(hidden.any(0))
        area = (rows[-1] - rows[0] + 1) * (columns[-1] - columns[0] + 1) / size**2
        assert 0.015 < area < 0.22
        assert hidden.sum() > 0.9 * area * size**2


def test_it_is_off_unless_asked_for_and_reaches_only_what_is_learned_from(at: Layout, project: Path) -> None:
    assert Training().augment is None
    plain, augmented = prepared(at, "lora"), prepared(at, "lora", augment={})
    assert plain.train.kept is not None
    assert augmented.train.kept is None, "each epoch has its own images"
    assert augmented.train.dataset.augment is not None
    assert augmented.val.dataset.augment is None
    batch = augmented.sampler.batch(3, 0, 0)
    (as_it_is,), *epochs = (list(augmented.train.batches([batch], drawn)) for drawn in (None, (3, 0), (3, 0), (3, 1)))
    (first,), (again,), (later,) = epochs
    assert torch.equal(first, again)
    assert not torch.equal(first, later)
    assert not torch.equal(first, as_it_is)
    workers = prepared(at, "lora", augment={}, workers=2)
    (by_workers,) = workers.train.batches([batch], (3, 0))
    assert torch.equal(by_workers, first)


@pytest.mark.training
def test_a_stopped_training_goes_on_with_the_same_images(
    at: Layout, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {"augment": {}, "epochs": 2}
    train.run(study("lora", **settings), "lora", project)
    whole = load_file(at.model("lora") / "weights.safetensors")
    batch, count = train_batch(), iter(range(100))

    def stopped(run, *given):  # type: ignore[no-untyped-def]
        if next(count) == 3:
            raise SitterError("stopped")
        return batch(run, *given)

    with monkeypatch.context() as patch:
        patch.setattr("pipeline.training.loop.Run.batch", stopped)
        with pytest.raises(SitterError, match="stopped"):
            train.run(study("lora", **settings), "lora", project)
    train.run(study("lora", **settings), "lora", project)
    resumed = load_file(at.model("lora") / "weights.safetensors")
    assert all(torch.equal(value, resumed[name]) for name, value in whole.items())
    train.run(study("lora", epochs=2), "lora", project)
    plain = load_file(at.model("lora") / "weights.safetensors")
    assert not all(torch.equal(value, plain[name]) for name, value in whole.items())


def train_batch():  # type: ignore[no-untyped-def]
    from pipeline.training.loop import Run

    return Run.batch


def test_a_head_starts_from_the_mean_of_the_faces_as_they_are(at: Layout, project: Path) -> None:
    means = [prepared(at, "head", **settings).backbone.stages[-1].mean for settings in ({}, {"augment": {}})]
    torch.testing.assert_close(*means)
