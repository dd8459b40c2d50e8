"""Files that a user names: by a path on this machine, or by a URL with a checksum."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pipeline.core.errors import SitterError
from pipeline.core.own_files import located
from pipeline.sources import web
from pipeline.sources.cache import check, verified


def own_path(entry: str, path: str) -> Path:
    """Return the path of a user's file or folder, relative to the project's root or absolute.

    Raises:
        SitterError: it does not exist.
    """
    found = located(path)
    if not found.exists():
        relative = "" if found.is_absolute() else f" (looked for it below {Path.cwd()})"
        raise SitterError(f"download.{entry}.path is {path}, which does not exist{relative}.")
    return found


def own_file(entry: str, path: str | None, url: str | None, sha256: str | None) -> tuple[Path, str]:
    """Return a user's file by path or URL, with its checksum verified, and its name.

    Raises:
        SitterError: not exactly one of `path` and `url` is given, a URL has no checksum, the checksum is wrong, or no
            answer comes.
    """
    where = f"download.{entry}"
    if (path is None) == (url is None):
        raise SitterError(f"{where} needs either path or url; it has {'neither' if path is None else 'both'}.")
    if path is not None:
        found = own_path(entry, path)
        if not found.is_file():
            raise SitterError(f"{where}.path is {path}, which is a folder: name a file, or use `kind: folder`.")
        if sha256 is not None:
            check(found, sha256, where, path)
        return found, found.name
    assert url is not None
    check_url(url, f"{where}.url")
    if sha256 is None:
        raise SitterError(f"{where} has a url and no sha256: add the checksum, so that what arrives can be trusted.")
    name = Path(unquote(urlsplit(url).path)).name or "download"
    return verified(sha256, where, url, lambda scratch: _fetch(url, sha256, scratch, where)), name


def check_url(url: str, where: str) -> None:
    """Raise SitterError unless it is an http or https URL with a host."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise SitterError(f"{where} is {url!r}: expected a URL that begins with https:// or http://.")


def _fetch(url: str, sha256: str, scratch: Path, where: str) -> Path:
    try:
        return fetch_into(scratch, url, sha256)
    except web.Unfetched as reason:
        raise SitterError(f"{where}: {url} could not be fetched: {reason}. Run it again to go on.") from None


def fetch_into(scratch: Path, url: str, sha256: str, headers: Mapping[str, str] | None = None) -> Path:
    """Fetch a file into a scratch folder, resuming where a killed run stopped, and return its path.

    Args:
        scratch: the folder.
        url: the URL of the file.
        sha256: the checksum that it should have; the caller verifies it.
        headers: headers to send to this server, but to no other server that it redirects to.

    Raises:
        Unfetched: the message is the reason.
    """
    from pipeline.core.files import sha256 as checksum

    target, asking = scratch / "file", web.session()
    asking.headers.update(headers or {})
    resumed = target.exists()
    web.save(url, target, asking, resume=True)
    if resumed and checksum(target) != sha256:  # the file changed between the two halves
        target.unlink()
        web.save(url, target, asking)
    return target
