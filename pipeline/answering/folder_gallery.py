"""A folder of pictures as a gallery: the sitter and the vector of each; vectors are cached by the picture's content."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from pipeline.answering.faces import Face
from pipeline.answering.vector_cache import CachedVector, VectorCache
from pipeline.core.errors import SitterError
from pipeline.core.names import nfc
from pipeline.core.numbers import Singles
from pipeline.core.progress import progress
from pipeline.identification.search import Portrait
from pipeline.sources.clutter import clutter
from pipeline.sources.image_files import is_image, natural, tree

if TYPE_CHECKING:
    from pipeline.answering.model import Model
    from pipeline.core.pixels import RGBImage
    from pipeline.store.accounts import ImageAccount

logger = logging.getLogger(__name__)

FOLDER = "folder"
"""Stands in place of a data set's name for pictures in a folder."""
SHOWN = 3
AT_ONCE = 32
REMEMBERED = 64


def pictures_in(folder: Path) -> list[PurePosixPath]:
    """Return the pictures below a folder, relative to it, in natural order; what programs left there is passed over."""
    files = (PurePosixPath(path.as_posix()) for path in tree(folder))
    return sorted((f for f in files if clutter(f) is None and is_image(f.name)), key=lambda path: natural(str(path)))


def folder_portraits(model: Model, folder: Path) -> tuple[list[Portrait], Singles]:
    """Return the portraits in a folder and their vectors, float32 [n, d].

    The first folder of a picture's path names its sitter (`folder/SITTER/…/picture.jpg`). A picture directly in
    `folder` is the only one of its sitter, who has the name of the file. Pictures in a folder with a name for nobody
    are left out, and so are pictures without a face, with a warning.

    Raises:
        SitterError: there is no picture with a face.
    """
    pictures = pictures_in(folder)
    named = {path: nfc(path.parts[0] if len(path.parts) > 1 else path.stem) for path in pictures}
    pictures = [path for path in pictures if not _of_nobody(path, model)]
    if not pictures:
        raise SitterError(
            f"{folder} holds no pictures: a gallery has a folder for each sitter (SITTER/picture.jpg), or one picture "
            "for each sitter, named after the sitter."
        )
    kept = VectorCache(model.key)
    checksums = kept.checksums([folder / path for path in pictures])
    vectors = kept.get(checksums)
    new = {checksum: path for path, checksum in zip(pictures, checksums, strict=True) if checksum not in vectors}
    _make(model, folder, list(new.items()), kept, vectors)
    each = list(zip(pictures, [vectors[checksum] for checksum in checksums], strict=True))
    without = [(path, made) for path, made in each if isinstance(made, str)]
    if without:
        told = "; ".join(f"{path}: {reason}" for path, reason in without[:SHOWN]) + (" …" if without[SHOWN:] else "")
        logger.warning(f"{len(without)} of {len(pictures)} pictures in {folder} are left out: {told}")
    there = [(p, c) for p, c in zip(pictures, checksums, strict=True) if not isinstance(vectors[c], str)]
    if not there:
        raise SitterError(
            f"{folder}: none of its {len(pictures)} pictures can be used: {without[0][0]}: {without[0][1]}"
        )
    portraits = [Portrait(FOLDER, str(path), named[path], checksum) for path, checksum in there]
    return portraits, np.stack([vectors[checksum] for _, checksum in there])


def _of_nobody(path: PurePosixPath, model: Model) -> bool:
    first = path.parts[0]
    return len(path.parts) > 1 and (first.startswith("_") or model.is_nobody(first))


def _make(
    model: Model,
    folder: Path,
    todo: list[tuple[str, PurePosixPath]],
    kept: VectorCache,
    vectors: dict[str, CachedVector],
) -> None:
    """Make the vectors that are not cached yet, enter them into `vectors` and cache them."""
    if not todo:
        return
    with progress(range(0), f"gallery {folder.name}", len(todo)) as bar:
        for start in range(0, len(todo), AT_ONCE):
            made = _made(model, folder, todo[start : start + AT_ONCE])
            kept.put(made.items())
            vectors.update(made)
            bar.update(len(made))


def _made(model: Model, folder: Path, todo: list[tuple[str, PurePosixPath]]) -> dict[str, CachedVector]:
    found: dict[str, CachedVector] = {}
    faces: list[tuple[str, Face]] = []
    for checksum, path in todo:
        try:
            seen = model.faces(folder / path)
        except SitterError as error:
            found[checksum] = getattr(error, "reason", str(error))
            continue
        if seen:
            faces.append((checksum, seen[0]))
        else:
            found[checksum] = "no face"
    vectors = model.recogniser.vectors([face for _, face in faces])
    return found | {checksum: vector for (checksum, _), vector in zip(faces, vectors, strict=True)}


class FolderPictures:
    """The pictures and faces behind the portraits of a folder; a face is detected again when it is shown."""

    def __init__(self, folder: Path, model: Model) -> None:
        """Open nothing yet."""
        self._folder, self._model = folder, model
        self._face = lru_cache(REMEMBERED)(lambda image_id: model.face(folder / image_id))

    def path(self, portrait: Portrait) -> Path:
        """Return the path of its picture."""
        return self._folder / portrait.image_id

    def crop(self, portrait: Portrait) -> RGBImage:
        """Return its face: uint8 [112, 112, 3], RGB."""
        return self._face(portrait.image_id).crop

    def whole(self, portrait: Portrait) -> RGBImage | None:
        """Return the picture: uint8 [height, width, 3], RGB."""
        return self._face(portrait.image_id).pixels

    def account(self, portrait: Portrait) -> ImageAccount:
        """Return what an account would say about it."""
        face = self._face(portrait.image_id)
        return replace(face.account, image_id=portrait.image_id, sitter=portrait.sitter)

    def doubtful(self, dataset: str) -> float:
        """Return the score below which a face is doubtful."""
        return self._model.doubtful
