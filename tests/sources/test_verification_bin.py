"""A verification set is read as InsightFace reads it; a file that wants to run something is refused."""

from __future__ import annotations

import io
import os
import pickle
import pickletools
import struct
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.core.errors import SitterError
from pipeline.core.files import read_csv
from pipeline.core.layout import Layout
from pipeline.formats.unpickle import OPCODES, Refused, unpickle
from pipeline.formats.verification_bin import read_bin, write_bin
from tests.sources.pictures import picture
from tests.sources.stages import fetch, store

BIN = Path("set.bin")
NUMPY = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n"


@pytest.fixture(autouse=True)
def here(project: Path) -> None:
    """An empty project."""


def python2(images: Sequence[bytes], same: Sequence[bool]) -> bytes:
    """What cPickle of Python 2 writes for (list of str, list of bool) by protocol 2, opcode by opcode."""
    strings = b"".join(b"T" + struct.pack("<i", len(image)) + image + b"q\x05" for image in images)
    return (
        b"\x80\x02]q\x01(" + strings + b"e]q\x02(" + b"".join(b"\x88" if s else b"\x89" for s in same) + b"e\x86q\x03."
    )


def python2_array(content: bytes) -> bytes:
    """What it writes for a uint8 array."""
    kind = b"cnumpy\ndtype\n(U\x02u1K\x00K\x01tR(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    size = struct.pack("<i", len(content))
    return NUMPY + b"(K\x00tU\x01btR(K\x01(J" + size + b"t" + kind + b"\x89T" + size + content + b"tb"


@given(st.data(), st.integers(0, 5), st.sampled_from(["bytes", "arrays", "python 2", "python 2 arrays"]))
@settings(max_examples=60, deadline=None)
def test_what_was_written_comes_back_in_every_form(data: st.DataObject, protocol: int, form: str) -> None:
    same = data.draw(st.lists(st.booleans(), min_size=1, max_size=5))
    images = data.draw(st.lists(st.binary(max_size=300), min_size=2 * len(same), max_size=2 * len(same)))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "set.bin"
        if form == "bytes":
            write_bin(path, images, same, protocol)
        elif form == "python 2":
            path.write_bytes(python2(images, same))
            assert pickle.loads(path.read_bytes(), encoding="bytes") == (images, same)
        elif form == "arrays":
            arrays = [np.frombuffer(image, np.uint8) for image in images]
            path.write_bytes(pickle.dumps((arrays, np.array(same)), protocol))
        else:
            joined = b"".join(map(python2_array, images))
            flags = b"".join(b"\x88" if s else b"\x89" for s in same)
            path.write_bytes(b"\x80\x02](" + joined + b"e](" + flags + b"e\x86.")
            reference = pickle.loads(path.read_bytes(), encoding="bytes")
            assert [a.tobytes() for a in reference[0]] == images
        assert read_bin(path) == (images, same)


@pytest.mark.parametrize("protocol", range(6))
def test_booleans_of_numpy_and_arrays_of_objects_are_read(at: Layout, protocol: int) -> None:
    images = np.array([b"a", b"bc", b"d", b""], dtype=object)
    (at.root / BIN).write_bytes(pickle.dumps((images, [np.bool_(True), np.bool_(False)]), protocol))
    assert read_bin(at.root / BIN) == ([b"a", b"bc", b"d", b""], [True, False])
    (at.root / BIN).write_bytes(pickle.dumps([list(images), (1, 0)], protocol))
    assert read_bin(at.root / BIN) == ([b"a", b"bc", b"d", b""], [True, False])


@given(
    st.integers(0, 5),
    st.sampled_from(
        [bytes, bytearray, lambda b: np.frombuffer(b, np.uint8), lambda b: np.frombuffer(b, np.uint8)[None]]
    ),
    st.sampled_from([list, tuple, lambda values: np.array([*values, None], object)[:-1]]),
    st.sampled_from(["?", "u1", "i1", "<i4", ">i4", "i8", "f4", "list", "tuple", "ints", "floats", "numpy", "column"]),
)
@settings(max_examples=150, deadline=None)
def test_every_harmless_way_of_writing_a_set_is_read(protocol: int, image: Any, images: Any, same: str) -> None:
    contents, genuine = [b"\xff\xd8a", b"bc\x00", b"d", b"\x89e"], [True, False]
    flags: Any = {"list": genuine, "tuple": tuple(genuine), "ints": [1, 0], "floats": [1.0, 0.0]}.get(same)
    flags = [np.bool_(True), np.int64(0)] if same == "numpy" else flags
    flags = np.array(genuine)[:, None] if same == "column" else flags
    flags = np.array(genuine, same) if flags is None else flags
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "set.bin"
        path.write_bytes(pickle.dumps((images([image(content) for content in contents]), flags), protocol))
        assert read_bin(path) == (contents, genuine)


class Evil:
    def __reduce__(self) -> Any:
        return os.mkdir, ("ran",)


def protocol0(call: str) -> bytes:
    return call.encode() + b"(S'ran'\ntR."


