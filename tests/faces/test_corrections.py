"""What a human says of single images is checked row by row before any work, and then done."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest

from pipeline.core.alignment import ARCFACE
from pipeline.core.errors import SitterError
from pipeline.core.layout import Layout
from pipeline.faces.image import read_image
from pipeline.plan.stages import jobs
from pipeline.stages import align
from pipeline.store.faces import FaceStore
from tests.faces.real import install_scrfd, no_face, photograph
from tests.test_align import SCRFD, account, put, study, two_faces

FILE = "corrections.csv"
RIGHT = np.array([3, 0])  # pixels
FACE = "175 65 270 190"  # the astronaut's, in her photograph


@pytest.fixture(autouse=True)
def _one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


def correct(at: Layout, text: str, **settings: object) -> dict[str, dict[str, str]]:
    """The account after a run with these corrections."""
    (at.root / FILE).write_text(text)
    align.run(study(corrections=FILE, **settings), "people", at.root)  # type: ignore[arg-type]
    return account(at)


def test_what_a_human_says_is_done_and_shows_in_the_account(at: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    install_scrfd(at)
    put(at, {"a.png": photograph(), "two.png": two_faces(), "coffee.png": no_face(), "b.png": photograph()})
    align.run(study(), "people", at.root)
    before, store = account(at), FaceStore(at.faces("people"))
    landmarks = store.landmarks[0]
    other = before["two.png"]["others"].rpartition(" ")[0]  # the smaller astronaut, at the lower right
    assert min(map(float, other.split()[:2])) > 200
    eyes = " ".join(f"{x:.2f}" for x in (landmarks + RIGHT).ravel())
    rows = [f"two.png,{other},,,the wife", f"a.png,,{eyes},,", "coffee.png,100 100 300 300,,,", "b.png,,,drop,a copy"]
    found = correct(at, "\n".join(["image_id,box,landmarks,drop,note", *rows]) + "\n")
    assert [row["corrected"] for row in found.values()] == ["landmarks", "box", "box", "drop"]
    assert [row["status"] for row in found.values()] == ["aligned", "aligned", "aligned", "dropped"]
    assert found["two.png"]["reason"] == "box from line 2 of the corrections"
    assert found["two.png"]["detector"] == "scrfd"
    assert found["a.png"]["reason"] == "landmarks from line 3 of the corrections"
    assert (found["a.png"]["detector"], found["a.png"]["score"]) == ("correction", "1.0")
    assert found["coffee.png"]["reason"].endswith("landmarks as in a frontal face")
    assert found["b.png"]["reason"] == "dropped by line 5 of the corrections"
    corrected = FaceStore(at.faces("people"))
    assert corrected.image_ids == ["a.png", "two.png", "coffee.png"]
    # shifted landmarks give the same crop as shifted template points: three pixels of the image to the left
    np.testing.assert_allclose(corrected.landmarks[0], landmarks + RIGHT, atol=0.01)
    # the second astronaut is half as large, from (512, 256) on
    np.testing.assert_allclose(corrected.landmarks[1], landmarks / 2 + (512, 256), atol=3)
    assert np.abs(corrected.crop(1).astype(int) - store.crop(0)).mean() < 12
    x0, y0, x1, y1 = corrected.landmarks[2].min(0).tolist() + corrected.landmarks[2].max(0).tolist()
    assert 100 < x0 < x1 < 300
    assert 100 < y0 < y1 < 300
    assert "people: 4 images, 3 aligned, 1 dropped" in capsys.readouterr().err


def test_a_face_that_a_detector_sees_elsewhere_is_not_taken_for_the_box(at: Layout) -> None:
    install_scrfd(at)
    put(at, {"a.png": photograph()})
    found = correct(at, "image_id,box\na.png,300 300 400 420\n")["a.png"]
    assert found["detector"] == "correction"
    assert [float(found[c]) for c in ("x0", "y0", "x1", "y1")] == [300, 300, 400, 420]


def test_the_middle_of_the_frame_of_given_landmarks_is_the_face(at: Layout) -> None:
    put(at, {"a.png": photograph()})
    points = ARCFACE.points * 1.5 + (140, 40)
    text = " ".join(map(str, points.ravel().tolist()))
    row = correct(at, f"image_id,landmarks\na.png,{text}\n", detectors=[{"kind": "aligned"}])["a.png"]
    assert float(row["misfit"]) == 0
    x0, y0, x1, y1 = (float(row[c]) for c in ("x0", "y0", "x1", "y1"))
    assert x0 < points[:, 0].min() < points[:, 0].max() < x1
    assert y0 < points[:, 1].min() < points[:, 1].max() < y1
    image, crop = read_image(at.raw("people") / "a.png"), FaceStore(at.faces("people")).crop(0)
    # a crop enlarged by 1.5 is read back at whole pixels: (2, 2) of the crop is (143, 43) of the image
    np.testing.assert_allclose(crop[2::2, 2::2].astype(int), image[43:208:3, 143:308:3].astype(int), atol=1)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("b.pgn,,,drop", ["line 2", "'b.pgn' is no image", "did you mean 'b.png'?", "faces.csv"]),
        (",,,drop", ["line 2", "'' is no image"]),
        (f"a.png,{FACE},,\na.png,,,drop", ["line 3", "a.png is corrected in line 2 already", "delete one"]),
        ("a.png,1 2 3,,", ["line 2", "box is '1 2 3'", "4 numbers: x0 y0 x1 y1"]),
        ("a.png,1 2 three 4,,", ["line 2", "'1 2 three 4'", "4 numbers"]),
        ("a.png,1 2 nan 4,,", ["line 2", "4 numbers"]),
        ("a.png,30 30 10 50,,", ["line 2", "x1 and y1 must be larger"]),
        ("a.png,600 10 700 90,,", ["line 2", "box lies outside the image, which has 512×512 pixels"]),
        ("a.png,,1 2 3 4 5 6 7 8 9,", ["line 2", "expected 10 numbers: x y of left eye"]),
        ("a.png,,200 100 150 100 175 120 195 150 155 150,", ["line 2", "mirrored", "image's left first"]),
        ("a.png,,1 1 1 1 1 1 1 1 1 1,", ["line 2", "on one line"]),
        ("a.png,,,no", ["line 2", "drop is 'no'", "write drop"]),
        ("a.png,,,", ["line 2", "needs one of box, landmarks and drop; it has none"]),
        (f"a.png,{FACE},,drop", ["line 2", "it has box and drop"]),
        ("a.png,1,2,3,4,5", ["line 2", "more cells", "by spaces"]),
        ("text.png,1 2 30 40,,", ["line 2", "the image cannot be read (no image but text", "write drop"]),
        ("x,,,drop\na.png,,,drop\ny,,,drop", ["line 2", "line 4"]),
        ("x,,,drop\n" * 12, ["line 11", "… and 2 more"]),
    ],
)
def test_faults_are_named_by_row_before_any_work(at: Layout, rows: str, words: list[str]) -> None:
    put(at, {"a.png": photograph(), "b.png": photograph(), "text.png": b"Dear reader"})
    with pytest.raises(SitterError) as caught:
        correct(at, f"image_id,box,landmarks,drop\n{rows}\n")
    for word in [FILE, *words]:
        assert word in str(caught.value)
    assert not at.faces("people").exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("image,box\na.png,1 2 3 4\n", ["column image_id is missing", "image, box"]),
        ("image_id,verdict\na.png,drop\n", ["none of the columns box, landmarks, drop", "image_id, verdict"]),
    ],
)
def test_a_file_of_another_form_is_explained(at: Layout, text: str, words: list[str]) -> None:
    put(at, {"a.png": photograph()})
    with pytest.raises(SitterError) as caught:
        correct(at, text)
    assert all(word in str(caught.value) for word in words)


def test_a_file_that_is_absent_or_would_be_replaced_is_explained(at: Layout) -> None:
    put(at, {"a.png": photograph()})
    with pytest.raises(SitterError, match=r"align.people.corrections is \S*mine.csv, which does not exist: make it"):
        align.run(study(corrections="mine.csv"), "people", at.root)
    with pytest.raises(SitterError, match="in the folder that align replaces"):
        align.run(study(corrections="data/faces/people/mine.csv"), "people", at.root)


def test_the_file_is_an_input_of_the_job_in_both_engines() -> None:
    job = next(job for job in jobs(study(corrections=FILE)) if job.stage == "align")
    assert job.own == (Path(FILE),)
    assert next(job for job in jobs(study()) if job.stage == "align").own == ()


def test_an_empty_file_corrects_nothing(at: Layout) -> None:
    install_scrfd(at)
    put(at, {"a.png": photograph()})
    assert correct(at, "image_id,box,landmarks,drop\n", detectors=[SCRFD])["a.png"]["corrected"] == ""


def test_parts_made_with_other_corrections_are_not_joined(at: Layout) -> None:
    put(at, {"a.png": photograph()})
    found = set()
    for text in ("image_id,drop\na.png,drop\n", "image_id,drop\n"):
        (at.root / FILE).write_text(text)
        found.add(align._parts(study(corrections=FILE), "people", at))
    found.add(align._parts(study(), "people", at))
    assert len(found) == 3


def test_a_manifest_may_have_columns_of_our_names(at: Layout) -> None:
    put(at, {"a.png": photograph().crop((165, 50, 277, 162))}, corrected="by the museum", others="two")
    align.run(study(detectors=[{"kind": "aligned"}]), "people", at.root)
    row = account(at)["a.png"]
    assert (row["their_corrected"], row["their_others"], row["corrected"]) == ("by the museum", "two", "")


@pytest.mark.parametrize("text", ["image_id;box;landmarks;drop\na.png;;;drop\n", "sep=;\nimage_id;drop\na.png;drop\n"])
def test_a_file_that_a_spreadsheet_has_saved_is_read(at: Layout, text: str) -> None:
    put(at, {"a.png": photograph(), "b.png": photograph().crop((165, 50, 277, 162))})
    for encoding in ("utf-8-sig", "utf-16"):
        (at.root / FILE).write_bytes(text.encode(encoding))
        align.run(study(detectors=[{"kind": "aligned"}], corrections=FILE), "people", at.root)
        assert account(at)["a.png"]["status"] == "dropped"


def test_names_in_another_encoding_of_accents_are_the_same_and_lines_are_those_of_the_file(at: Layout) -> None:
    put(at, {"Zoë.png": photograph(), "b.png": photograph().crop((165, 50, 277, 162))})
    other = unicodedata.normalize("NFD", "Zoë.png")
    found = correct(at, f"image_id,drop\n{other},drop\n", detectors=[{"kind": "aligned"}])
    assert found["Zoë.png"]["status"] == "dropped"
    with pytest.raises(SitterError, match="line 7: drop is 'no'"):
        correct(at, 'image_id,note,drop\n\nZoë.png,"one\ntwo",drop\n\n\nb.png,x,no\n')


def test_a_quote_that_is_not_closed_stops_the_run(at: Layout) -> None:
    put(at, {"a.png": photograph(), "b.png": photograph()})
    with pytest.raises(SitterError, match="line 2: a double quote opens"):
        correct(at, 'image_id,drop,note\na.png,drop,"a copy\nb.png,drop,30"\n')
