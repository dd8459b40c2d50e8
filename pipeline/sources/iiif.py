"""Kind `iiif`: images from IIIF manifests and collections, with their descriptions, and from image services.

It fetches the manifests first, then what the servers of their images can send, then the images, all at a polite rate.
Until an entry is done, documents are kept as images are, so that a killed run can resume; a later run asks for the
documents again, because collections grow.
"""

from __future__ import annotations

import hashlib
import logging
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import requests

from pipeline.core.errors import SitterError, nearest
from pipeline.formats.iiif_image import ImageInfo, image_url
from pipeline.formats.iiif_presentation import WHOLE, CanvasImage, Manifest, Unreadable
from pipeline.formats.iiif_text import text
from pipeline.params.sources.iiif import IIIFOptions
from pipeline.sources.cache import cache, locked
from pipeline.sources.identifiers import joined
from pipeline.sources.iiif_columns import NOTHING, Described, check_columns, described, is_label, labels_in
from pipeline.sources.iiif_documents import (
    Document,
    ask_all,
    follow,
    in_order,
    kept_document,
    own_documents,
    parsed,
    parsed_info,
)
from pipeline.sources.listed import ListedPortrait
from pipeline.sources.listing import one_line, with_ids
from pipeline.sources.taken import account, fetched, place
from pipeline.store.raw import RawImage

logger = logging.getLogger(__name__)

IMAGE_REQUEST = re.compile(r"/[^/]+/[^/]+/[^/]+/(default|native|color)\.\w+$")
"""The part after the identifier in the URL of an image that a server makes."""
MEND = "Correct the manifests, or leave them out"


@dataclass(frozen=True)
class Wanted:
    """An image that is asked for, or a document that could not be fetched."""

    source: str
    picture: CanvasImage | None
    said: Described = NOTHING
    """What its manifest says of it."""


def fetch(folder: Path, entry: str, options: IIIFOptions) -> list[RawImage]:
    """Fetch images of manifests, collections and image services, with columns; list failures in failed.csv.

    Args:
        folder: the folder for the images, named IMAGE_ID and an ending that fits the content.
        entry: name of the entry.
        options: the options of the entry.

    Returns:
        The images, in the order of the collections.

    Raises:
        SitterError: nothing could be fetched, or not all although `complete` is set; a file of the user's own is no
            IIIF document; no manifest has a label that `columns` names.
    """
    check_columns(options.columns, f"download.{entry}")
    own = own_documents(entry, options)
    named = hashlib.sha256("\n".join((*options.urls, str(options.path))).encode()).hexdigest()
    scratch = cache() / "iiif" / named
    with locked(scratch.with_suffix(".lock"), f"download.{entry}"):
        scratch.mkdir(exist_ok=True)
        images = _fetch(folder, entry, options, [*own, *options.urls], scratch)
        shutil.rmtree(scratch, ignore_errors=True)
    return images


def _fetch(
    folder: Path, entry: str, options: IIIFOptions, roots: Sequence[Document | str], scratch: Path
) -> list[RawImage]:
    starts: dict[str, float] = {}

    def documents(uris: Sequence[str]) -> dict[str, Document | str]:
        def one(uri: str, session: requests.Session) -> Document:
            return kept_document(uri, session, scratch, options, parsed)

        return dict(ask_all([(uri, uri) for uri in uris], one, f"manifests of {entry}", options, starts))

    def info_of(service: str, session: requests.Session) -> ImageInfo:
        return kept_document(f"{service}/info.json", session, scratch, options, parsed_info)

    def take(portrait: ListedPortrait, session: requests.Session) -> RawImage:
        source = fetched(portrait, session, options.retries, options.backoff)
        return place(portrait, source, folder, options.licence)

    found, unread = follow(roots, documents)
    parts = list(in_order(roots, found))
    infos: dict[str, ImageInfo | str] = {part.uri: part for part in parts if isinstance(part, ImageInfo)}
    _check_labels(entry, options, [part for part in parts if isinstance(part, Manifest)], bool(unread))
    wanted = list(_wanted(parts, options))
    services = dict.fromkeys(w.picture.service for w in wanted if w.picture and w.picture.service)
    new = [(service, f"{service}/info.json") for service in services if service not in infos]
    infos |= dict(ask_all(new, info_of, f"sizes of {entry}", options, starts))
    listed, reasons = _listed(wanted, infos, unread, options.longer_side)
    jobs = [(p, p.url) for p in listed if p.line not in reasons]
    got: dict[int, RawImage] = {}
    for portrait, outcome in ask_all(jobs, take, f"fetch {entry}", options, starts, "image"):
        if isinstance(outcome, str):
            reasons[portrait.line] = outcome
        else:
            got[portrait.line] = outcome
    if not listed:
        raise SitterError(f"download.{entry}: no manifest holds an image: name others.")
    account(folder, entry, listed, reasons, options.complete, MEND, "number")
    return [got[p.line] for p in listed if p.line in got]


