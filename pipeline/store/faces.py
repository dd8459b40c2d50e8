"""Aligned faces in a few large files: Arrow IPC shards, memory-mapped, with direct access to any face.

A shard holds up to 10,000 faces in record batches of 1,000, so that neither writing nor reading holds more than that
in memory. Columns: image_id, sitter, crop (an encoded image, 112×112), landmarks (ten numbers, pixels of the raw
image), detector, score.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from pipeline.core.alignment import ARCFACE, crop_landmarks
from pipeline.core.errors import SitterError
from pipeline.core.layout import Layout
from pipeline.core.pixels import RGBImage

SHARD, BATCH = 10_000, 1_000
SCHEMA = pa.schema(
    [
        ("image_id", pa.string()),
        ("sitter", pa.string()),
        ("crop", pa.binary()),
        ("landmarks", pa.list_(pa.float32(), 10)),
        ("detector", pa.string()),
        ("score", pa.float32()),
    ]
)


@dataclass(frozen=True, eq=False)
class StoredFace:
    """One row of the store. `crop` is an encoded image of 112×112; `landmarks` are [5, 2], pixels of the raw image."""

    image_id: str
    sitter: str
    crop: bytes
    landmarks: NDArray[np.float32]
    detector: str
    score: float


def encode(crop: RGBImage) -> bytes:
    """Encode a crop as PNG: lossless, at the fastest level, 15 % larger than the default but 6 times as fast."""
    _, data = cv2.imencode(".png", cv2.cvtColor(crop, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_PNG_COMPRESSION, 1])
    return data.tobytes()


def decode(data: bytes | memoryview) -> RGBImage | None:
    """Decode a crop to uint8 [height, width, 3], RGB; None where it is no image."""
    flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    return None if image is None else np.asarray(image, np.uint8)


def write_faces(folder: Path, faces: Iterable[StoredFace]) -> int:
    """Write `faces-00000.arrow`, … into a folder, one face at a time; return the number of faces."""
    rows, count = iter(faces), 0
    while first := next(rows, None):
        path = folder / f"faces-{count // SHARD:05}.arrow"
        with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, SCHEMA) as writer:
            shard = chain([first], islice(rows, SHARD - 1))
            while batch := list(islice(shard, BATCH)):
                writer.write_batch(_batch(batch))
                count += len(batch)
    return count


def _batch(faces: Sequence[StoredFace]) -> pa.RecordBatch:
    landmarks = np.array([face.landmarks for face in faces], np.float32).reshape(-1)
    columns = {
        "image_id": [face.image_id for face in faces],
        "sitter": [face.sitter for face in faces],
        "crop": [face.crop for face in faces],
        "landmarks": pa.FixedSizeListArray.from_arrays(landmarks, 10),
        "detector": [face.detector for face in faces],
        "score": [face.score for face in faces],
    }
    return pa.RecordBatch.from_arrays([pa.array(columns[f.name], f.type) for f in SCHEMA], schema=SCHEMA)


class FaceStore:
    """The faces of a data set, memory-mapped; it can be pickled, and read from several threads or processes."""

    def __init__(self, folder: Path) -> None:
        """Open `data/faces/<dataset>/`.

        Raises:
            SitterError: there are no faces, or a shard is broken.
        """
        self.folder = Path(folder)
        self._batches: list[pa.RecordBatch] = []
        self._crops: list[pa.BinaryArray] = []
        self._starts: list[int] = []
        self._len = 0
        for path in sorted(self.folder.glob("faces-*.arrow")):
            try:
                reader = pa.ipc.open_file(pa.memory_map(str(path)))
                batches = [reader.get_batch(i) for i in range(reader.num_record_batches)]
            except pa.ArrowInvalid as error:
                raise SitterError(f"{path} is no whole shard of faces ({error}): align the data set again.") from None
            for batch in batches:
                self._starts.append(self._len)
                self._batches.append(batch)
                self._crops.append(batch.column("crop"))
                self._len += len(batch)
        if not self._len:
            raise SitterError(f"{self.folder} holds no faces: run `python -m pipeline align {self.folder.name}` first.")

    def __len__(self) -> int:
        return self._len

    def __reduce__(self) -> tuple[type[FaceStore], tuple[Path]]:
        return FaceStore, (self.folder.absolute(),)

    def _column(self, name: str) -> pa.ChunkedArray:
        return pa.chunked_array([batch.column(name) for batch in self._batches])

    @cached_property
    def image_ids(self) -> list[str]:
        """The id of each face's image."""
        ids: list[str] = self._column("image_id").to_pylist()
        return ids

    @cached_property
    def sitters(self) -> list[str]:
        """The sitter of each face."""
        sitters: list[str] = self._column("sitter").to_pylist()
        return sitters

    def rows(self, image_ids: pa.StringArray) -> pa.Int32Array:
        """Return the row of each of these images; null where an image has no face."""
        return pc.index_in(image_ids, value_set=self._column("image_id").combine_chunks())

    def chosen(self, image_ids: Iterable[str]) -> ChosenFaces:
        """Return the faces of some images, in their order.

        Raises:
            SitterError: there is no face of one of them, although its account says so.
        """
        place = {image_id: row for row, image_id in enumerate(self.image_ids)}
        rows = []
        for image_id in image_ids:
            if image_id not in place:
                raise SitterError(
                    f"{self.folder}: faces.csv says that {image_id} is aligned, but no shard holds it: align it again."
                )
            rows.append(place[image_id])
        return ChosenFaces(self, rows)

    @cached_property
    def landmarks(self) -> NDArray[np.float32]:
        """Return the landmarks, float32 [n, 5, 2], x and y in pixels of the raw images (order as in `StoredFace`)."""
        parts = [batch.column("landmarks").flatten().to_numpy() for batch in self._batches]
        return np.concatenate(parts).reshape(-1, 5, 2)

    @cached_property
    def crop_landmarks(self) -> NDArray[np.float32]:
        """Return the landmarks in the crops, float32 [n, 5, 2], in pixels of the crops."""
        rows = range(0, self._len, BATCH)  # all at once, millions would take gigabytes
        return np.concatenate([crop_landmarks(self.landmarks[n : n + BATCH], ARCFACE) for n in rows])

    def encoded(self, i: int) -> memoryview:
        """Return the encoded crop of a face, without a copy."""
        batch = bisect_right(self._starts, i) - 1
        if not 0 <= i < self._len:
            raise IndexError(f"face {i} of {self._len} in {self.folder}")
        return memoryview(self._crops[batch][i - self._starts[batch]].as_buffer())

    def face(self, i: int) -> StoredFace:
        """Return the whole row of a face."""
        batch = bisect_right(self._starts, i) - 1
        row = self._batches[batch].slice(i - self._starts[batch], 1).to_pylist()[0]
        return StoredFace(**row | {"landmarks": np.array(row["landmarks"], np.float32).reshape(5, 2)})

    def crop(self, i: int) -> RGBImage:
        """Return a face as uint8 [112, 112, 3], RGB."""
        image = decode(self.encoded(i))
        if image is None:
            raise SitterError(f"{self.folder}: the crop of {self.image_ids[i]} is broken: align the data set again.")
        return image


