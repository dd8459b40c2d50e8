"""Embed: each face's own vector, whatever the batch; and never a broken one."""

from __future__ import annotations

import json

import numpy as np
import pyarrow
import pytest
import torch

from pipeline.core.alignment import ARCFACE
from pipeline.core.errors import SitterError
from pipeline.core.files import output_folder, read_table
from pipeline.models.load import load_model
from pipeline.params import check
from pipeline.stages import embed, train
from pipeline.store.embeddings import normalise, open_embeddings, read_embeddings, write_as_they_come, write_embeddings
from pipeline.store.faces import FaceStore, StoredFace, encode, write_faces
from tests.suite.devices import on_both

SMALL = {"kind": "iresnet", "depth": 18, "width": 0.0625, "embedding": 16}
FACES = 11


def study(batch=4, mirror=False, backbone=SMALL, crops=()):
    frozen = {"adaptation": {"kind": "none"}, "loss": {"kind": "none"}, "mirror": mirror, "crops": crops}
    return check(
        {
            "seed": 1,
            "train": {},
            "download": {"photos": {"kind": "folder", "path": "photos"}},
            "align": {"photos": {"detectors": [{"kind": "aligned"}]}},
            "split": {"photos": {"kind": "sitters", "test": 0.5}},
            "models": {"m": {"backbone": backbone, **frozen}},
            "embed": {"datasets": ["photos"], "batch": batch},
            "evaluate": {"benchmarks": {"all": {"kind": "all-pairs", "probe": "photos"}}},
        }
    )


@pytest.fixture
def project(at, tmp_path, device):
    """Some faces (blurred noise) in a project's folder; they are embedded on `device`."""
    rng = np.random.default_rng(1)
    with output_folder(at.faces("photos")) as folder:
        write_faces(folder, [face(rng, i) for i in range(FACES)])
    yield tmp_path
    torch.use_deterministic_algorithms(False)


def face(rng, i):
    from scipy.ndimage import gaussian_filter

    crop = gaussian_filter(rng.normal(128, 900, (112, 112, 3)), (6, 6, 0)).clip(0, 255).astype(np.uint8)
    points = ARCFACE.points * 2 + rng.normal(0, 4, (5, 2)).astype(np.float32)
    return StoredFace(f"s{i // 3}/{i}", f"s{i // 3}", encode(crop), points, "aligned", 1.0)


@on_both
@pytest.mark.parametrize("backbone", [SMALL, {"kind": "dlib-resnet29"}], ids=lambda b: b["kind"])
@pytest.mark.parametrize("batch", [1, 4, 64])
def test_every_face_gets_the_vector_it_gets_alone(at, project, backbone, batch):
    train.run(study(backbone=backbone), "m", at.root)
    embed.run(study(batch, backbone=backbone), "m", "photos", at.root)
    store, model = FaceStore(at.faces("photos")), load_model("m", at=at)
    with torch.inference_mode():
        alone = [model.module(model.prepare(store.crop(i), store.crop_landmarks[i])[None])[0] for i in range(FACES)]
    found = read_embeddings("m", "photos", at)
    assert found.image_ids == store.image_ids == [f"s{i // 3}/{i}" for i in range(FACES)]
    np.testing.assert_allclose(found.vectors, torch.stack(alone), rtol=1e-3, atol=1e-4)
    assert np.std(found.vectors, axis=0).min() > 1e-4  # the faces do differ


@on_both
def test_run_twice_the_bytes_are_the_same(at, project):
    train.run(study(), "m", at.root)
    manifests = []
    for _ in range(2):
        embed.run(study(), "m", "photos", at.root)
        manifests.append((at.embeddings("m", "photos") / "manifest.csv").read_bytes())
    assert manifests[0] == manifests[1]


@on_both
def test_a_mirrored_model_adds_the_vector_of_the_mirrored_crop(at, project):
    train.run(study(mirror=True), "m", at.root)
    embed.run(study(mirror=True), "m", "photos", at.root)
    table = read_table(at.embeddings("m", "photos") / "embeddings.arrow")
    store, model = FaceStore(at.faces("photos")), load_model("m", at=at)
    flipped = np.ascontiguousarray(store.crop(5)[:, ::-1])
    with torch.inference_mode():
        mirrored = model.module(model.prepare(flipped, ARCFACE.points)[None])[0].numpy()
    assert table.schema.metadata[b"sitter.vector"].startswith(b"embedding + mirrored")
    np.testing.assert_allclose(table["mirrored"][5].as_py(), mirrored, rtol=1e-3, atol=1e-4)
    both = np.array(table["embedding"][5].as_py()) + mirrored
    np.testing.assert_allclose(read_embeddings("m", "photos", at).vectors[5], both, rtol=1e-3, atol=2e-4)