def _wanted(parts: Sequence[Manifest | ImageInfo | str], options: IIIFOptions) -> Iterator[Wanted]:
    for part in parts:
        if isinstance(part, str):
            yield Wanted(part, None)
        elif isinstance(part, ImageInfo):
            yield Wanted(part.uri, CanvasImage(part.uri, ""))
        else:
            canvases = [canvas for canvas in part.canvases if canvas.pictures]
            for canvas in canvases[: 1 if options.canvases == "first" else None]:
                said = described(part, canvas, options.columns, options.language)
                for picture in canvas.pictures:
                    region = WHOLE if options.region == "full" else picture.region
                    yield Wanted(picture.service or picture.url, replace(picture, region=region), said)


def _listed(
    wanted: Sequence[Wanted], infos: dict[str, ImageInfo | str], unread: dict[str, str], size: int
) -> tuple[list[ListedPortrait], dict[int, str]]:
    """Return portraits with the URLs of their images, each once for a sitter, and the reasons of failures by line."""
    able: list[ListedPortrait] = []
    unable: list[ListedPortrait] = []
    reasons: dict[int, str] = {}
    seen: set[tuple[str, str]] = set()
    for number, want in enumerate(wanted, 1):
        sitter, name = one_line(want.said.sitter), _name(want.picture) if want.picture else ""
        portrait = ListedPortrait(number, "", sitter, None, name, want.source, "", want.said.known)
        try:
            if want.picture is None:
                raise Unreadable(unread[want.source])
            url = _url(want.picture, infos, size)
        except Unreadable as reason:
            reasons[number] = str(reason)
            unable.append(portrait)
            continue
        if (sitter, url) not in seen:
            seen.add((sitter, url))
            able.append(replace(portrait, url=url))
    named = joined(with_ids(able, lambda portrait: portrait.written), "the manifests")
    return sorted([*named, *unable], key=lambda portrait: portrait.line), reasons


def _url(picture: CanvasImage, infos: dict[str, ImageInfo | str], size: int) -> str:
    if not picture.service:
        if picture.region != WHOLE:
            raise Unreadable(f"has no image service to cut out the region {picture.region}: set region: full")
        return picture.url
    info = infos[picture.service]
    if isinstance(info, str):
        raise Unreadable(f"info.json: {info}")
    return image_url(info, picture.region, size)


def _name(picture: CanvasImage) -> str:
    """Return the server's name of an image: the identifier, or the name of the file."""
    path = unquote(IMAGE_REQUEST.sub("", urlsplit(picture.service or picture.url).path).rstrip("/"))
    name = PurePosixPath(path.rpartition(":")[2] or path)
    return name.name if picture.service else name.stem


def _check_labels(entry: str, options: IIIFOptions, manifests: Sequence[Manifest], incomplete: bool) -> None:
    """Warn of a label of `columns` that is in no manifest; if all manifests were fetched, it is an error.

    Raises:
        SitterError: names the column, the label and the existing labels.
    """
    labels = labels_in(manifests)
    for column, label in options.columns.items():
        if manifests and not any(is_label(their, label) for their in labels):
            there = dict.fromkeys(filter(None, (text(their, options.language) for their in labels)))
            said = f"columns.{column} is {label!r}, a label that no manifest has; {nearest(label, there)}"
            if not incomplete:
                raise SitterError(f"download.{entry}.{said}.")
            logger.warning(f"download.{entry}.{said} (some manifests could not be fetched).")
