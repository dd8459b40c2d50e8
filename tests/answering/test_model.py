"""What a picture gets is what the stages would have made of it, with everything that belongs to a model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import sitter
from pipeline.answering.study import OpenStudy
from pipeline.store.embeddings import read_embeddings
from pipeline.store.scores import either_way, read_scores
from pipeline.store.splits import TESTED, sitters_of
from tests.answering.conftest import portrait

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def study(project: Path) -> OpenStudy:
    return sitter.open_study(project)


def paths(project: Path, *image_ids: str) -> list[Path]:
    return [project / "portraits" / f"{image_id}.png" for image_id in image_ids]


@pytest.mark.parametrize("name", ["one", "two", "both", "weighted", "whitened"])
def test_a_picture_has_the_vector_that_embed_or_fuse_has_made(project: Path, study: OpenStudy, name: str) -> None:
    """Mirroring, centring, weights and whitening included."""
    image_ids = ["s00/0", "s07/2", "s23/1"]
    stored = read_embeddings(name, "photos", study.at).select(image_ids)
    stored /= np.linalg.norm(stored, axis=1, keepdims=True)
    found = study.model(name, align="photos").embed(paths(project, *image_ids))
    assert ((found * stored).sum(1) > 0.999999).all()


def test_mirroring_and_centring_do_matter(project: Path, study: OpenStudy) -> None:
    """So that the test above can fail."""
    (picture,) = paths(project, "s07/2")
    model = study.model("two", align="photos")
    plain = study.model("one", align="photos").recogniser.vectors([model.face(picture)])[0]
    mirrored = model.recogniser.vectors([model.face(picture)])[0]
    assert plain @ mirrored / np.linalg.norm(plain) / np.linalg.norm(mirrored) < 0.99
    fused = study.model("both", align="photos").recogniser
    assert np.abs(fused.fused.centres[0]).max() > 0.01  # type: ignore[attr-defined]


def test_normalised_scores_are_those_that_fuse_has_made(project: Path, study: OpenStudy) -> None:
    tested = sorted(sitters_of("photos", TESTED, study.at))[:6]
    table = read_scores("cohort", "photos", study.at)
    stored = either_way(table.matrix(tested, "photos", tested), table.matrix(tested, "photos", tested).T)
    model = study.model("cohort", align="photos")
    faces = [model.face(path) for path in paths(project, *tested)]
    found = model.scores(faces, faces)
    off = ~np.eye(len(tested), dtype=bool)
    assert np.isfinite(stored[off]).all()
    np.testing.assert_allclose(found[off], stored[off], atol=2e-3)


def test_pixels_bytes_and_files_are_one(project: Path, study: OpenStudy) -> None:
    (path,) = paths(project, "s05/1")
    model = study.model("one", align="photos")
    one = model.embed(path)
    np.testing.assert_array_equal(one, model.embed(str(path)))
    np.testing.assert_array_equal(one, model.embed(path.read_bytes()))
    np.testing.assert_array_equal(one, model.embed(np.asarray(Image.open(path))))
    assert model.embed([path, path]).shape == (2, len(one))


def test_two_pictures_of_one_sitter_are_told_from_two_of_two(project: Path, study: OpenStudy) -> None:
    model = study.model("one", align="photos")
    same = model.compare(*paths(project, "s05/0", "s05/1"))
    other = model.compare(*paths(project, "s05/0", "s06/0"))
    assert same.score > other.score
    assert same.likelihood_ratio is not None
    assert other.likelihood_ratio is not None
    assert same.likelihood_ratio > 10 > 1 > other.likelihood_ratio
    assert same.bounds is not None
    assert same.bounds[0] <= other.log10_lr <= same.log10_lr <= same.bounds[1]  # type: ignore[operator]
    assert "support for the same sitter" in same.words
    assert "24 sitters of photos" in same.note


def test_sitters_whom_a_fusion_has_learned_from_calibrate_nothing(study: OpenStudy) -> None:
    learned = study.model("whitened", align="photos").calibration()
    assert "12 sitters of photos" in learned.note


def test_a_map_shows_what_carries_the_likeness(project: Path, study: OpenStudy) -> None:
    """Two portraits of one sitter, of which one has somebody else's lower half: only the upper half speaks for one."""
    model = study.model("one", align="photos")
    mixed = portrait(5, 1)
    mixed[56:] = portrait(9, 0)[56:]
    whole, half = model.looks(model.face(paths(project, "s05/0")[0]), model.face(mixed, name="mixed"))
    assert whole.shape == half.shape == (112, 112)
    assert half[:50].mean() > half[62:].mean()


@pytest.mark.parametrize(
    ("picture", "words"),
    [
        (b"no picture at all", "no image but text"),
        (b"", "the file is empty"),
        (np.zeros((4, 4), np.uint8), r"expected uint8 \[height, width, 3\]"),
        ("absent.jpg", "absent.jpg: the file does not exist"),
    ],
)
def test_what_is_no_picture_is_told(study: OpenStudy, picture: object, words: str) -> None:
    with pytest.raises(sitter.SitterError, match=words):
        study.model("one", align="photos").faces(picture)  # type: ignore[arg-type]


def test_a_picture_without_a_face_is_told_by_name(study: OpenStudy) -> None:
    model = study.model("one", align="photos")
    wide = np.zeros((20, 40, 3), np.uint8)
    assert model.faces(wide) == []
    with pytest.raises(sitter.SitterError, match=r"wide\.jpg shows no face"):
        model.face(wide, name="wide.jpg")


def test_a_person_draws_a_box_around_the_face_that_is_meant(study: OpenStudy) -> None:
    model = study.model("one", align="photos")
    wide = np.zeros((120, 300, 3), np.uint8)
    wide[4:116, 180:292] = portrait(5, 0)
    face = model.face(wide, name="wide", box=(190.0, 10.0, 280.0, 110.0))
    assert face.box == (190.0, 10.0, 280.0, 110.0)
    assert "drawn by a person" in face.account.reason
    drawn = np.corrcoef(face.crop.ravel(), portrait(5, 0).ravel())[0, 1]
    assert drawn > np.corrcoef(face.crop.ravel(), portrait(9, 0).ravel())[0, 1]
    with pytest.raises(sitter.SitterError, match="not within the picture of 300×120 pixels"):
        model.face(wide, box=(250.0, 10.0, 310.0, 110.0))


def test_what_cannot_be_opened_says_why(project: Path, study: OpenStudy, tmp_path: Path) -> None:
    with pytest.raises(sitter.SitterError, match="did you mean 'both'"):
        study.model("bot", align="photos")
    with pytest.raises(sitter.SitterError, match="names no detector for a new picture"):
        study.model("one")
    with pytest.raises(sitter.SitterError, match=r"params\.yaml"):
        sitter.open_study(tmp_path)
    with pytest.raises(sitter.SitterError, match="no folder"):
        sitter.open_study(project / "params.yaml")
