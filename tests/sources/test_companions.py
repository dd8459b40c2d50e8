"""An ONNX network whose weights lie in files beside it comes with them, or the message says what is missing."""

from __future__ import annotations

import contextlib
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from pipeline.core.errors import SitterError
from pipeline.core.files import sha256
from pipeline.core.layout import MANIFEST, Layout
from pipeline.core.own_files import below
from pipeline.faces.session import session
from pipeline.formats.companions import check_companions, checksum, companions
from pipeline.formats.onnx_files import external_data
from pipeline.params.sources.archive import ArchiveOptions
from pipeline.params.sources.file import FileOptions
from pipeline.plan.beside import read_beside
from pipeline.sources import archive
from pipeline.sources import file as source
from pipeline.store.weights import weights_file
from tests.sources import stages


def network(constant: bool = False) -> onnx.ModelProto:
    """x + b · w, with a weight as an initialiser and, if asked, another in a constant node."""
    w = numpy_helper.from_array(np.arange(12, dtype=np.float32).reshape(3, 4), "w")
    nodes = [helper.make_node("MatMul", ["x", "w"], ["y" if not constant else "z"])]
    if constant:
        value = numpy_helper.from_array(np.ones((1, 4), np.float32), "c")
        nodes = [helper.make_node("Constant", [], ["c"], value=value), *nodes]
        nodes += [helper.make_node("Add", ["z", "c"], ["y"])]
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, size]) for n, size in (("x", 3), ("y", 4)))
    graph = helper.make_graph(nodes, "g", [x], [y], [w])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)