class ChosenFaces:
    """Some of the faces of a data set, by their numbers in the choice."""

    def __init__(self, store: FaceStore, rows: Sequence[int]) -> None:
        """Choose rows of a store."""
        self._store, self._rows = store, rows

    def __len__(self) -> int:
        return len(self._rows)

    def chosen(self, numbers: Iterable[int]) -> ChosenFaces:
        """Return some of them."""
        return ChosenFaces(self._store, [self._rows[n] for n in numbers])

    @property
    def landmarks(self) -> NDArray[np.float32]:
        """float32 [n, 5, 2], see `FaceStore`."""
        return self._store.landmarks[list(self._rows)]

    def crop(self, n: int) -> RGBImage:
        """A face: uint8 [112, 112, 3], RGB."""
        return self._store.crop(self._rows[n])


class FacesById:
    """The faces of several data sets, by data set and image id."""

    def __init__(self, datasets: Iterable[str], at: Layout) -> None:
        """Open the faces of the data sets; raises as `FaceStore` does."""
        self.stores = {dataset: FaceStore(at.faces(dataset)) for dataset in datasets}
        self._rows = {d: {image_id: n for n, image_id in enumerate(s.image_ids)} for d, s in self.stores.items()}

    def __contains__(self, image: tuple[str, str]) -> bool:
        dataset, image_id = image
        return image_id in self._rows[dataset]

    def row(self, dataset: str, image_id: str) -> int:
        """Return the row of an image in the store of its data set; KeyError where it has no face."""
        return self._rows[dataset][image_id]

    def crop(self, dataset: str, image_id: str) -> tuple[RGBImage, NDArray[np.float32]]:
        """Return a face, uint8 [112, 112, 3], RGB, and its landmarks in it, float32 [5, 2].

        Raises:
            SitterError: the image has no face.
        """
        if (dataset, image_id) not in self:
            raise SitterError(f"{self.stores[dataset].folder} has no face of {image_id!r}: run align and split again.")
        store, row = self.stores[dataset], self.row(dataset, image_id)
        return store.crop(row), store.crop_landmarks[row]
