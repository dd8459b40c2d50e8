"""Test sitters who are training sitters in another data set are named for the models trained on them, and no others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pytest

from pipeline.core.errors import SitterError
from pipeline.core.layout import Layout
from pipeline.metrics.reader import Reader
from pipeline.params import Study, check
from pipeline.reporting.tables import trained_sitters
from pipeline.splits.trained import seen, warn
from pipeline.store.benchmarks import Benchmark
from pipeline.store.embeddings import write_embeddings
from pipeline.store.evaluation import Evaluation, SeenElsewhere, TrainedSitters
from pipeline.store.splits import Seated, Split, write_split
from tests.fusions.test_folds import NETWORK
from tests.fusions.test_folds import study as folded

FROZEN = NETWORK | {"adaptation": {"kind": "none"}, "loss": {"kind": "none"}}
BOTH = {"kind": "sitters", "test": 0.5, "val": 0.2}
Splits = dict[str, dict[str, Seated]]


def split(at: Layout, dataset: str, sitters: Mapping[str, str], folds: Iterable[int] = ()) -> dict[str, Seated]:
    """Write a split with two images of each sitter, in the sitter's subset; return its images by image id."""
    fold_of = dict(zip(sitters, folds, strict=True)) if folds else dict.fromkeys(sitters, 0)
    images = [
        Seated(f"{n}/{i}", name, subset, fold_of[name], "", "")
        for n, (name, subset) in enumerate(sitters.items())
        for i in range(2)
    ]
    write_split(Split(at.split(dataset), images, [], [], {}))
    return {image.image_id: image for image in images}


def study(splits: Mapping[str, Any] | None = None, **changes: Any) -> Study:
    """Return a study with a frozen model, one trained on photos, and fusions with and without fitting.

    The benchmark is on portraits.
    """
    names = splits or {"photos": BOTH, "portraits": BOTH}
    raw: dict[str, Any] = {
        "seed": 1,
        "download": {name: {"kind": "folder", "path": "."} for name in names},
        "align": {name: {"detectors": [{"kind": "aligned"}]} for name in names},
        "split": dict(names),
        "train": {"train_on": ["photos"]},
        "models": {"base": FROZEN, "head": NETWORK},
        "embed": {"datasets": list(names), "batch": 8},
        "fuse": {
            "centred": {"models": ["base", "base"], "method": {"kind": "concat"}, "fit_on": ["photos"]},
            "weights": {"models": ["base", "base"], "method": {"kind": "weighted"}, "fit_on": ["photos"]},
            "of-head": {"models": ["base", "head"], "method": {"kind": "concat"}, "centre": False},
            "plain": {"models": ["base", "base"], "method": {"kind": "concat"}, "centre": False},
        },
        "evaluate": {"benchmarks": {"all": {"kind": "all-pairs", "probe": "portraits"}}},
    }
    return check(raw | changes)


def seen_by_model(at: Layout, found: Study, splits: Splits) -> dict[str, set[str]]:
    """Return the names of the sitters that `seen` finds, by model."""
    by_model: dict[str, set[str]] = {}
    for one in seen(found, found.judged, splits, at):
        for model in one.models:
            by_model.setdefault(model, set()).update(one.sitters)
    return by_model


def test_each_model_is_told_whom_it_has_learned_from_under_any_spelling(at: Layout) -> None:
    split(at, "photos", {"Ada Byron": "train", "b": "train", "c": "val", "d": "unused", "": "train"})
    portraits = split(
        at, "portraits", {"ada_byron": "test", "c": "test", "d": "test", "b": "train", "e": "test", "": "test"}
    )
    found = seen_by_model(at, study(), {"portraits": portraits})
    assert found == {"head": {"ada_byron"}, "of-head": {"ada_byron"}}, "fusions are fitted on nobody who is tested"


