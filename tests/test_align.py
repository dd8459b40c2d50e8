"""Align accounts for every image: each is aligned, or said why not."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import cv2
import numpy as np
import pytest
from PIL import Image

from pipeline import params
from pipeline.core.alignment import ARCFACE
from pipeline.core.errors import SitterError
from pipeline.core.files import read_csv, write_csv
from pipeline.core.layout import MANIFEST, Layout
from pipeline.faces.aligner import Aligner
from pipeline.faces.image import read_image
from pipeline.stages import align
from pipeline.store.accounts import doubtful_file
from pipeline.store.faces import FaceStore
from pipeline.store.raw import RawImage
from tests.faces.real import PROJECT, download_demo, install_scrfd, no_face, photograph, shared
from tests.faces.test_image import bomb
from tests.suite.environment import environment

SCRFD = {"kind": "scrfd", "weights": "scrfd", "sides": [640, 320], "padding": 0}
SMALL = SCRFD | {"sides": [160]}


@pytest.fixture(autouse=True)
def _two_workers(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "2")


def study(dataset: str = "people", detectors=(SCRFD,), **settings) -> params.Study:
    """A study of one data set."""
    return params.check(
        {
            "seed": 1,
            "train": {},
            "download": {name: {"kind": "folder", "path": "."} for name in (dataset, "scrfd", "retinaface")},
            "align": {dataset: {"detectors": list(detectors), **settings}},
            "split": {},
            "models": {},
            "embed": {"datasets": [], "batch": 1},
            "evaluate": {"benchmarks": {}},
        }
    )


def put(at: Layout, images: dict[str, bytes | Image.Image | None], dataset: str = "people", **further: str) -> None:
    """Images (or contents, or nothing) as a raw data set, its manifest in the order given."""
    folder = at.raw(dataset)
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for name, content in images.items():
        if isinstance(content, Image.Image):
            content.save(folder / name, quality=95)
        elif content is not None:
            (folder / name).write_bytes(content)
        rows.append({"image_id": name, "path": name, "sitter": "eileen", "sha256": "0", **further})
    write_csv(folder / MANIFEST, rows, list(rows[0]))


def account(at: Layout, dataset: str = "people") -> dict[str, dict[str, str]]:
    """Rows of faces.csv by image id, in their order."""
    return {row["image_id"]: row for row in read_csv(at.faces(dataset) / "faces.csv")}


def rotated_by_exif(image: Image.Image) -> dict[str, object]:
    exif = Image.Exif()
    exif[0x0112] = 6
    return {"image": image.transpose(Image.Transpose.ROTATE_90), "exif": exif}


def alpha(image: Image.Image) -> Image.Image:
    image = image.convert("RGBA")
    image.putalpha(Image.fromarray(np.pad(np.full((492, 492), 255, np.uint8), 10)))
    return image


def two_faces() -> Image.Image:
    """The astronaut twice, the second half as large."""
    canvas = Image.new("RGB", (768, 512), "grey")
    canvas.paste(photograph(), (0, 0))
    canvas.paste(photograph().resize((256, 256)), (512, 256))
    return canvas


def half_a_face() -> Image.Image:
    """Cut through the nose: the right eye and the right mouth corner are gone."""
    return photograph().crop((0, 0, 226, 512))


def test_every_odd_image_is_handled_and_accounted_for(at, capsys):
    install_scrfd(at)
    photo = photograph()
    jpeg = at.root / "photo.jpg"
    photo.save(jpeg, quality=95)
    sixteen = cv2.imencode(".png", np.asarray(photo)[..., ::-1].astype(np.uint16) * 257)[1].tobytes()
    put(
        at,
        {
            "plain.png": photo,
            "truncated.jpg": jpeg.read_bytes()[:20_000],
            "empty.jpg": b"",
            "text.jpg": b"Dear reader, this is not a portrait.",
            "bomb.png": bomb(50_000),
            "missing.jpg": None,
            "cmyk.jpg": photo.convert("CMYK"),
            "sixteen.png": sixteen,
            "grey.png": photo.convert("L"),
            "alpha.png": alpha(photo),
            "nobody.png": no_face(),
            "two.png": two_faces(),
            "half.png": half_a_face(),
        },
        artist="N.N.",
        width="a lot",
    )
    turned = rotated_by_exif(photo)
    turned["image"].save(at.raw("people") / "turned.jpg", exif=turned["exif"], quality=95)
    rows = read_csv(at.raw("people") / MANIFEST)
    rows.append({**rows[0], "image_id": "turned.jpg", "path": "turned.jpg"})
    write_csv(at.raw("people") / MANIFEST, rows, list(rows[0]))

    align.run(study(), "people", at.root)

    found = account(at)
    assert list(found) == [row["image_id"] for row in rows]
    unreadable = {
        "truncated.jpg": "the image is truncated",
        "empty.jpg": "the file is empty",
        "text.jpg": "no image but text, which begins 'Dear reader",
        "bomb.png": "50000×50000 pixels are 2,500 megapixels, more than max_megapixels: 200",
        "missing.jpg": "the file does not exist",
    }
    for name, reason in unreadable.items():
        assert found[name]["status"] == "unreadable"
        assert reason in found[name]["reason"]
    assert found["nobody.png"]["status"] == "no_face"
    assert found["nobody.png"]["reason"] == "no face with a score of 0.5 or more"
    assert found["nobody.png"]["width"] == "600"
    faces = FaceStore(at.faces("people"))
    assert faces.image_ids == [name for name, row in found.items() if row["status"] == "aligned"]
    assert len(faces) == len(found) - len(unreadable) - 1
    crops = {name: faces.crop(i).astype(int) for i, name in enumerate(faces.image_ids)}
    for name, tolerance in {"cmyk.jpg": 6, "sixteen.png": 0, "alpha.png": 1, "turned.jpg": 6, "two.png": 9}.items():
        assert found[name]["status"] == "aligned"
        assert np.abs(crops[name] - crops["plain.png"]).mean() <= tolerance
    assert (crops["grey.png"] == crops["grey.png"][..., :1]).all()
    assert found["plain.png"]["reason"] == ""
    assert found["two.png"]["reason"] == "the largest of 2 faces"
    assert found["two.png"]["faces"] == "2"
    assert float(found["two.png"]["x1"]) < 512
    assert found["half.png"]["reason"].startswith("half a face: right eye, right mouth corner beyond the edge")
    assert {row["artist"] for row in found.values()} == {"N.N."}
    assert {row["their_width"] for row in found.values()} == {"a lot"}
    printed = capsys.readouterr().err
    assert "people: 14 images, 8 aligned, 1 no face, 5 unreadable" in printed
    assert "1 with several faces" in printed
    assert "1 half a face" in printed
    assert "unreadable, to be replaced or dropped: truncated.jpg: the image is truncated" in printed
    assert "more than max_megapixels: 200; missing.jpg: the file does not exist" in printed
    assert f"3 doubtful, to be looked at in {doubtful_file('people', at)}" in printed


def test_the_face_is_where_the_template_says(at):
    install_scrfd(at)
    put(at, {"a.png": photograph()})
    align.run(study(), "people", at.root)
    faces = FaceStore(at.faces("people"))
    assert np.abs(faces.crop_landmarks[0] - ARCFACE.points).max() < 6
    row = account(at)["a.png"]
    assert float(row["x0"]) < faces.landmarks[0, 0, 0] < faces.landmarks[0, 1, 0] < float(row["x1"])


@pytest.mark.slow
def test_the_number_of_cores_changes_nothing(at, monkeypatch):
    install_scrfd(at)
    put(at, {f"{i}.png": photograph().rotate(i).resize((160, 160)) for i in range(20)})
    align.run(study(detectors=[SMALL]), "people", at.root)
    two = {p.name: p.read_bytes() for p in at.faces("people").iterdir()}
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    align.run(study(detectors=[SMALL]), "people", at.root)
    assert {p.name: p.read_bytes() for p in at.faces("people").iterdir()} == two


def test_the_second_detector_looks_where_the_first_finds_nothing(at):
    install_scrfd(at)
    face = photograph().crop((160, 40, 290, 200))
    put(at, {"a.png": photograph().crop((165, 50, 277, 162)), "b.png": face, "c.png": no_face()})
    align.run(study(detectors=[{"kind": "aligned"}, SCRFD]), "people", at.root)
    found = account(at)
    assert [row["detector"] for row in found.values()] == ["aligned", "scrfd", ""]
    assert "not square" in found["c.png"]["reason"]
    assert "score of 0.5" in found["c.png"]["reason"]


def test_images_that_come_aligned_keep_their_bytes(at):
    crop = photograph().crop((165, 50, 277, 162))
    put(
        at,
        {
            "a.png": crop,
            "b.jpg": crop,
            "c.bmp": crop,
            "large.png": crop.resize((224, 224)),
            "wide.png": crop.resize((112, 96)),
        },
    )
    align.run(study(detectors=[{"kind": "aligned"}]), "people", at.root)
    faces, raw = FaceStore(at.faces("people")), at.raw("people")
    assert faces.image_ids == ["a.png", "b.jpg", "c.bmp", "large.png"]
    assert faces.encoded(1).tobytes() == (raw / "b.jpg").read_bytes()
    for i, name in enumerate(faces.image_ids[:3]):
        assert (faces.crop(i) == read_image(raw / name)).all()
    assert np.abs(faces.crop(3).astype(int) - faces.crop(0)).mean() < 5
    np.testing.assert_allclose(faces.crop_landmarks[0], ARCFACE.points, atol=1e-4)
    assert "not square" in account(at)["wide.png"]["reason"]


def test_a_data_set_without_any_face_is_an_error_that_says_why(at):
    install_scrfd(at)
    put(at, {"a.png": no_face(), "b.jpg": b"", "c.jpg": b""})
    with pytest.raises(SitterError, match=r"none of the 3 images of people gave a face: 2 × the file is empty; 1 × no"):
        align.run(study(), "people", at.root)
    assert not at.faces("people").exists()


def test_what_is_wrong_with_the_input_is_said(at):
    with pytest.raises(SitterError, match=r"data/raw/people/manifest\.csv does not exist"):
        align.run(study(), "people", at.root)
    put(at, {"a.png": photograph()})
    with pytest.raises(SitterError, match="download scrfd"):
        align.run(study(), "people", at.root)
    manifest = at.raw("people") / MANIFEST
    manifest.write_text("image_id,path,sitter\na,a.png,x\na,a.png,x\n")
    with pytest.raises(SitterError, match=r"manifest\.csv: image_id 'a' stands in several rows"):
        align.run(study(), "people", at.root)
    manifest.write_text("image_id,path,sitter\n")
    with pytest.raises(SitterError, match="names no images"):
        align.run(study(), "people", at.root)
    manifest.write_text("image,path,sitter\na,a.png,x\n")
    with pytest.raises(SitterError, match="column image_id is missing"):
        align.run(study(), "people", at.root)


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.slow
def test_interrupted_it_leaves_what_was_there(at, sent):
    """… and nothing half done, and no worker."""
    kind = [{"kind": "aligned"}]
    photo = photograph().crop((165, 50, 277, 162))
    put(at, {"a.png": photo})
    align.run(study(detectors=kind), "people", at.root)
    before = (at.faces("people") / MANIFEST).read_bytes()
    photo.save(at.root / "a.jpg")
    put(at, {f"{i}.jpg": (at.root / "a.jpg").read_bytes() for i in range(1500)})
    code = "from pipeline.cli import main; raise SystemExit(main(['align', 'people']))"
    (at.root / "params.yaml").write_text(study(detectors=kind).model_dump_json())
    process = subprocess.Popen([sys.executable, "-c", code], cwd=at.root, env=environment(), stderr=subprocess.DEVNULL)
    while not list(at.faces("people").parent.glob(".*/faces-00000.arrow")):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(sent)
    assert process.wait(30) == (130 if sent == signal.SIGINT else 143)
    assert [p.name for p in at.faces("people").parent.iterdir()] == ["people"]
    assert (at.faces("people") / MANIFEST).read_bytes() == before


def test_the_module_loads_nothing_heavy():
    heavy = {"cv2", "torch", "pyarrow", "onnxruntime", "PIL"}
    code = f"import pipeline.stages.align, sys; print(*{heavy} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=PROJECT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.network
def test_orl_is_found_whole(at, capsys):
    """The demo's own entry: 400 of 400."""
    demo = params.load(PROJECT / "params.yaml")
    download_demo(at, "orl")
    download_demo(at, "retinaface")
    align.run(demo, "orl", at.root)
    assert "orl: 400 images, 400 aligned\n" in capsys.readouterr().err


def test_one_image_by_hand(at):
    """The part that a worker does can be called on its own."""
    install_scrfd(at)
    path = sorted(shared("data", "lfw-100").glob("*/*"))[0]
    aligner = Aligner(path.parent, study().align["people"].model_dump(), at=at)
    outcome = aligner(RawImage("a", path.name, "x"))
    assert outcome.account.status == "aligned"
    assert outcome.face is not None
