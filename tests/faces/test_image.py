"""Every file is read as 8-bit RGB or refused with the reason."""

from __future__ import annotations

import io
import pickle
import struct
import time
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms

from pipeline.faces.image import UnreadableImage, read_image
from tests.faces.real import photograph


@pytest.fixture(scope="module")
def photo() -> Image.Image:
    return photograph().resize((120, 90))


def difference(path, expected: Image.Image) -> float:
    """Mean distance in grey levels; shapes and types must agree."""
    image = read_image(path)
    assert image.dtype == np.uint8
    assert image.shape == (expected.height, expected.width, 3)
    return float(np.abs(image.astype(int) - np.asarray(expected.convert("RGB"), int)).mean())


@pytest.mark.parametrize(
    ("name", "options", "tolerance"),
    [
        ("a.png", {}, 0),
        ("a.ppm", {}, 0),
        ("a.bmp", {}, 0),
        ("a.tif", {}, 0),
        ("a.tif", {"compression": "tiff_lzw"}, 0),
        ("a.webp", {"lossless": True}, 0),
        ("a.jp2", {"irreversible": False}, 0),
        ("a.gif", {}, 5),
        ("a.jpg", {"quality": 95}, 4),
        ("a.jpg", {"quality": 95, "progressive": True}, 4),
        ("a.mpo", {"quality": 95}, 4),
        ("a.avif", {"quality": 95}, 5),
    ],
)
def test_formats_read_as_rgb(tmp_path, photo, name, options, tolerance):
    photo.save(tmp_path / name, **options)
    assert difference(tmp_path / name, photo) <= tolerance


def test_content_counts_not_the_name(tmp_path, photo):
    photo.save(tmp_path / "a.png")
    (tmp_path / "a.png").rename(tmp_path / "a.jpg")
    assert difference(tmp_path / "a.jpg", photo) == 0


@pytest.mark.parametrize("name", ["a.pgm", "a.png", "a.tif", "a.jpg"])
def test_greyscale_becomes_three_equal_channels(tmp_path, photo, name):
    photo.convert("L").save(tmp_path / name, **({"quality": 95} if name == "a.jpg" else {}))
    assert difference(tmp_path / name, photo.convert("L")) < 2
    image = read_image(tmp_path / name)
    assert (image == image[..., :1]).all()


def test_black_and_white_reads(tmp_path, photo):
    photo.convert("1").save(tmp_path / "a.png")
    assert set(np.unique(read_image(tmp_path / "a.png"))) == {0, 255}


@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.pgm"])
def test_16_bit_greyscale_keeps_its_brightness(tmp_path, photo, name):
    grey = np.asarray(photo.convert("L"))
    assert cv2.imwrite(str(tmp_path / name), grey.astype(np.uint16) * 257)
    assert difference(tmp_path / name, photo.convert("L")) == 0


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_16_bit_colour_keeps_its_colours(tmp_path, photo, name):
    bgr = np.asarray(photo)[..., ::-1].astype(np.uint16) * 257
    assert cv2.imwrite(str(tmp_path / name), bgr)
    assert difference(tmp_path / name, photo) == 0


def test_10_bit_pgm_is_scaled_by_its_own_maximum(tmp_path):
    (tmp_path / "a.pgm").write_bytes(b"P5 2 1 1023\n" + struct.pack(">2H", 0, 1023))
    assert read_image(tmp_path / "a.pgm")[0, :, 0].tolist() == [0, 255]


