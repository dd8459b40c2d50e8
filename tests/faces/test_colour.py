"""A picture looks the same in whatever space, mode, depth and format it is written."""

from __future__ import annotations

import io
import struct
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from pipeline.faces.image import UnreadableImage, read_image
from pipeline.faces.profiles import described
from tests.faces.written import (
    FORMS,
    SPACES,
    Form,
    chunk,
    encoded,
    from_space,
    iccp,
    in_space,
    pillow,
    png,
    profile,
    tiff,
)


def picture(seed: int, dark: float = 1.0) -> np.ndarray:
    """uint8 [40, 48, 3]: smooth colours that every space of the test holds, up to `dark` of full brightness."""
    random = np.random.default_rng(seed)
    coarse = Image.fromarray(random.integers(20, 236, (5, 6, 3), np.uint8)).resize((48, 40), Image.Resampling.BICUBIC)
    return (np.asarray(coarse) * dark).astype(np.uint8)


def alpha_of(seed: int) -> np.ndarray:
    """uint8 [40, 48], from clear to opaque."""
    return np.tile(np.linspace(0, 255, 48).astype(np.uint8), (40, 1)) if seed % 2 else np.full((40, 48), 255, np.uint8)


def read(data: bytes) -> np.ndarray:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "a").write_bytes(data)
        return read_image(Path(folder) / "a")


def apart(found: np.ndarray, expected: np.ndarray) -> float:
    """Mean distance in grey levels."""
    if found.ndim > expected.ndim:
        expected = np.repeat(expected[..., None], 3, 2)
    assert found.shape == expected.shape
    return float(np.abs(found.astype(float) - expected).mean())


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
@given(st.sampled_from(sorted(SPACES)), st.integers(0, 1000), st.sampled_from([1.0, 0.4]), st.booleans())
@settings(max_examples=6, deadline=None)
def test_every_form_and_space_reads_as_the_same_colours(
    form: Form, space: str, seed: int, dark: float, colour_profile: bool
) -> None:
    colours, alpha = picture(seed, dark), alpha_of(seed)
    if form.channels < 3:
        colours = colours[..., 1]
    if "palette" in form.name:  # few colours
        colours = np.repeat(np.repeat(colours[::4, ::4], 4, 0), 4, 1)
    values = in_space(colours, space, form.bits)
    icc = profile(space, grey=form.channels < 3 and not colour_profile)
    expected = seen = from_space(values, space, form.bits)
    assert form.bits == 8 or apart(expected, colours) < 0.5
    if form.channels in (2, 4):
        values = np.dstack([values, alpha.astype(values.dtype) * (257 if form.bits == 16 else 1)])
        share = (alpha if colours.ndim == 2 else alpha[..., None]) / 255
        expected = seen * share + 255 * (1 - share)
    steep = 2 / dark if space == "linear sRGB" else 1  # there a lossy encoder's small errors are large in the shadows
    assert apart(read(encoded(form, values, icc)), expected) < form.tolerance * (steep if form.tolerance > 1 else 1)
    if space in ("linear sRGB", "ProPhoto RGB"):  # the test can fail: with another profile it looks different
        other = encoded(form, values, profile("sRGB", grey=form.channels < 3))
        assert apart(read(other), expected) > 3 * dark


def test_an_srgb_profile_changes_no_pixel_whatever_it_is_called() -> None:
    colours = picture(1)
    for icc in (profile("sRGB"), ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), described()):
        assert (read(png(colours, 8, iccp(icc))) == colours).all()


@pytest.mark.parametrize("space", ["linear sRGB", "Adobe RGB", "ProPhoto RGB"])
@pytest.mark.parametrize(("bits", "channels"), [(8, 3), (16, 3), (16, 1), (8, 4)])
def test_gamma_and_chromaticities_of_a_png_count(space: str, bits: int, channels: int) -> None:
    xy = {"linear sRGB": (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)}
    xy["Adobe RGB"] = (31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000)
    xy["ProPhoto RGB"] = (34567, 35850, 73470, 26530, 15960, 84040, 3660, 10)
    colours = picture(2)[..., 1] if channels == 1 else picture(2)
    values = in_space(colours, space, bits)
    if channels == 4:
        values = np.dstack([values, np.full(values.shape[:2], 255, np.uint8)])
    gamma = chunk(b"gAMA", struct.pack(">I", round(100000 / SPACES[space][1])))
    said = [gamma, chunk(b"cHRM", struct.pack(">8I", *xy[space]))]
    assert apart(read(png(values, bits, *said)), colours) < 2.5
    if space == "linear sRGB":
        assert apart(read(png(values, bits, gamma)), colours) < 2.5
    stronger = (read(png(values, bits, chunk(b"sRGB", b"\0"), *said)), read(png(values, bits)))
    assert (stronger[0] == stronger[1]).all()


