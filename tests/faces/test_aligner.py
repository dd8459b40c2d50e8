"""Which of several faces is the sitter's, and what of it lies outside the image."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.core.alignment import ARCFACE
from pipeline.faces.aligner import beyond, choose
from pipeline.faces.detection import Detection


def face(x: float, y: float, side: float, score: float) -> Detection:
    return Detection(np.array([x, y, x + side, y + side], np.float32), ARCFACE.points, score)


@pytest.mark.parametrize(
    ("how", "expected", "why"),
    [("largest", 0, "the largest of 4 faces"), ("central", 1, "the most central"), ("score", 2, "the surest")],
)
def test_the_sitter_is_chosen_as_the_study_says(how, expected, why):
    # The last is the largest as a box, but most of it lies outside the image.
    faces = [face(0, 0, 60, 0.97), face(80, 80, 40, 0.96), face(150, 150, 30, 0.99), face(190, 190, 100, 0.98)]
    chosen, reason = choose(faces, how, 200, 200)
    assert chosen is faces[expected]
    assert reason.startswith(why)


@pytest.mark.parametrize("how", ["largest", "central", "score"])
def test_a_doubtful_face_never_displaces_a_sure_one(how):
    faces = [face(10, 10, 20, 0.97), face(50, 50, 100, 0.6)]
    assert choose(faces, how, 200, 200) == (faces[0], "the surest of 2 faces")


def test_the_face_nearest_to_the_middle_is_taken_however_sure_it_is():
    faces = [face(10, 10, 20, 0.97), face(80, 80, 40, 0.52), face(50, 50, 60, 0.99)]
    assert choose(faces, "middle", 200, 200) == (faces[1], "the nearest to the middle of 3 faces")


def test_landmarks_beyond_the_edge_are_named():
    face = Detection(np.zeros(4, np.float32), ARCFACE.points - [40, 0], 1.0)
    assert beyond(face, 112, 112) == ["left eye"]
    assert beyond(face, 112, 80) == ["left eye", "left mouth corner", "right mouth corner"]