def test_counts_and_names_are_said_in_a_line_for_models_that_share_them(
    at: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    split(at, "photos", {f"s{n}": "train" for n in range(8)})
    portraits = split(at, "portraits", {f"s{n}": "test" for n in range(10)})
    found = seen(study(), ["base", "head", "of-head"], {"portraits": portraits}, at)
    warn(found, excluded=False)
    said = capsys.readouterr().err
    assert said.count("warning") == 1
    for words in ("8 of 10 test sitters of portraits", "head, of-head in photos", "s0, s1", "trained_sitters: exclude"):
        assert words in said
    elsewhere = tuple(SeenElsewhere(**vars(one), sentence=one.sentence()) for one in found)
    evaluation = Evaluation(1, 0.95, 100, trained_sitters=TrainedSitters(exclude=False, found=elsewhere))
    portrait_test, photo_test = (Benchmark("b", "all-pairs", name, name, {}, {}) for name in ("portraits", "photos"))
    assert len(trained_sitters(evaluation, portrait_test)) == 1
    assert trained_sitters(evaluation, photo_test) == []
    assert trained_sitters(Evaluation(1, 0.95, 100), portrait_test) == []


def test_a_data_set_and_those_split_like_it_are_kept_apart_by_the_split_itself(at: Layout) -> None:
    both = {"photos": BOTH, "portraits": {"kind": "like", "dataset": "photos"}}
    by_image = {"photos": {"kind": "images", "test": 0.5}, "portraits": BOTH}
    photos = split(at, "photos", {"a": "train", "b": "test"})
    portraits = split(at, "portraits", {"a": "test", "b": "train"})
    assert seen_by_model(at, study(both), {"photos": photos, "portraits": portraits}) == {}
    assert "head" not in seen_by_model(at, study(by_image), {"photos": split(at, "photos", {"a": "train"}) | photos})


def test_exclude_leaves_them_out_for_all_models_and_says_where_none_is_left(at: Layout) -> None:
    split(at, "photos", {"a": "train", "b": "val", "x": "test"})
    split(at, "portraits", {"a": "test", "b": "test", "c": "test"})
    evaluate = {"benchmarks": {"all": {"kind": "all-pairs", "probe": "portraits"}}}
    fuse: dict[str, Any] = {}
    for model in ("base", "head"):
        folder = at.embeddings(model, "portraits")
        folder.mkdir(parents=True)
        write_embeddings(folder, [f"{n}/{i}" for n in range(3) for i in range(2)], np.ones((6, 4), np.float32))
    keep = Reader(study(evaluate=evaluate, fuse=fuse), at)
    assert len(keep.context("head").embedded("portraits", "test")) == 6
    exclude = Reader(study(evaluate=evaluate | {"trained_sitters": "exclude"}, fuse=fuse), at)
    for model in ("base", "head"):
        assert set(exclude.context(model).embedded("portraits", "test").sitters) == {"b", "c"}
    assert exclude.excluded == {"portraits": {"0/0", "0/1"}}
    split(at, "portraits", {"a": "test"})
    with pytest.raises(SitterError, match="portraits without test sitters"):
        Reader(study(evaluate=evaluate | {"trained_sitters": "exclude"}, fuse=fuse), at)


FOLDED = {"kind": "sitters", "test": 1, "folds": 3}


def cross_validated(**fusions: Any) -> Study:
    names = ("faces", "portraits")
    return folded(
        download={name: {"kind": "folder", "path": "."} for name in names},
        align={name: {"detectors": [{"kind": "aligned"}]} for name in names},
        split=dict.fromkeys(names, FOLDED),
        embed={"datasets": list(names), "batch": 8},
        fuse={"head-cv": {"models": ["head"], "method": {"kind": "folds"}}, **fusions},
    )


def test_cross_validated_models_are_not_told_of_the_fold_that_they_have_left_out(at: Layout) -> None:
    """Model k leaves out fold k of `faces`, validates on the next fold and trains on the third one."""
    faces = split(at, "faces", dict.fromkeys("abc", "test"), folds=[0, 1, 2])
    entry = {"models": ["base", "head-cv"], "method": {"kind": "wccn"}, "fit_on": ["faces"], "crossval": True}
    found = cross_validated(
        both={**entry, "centre": True},
        of={"models": ["head-cv", "base"], "method": {"kind": "concat"}, "centre": False},
    )
    same_folds = split(at, "portraits", dict.fromkeys("abc", "test"), folds=[0, 1, 2])
    assert seen_by_model(at, found, {"faces": faces, "portraits": same_folds}) == {}
    others = split(at, "portraits", dict.fromkeys("abc", "test"), folds=[1, 2, 2])
    # a is evaluated by model 1, which is trained on fold 0; b by model 2, which is trained on fold 1 and leaves out c
    assert seen_by_model(at, found, {"faces": faces, "portraits": others}) == {
        name: {"a", "b"} for name in ("head-cv", "both", "of")
    }
