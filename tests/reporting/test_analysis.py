"""The page shows overlaps, attribution maps, linear probes and distances, and loads nothing for them."""

from __future__ import annotations

import re

import numpy as np
import pytest

from pipeline.core.files import read_csv
from pipeline.core.layout import Layout
from pipeline.params import Study
from pipeline.reporting.album import BLUE, RED, tinted
from pipeline.stages import report
from pipeline.store.attributions import ExplainedPair, write_attributions
from pipeline.store.overlaps import SharedImage, SharedSitter, Summary, write_overlap
from pipeline.store.subset_size import SubsetSize
from tests.reporting.page_reader import PageReader
from tests.reporting.standin import drawn_crops, small_study, write_run

IDS = ["s1/1", "s3/3"]


def full_study() -> Study:
    benchmarks = {
        "across": {"kind": "all-pairs", "probe": "painted", "gallery": "photos"},
        "space": {"kind": "geometry", "dataset": "photos", "centres": "painted"},
        "style": {"kind": "linear-probe", "dataset": "painted", "predict": "style", "folds": 3},
    }
    return small_study(
        evaluate={"far": [0.1], "bootstrap": {"replicates": 100}, "benchmarks": benchmarks},
        overlap={"mine": {"train": ["painted"], "test": "photos"}},
        explain={"models": ["dlib", "dlib-head"], "probe": "photos", "pairs": 1},
    )


def write_maps(model: str, pairs: list[tuple[str, str, str]], at: Layout) -> None:
    """Write the files of `explain` for pairs (sort, probe, gallery)."""
    folder = at.attributions(model)
    folder.mkdir(parents=True)
    rows = [ExplainedPair(n, sort, 1, a, b, "photos", "photos", 0.5 + n / 10) for n, (sort, a, b) in enumerate(pairs)]
    rng = np.random.default_rng(len(model))
    maps = [rng.normal(size=(112, 112)).astype(np.float32) for _ in range(2 * len(pairs))]
    write_attributions(folder, rows, maps)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> PageReader:
    study, at = full_study(), Layout(tmp_path_factory.mktemp("analysis"))
    write_run(study, drawn_crops(48, 12), at.root)
    ids = [r["image_id"] for r in read_csv(at.split("photos") / "split.csv") if r["subset"] == "test"]
    pairs = [("hardest_genuine", ids[0], ids[1]), ("hardest_impostor", ids[2], ids[3])]
    write_maps("dlib", pairs, at)
    write_maps("dlib-head", pairs, at)
    known = [r["image_id"] for r in read_csv(at.split("painted") / "split.csv") if r["subset"] == "train"]
    where = at.overlap("mine")
    where.mkdir(parents=True)
    image = SharedImage(ids[0], known[0], "painted", test_sitter="<b>", train_sitter="you", similarity=0.9812)
    sitter = SharedSitter("s2", "me", "painted", by_name=False, by_embedding=True, similarity=0.77)
    summary = Summary(
        train=SubsetSize(images=1234, sitters=77), test=SubsetSize(images=43, sitters=6), near_duplicates=1,
        sitters_by_name=0, sitters_by_embedding=1, model="dlib", threshold=0.75, by_chance=0.25, exclude="images",
        excluded=3,
    )  # fmt: skip
    write_overlap(where, [image], [sitter], [], summary)
    report.run(study, at.root)
    return PageReader(at.report().read_text(encoding="utf-8"))


def test_page_stands_alone_and_is_well_formed(page: PageReader) -> None:
    assert all(address.startswith(("#", "data:")) for address in page.addresses)
    assert {address[1:] for address in page.addresses if address.startswith("#")} <= set(page.ids())
    assert len(page.ids()) == len(set(page.ids()))
    assert page.unclosed == []


def test_maps_of_all_models_stand_beside_their_pair(page: PageReader) -> None:
    labels = [a.get("aria-label", "") for tag, a in page.tags if tag == "svg"]
    for model in ("dlib", "dlib-head"):
        for side in ("probe", "gallery"):
            assert labels.count(f"What {model} looks at in the {side} image") == 2
    text = " ".join(page.text.split())
    assert "What the models look at" in text
    assert "The pairs were chosen by dlib" in text
    assert "0.500" in text
    after = zip(page.tags, page.tags[1:], strict=False)
    maps = [b["href"] for (tag, a), (_, b) in after if tag == "svg" and "looks at" in a.get("aria-label", "")]
    assert len(set(maps)) == len(maps) == 8, "each face of each pair, for each model"


def test_overlap_is_counted_listed_and_shown(page: PageReader) -> None:
    text = " ".join(page.text.split())
    assert re.search(r"photosminepainted431677010\.23", text.replace(" ", "").replace("1,234", "")), text
    assert "<b> / you" in text
    assert "0.981" in text
    assert re.search(r"s2\s*me\s*painted\s*embedding\s*0\.77", text)


def test_probe_stands_with_its_chance_level_and_interval(page: PageReader) -> None:
    text = " ".join(page.text.split())
    assert "balanced accuracy, %" in text
    assert "chance, %" in text
    assert re.search(r"dlib-head\s*\d+\.\d\s*\d+\.\d–\d+\.\d\s*33\.3", text), "three styles: chance is a third"
    assert "a linear classifier predicts this property" in text


def test_probe_ranks_no_model(page: PageReader) -> None:
    text = " ".join(page.text.split())
    assert "on style" not in text.split("Summary")[0]


def test_distances_to_the_nearest_training_sitter_are_a_figure(page: PageReader) -> None:
    labels = [a.get("aria-label", "") for tag, a in page.tags if tag == "svg"]
    assert labels.count("Distance of the test images of space to the nearest mean embedding of a training sitter.") == 1
    assert "Nearest training sitter." in page.text


def test_colours_of_a_map_say_for_and_against() -> None:
    crop = np.full((2, 3, 3), 128, np.uint8)
    dyed = tinted(crop, np.array([[1, 0, -1], [0.5, 0, -2]], np.float32)).astype(int)
    assert (abs(dyed[0, 0] - RED) < abs(dyed[0, 0] - BLUE)).sum() >= 2
    assert (abs(dyed[0, 2] - BLUE) < abs(dyed[0, 2] - RED)).sum() >= 2
    assert len(set(dyed[0, 1])) == 1, "grey where nothing counts"
    assert (dyed[1, 2] == dyed[0, 2]).all()
