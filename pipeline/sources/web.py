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
BLOCK = 1 << 18
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


class Unfetched(Exception):
    """A URL that could not be fetched; the message is the reason."""


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
    limit: int | None = None,
) -> None:
    """Fetch a URL into a file.

    Args:
        target: where the bytes go; on failure what came so far stays there.
        retries: further attempts after a failure that may pass (no answer, a broken answer, status 429 or 5xx).
        backoff: pause before the first of them, seconds; it doubles each time, unless the server says how long.
        resume: go on behind the bytes that `target` already holds. Only for content whose checksum is known.
        limit: bytes after which to give up.

    Raises:
        Unfetched: with the reason.
    """
    for attempt in range(retries + 1):
        pause = min(backoff * 2**attempt, PAUSE_AT_MOST) * random.uniform(0.75, 1.25)
        try:
            with _ask(url, target, web, resume) as answer:
                if answer.status_code == 416:  # nothing behind what we hold, or another file by now: start afresh
                    target.unlink()
                    raise requests.ConnectionError("the server no longer holds the rest of the file")
                if answer.status_code in PASSING:
                    pause = max(pause, _retry_after(answer))
                    raise requests.ConnectionError(_status(answer))
                if not answer.ok:
                    raise Unfetched(_status(answer))
                _write(answer, target, limit)
            return
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            if attempt == retries or isinstance(error, requests.exceptions.SSLError):
                tries = f" (tried {attempt + 1} times)" if attempt else ""
                raise Unfetched(_reason(error) + tries) from None
            time.sleep(pause)
        except requests.RequestException as error:  # no URL, too many redirects …: no use trying again
            raise Unfetched(_reason(error)) from None


def _ask(url: str, target: Path, web: requests.Session, resume: bool) -> requests.Response:
    held = target.stat().st_size if resume and target.exists() else 0
    return web.get(url, stream=True, timeout=TIMEOUT, headers={"Range": f"bytes={held}-"} if held else {})


def _write(answer: requests.Response, target: Path, limit: int | None) -> None:
    with open(target, "ab" if answer.status_code == 206 else "wb") as file:
        for block in answer.iter_content(BLOCK):
            file.write(block)
            if limit is not None and file.tell() > limit:
                raise Unfetched(f"is larger than {limit / 1e6:.0f} MB")


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
