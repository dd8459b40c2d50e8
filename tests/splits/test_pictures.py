"""No benchmark counts a pair of images of one picture, in two data sets or under two names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import pytest

from pipeline.core.layout import Layout
from pipeline.core.pixels import RGBImage
from pipeline.metrics.all_pairs import all_pairs
from pipeline.metrics.geometry import geometry
from pipeline.metrics.identification import identification
from pipeline.metrics.reader import Reader
from pipeline.params import Study, check
from pipeline.params.metrics.all_pairs import AllPairsOptions
from pipeline.params.metrics.geometry import GeometryOptions
from pipeline.params.metrics.identification import IdentificationOptions
from pipeline.plan.stages import jobs
from pipeline.stages import split
from pipeline.store.embeddings import write_embeddings
from tests.faces_of_noise import face
from tests.splits.test_trained import FROZEN
from tests.test_split import aligned, people

ACROSS: dict[str, Any] = {"kind": "all-pairs", "probe": "photos", "gallery": "portraits"}


def study(near: bool = True, **splits: Any) -> Study:
    """Return a study with a frozen model and two data sets, all test sitters, that are compared with each other."""
    own = {"kind": "sitters", "test": 1.0, "near_duplicates": near}
    names = {"photos": own, "portraits": own, **splits}
    raw: dict[str, Any] = {
        "seed": 1,
        "download": {name: {"kind": "folder", "path": "."} for name in names},
        "align": {name: {"detectors": [{"kind": "aligned"}]} for name in names},
        "split": names,
        "train": {},
        "models": {"net": FROZEN},
        "embed": {"datasets": list(names), "batch": 8},
        "evaluate": {
            "far": [0.1],
            "bootstrap": {"replicates": 100},
            "benchmarks": {"across": ACROSS, "photos": {"kind": "all-pairs", "probe": "photos"}},
        },
    }
    return check(raw)


def write_dataset(
    at: Layout, found: Study, dataset: str, rows: Sequence[dict[str, str]], crops: Sequence[RGBImage]
) -> None:
    """Write faces, split and embeddings; a vector is a small copy of the crop, so one picture has a cosine of 1."""
    aligned(at.root, dataset, rows, crops)
    split.run(found, dataset, at.root)
    folder = at.embeddings("net", dataset)
    folder.mkdir(parents=True, exist_ok=True)
    small = [cv2.resize(c, (8, 8), interpolation=cv2.INTER_AREA).astype(np.float32).reshape(-1) - 128 for c in crops]
    write_embeddings(folder, [row["image_id"] for row in rows], np.stack(small))


def jpeg(image: RGBImage) -> RGBImage:
    data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 75])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


@pytest.mark.parametrize("near", [True, False])
def test_a_picture_in_probes_and_gallery_is_excluded_and_counted(
    at: Layout, near: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first photograph of each of sitters 0 to 2 is also among the portraits: re-encoded, or the same file."""
    found = study(near)
    photos = [{**row, "sha256": f"{n:064x}"} for n, row in enumerate(people(6, 2))]
    portraits = [{**row, "sha256": f"{100 + n:064x}"} for n, row in enumerate(people(6, 2))]
    mine, theirs = [face(n) for n in range(12)], [face(100 + n) for n in range(12)]
    for n in (0, 2, 4):
        theirs[n + 1] = jpeg(mine[n]) if near else mine[n]
        portraits[n + 1]["sha256"] = portraits[n + 1]["sha256"] if near else photos[n]["sha256"]
    write_dataset(at, found, "photos", photos, mine)
    write_dataset(at, found, "portraits", portraits, theirs)
    read = Reader(found, at)
    assert "3 test images of portraits show the same picture" in capsys.readouterr().err
    result = all_pairs(read.context("net"), AllPairsOptions(probe="photos", gallery="portraits"))
    assert {name: result.scalars[name].value for name in ("genuine", "impostor", "excluded")} == {
        "genuine": 6 * 4 - 3, "impostor": 144 - 24, "excluded": 3,
    }  # fmt: skip
    assert max(e.score for e in result.examples) < 0.99
    ranks = identification(read.context("net"), IdentificationOptions(probe="photos", gallery="portraits")).scalars
    assert ranks["excluded"].value == 3
    assert {at.faces("photos"), at.faces("portraits")} <= set(jobs(found, at.root)[-2].inputs)


