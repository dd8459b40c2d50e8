"""Stage `download`: fetch a data set or weights into data/raw/ENTRY/, and verify checksums before anything else.

The stage writes the images as delivered, `manifest.csv` (image_id, path, sitter, sha256 and further columns of the
source) and `source.json` (where the images are from, and their licence). Portraits of unidentified people have an empty
sitter. Fetched packages and URLs are kept in $SITTER_CACHE (default ~/.cache/sitter), so that another checkout need not
fetch them again.
"""

from __future__ import annotations

import errno
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.errors import SitterError, nearest
from pipeline.core.files import output_folder
from pipeline.core.layout import Layout
from pipeline.core.names import nfc
from pipeline.core.nobody import nobody
from pipeline.core.own_files import below, located, named
from pipeline.store.raw import Origin, RawImage, checked, further_columns, write_manifest, write_source

if TYPE_CHECKING:
    from pipeline.params import Study
    from pipeline.params.sources import Source

logger = logging.getLogger(__name__)

SHOWN = 6
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def run(study: Study, entry: str, root: Path = Path()) -> None:
    """Fetch the entry `download.<entry>` of the study into `data/raw/<entry>/`.

    Images come with `manifest.csv` (image_id, path, sitter, sha256 and further columns of the source), weights with
    the plain manifest; `source.json` beside them says where they are from, and their licence.

    Raises:
        SitterError: the study has no such entry, or it cannot be fetched; the folder then stays as it was.
    """
    if entry not in study.download:
        raise SitterError(f"download has no entry {entry!r}; {nearest(entry, study.download)}")
    from pipeline.plan.requirements import missing
    from pipeline.sources.cache import locked

    at = Layout.of(study, root)
    if (absent := missing(study, at).get(entry)) is not None:
        raise SitterError(absent)
    source, target = study.download[entry], at.raw(entry)
    _check_apart(source, f"download.{entry}", target, root)
    lock = locked(target.with_name(f".{entry}.lock"), f"download.{entry}")
    with lock, _full_disk_explained(entry, target), output_folder(target) as folder:
        images = below(root, source).make(folder, entry)
        is_nobody = nobody(study.nobody.also, study.nobody.names)
        sitters = None if images is None else write_images(folder, entry, images, is_nobody)
        write_source(folder, Origin(entry, source.kind, source.model_dump(exclude_defaults=True)))
    logger.info(
        f"{entry}: {_summary(entry, sitters, at)} in {target}" + (f" ({source.licence})" if source.licence else "")
    )


def _check_apart(source: Source, where: str, target: Path, root: Path) -> None:
    """Raise SitterError if a path of the user lies in the folder that is replaced, or contains that folder."""
    output = target.resolve()
    for field, path in named(source).items():
        here = (root / located(path)).resolve()
        if here.is_relative_to(output) or output.is_relative_to(here):
            raise SitterError(
                f"{where}.{field} is {path}, which overlaps {target}; the stage replaces everything in that folder "
                "with its copy: keep the originals in another folder."
            )


def write_images(
    folder: Path, entry: str, images: Iterable[RawImage], is_nobody: Callable[[str], bool] | None = None
) -> Counter[str]:
    """Write `manifest.csv` of a data set: one row for each image, in the order of the source.

    Names are brought to one encoding (see `pipeline.core.names.nfc`). If `is_nobody` says that a sitter's name names
    nobody, the sitter is left empty, and the column `sitter_as_written` keeps the name as the source has it.

    The images of a list may differ in their columns. The images of an iterator are written as they arrive and not kept,
    so all of them must have the columns of the first.

    Returns:
        The number of images of each sitter; unidentified portraits have the empty name.
    """
    is_nobody = is_nobody or nobody()
    each = checked(images, f"download.{entry}")
    known = list(each) if isinstance(images, list) else list(islice(each, 1))
    if not known:
        raise SitterError(f"download.{entry}: the source holds no images: check the fields of this entry.")
    some_unidentified = not isinstance(images, list) or any(is_nobody(image.sitter) for image in known)
    sitters: Counter[str] = Counter()
    words: Counter[str] = Counter()

    def renamed() -> Iterator[RawImage]:
        for image in chain(known, each):
            sitter, image_id = nfc(image.sitter), nfc(image.image_id)
            if sitter != image.sitter or image_id != image.image_id:  # most images, of millions, need no copy
                image = image._replace(image_id=image_id, sitter=sitter)
            if is_nobody(sitter):
                words[sitter] += 1
                image, sitter = image.unidentified(), ""
            sitters[sitter] += 1
            yield image

    write_manifest(folder, renamed(), further_columns(known, some_unidentified))
    if words:
        shown = ", ".join(f"{word or '(nothing)'} ({n})" for word, n in words.most_common(SHOWN))
        logger.info(
            f"{entry}: {words.total()} portraits are unidentified, because the sitter's name is a word for nobody: "
            f"{shown}{' …' if len(words) > SHOWN else ''}. If one of these is a person's name, list it under "
            "nobody.names in params.yaml."
        )
    return sitters


@contextmanager
def _full_disk_explained(entry: str, target: Path) -> Iterator[None]:
    """Turn the error of a full disk into a SitterError that names the entry and the folder."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        place = f" ({error.filename})" if error.filename else ""
        raise SitterError(
            f"download.{entry}: no room left for {target}{place}: {error.strerror}. Earlier files there "
            "are unchanged. Make room (or set SITTER_CACHE to another disk) and run it again."
        ) from None


def _summary(entry: str, sitters: Counter[str] | None, at: Layout) -> str:
    if sitters is None:
        from pipeline.store.weights import weights_files

        files = weights_files(entry, at)
        size = sum(path.stat().st_size for path in files) / 1e6
        return f"{', '.join(str(path.relative_to(at.raw(entry))) for path in files[:3])}, {size:.1f} MB,"
    unidentified = sitters[""]
    named = f"{sitters.total() - unidentified} images of {len(sitters.keys() - {''})} sitters"
    return named + (f" and {unidentified} portraits of unidentified sitters" if unidentified else "")
