"""What is computed once is what the whole network would have computed each time."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pipeline.losses.samplers import Batch, SitterBatches
from pipeline.models.backbone import Backbone
from pipeline.models.build import build
from pipeline.training.faces import Faces, read_faces
from pipeline.training.features import Inputs, split_network
from tests.training.study import study


def parts(
    model: str, cache_gb: float = 4.0, mirrored: bool = True, workers: int = 0
) -> tuple[Backbone, torch.nn.Sequential, Inputs, Inputs]:
    entry = study().models[model]
    network, _ = build(entry.backbone, entry.adaptation, 0)
    faces = read_faces(["tiny"], study().split)
    trained, inputs = split_network(
        network, faces, (mirrored, False), torch.device("cpu"), cache_gb, workers, lambda: None
    )
    return network, trained, *inputs


def batch_of(faces: Faces) -> Batch:
    return SitterBatches(faces.labels, 4, 3, seed=0, mirror=True).batch(0, 0)


@pytest.mark.parametrize(("model", "stages"), [("small", 10), ("lora", 2), ("head", 1)])
def test_kept_features_through_the_trained_stages_are_the_network_s_vectors(
    project: Path, model: str, stages: int
) -> None:
    network, trained, train, val = parts(model)
    assert len(trained) == stages
    network.eval()
    batch = batch_of(train.dataset.faces)
    assert batch.mirrored.any()
    assert not batch.mirrored.all()
    with torch.no_grad():
        images = torch.stack(
            [train.dataset[int(i), bool(m)] for i, m in zip(batch.images, batch.mirrored, strict=True)]
        )
        (kept,) = train.batches([batch])
        assert torch.allclose(trained(kept), network(images), atol=1e-5)
    assert train.kept is not None
    assert train.kept.shape[:2] == (30, 2)
    assert val.kept is not None
    assert val.kept.shape[:2] == (10, 1)


@pytest.mark.parametrize("workers", [0, 2])
def test_where_memory_is_short_faces_are_decoded_anew_and_nothing_else_changes(project: Path, workers: int) -> None:
    network, trained, train, _ = parts("lora", cache_gb=0, workers=workers)
    assert train.kept is None
    assert len(trained) == len(network.stages)
    batches = [batch_of(train.dataset.faces)] * 2
    first, _ = train.batches(batches)
    _, _, kept, _ = parts("small")
    (same,) = kept.batches(batches[:1])
    assert torch.equal(first, same)


def test_a_mirrored_face_is_the_prepared_face_turned_over(project: Path) -> None:
    _, _, train, _ = parts("small")
    assert torch.equal(train.dataset[3, True], train.dataset[3, False].flip(-1))


def test_being_asked_to_stop_is_noticed_while_features_are_computed(project: Path) -> None:
    def stop() -> None:
        raise SystemExit(75)

    entry = study().models["head"]
    network, _ = build(entry.backbone, entry.adaptation, 0)
    faces = read_faces(["tiny"], study().split)
    with pytest.raises(SystemExit):
        split_network(network, faces, (False, False), torch.device("cpu"), 4.0, 0, stop)
