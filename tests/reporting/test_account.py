"""The account of the data counts the images that a human dropped or corrected, and names the page of doubtful faces."""

from __future__ import annotations

from pipeline.core.files import write_csv
from pipeline.core.layout import Layout
from pipeline.core.typed_files import read_folder
from pipeline.faces.project_pictures import ProjectPictures
from pipeline.reporting.account import DataSet, data_set
from pipeline.reporting.album import StudyAlbum
from pipeline.stages.report import images_of
from pipeline.store.splits import SplitCounts, copies_file
from tests.test_align import study


def shown(at: Layout) -> DataSet:
    images = images_of(study(), "people", at)
    assert images is not None
    return data_set(images, StudyAlbum(ProjectPictures(at)))


def test_what_a_human_did_is_counted(at: Layout) -> None:
    rows = [
        {"image_id": str(i), "path": f"{i}.png", "sitter": "ada", "status": "aligned", "faces": "1"} for i in range(5)
    ]
    rows[1]["corrected"], rows[2]["corrected"] = "box", "landmarks"
    rows[3] |= {"status": "dropped", "corrected": "drop", "reason": "dropped by row 2 of the corrections", "faces": "0"}
    rows[4] |= {"status": "no_face", "reason": "no face with a score of 0.5 or more", "faces": "0"}
    at.faces("people").mkdir(parents=True)
    write_csv(at.faces("people") / "faces.csv", rows, [*rows[0], "reason", "corrected"])
    found = shown(at)
    assert (found.images, found.aligned, found.no_face, found.dropped, found.corrected) == (5, 3, 1, 1, 2)
    assert [case.image_id for case in found.failures] == ["4"]
    assert found.reasons == [("no face with a score of 0.5 or more", 1)]
    assert found.doubtful == ""
    (at.faces("people") / "doubtful.html").touch()
    assert shown(at).doubtful == "data/faces/people/doubtful.html"


def test_pictures_that_stand_twice_are_counted(at: Layout) -> None:
    table = copies_file("people", at)
    assert read_folder(at.split("people"), SplitCounts).copies == (0, 0)
    table.parent.mkdir(parents=True)
    table.write_text("image_a,image_b,sitters\n1,2,same\n3,4,different\n5,6,same\n")
    assert read_folder(at.split("people"), SplitCounts).copies == (2, 1)
