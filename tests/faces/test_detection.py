"""Images are looked at in the sizes that the options say, and what is found is given in the image's own pixels."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.core.errors import SitterError
from pipeline.faces.detection import Search, look


def test_scales_come_first_then_sides():
    assert Search((2, 1), (640,), 1600, 0.25).enlargements(100, 50) == [2, 1, 6.4]


def test_a_large_photograph_is_reduced():
    assert Search((), (640, 1280), 1600, 0.25).enlargements(4000, 6000) == [640 / 6000, 1280 / 6000]


def test_no_size_is_beyond_the_longest_and_none_is_tried_twice():
    assert Search((3, 2, 1), (300,), 300, 0).enlargements(100, 150) == [2, 1]


def test_no_size_at_all_is_refused():
    with pytest.raises(SitterError, match="neither scales nor sides"):
        Search((), (), 1600, 0.25)


class Finder:
    """Stands where a network does: 'finds' the white square of a picture, if it is as large as it likes."""

    def __init__(self, smallest: int, largest: int, margin: int = 0) -> None:
        self.smallest, self.largest, self.margin = smallest, largest, margin
        self.seen: list[tuple[int, ...]] = []

    def __call__(self, picture: np.ndarray):
        self.seen.append(picture.shape[:2])
        y, x = np.nonzero(picture[..., 0] > 200)
        box = np.array([[x.min(), y.min(), x.max() + 1, y.max() + 1]], np.float32)
        fits = self.smallest <= box[0, 2] - box[0, 0] <= self.largest and box.min() >= self.margin
        n = int(fits)
        middle = np.repeat((box[:, None, :2] + box[:, None, 2:]) / 2, 5, 1)
        return box[:n], middle[:n], np.full(n, 0.9, np.float32)


@pytest.fixture
def image() -> np.ndarray:
    image = np.full((100, 150, 3), 30, np.uint8)
    image[20:40, 60:80] = 255
    return image


def test_the_search_stops_at_the_first_size_with_a_face(image):
    finder = Finder(50, 90)
    (face,) = Search((1, 3, 4), (), 1600, 0.25).run(image, finder)
    assert face.scale == 3
    assert finder.seen == [(128, 160), (320, 480)]
    np.testing.assert_allclose(face.box, [60, 20, 80, 40], atol=0.7)
    np.testing.assert_allclose(face.landmarks, np.tile([70, 30], (5, 1)), atol=0.7)


def test_the_ground_comes_when_all_sizes_fail(image):
    finder = Finder(20, 40, margin=50)
    (face,) = Search((1, 2), (), 1600, 0.5).run(image, finder)
    assert finder.seen == [(128, 160), (224, 320), (224, 320)]
    np.testing.assert_allclose(face.box, [60, 20, 80, 40], atol=0.7)


def test_a_border_of_grey_frames_every_look_and_what_is_found_is_in_the_image_s_own_pixels(image):
    image[:20, :20] = 255  # a face in the corner
    image[20:40, 60:80] = 30
    pictures = []

    def find(picture):
        pictures.append(picture)
        return Finder(20, 40, margin=50)(picture)

    (face,) = Search((1,), (), 1600, 0, border=60).run(image, find)
    (picture,) = pictures
    assert picture.shape == (224, 288, 3)  # 220 × 270, filled up to multiples of 32
    assert (picture[:60, :270] == 128).all()
    assert (picture[:220, :60] == 128).all()
    assert (picture[60:160, 60:210] == image).all()
    np.testing.assert_allclose(face.box, [0, 0, 20, 20], atol=0.7)
    np.testing.assert_allclose(face.landmarks, np.tile([10, 10], (5, 1)), atol=0.7)
    assert Search((1,), (), 1600, 0).run(image, Finder(20, 40, margin=50)) == []


def test_no_ground_without_padding(image):
    finder = Finder(1000, 1000)
    assert Search((1,), (), 1600, 0).run(image, finder) == []
    assert len(finder.seen) == 1


def test_a_face_outside_the_image_is_none(image):
    def ghost(picture: np.ndarray):
        boxes = np.array([[0, 0, 10, 10], [200, 120, 220, 140]], np.float32)
        return boxes, np.zeros((2, 5, 2), np.float32), np.array([0.9, 0.8], np.float32)

    assert look(image, ghost, 1, 0.5)[0].score == pytest.approx(0.8)
    assert len(look(image, ghost, 1, 0.5)) == 1


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 3000, 3), (3000, 2, 3)])
def test_odd_shapes_are_survived(shape):
    def nothing(picture: np.ndarray):
        assert picture.shape[0] % 32 == picture.shape[1] % 32 == 0
        return np.zeros((0, 4), np.float32), np.zeros((0, 5, 2), np.float32), np.zeros(0, np.float32)

    assert Search((2,), (640,), 1600, 0.25).run(np.zeros(shape, np.uint8), nothing) == []
