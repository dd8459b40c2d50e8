"""Pictures in the page are small, embedded once, and absent where they cannot be read."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from pipeline.core.layout import Layout
from pipeline.faces.project_pictures import ProjectPictures
from pipeline.reporting.album import SHEET_BYTES, THUMBNAIL, StudyAlbum, sheet, spread
from tests.reporting.standin import drawn_crops, small_study, write_data


@pytest.fixture
def album(at: Layout) -> StudyAlbum:
    write_data(small_study(), "photos", drawn_crops(24, 6), at)
    return StudyAlbum(ProjectPictures(at))


def test_crop_is_the_face_of_that_image(album: StudyAlbum) -> None:
    crops = drawn_crops(24, 6)
    picture = album.crop("photos", "s3/3")
    assert picture is not None
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(picture.uri.partition(",")[2]))))
    assert pixels.shape == (112, 112, 3)
    errors = [np.abs(pixels.astype(float) - crop).mean() for _, crop in crops[:6]]
    assert int(np.argmin(errors)) == 3
    assert album.sitter("photos", "s3/3") == crops[3][0]


def test_picture_is_embedded_once(album: StudyAlbum) -> None:
    first = album.crop("photos", "s3/3")
    assert album.crop("photos", "s3/3") is first
    assert album.pictures == [first]


def test_unknown_images_and_data_sets_have_no_picture(album: StudyAlbum) -> None:
    assert album.crop("photos", "nobody") is None
    assert album.crop("elsewhere", "s3/3") is None
    assert album.sitter("elsewhere", "s3/3") == ""
    assert album.thumbnail("photos", "broken.png") is None
    assert album.thumbnail("photos", "absent.png") is None
    assert album.pictures == []


def test_thumbnail_keeps_the_shape(album: StudyAlbum, at: Layout) -> None:
    Image.new("RGB", (400, 200), "red").save(at.raw("photos") / "wide.png")
    picture = album.thumbnail("photos", "wide.png")
    assert picture is not None
    assert (picture.width, picture.height) == (THUMBNAIL, THUMBNAIL // 2)


@pytest.mark.slow
def test_contact_sheet_is_made_small_enough(at: Layout) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (2400, 2400, 3), np.uint8)
    assert len(sheet(noise).uri) <= SHEET_BYTES
    assert StudyAlbum(ProjectPictures(at)).sheet("none") is None


def test_spread_takes_from_the_whole() -> None:
    assert spread(list(range(100)), 4) == [0, 25, 50, 75]
    assert spread([1, 2], 4) == [1, 2]
