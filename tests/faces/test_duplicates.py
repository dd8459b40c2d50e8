"""One picture under two names is found after recompression, resizing and another alignment; two pictures are not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.core.pixels import RGBImage
from pipeline.faces.duplicates import HASH, near_duplicates, nearest_of_another, registered_similarity
from pipeline.params.sources.package import PackageOptions
from pipeline.store.faces import FaceStore, StoredFace, encode, write_faces
from tests.faces_of_noise import face

LFW = Path(__file__).parents[2] / "../shared/data/lfw-100"
Change = Callable[[RGBImage], RGBImage]


def store(folder: Path, crops: list[RGBImage], sitters: list[str]) -> FaceStore:
    landmarks = np.zeros((5, 2), np.float32)
    rows = zip(crops, sitters, strict=True)
    write_faces(folder, (StoredFace(str(i), s, encode(c), landmarks, "d", 1.0) for i, (c, s) in enumerate(rows)))
    return FaceStore(folder)


def pairs(folder: Path, crops: list[RGBImage], sitters: list[str]) -> set[tuple[int, int]]:
    return {(d.a, d.b) for d in near_duplicates(store(folder, crops, sitters), sitters)}


def jpeg(quality: int) -> Change:
    return lambda image: np.asarray(
        cv2.imdecode(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_COLOR), np.uint8
    )


def resized(factor: float) -> Change:
    return lambda image: np.asarray(
        cv2.resize(image, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8
    )


def toned(image: RGBImage) -> RGBImage:
    return np.clip(255 * (image / 255.0) ** 0.7 * [1.05, 1, 0.85], 0, 255).astype(np.uint8)


CHANGES: dict[str, Change] = {"jpeg 30": jpeg(30), "60 %": resized(0.6), "150 %": resized(1.5), "tone": toned}


def crop(image: RGBImage, number: int, jitter: float) -> RGBImage:
    """The middle of an LFW photograph as a crop of 112×112, as a detector off by `jitter` pixels would cut it."""
    off = np.random.default_rng([3, number]).normal(0, jitter, 4)
    scale = image.shape[0] / 250
    side = (130 + off[0]) * scale
    matrix = np.array([[112 / side, off[1] / 500, 0], [-off[1] / 500, 112 / side, 0]])
    matrix[:, 2] = 56 + off[2:] - matrix[:, :2] @ (np.array([125, 130]) * scale)
    return np.asarray(cv2.warpAffine(image, matrix, (112, 112)), np.uint8)


@pytest.fixture(scope="module")
def photographs() -> tuple[list[RGBImage], list[str]]:
    files = sorted(LFW.glob("*/*.jpg"))
    if not files:
        pytest.skip("needs ../shared/data/lfw-100, which is not part of the project")
    return [np.asarray(cv2.imread(str(f)), np.uint8) for f in files], [f.parent.name for f in files]


@pytest.mark.parametrize("change", CHANGES)
def test_copies_of_photographs_are_found(
    tmp_path: Path, photographs: tuple[list[RGBImage], list[str]], change: str
) -> None:
    images, sitters = photographs
    copies = [crop(CHANGES[change](image), i, 0.7) for i, image in enumerate(images)]
    crops = [crop(image, i, 0) for i, image in enumerate(images)] + copies
    found = pairs(tmp_path, crops, sitters + [f"{s} again" for s in sitters])
    n = len(images)
    assert len(found & {(i, i + n) for i in range(n)}) >= 0.85 * n
    assert all(j - i == n for i, j in found)


def test_photographs_of_different_sitters_are_no_copies(
    tmp_path: Path, photographs: tuple[list[RGBImage], list[str]]
) -> None:
    images, sitters = photographs
    assert not pairs(tmp_path, [crop(image, i, 0.7) for i, image in enumerate(images)], sitters)


def test_other_photographs_of_a_sitter_are_no_copies(
    tmp_path: Path, photographs: tuple[list[RGBImage], list[str]]
) -> None:
    images, _ = photographs
    each = [str(i) for i in range(len(images))]
    assert not pairs(tmp_path, [crop(image, i, 0.7) for i, image in enumerate(images)], each)


@pytest.mark.network
def test_photographs_of_one_sitter_in_one_sitting_are_rarely_taken_for_copies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ORL: ten photographs a sitter, seconds apart, same pose and light; here each under another name."""
    import yaml

    from pipeline.sources import package

    options = yaml.safe_load((Path(__file__).parents[2] / "params.yaml").read_text())["download"]["orl"]
    del options["kind"]
    images = package.fetch(tmp_path, "orl", PackageOptions(**options))
    assert images is not None
    pictures = [np.asarray(cv2.imread(str(tmp_path / image.path)), np.uint8) for image in images]
    crops = [np.asarray(cv2.resize(picture[20:, 6:-6], (112, 112)), np.uint8) for picture in pictures]
    found = pairs(tmp_path, crops, [image.image_id for image in images])
    assert all(images[i].sitter == images[j].sitter for i, j in found)
    assert len(found) <= 0.04 * 1800  # of all pairs of one sitter


def test_the_nearest_of_another_sitter_is_the_nearest_whatever_the_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    source = np.random.default_rng(0)
    base = source.choice([-1, 1], (30, HASH * HASH - 1)).astype(np.int8)
    hashes = base[source.integers(0, 30, 200)].copy()
    hashes[source.random(hashes.shape) < 0.05] *= -1
    sitters = [f"s{n}" for n in source.integers(0, 40, 200)]
    similarity = hashes.astype(int) @ hashes.T.astype(int)
    similarity[np.array(sitters)[:, None] == np.array(sitters)] = -999
    expected = {(i, int(similarity[i].max())) for i in range(200) if similarity[i].max() >= 102}
    for tile in (7, 64, 4096):
        monkeypatch.setattr("pipeline.faces.duplicates.TILE", tile)
        found = nearest_of_another(hashes, sitters)
        assert found == sorted(set(found))
        best = dict.fromkeys(range(200), -999)
        for i, j in found:
            assert sitters[i] != sitters[j]
            best[i], best[j] = max(best[i], similarity[i, j]), max(best[j], similarity[i, j])
        assert {(i, b) for i, b in best.items() if b >= 102} == expected


def test_flat_crops_are_no_copies_of_each_other(tmp_path: Path) -> None:
    flat = [np.full((112, 112, 3), grey, np.uint8) for grey in (0, 128, 255)]
    assert registered_similarity(flat[0], flat[1]) < 0.95
    assert not pairs(tmp_path, [*flat, face(1)], ["a", "b", "c", "d"])


@pytest.mark.slow
def test_one_copy_is_found_among_thousands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.faces.duplicates.TILE", 1_024)
    crops = [face(i) for i in range(2_000)]  # more than a tile
    crops[1_800] = jpeg(60)(crops[10])
    assert pairs(tmp_path, crops, [f"s{i // 5}" for i in range(2_000)]) == {(10, 1_800)}
