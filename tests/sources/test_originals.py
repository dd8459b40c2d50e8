"""LFW and CFP as their authors publish them: the pairs, their folds and sitters, from made-up pictures in that form."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from pipeline.core.errors import SitterError
from pipeline.core.files import read_csv
from pipeline.core.layout import Layout
from pipeline.sources.cfp import read_protocol
from pipeline.sources.lfw import read_pairs
from pipeline.stages import align, download, split
from tests.sources.pictures import picture
from tests.sources.stages import fetch, study

LFW = """2\t2
Ann_Lee\t1\t2
Bo\t1\t3
Ann_Lee\t2\tBo\t1
Bo\t3\tCy\t12
Cy\t1\t12
Ann_Lee\t1\t2
Cy\t1\tAnn_Lee\t1
Bo\t2\tAnn_Lee\t2
"""


@pytest.fixture(autouse=True)
def here(project: Path) -> None:
    """An empty project."""


def lfw(at: Layout, text: str = LFW) -> dict[str, Any]:
    (at.root / "pairs.txt").write_text(text)
    for number, (name, count) in enumerate({"Ann_Lee": 2, "Bo": 4, "Cy": 12}.items()):
        folder = at.root / "lfw" / name
        folder.mkdir(parents=True, exist_ok=True)
        for i in range(1, count + 1):
            (folder / f"{name}_{i:04d}.jpg").write_bytes(picture(20 * number + i))
    return {"kind": "lfw", "path": "lfw", "pairs": "pairs.txt"}


def cfp(at: Layout, protocol: str) -> dict[str, Any]:
    """Four people with three frontal and two profile pictures each, two folds of two and two pairs."""
    root, lists = at.root / "cfp-dataset", {"F": "", "P": ""}
    for person in range(1, 5):
        for kind, name, count in (("F", "frontal", 3), ("P", "profile", 2)):
            folder = root / f"Data/Images/{person:03d}/{name}"
            folder.mkdir(parents=True, exist_ok=True)
            for i in range(1, count + 1):
                (folder / f"{i:02d}.jpg").write_bytes(picture(100 * person + 10 * (kind == "P") + i))
                lists[kind] += f"{(person - 1) * count + i} ../Data/Images/{person:03d}/{name}/{i:02d}.jpg\n"
    for kind, text in lists.items():
        (root / "Protocol").mkdir(exist_ok=True)
        (root / f"Protocol/Pair_list_{kind}.txt").write_text(text)
    for which, same, diff in (("FF", "1,2\n4,6\n", "1,4\n5,7\n"), ("FP", "1,2\n4,3\n", "1,4\n5,7\n")):
        for fold in ("01", "02"):
            folder = root / f"Protocol/Split/{which}/{fold}"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "same.txt").write_text(same)
            (folder / "diff.txt").write_text(diff)
    return {"kind": "cfp", "path": "cfp-dataset", "protocol": protocol}


def standing(rows: list[dict[str, str]]) -> dict[int, tuple[str, str, bool]]:
    """The pairs that a manifest's column tells, by number."""
    sides: dict[int, dict[str, str]] = {}
    for row in rows:
        for place in row["pairs"].split():
            sides.setdefault(int(place[:-2]), {"sign": place[-1]})[place[-2]] = row["image_id"]
    return {number: (s["a"], s["b"], s["sign"] == "+") for number, s in sorted(sides.items())}


def test_lfw_s_list_gives_its_pairs_in_their_order_and_only_their_images_are_copied(at: Layout) -> None:
    rows = fetch(at, **lfw(at))
    assert list(standing(rows).values()) == [
        ("Ann_Lee/Ann_Lee-Ann_Lee_0001", "Ann_Lee/Ann_Lee-Ann_Lee_0002", True),
        ("Bo/Bo-Bo_0001", "Bo/Bo-Bo_0003", True),
        ("Ann_Lee/Ann_Lee-Ann_Lee_0002", "Bo/Bo-Bo_0001", False),
        ("Bo/Bo-Bo_0003", "Cy/Cy-Cy_0012", False),
        ("Cy/Cy-Cy_0001", "Cy/Cy-Cy_0012", True),
        ("Ann_Lee/Ann_Lee-Ann_Lee_0001", "Ann_Lee/Ann_Lee-Ann_Lee_0002", True),
        ("Cy/Cy-Cy_0001", "Ann_Lee/Ann_Lee-Ann_Lee_0001", False),
        ("Bo/Bo-Bo_0002", "Ann_Lee/Ann_Lee-Ann_Lee_0002", False),
    ]
    assert {row["sitter"] for row in rows} == {"Ann_Lee", "Bo", "Cy"}
    assert len(rows) == 7
    copied = at.raw("set") / next(row["path"] for row in rows if row["image_id"].endswith("Cy_0012"))
    assert copied.read_bytes() == (at.root / "lfw/Cy/Cy_0012.jpg").read_bytes()


