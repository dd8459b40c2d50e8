"""Nobody comes in without the key: no other site, no other name of this machine, no page in the same browser."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from pipeline.core.layout import Layout
from pipeline.serving.server import MOST_JSON, Served
from pipeline.stages import identify
from tests.identification.project import study, write_project
from tests.programs import needs
from tests.serving.browser import chromium, served

pytestmark = pytest.mark.slow

WISH = {"verdict": "unsuitable", "sitters": [""], "by": "", "note": "", "seen": "[]"}


@pytest.fixture
def server(at: Layout, decisions: Path) -> Iterator[Served]:
    write_project(at.root)
    decisions.write_text("image,verdict,sitter\n")
    asked = study(decisions=decisions.name)
    identify.run(asked, "who", at.root)
    decisions.unlink()
    with served(asked, at) as server:
        yield server


class Caller:
    """A program that talks to the server without a browser."""

    def __init__(self, server: Served) -> None:
        self.host, self.key = server.door.hosts[0], server.door.key
        self.cookie = ""

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, dict[str, str], str]:
        sent = {"Host": self.host, **({"Cookie": self.cookie} if self.cookie else {})}
        sent |= {name.replace("_", "-"): value for name, value in headers.items()}
        connection = http.client.HTTPConnection("127.0.0.1", int(self.host.split(":")[1]), timeout=20)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in sent.items():
                connection.putheader(name, value)
            if body is not None and "Content-Length" not in sent:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read().decode("utf-8", "replace")
        finally:
            connection.close()

    def come_in(self) -> None:
        status, headers, _ = self.ask("GET", f"/?key={self.key}")
        assert (status, headers["location"]) == (303, "/")
        assert "HttpOnly" in headers["set-cookie"]
        assert "SameSite=strict" in headers["set-cookie"]
        self.cookie = headers["set-cookie"].partition(";")[0]

    def decide(self, **headers: str) -> int:
        given = {"Content_Type": "application/json", "Origin": f"http://{self.host}", **headers}
        return self.ask("POST", "/who/who/0/decide", json.dumps(WISH).encode(), **given)[0]


@pytest.fixture
def caller(server: Served) -> Caller:
    return Caller(server)


@pytest.mark.parametrize("path", ["/", "/who/who", "/who/who/0", "/who/who/0/whole.jpg", "/serve.js", "/?key=wrong"])
def test_without_the_key_everything_is_closed(caller: Caller, path: str) -> None:
    status, _, text = caller.ask("GET", path)
    assert status == 403
    assert "Open the whole address that the terminal showed" in text
    assert "s03" not in text


def test_with_the_key_it_is_open_and_the_key_leaves_the_address(caller: Caller) -> None:
    caller.come_in()
    status, headers, text = caller.ask("GET", "/")
    assert status == 200
    assert "who" in text
    assert caller.key not in text
    assert headers["cache-control"] == "no-store"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["referrer-policy"] == "no-referrer"


def test_the_address_that_a_program_hands_to_a_browser_opens_once(server: Served, caller: Caller) -> None:
    path = server.door.address_for_once().removeprefix(f"http://{caller.host}")
    assert caller.key not in path
    assert [caller.ask("GET", path)[0] for _ in range(2)] == [303, 403]
    caller.come_in()


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "evil.example:{port}", "127.0.0.1:1", "[::1]:{port}"])
def test_another_name_of_this_machine_leads_nowhere(caller: Caller, host: str) -> None:
    caller.come_in()
    named = host.format(port=caller.host.split(":")[1])
    assert caller.ask("GET", "/", Host=named)[0] == 421
    assert caller.ask("GET", f"/?key={caller.key}", Host=named)[0] == 421


def test_a_request_that_changes_something_has_to_come_from_a_page_of_its_own(caller: Caller, decisions: Path) -> None:
    assert caller.decide() == 403  # no cookie
    caller.come_in()
    for origin in ("http://evil.example", "null", "http://127.0.0.1:1", f"https://{caller.host}"):
        assert caller.decide(Origin=origin) == 403
    assert caller.ask("POST", "/undo", b"{}", Content_Type="application/json")[0] == 403  # no origin
    assert caller.decide(Sec_Fetch_Site="cross-site") == 403
    assert caller.decide(Sec_Fetch_Site="same-site") == 403
    assert caller.decide(Content_Type="text/plain") == 415
    assert not decisions.exists()
    assert caller.decide() == 200
    assert decisions.exists()


def test_pictures_are_not_for_other_sites_either(caller: Caller) -> None:
    caller.come_in()
    assert caller.ask("GET", "/who/who/0/whole.jpg", Sec_Fetch_Site="cross-site")[0] == 403
    status, headers, _ = caller.ask("GET", "/who/who/0/whole.jpg", Sec_Fetch_Site="same-origin")
    assert (status, headers["content-type"]) == (200, "image/jpeg")
    assert headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize(
    "path",
    [
        "/who/who/../../../etc/passwd",
        "/who/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/who/who/0/..%2f..%2fparams.yaml.jpg",
        "/who/who/-1",
        "/who/who/999",
        "/who/who/0/77/face.jpg",
        "/who/nobody/0",
        "/who/who/0/huge.jpg",
        "/serve.py",
    ],
)
def test_an_address_names_a_question_and_a_number_and_no_file(caller: Caller, path: str) -> None:
    caller.come_in()
    status, _, text = caller.ask("GET", path)
    assert status == 404
    assert "root:" not in text


def test_what_is_too_long_or_no_wish_is_told_politely(caller: Caller, decisions: Path) -> None:
    caller.come_in()
    own = {"Origin": f"http://{caller.host}", "Content_Type": "application/json"}
    status, _, text = caller.ask("POST", "/who/who/0/decide", b" " * (MOST_JSON + 1), **own)
    assert (status, "too large" in text) == (413, True)
    chunked = b"%x\r\n%b\r\n" % (MOST_JSON + 1, b" " * (MOST_JSON + 1)) + b"0\r\n\r\n"
    connection = http.client.HTTPConnection("127.0.0.1", int(caller.host.split(":")[1]), timeout=20)
    connection.putrequest("POST", "/who/who/0/decide", skip_host=True)
    for name, value in {"Host": caller.host, "Cookie": caller.cookie, "Transfer-Encoding": "chunked", **own}.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders(chunked)
    assert connection.getresponse().status == 413
    connection.close()
    for wish in (
        b"{",
        b"[]",
        json.dumps({**WISH, "verdict": "guilty"}).encode(),
        json.dumps({**WISH, "x": 1}).encode(),
    ):
        assert caller.ask("POST", "/who/who/0/decide", wish, **own)[0] == 422
    unknown = json.dumps({**WISH, "verdict": "accept", "sitters": ["nobody"]}).encode()
    status, _, text = caller.ask("POST", "/who/who/0/decide", unknown, **own)
    assert (status, "nobody in the gallery" in text) == (422, True)
    assert not decisions.exists()


def test_it_listens_on_this_machine_only(server: Served) -> None:
    assert server.socket.getsockname()[0] == "127.0.0.1"


HOSTILE = """<!doctype html><title>evil</title><iframe src="http://{host}/who/who"></iframe>
<form method="post" action="http://{host}/who/who/0/decide" enctype="text/plain" target="f">
<input name='{wish}' value=''></form><iframe name="f"></iframe>
<img src="http://{host}/who/who/0/whole.jpg"><script src="http://{host}/serve.js"></script>
<script>
const wish = '{wish}', at = "http://{host}/who/who/0/decide";
window.read = [];
const attempts = [
  fetch("http://{host}/who/who", {{credentials: "include"}}).then((a) => a.text()),
  fetch(at, {{method: "POST", credentials: "include", headers: {{"Content-Type": "application/json"}}, body: wish}}),
  fetch(at, {{method: "POST", mode: "no-cors", credentials: "include", body: wish}}).then((a) => a.text()),
];
document.forms[0].submit();
window.done = Promise.allSettled(attempts).then((all) => all.map((one) => one.status === "fulfilled" ? one.value : ""));
</script>"""


class Hostile(BaseHTTPRequestHandler):
    """Another site, whose page the curator's browser opens."""

    def __init__(self, page: str, *given: object) -> None:
        self.page = page
        super().__init__(*given)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(self.page.encode())

    def log_message(self, *given: object) -> None:
        pass


