"""A reader of HTML pages: tags, text, and every address that a browser would fetch."""

from __future__ import annotations

import re
from html.parser import HTMLParser

FETCHING = {"src", "href", "xlink:href", "srcset", "action", "formaction", "poster", "data", "background", "ping"}
VOID = {"meta", "link", "input", "img", "br", "hr"}


class PageReader(HTMLParser):
    """Tags with attributes, text and addresses of a page; `unclosed` holds tags that were closed out of order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.text = ""
        self.addresses: list[str] = []
        self.unclosed: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.unclosed += self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.tags.append((tag, found))
        self.addresses += [value for name, value in found.items() if name in FETCHING]
        self.addresses += addresses_in_css(found.get("style", ""))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self._open.pop()

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open[-1] != tag:
            self.unclosed.append(tag)
        if tag in self._open:
            while self._open.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "style":
            self.addresses += addresses_in_css(data)
        else:
            self.text += data

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)

    def ids(self) -> list[str]:
        return [attributes["id"] for _, attributes in self.tags if "id" in attributes]


def addresses_in_css(css: str) -> list[str]:
    """Return the arguments of `url()` and `@import`."""
    return re.findall(r"url\(\s*['\"]?([^'\")]*)", css) + re.findall(r"@import\s+['\"]?([^'\";\s]*)", css)
