"""Compiled stages train the same, up to rounding, or a message names what the machine lacks."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
import torch

from pipeline.core.errors import SitterError
from pipeline.core.layout import Layout
from pipeline.models.backbone import trained_state
from pipeline.stages import train
from pipeline.training.compiling import PAYS_FROM, check_compiler, compiles
from pipeline.training.loop import Run
from pipeline.training.stop import StopRequest
from tests.programs import needs
from tests.training.study import prepared, study


def without_dropout(at: Layout, **training: Any) -> Run:
    """Return a training of LoRA by SGD without dropout, since dropout draws other values when it is compiled."""
    run = prepared(at, "lora", epochs=2, optimiser="sgd", lr=0.02, **training)
    for module in run.backbone.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return run


@pytest.mark.slow
@pytest.mark.training
@needs("g++", "Python.h")
def test_compiled_stages_train_what_plain_ones_train_and_their_checkpoints_are_exchanged(
    at: Layout, project: Path
) -> None:
    plain = without_dropout(at)
    expected = plain.fit(project / "plain", "key", StopRequest())
    first = without_dropout(at, compile=True)
    stop = StopRequest()
    stop.by = signal.SIGTERM
    with pytest.raises(SystemExit):
        first.fit(project / "both", "key", stop)
    assert isinstance(first.gradients.network, torch._dynamo.OptimizedModule)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] > 0
    assert first.state.step == 1
    assert trained_state(first.backbone).keys() == trained_state(plain.backbone).keys()
    found = without_dropout(at).fit(project / "both", "key", StopRequest())
    assert [row.loss for row in found.history[1:]] == pytest.approx(
        [row.loss for row in expected.history[1:]], rel=1e-3
    )
    for name, value in found.best.items():
        torch.testing.assert_close(value, expected.best[name], rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("given", [None, "no-such-compiler"])
def test_without_a_compiler_it_is_refused_before_any_face_is_read(
    at: Layout, project: Path, monkeypatch: pytest.MonkeyPatch, given: str | None
) -> None:
    monkeypatch.setenv("PATH", str(project))
    if given is None:
        monkeypatch.delenv("CXX", raising=False)
    else:
        monkeypatch.setenv("CXX", given)
    (project / "data").rename(project / "gone")
    words = "no g\\+\\+ was found" if given is None else "CXX is 'no-such-compiler', which was not found"
    with pytest.raises(SitterError, match=rf"training\.compile needs a C\+\+ compiler \({words}\).*compile: false"):
        train.run(study("lora", compile=True), "lora", at.root)


def test_what_a_gpu_needs_is_named_together(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(SitterError, match=r"a C compiler \(no gcc or clang was found\) and the package triton"):
        check_compiler("cuda")


def test_auto_compiles_long_trainings_on_a_gpu_where_the_machine_can_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("pipeline.training.compiling.check_compiler", lambda device: None)
    assert compiles("auto", "cuda", PAYS_FROM)
    assert f"{PAYS_FROM:,} steps" in capsys.readouterr().err
    assert not compiles("auto", "cuda", PAYS_FROM - 1)
    assert not compiles("auto", "cpu", PAYS_FROM)
    assert compiles(True, "cpu", 1)
    assert not compiles(False, "cuda", PAYS_FROM)


def test_auto_goes_on_uncompiled_where_the_machine_cannot(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CC", raising=False)
    assert not compiles("auto", "cuda", PAYS_FROM)
    assert "not compiled" in capsys.readouterr().err
    with pytest.raises(SitterError):
        compiles(True, "cuda", PAYS_FROM)