@pytest.mark.slow
@pytest.mark.service
@needs("chromium")
@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_hostile_page_in_the_same_browser_reads_and_changes_nothing(
    server: Served, decisions: Path, name: str
) -> None:
    page_text = HOSTILE.format(host=server.door.hosts[0], wish=json.dumps(WISH))
    site = ThreadingHTTPServer(("127.0.0.1", 0), partial(Hostile, page_text))
    threading.Thread(target=site.serve_forever, daemon=True).start()
    try:
        with chromium() as browser, browser.new_context() as context:
            own = context.new_page()
            own.goto(server.address)
            assert "who" in own.content()
            page = context.new_page()
            page.goto(f"http://{name}:{site.server_address[1]}/")  # one of them is even "the same site" to a browser
            read = page.evaluate("window.done")
            page.wait_for_timeout(500)
            assert not any("s03" in str(text) or "reviewed" in str(text) for text in read)
            assert page.evaluate("document.images[0].naturalWidth") == 0
            assert page.evaluate("typeof KEYS") == "undefined"
            assert not any("reviewed" in frame.content() for frame in page.frames[1:] if "error" not in frame.url)
            assert not decisions.exists()
            own.goto(f"http://{server.door.hosts[0]}/who/who/0")
            own.wait_for_selector(".card.chosen")
            own.keyboard.press("x")
            own.wait_for_function("() => document.querySelector('#status').textContent.includes('Set aside')")
            assert decisions.exists()  # which its own page can
    finally:
        site.shutdown()
        site.server_close()