def test_data_sets_that_share_no_sitter_are_told_before_anything_is_computed(
    at: Layout, capsys: pytest.CaptureFixture[str]
) -> None:
    found = study()
    write_dataset(at, found, "photos", people(6, 2), [face(n) for n in range(12)])
    others = [{**row, "sitter": f"other {row['sitter']}"} for row in people(4, 2)]
    write_dataset(at, found, "portraits", others, [face(100 + n) for n in range(8)])
    read = Reader(found, at)
    capsys.readouterr()
    read.check()
    assert "none of the 6 test sitters of photos is among the 4 of portraits" in capsys.readouterr().err
    result = all_pairs(read.context("net"), AllPairsOptions(probe="photos", gallery="portraits"))
    assert result.scalars["eer"].note == "there is no genuine pair: no probe's sitter is in the gallery"


def test_a_picture_under_two_names_is_no_impostor_pair(at: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    found = study()
    rows, crops = people(6, 3), [face(n) for n in range(18)]
    crops[4] = jpeg(crops[0])
    write_dataset(at, found, "photos", rows, crops)
    write_dataset(at, found, "portraits", people(3, 2), [face(200 + n) for n in range(6)])
    result = all_pairs(Reader(found, at).context("net"), AllPairsOptions(probe="photos"))
    assert (result.scalars["excluded"].value, result.scalars["impostor"].value) == (1, 18 * 17 // 2 - 18 - 1)
    assert max(e.score for e in result.examples) < 0.99
    assert "1 pictures stand under different sitters' names" in capsys.readouterr().err
    context = Reader(found, at).context("net")
    images = context.embedded("photos", "test")
    vectors = images.vectors / np.linalg.norm(images.vectors, axis=1, keepdims=True)
    cosine = vectors.astype(float) @ vectors.T.astype(float)
    keep = [i for i in range(18) if i != 4]
    other = [cosine[i, j] for i in keep for j in keep if i < j and images.sitters[i] != images.sitters[j]]
    measured = geometry(context, GeometryOptions(dataset="photos")).scalars["impostor_similarity"].value
    assert measured == pytest.approx(float(np.mean(other)), abs=1e-5)


def test_renderings_of_two_copies_show_one_picture(at: Layout) -> None:
    """Photographs 0/0 and 1/0 are one picture under two names; each was painted."""
    found = study(painted={"kind": "like", "dataset": "photos"})
    rows, crops = people(4, 2), [face(n) for n in range(8)]
    crops[2] = jpeg(crops[0])
    write_dataset(at, found, "photos", rows, crops)
    painted = [{**row, "image_id": f"{row['image_id']}~0", "origin": row["image_id"], "rendering": "0"} for row in rows]
    write_dataset(at, found, "painted", painted, [face(300 + n) for n in range(8)])
    write_dataset(at, found, "portraits", people(3, 2), [face(200 + n) for n in range(6)])
    evaluate = {"benchmarks": {"painted": {"kind": "all-pairs", "probe": "painted"}}}
    judged = check({**found.model_dump(mode="json", exclude_unset=True), "evaluate": evaluate})
    assert all_pairs(Reader(judged, at).context("net"), AllPairsOptions(probe="painted")).scalars["excluded"].value == 1
    assert at.split("photos") in jobs(judged, at.root)[-2].inputs


def test_sets_without_checksums_or_copies_share_nothing(at: Layout, capsys: pytest.CaptureFixture[str]) -> None:
    found = study()
    for n, dataset in enumerate(("photos", "portraits")):
        write_dataset(at, found, dataset, people(5, 2), [face(100 * n + i) for i in range(10)])
    result = all_pairs(Reader(found, at).context("net"), AllPairsOptions(probe="photos", gallery="portraits"))
    assert result.scalars["excluded"].value == 0
    assert "same picture" not in capsys.readouterr().err
