"""The choice of the faces that a model is trained on."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.core.errors import SitterError
from pipeline.core.files import read_csv, write_csv
from pipeline.core.layout import Layout
from tests.training.study import make_faces, study, train_and_val

COLUMNS = ["image_id", "sitter", "subset", "fold", "origin"]


def rewrite(at: Layout, dataset: str, **changes: str) -> None:
    """Set fields of the first line of a split."""
    table = at.split(dataset) / "split.csv"
    rows = read_csv(table)
    rows[0] |= changes
    write_csv(table, rows, COLUMNS)


def test_only_train_sitters_are_learned_from_and_only_val_sitters_validate(at: Layout, project: Path) -> None:
    train, val = train_and_val(at)
    assert (len(train), train.sitters) == (30, 6)
    assert (len(val), val.sitters) == (10, 2)
    assert {train.name(i).split("/")[1] for i in range(30)} == {f"s{k}" for k in range(6)}
    assert {val.name(i).split("/")[1] for i in range(10)} == {"s6", "s7"}
    assert train.name(0) == "tiny/s0/0"


def test_the_same_name_in_unrelated_data_sets_is_someone_else(at: Layout, project: Path) -> None:
    make_faces(at, "more")
    train, val = train_and_val(at, train_on=["tiny", "more"])
    assert (len(train), train.sitters, val.sitters) == (60, 12, 4)


def test_the_same_name_in_a_data_set_split_like_another_is_the_same_sitter(at: Layout, project: Path) -> None:
    make_faces(at, "more")
    raw = study()
    like = type(raw.split["tiny"]).model_validate({"kind": "sitters", "test": 0.2})
    splits = {"tiny": like, "more": raw.split["tiny"].model_copy(update={"kind": "like"})}
    object.__setattr__(splits["more"], "__dict__", splits["more"].__dict__ | {"dataset": "tiny"})
    train, val = train_and_val(at, splits, train_on=["tiny", "more"])
    assert (len(train), train.sitters, val.sitters) == (60, 6, 2)


def test_a_sitter_that_both_trains_and_validates_is_refused(at: Layout, project: Path) -> None:
    rewrite(at, "tiny", subset="val")
    with pytest.raises(SitterError, match=r"sitter 's0' of tiny both trains and validates"):
        train_and_val(at)


def test_an_image_of_the_split_that_has_no_face_is_named_with_its_line(at: Layout, project: Path) -> None:
    rewrite(at, "tiny", image_id="s0/99")
    with pytest.raises(SitterError, match=r"split\.csv, line 2: image 's0/99' is not among the 45 faces"):
        train_and_val(at)


def test_a_split_without_train_images_is_refused(at: Layout, project: Path) -> None:
    make_faces(at, train=0)
    with pytest.raises(SitterError, match="no image of tiny has the subset train"):
        train_and_val(at)


def test_one_fold_is_left_out_and_the_next_validates(at: Layout, project: Path) -> None:
    table = at.split("tiny") / "split.csv"
    rows = [row | {"subset": "test", "fold": str(int(row["sitter"][1:]) % 4)} for row in read_csv(table)]
    write_csv(table, rows, COLUMNS)
    for fold in range(4):
        train, val = train_and_val(at, fold=fold)
        learned, validated = (
            {int(f.name(i).split("/s")[1].split("/")[0]) % 4 for i in range(len(f))} for f in (train, val)
        )
        assert validated == {(fold + 1) % 4}
        assert learned == set(range(4)) - {fold, (fold + 1) % 4}
    with pytest.raises(SitterError, match=r"training\.fold is 4, but .* has the folds 0 to 3"):
        train_and_val(at, fold=4)


def test_a_fold_changes_nothing_where_there_are_train_sitters(at: Layout, project: Path) -> None:
    train, val = train_and_val(at, fold=1)
    assert (len(train), len(val)) == (30, 10)


def test_validation_on_fewer_images_takes_whole_sitters_and_the_same_ones_each_time(at: Layout, project: Path) -> None:
    make_faces(at, train=1, val=8)
    _, val = train_and_val(at)
    fewer = val.at_most(17, seed=1)
    assert (len(fewer), fewer.sitters) == (15, 3)
    names = [fewer.name(i) for i in range(15)]
    assert [val.at_most(17, seed=1).name(i) for i in range(15)] == names
    assert [val.at_most(17, seed=2).name(i) for i in range(15)] != names
    assert val.at_most(40, seed=1) is val
