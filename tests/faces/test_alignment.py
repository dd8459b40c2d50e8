"""Faces land where networks expect them, as with InsightFace's own alignment."""

from __future__ import annotations

import warnings

import cv2
import numpy as np
import pytest

from pipeline.core.alignment import ARCFACE, Template, align, apply, crop_landmarks, realign, similarity
from pipeline.faces.image import read_image
from tests.faces.real import photograph, shared

# dlib's 150×150 face as RetinaFace's landmarks see it.
DLIB = Template(
    np.array([[48.26, 46.06], [101.74, 46.06], [75.00, 76.53], [52.74, 99.88], [97.26, 99.88]], np.float32), 150
)
ASTRONAUT = np.array([[203, 102], [246, 103], [223, 127], [203, 141], [244, 141]], np.float32)


def landmarks(n: int) -> np.ndarray:
    """float32 [n, 5, 2]: faces at any place, size, angle, and out of shape."""
    rng = np.random.default_rng(1)
    angle, size = rng.uniform(-1, 1, n), rng.uniform(0.5, 4, n)
    turn = np.stack([np.stack([np.cos(angle), -np.sin(angle)], -1), np.stack([np.sin(angle), np.cos(angle)], -1)], -2)
    points = (ARCFACE.points - 56) @ turn * size[:, None, None] + rng.uniform(50, 200, (n, 1, 2))
    return (points + rng.normal(0, 3, points.shape)).astype(np.float32)


def test_a_similarity_is_recovered_exactly():
    true = np.array([[0.8, -0.6, 5], [0.6, 0.8, -7]]) * [[2.5, 2.5, 1]]
    moved = apply(true, ARCFACE.points)
    np.testing.assert_allclose(similarity(ARCFACE.points, moved), true, atol=1e-9)


def test_it_is_the_least_squares_optimum():
    """No nearby similarity comes closer."""
    points = landmarks(1)[0]
    best = similarity(points, ARCFACE.points)
    error = ((apply(best, points) - ARCFACE.points) ** 2).sum()
    for a, b, x, y in np.random.default_rng(2).normal(0, 1e-3, (50, 4)):
        near = best + np.array([[a, -b, 100 * x], [b, a, 100 * y]])
        assert ((apply(near, points) - ARCFACE.points) ** 2).sum() > error


def test_a_batch_equals_its_parts():
    many = landmarks(20)
    together = similarity(many, ARCFACE.points)
    assert together.shape == (20, 2, 3)
    for one, transform in zip(many, together, strict=True):
        np.testing.assert_allclose(similarity(one, ARCFACE.points), transform, rtol=1e-12)
    np.testing.assert_allclose(apply(together, many)[3], apply(together[3], many[3]))


def test_points_that_coincide_give_nan_and_no_crash():
    assert np.isnan(similarity(np.ones((5, 2)), ARCFACE.points)).all()


def insightface_norm_crop(image: np.ndarray, points: np.ndarray) -> np.ndarray:
    from insightface.utils import face_align

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        return face_align.norm_crop(image, points)


def test_crops_equal_insightface_to_a_grey_level():
    image = np.asarray(photograph())
    for points in [ASTRONAUT, *landmarks(30)]:
        ours, theirs = align(image, points).astype(int), insightface_norm_crop(image, points).astype(int)
        assert ours.shape == (112, 112, 3)
        assert np.abs(ours - theirs).max() <= 1


def test_crops_of_lfw_equal_insightface_to_a_grey_level():
    for path, points in zip(sorted(shared("data", "lfw-100").glob("*/*"))[::5], landmarks(20), strict=True):
        image = read_image(path)
        assert np.abs(align(image, points).astype(int) - insightface_norm_crop(image, points)).max() <= 1


def test_the_crop_realigned_to_its_own_template_is_itself():
    image = np.asarray(photograph())
    for points in [ASTRONAUT, *landmarks(30)]:
        crop = align(image, points)
        assert (realign(crop, crop_landmarks(points), ARCFACE) == crop).all()


def test_another_template_is_reached_from_the_crop_as_from_the_image():
    """What is lost is sharpness only: both show the face in the same place."""
    image = np.asarray(photograph())
    direct = align(image, ASTRONAUT, DLIB)
    through = realign(align(image, ASTRONAUT), crop_landmarks(ASTRONAUT), DLIB)
    assert through.shape == (150, 150, 3)
    inner = slice(30, 120)
    soft = [cv2.GaussianBlur(x.mean(2), (0, 0), 3)[inner, inner] for x in (direct, through)]
    assert np.abs(soft[0] - soft[1]).mean() < 2
    resized = cv2.resize(align(image, ASTRONAUT), (150, 150)).mean(2)
    assert np.abs(soft[0] - cv2.GaussianBlur(resized, (0, 0), 3)[inner, inner]).mean() > 5


def test_beyond_the_image_the_crop_is_black():
    crop = align(np.full((60, 60, 3), 255, np.uint8), ARCFACE.points)
    assert (crop[:58, :58] == 255).all()
    assert (crop[62:] == 0).all()


@pytest.mark.parametrize("size", [112, 224])
def test_crop_landmarks_lie_near_the_template(size):
    template = Template(ARCFACE.points * (size / 112), size)
    assert np.abs(crop_landmarks(landmarks(50), template) - template.points).max() < 0.15 * size
