"""Kind `ijb`: IJB-B and IJB-C, images with their templates and media (see `pipeline.formats.ijb`)."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

import numpy as np

from pipeline.core.errors import SitterError
from pipeline.core.files import sha256
from pipeline.core.progress import progress
from pipeline.formats.ijb import (
    NISTImage,
    PixelBox,
    read_list,
    read_members,
    read_scores,
    read_template_pairs,
    subjects,
)
from pipeline.params.sources.ijb import IJBOptions
from pipeline.sources.image_files import check_id, natural
from pipeline.sources.local import own_path
from pipeline.store.columns import licence_column, templates_cell
from pipeline.store.raw import RawImage

TEMPLATE, MEDIUM, GALLERY, SCORE = "template", "medium", "gallery", "detection_score"
"""Columns that an entry under `templates` of a benchmark may name, as those of the lists."""
FOLDERS = ("", "protocols", "protocol", "meta")
CROPS = "loose_crop"
MEMBERS, PAIRS, POINTS = "*_face_tid_mid.txt", "*_template_pair_label.txt", "*_name_5pts_score.txt"
LISTS = "*_1N_*.csv"
OF_VERIFICATION = ("gallery", "probe_mixed")
"""Names of lists with templates that the 1:1 protocol compares begin with one of these."""


def fetch(folder: Path, entry: str, options: IJBOptions) -> list[RawImage]:
    """Take the images of IJB-B or IJB-C with their templates and media.

    Args:
        folder: the folder for the images, with a folder for each subject.
        entry: name of the entry.
        options: the options of the entry.

    Returns:
        The images, with the columns `template`, `medium`, `gallery`, the columns of the 1:N lists and, for
        InsightFace's crops, `detection_score`.

    Raises:
        SitterError: there are no protocol files, one is malformed, or an image is missing.
    """
    root = own_path(entry, options.path)
    lists = {path.stem.partition("_1N_")[2].lower(): path for path in _found(root, LISTS)}
    members = _found(root, MEMBERS)
    if members:
        images = _crops(folder, entry, root, members[0], lists, options)
    elif lists:
        images = _originals(folder, entry, root, lists, options)
    else:
        raise SitterError(
            f"download.{entry}.path is {options.path}, which holds no protocol files of IJB: neither {LISTS} in "
            f"{FOLDERS[1]} (NIST) nor {MEMBERS} in {FOLDERS[-1]} (InsightFace)."
        )
    images.sort(key=lambda image: (natural(image.path), image.path))
    return images


def _found(root: Path, pattern: str) -> list[Path]:
    return next((found for name in FOLDERS if (found := sorted((root / name).glob(pattern)))), [])


def _crops(
    folder: Path, entry: str, root: Path, members: Path, lists: Mapping[str, Path], options: IJBOptions
) -> list[RawImage]:
    """Copy InsightFace's crops."""
    listed = read_members(members)
    templates = {name: subjects(path) for name, path in lists.items()}
    sitter = _merged(lists, templates) or _sitters(members, [one.template for one in listed])
    points = _found(root, POINTS)
    scores = read_scores(points[0]) if points else {}
    standing: dict[str, list[str]] = defaultdict(list)
    medium: dict[str, str] = {}
    for line, one in enumerate(listed, 1):
        if one.template not in sitter:
            raise SitterError(f"{members}, line {line}: template {one.template} stands in no list {LISTS}.")
        if medium.setdefault(one.file, one.medium) != one.medium:
            raise SitterError(
                f"{members}, line {line}: {one.file} is of the medium {one.medium}, but {medium[one.file]} above."
            )
        standing[one.file].append(one.template)
    images = []
    for file, mine in progress(list(standing.items()), f"copy {entry}"):
        source, people = root / CROPS / file, {sitter[template] for template in mine}
        if len(people) > 1:
            raise SitterError(f"{members}: {file} stands in templates of {len(people)} subjects.")
        image = _image(folder, entry, people.pop(), PurePosixPath(file), options)
        _check_file(entry, root / CROPS, file)
        shutil.copyfile(source, folder / image.path)
        found = _finished(folder, image, mine, medium[file], templates)
        further = {SCORE: scores.get(file, "")} if scores else {}
        images.append(found._replace(further={**found.further, **further}))
    return images


