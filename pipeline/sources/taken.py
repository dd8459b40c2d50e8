"""Fetches or copies each portrait that a source lists, checks it, names it in the output, and accounts for it."""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

import requests
from filelock import FileLock

from pipeline.core.errors import SitterError
from pipeline.core.files import sha256
from pipeline.sources import web
from pipeline.sources.cache import cache
from pipeline.sources.listed import ListedPortrait
from pipeline.store.columns import URL, licence_column, licence_of
from pipeline.store.raw import FAILED, NotFetched, RawImage, write_failed

logger = logging.getLogger(__name__)

LARGEST_IMAGE = 1 << 30  # bytes
DECODED = 100e6  # pixels
ENDINGS = {"JPEG": ".jpg", "MPO": ".jpg", "PNG": ".png", "PPM": ".pnm", "BMP": ".bmp", "TIFF": ".tif", "WEBP": ".webp"}
ENDINGS |= {"GIF": ".gif", "JPEG2000": ".jp2", "AVIF": ".avif"}
SHOWN = 5


def fetched(portrait: ListedPortrait, session: requests.Session, retries: int, backoff: float) -> Path:
    """Return the image behind a URL, from the cache or the net; the cache takes only whole and right images.

    The received part of a file stays until the next run, which resumes there.
    """
    name = hashlib.sha256(portrait.url.encode()).hexdigest()
    kept = cache() / "urls" / name[:2] / name
    kept.parent.mkdir(parents=True, exist_ok=True)
    part, mark, lock = (kept.with_name(f"{name}.{what}") for what in ("part", "mark", "lock"))
    with FileLock(lock):  # another run, or another row with the same URL
        try:
            if kept.is_file() and portrait.sha256 in ("", sha256(kept)):
                return kept
            web.save(portrait.url, part, session, retries=retries, backoff=backoff, mark=mark, limit=LARGEST_IMAGE)
            try:
                _check(portrait, sha256(part))
                _ending(part)
                _check_whole(part)
                os.replace(part, kept)
            finally:
                part.unlink(missing_ok=True)
                mark.unlink(missing_ok=True)
        finally:
            lock.unlink()  # while it is held, so that a waiting process finds it gone and makes a new one
    return kept


def place(portrait: ListedPortrait, source: Path, folder: Path, licence: str | None) -> RawImage:
    """Copy an image to its name in the output, and return it as a row of the manifest.

    Raises:
        Unfetched: the file is no image, or another one than the list says.
        OSError: the file does not exist.
    """
    try:
        ending = _ending(source)
    except IsADirectoryError:
        raise web.Unfetched("is a folder") from None
    except PermissionError:
        raise web.Unfetched("may not be read") from None
    target = folder / (portrait.image_id + ending)
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    found = sha256(target)
    try:
        _check(portrait, found)
    except web.Unfetched:
        target.unlink()
        raise
    known = ({URL: portrait.url} if portrait.url else {}) | dict(portrait.known)
    further = known if licence_of(known) else known | licence_column(licence)
    return RawImage(portrait.image_id, target.relative_to(folder).as_posix(), portrait.sitter, found, further)


def _check(portrait: ListedPortrait, found: str) -> None:
    if portrait.sha256 not in ("", found):
        raise web.Unfetched(
            f"has sha256 {found}, but the list says {portrait.sha256}: correct the list, or find the file that is meant"
        )


def _ending(file: Path) -> str:
    """Return the ending of a file name that fits an image's content, whatever the file was called."""
    from PIL import Image, UnidentifiedImageError

    Image.MAX_IMAGE_PIXELS = None  # align refuses images over `max_megapixels`; here no pixel is decoded
    try:
        with Image.open(file, formats=list(ENDINGS.keys() - {"MPO"})) as image:
            return ENDINGS[image.format or ""]
    except (UnidentifiedImageError, SyntaxError, ValueError, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # an error of the file; a decoder's has no number
            raise
        with open(file, "rb") as opened:
            head = opened.read(40)
        raise web.Unfetched(f"is no image: begins with {head!r}" if head else "is empty") from None


def _check_whole(file: Path) -> None:
    """Decode an image to its end to see whether it arrived whole; the largest are left to align."""
    from PIL import Image

    with Image.open(file, formats=list(ENDINGS.keys() - {"MPO"})) as image:
        if image.width * image.height > DECODED:
            return
        image.draft("L", (1, 1))  # decodes a JPEG at an eighth of its size: all is read, little computed
        try:
            image.load()
        except Exception as error:  # decoders raise nearly anything on broken files
            raise web.Unfetched(f"is broken or truncated: {error}") from None


def account(
    folder: Path,
    entry: str,
    listed: Sequence[ListedPortrait],
    reasons: Mapping[int, str],
    complete: bool,
    mend: str = "Correct the list",
    number: str = "line",
) -> None:
    """Write the list of failures and log what is missing.

    Args:
        folder: the folder for the list.
        entry: name of the entry.
        listed: everything that was asked for.
        reasons: why something could not be fetched, by `line`.
        complete: whether all of it must be there.
        mend: what a user can do about failures.
        number: what messages call `line`.

    Raises:
        SitterError: nothing could be fetched, or not all although `complete` is set.
    """
    failed = [p for p in listed if p.line in reasons]
    write_failed(folder, (NotFetched(p.line, p.image_id, p.sitter, p.source, reasons[p.line]) for p in failed))
    if not failed:
        return
    again = any(p.url for p in failed)  # a server may answer next time; a missing file will not appear by itself
    shown = [f"  {number} {p.line}: {p.source}: {reasons[p.line]}" for p in failed[:SHOWN]]
    shown += [f"  … and {len(failed) - SHOWN} more"] if len(failed) > SHOWN else []
    if complete or len(failed) == len(listed):
        why = f"download.{entry}.complete is set" if complete else "so nothing is left"
        raise SitterError(
            "\n".join(
                [f"download.{entry}: {len(failed)} of {len(listed)} images could not be fetched, and {why}:", *shown]
            )
            + ("\nWhat was fetched stays in the cache: run it again to try the rest." if again else f"\n{mend}.")
        )
    logger.info(
        "\n".join([f"{entry}: {len(failed)} of {len(listed)} images could not be fetched (all in {FAILED}):", *shown])
        + f"\n{mend}{', or run it again to try them once more' if again else ''}; "
        "`complete: true` makes this an error."
    )
