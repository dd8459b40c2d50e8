"""Fetches files by URL: streams them, retries with growing pauses, and resumes where the server can."""

from __future__ import annotations

import random
import re
import time
from email.utils import parsedate_to_datetime
from pathlib import Path

import requests

TIMEOUT = (10, 30)  # seconds to connect, and between two pieces of an answer
PAUSE_AT_MOST = 60.0
BLOCK = 1 << 16  # bytes; a broken connection loses only the last one
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


class Unfetched(Exception):
    """A URL that could not be fetched; the message is the reason."""

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.status = status
        """The status that the server answered; None where it gave no answer."""


def session(contact: str | None = None) -> requests.Session:
    """Return a session that says who asks, as Wikimedia and other archives require."""
    made = requests.Session()
    made.headers["User-Agent"] = f"sitter/0.1 ({contact or 'portrait research'}) {requests.utils.default_user_agent()}"
    made.headers["Accept-Encoding"] = "identity"  # bytes as stored, so that sizes, ranges and checksums hold
    return made


def save(
    url: str,
    target: Path,
    web: requests.Session,
    *,
    retries: int = 4,
    backoff: float = 1.0,
    resume: bool = False,
    mark: Path | None = None,
    limit: int | None = None,
) -> None:
    """Fetch a URL into a file; an answer shorter than announced counts as broken off.

    Args:
        target: the file; after a failure it keeps what has arrived, unless it is too large.
        retries: further attempts after a failure that may be temporary (no answer, a broken answer, status 429 or 5xx).
        backoff: seconds before the first of them; it doubles each time, unless the server says how long.
        resume: continue after the bytes that `target` already holds. Only for content whose checksum is known.
        mark: file that keeps the server's identifier of the version that `target` holds a part of (ETag, or date of the
            last change). With it, too, fetching continues after the bytes that are there, unless the server says that
            the file has changed (RFC 9110, If-Range).
        limit: bytes after which to give up.

    Raises:
        Unfetched: the message is the reason.
    """
    for attempt in range(retries + 1):
        pause = min(backoff * 2**attempt, PAUSE_AT_MOST) * random.uniform(0.75, 1.25)
        try:
            held = _held(target, resume, mark)
            with _ask(url, held, web, mark) as answer:
                if answer.status_code == 416:  # nothing after what we hold, or the file has changed: start afresh
                    target.unlink()
                    raise requests.ConnectionError("the server no longer holds the rest of the file")
                if answer.status_code in PASSING:
                    pause = max(pause, _retry_after(answer))
                    raise requests.ConnectionError(_status(answer))
                if not answer.ok:
                    raise Unfetched(_status(answer), answer.status_code)
                _write(answer, target, held, mark, limit)
            return
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            if attempt == retries or isinstance(error, requests.exceptions.SSLError):
                tries = f" (tried {attempt + 1} times)" if attempt else ""
                raise Unfetched(_reason(error) + tries) from None
            time.sleep(pause)
        except requests.RequestException as error:  # no URL, too many redirects …: trying again does not help
            raise Unfetched(_reason(error)) from None


def _held(target: Path, resume: bool, mark: Path | None) -> int:
    """Return the number of bytes after which to continue."""
    known = resume or (mark is not None and mark.exists())
    return target.stat().st_size if known and target.exists() else 0


def _ask(url: str, held: int, web: requests.Session, mark: Path | None) -> requests.Response:
    headers = {"Range": f"bytes={held}-"} if held else {}
    if held and mark is not None:
        headers["If-Range"] = mark.read_text()
    return web.get(url, stream=True, timeout=TIMEOUT, headers=headers)


def _write(answer: requests.Response, target: Path, held: int, mark: Path | None, limit: int | None) -> None:
    goes_on = answer.status_code == 206
    if goes_on and not answer.headers.get("Content-Range", f"bytes {held}-").startswith(f"bytes {held}-"):
        target.unlink(missing_ok=True)
        raise requests.ConnectionError(f"the server sent {answer.headers['Content-Range']!r}, asked from {held} on")
    with open(target, "ab" if goes_on else "wb") as file:
        if mark is not None and not goes_on:
            _remember(answer, mark)
        for block in answer.iter_content(BLOCK):
            file.write(block)
            if limit is not None and file.tell() > limit:
                target.unlink()
                raise Unfetched(f"is larger than {limit / 1e6:.0f} MB")


def _remember(answer: requests.Response, mark: Path) -> None:
    """Keep the identifier of this version of the file; weak ETags do not identify one."""
    tag = answer.headers.get("ETag", "")
    version = tag if tag.startswith('"') else answer.headers.get("Last-Modified", "")
    if version:
        mark.write_text(version)
    else:
        mark.unlink(missing_ok=True)


def _status(answer: requests.Response) -> str:
    return f"the server answered {answer.status_code} {answer.reason or ''}".rstrip()


def _reason(error: Exception) -> str:
    """Return the innermost cause, in one line."""
    if isinstance(error, requests.ConnectTimeout | requests.ReadTimeout):
        return f"no answer within {TIMEOUT[0 if isinstance(error, requests.ConnectTimeout) else 1]} s"
    inner: object = error
    while getattr(inner, "args", ()) and isinstance(inner.args[0], Exception):  # type: ignore[attr-defined]
        inner = inner.args[0]  # type: ignore[attr-defined]
    reason = getattr(inner, "reason", None) or inner
    return re.sub(r"<[^>]*>:?|\(_ssl\.c:\d+\)", "", str(reason)).strip() or type(error).__name__


def _retry_after(answer: requests.Response) -> float:
    """Return the seconds that a server asks us to wait, at most `PAUSE_AT_MOST`."""
    said = answer.headers.get("Retry-After", "")
    try:
        seconds = float(said) if said.isdigit() else parsedate_to_datetime(said).timestamp() - time.time()
    except ValueError:
        return 0.0
    return min(max(seconds, 0.0), PAUSE_AT_MOST)
