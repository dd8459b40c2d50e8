"""Kind `manifest`: a CSV of files or URLs, fetched in parallel, checked, and accounted for one by one."""

from __future__ import annotations

import functools
import logging
from itertools import chain
from pathlib import Path

import requests

from pipeline.core.lookup import FileFinder, NotFound
from pipeline.core.progress import progress
from pipeline.params.sources.manifest import ManifestOptions
from pipeline.sources import web
from pipeline.sources.listed import ListedPortrait
from pipeline.sources.listing import read_listing
from pipeline.sources.local import own_path
from pipeline.sources.rate_limit import politely
from pipeline.sources.taken import account, fetched, place
from pipeline.store.raw import RawImage

logger = logging.getLogger(__name__)


def fetch(folder: Path, entry: str, options: ManifestOptions) -> list[RawImage]:
    """Take the images that a CSV lists by path or URL, each with its sitter; list failures in failed.csv.

    The CSV has the columns sitter and path or url, and may have image_id and sha256; all others are carried on.

    Args:
        folder: the folder for the images, named IMAGE_ID and an ending that fits the content.
        entry: name of the entry.
        options: the options of the entry.

    Returns:
        The images, in the order of the CSV.
    """
    file = own_path(entry, options.path)
    base = own_path(entry, options.root) if options.root else file.parent
    listed = read_listing(file, base, options.columns or {}, options.separator)
    finder = FileFinder(base)
    got: dict[int, RawImage] = {}
    reasons: dict[int, str] = {}

    @functools.cache
    def lines() -> dict[tuple[str, Path], int]:
        return {(p.sitter, p.path): p.line for p in listed if p.path}

    def find(portrait: ListedPortrait) -> Path:
        """Return the file that a path without a file must mean, unless another row of the sitter names it."""
        try:
            found = finder.find(portrait.written)
        except NotFound as reason:
            raise web.Unfetched(str(reason)) from None
        if (line := lines().setdefault((portrait.sitter, found), portrait.line)) != portrait.line:
            raise web.Unfetched(f"must mean {found}, which line {line} names already: delete one")
        return found

    def take(portrait: ListedPortrait, session: requests.Session | None) -> RawImage | str:
        try:
            source = fetched(portrait, session, options.retries, options.backoff) if session else portrait.path
            assert source is not None, portrait
            try:
                return place(portrait, source, folder, options.licence)
            except (FileNotFoundError, NotADirectoryError):
                return place(portrait, find(portrait), folder, options.licence)
        except web.Unfetched as reason:
            return str(reason)

    local = ((p, take(p, None)) for p in listed if p.path)
    remote = politely(
        [(p, p.url) for p in listed if p.url],
        take,
        workers=options.workers,
        per_host=options.per_host,
        delay=options.delay,
        contact=options.contact,
    )
    for portrait, outcome in progress(chain(local, remote), f"fetch {entry}", total=len(listed)):
        if isinstance(outcome, str):
            reasons[portrait.line] = outcome
        else:
            got[portrait.line] = outcome
    if finder.counts:
        sorts = ", ".join(f"{n} {what}" for what, n in finder.counts.most_common())
        logger.info(
            f"{entry}: some files have other names than the list says and were found nevertheless ({sorts}): for "
            f"example, {finder.example}"
        )
    account(folder, entry, listed, reasons, options.complete)
    return [got[p.line] for p in listed if p.line in got]
