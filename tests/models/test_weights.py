"""Whatever file is given as weights: it is read, or the message says what it is and what would be right."""

from __future__ import annotations

import bz2
import contextlib
import io
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import save_file
from torch import nn

from pipeline.core.errors import SitterError
from pipeline.faces.session import session
from pipeline.models.backbones.dlib_resnet29 import DlibResNet29
from pipeline.models.backbones.onnx_network import ONNXNetwork
from pipeline.models.weights import is_torchscript, read_state
from pipeline.params.backbones.dlib_resnet29 import DlibResNet29Options
from pipeline.params.backbones.onnx_network import ONNXNetworkOptions
from pipeline.params.detectors.retinaface_mobilenet import RetinaFaceMobileNetOptions
from pipeline.params.detectors.scrfd import SCRFDOptions
from pipeline.sources.outside.outside_file import read_columns
from tests.models.test_backbones import put_weights

STATE = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.ones(4)}


def torch_file(content: object, **options: object) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, **options)
    return file.getvalue()


def zip_of(name: str, content: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as made:
        made.writestr(name, content)
    return file.getvalue()


WRONG = {
    "a web page": (b"<!DOCTYPE html><html><head><title>Google Drive - Virus scan warning", "a web page"),
    "a pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:4665a57\nsize 1\n", "git lfs pull"),
    "nothing": (b"", "an empty file"),
    "a RAR": (b"Rar!\x1a\x07\x01\x00", "a RAR archive"),
    "a packed file": (bz2.compress(torch_file(STATE)), "packed with bzip2"),
    "another zip": (zip_of("model.pth", torch_file(STATE)), "a zip archive of something else"),
    "a cut zip": (torch_file(STATE)[:-40], "was cut off"),
    "a whole model": (torch_file(nn.Linear(2, 2)), "class torch.nn.modules.linear.Linear"),
    "HDF5": (b"\x89HDF\r\n\x1a\n" + bytes(64), "an HDF5 file"),
}


@pytest.mark.parametrize("ending", ["pth", "pt", "bin", "safetensors"])
@pytest.mark.parametrize("kind", WRONG)
def test_what_is_no_file_of_weights_is_called_what_it_is(tmp_path, ending, kind):
    content, words = WRONG[kind]
    file = tmp_path / f"net.{ending}"
    file.write_bytes(content)
    with pytest.raises(SitterError, match=rf"net\.{ending} is no file of weights that can be read \(.*{words}"):
        read_state(file)
    assert not is_torchscript(file)


@pytest.mark.parametrize("name", ["net.pth", "net.safetensors", "net.bin"])
@pytest.mark.parametrize("form", ["zip", "legacy", "safetensors", "script"])
def test_every_form_of_a_state_dict_is_read_whatever_its_name(tmp_path, name, form):
    file = tmp_path / name
    if form == "safetensors":
        save_file(STATE, file)
    elif form == "script":
        module = nn.Module()
        for key, value in STATE.items():
            module.register_buffer(key, value)
        torch.jit.script(module).save(str(file))
    else:
        file.write_bytes(torch_file(STATE, _use_new_zipfile_serialization=form == "zip"))
    assert {key: value.tolist() for key, value in read_state(file).items()} == {k: v.tolist() for k, v in STATE.items()}


@given(st.sampled_from([True, False]), st.integers(0, 2000), st.binary(min_size=1, max_size=8), st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_damaged_file_is_read_or_refused_and_nothing_else(new: bool, at: int, noise: bytes, cut: bool) -> None:
    content = bytearray(torch_file(STATE, _use_new_zipfile_serialization=new))
    at %= len(content)
    content[at : at + len(noise)] = noise
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "net.pth"
        file.write_bytes(content[:at] if cut else content)
        with contextlib.suppress(SitterError):
            read_state(file)
        is_torchscript(file)


def graph(inputs, outputs, nodes, weights=(), kind=TensorProto.FLOAT):
    """An ONNX network."""
    infos = [[helper.make_tensor_value_info(n, kind, s) for n, s in part.items()] for part in (inputs, outputs)]
    made = helper.make_graph(nodes, "g", *infos, list(weights))
    return helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=10)


def identity(shape, kind=TensorProto.FLOAT):
    return graph({"x": shape}, {"y": shape}, [helper.make_node("Identity", ["x"], ["y"])], kind=kind)


@pytest.mark.parametrize("kind", ["a web page", "a pointer", "nothing", "a RAR", "another zip"])
def test_what_is_no_onnx_network_is_called_what_it_is(tmp_path, kind):
    (tmp_path / "net.onnx").write_bytes(WRONG[kind][0])
    words = "a zip archive" if kind == "another zip" else WRONG[kind][1]
    with pytest.raises(SitterError, match=rf"no ONNX network that can be run: it is {words}|{words}"):
        session(tmp_path / "net.onnx")