def saved(path: Path, location: str | None, each: bool = False, constant: bool = False) -> Path:
    """A network, with its weights in a file, or in a file for each, or in itself."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if location is None and not each:
        onnx.save_model(network(constant), path)
    else:
        (path.parent / (location or "")).parent.mkdir(parents=True, exist_ok=True)
        onnx.save_model(
            network(constant), path, save_as_external_data=True, location=location, all_tensors_to_one_file=not each,
            size_threshold=0, convert_attribute=constant,
        )  # fmt: skip
    return path


def put(at: Layout, entry: str, **options: str) -> Path:
    folder = at.raw(entry)
    folder.mkdir(parents=True)
    source.fetch(folder, entry, below(at.root, FileOptions(**options)))
    (folder / MANIFEST).write_text("")
    return weights_file(entry, at)


@pytest.mark.parametrize("constant", [False, True])
@pytest.mark.parametrize(("location", "each"), [("face.onnx.data", False), ("deep/er/w.bin", False), (None, True)])
def test_external_data_is_brought_along_and_the_network_runs(
    at: Layout, project: Path, location: str | None, each: bool, constant: bool
) -> None:
    original = saved(at.root / "own/face.onnx", location, each, constant)
    assert all(path.is_file() for path in companions(original))
    (at.root / "own/other.bin").write_bytes(b"not of the network")
    file = put(at, "face", path="own/face.onnx", save_as="renamed.onnx")
    assert file.name == "renamed.onnx"
    kept = {p.relative_to(file.parent).as_posix() for p in file.parent.rglob("*") if p.is_file()}
    assert kept == {"renamed.onnx", MANIFEST, *external_data(original)}
    x = np.ones((1, 3), np.float32)
    whole = session(saved(at.root / "whole.onnx", None, constant=constant))
    np.testing.assert_array_equal(session(file).run(None, {"x": x})[0], whole.run(None, {"x": x})[0])


def test_the_checksum_of_weights_covers_their_companions(at: Layout, project: Path) -> None:
    plain, split = saved(at.root / "plain.onnx", None), saved(at.root / "own/face.onnx", "face.onnx.data")
    assert checksum(plain) == sha256(plain)
    before = checksum(split)
    data = bytearray((at.root / "own/face.onnx.data").read_bytes())
    data[0] ^= 1
    (at.root / "own/face.onnx.data").write_bytes(data)
    assert checksum(split) != before


def test_missing_external_data_is_named_with_the_mend(at: Layout, project: Path) -> None:
    original = saved(at.root / "own/face.onnx", "face.onnx.data")
    (at.root / "own/face.onnx.data").unlink()
    with pytest.raises(SitterError, match=r"keeps its weights in face\.onnx\.data beside it.*kind: file.*save_model"):
        put(at, "face", path="own/face.onnx")
    with pytest.raises(SitterError, match=r"keeps its weights in face\.onnx\.data"):
        session(original)


@pytest.mark.parametrize("location", ["../w.bin", "/w.bin", "a/../../w.bin", "..\\w.bin"])
def test_external_data_outside_the_folder_is_refused(at: Layout, project: Path, location: str) -> None:
    model = onnx.load(saved(at.root / "own/face.onnx", "w.bin"), load_external_data=False)
    for entry in model.graph.initializer[0].external_data:
        entry.value = location if entry.key == "location" else entry.value
    (at.root / "own/face.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(SitterError, match="outside of its folder"):
        put(at, "face", path="own/face.onnx")


def test_external_data_comes_out_of_an_archive_too(at: Layout, project: Path) -> None:
    saved(at.root / "own/face.onnx", "deep/w.bin")
    with zipfile.ZipFile(at.root / "own.zip", "w") as made:
        made.write(at.root / "own/face.onnx", "nets/face.onnx")
    given = {"path": "own.zip", "contents": "file", "member": "nets/face.onnx"}
    with pytest.raises(SitterError, match=r"no file 'nets/deep/w\.bin', which nets/face\.onnx needs"):
        archive.fetch(at.root / "out", "face", below(at.root, ArchiveOptions(**given)))  # type: ignore[arg-type]
    with zipfile.ZipFile(at.root / "own.zip", "a") as made:
        made.write(at.root / "own/deep/w.bin", "nets/deep/w.bin")
    for left in (at.root / "out").rglob("*.onnx"):
        left.unlink()
    archive.fetch(at.root / "out", "face", below(at.root, ArchiveOptions(**given)))  # type: ignore[arg-type]
    check_companions(at.root / "out/face.onnx")
    assert session(at.root / "out/face.onnx")


def test_a_network_in_one_file_and_other_files_have_no_companions(at: Layout, project: Path) -> None:
    assert companions(saved(at.root / "plain.onnx", None, constant=True)) == []
    for content in (b"", b"<html>", b"version https://git-lfs.github.com/spec/v1\n", bytes(range(256))):
        (at.root / "odd.onnx").write_bytes(content)
        assert companions(at.root / "odd.onnx") == []
    assert companions(at.root / "absent.onnx") == []


@given(st.integers(0, 400), st.binary(min_size=1, max_size=8), st.integers(0, 400))
@settings(max_examples=100, deadline=None)
def test_damage_never_gives_another_error(at: int, noise: bytes, cut: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = saved(Path(folder) / "a.onnx", "w.bin", constant=True)
        data = bytearray(path.read_bytes())
        data[at : at + len(noise)] = noise
        path.write_bytes(data[: len(data) - cut % len(data)])
        with contextlib.suppress(SitterError):  # a place outside of the folder
            external_data(path)


def test_a_network_for_a_newer_runtime_is_told_in_plain_words(at: Layout, project: Path) -> None:
    model = network()
    model.ir_version = 99
    onnx.save_model(model, at.root / "new.onnx")
    with pytest.raises(SitterError, match=r"that can be run: Unsupported model IR version: 99.*lower opset"):
        session(at.root / "new.onnx")


def test_both_engines_watch_the_external_data(at: Layout, project: Path) -> None:
    saved(at.root / "own/face.onnx", "face.onnx.data")
    entry = stages.study({"kind": "file", "path": "own/face.onnx"}).download["set"]
    assert read_beside(below(at.root, entry)) == [at.root / "own/face.onnx.data"]
    (at.root / "own/face.onnx.data").unlink()
    assert read_beside(below(at.root, entry)) == [at.root / "own/face.onnx.data"]
    (at.root / "own/face.onnx").unlink()
    assert read_beside(below(at.root, entry)) == []


def test_the_configuration_of_an_adapter_comes_along_is_watched_and_counts(at: Layout) -> None:
    own = at.root / "theirs/adapter_model.safetensors"
    own.parent.mkdir()
    own.write_bytes(b"weights")
    (configuration := own.with_name("adapter_config.json")).write_text("{}")
    assert read_beside(FileOptions(path=str(own))) == [configuration]
    fetched = put(at, "adapter", path=str(own))
    assert fetched.with_name("adapter_config.json").read_text() == "{}"
    before = checksum(fetched)
    fetched.with_name("adapter_config.json").write_text('{"r": 4}')
    assert checksum(fetched) != before
    configuration.unlink()
    with pytest.raises(SitterError, match=r"LoRA adapter without its adapter_config.json"):
        put(at, "again", path=str(own))