def _originals(folder: Path, entry: str, root: Path, lists: Mapping[str, Path], options: IJBOptions) -> list[RawImage]:
    """Cut the listed faces out of NIST's images."""
    every = {name: read_list(path) for name, path in lists.items()}
    templates = {name: {one.template: one.subject for one in some} for name, some in every.items()}
    checked = [name for name in lists if name.startswith(OF_VERIFICATION)]
    _merged({name: lists[name] for name in checked}, {name: templates[name] for name in checked})
    images = root / "images" if (root / "images").is_dir() else root
    # By image, so that each is decoded only once.
    faces: dict[str, dict[tuple[str, PixelBox], dict[str, list[NISTImage]]]] = {}
    for name, some in every.items():
        for one in some:
            faces.setdefault(one.file, {}).setdefault((one.subject, one.box), {}).setdefault(name, []).append(one)
    cut = []
    for file, found in progress(list(faces.items()), f"cut {entry}"):
        _check_file(entry, images, file)
        seen: dict[str, int] = defaultdict(int)
        targets = []
        for (subject, box), by_list in found.items():
            seen[subject] += 1
            more = f"-{seen[subject]}" if seen[subject] > 1 else ""  # another box of the same person on one image
            path = PurePosixPath(file).with_suffix("")
            image = _image(folder, entry, subject, path.with_name(f"{path.name}{more}.png"), options)
            targets.append((folder / image.path, box))
            mine = [one.template for name in by_list if name.startswith(OF_VERIFICATION) for one in by_list[name]]
            medium = next(iter(by_list.values()))[0].medium
            own = {name: {one.template: one.subject for one in some} for name, some in by_list.items()}
            cut.append((image, mine, medium, {name: own.get(name, {}) for name in templates}))
        _cut(images / file, targets, options.margin)
    return [
        _finished(folder, image, [*mine, *(t for some in own.values() for t in some)], medium, own, mine)
        for image, mine, medium, own in cut
    ]


def _cut(source: Path, targets: Iterable[tuple[Path, PixelBox]], margin: float) -> None:
    from PIL import Image

    with Image.open(source) as opened:
        image = opened.convert("RGB")
    for target, (left, top, width, height) in targets:
        x, y = round(margin * width), round(margin * height)
        ends = (
            max(0, left - x),
            max(0, top - y),
            min(image.width, left + width + x),
            min(image.height, top + height + y),
        )
        if ends[0] >= ends[2] or ends[1] >= ends[3]:
            raise SitterError(f"{source} is {image.width}×{image.height}, and a listed face lies outside of it.")
        image.crop(ends).save(target)


def _image(folder: Path, entry: str, subject: str, file: PurePosixPath, options: IJBOptions) -> RawImage:
    """Return an image before it is written, and make its folder."""
    path = f"{subject}/{'-'.join(file.parts)}"
    image_id = check_id(str(PurePosixPath(path).with_suffix("")), f"download.{entry}")
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    return RawImage(image_id, path, subject, further=licence_column(options.licence))


def _finished(
    folder: Path,
    image: RawImage,
    members: Iterable[str],
    medium: str,
    lists: Mapping[str, Mapping[str, str]],
    of_verification: Iterable[str] | None = None,
) -> RawImage:
    """Return a written image with its templates: for each list, the `members` that stand in it."""
    mine = list(dict.fromkeys(members))
    template = mine if of_verification is None else list(dict.fromkeys(of_verification))
    found = {name: templates_cell(t for t in mine if t in some) for name, some in lists.items()}
    galleries = [some for name, some in lists.items() if name.startswith("gallery")]
    gallery = {GALLERY: templates_cell(t for t in mine if any(t in some for some in galleries))} if galleries else {}
    further = {**image.further, TEMPLATE: templates_cell(template), MEDIUM: medium, **gallery, **found}
    return image._replace(sha256=sha256(folder / image.path), further=further)


def _check_file(entry: str, root: Path, file: str) -> None:
    if PurePosixPath(file).is_absolute() or ".." in PurePosixPath(file).parts:
        raise SitterError(f"download.{entry}: a protocol file names {file!r}, which leads out of {root}.")
    if not (root / file).is_file():
        raise SitterError(
            f"download.{entry}: {root / file} is in a protocol file, but it does not exist. Unpack the whole data set, "
            "and name the folder that holds it."
        )


def _merged(lists: Mapping[str, Path], templates: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Return the subject of each template of several lists, in which an id means the same template."""
    found: dict[str, str] = {}
    for name, some in templates.items():
        for template, subject in some.items():
            if found.setdefault(template, subject) != subject:
                raise SitterError(
                    f"{lists[name]}: template {template} has the subject {subject}, but {found[template]} in another "
                    "list of its folder."
                )
    return found


def _sitters(members: Path, templates: Iterable[str]) -> dict[str, str]:
    """Return names for subjects that no list tells: templates that genuine pairs join have one subject."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    files = sorted(members.parent.glob(PAIRS))
    if not files:
        raise SitterError(f"{members.parent} has neither lists {LISTS} nor {PAIRS}, so nobody knows who is who.")
    pairs = read_template_pairs(files[0])
    if pairs.genuine is None:
        raise SitterError(f"{files[0]} has no labels, so nobody knows who is who: add the lists {LISTS}.")
    names = list(dict.fromkeys([*pairs.names, *templates]))
    a, b = pairs.a[pairs.genuine], pairs.b[pairs.genuine]
    joined = coo_array((np.ones(len(a), bool), (a, b)), shape=(len(names), len(names)))
    of = connected_components(joined, directed=False)[1]
    first: dict[int, str] = {}
    return {name: f"unnamed-{first.setdefault(int(n), name)}" for name, n in zip(names, of, strict=True)}
