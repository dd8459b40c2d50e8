"""Fetches or reads documents of IIIF: manifests, collections and the `info.json` of image servers."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import requests

from pipeline.core.errors import SitterError
from pipeline.core.progress import progress
from pipeline.formats.iiif_image import ImageInfo, is_info, read_info
from pipeline.formats.iiif_presentation import Collection, Manifest, Unreadable, read
from pipeline.params.sources.iiif import IIIFOptions
from pipeline.sources import web
from pipeline.sources.local import own_path
from pipeline.sources.rate_limit import politely

T = TypeVar("T")
R = TypeVar("R")
Document = Manifest | Collection | ImageInfo
LARGEST_DOCUMENT = 1 << 28  # bytes


def own_documents(entry: str, options: IIIFOptions) -> list[Document]:
    """Return the documents of the user's own.

    Raises:
        SitterError: `path` is a folder without any, or a document cannot be read; the message names the file.
    """
    if options.path is None:
        return []
    path = own_path(entry, options.path)
    files = sorted(path.rglob("*.json")) if path.is_dir() else [path]
    if not files:
        raise SitterError(f"download.{entry}.path is {options.path}, a folder without a file *.json: name another.")
    found = []
    for file in files:
        try:
            found.append(parsed(file.read_bytes()))
        except Unreadable as reason:
            raise SitterError(f"download.{entry}.path: {file} {reason}.") from None
    return found


def follow(
    roots: Sequence[Document | str], ask: Callable[[Sequence[str]], Mapping[str, Document | str]]
) -> tuple[dict[str, Document], dict[str, str]]:
    """Fetch documents and the documents that they refer to, until there are no more.

    Args:
        roots: documents, or their URIs.
        ask: fetches some URIs; returns each document, or why it could not be fetched.

    Returns:
        The documents by their URIs, and the reasons why others could not be fetched.
    """
    found: dict[str, Document] = {}
    reasons: dict[str, str] = {}
    new = list(roots)
    while todo := [uri for uri in dict.fromkeys(_references(new)) if uri not in found and uri not in reasons]:
        new = []
        for uri, outcome in ask(todo).items():
            if isinstance(outcome, str):
                reasons[uri] = outcome
            else:
                found[uri] = outcome
                new.append(outcome)
    return found, reasons


def in_order(roots: Sequence[Document | str], found: Mapping[str, Document]) -> Iterator[Manifest | ImageInfo | str]:
    """Yield manifests and image services as the collections list them, each once; the URI of one that was not found."""
    stack, seen = list(reversed(roots)), set()
    while stack:
        part = stack.pop()
        if isinstance(part, str):
            if part in seen:
                continue
            seen.add(part)
            part = found.get(part, part)
        if isinstance(part, Collection):
            stack += reversed(part.parts)
        else:
            yield part


def ask_all(
    jobs: Sequence[tuple[T, str]],
    work: Callable[[T, requests.Session], R],
    what: str,
    options: IIIFOptions,
    starts: dict[str, float],
    unit: str = "document",
) -> Iterator[tuple[T, R | str]]:
    """Yield each job with its result, or the reason why it has none; see `pipeline.sources.rate_limit.politely`."""

    def one(job: T, session: requests.Session) -> R | str:
        try:
            return work(job, session)
        except (web.Unfetched, Unreadable) as reason:
            return str(reason)

    polite = {"workers": options.workers, "per_host": options.per_host}
    outcomes = politely(jobs, one, delay=options.delay, contact=options.contact, starts=starts, **polite)
    yield from progress(outcomes, what, total=len(jobs), unit=unit)


def kept_document(
    uri: str, session: requests.Session, scratch: Path, options: IIIFOptions, read: Callable[[bytes], R]
) -> R:
    """Return the document at a URI, from the scratch folder or the net.

    Raises:
        Unfetched, Unreadable: the message is the reason.
    """
    kept = scratch / hashlib.sha256(uri.encode()).hexdigest()
    if kept.is_file():
        return read(kept.read_bytes())
    part = kept.with_suffix(".part")
    try:
        web.save(uri, part, session, retries=options.retries, backoff=options.backoff, limit=LARGEST_DOCUMENT)
        document = read(part.read_bytes())
        os.replace(part, kept)
    finally:
        part.unlink(missing_ok=True)
    return document


def parsed(content: bytes) -> Document:
    """Return the manifest, collection or `info.json` in a file.

    Raises:
        Unreadable: the file is none of these.
    """
    document = _json(content)
    return read_info(document) if is_info(document) else read(document)


def parsed_info(content: bytes) -> ImageInfo:
    """Return what an `info.json` says; raises as `parsed` does."""
    return read_info(_json(content))


def _json(content: bytes) -> Any:
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise Unreadable(f"is no JSON: begins with {content[:40]!r}" if content else "is empty") from None


def _references(parts: Iterable[Document | str]) -> Iterator[str]:
    stack = list(parts)
    while stack:
        part = stack.pop()
        if isinstance(part, str):
            yield part
        elif isinstance(part, Collection):
            stack += part.parts
