"""A box that a person has drawn is written so that the next run reads it, and nothing else is lost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.faces.correcting import correct_box
from pipeline.faces.corrections import read_corrections
from pipeline.store.raw import RawImage


def read(folder: Path) -> dict[str, tuple[str, list[float]]]:
    images = [RawImage(name, "picture.png", "") for name in ("Zoë/1", "b")]
    Image.fromarray(np.zeros((90, 120, 3), np.uint8)).save(folder / "picture.png")
    found = read_corrections(folder / "corrections.csv", "align.x.corrections", images, folder, 1)
    return {name: (one.how, one.points.reshape(-1).tolist()) for name, one in found.items()}


def test_the_first_box_makes_the_file(tmp_path: Path) -> None:
    correct_box(tmp_path / "corrections.csv", "Zoë/1", (10, 20.26, 50, 80))
    (how, points), rest = read(tmp_path)["Zoë/1"], read(tmp_path).keys() - {"Zoë/1"}
    assert (how, [round(p, 1) for p in points], rest) == ("box", [10, 20.3, 50, 80], set())


def test_a_box_takes_the_place_of_what_was_said_before_and_other_rows_stay(tmp_path: Path) -> None:
    before = "image_id;drop;why\nb;drop;a dog\nZoe\u0308/1;drop;blurred\n"
    (tmp_path / "corrections.csv").write_text(before, encoding="utf-8")
    correct_box(tmp_path / "corrections.csv", "Zoë/1", (1, 2, 30, 40))
    assert read(tmp_path) == {"b": ("drop", []), "Zoë/1": ("box", [1, 2, 30, 40])}
    text = (tmp_path / "corrections.csv").read_text(encoding="utf-8")
    assert text.startswith("image_id;drop;why;box;landmarks\nb;drop;a dog;;\n")
