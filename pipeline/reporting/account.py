"""The account of the data: what became of every image, who is in which subset, and under which licence it stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain, product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.core.files import each_row
from pipeline.params.backbones.base import OutsideOptions
from pipeline.reporting.album import Album, Picture, sheet, spread
from pipeline.store.accounts import ALIGNED, each_account, has_account
from pipeline.store.embeddings import read_versions
from pipeline.store.models import find_record
from pipeline.store.splits import UNIDENTIFIED, UNUSED, copies_file, each_image, split_file

if TYPE_CHECKING:
    from pipeline.params import Study
    from pipeline.plan.layout import Layout

Row = dict[str, str]
SUBSETS = ("train", "val", "test", UNUSED, UNIDENTIFIED)
LISTED = 200
"""Images without a face that are listed by name; `faces.csv` has them all."""
KEPT = 10_000
"""Such images that are kept in memory to choose those shown from."""
SHOWN = 18
"""Images without a face, and images with several, that are shown."""


@dataclass(frozen=True)
class Case:
    """An image that needs a look: no face found, unreadable, or several faces."""

    image_id: str
    sitter: str
    status: str
    reason: str
    picture: Picture | None
    box: tuple[float, float, float, float] | None
    """The face that was taken: x, y, width, height in pixels of the picture."""


@dataclass(frozen=True)
class DataSet:
    """The account of one data set."""

    name: str
    about: str
    images: int
    aligned: int
    no_face: int
    unreadable: int
    several: int
    dropped: int
    corrected: int
    """Images dropped, and faces put right, by a human."""
    doubtful: str
    """The page of cases for a human; empty where there is none."""
    reasons: list[tuple[str, int]]
    failures: list[Case]
    shown: list[Case]
    crowds: list[Case]
    styles: list[tuple[str, int, int]]
    """Style, images, aligned: for painted sets."""
    subsets: list[tuple[str, int, int]]
    """Subset, sitters, images."""
    copies: tuple[int, int]
    """Pairs of images that show the same picture: under one sitter's name, and under two."""
    sheet: Picture | None


def data_sets(study: Study, album: Album) -> list[DataSet]:
    """The account of every data set whose faces were looked for, in the study's order."""
    return [_data_set(study, name, album) for name in study.align if has_account(name, album.at)]


def _data_set(study: Study, name: str, album: Album) -> DataSet:
    statuses: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    styles: Counter[str] = Counter()
    aligned_styles: Counter[str] = Counter()
    failed: list[Row] = []
    crowds: list[Row] = []
    several = corrected = 0
    for row in each_account(name, ("image_id", "status"), album.at):
        status, style = row["status"], row.get("style") or ""
        statuses[status] += 1
        styles[style] += 1
        if status == "dropped":
            continue
        corrected += bool(row.get("corrected"))
        if status != ALIGNED:
            reasons[row.get("reason") or status] += 1
            failed += [row] if len(failed) < KEPT else []
            continue
        aligned_styles[style] += 1
        if _whole(row.get("faces")) > 1:
            several += 1
            crowds += [row] if len(crowds) < KEPT else []
    return DataSet(
        name=name,
        about=_about(study, name),
        images=statuses.total(),
        aligned=statuses["aligned"],
        no_face=statuses["no_face"],
        unreadable=statuses["unreadable"],
        several=several,
        dropped=statuses["dropped"],
        corrected=corrected,
        doubtful=page.as_posix() if (page := album.at.faces(name) / "doubtful.html").exists() else "",
        reasons=reasons.most_common(),
        failures=[_case(name, row, None) for row in failed[:LISTED]],
        shown=_shown(name, failed, album),
        crowds=[_case(name, row, album) for row in spread(crowds, SHOWN)],
        styles=[(s, n, aligned_styles[s]) for s, n in sorted(styles.items()) if s],
        subsets=_subsets(name, album.at),
        copies=_copies(copies_file(name, album.at)),
        sheet=sheet(album.at.raw(name) / "contact-sheet.png") if name in study.render else None,
    )


