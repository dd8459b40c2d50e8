"""docs/python.md is true: every block runs, as a notebook would run it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import sitter
from pipeline.answering.exporting.export import export
from pipeline.stages import evaluate
from tests.answering.test_gallery import picture

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs/python.md"


def test_every_block_of_the_page_runs(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    study = sitter.open_study(project)
    evaluate.run(study.params, project)
    export(study, "both", "folder", tmp_path / "export")
    monkeypatch.chdir(tmp_path)  # no folder of the project: a gallery may be a folder of the working directory
    monkeypatch.setattr(sitter.OpenStudy, "seen_as", lambda self, name: "photos")  # whose pictures come aligned
    names: dict[str, Any] = {
        "PROJECT": project,
        "MODEL": "both",
        "A": picture(tmp_path / "a.png", 7),
        "B": picture(tmp_path / "b.png", 7, number=78),
        "GALLERY": "photos",
        "DATASET": "photos",
        "EXPORT": tmp_path / "export",
    }
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert len(blocks) == 6
    for block in blocks:
        exec(compile(block, str(PAGE), "exec"), names)
    told = capsys.readouterr().out
    assert "support for the same sitter" in told
    assert names["vectors"].shape == (2, 256)
    assert names["answer"].faces[0].candidates[0].sitter == "s07"
    assert len(names["account"]) == len(names["table"]) == 72
    assert set(names["figures"].columns) >= {"benchmark", "model", "figure", "value", "low", "high"}
    assert names["exported"].compare(names["A"], names["B"]).score == pytest.approx(names["found"].score, abs=1e-5)
    assert "s07" in names["html"]


def test_every_public_name_is_there() -> None:
    for name in sitter.__all__:
        assert getattr(sitter, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'stud'"):
        sitter.stud  # noqa: B018
