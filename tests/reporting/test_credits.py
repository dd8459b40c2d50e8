"""The report shows captions and links from the pictures' sources below the faces."""

from __future__ import annotations

import re
from pathlib import Path

from pipeline.core.files import read_csv, write_csv
from pipeline.core.layout import Layout
from pipeline.stages import report
from pipeline.store.accounts import account_file
from tests.reporting.page_reader import PageReader
from tests.reporting.standin import drawn_crops, small_study, write_run


def test_faces_have_artist_title_year_credit_and_a_link_that_nothing_is_loaded_from(
    tmp_path: Path,
) -> None:
    study, at = small_study(), Layout(tmp_path)
    write_run(study, drawn_crops(48, 12), tmp_path)
    account = account_file("photos", at)
    rows = read_csv(account)
    for n, row in enumerate(rows):
        row |= {"artist": "Ada & Co", "title": f"Portrait {n}", "year": "1632", "credit": "Gift, 1901"}
        row |= {"url": "an.jpg", "page": "javascript:alert(1)" if n % 2 else f"https://museum.example/{n}"}
    write_csv(account, rows, list(rows[0]))
    report.run(study, tmp_path)
    page = PageReader(at.report().read_text(encoding="utf-8"))
    assert re.search(r"Ada & Co, Portrait \d+, 1632, Gift, 1901 · source of s\d+/\d+", page.text)
    links = [address for address in page.addresses if not address.startswith(("#", "data:"))]
    assert links
    assert all(re.fullmatch(r"https://museum\.example/\d+", link) for link in links)
    assert not [attributes for tag, attributes in page.tags if tag != "a" and attributes.get("href", "#")[:4] == "http"]
    assert not page.unclosed
