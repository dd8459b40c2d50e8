"""Faces come back as they were written, from any shard."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pyarrow as pa
import pytest

from pipeline.core.alignment import ARCFACE
from pipeline.core.errors import SitterError
from pipeline.store import faces as faces_store
from pipeline.store.faces import FaceStore, StoredFace, decode, encode, write_faces
from tests.faces.real import photograph

N = 25


@pytest.fixture
def crops() -> np.ndarray:
    """uint8 [n, 112, 112, 3]: windows of a photograph."""
    image = np.asarray(photograph())
    return np.stack([image[10 * i : 10 * i + 112, 15 * i : 15 * i + 112] for i in range(N)])


@pytest.fixture
def written(tmp_path, monkeypatch, crops):
    """25 faces in shards of 10, in record batches of 4."""
    monkeypatch.setattr(faces_store, "SHARD", 10)
    monkeypatch.setattr(faces_store, "BATCH", 4)
    faces = (
        StoredFace(f"s{i % 5}/{i}", f"s{i % 5}", encode(crop), ARCFACE.points * 2 + i, "scrfd", i / N)
        for i, crop in enumerate(crops)
    )
    assert write_faces(tmp_path, faces) == N
    return tmp_path


def test_every_face_comes_back_without_loss(written, crops):
    faces = FaceStore(written)
    assert len(faces) == N
    assert sorted(p.name for p in written.iterdir()) == [f"faces-0000{i}.arrow" for i in range(3)]
    assert faces.image_ids == [f"s{i % 5}/{i}" for i in range(N)]
    assert faces.sitters == [f"s{i % 5}" for i in range(N)]
    for i in [24, 0, 9, 10, 3, 4, 19, 20]:
        assert (faces.crop(i) == crops[i]).all()


def test_landmarks_are_those_of_the_image_and_of_the_crop(written):
    faces = FaceStore(written)
    assert faces.landmarks.shape == (N, 5, 2)
    assert faces.landmarks.dtype == np.float32
    np.testing.assert_allclose(faces.landmarks[7], ARCFACE.points * 2 + 7)
    assert faces.crop_landmarks.dtype == np.float32
    np.testing.assert_allclose(faces.crop_landmarks, np.tile(ARCFACE.points, (N, 1, 1)), atol=1e-3)


@pytest.mark.parametrize("i", [-1, N])
def test_no_face_beyond_the_last(written, i):
    with pytest.raises(IndexError):
        FaceStore(written).crop(i)


def test_read_from_threads_and_sent_between_processes(written, crops):
    faces = pickle.loads(pickle.dumps(FaceStore(written)))
    with ThreadPoolExecutor(4) as pool:
        assert all((a == b).all() for a, b in zip(pool.map(faces.crop, range(N)), crops, strict=True))


def test_shards_are_tables_that_others_read(written):
    table = pa.ipc.open_file(pa.memory_map(str(written / "faces-00000.arrow"))).read_all()
    assert table.column_names == ["image_id", "sitter", "crop", "landmarks", "detector", "score"]
    assert table.to_pandas()["detector"].tolist() == ["scrfd"] * 10


def test_opening_reads_no_images(written):
    before = pa.total_allocated_bytes()
    faces = FaceStore(written)
    faces.encoded(3)
    assert pa.total_allocated_bytes() - before < 10_000


def test_broken_shard_is_named(written):
    shard = written / "faces-00001.arrow"
    shard.write_bytes(shard.read_bytes()[:-100])
    with pytest.raises(SitterError, match=r"faces-00001\.arrow is no whole shard"):
        FaceStore(written)


def test_no_faces_says_what_to_run(tmp_path):
    with pytest.raises(SitterError, match=f"align {tmp_path.name}"):
        FaceStore(tmp_path)


def test_what_is_no_crop_decodes_to_none():
    assert decode(b"no image") is None


def test_chosen_faces_are_numbered_as_they_were_asked_for(written, crops):
    store = FaceStore(written)
    chosen = store.chosen(["s4/24", "s0/0", "s3/8"])
    assert len(chosen) == 3
    assert (chosen.crop(0) == crops[24]).all()
    some = chosen.chosen([2, 0])
    assert (some.crop(0) == crops[8]).all()
    np.testing.assert_array_equal(some.landmarks, store.landmarks[[8, 24]])
    with pytest.raises(SitterError, match="says that elsewhere is aligned"):
        store.chosen(["elsewhere"])