def test_a_cut_off_onnx_network_is_refused_in_plain_words(tmp_path):
    data = identity([1, 3, 8, 8]).SerializeToString()
    (tmp_path / "net.onnx").write_bytes(data[:-9])
    with pytest.raises(SitterError, match=r"was cut off: fetch it again") as error:
        session(tmp_path / "net.onnx")
    assert "ONNXRuntimeError" not in str(error.value)


@pytest.mark.parametrize("detector", [SCRFDOptions, RetinaFaceMobileNetOptions])
def test_another_network_in_a_detectors_place_is_refused(at, detector):
    put_weights(at, "net", lambda folder: onnx.save_model(identity([1, 3, 8, 8]), folder / "net.onnx"))
    with pytest.raises(SitterError, match=r"net\.onnx (is no SCRFD|finds no landmarks|has 1 inputs and 1 outputs)"):
        detector(weights="net").make(at=at)


def test_a_recogniser_of_another_precision_or_size_is_refused(at):
    half = identity([1, 3, 8, 8], TensorProto.FLOAT16)
    put_weights(at, "half", lambda folder: onnx.save_model(half, folder / "net.onnx"))
    with pytest.raises(SitterError, match=r"takes tensor\(float16\); a recogniser takes float32"):
        ONNXNetwork(ONNXNetworkOptions(weights="half", size=16), at)
    weight = numpy_helper.from_array(np.ones((300, 4), np.float32), "w")
    nodes = [helper.make_node("Flatten", ["x"], ["f"]), helper.make_node("MatMul", ["f", "w"], ["y"])]
    fixed = graph({"x": [1, 3, None, None]}, {"y": [1, 4]}, nodes, [weight])  # 10 × 10, but it does not say so
    put_weights(at, "fixed", lambda folder: onnx.save_model(fixed, folder / "net.onnx"))
    with pytest.raises(SitterError, match=r"cannot be run on x \[1, 3, 16, 16\] float32"):
        ONNXNetwork(ONNXNetworkOptions(weights="fixed", size=16), at)


def test_packed_and_foreign_files_for_other_readers_are_called_what_they_are(at, tmp_path):
    put_weights(at, "dlib", lambda folder: (folder / "net.dat").write_bytes(bz2.compress(b"serialised")))
    with pytest.raises(SitterError, match=r"packed with bzip2.*unpacked"):
        DlibResNet29(DlibResNet29Options(weights="dlib"), at)
    from pipeline.faces.detectors.retinaface_resnet50 import network as retinaface

    (tmp_path / "resnet50.pth").write_bytes(WRONG["a web page"][0])
    with pytest.raises(SitterError, match="it is a web page"):
        retinaface(tmp_path / "resnet50.pth")


@pytest.mark.parametrize(
    ("ending", "content", "words"),
    [
        ("npz", b"\x93NUMPY" + bytes(40), "no .npz file"),
        ("npz", b"<html>", "no .npz file"),
        ("npz", b"", "no .npz file"),
        ("arrow", b"<html>", "it is a web page"),
        ("arrow", b"version https://git-lfs", "git lfs pull"),
        ("feather", b"", "it is an empty file"),
    ],
)
def test_tables_of_outside_systems_that_are_none_are_called_what_they_are(tmp_path, ending, content, words):
    (tmp_path / f"a.{ending}").write_bytes(content)
    with pytest.raises(SitterError, match=words):
        read_columns(tmp_path / f"a.{ending}", ["image_id"])


def test_a_lone_array_in_place_of_an_archive_of_arrays_is_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((3, 4)))
    (tmp_path / "a.npy").rename(tmp_path / "a.npz")
    with pytest.raises(SitterError, match=r"a\.npz is no \.npz file"):
        read_columns(tmp_path / "a.npz", ["image_id"])


def test_a_npy_file_without_names_says_how_to_save_them(tmp_path):
    np.save(tmp_path / "a.npy", np.ones((3, 4)))
    with pytest.raises(SitterError, match=r"shape \[3, 4\] and no names: .*numpy\.savez\(file, image_id=…, …\)"):
        read_columns(tmp_path / "a.npy", ["image_id"])
    np.save(tmp_path / "b.npy", np.array([{"image_id": 1}], object), allow_pickle=True)
    with pytest.raises(SitterError, match=r"b\.npy is no \.npy file that can be read: Object arrays"):
        read_columns(tmp_path / "b.npy", ["image_id"])