def test_floating_point_is_refused(tmp_path):
    Image.fromarray(np.ones((9, 9), np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(UnreadableImage, match="floating-point"):
        read_image(tmp_path / "a.tif")


def test_cmyk_has_the_colours_of_its_rgb(tmp_path, photo):
    photo.convert("CMYK").save(tmp_path / "a.jpg", quality=95)
    photo.convert("CMYK").save(tmp_path / "a.tif")
    assert difference(tmp_path / "a.jpg", photo) < 4
    assert difference(tmp_path / "a.tif", photo) == 0


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparent_pixels_lie_on_white(tmp_path, photo, mode):
    picture = photo.convert(mode)
    alpha = np.zeros((90, 120), np.uint8)
    alpha[:, 60:] = 255
    picture.putalpha(Image.fromarray(alpha))
    picture.save(tmp_path / "a.png")
    image = read_image(tmp_path / "a.png")
    assert (image[:, :60] == 255).all()
    assert (image[:, 60:] == np.asarray(photo.convert(mode[:-1]).convert("RGB"))[:, 60:]).all()


def test_transparent_palette_entry_lies_on_white(tmp_path, photo):
    palette = photo.quantize(16)
    palette.save(tmp_path / "a.png", transparency=3)
    gone = np.asarray(palette) == 3
    image = read_image(tmp_path / "a.png")
    assert (image[gone] == 255).all()
    assert (image[~gone] == np.asarray(palette.convert("RGB"))[~gone]).all()


def test_first_frame_of_an_animation(tmp_path, photo):
    frames = [photo.convert("L"), photo.convert("L").rotate(180)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert difference(tmp_path / "a.gif", frames[0]) < 1


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif", "a.avif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_honoured(tmp_path, photo, name, orientation):
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = photo.transpose(undo[orientation]) if orientation > 1 else photo
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / name, exif=exif, quality=95)
    assert difference(tmp_path / name, photo) < 4


def test_broken_exif_does_not_lose_the_picture(tmp_path, photo):
    photo.save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\x7f", quality=95)
    assert difference(tmp_path / "a.jpg", photo) < 4


def test_broken_colour_profile_does_not_lose_the_picture(tmp_path, photo):
    photo.save(tmp_path / "a.png", icc_profile=b"no profile" * 20)
    assert difference(tmp_path / "a.png", photo) == 0


def test_colour_profile_is_applied(tmp_path, photo):
    """A profile that says the samples are XYZ-like (D50, linear) must brighten; sRGB must change nothing."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    photo.save(tmp_path / "same.png", icc_profile=srgb)
    assert difference(tmp_path / "same.png", photo) == 0
    linear = _linear(srgb)
    photo.save(tmp_path / "linear.png", icc_profile=linear)
    assert read_image(tmp_path / "linear.png").mean() > np.asarray(photo).mean() + 20


def _linear(profile: bytes) -> bytes:
    """A profile with each tone curve replaced by the identity, and no mention of sRGB."""
    data = bytearray(profile.replace(b"sRGB", b"line").replace("sRGB".encode("utf-16-be"), "line".encode("utf-16-be")))
    for i in range(struct.unpack(">I", data[128:132])[0]):
        tag, offset, _ = struct.unpack(">4sII", data[132 + 12 * i : 144 + 12 * i])
        if tag in (b"rTRC", b"gTRC", b"bTRC"):
            assert data[offset : offset + 4] == b"para"
            data[offset + 8 : offset + 10] = struct.pack(">H", 0)  # y = x^g …
            data[offset + 12 : offset + 16] = struct.pack(">i", 1 << 16)  # … with g = 1
    return bytes(data)


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.ppm", "a.tif", "a.webp", "a.bmp", "a.gif"])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_truncated_image_is_refused(tmp_path, photo, name, share):
    photo.save(tmp_path / name)
    data = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(data[: int(len(data) * share)])
    with pytest.raises(UnreadableImage, match=r"truncated|broken|no image") as error:
        read_image(tmp_path / name)
    if name in ("a.jpg", "a.png", "a.ppm"):
        assert "truncated" in error.value.reason


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"I am a text file, not an image.\n", "text, which begins 'I am a text file"),
        (b"<!DOCTYPE html><html><body>404 not found", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00", "git-lfs pointer"),
        (b"Bildnis einer Dame, gemalt von " + "ü".encode() * 40, "text, which begins 'Bildnis"),
        (b"\x00\x01\x02\x03", "no image in a format that can be read"),
        (bytes(range(128, 256)) * 4, "no image in a format that can be read"),
        (b"\xff\xd8\xff\xe0", "broken|truncated|no image"),
    ],
)
def test_what_is_no_image_is_refused_with_what_it_is(tmp_path, content, reason):
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(UnreadableImage, match=reason):
        read_image(tmp_path / "a.jpg")


def test_missing_file_and_folder_are_refused(tmp_path):
    with pytest.raises(UnreadableImage, match=r"gone\.jpg: the file does not exist"):
        read_image(tmp_path / "gone.jpg")
    with pytest.raises(UnreadableImage, match="a folder or device"):
        read_image(tmp_path)


def bomb(side: int) -> bytes:
    """A PNG whose header says side × side, and whose data would decode to that many zeros."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(1 << 20), 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def test_pixel_bomb_is_refused_by_its_header(tmp_path):
    (tmp_path / "a.png").write_bytes(bomb(50_000))
    start = time.perf_counter()
    with pytest.raises(
        UnreadableImage, match=r"50000×50000 pixels are 2,500 megapixels, more than max_megapixels: 200"
    ):
        read_image(tmp_path / "a.png")
    assert time.perf_counter() - start < 1


def test_limit_can_be_set(tmp_path, photo):
    photo.save(tmp_path / "a.png")
    assert read_image(tmp_path / "a.png", max_megapixels=0.0108).shape == (90, 120, 3)
    with pytest.raises(UnreadableImage, match=r"max_megapixels: 0\.01"):
        read_image(tmp_path / "a.png", max_megapixels=0.01)


def test_the_error_survives_the_way_between_processes(tmp_path):
    error = pickle.loads(pickle.dumps(UnreadableImage(tmp_path / "a.png", "the file is empty")))
    assert error.reason == "the file is empty"
    assert str(error).endswith("a.png: the file is empty")


def test_an_image_of_a_program_is_not_run(tmp_path, photo):
    """PostScript is decoded by running a program on it: refused."""
    data = io.BytesIO()
    photo.save(data, "EPS")
    (tmp_path / "a.jpg").write_bytes(data.getvalue())
    with pytest.raises(UnreadableImage, match="no image but text"):
        read_image(tmp_path / "a.jpg")
