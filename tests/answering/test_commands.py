"""The commands `identify`, for pictures, and `compare`: what they print, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipeline import cli
from tests.answering.test_gallery import picture

pytestmark = pytest.mark.slow

NO_DETECTOR = "names no detector for a new picture"


@pytest.fixture
def here(project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory like the project's, with a detector and two pictures."""
    for part in ("data", "models", "embeddings"):
        (tmp_path / part).symlink_to(project / part)
    text = (project / "params.yaml").read_text()
    (tmp_path / "params.yaml").write_text(text)
    picture(tmp_path / "a.png", 7)
    picture(tmp_path / "b.png", 7, number=78)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(*arguments: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert cli.main(arguments) == 1
    told = capsys.readouterr()
    assert told.out == ""
    return told.err


def test_pictures_are_answered_as_objects_a_line(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["identify", "a.png", "b.png", "--gallery", "photos", "--model", "one", "--align", "photos", "--json"]
    assert cli.main([*arguments, "--html", "page.html"]) == 0
    told = capsys.readouterr()
    found = [json.loads(line) for line in told.out.splitlines()]
    assert [one["picture"] for one in found] == ["a.png", "b.png"]
    assert [one["faces"][0]["candidates"][0]["sitter"] for one in found] == ["s07", "s07"]
    assert "calibrated on" in told.err
    assert (here / "page.html").read_text().count("<section") >= 2


def test_pictures_are_answered_as_a_table(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["identify", "a.png", "--gallery", "photos", "--model", "both", "--align", "photos"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("a.png (box 0 0 112 112)")
    assert lines[1].split() == ["candidate", "score", "ratio", "posterior", "evidence", "reference"]
    assert lines[2].split()[0] == "s07"
    (none,) = (number for number, line in enumerate(lines) if line.strip().startswith("none of these"))
    assert all(line.strip().startswith("s07: ") for line in lines[none + 1 :])


def test_a_reference_that_is_the_picture_itself_is_said(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (reference,) = (here / "data/raw/photos").rglob("s07/0.png")
    assert cli.main(["identify", str(reference), "--gallery", "photos", "--model", "both", "--align", "photos"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "  s07: its reference is the same picture, so that the likeness says nothing." in lines


def test_a_broken_picture_does_not_stop_the_others(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "pictures").mkdir()
    (here / "pictures" / "0.png").write_text("no picture")
    (here / "pictures" / "._a.png").write_text("a note that an operating system leaves beside a picture")
    (here / "a.png").rename(here / "pictures" / "a.png")
    arguments = ["identify", "pictures", "--gallery", "photos", "--model", "one", "--align", "photos", "--json"]
    assert cli.main(arguments) == 1
    told = capsys.readouterr()
    assert [json.loads(line)["picture"] for line in told.out.splitlines()] == ["pictures/a.png"]
    assert "pictures/0.png: no image but text" in told.err
    assert "._a.png" not in told.err


def test_a_name_of_params_yaml_runs_the_stage(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["identify", "who"]) == 0
    assert (here / "results/identify/who/candidates.csv").is_file()
    (here / "who").write_bytes((here / "a.png").read_bytes())
    said = refused("identify", "who", capsys=capsys)
    assert "a name under identify in params.yaml and a file here: write ./who" in said
    assert cli.main(["identify", "./who", "--gallery", "photos", "--model", "one", "--align", "photos"]) == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["identify", "whom"], "neither a name under identify in params.yaml nor a picture; did you mean 'who'?"),
        (["identify", "a.png"], "--gallery is missing"),
        (["identify", "c.png", "--gallery", "photos"], "c.png does not exist"),
        (["identify", "a.png", "--gallery", "photos"], "name the model that compares, too: --model NAME"),
        (["identify", "a.png", "--gallery", "photos", "--model", "on"], "did you mean 'one'?"),
        (["identify", "a.png", "--gallery", "photos", "--model", "one"], NO_DETECTOR),
        (["identify", "a.png", "--gallery", "fotos", "--model", "one", "--align", "photos"], "did you mean 'photos'?"),
        (["identify", "a.png", "--gallery", "photos", "--model", "one", "--prior", "2"], "--prior is 2"),
        (["identify", "a.png", "--gallery", "photos", "--model", "one", "--candidates", "0"], "--candidates is 0"),
        (["identify", "a.png", "--gallery", "photos", "--model", "one", "--html", "no/x.html"], "folder no does not"),
        (["identify", "a.png", "--gallery", "photos", "--model", "one", "--weights", "x"], "is for the built-in model"),
        (["identify", "a.png", "--gallery", ".", "--like", "photos"], "no model of it is named: add --model NAME"),
        (["identify", "a.png", "--gallery", ".", "--weights", "x"], "does not hold retinaface/manifest.csv"),
        (["compare", "a.png", "c.png", "--model", "one"], "c.png does not exist"),
        (["compare", "a.png", "data", "--model", "one"], "data is a folder: name a picture"),
        (["compare", "a.png", "b.png", "--model", "one", "--align", "photos", "--like", "x"], "is not under embed.dat"),
    ],
)
def test_what_is_refused_is_told_with_the_mend(
    here: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert words in refused(*arguments, capsys=capsys)


def test_a_picture_that_is_not_there_is_told_without_a_study_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "'who.jpg' is no picture here, and there is no params.yaml" in refused("identify", "who.jpg", capsys=capsys)


def test_two_pictures_are_compared_in_words(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    common = ["--model", "one", "--align", "photos"]
    assert cli.main(["compare", "a.png", "b.png", *common, "--html", "pair.html"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "score 1.000, by one"
    assert lines[1].startswith("likelihood ratio ")
    assert "support for the same sitter" in lines[1]
    assert "sitters of photos; they support ratios from 1/" in lines[2]
    html = (here / "pair.html").read_text()
    assert html.count('src="data:image/jpeg;base64,') == 4, "both faces, and where the model looks in each"
    assert cli.main(["compare", "a.png", "b.png", *common, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found) == ["pictures", "score", "likelihood_ratio", "words", "note"]
    assert found["words"] in lines[1]


def test_nothing_heavy_is_imported_before_pictures_are_asked_about() -> None:
    from tests.test_cli import HEAVY, modules_after

    told = modules_after("import sitter; sitter.open_study('.')")
    assert told & (HEAVY - {"numpy"}) == set()
