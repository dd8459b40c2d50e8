"""The page for a human shows what is doubtful, and its lines do what they say when copied into the corrections."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from PIL import Image

from pipeline.core.layout import Layout
from pipeline.reporting import doubtful_faces
from pipeline.stages import align
from pipeline.store.accounts import DOUBTFUL, as_account, doubtful_file
from tests.faces.real import install_scrfd, no_face, photograph
from tests.test_align import SCRFD, account, half_a_face, put, study, two_faces

SURE = {
    "image_id": "a",
    "path": "a.png",
    "sitter": "eileen",
    "status": "aligned",
    "reason": "",
    "faces": "1",
    "detector": "scrfd",
    "score": "0.9",
    "x0": "10",
    "y0": "10",
    "x1": "60",
    "y1": "70",
    "misfit": "3.1",
    "others": "",
    "corrected": "",
}


class Page(HTMLParser):
    """What a page says: its lines to copy, its headings, and the addresses that it refers to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.codes: list[str] = []
        self.headings: list[str] = []
        self.addresses: list[str] = []
        self._in = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in = tag if self._in != "h2" else "h2"
        self.headings += [""] if tag == "h2" else []
        self.addresses += [value or "" for name, value in attrs if name in ("href", "src")]
        self.codes += [""] if tag == "code" else []

    def handle_endtag(self, tag: str) -> None:
        self._in = "" if tag != "small" else self._in

    def handle_data(self, data: str) -> None:
        if self._in == "code":
            self.codes[-1] += data
        elif self._in == "h2":
            self.headings[-1] += data

    def lines(self, image_id: str) -> list[str]:
        return [code for code in self.codes if code.startswith(image_id)]


def page(at: Layout) -> Page:
    return Page(doubtful_file("people", at).read_text())


@pytest.fixture(autouse=True)
def project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"status": "no_face", "score": "", "x0": ""}, ["no face"]),
        ({"faces": "2"}, ["several faces"]),
        ({"score": "0.59"}, ["a low score"]),
        ({"reason": "half a face: nose beyond the edge"}, ["half a face"]),
        ({"misfit": "10.5"}, ["landmarks far from a frontal face's"]),
        ({"x1": "29"}, ["a small face"]),
        ({"x1": "29", "detector": "aligned"}, []),
        ({"reason": "retinaface-mobilenet found no face"}, ["found by a later detector only"]),
        ({"faces": "3", "score": "0.5"}, ["several faces", "a low score"]),
        ({"faces": "3", "corrected": "box"}, []),
        ({"status": "dropped", "corrected": "drop"}, []),
        ({"status": "unreadable"}, []),
    ],
)
def test_what_is_doubtful(changes: dict[str, str], expected: list[str]) -> None:
    assert doubtful_faces.doubts(as_account(SURE | changes), 0.6) == expected


def test_one_kind_may_be_tried_twice_and_the_account_says_who_found_nothing(at: Layout) -> None:
    install_scrfd(at)
    strict, lenient = {**SCRFD, "threshold": 0.999}, {**SCRFD, "threshold": 0.3}
    put(at, {"a.png": photograph()})
    align.run(study(detectors=[{"kind": "aligned"}, strict, lenient]), "people", at.root)
    row = account(at)["a.png"]  # square, so taken as it is
    assert (row["detector"], row["reason"]) == ("aligned", "")
    align.run(study(detectors=[strict, lenient]), "people", at.root)
    row = account(at)["a.png"]
    assert (row["status"], row["detector"], row["reason"]) == ("aligned", "scrfd", "scrfd found no face")
    assert page(at).headings == ["Found by a later detector only 1"]


def test_its_lines_correct_what_it_shows(at: Layout) -> None:
    install_scrfd(at)
    put(at, {"plain.png": photograph(), "a, b.png": no_face(), "two.png": two_faces(), "half.png": half_a_face()})
    align.run(study(), "people", at.root)
    shown = page(at)
    assert shown.headings == ["No face 1", "Several faces 1", "Half a face 1"]
    assert len(shown.addresses) == 3
    assert all(address.startswith("data:image/jpeg;base64,") for address in shown.addresses)
    assert not shown.lines("plain.png")
    take, drop = shown.lines("two.png")
    assert drop == "two.png,,,drop"
    assert shown.lines('"a, b.png"') == ['"a, b.png",,,drop']
    header = next(code for code in shown.codes if code.startswith("image_id"))
    (at.root / "mine.csv").write_text("\n".join([header, take, '"a, b.png",,,drop']) + "\n")
    align.run(study(corrections="mine.csv"), "people", at.root)
    found = account(at)
    assert found["a, b.png"]["status"] == "dropped"
    assert (found["two.png"]["corrected"], found["two.png"]["detector"]) == ("box", "scrfd")
    assert float(found["two.png"]["x0"]) > 512 > float(found["plain.png"]["x1"])
    assert page(at).headings == ["Half a face 1"]
    assert "mine.csv" in page(at).codes


def test_it_has_the_same_bytes_each_time_and_no_more_pictures_than_it_can_bear(
    at: Layout,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(doubtful_faces, "SHOWN", 3)
    small = no_face().resize((60, 40))
    put(at, {f"{i}.png": small for i in range(30)} | {"face.png": photograph().crop((165, 50, 277, 162))})
    pages = []
    for _ in range(2):
        align.run(study(detectors=[{"kind": "aligned"}]), "people", at.root)
        pages.append(doubtful_file("people", at).read_bytes())
    assert pages[0] == pages[1]
    assert page(at).headings == ["No face 3 of 30, the most doubtful"]
    assert [code for code in page(at).codes if code.endswith("drop") and "image_id" not in code] == [
        f"{i}.png,,,drop" for i in range(3)
    ]


def test_where_nothing_is_doubtful_it_says_so(at: Layout) -> None:
    put(at, {"a.png": photograph().crop((165, 50, 277, 162))})
    align.run(study(detectors=[{"kind": "aligned"}]), "people", at.root)
    assert page(at).headings == []
    assert "0 of 1 images" in doubtful_file("people", at).read_text()


def test_hostile_names_stay_text(at: Layout) -> None:
    crowd = SURE | {"image_id": "<script>alert(1)</script>", "sitter": "<b>&", "faces": "2", "others": "1 2 30 40 0.9"}
    folder = at.root / "out"
    folder.mkdir()
    Image.new("RGB", (80, 80)).save(at.root / "a.png")
    found = doubtful_faces.Doubtful(0.6)
    found.add(as_account(crowd))
    found.write(folder, "people", at.root, 200, None)
    text = (folder / DOUBTFUL).read_text()
    assert "<script>" not in text
    assert Page(text).lines("<script>") == [f"{crowd['image_id']},1 2 30 40,,", f"{crowd['image_id']},,,drop"]
