"""Files by URL: streamed, retried with growing pauses, resumed where the server can."""

from __future__ import annotations

import random
import re
import time
from email.utils import parsedate_to_datetime
from pathlib import Path

import requests

TIMEOUT = (10, 30)  # seconds to connect, and between two pieces of an answer
PAUSE_AT_MOST = 60.0
BLOCK = 1 << 16  # bytes; what a broken connection brought of the last one is lost
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


class Unfetched(Exception):
    """A URL that could not be fetched; the message is the reason."""

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.status = status
        """What the server answered; None where it gave no answer."""


def session(contact: str | None = None) -> requests.Session:
    """A session that says who asks, as Wikimedia and other archives require."""
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
    """Fetch a URL into a file; what arrives short of the length that was announced counts as broken off.

    Args:
        target: where the bytes go; on failure what came so far stays there, unless it is too large.
        retries: further attempts after a failure that may pass (no answer, a broken answer, status 429 or 5xx).
        backoff: pause before the first of them, seconds; it doubles each time, unless the server says how long.
        resume: go on behind the bytes that `target` already holds. Only for content whose checksum is known.
        mark: file for the server's word on the version that `target` holds a part of (ETag, or date of the last
            change). With it, too, we go on behind what is there, unless the server says that the file is another by now
            (RFC 9110, If-Range).
        limit: bytes after which to give up.

    Raises:
        Unfetched: with the reason.
    """
    for attempt in range(retries + 1):
        pause = min(backoff * 2**attempt, PAUSE_AT_MOST) * random.uniform(0.75, 1.25)
        try:
            held = _held(target, resume, mark)
            with _ask(url, held, web, mark) as answer:
                if answer.status_code == 416:  # nothing behind what we hold, or another file by now: start afresh
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
        except requests.RequestException as error:  # no URL, too many redirects …: no use trying again
            raise Unfetched(_reason(error)) from None


def _held(target: Path, resume: bool, mark: Path | None) -> int:
    """Bytes to go on behind."""
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
    """Keep what tells this version of the file from another; weak ETags do not."""
    tag = answer.headers.get("ETag", "")
    version = tag if tag.startswith('"') else answer.headers.get("Last-Modified", "")
    if version:
        mark.write_text(version)
    else:
        mark.unlink(missing_ok=True)


def _status(answer: requests.Response) -> str:
    return f"the server answered {answer.status_code} {answer.reason or ''}".rstrip()


def _reason(error: Exception) -> str:
    """The innermost cause, in one line."""
    if isinstance(error, requests.ConnectTimeout | requests.ReadTimeout):
        return f"no answer within {TIMEOUT[0 if isinstance(error, requests.ConnectTimeout) else 1]} s"
    inner: object = error
    while getattr(inner, "args", ()) and isinstance(inner.args[0], Exception):  # type: ignore[attr-defined]
        inner = inner.args[0]  # type: ignore[attr-defined]
    reason = getattr(inner, "reason", None) or inner
    return re.sub(r"<[^>]*>:?|\(_ssl\.c:\d+\)", "", str(reason)).strip() or type(error).__name__


def _retry_after(answer: requests.Response) -> float:
    """Seconds that a server asks us to wait, at most `PAUSE_AT_MOST`."""
    said = answer.headers.get("Retry-After", "")
    try:
        seconds = float(said) if said.isdigit() else parsedate_to_datetime(said).timestamp() - time.time()
    except ValueError:
        return 0.0
    return min(max(seconds, 0.0), PAUSE_AT_MOST)