HOSTILE = {
    "a call": (pickle.dumps(([Evil()], [True])), r"posix\.mkdir|nt\.mkdir|opcode"),
    "a call by protocol 0": (protocol0("cos\nmkdir\n"), r"the name os\.mkdir at byte 0, which could run code"),
    "a call by protocol 2": (pickle.dumps(([Evil()], [True]), 2), r"the name posix\.mkdir at byte"),
    "an instance": (b"(S'ran'\nios\nmkdir\n.", r"the opcode INST at byte 8"),
    "an object": (b"(cos\nmkdir\nS'ran'\no.", r"os\.mkdir"),
    "an object by NEWOBJ": (pickle.dumps(Path("ran"), 2)[:-1].replace(b"R", b"\x81") + b".", r"opcode NEWOBJ|the name"),
    "a new object": (b"\x80\x02cnumpy\ndtype\n)\x81.", r"the opcode NEWOBJ at byte 16"),
    "a name on the stack": (b"\x80\x04\x8c\x02os\x8c\x05mkdir\x93\x8c\x03ran\x85R.", r"os\.mkdir, which could run"),
    "a dotted name": (b"\x80\x04\x8c\x05numpy\x8c\x0cos.mkdir.run\x93)R.", r"numpy\.os\.mkdir\.run"),
    "a persistent id": (b"Pran\n.", r"the opcode PERSID at byte 0"),
    "an extension": (b"\x80\x02\x82\x01.", r"the opcode EXT1 at byte 2"),
    "a dictionary": (b"\x80\x02}.", r"the opcode EMPTY_DICT at byte 2"),
    "numpy's loader": (b"\x80\x02cnumpy\nload\nU\x03ran\x85R.", r"numpy\.load"),
    "another codec": (
        b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x03\x00\x00\x00zip\x86R.",
        "anything but latin-1",
    ),
    "bytes of a length": (b"\x80\x03c__builtin__\nbytes\nJ\xff\xff\xff\x7f\x85R.", "bytes with arguments"),
    "a huge memo": (b"\x80\x02]r\xff\xff\xff\x7f.", r"a memo numbered 2,147,483,647 at byte 3"),
    "an array of names": (pickle.dumps(([np.array(["a"])], [True]), 2), r"an array of type '<?U1' and shape \(1,\)"),
    "a bytearray of a length": (b"\x80\x03cbuiltins\nbytearray\nJ\xff\xff\xff\x7f\x85R.", "anything but bytes"),
    "an array in rows": (pickle.dumps(([np.ones((2, 2), np.uint8)], [True]), 2), r"an array of shape \(2, 2\)"),
    "an array without content": (b"\x80\x02" + NUMPY + b"(K\x00tU\x01btRK\x01b.", "an array without"),
    "an array longer than its content": (
        b"\x80\x02" + python2_array(b"abc").replace(b"J\x03\0\0\0", b"J\xff\xff\xff\x7f") + b".",
        r"shape \(2147483647,\)",
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_and_nothing_runs(at: Layout, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(at.root)  # where the calls in it would leave their mark
    content, message = HOSTILE[name]
    (at.root / BIN).write_bytes(content)
    with pytest.raises(Refused, match=rf"set\.bin is refused, and nothing in it was run: it holds .*({message})"):
        read_bin(at.root / BIN)
    assert not (at.root / "ran").exists()


def test_the_calls_above_do_run_where_they_are_not_refused(at: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the test before this one can fail."""
    monkeypatch.chdir(at.root)
    pickle.loads(HOSTILE["a call by protocol 0"][0])
    assert (at.root / "ran").is_dir()


def test_every_opcode_that_calls_or_names_is_either_left_out_or_guarded() -> None:
    calling = {"GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX"}
    calling |= {"PERSID", "BINPERSID", "EXT1", "EXT2", "EXT4"}
    known = {opcode.name for opcode in pickletools.opcodes}
    assert calling <= known >= OPCODES
    assert calling & OPCODES == {"GLOBAL", "STACK_GLOBAL", "REDUCE", "BUILD"}


@given(
    st.binary(max_size=60)
    | st.lists(st.sampled_from(pickletools.opcodes)).map(lambda o: "".join(x.code for x in o).encode("latin-1"))
)
@settings(max_examples=100, deadline=None)
def test_noise_is_refused_or_broken_and_nothing_else(noise: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "set.bin"
        path.write_bytes(noise)
        try:
            unpickle(path)
        except SitterError:
            return
        assert {opcode.name for opcode, _, _ in pickletools.genops(noise)} <= OPCODES


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (([b"a", b"b", b"c"], [True]), "an odd number of images, 3, but pair i is images 2i and 2i"),
        (([b"a", b"b", b"c", b"d"], [True]), "4 images and 1 booleans, but should have one boolean for each two"),
        (([], []), "0 images and 0 booleans"),
        ((["a", b"b"], [True]), "number 0 of its images, counted from 0, is a str"),
        (([b"a", b"b"], [2]), "number 0 of its booleans, counted from 0, is 2"),
        (([b"a", b"b"], [None]), "number 0 of its booleans, counted from 0, is a NoneType"),
        ((b"a", [True]), "a bytes in place of its images"),
        (([np.ones(3), b"b"], [True]), "number 0 of its images, counted from 0, is a list"),
        (([b"a", b"b"], np.array([0.5])), "number 0 of its booleans, counted from 0, is 0.5"),
        ([[b"a", b"b"], [True], 3], "a list, not images and booleans"),
        (3, "3, not images and booleans"),
    ],
)
def test_what_is_no_verification_set_is_told(at: Layout, content: Any, message: str) -> None:
    (at.root / BIN).write_bytes(pickle.dumps(content))
    with pytest.raises(SitterError, match=rf"set\.bin:? (holds )?{message}"):
        read_bin(at.root / BIN)


@pytest.mark.parametrize("share", [0, 0.3, 0.9])
def test_a_file_that_was_cut_off_is_told(at: Layout, share: float) -> None:
    write_bin(at.root / BIN, [picture(0), picture(1)], [True])
    data = (at.root / BIN).read_bytes()
    (at.root / BIN).write_bytes(data[: int(share * len(data))])
    with pytest.raises(
        SitterError, match=r"set\.bin is no (whole pickle|verification set but an empty file).*: fetch it again"
    ):
        read_bin(at.root / BIN)


def test_a_set_that_does_not_fit_is_not_written(at: Layout) -> None:
    with pytest.raises(SitterError, match="3 images for 2 pairs"):
        write_bin(at.root / BIN, [b"a", b"b", b"c"], [True, False])
    assert not (at.root / BIN).exists()


def test_images_are_kept_once_as_delivered_with_their_pairs_and_folds(at: Layout) -> None:
    """Six pairs over seven images, of which two stand in several pairs."""
    faces = [picture(i, size=112) for i in range(7)]
    pairs = [(0, 1), (1, 2), (3, 0), (4, 5), (3, 6), (2, 4)]
    same = [True, True, False, True, False, False]
    write_bin(at.root / BIN, [faces[i] for pair in pairs for i in pair], same)
    found = store(at, {"kind": "pairs", "folds": 3}, kind="verification-bin", path=str(BIN))
    assert [bytes(found.encoded(i)) for i in range(len(found))] == faces
    name = dict(enumerate(found.image_ids))
    listed = read_csv(at.split("set") / "pairs.csv")
    assert [(row["image_a"], row["image_b"]) for row in listed] == [(name[a], name[b]) for a, b in pairs]
    assert [row["genuine"] == "1" for row in listed] == same
    assert [row["fold"] for row in listed] == ["0", "0", "1", "1", "2", "2"]
    dealt = read_csv(at.split("set") / "split.csv")
    assert {row["subset"] for row in dealt} == {"test"}
    sitters = dict(zip(range(7), found.sitters, strict=True))
    assert sitters[0] == sitters[1] == sitters[2] != sitters[3]
    assert sitters[4] == sitters[5]
    assert len(set(sitters.values())) == 4


def test_a_pair_whose_image_cannot_be_read_is_left_out_and_told(at: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    faces = [picture(i, size=112) for i in range(8)]
    faces[2] = faces[2][:600]
    write_bin(at.root / BIN, faces, [True, True, False, False])
    store(at, {"kind": "pairs", "folds": 2}, kind="verification-bin", path=str(BIN))
    assert [row["fold"] for row in read_csv(at.split("set") / "pairs.csv")] == ["0", "1", "1"]
    assert "1 of 4 pairs are left out, since an image has no face (2;" in capsys.readouterr().err
    dealt = {row["image_id"]: row["subset"] for row in read_csv(at.split("set") / "split.csv")}
    assert dealt["3"] == "unused"
    assert dealt["0"] == "test"


def test_the_checksum_is_looked_at_before_the_content(at: Layout) -> None:
    (at.root / BIN).write_bytes(HOSTILE["a call by protocol 0"][0])
    with pytest.raises(SitterError, match=r"set\.bin has sha256 .*, but download\.set\.sha256 is 0000"):
        fetch(at, kind="verification-bin", path=str(BIN), sha256="0" * 64)


def test_pil_reads_what_is_written(at: Layout) -> None:
    from PIL import Image

    write_bin(at.root / BIN, [picture(0), picture(1)], [False])
    images, _ = read_bin(at.root / BIN)
    assert np.asarray(Image.open(io.BytesIO(images[1]))).shape == (24, 24, 3)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"<!doctype html>", "a web page"),
        (b"version https://git-lfs", "git lfs pull"),
        (b"PK\x03\x04", "a zip archive"),
    ],
)
def test_another_kind_of_file_is_called_what_it_is(at: Layout, content: bytes, words: str) -> None:
    (at.root / BIN).write_bytes(content)
    with pytest.raises(SitterError, match=rf"set\.bin is no verification set but .*{words}"):
        read_bin(at.root / BIN)
