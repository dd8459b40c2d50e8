"""A small IJB-C in either of its forms, and a small TinyFace, of made-up pictures."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat

from tests.sources.pictures import picture

SUBJECTS, TEMPLATES = 16, 3
"""Each subject's first template is of a gallery, the others are mixed probes; each template has a video of two frames
and a photograph."""
IMAGES = SUBJECTS * TEMPLATES * 3
HEADER = "TEMPLATE_ID,SUBJECT_ID,FILENAME,SIGHTING_ID,FACE_X,FACE_Y,FACE_WIDTH,FACE_HEIGHT\n"


def template(subject: int, number: int) -> str:
    """The id of a template."""
    return str(100 * subject + number)


def members() -> list[tuple[int, str, str, str]]:
    """Subject, template, file of NIST and medium of each image, in the order of InsightFace's crops."""
    found = []
    for subject in range(1, SUBJECTS + 1):
        for number in range(TEMPLATES):
            t = template(subject, number)
            found += [(subject, t, f"frames/{t}_{frame}.png", f"9{t}") for frame in (1, 2)]
            found.append((subject, t, f"img/{t}.png", f"8{t}"))
    return found


def pairs() -> list[tuple[str, str, int]]:
    """Gallery against probe templates: all genuine ones, and half of the others."""
    probes = [(s, template(s, n)) for s in range(1, SUBJECTS + 1) for n in range(1, TEMPLATES)]
    return [
        (template(subject, 0), probe, int(subject == other))
        for subject in range(1, SUBJECTS + 1)
        for other, probe in probes
        if subject == other or (subject + int(probe)) % 2
    ]


def lists() -> dict[str, set[str]]:
    """Templates of each list of the 1:N protocol; half of the subjects are in either gallery."""
    half = SUBJECTS // 2
    return {
        "gallery_G1": {template(s, 0) for s in range(1, half + 1)},
        "gallery_G2": {template(s, 0) for s in range(half + 1, SUBJECTS + 1)},
        "probe_mixed": {template(s, n) for s in range(1, SUBJECTS + 1) for n in range(1, TEMPLATES)},
    }


def nist(root: Path) -> Path:
    """Write IJB-C as NIST publishes it: each photograph shows another person, too."""
    for folder in ("protocols", "images/img", "images/frames"):
        (root / folder).mkdir(parents=True)
    box = (16, 8, 20, 20)
    for number, (_, _, file, _) in enumerate(members()):
        page = np.full((60, 80, 3), 200, np.uint8)
        page[8:28, 16:36] = np.asarray(Image.open(io.BytesIO(picture(number, "PNG", 20))))
        Image.fromarray(page).save(root / "images" / file)
    for name, chosen in lists().items():
        lines = [
            f"{t},{subject},{file},{number},{','.join(map(str, box))}\n"
            for number, (subject, t, file, _) in enumerate(members())
            if t in chosen
        ]
        (root / f"protocols/ijbc_1N_{name}.csv").write_text(HEADER + "".join(lines))
    (root / "protocols/ijbc_11_G1_G2_matches.csv").write_text("".join(f"{a},{b}\n" for a, b, _ in pairs()))
    return root


def insightface(root: Path, galleries: bool = True) -> Path:
    """Write IJB-C as InsightFace gives it: crops, and the protocol as text."""
    (root / "meta").mkdir(parents=True)
    (root / "loose_crop").mkdir()
    rows, points = "", ""
    for number, (_, t, _, medium) in enumerate(members(), 1):
        (root / f"loose_crop/{number}.jpg").write_bytes(picture(number))
        rows += f"{number}.jpg {t} {medium}\n"
        points += f"{number}.jpg {' '.join(['7.5'] * 10)} 0.{number % 9 + 1}\n"
    (root / "meta/ijbc_face_tid_mid.txt").write_text(rows)
    (root / "meta/ijbc_name_5pts_score.txt").write_text(points)
    (root / "meta/ijbc_template_pair_label.txt").write_text("".join(f"{a} {b} {g}\n" for a, b, g in pairs()))
    for name, chosen in lists().items() if galleries else ():
        lines = [f"{t},{s},{f},0,1,1,9,9\n" for s, t, f, _ in members() if t in chosen]
        (root / f"meta/ijbc_1N_{name}.csv").write_text(HEADER + "".join(lines))
    return root


def tinyface(root: Path, people: int = 6, distractors: int = 5) -> Path:
    """Write TinyFace's test set: two probes and two or three gallery images of each, and distractors."""
    names: dict[str, list[str]] = {"probe": [], "gallery": []}
    ids: dict[str, list[int]] = {"probe": [], "gallery": []}
    for folder in ("Probe", "Gallery_Match", "Gallery_Distractor"):
        (root / "Testing_Set" / folder).mkdir(parents=True)
    for person in range(1, people + 1):
        for side, count, folder in (("probe", 2, "Probe"), ("gallery", 2 + person % 2, "Gallery_Match")):
            for n in range(count):
                names[side].append(f"{person}_{n}.jpg")
                ids[side].append(person)
                noise = picture(100 * person + 10 * n + len(side))
                (root / "Testing_Set" / folder / names[side][-1]).write_bytes(noise)
    for n in range(distractors):
        (root / f"Testing_Set/Gallery_Distractor/{n}.jpg").write_bytes(picture(5000 + n))
    for side, file in (("probe", "probe_img_ID_pairs.mat"), ("gallery", "gallery_match_img_ID_pairs.mat")):
        cells = np.array([[name] for name in names[side]], dtype=object)
        savemat(root / "Testing_Set" / file, {f"{side}_set": cells, f"{side}_ids": np.array([ids[side]]).T})
    return root