def test_the_usual_gamma_and_chromaticities_change_no_pixel() -> None:
    colours = picture(3)
    usual = chunk(b"cHRM", struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000))
    for gamma in (45455, 45454, 45000):
        data = png(colours, 8, chunk(b"gAMA", struct.pack(">I", gamma)), usual)
        assert (read(data) == colours).all()


def test_code_points_of_a_png_count_and_hdr_is_refused() -> None:
    colours = picture(4)
    values = in_space(colours, "Display P3")
    assert apart(read(png(values, 8, chunk(b"cICP", bytes([12, 13, 0, 1])))), colours) < 1
    assert apart(read(png(values, 8, iccp(profile("sRGB")), chunk(b"cICP", bytes([1, 13, 0, 1])))), values) < 1
    for transfer, name in ((16, "PQ"), (18, "HLG")):
        with pytest.raises(UnreadableImage, match=name):
            read(png(values, 8, chunk(b"cICP", bytes([9, transfer, 0, 1]))))


def test_code_points_of_an_avif_count() -> None:
    data = bytearray(pillow(in_space(picture(5), "Display P3"), "AVIF", quality=100, subsampling="4:4:4"))
    at = data.index(b"colrnclx") + 8
    data[at : at + 4] = struct.pack(">HH", 12, 13)
    assert apart(read(bytes(data)), picture(5)) < 3


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
@pytest.mark.parametrize("white_is_zero", [False, True])
def test_grey_of_any_depth_is_no_negative(bits: int, white_is_zero: bool) -> None:
    top = (1 << bits) - 1
    values = np.tile(np.arange(48) * top // 47, (40, 1))
    expected = values * 255 / top
    assert apart(read(png(values, bits)), expected) < 1
    stored = top - values if white_is_zero else values
    if bits >= 8:
        stored = stored.astype(np.uint8 if bits == 8 else np.uint16)
    else:
        stored = stored.astype(bool if bits == 1 else np.uint8)
    if bits in (1, 8, 16):
        assert apart(read(tiff(stored, photometric="miniswhite" if white_is_zero else "minisblack")), expected) < 1


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_the_transparent_grey_of_a_png_is_white_at_any_depth(bits: int) -> None:
    top = (1 << bits) - 1
    values = np.tile(np.arange(48) * top // 47, (40, 1))
    found = read(png(values, bits, chunk(b"tRNS", struct.pack(">H", 0))))
    expected = np.where(values == 0, 255, values * 255 / top)
    assert apart(found, expected) < 1


def test_the_transparent_colour_of_a_16_bit_png_is_that_colour_alone() -> None:
    values = np.full((8, 8, 3), 40000, np.uint16)
    values[0, 0], values[1, 1] = (3, 5, 7), (3, 5, 8)
    found = read(png(values, 16, chunk(b"tRNS", struct.pack(">3H", 3, 5, 7))))
    assert found[0, 0].tolist() == [255, 255, 255]
    assert found[1, 1].tolist() == [0, 0, 0]


def with_samples(values: np.ndarray, form: str) -> bytes:
    return png(values, 16) if form == "png" else tiff(values)


@pytest.mark.parametrize("form", ["png", "tiff"])
@pytest.mark.parametrize("bits", [8, 10, 12])
@pytest.mark.parametrize("channels", [1, 3])
def test_fewer_bits_that_claim_to_be_16_are_refused_and_not_read_as_black(form: str, bits: int, channels: int) -> None:
    values = (picture(6).astype(np.uint16) << 8) >> (16 - bits)
    with pytest.raises(UnreadableImage, match=r"reach only .* of 65,535"):
        read(with_samples(values[..., 0] if channels == 1 else values, form))


def test_12_bit_tiff_keeps_its_brightness() -> None:
    """Packed 12-bit samples, which tifffile does not write: two in three bytes."""
    values = np.tile(np.linspace(0, 4095, 64).astype(np.int64), (8, 1))
    bits = (values[..., None] >> np.arange(11, -1, -1) & 1).astype(np.uint8).reshape(8, -1)
    data = np.packbits(bits, axis=1).tobytes()
    tags = [(256, 64), (257, 8), (258, 12), (259, 1), (262, 1), (273, 122), (277, 1), (278, 8), (279, len(data))]
    head = struct.pack("<2sHIH", b"II", 42, 8, len(tags)) + b"".join(struct.pack("<HHII", t, 4, 1, v) for t, v in tags)
    assert len(head) + 4 == 122
    assert apart(read(head + bytes(4) + data), values / 4095 * 255) < 1


@pytest.mark.parametrize(
    ("values", "options", "word"),
    [
        (np.ones((9, 9), np.float32), {}, "floating-point"),
        (np.ones((9, 9, 3), np.float32), {}, "3 channels of 32-bit floating-point"),
        (np.ones((9, 9), np.float64), {}, "64-bit floating-point"),
        (np.ones((9, 9), np.uint32), {}, "32-bit"),
        (np.ones((9, 9), np.int16), {}, "signed"),
        (np.ones((9, 9), np.int8), {}, "signed"),
        (np.ones((9, 9, 3), np.uint32), {}, "32-bit unsigned"),
        (np.ones((3, 9, 9), np.uint16), {"photometric": "rgb", "planarconfig": "separate"}, "planes: save it"),
        (np.ones((9, 9, 3), np.uint16), {"photometric": "cielab"}, "photometric interpretation"),
    ],
)
def test_samples_without_a_defined_look_are_refused_with_the_reason(
    values: np.ndarray, options: dict[str, str], word: str
) -> None:
    with pytest.raises(UnreadableImage, match=word) as error:
        read(tiff(values, **options))
    assert "broken" not in error.value.reason


def test_a_picture_of_which_nothing_is_opaque_is_no_white_face() -> None:
    clear = np.dstack([picture(7), np.zeros((40, 48), np.uint8)])
    for data in (png(clear), pillow(clear, "WEBP", lossless=True, exact=True)):
        with pytest.raises(UnreadableImage, match="transparent"):
            read(data)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "TIFF", "WEBP"])