def _about(study: Study, name: str) -> str:
    if name in study.render:
        render = study.render[name]
        return f"{render.renderings} paintings of each image of {render.dataset}, at strength {render.strength:g}"
    return f"as delivered ({study.download[name].kind})"


def _shown(name: str, failed: list[Row], album: Album) -> list[Case]:
    cases = [_case(name, row, album) for row in spread([r for r in failed if r["status"] == "no_face"], SHOWN)]
    return [case for case in cases if case.picture is not None]


def _case(dataset: str, row: Row, album: Album | None) -> Case:
    picture = album.thumbnail(dataset, row["path"]) if album and row.get("path") else None
    box = _box(row, picture) if row["status"] == ALIGNED else None
    return Case(row["image_id"], row.get("sitter", ""), row["status"], row.get("reason", ""), picture, box)


def _box(row: Row, picture: Picture | None) -> tuple[float, float, float, float] | None:
    """The chosen face in the picture, which is smaller than the image; None where the row has none."""
    try:
        x0, y0, x1, y1, width = (float(row[c]) for c in ("x0", "y0", "x1", "y1", "width"))
    except (KeyError, ValueError):
        return None
    if picture is None or width <= 0:
        return None
    scale = picture.width / width
    return round(x0 * scale, 1), round(y0 * scale, 1), round((x1 - x0) * scale, 1), round((y1 - y0) * scale, 1)


def _subsets(dataset: str, at: Layout) -> list[tuple[str, int, int]]:
    if not split_file(dataset, at).exists():
        return []
    images: Counter[str] = Counter()
    sitters: dict[str, set[str]] = {}
    for _, sitter, subset in each_image(dataset, at):
        images[subset] += 1
        sitters.setdefault(subset, set()).add(sitter)
    return [(s, len(sitters[s] - {""}), images[s]) for s in SUBSETS if s in images]


def _copies(path: Path) -> tuple[int, int]:
    if not path.exists():
        return 0, 0
    found = Counter(row.get("sitters") or "different" for row in each_row(path))
    return found["same"], found["different"]


def _whole(text: str | None) -> int:
    try:
        return int(float(text or 0))
    except ValueError:
        return 0


def materials(study: Study) -> list[dict[str, Any]]:
    """Every entry under `download`: what it is, where it came from, its licence, and what uses it."""
    users: dict[str, list[str]] = {name: [] for name in study.download}
    outside = {m.backbone.weights for m in study.models.values() if isinstance(m.backbone, OutsideOptions)}
    for name, model in study.models.items():
        for entry in model.backbone.entries().values():
            users[entry].append(name)
    for name, render in study.render.items():
        users[render.dataset].append(f"painted as {name}")
    for align in study.align.values():
        for weights in align.weights.values():
            users[weights].append("face detection")
    found = []
    for name, source in study.download.items():
        options = source.model_dump()
        place = [str(options[k]) for k in ("name", "version", "revision", "path", "url", "member") if options.get(k)]
        found.append(
            {
                "name": name,
                "sort": "data set" if name in study.align else "outside system" if name in outside else "weights",
                "kind": source.kind,
                "place": place,
                "sha256": options.get("sha256") or "",
                "licence": options.get("licence") or "",
                "users": list(dict.fromkeys(users[name])),
            }
        )
    return found


def versions(study: Study, run: Mapping[str, Any], at: Layout) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return what was made with which versions of which packages, as was recorded then; several where they differ."""
    models = [record for name in study.models if (record := find_record(name, at))]
    pairs = product([*study.models, *study.fuse], study.embed.datasets)
    recorded = {
        "Models": [model.get("versions", {}) for model in models],
        "Embeddings": [read_versions(name, dataset, at) for name, dataset in pairs],
        "Figures": [run.get("versions", {})],
    }
    found = []
    for what, records in recorded.items():
        by_package: dict[str, set[str]] = {}
        for package, version in chain.from_iterable(record.items() for record in records):
            by_package.setdefault(package, set()).add(str(version))
        if by_package:
            found.append((what, [(package, " and ".join(sorted(every))) for package, every in by_package.items()]))
    return found
