"""Features that are computed once equal what the whole network computes each time."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import psutil
import pytest
import torch

from pipeline.core.layout import Layout
from pipeline.losses.batches import Batch
from pipeline.losses.samplers import SitterBatches
from pipeline.models.backbone import Backbone
from pipeline.models.backbones.dlib_resnet29 import DlibResNet29
from pipeline.models.build import build
from pipeline.models.preprocess import Preprocess
from pipeline.params.backbones.dlib_resnet29 import DlibResNet29Options
from pipeline.params.recipe import recipe_of
from pipeline.store.faces import FaceStore
from pipeline.training.data import Faces, read_faces
from pipeline.training.features import Inputs, PreparedFaces, View, split_network
from tests.training.study import study

pytestmark = pytest.mark.slow


def parts(
    at: Layout, model: str, cache_gb: float = 4.0, mirrored: bool = True, workers: int = 0
) -> tuple[Backbone, torch.nn.Sequential, Inputs, Inputs]:
    entry = study().models[model]
    network, _ = build(entry.backbone, entry.adaptation, 0, at)
    faces = read_faces(recipe_of(study(), model), at)
    trained, inputs, *_ = split_network(
        network, (faces.train, faces.val), (mirrored, False), torch.device("cpu"), cache_gb, workers, lambda: None
    )
    return network, trained, *inputs


def batch_of(faces: Faces) -> Batch:
    return SitterBatches(faces.labels, 4, 3, mirror=True).batch(0, 0, 0)


def prepared(inputs: Inputs, batch: Batch) -> torch.Tensor:
    """Return the network's input for a batch, made face by face."""
    dataset = inputs.dataset
    faces = [dataset.prepare(*dataset.faces.face(i)) for i in batch.images]
    return torch.stack([x.flip(-1) if m else x for x, m in zip(faces, batch.mirrored, strict=True)])


@pytest.mark.parametrize(("model", "stages"), [("small", 10), ("lora", 2), ("head", 1)])
def test_kept_features_through_the_trained_stages_are_the_network_s_vectors(
    at: Layout, project: Path, model: str, stages: int
) -> None:
    network, trained, train, val = parts(at, model)
    assert len(trained) == stages
    network.eval()
    batch = batch_of(train.dataset.faces)
    assert batch.mirrored.any()
    assert not batch.mirrored.all()
    with torch.no_grad():
        (kept,) = train.batches([batch])
        assert torch.allclose(trained(kept), network(prepared(train, batch)), atol=1e-5)
    assert train.kept is not None
    assert train.kept.shape[:2] == (30, 2)
    assert val.kept is not None
    assert val.kept.shape[:2] == (10, 1)


@pytest.mark.parametrize("workers", [0, 2])
def test_where_memory_is_short_faces_are_decoded_anew_and_nothing_else_changes(
    at: Layout, project: Path, workers: int
) -> None:
    network, trained, train, _ = parts(at, "lora", cache_gb=0, workers=workers)
    assert train.kept is None
    assert len(trained) == 1 + len(network.stages)
    batch = batch_of(train.dataset.faces)
    for pixels in train.batches([batch] * 2):
        assert pixels.dtype == torch.uint8
        assert torch.equal(trained[0](pixels), prepared(train, batch))
    _, _, kept, _ = parts(at, "small")
    (same,) = kept.batches([batch])
    assert torch.equal(prepared(train, batch), same)


def test_workers_start_once_and_serve_every_epoch_even_after_one_that_was_left_early(at: Layout, project: Path) -> None:
    _, _, train, _ = parts(at, "small", cache_gb=0, workers=2)
    sampler = SitterBatches(train.dataset.faces.labels, 4, 3, mirror=True)
    before = {p.pid for p in psutil.Process().children()}
    started = []
    for epoch in range(3):
        expected = [prepared(train, sampler.batch(0, epoch, position)) for position in range(len(sampler))]
        for pixels, face in zip(train.batches(sampler.batches(0, epoch)), expected, strict=True):
            assert torch.equal(pixels.permute(0, 3, 1, 2).float().sub(127.5).mul(1 / 127.5), face)
        next(train.batches(sampler.batches(0, epoch)))
        started.append({p.pid for p in psutil.Process().children()} - before)
    assert started == [started[0]] * 3
    assert len(started[0]) == 2


def test_a_mirrored_face_is_the_face_turned_over(at: Layout, project: Path) -> None:
    _, _, train, _ = parts(at, "small")
    assert torch.equal(train.dataset[[View(3, True)]], train.dataset[[View(3)]].flip(2))


def test_landmarks_are_computed_only_for_a_network_with_another_template(
    at: Layout, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(store: FaceStore) -> None:
        raise AssertionError("millions of faces would need them all")

    monkeypatch.setattr(FaceStore, "crop_landmarks", property(none))
    _, _, train, _ = parts(at, "small", cache_gb=0)
    assert train.dataset[[View(0), View(3, True)]].shape == (2, 112, 112, 3)
    other = PreparedFaces(train.dataset.faces, Preprocess(DlibResNet29(DlibResNet29Options(), at)))
    with pytest.raises(AssertionError):
        other[[View(0)]]


def test_being_asked_to_stop_is_noticed_while_features_are_computed(at: Layout, project: Path) -> None:
    def stop() -> None:
        raise SystemExit(75)

    entry = study().models["head"]
    network, _ = build(entry.backbone, entry.adaptation, 0, at)
    faces = read_faces(recipe_of(study(), "head"), at)
    with pytest.raises(SystemExit):
        split_network(network, (faces.train, faces.val), (False, False), torch.device("cpu"), 4.0, 0, stop)


def test_workers_start_where_opencv_has_threads_already(at: Layout, project: Path) -> None:
    """If a forked process sets OpenCV's number of threads, it waits for threads that only its parent has."""
    before = cv2.getNumThreads()
    pixels = np.zeros((2000, 2000, 3), np.uint8)
    try:
        for _ in range(12):
            cv2.setNumThreads(4)
            cv2.cvtColor(pixels, cv2.COLOR_BGR2LAB)
            _, _, inputs, _ = parts(at, "small", cache_gb=0, workers=2)
            assert len(list(inputs.in_order())) == 1
    finally:
        cv2.setNumThreads(before)