def test_lfw_s_own_list_has_ten_folds_of_six_hundred(at: Layout) -> None:
    lines = ["10\t300"]
    for _ in range(10):
        lines += [f"A_{i}\t1\t2" for i in range(300)] + [f"A_{i}\t1\tB_{i}\t3" for i in range(300)]
    (at.root / "pairs.txt").write_text("\n".join(lines) + "\n")
    pairs = read_pairs(at.root / "pairs.txt")
    assert len(pairs) == 6000
    assert [pair.genuine for pair in pairs] == ([True] * 300 + [False] * 300) * 10


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: found ''; expected the number of folds"),
        ("Ann\t1\t2\n", "line 1: found 'Ann 1 2'; expected the number of folds"),
        ("2\t2\nBo\t1\t3\n", "line 1 says 2 folds of 2 genuine and 2 impostor pairs, which is 8 lines, but 1 follow"),
        (LFW.replace("Bo\t1\t3", "Bo\t1\tCy\t3"), "line 3: found 'Bo 1 Cy 3'; expected a name and two numbers"),
        (LFW.replace("Cy\t1\tAnn", "Cy\tx\tAnn"), "line 8: found 'Cy x Ann_Lee 1'; expected a name and a number, tw"),
        (LFW.replace("Cy\t12", "Cy\t99"), "lfw/Cy/Cy_0099.jpg is in a list of pairs, but it does not exist"),
        (LFW.replace("Bo\t1\t3", "../Bo\t1\t3"), "names '../Bo/../Bo_0001.jpg', which leads out of lfw"),
    ],
)
def test_a_list_that_is_not_lfw_s_is_refused_with_the_line(at: Layout, text: str, message: str) -> None:
    source = lfw(at, text)
    with pytest.raises(SitterError) as error:
        fetch(at, **source)
    assert message in str(error.value).replace(f"{at.root}/", "")  # paths as in params.yaml


@pytest.mark.parametrize(("protocol", "side"), [("FF", "frontal"), ("FP", "profile")])
def test_cfp_s_protocol_gives_frontal_images_against_its_other_list(at: Layout, protocol: str, side: str) -> None:
    rows = fetch(at, **cfp(at, protocol))
    found = standing(rows)
    assert len(found) == 8
    second = {"FF": ("frontal-02", "frontal-03", "frontal-01", "frontal-01")}.get(
        protocol, ("profile-02", "profile-01", "profile-02", "profile-01")
    )
    others = {"FF": ("001", "002", "002", "003"), "FP": ("001", "002", "002", "004")}[protocol]
    firsts = ("001/frontal-01", "002/frontal-01", "001/frontal-01", "002/frontal-02")
    expected = [
        (a, f"{who}/{b}", genuine)
        for a, who, b, genuine in zip(firsts, others, second, (True, True, False, False), strict=True)
    ]
    assert list(found.values()) == expected * 2
    assert {row["sitter"] for row in rows if side in row["image_id"]} <= {"001", "002", "003", "004"}


def test_what_is_wrong_with_a_protocol_is_named_with_file_and_line(at: Layout) -> None:
    cfp(at, "FP")
    root = at.root / "cfp-dataset"
    same = root / "Protocol/Split/FP/01/same.txt"
    for text, message in (
        ("1;2\n", r"same\.txt, line 1: found '1;2'; expected two numbers"),
        ("1,2\n99,2\n", r"same\.txt, line 2: image 99 does not stand in Pair_list_F\.txt"),
        ("1,99\n", r"same\.txt, line 1: image 99 does not stand in Pair_list_P\.txt"),
    ):
        same.write_text(text)
        with pytest.raises(SitterError, match=message):
            read_protocol(root, "FP")
    same.unlink()
    with pytest.raises(SitterError, match=r"same\.txt does not exist"):
        read_protocol(root, "FP")
    (root / "Protocol/Pair_list_P.txt").write_text("1\n")
    with pytest.raises(SitterError, match=r"Pair_list_P\.txt, line 1: found '1'; expected a number and the path"):
        read_protocol(root, "FP")
    cfp(at, "FP")
    shutil.rmtree(root / "Protocol/Split/FP")
    with pytest.raises(SitterError, match="holds no folds 01, 02"):
        read_protocol(root, "FP")


def test_a_pair_without_a_face_is_dropped_from_its_fold_and_counted(
    at: Layout, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """From the files to the pairs; what is not square has no face for the detector `aligned`."""
    from PIL import Image

    source = lfw(at)
    Image.new("RGB", (30, 20)).save(at.root / "lfw/Cy/Cy_0012.jpg")
    whole = study(source, {"kind": "pairs", "folds": 2})
    download.run(whole, "set", at.root)
    align.run(whole, "set", at.root)
    split.run(whole, "set", at.root)
    listed = read_csv(at.split("set") / "pairs.csv")
    assert [(row["genuine"], row["fold"]) for row in listed] == [
        ("1", "0"), ("1", "0"), ("0", "0"), ("1", "1"), ("0", "1"), ("0", "1"),
    ]  # fmt: skip
    said = capsys.readouterr().err + caplog.text
    assert "2 of 8 pairs are left out, since an image has no face" in said
    assert "1 of fold 0, 1 of fold 1: figures are not comparable" in said
