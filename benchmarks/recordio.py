"""How fast are faces decoded and augmented from RecordIO, per core, against an ImageFolder and the decoder alone?

    python -m benchmarks.recordio                    the demo's photographs (fetched once), tinted, as JPEG of 112×112
    python -m benchmarks.recordio --rec train.rec    a training set of your own

Faces are decoded to uint8 [112, 112, 3], RGB, and every other face is mirrored, as in training. They are read in random
order, with one thread:

    decoder      only libjpeg-turbo (OpenCV's) on bytes in memory: the limit
    recordio     by offset from the memory-mapped `.rec`, decoded, mirrored, copied into a batch of 256
    face store   the same from the shards that `align` makes of the `.rec`, which training reads
    loader       the face store through the training's own data set, as in each of its workers
    training     the same, normalised to float32 [3, 112, 112], which a GPU does itself
    imagefolder  one file per image in a folder per sitter, by Pillow, as in torchvision's ImageFolder and its flip

The rounds of all alternate, and the fastest round counts. Processor time is measured, because other work on the machine
disturbs it least; the files are in the page cache. The last line is the conversion to the face store in wall time.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline import params
from pipeline.core.alignment import ARCFACE
from pipeline.core.layout import HERE
from pipeline.faces.image import read_image
from pipeline.formats.recordio import RecordFile, write_training_set
from pipeline.sources.recordio import listed
from pipeline.stages import align, download
from pipeline.store.faces import FaceStore, decode

PROJECT = Path(__file__).parent.parent
BATCH, SIDE = 256, ARCFACE.size
Batch = NDArray[np.uint8]


def main() -> None:
    """Print images per second for each way, and its share of the limit."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rec", type=Path, help="a training set with images of 112×112 (default: one is made of ORL)")
    options.add_argument("--most", type=int, default=4096, help="number of images (default: 4096)")
    options.add_argument("--rounds", type=int, default=7)
    given = options.parse_args()
    rec = given.rec and given.rec.resolve()
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        if rec is None:
            rec = Path("own/train.rec").absolute()
            _make(rec, given.most)
        seconds = _convert(rec)
        file, store = RecordFile(rec), FaceStore(HERE.faces("set"))
        index = rec.with_suffix(".idx")
        offsets = listed(file, index if index.is_file() else None).offsets
        order = np.random.default_rng(0).permutation(min(len(offsets), len(store)))[: given.most].tolist()
        encoded = [bytes(file.record(int(offsets[i])).content) for i in order]
        size = sum(map(len, encoded)) / len(encoded)
        print(f"{len(order)} images of {size:,.0f} bytes on average; one thread")
        names = _image_folder(encoded)
        ways = {
            "decoder": lambda: _decoder(encoded),
            "recordio": lambda: _batches(order, lambda i: decode(file.record(int(offsets[i])).content)),
            "face store": lambda: _batches(order, store.crop),
            "loader": _training(store, order, normalised=False),
            "training": _training(store, order, normalised=True),
            "imagefolder": lambda: _pillow(names),
        }
        _compare(ways, len(order), given.rounds)
        rate = len(store) / seconds
        print(f"  .rec to face store: {rate:,.0f} images/s by the clock, start-up included")


def _make(rec: Path, count: int) -> None:
    """Write a training set of ORL photographs, cropped square and tinted at random, as JPEG of quality 95."""
    download.run(params.load(PROJECT / "params.yaml"), "orl")
    files = sorted(HERE.raw("orl").rglob("*.pgm"))
    rng = np.random.default_rng(0)
    photographs = [cv2.resize(read_image(path)[10:102], (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) for path in files]

    def images() -> Any:
        for i in range(count):
            tint = rng.uniform(0.7, 1.3, 3) * photographs[i % len(photographs)] + rng.normal(0, 4, (SIDE, SIDE, 3))
            picture = np.clip(tint, 0, 255).astype(np.uint8)
            _, data = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 95])
            yield i // 10, data.tobytes()

    rec.parent.mkdir()
    write_training_set(rec, images())


def _convert(rec: Path) -> float:
    """Make the face store of the training set, and return the seconds for download and align."""
    study = params.check(
        {
            "seed": 0,
            "train": {},
            "download": {"set": {"kind": "recordio", "path": str(rec)}},
            "align": {"set": {"detectors": [{"kind": "aligned"}]}},
            "split": {},
            "models": {},
            "embed": {"datasets": [], "batch": 1},
            "evaluate": {"benchmarks": {}},
        }
    )
    start = time.perf_counter()
    download.run(study, "set")
    align.run(study, "set")
    return time.perf_counter() - start


def _image_folder(encoded: Sequence[bytes]) -> list[Path]:
    """Write the same images, in the same order, as files."""
    names = []
    for i, data in enumerate(encoded):
        names.append(Path(f"folder/{i % 100}/{i}.jpg"))
        names[-1].parent.mkdir(parents=True, exist_ok=True)
        names[-1].write_bytes(data)
    return names


def _decoder(encoded: Sequence[bytes]) -> None:
    for data in encoded:
        cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)


def _batches(items: Sequence[Any], read: Callable[[Any], Any]) -> None:
    """Read each item, mirror every other one, and copy it into a batch uint8 [256, 112, 112, 3], which is reused."""
    batch: Batch = np.empty((BATCH, SIDE, SIDE, 3), np.uint8)
    for start in range(0, len(items), BATCH):
        for n, item in enumerate(items[start : start + BATCH]):
            image = read(item)
            if n % 2:
                cv2.flip(image, 1, dst=batch[n])
            else:
                batch[n] = image


def _pillow(files: Sequence[Path]) -> None:
    """Do the same as `_batches`, from files, by Pillow."""
    batch: Batch = np.empty((BATCH, SIDE, SIDE, 3), np.uint8)
    for start in range(0, len(files), BATCH):
        for n, path in enumerate(files[start : start + BATCH]):
            with open(path, "rb") as file:
                image = Image.open(file).convert("RGB")
            batch[n] = np.asarray(image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if n % 2 else image)


def _training(store: FaceStore, order: Sequence[int], normalised: bool) -> Callable[[], None]:
    """Return the work of one worker of the training's loader and, if there is no GPU, of the training process."""
    import torch

    from pipeline.models.preprocess import Preprocess
    from pipeline.params.backbones.iresnet import IResNetOptions
    from pipeline.training.data import Faces
    from pipeline.training.features import PreparedFaces, View

    torch.set_num_threads(1)
    where = np.stack([np.zeros(len(order), np.int64), np.array(order)], axis=1)
    faces = Faces(("set",), (store,), where, np.zeros(len(order), np.int64))
    prepare = Preprocess(IResNetOptions(depth=18, width=0.03).make())
    dataset = PreparedFaces(faces, prepare)

    def way() -> None:
        for start in range(0, len(order), BATCH):
            places = range(start, min(start + BATCH, len(order)))
            pixels = dataset[[View(place, bool(place % 2)) for place in places]]
            if normalised:
                prepare.normalise(pixels)

    return way


def _compare(ways: dict[str, Callable[[], None]], images: int, rounds: int) -> None:
    best = dict.fromkeys(ways, float("inf"))
    for _ in range(rounds + 1):  # the first warms up, and counts if it happens to be the fastest
        for name, way in ways.items():
            start = time.process_time()
            way()
            best[name] = min(best[name], time.process_time() - start)
    for name, seconds in best.items():
        share, each = best["decoder"] / seconds, 1e6 * seconds / images
        print(f"  {name:12} {images / seconds:8,.0f} images/s   {each:6.0f} µs   {share:6.1%} of the limit")


if __name__ == "__main__":
    main()