@pytest.mark.parametrize("kind", ["cut", "noise", "grey", "link", "cmyk"])
def test_a_profile_that_does_not_fit_is_left_out(form: str, kind: str) -> None:
    good = profile("ProPhoto RGB")
    icc = {"cut": good[:300], "noise": bytes(range(256)) * 3, "grey": profile("linear sRGB", grey=True)}
    icc |= {"link": good[:12] + b"link" + good[16:], "cmyk": good[:16] + b"CMYK" + good[20:]}
    options = {"quality": 98, "subsampling": 0} if form == "JPEG" else {"lossless": True} if form == "WEBP" else {}
    assert (read(pillow(picture(8), form, icc[kind], **options)) == read(pillow(picture(8), form, **options))).all()


@given(st.binary(max_size=400), st.integers(0, 500))
@settings(max_examples=60, deadline=None)
def test_no_profile_loses_the_picture(noise: bytes, at: int) -> None:
    good = bytearray(profile("Adobe RGB"))
    good[at : at + len(noise)] = noise
    assert read(png(picture(9), 8, iccp(bytes(good)))).shape == (40, 48, 3)


def test_lab_reads_as_its_colours() -> None:
    lab = ImageCms.profileToProfile(
        Image.fromarray(picture(10)), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
    )
    file = io.BytesIO()
    lab.save(file, "TIFF")
    assert apart(read(file.getvalue()), picture(10)) < 2


def test_a_reduced_first_page_is_passed_over() -> None:
    file, large, small = io.BytesIO(), picture(11), picture(11)[::4, ::4]
    import tifffile

    with tifffile.TiffWriter(file) as writer:
        writer.write(small, photometric="rgb", subfiletype=1)
        writer.write(large, photometric="rgb")
    assert (read(file.getvalue()) == large).all()
    with pytest.raises(UnreadableImage, match="reduced copy"):
        read(tiff(small, subfiletype=1))
