"""A gallery names the sitter of a picture, with ratios and "none of these", as the stage `identify` does."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sitter
from pipeline.answering import folder_gallery as folders
from pipeline.answering.study import OpenStudy
from pipeline.core.files import read_csv
from pipeline.core.layout import Layout
from pipeline.stages import identify
from pipeline.store.splits import TESTED, sitters_of
from tests.answering.conftest import portrait, write_portraits


@pytest.fixture(scope="module")
def study(project: Path) -> OpenStudy:
    return sitter.open_study(project)


def picture(path: Path, of: int, number: int = 77) -> Path:
    """A portrait that stands in no data set."""
    Image.fromarray(portrait(of, number)).save(path)
    return path


def test_the_answer_is_exactly_that_object(study: OpenStudy, project: Path, tmp_path: Path) -> None:
    gallery = study.gallery("photos", study.model("one", align="photos"), candidates=4)
    record = gallery.identify(picture(tmp_path / "who.png", 7)).record()
    assert record == json.loads(json.dumps(record))
    assert list(record) == ["picture", "faces"]
    assert record["picture"] == str(tmp_path / "who.png")
    (face,) = record["faces"]
    assert list(face) == ["box", "candidates", "none"]
    assert face["box"] == [0.0, 0.0, 112.0, 112.0]
    assert [list(c) for c in face["candidates"]] == [
        ["sitter", "score", "likelihood_ratio", "posterior", "reference"]
    ] * 4
    assert list(face["none"]) == ["posterior"]
    first = face["candidates"][0]
    assert first["sitter"] == "s07"
    assert first["likelihood_ratio"] > 10
    assert Path(first["reference"]).parent == project / "data/raw/photos/s07"
    shares = [c["posterior"] for c in face["candidates"]]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) + face["none"]["posterior"] <= 1 + 1e-6
    assert shares[0] > face["none"]["posterior"]


def test_somebody_who_is_not_there_is_none_of_these(study: OpenStudy, tmp_path: Path) -> None:
    gallery = study.gallery("photos", study.model("one", align="photos"))
    (face,) = gallery.identify(picture(tmp_path / "stranger.png", 4711)).record()["faces"]
    known = gallery.identify(picture(tmp_path / "known.png", 7)).record()["faces"][0]
    assert face["none"]["posterior"] > 2 * known["none"]["posterior"]
    likelier = study.gallery("photos", study.model("one", align="photos"), prior=0.99)
    (again,) = likelier.identify(tmp_path / "stranger.png").record()["faces"]
    assert again["none"]["posterior"] < face["none"]["posterior"]


def test_a_question_is_answered_as_the_stage_answers_it(study: OpenStudy, project: Path) -> None:
    identify.run(study.params, "who", project)
    rows = read_csv(Layout(project).identify("who") / "candidates.csv")
    gallery = study.gallery("who", study.model("one", align="photos"))
    answers = gallery.answers()
    assert [p.image_id for p in gallery.portraits] == ["s03/0", "s03/1", "s03/2"]
    found = [
        (answer.probe.image_id, c.sitter, f"{c.score:.6f}", f"{c.log10_lr:.4f}", f"{c.posterior:.6f}")
        for answer in answers.answers
        for c in answer.candidates
    ]
    columns = ("image", "sitter", "score", "log10_lr", "posterior")
    assert found == [tuple(row[c] for c in columns) for row in rows if row["rank"] != "none"]
    told = gallery.sheets(answers)
    assert [sheet.truth for sheet in told] == ["s03"] * 3
    frame = study.candidates("who")
    assert frame["posterior"].max() <= 1
    assert len(frame) == len(rows)


def test_a_folder_calibrates_itself_where_it_can(study: OpenStudy, tmp_path: Path) -> None:
    write_portraits(tmp_path / "known", sitters=14, each=2)
    gallery = study.gallery(tmp_path / "known", study.model("one", align="photos"))
    assert len(gallery) == 28
    assert "the folder itself" in gallery.note
    answer = gallery.identify(picture(tmp_path / "who.png", 11)).record()["faces"][0]
    assert answer["candidates"][0]["sitter"] == "s11"
    assert answer["candidates"][0]["posterior"] > 0.5
    assert answer["candidates"][0]["reference"].startswith(str(tmp_path / "known" / "s11"))


def test_a_folder_of_single_pictures_is_calibrated_on_the_study(study: OpenStudy, tmp_path: Path) -> None:
    known = tmp_path / "known"
    known.mkdir()
    for number in range(5):
        picture(known / f"Sitter {number}.png", number, number=50)
    gallery = study.gallery(known, study.model("one", align="photos"))
    assert gallery.sitters == [f"Sitter {n}" for n in range(5)]
    assert "known sitters of photos" in gallery.note
    answer = gallery.identify(picture(tmp_path / "who.png", 2)).record()["faces"][0]
    assert answer["candidates"][0]["sitter"] == "Sitter 2"
    assert answer["candidates"][0]["likelihood_ratio"] > 10


def test_normalised_fusions_answer_too(study: OpenStudy, tmp_path: Path) -> None:
    gallery = study.gallery("photos", study.model("cohort", align="photos"))
    tested = sorted(set(sitters_of("photos", TESTED, study.at).values()))[0]
    (face,) = gallery.identify(picture(tmp_path / "who.png", int(tested[1:]))).faces
    assert face.candidates[0].sitter == tested
    assert face.candidates[0].score > 2, "in units of strangers' scores, and no cosine"  # type: ignore[operator]


def test_vectors_of_a_folder_are_kept_by_content(
    study: OpenStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known, model = tmp_path / "known", study.model("one", align="photos")
    write_portraits(known, sitters=3, each=2)
    made: list[int] = []
    real = folders._made

    def counted(model: object, folder: object, todo: list[object]) -> object:
        made.append(len(todo))
        return real(model, folder, todo)  # type: ignore[arg-type]

    monkeypatch.setattr(folders, "_made", counted)
    first = study.gallery(known, model)
    study.gallery(known, model)
    shutil.copytree(known, tmp_path / "moved")
    study.gallery(tmp_path / "moved", model)
    assert made == [6], "neither again, nor elsewhere"
    picture(known / "s01" / "0.png", 9)
    changed = study.gallery(known, model)
    assert made == [6, 1], "the picture that has changed, alone"
    rows = [gallery._prints.units[:6] for gallery in (changed, first)]
    assert (np.abs(rows[0] - rows[1]).max(axis=1) > 1e-6).tolist() == [False, False, True, False, False, False]
    study.gallery(known, study.model("two", align="photos"))
    assert made == [6, 1, 6], "another model has other vectors"


def test_pictures_that_cannot_be_used_are_told_and_left_out(
    study: OpenStudy, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    known, model = tmp_path / "known", study.model("one", align="photos")
    write_portraits(known, sitters=2, each=1)
    (known / "s00" / "text.jpg").write_text("no picture")
    Image.new("RGB", (40, 20)).save(known / "s01" / "wide.png")
    (known / "_unidentified").mkdir()
    picture(known / "_unidentified" / "x.png", 3)
    for _ in range(2):
        caplog.clear()
        assert study.gallery(known, model).sitters == ["s00", "s01"]
        assert "2 of 4 pictures" in caplog.text
        assert "text.jpg: no image but text" in caplog.text
        assert "wide.png: no face" in caplog.text
    shutil.rmtree(known / "s00")
    (known / "s01" / "0.png").unlink()
    with pytest.raises(sitter.SitterError, match="none of its 1 pictures can be used"):
        study.gallery(known, model)
    (known / "s01" / "wide.png").unlink()
    with pytest.raises(sitter.SitterError, match="holds no pictures"):
        study.gallery(known, model)


def test_a_name_that_means_two_things_is_refused(
    study: OpenStudy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_portraits(tmp_path / "photos", sitters=2, each=1)
    model = study.model("one", align="photos")
    with pytest.raises(sitter.SitterError, match=r"data set of the study and a folder: write \./photos"):
        study.gallery("photos", model)
    assert len(study.gallery("./photos", model)) == 2
    with pytest.raises(sitter.SitterError, match="no data set or question of the study, and no folder"):
        study.gallery("fotos", model)


def test_the_page_stands_alone_and_shows_both_faces(study: OpenStudy, tmp_path: Path) -> None:
    gallery = study.gallery("photos", study.model("one", align="photos"))
    found = gallery.identify(picture(tmp_path / "who <&>.png", 7))
    html = gallery.page([found, gallery.identify(np.zeros((20, 40, 3), np.uint8), name="nothing.png")])
    assert "who &lt;&amp;&gt;.png" in html
    assert "No face was found in nothing.png" in html
    assert "s07" in html
    assert len(re.findall(r'<image id="p\d+"', html)) == 1 + len(found.faces[0].candidates)
    assert not re.findall(r'(?:src|href)="(?!#|data:)', html)
    assert "decisions" not in html, "nobody can decide on a picture that stands in no data set"
