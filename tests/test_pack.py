"""A data set handed on as InsightFace ships its own, and taken up again by the sources that read such files."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from pipeline.cli import main
from pipeline.commands import pack
from pipeline.core.errors import SitterError
from pipeline.core.files import read_csv, write_csv
from pipeline.core.layout import Layout
from pipeline.formats.verification_bin import read_bin
from pipeline.stages import align, download, split
from pipeline.store.faces import FaceStore
from tests.training.study import STUDY, make_faces, study


@pytest.fixture(autouse=True)
def _project(at: Layout) -> None:
    """9 sitters in 5 images: 4 train, 1 validates, 4 are tested."""
    make_faces(at, train=4, val=1)


def taken_up(at: Layout, kind: str, path: str) -> FaceStore:
    """The faces that download and align make of a packed file."""
    from pipeline.params import check

    raw: dict[str, Any] = STUDY | {
        "download": STUDY["download"] | {"packed": {"kind": kind, "path": path}},
        "align": STUDY["align"] | {"packed": {"detectors": [{"kind": "aligned"}]}},
        "split": STUDY["split"] | {"packed": {"kind": "pairs" if kind == "verification-bin" else "images"}},
    }
    a_study = check(raw)
    for stage in (download, align, split):
        stage.run(a_study, "packed", at.root)
    return FaceStore(at.faces("packed"))


def test_train_and_val_sitters_are_a_training_set_to_the_byte(at: Layout) -> None:
    pack.run(study(), "tiny", str(at.root / "out"), at.root)
    packed, store = taken_up(at, "recordio", "out/train.rec"), FaceStore(at.faces("tiny"))
    known = {bytes(store.encoded(i)): store.sitters[i] for i in range(25)}
    names = {row["label"]: row["sitter"] for row in read_csv(at.root / "out/labels.csv")}
    assert {bytes(packed.encoded(i)): names[packed.sitters[i]] for i in range(len(packed))} == known
    assert (at.root / "out/property").read_text() == "5,112,112\n"


def test_test_sitters_are_a_verification_set_in_ten_even_folds(at: Layout) -> None:
    pack.run(study(), "tiny", str(at.root / "out"), at.root)
    taken_up(at, "verification-bin", "out/tiny.bin")
    pairs = read_csv(at.split("packed") / "pairs.csv")
    assert Counter((row["fold"], row["genuine"]) for row in pairs) == {(str(f), g): 4 for f in range(10) for g in "01"}
    images, same = read_bin(at.root / "out/tiny.bin")
    store = FaceStore(at.faces("tiny"))
    who = {bytes(store.encoded(i)): (store.sitters[i], i) for i in range(25, 45)}
    for n, genuine in enumerate(same):
        (a, i), (b, j) = who[images[2 * n]], who[images[2 * n + 1]]
        assert (a == b) == genuine
        assert i != j
    drawn = [frozenset((images[2 * n], images[2 * n + 1])) for n in range(len(same))]
    assert len(set(drawn)) == len(drawn), "no pair stands twice"


def test_pairs_that_the_set_comes_with_are_kept_as_they_are(at: Layout) -> None:
    listed = [("s6/0", "s6/1", 1, 0), ("s6/0", "s7/1", 0, 1)]
    columns = ["image_a", "image_b", "genuine", "fold"]
    write_csv(at.split("tiny") / "pairs.csv", [dict(zip(columns, p, strict=True)) for p in listed], columns)
    pack.run(study(), "tiny", str(at.root / "out"), at.root)
    images, same = read_bin(at.root / "out/tiny.bin")
    store = FaceStore(at.faces("tiny"))
    assert images == [bytes(store.encoded(store.image_ids.index(i))) for a, b, *_ in listed for i in (a, b)]
    assert same == [True, False]


def test_the_second_image_may_come_from_another_data_set() -> None:
    first, second = {"a1": "a", "b1": "b"}, {f"{s}-{n}": s for s in "abc" for n in range(10)}
    pairs = pack.drawn(first, second, 1)
    assert len(pairs) == 40
    assert all((a[0] == b[0]) == genuine and a in first and b in second for a, b, genuine in pairs)
    assert pairs == pack.drawn(first, second, 1) != pack.drawn(first, second, 2)


def test_the_command_packs_and_nothing_to_pack_is_said(at: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    table = at.split("tiny") / "split.csv"
    rows = read_csv(table)
    write_csv(table, [row | {"subset": "unused"} for row in rows], list(rows[0]))
    with pytest.raises(SitterError, match="tiny has neither train or val sitters nor pairs to test on"):
        pack.run(study(), "tiny", str(at.root / "out"), at.root)
    assert main(["pack", "tinny", "out", "--params", "none.yaml"]) == 1
    assert "none.yaml does not exist" in capsys.readouterr().err
