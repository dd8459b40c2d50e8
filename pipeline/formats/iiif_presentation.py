"""Manifests and collections of the IIIF Presentation API, versions 2 and 3, read alike.

https://iiif.io/api/presentation/3.0/ and https://iiif.io/api/presentation/2.1/. Many documents of museums break the
specification somewhere. So each value is looked for where either version has it, and the rest is ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

WHOLE = "full"
REGION = re.compile(r"(\d+),(\d+),(\d+),(\d+)")
PARTS = ("items", "members", "collections", "manifests")
"""The fields in which collections of either version list their contents."""


class Unreadable(Exception):
    """A document that is not what it should be; the message is the reason."""


@dataclass(frozen=True)
class CanvasImage:
    """An image on a canvas."""

    service: str
    """Base URI of its image service; empty where it has none."""
    url: str
    """URL of its file, or of the form in which the manifest shows it."""
    region: str = WHOLE
    """The part of it that is on the canvas: `full`, or x,y,w,h in pixels of the image."""


@dataclass(frozen=True)
class Canvas:
    """A view of an object."""

    label: Any
    metadata: list[tuple[Any, Any]]
    """Pairs of a label and a value."""
    pictures: list[CanvasImage]


@dataclass(frozen=True)
class Manifest:
    """An object and what is known of it; texts are as delivered (`pipeline.formats.iiif_text`)."""

    uri: str
    label: Any
    metadata: list[tuple[Any, Any]]
    institution: Any
    credit: Any
    licence: str
    page: str
    canvases: list[Canvas]


@dataclass(frozen=True)
class Collection:
    """Manifests and collections, either embedded or by their URIs."""

    uri: str
    parts: list[str | Manifest | Collection]


def read(document: Any) -> Manifest | Collection:
    """Return the manifest or collection in a document.

    Raises:
        Unreadable: it is neither.
    """
    if not isinstance(document, dict):
        raise Unreadable(f"is no IIIF document but a JSON {type(document).__name__}")
    kind = _type(document)
    if kind == "Manifest":
        return _manifest(document)
    if kind == "Collection":
        return Collection(_uri(document), list(_parts(document)))
    raise Unreadable(f"is no IIIF manifest and no collection; its type is {kind or 'not stated'}")


def _manifest(document: Mapping[str, Any]) -> Manifest:
    canvases = document.get("items") or [c for s in _list(document.get("sequences")) for c in _of(s, "canvases")]
    credit = document.get("attribution")  # in version 2; version 3 has a label and a value
    for statement in _dicts(document.get("requiredStatement")):
        credit = statement.get("value")
    return Manifest(
        uri=_uri(document),
        label=document.get("label"),
        metadata=_metadata(document),
        institution=next((agent.get("label") for agent in _dicts(document.get("provider"))), None),
        credit=credit,
        licence=_link(document.get("rights") or document.get("license")),
        page=_link(document.get("homepage") or document.get("related")),
        canvases=[
            Canvas(canvas.get("label"), _metadata(canvas), list(_pictures(canvas))) for canvas in _dicts(canvases)
        ],
    )


def _parts(document: Mapping[str, Any]) -> Iterator[str | Manifest | Collection]:
    for part in (part for field in PARTS for part in _list(document.get(field))):
        if isinstance(part, dict) and ({"items", "sequences", *PARTS[1:]} & part.keys()):
            yield read(part)
        elif uri := _link(part):
            yield uri
    for page in ("first", "next"):  # a long collection of version 2 comes in pages
        if uri := _link(document.get(page)):
            yield uri


def _pictures(canvas: Mapping[str, Any]) -> Iterator[CanvasImage]:
    """Yield the images that are painted on a canvas; where there is a choice, the first."""
    annotations = [a for page in _dicts(canvas.get("items")) for a in _of(page, "items")] + _list(canvas.get("images"))
    for annotation in _dicts(annotations):
        if annotation.get("motivation", "painting") not in ("painting", ["painting"], "sc:painting"):
            continue
        for body in _dicts(annotation.get("body") or annotation.get("resource"))[:1]:
            yield from _picture(body)


def _picture(body: Mapping[str, Any]) -> Iterator[CanvasImage]:
    if _type(body) == "Choice":
        for chosen in _dicts(body.get("default") or body.get("items"))[:1]:
            yield from _picture(chosen)
    elif _type(body) == "SpecificResource":
        source = body.get("source") or body.get("full")
        region = _selected(body)
        for found in _picture(source if isinstance(source, dict) else {"id": source, "type": "Image"}):
            yield CanvasImage(found.service, found.url, region or found.region)
    elif _type(body) == "Image":
        url, _, fragment = _uri(body).partition("#xywh=")
        service = next((_uri(s) for s in _dicts(body.get("service")) if _is_image_service(s)), "").rstrip("/")
        if url or service:
            yield CanvasImage(service, url, _region(fragment) or _cut(url, service) or WHOLE)


def _selected(body: Mapping[str, Any]) -> str:
    for selector in _dicts(body.get("selector")):
        if region := _region(str(selector.get("region") or selector.get("value") or "")):
            return region
    return ""


def _cut(url: str, service: str) -> str:
    """Return the region in the URL of an image, if the URL asks the service for one."""
    return _region(url.removeprefix(f"{service}/").partition("/")[0]) if url.startswith(f"{service}/") else ""


def _region(words: str) -> str:
    found = REGION.fullmatch(words.removeprefix("xywh=").removeprefix("pixel:"))
    return found[0] if found and int(found[3]) and int(found[4]) else ""


def _is_image_service(service: Mapping[str, Any]) -> bool:
    said = f"{_type(service)} {service.get('@context')} {service.get('profile')} {service.get('protocol')}"
    return any(mark in said for mark in ("ImageService", "/image", "level0", "level1", "level2"))


def _metadata(document: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    return [(pair.get("label"), pair.get("value")) for pair in _dicts(document.get("metadata"))]


def _type(document: Mapping[str, Any]) -> str:
    """Return the type of a document without the prefixes of version 2: `sc:`, `oa:`, `dctypes:`."""
    said = document.get("type") or document.get("@type")
    return str(said[0] if isinstance(said, list) and said else said or "").rpartition(":")[2]


def _uri(document: Mapping[str, Any]) -> str:
    return str(document.get("id") or document.get("@id") or "")


def _link(value: Any) -> str:
    """Return the first web address in a value, which is a text, something with an id, or a list of these."""
    for part in _list(value):
        uri = _uri(part) if isinstance(part, dict) else str(part or "")
        if urlsplit(uri).scheme in ("http", "https"):
            return uri
    return ""


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _dicts(value: Any) -> list[dict[str, Any]]:
    return [part for part in _list(value) if isinstance(part, dict)]


def _of(document: Any, field: str) -> list[Any]:
    return _list(document.get(field)) if isinstance(document, dict) else []
