"""IJB-B and IJB-C in both of their forms, and TinyFace: what becomes of their protocol files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.core.errors import SitterError
from pipeline.core.files import sha256
from pipeline.formats.ijb import read_template_pairs
from pipeline.params.sources.ijb import IJBOptions
from pipeline.params.sources.tinyface import TinyFaceOptions
from pipeline.sources import ijb, tinyface
from tests.sources import janus
from tests.sources.manifest_rows import manifest_rows


def fetched(tmp_path: Path, root: Path, **options: Any) -> list[dict[str, str]]:
    target = tmp_path / "raw"
    target.mkdir()
    rows = manifest_rows(ijb.fetch(target, "ijbc", IJBOptions(path=str(root), **options)))
    assert all(row["sha256"] == sha256(target / row["path"]) for row in rows)
    return rows


def told(rows: list[dict[str, str]]) -> set[tuple[str, ...]]:
    """What is said of each image but for its name and medium's."""
    columns = ("template", "gallery", "gallery_g1", "gallery_g2", "probe_mixed")
    return {(row["sitter"], *(row[c] for c in columns)) for row in rows}


def test_both_forms_tell_the_same_templates_lists_and_media(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    ours = [
        fetched(tmp_path / "a", janus.nist(tmp_path / "nist")),
        fetched(tmp_path / "b", janus.insightface(tmp_path / "insightface")),
    ]
    assert told(ours[0]) == told(ours[1])
    assert ("3", "300", "300", "300", "", "") in told(ours[0])
    assert ("3", "302", "", "", "", "302") in told(ours[0])
    for rows in ours:
        assert len(rows) == janus.IMAGES
        by_medium: dict[tuple[str, str], int] = {}
        for row in rows:
            by_medium[row["template"], row["medium"]] = by_medium.get((row["template"], row["medium"]), 0) + 1
        assert sorted(by_medium.values()) == [1] * 48 + [2] * 48  # a photograph and a video of each template
    assert {row["detection_score"] for row in ours[1]} == {f"0.{n}" for n in range(1, 10)}


def test_the_listed_face_is_cut_out_of_nist_s_images(tmp_path: Path) -> None:
    row = fetched(tmp_path, janus.nist(tmp_path / "nist"), margin=0.0)[0]
    (found,) = (n for n, (_, t, f, _) in enumerate(janus.members()) if f"1/{f.replace('/', '-')}" == row["path"])
    page = np.asarray(Image.open(tmp_path / "nist/images" / janus.members()[found][2]))
    assert (np.asarray(Image.open(tmp_path / "raw" / row["path"])) == page[8:28, 16:36]).all()


def test_without_lists_genuine_pairs_tell_who_is_who(tmp_path: Path) -> None:
    rows = fetched(tmp_path, janus.insightface(tmp_path / "insightface", galleries=False))
    of = {row["template"]: row["sitter"] for row in rows}
    assert len(set(of.values())) == janus.SUBJECTS
    assert all((of[a] == of[b]) == bool(genuine) for a, b, genuine in janus.pairs())


def test_pairs_are_read_in_both_forms(tmp_path: Path) -> None:
    text = janus.insightface(tmp_path / "insightface") / "meta/ijbc_template_pair_label.txt"
    csv = janus.nist(tmp_path / "nist") / "protocols/ijbc_11_G1_G2_matches.csv"
    for found in map(read_template_pairs, (text, csv)):
        assert [(found.names[a], found.names[b]) for a, b in zip(found.a, found.b, strict=True)] == [
            (a, b) for a, b, _ in janus.pairs()
        ]
    assert read_template_pairs(csv).genuine is None
    assert read_template_pairs(text).genuine.tolist() == [bool(g) for *_, g in janus.pairs()]


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("ijbc_face_tid_mid.txt", "4.jpg 101 9101", "4.jpg 101", "ijbc_face_tid_mid.txt is no table of 3 words a line"),
        ("ijbc_face_tid_mid.txt", "4.jpg 101", "4.jpg 999", "line 4: template 999 stands in no list"),
        ("ijbc_face_tid_mid.txt", "4.jpg 101", "../4.jpg 101", "'../4.jpg', which leads out of"),
        ("ijbc_face_tid_mid.txt", "4.jpg 101", "999.jpg 101", "999.jpg is in a protocol file, but it does not exist"),
        ("ijbc_1N_gallery_G1.csv", "SUBJECT_ID", "SUBJECT", "column SUBJECT_ID is missing"),
        (
            "ijbc_1N_gallery_G1.csv",
            "100,1,frames/100_2",
            "100,7,frames/100_2",
            "line 3: template 100 has the subject",
        ),
    ],
)
def test_a_protocol_file_that_is_not_ijb_s_is_refused(
    tmp_path: Path, file: str, old: str, new: str, message: str
) -> None:
    root = janus.insightface(tmp_path / "insightface")
    text = (root / "meta" / file).read_text()
    assert old in text
    (root / "meta" / file).write_text(text.replace(old, new, 1))
    with pytest.raises(SitterError) as error:
        fetched(tmp_path, root)
    assert message in str(error.value)


def test_a_label_that_is_none_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "pairs.txt").write_text("1 2 1\n1 3 2\n")
    with pytest.raises(SitterError, match="line 2: the label is '2'; expected 1 or 0"):
        read_template_pairs(tmp_path / "pairs.txt")


def test_tinyface_s_lists_give_probes_mates_and_distractors(tmp_path: Path) -> None:
    root, target = janus.tinyface(tmp_path / "tinyface"), tmp_path / "raw"
    rows = manifest_rows(tinyface.fetch(target, "tiny", TinyFaceOptions(path=str(root))))
    assert [row["image_id"] for row in rows if row["probe"]] == [f"Probe/{p}_{n}" for p in range(1, 7) for n in (0, 1)]
    assert all(row["probe"] + row["gallery"] == row["image_id"] for row in rows)
    assert {row["sitter"] for row in rows if row["probe"]} == {f"tinyface-{p}" for p in range(1, 7)}
    distractors = [row["sitter"] for row in rows if "Distractor" in row["path"]]
    assert len(set(distractors)) == len(distractors) == 5
    assert sum(bool(row["gallery"]) for row in rows) == 15 + 5
    assert (target / "Probe/3_1.jpg").read_bytes() == (root / "Testing_Set/Probe/3_1.jpg").read_bytes()


def test_a_list_that_is_not_tinyface_s_is_refused(tmp_path: Path) -> None:
    root = janus.tinyface(tmp_path / "tinyface")
    (root / "Testing_Set/Probe/3_1.jpg").unlink()
    with pytest.raises(SitterError, match=r"Probe/3_1\.jpg is in a list, but it does not exist"):
        tinyface.fetch(tmp_path / "raw", "tiny", TinyFaceOptions(path=str(root)))
    with pytest.raises(SitterError, match="has no variable gallery_set nor gallery_ids, but probe_set, probe_ids"):
        tinyface.read_pairs(root / "Testing_Set/probe_img_ID_pairs.mat", "gallery")
    (root / "Testing_Set/probe_img_ID_pairs.mat").write_text("1_0.jpg 1\n" * 40)
    with pytest.raises(SitterError, match="is no MATLAB file that can be read"):
        tinyface.read_pairs(root / "Testing_Set/probe_img_ID_pairs.mat", "probe")
