"""A copy shows the face at the same place of its frame, another photograph of the same sitting does not."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.alignment import ARCFACE, align, apply
from pipeline.core.pixels import RGBImage
from pipeline.faces.duplicates import near_duplicates
from pipeline.faces.same_frame import AT_LEAST, Frames, SameFrame
from pipeline.faces.sketches import sketch
from tests.faces.test_duplicates import CHANGES, LFW
from tests.faces_of_noise import face

SIDE = 224
PLACE = ARCFACE.points * 0.9 + 60


class Taken:
    """Images, the crops that an aligner makes of them, and the places of their faces."""

    def __init__(self) -> None:
        self.crops: list[RGBImage] = []
        self.landmarks: list[np.ndarray] = []
        self.size: list[tuple[int, int]] = []

    def add(self, image: RGBImage, landmarks: np.ndarray) -> None:
        self.crops.append(align(image, landmarks))
        self.landmarks.append(landmarks)
        self.size.append((image.shape[1], image.shape[0]))

    def __len__(self) -> int:
        return len(self.crops)

    def crop(self, i: int) -> RGBImage:
        return self.crops[i]

    def frames(self) -> Frames:
        return Frames(np.array(self.landmarks, np.float32), np.array(self.size, float))

    def pairs(self, sitters: list[str]) -> set[tuple[int, int]]:
        return {(a, b) for a, b, _ in near_duplicates(self, sitters, self.frames())}


def picture(number: int) -> RGBImage:
    return np.asarray(cv2.resize(face(number), (SIDE, SIDE), interpolation=cv2.INTER_CUBIC), np.uint8)


def scaled(image: RGBImage, landmarks: np.ndarray, width: int, height: int) -> tuple[RGBImage, np.ndarray]:
    ratio = np.array([width / image.shape[1], height / image.shape[0]])
    small = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8), (landmarks + 0.5) * ratio - 0.5


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 1000),
    st.sampled_from([((224, 224), 75), ((224, 224), 95), ((336, 336), 75), ((160, 160), 95), ((112, 112), 98)]),
    st.floats(0.9, 1.15),
    st.integers(0, 99),
)
def test_copies_of_any_size_quality_and_tone_are_found_where_landmarks_differ_a_little(
    number: int, form: tuple[tuple[int, int], int], gamma: float, seed: int
) -> None:
    image, (size, quality) = picture(number), form
    copy, place = scaled(image, PLACE, *size)
    copy = np.asarray(cv2.imdecode(cv2.imencode(".jpg", copy, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], 1), np.uint8)
    copy = (255 * (copy / 255.0) ** gamma).astype(np.uint8)
    taken = Taken()
    taken.add(image, PLACE)
    taken.add(copy, place + np.random.default_rng(seed).normal(0, 0.01 * size[0] / 2, place.shape))
    assert taken.pairs(["s", "s"]) == {(0, 1)}


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.floats(0, 2 * np.pi), st.floats(3, 12))
def test_the_same_face_at_another_place_of_the_frame_is_another_picture(number: int, way: float, far: float) -> None:
    """A still sitter who has moved by 3 pixels of 224, face and all: the crops are the same to the pixel's fraction."""
    shift = far * np.array([np.cos(way), np.sin(way)])
    moved = cv2.warpAffine(picture(number), np.array([[1, 0, shift[0]], [0, 1, shift[1]]]), (SIDE, SIDE), borderMode=2)
    taken = Taken()
    taken.add(picture(number), PLACE)
    taken.add(np.asarray(moved, np.uint8), PLACE + shift)
    assert np.abs(taken.crops[0].astype(int) - taken.crops[1]).mean() < 12
    assert taken.pairs(["s", "s"]) == set()


def test_a_cut_of_another_shape_is_found_by_registration() -> None:
    image, taken = picture(5), Taken()
    taken.add(image, PLACE)
    taken.add(np.ascontiguousarray(image[8:, 20:-4]), PLACE - (20, 8))
    assert taken.pairs(["s", "s"]) == {(0, 1)}


def test_where_nothing_is_known_of_the_image_the_crop_is_the_frame() -> None:
    crops = [face(1), face(1), face(2)]
    frames = SameFrame(Frames(np.zeros((3, 5, 2), np.float32), np.zeros((3, 2))))
    assert frames.similarity(0, 1, crops[0], crops[1]) == pytest.approx(1, abs=1e-5)
    assert frames.similarity(0, 2, crops[0], crops[2]) < AT_LEAST - 0.1


def test_a_face_beyond_the_edge_is_compared_where_both_show_it() -> None:
    image, taken = picture(3), Taken()
    for at in (PLACE, PLACE + 1.5):
        taken.add(np.ascontiguousarray(image[:, 90:]), at - (90, 0))  # the left third of the face is missing
    frames = SameFrame(taken.frames())
    assert frames.similarity(0, 1, *taken.crops) > AT_LEAST


def test_candidates_are_of_one_sitter_and_the_copy_is_among_them() -> None:
    taken, sitters = Taken(), []
    for n in range(60):
        taken.add(picture(n % 50), PLACE + (n % 50) / 10)
        sitters.append(f"s{n % 5}")
    patches = np.stack([sketch(crop)[1] for crop in taken.crops]).astype(np.float16)
    found = SameFrame(taken.frames()).candidates(sitters, patches)
    assert all(i < j and sitters[i] == sitters[j] for i, j in found)
    assert {(n, n + 50) for n in range(10)} <= set(found)


@pytest.fixture(scope="module")
def photographs() -> list[tuple[RGBImage, str]]:
    files = sorted(LFW.glob("*/*.jpg"))
    if not files:
        pytest.skip("needs the photographs of ../shared/data/lfw-100")
    return [(np.asarray(cv2.imread(str(f)), np.uint8), f.parent.name) for f in files]


def place_of(image: RGBImage, number: int) -> np.ndarray:
    """Where the landmarks of LFW's centred faces lie, as a detector off by a pixel or two would see them."""
    off = np.random.default_rng([3, number]).normal(0, 1, (5, 2))
    middle = apply(np.array([[1.15, 0, 61], [0, 1.15, 52]]), ARCFACE.points) + off
    return np.asarray((middle + 0.5) * (image.shape[0] / 250) - 0.5)


@pytest.mark.parametrize("change", CHANGES)
def test_copies_of_photographs_are_found_and_no_other_photographs_of_the_sitter(
    photographs: list[tuple[RGBImage, str]], change: str
) -> None:
    taken, n = Taken(), len(photographs)
    for number, (image, _) in enumerate(photographs):
        taken.add(image, place_of(image, number))
    for number, (image, _) in enumerate(photographs):
        copy = CHANGES[change](image)
        taken.add(copy, place_of(copy, 1000 + number))
    found = taken.pairs([sitter for _, sitter in photographs] * 2)
    assert all(b - a == n for a, b in found)
    assert len(found) >= 0.97 * n
