"""Painting: repeatable, graded, of eight kinds, for any image."""

from __future__ import annotations

from itertools import combinations, pairwise
from typing import get_args

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

from pipeline.painting import STYLES, mount, paint
from pipeline.painting.arrays import lerp
from pipeline.painting.brush import kuwahara
from pipeline.painting.jpeg import write_jpeg
from pipeline.painting.scene import look, sitter
from pipeline.painting.surface import cracks, noise, paper, weave
from pipeline.params.render import ALL_STYLES, Style

RGBImage = NDArray[np.uint8]


@pytest.fixture(scope="module")
def photograph() -> RGBImage:
    """Eileen Collins, astronaut (NASA, public domain), as scikit-image holds her: 168 × 140, in colour."""
    return cv2.resize(data.astronaut()[0:240, 120:320], (140, 168), interpolation=cv2.INTER_AREA)


@pytest.fixture(scope="module")
def grey(photograph: RGBImage) -> RGBImage:
    return cv2.cvtColor(cv2.cvtColor(photograph, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)


def distance(a: RGBImage, b: RGBImage) -> float:
    """Root mean square of the difference of two images, in grey values."""
    return float(np.sqrt(np.mean(np.square(a.astype(np.float64) - b))))


def test_the_styles_of_params_yaml_are_those_that_there_are() -> None:
    assert tuple(STYLES) == ALL_STYLES == get_args(Style)
    assert len(STYLES) == 8


@pytest.mark.parametrize("style", STYLES)
def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_painting(style: str, photograph: RGBImage) -> None:
    first, again, other = (paint(photograph, style, 0.75, seed) for seed in (3, 3, 4))
    assert first.tobytes() == again.tobytes()
    assert distance(first, other) > 3


@pytest.mark.parametrize("style", STYLES)
def test_strength_0_is_the_photograph_and_more_strength_is_farther_from_it(style: str, grey: RGBImage) -> None:
    assert (paint(grey, style, 0, 1) == grey).all()
    far = [
        np.mean([distance(paint(grey, style, strength, seed), grey) for seed in (1, 2, 3)])
        for strength in (0.02, 0.2, 0.4, 0.7, 1)
    ]
    assert far[0] < 8
    assert all(b > a for a, b in pairwise(far[:3])), far
    assert far[4] > 0.97 * far[3] > 0.94 * far[2], far  # from 0.4 on only the drawing and the surface go on


def test_what_can_be_recognised_decreases_with_the_strength(grey: RGBImage) -> None:
    """Correlation of the faces' structure (a band of frequencies, so that palettes do not count)."""

    def structure(image: RGBImage) -> NDArray[np.float32]:
        tone = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[30:130, 30:110].astype(np.float32)
        return cv2.GaussianBlur(tone, (0, 0), 2) - cv2.GaussianBlur(tone, (0, 0), 12)

    original = structure(grey).ravel()
    alike = [
        np.mean(
            [
                np.corrcoef(structure(paint(grey, style, strength, seed)).ravel(), original)[0, 1]
                for style in ("oil", "engraving", "chalk")
                for seed in range(4)
            ]
        )
        for strength in (0.1, 0.5, 1)
    ]
    assert alike[0] > alike[1] > alike[2] > 0.2, alike


@pytest.mark.slow
def test_styles_can_be_told_apart(grey: RGBImage) -> None:
    """Any two styles differ more than two paintings of the same style do in their colours and their grain."""

    def look_of(style: str, seed: int) -> NDArray[np.float64]:
        image = paint(mount(grey), style, 0.75, seed).astype(np.float64)
        tone = image.mean(axis=2)
        grain = tone - cv2.GaussianBlur(tone, (0, 0), 1.5)
        edge = np.concatenate([image[:12, :12].reshape(-1, 3), image[-12:, -12:].reshape(-1, 3)]).mean(axis=0)
        return np.array([*image.mean((0, 1)), *edge, tone.std(), 6 * grain.std(), 2 * np.ptp(image.mean((0, 1)))])

    looks = {style: np.array([look_of(style, seed) for seed in range(3)]) for style in STYLES}
    centre = {style: np.median(rows, axis=0) for style, rows in looks.items()}
    for a, b in combinations(STYLES, 2):
        assert np.linalg.norm(centre[a] - centre[b]) > 12, (a, b)
    right = [
        min(STYLES, key=lambda other: float(np.linalg.norm(row - centre[other]))) == style
        for style, rows in looks.items()
        for row in rows
    ]
    assert np.mean(right) > 0.7


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("shape", [(20, 20), (1, 1), (7, 33), (301, 97), (64, 500)])
def test_any_size_is_painted_in_its_own_size(style: str, shape: tuple[int, int]) -> None:
    image = np.random.default_rng(1).integers(0, 256, (*shape, 3), np.uint8)
    painted = paint(image, style, 0.75, 1)
    assert (painted.shape, painted.dtype) == (image.shape, np.uint8)


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("level", [0, 128, 255])
def test_an_image_of_one_colour_is_painted_without_a_fault(style: str, level: int) -> None:
    with np.errstate(all="raise", under="ignore"):
        paint(np.full((60, 50, 3), level, np.uint8), style, 1, 1)


def test_grey_photographs_get_colour_and_coloured_ones_keep_theirs(grey: RGBImage, photograph: RGBImage) -> None:
    painted = paint(grey, "oil", 0.75, 1).astype(int)
    assert np.ptp(painted, axis=2).mean() > 10
    red, blue = photograph.copy(), photograph.copy()
    red[..., 2] //= 3
    blue[..., 0] //= 3
    warm, cold = (paint(p, "impasto", 0.75, 1).astype(int) for p in (red, blue))
    assert (warm[..., 0] - warm[..., 2]).mean() > (cold[..., 0] - cold[..., 2]).mean() + 10


@pytest.mark.parametrize(
    ("image", "style", "strength"),
    [
        (np.zeros((9, 9, 3), np.float32), "oil", 0.5),
        (np.zeros((9, 9), np.uint8), "oil", 0.5),
        (np.zeros((0, 9, 3), np.uint8), "oil", 0.5),
        (np.zeros((9, 9, 3), np.uint8), "pastel", 0.5),
        (np.zeros((9, 9, 3), np.uint8), "oil", 1.5),
        (np.zeros((9, 9, 3), np.uint8), "oil", float("nan")),
    ],
)
def test_what_is_no_photograph_or_style_is_refused(image: RGBImage, style: str, strength: float) -> None:
    with pytest.raises(ValueError):
        paint(image, style, strength, 1)


def test_everything_stays_float32(photograph: RGBImage) -> None:
    """OpenCV filters refuse float64, to which NumPy 2 promotes where a percentile or a random number joins in."""
    rng = np.random.default_rng(0)
    scene = look(photograph.astype(np.float32) / 255, 0.7, 0.5, rng)
    textures = [
        noise(rng, (40, 30), 5, 2),
        weave(rng, (40, 30), 3),
        paper(rng, (40, 30), 1.0),
        cracks(rng, (40, 30), 9),
    ]
    made = [scene.photo, scene.tone, scene.figure, *scene.flow, scene.lines, kuwahara(scene.photo, 4), *textures]
    made += [lerp(scene.tone, np.float32(1), 0.3), *(style(scene) for style in STYLES.values())]
    assert {array.dtype for array in made} == {np.dtype(np.float32)}
    assert all(np.isfinite(array).all() for array in made)


def test_the_flow_follows_the_isophotes() -> None:
    rows, columns = np.indices((120, 120))
    disc = (60 + 150 * (np.hypot(rows - 60, columns - 60) < 35)).astype(np.float32) / 255
    scene = look(np.dstack([disc] * 3), 0.01, 1.0, np.random.default_rng(0))
    down, across = scene.flow
    ring = np.abs(np.hypot(rows - 60, columns - 60) - 35) < 2
    radial = np.abs((down * (rows - 60) + across * (columns - 60)) / 35)[ring]
    assert radial.mean() < 0.25


def test_kuwahara_flattens_texture_and_keeps_edges() -> None:
    step = np.zeros((80, 80, 3), np.float32) + np.float32(0.25)
    step[:, 40:] = 0.75
    noisy = step + np.random.default_rng(0).normal(0, 0.05, step.shape).astype(np.float32)
    filtered = kuwahara(noisy, 6)
    assert filtered[10:70, 5:30].std() < 0.02
    assert filtered[10:70, 38].mean() < 0.30
    assert filtered[10:70, 41].mean() > 0.70


def test_a_head_has_no_holes_where_its_shadow_is_as_dark_as_the_wall() -> None:
    photo = np.full((200, 160, 3), 0.3, np.float32)
    cv2.ellipse(photo, (80, 100), (50, 80), 0, 0, 360, (0.8, 0.8, 0.8), -1)
    cv2.ellipse(photo, (80, 140), (20, 20), 0, 0, 360, (0.3, 0.3, 0.3), -1)
    mask = sitter(photo, np.ascontiguousarray(photo[..., 0]), 0.5)
    assert mask[140, 80] > 0.9
    assert mask[5:20, 5:20].max() < 0.1


def test_mount_enlarges_with_a_margin_that_takes_the_colour_of_the_wall() -> None:
    photo = np.full((112, 92, 3), 90, np.uint8)
    cv2.ellipse(photo, (46, 60), (35, 48), 0, 0, 360, (220, 220, 220), -1)
    canvas = mount(photo)
    assert max(canvas.shape[:2]) in range(396, 405)
    assert canvas.shape[0] / canvas.shape[1] < 112 / 92  # as much on all sides
    border = np.concatenate([canvas[:200, 3], canvas[:200, -3], canvas[3]]).astype(int)
    assert np.abs(border - 90).max() < 25
    middle = canvas[canvas.shape[0] // 2, canvas.shape[1] // 2]
    assert (middle == 220).all()
    assert mount(photo, margin=0).shape[0] in range(318, 328)  # the same face, without the margin


def test_smaller_faces_get_a_larger_canvas_and_so_the_same_brush(grey: RGBImage) -> None:
    assert max(mount(grey, face=0.4).shape[:2]) == pytest.approx(2 * max(mount(grey, face=0.8).shape[:2]), rel=0.01)


def test_a_file_has_the_same_bytes_each_time(tmp_path, photograph: RGBImage) -> None:
    first, second = (write_jpeg(tmp_path / name / "x.jpg", photograph) for name in ("a", "b"))
    assert first == second
    decoded = cv2.imread(str(tmp_path / "a" / "x.jpg"))[..., ::-1]
    assert distance(decoded, photograph) < 8