def test_a_model_with_crops_adds_the_vectors_of_closer_and_wider_crops(at, project):
    made = study(mirror=True, crops=[0.75, 1.25])
    train.run(study(mirror=True), "m", at.root)
    embed.run(study(mirror=True), "m", "photos", at.root)
    plain = read_embeddings("m", "photos", at).vectors
    model, store = load_model("m", at=at), FaceStore(at.faces("photos"))
    train.run(made, "m", at.root)
    embed.run(made, "m", "photos", at.root)
    whole = model.prepare(store.crop(5), ARCFACE.points)[None]
    crops = []
    for side in (0.75, 1.25):
        place = torch.tensor([[[side, 0, 0], [0, side, 0]]])
        grid = torch.nn.functional.affine_grid(place, list(whole.shape), align_corners=False)
        crop = torch.nn.functional.grid_sample(whole, grid, padding_mode="border", align_corners=False)
        crops += [crop, crop.flip(3)]
    with torch.inference_mode():
        added = model.module(torch.cat(crops)).sum(0).numpy()
    assert np.abs(added).max() > 0.1
    found = read_embeddings("m", "photos", at).vectors
    np.testing.assert_allclose(found[5], plain[5] + added, rtol=1e-3, atol=1e-3)
    assert json.loads((at.model("m") / "model.json").read_text())["crops"] == [0.75, 1.25]


def test_a_vector_that_is_not_finite_stops_with_the_image_named_and_nothing_written(at, project, monkeypatch):
    train.run(study(), "m", at.root)
    real = load_model("m", at=at)
    calls = iter(range(100))

    def broken(module, inputs, output):
        return torch.where(torch.arange(len(output))[:, None] == 2, torch.nan, output) if next(calls) == 1 else output

    real.module.register_forward_hook(broken)
    monkeypatch.setattr("pipeline.models.load.load_model", lambda name, device, at: real)
    with pytest.raises(SitterError, match=r"model m: the vector of image 's2/6' is not finite"):
        embed.run(study(batch=4), "m", "photos", at.root)
    assert not at.embeddings("m", "photos").exists()


def test_faces_that_were_not_aligned_and_models_that_were_not_trained_are_named(at, project):
    with pytest.raises(SitterError, match=r"models/m/model.json does not exist"):
        embed.run(study(), "m", "photos", at.root)
    for shard in at.faces("photos").glob("*.arrow"):
        shard.unlink()
    with pytest.raises(SitterError, match="data/faces/photos holds no faces"):
        embed.run(study(), "m", "photos", at.root)


def test_vectors_survive_the_table_to_the_last_bit(at, project):
    vectors = np.random.default_rng(2).normal(size=(5, 7)).astype(np.float32)
    with output_folder(at.embeddings("m", "photos")) as folder:
        write_embeddings(folder, list("abcde"), vectors)
    found = read_embeddings("m", "photos", at)
    assert np.array_equal(found.vectors, vectors)
    assert np.array_equal(found.select(["d", "a"]), vectors[[3, 0]])
    with pytest.raises(SitterError, match=r"no vector for 1 of 2 images, the first of them 'x'"):
        found.select(["a", "x"])


@pytest.mark.parametrize("mirrored", [False, True])
def test_vectors_that_come_some_at_a_time_make_the_same_file(project, mirrored):
    both = np.random.default_rng(2).normal(size=(1 + mirrored, 11, 7)).astype(np.float32)
    ids, own, other = list("abcdefghijk"), project / "own", project / "other"
    own.mkdir(), other.mkdir()
    write_as_they_come(own, ids, ([vectors[n : n + 4] for vectors in both] for n in range(0, 11, 4)))
    write_embeddings(other, ids, *both)
    assert [path.name for path in own.iterdir()] == ["embeddings.arrow"]
    assert (own / "embeddings.arrow").read_bytes() == (other / "embeddings.arrow").read_bytes()


def test_millions_of_vectors_would_be_opened_without_a_copy(at, project):
    vectors = np.random.default_rng(2).normal(size=(2000, 64)).astype(np.float32)
    with output_folder(at.embeddings("m", "photos")) as folder:
        write_embeddings(folder, list(map(str, range(2000))), vectors, -vectors)
    before = pyarrow.total_allocated_bytes()
    _, parts = open_embeddings("m", "photos", at)
    assert pyarrow.total_allocated_bytes() - before < vectors.nbytes / 10
    assert np.array_equal(parts, [vectors, -vectors])


def test_embeddings_are_readable_by_pandas(at, project):
    import pandas

    train.run(study(), "m", at.root)
    embed.run(study(), "m", "photos", at.root)
    table = pandas.read_feather(at.embeddings("m", "photos") / "embeddings.arrow")
    assert list(table.columns) == ["image_id", "embedding"]
    assert len(table["embedding"][0]) == 16


def test_a_zero_vector_and_a_missing_table_are_refused(at, project):
    with pytest.raises(SitterError, match=r"image 'b' is all zeros, 1 of 2 are"):
        write_embeddings(project, ["a", "b"], np.array([[1, 2], [0, 0]], np.float32))
    with pytest.raises(SitterError, match=r"embeddings/m/photos/embeddings.arrow does not exist: run embed"):
        read_embeddings("m", "photos", at)


def test_normalised_rows_have_length_one():
    x = np.random.default_rng(3).normal(size=(4, 9)).astype(np.float32)
    np.testing.assert_allclose(np.linalg.norm(normalise(x), axis=1), 1, rtol=1e-6)
    assert np.array_equal(normalise(np.zeros((1, 3), np.float32)), np.zeros((1, 3), np.float32))


def test_model_json_says_what_the_network_expects_of_its_input(at, project):
    train.run(study(), "m", at.root)
    description = json.loads((at.root / "models/m/model.json").read_text())
    assert description["input"]["size"] == 112
    assert description["input"]["colour"] == "rgb"
    assert description["input"]["mean"] == [127.5] * 3
    assert description["dim"] == 16
