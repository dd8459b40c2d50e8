"""docs/museums.md, step by step: from a CSV of real paintings to a reviewed list, in real Chromium."""

from __future__ import annotations

import csv
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
import yaml

from tests.programs import needs
from tests.serving.browser import chromium
from tests.workflow.conftest import PROJECT, Workplace, checkout

SHARED = PROJECT.parent / "shared/data/portraits"
DOCS = PROJECT / "docs/museums.md"
MOST, SITTERS = 4, 24
"""The largest number of portraits of a sitter, and the number of sitters: enough for likelihood ratios."""
HIDDEN = 6
"""The number of sitters with one portrait that is made unidentified."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.network,
    pytest.mark.service,
    needs("chromium"),
    pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data/portraits, which is not part of the project"),
]


def blocks(kind: str) -> list[str]:
    """Return the blocks of the page in a language."""
    return re.findall(rf"^```{kind}\n(.*?)^```$", DOCS.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def chosen() -> tuple[list[dict[str, str]], dict[str, str]]:
    """Return rows of the museum's list, and the true sitters of the rows made unidentified, by image."""
    rows = list(csv.DictReader((SHARED / "manifest.csv").open(encoding="utf-8")))
    several = [sitter for sitter, count in Counter(row["sitter"] for row in rows).most_common(SITTERS) if count > 2]
    kept, seen, truth = [], Counter(), {}
    for row in rows:
        seen[row["sitter"]] += 1
        if row["sitter"] not in several or seen[row["sitter"]] > MOST:
            continue
        hidden = seen[row["sitter"]] == 2 and len(truth) < HIDDEN
        if hidden:
            truth[row["image"]] = row["sitter"]
        kept.append(
            {"image": row["image"], "sitter": "" if hidden else row["sitter"], "artist": row["artist"]}
            | {"title": row["title"], "year": row["year"].removesuffix(".0"), "credit": ""}
        )
    return kept, truth


def run(place: Workplace) -> None:
    """Do what `make run` does, in the environment that exists already."""
    place.sync("run", timeout=900)


def test_the_walk(tmp_path: Path) -> None:
    place = checkout(tmp_path / "sitter")
    rows, truth = chosen()
    (header, *_) = blocks("csv")[0].splitlines()
    with (place.folder / "portraits.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, header.split(","))
        writer.writeheader()
        writer.writerows(rows)
    for row in rows:
        target = place.folder / row["image"]
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(SHARED / row["image"], target)
    first, make, serve, again = blocks("sh")
    place.call("sh", "-c", first)
    assert (make, serve, again) == ("make run\n", "sitter serve\n", "make run\n")

    run(place)
    listed = candidates(place)
    assert {image.rpartition("/")[2] for image in listed} == {Path(image).stem for image in truth}
    assert all(row["log10_lr"] for portrait in listed.values() for row in portrait)
    accepted, ruled_out = list(listed)[:2]
    sitter, other = listed[accepted][0]["sitter"], listed[ruled_out][0]["sitter"]
    review(place, accepted, ruled_out)
    saved = {row["image"]: row for row in csv.DictReader((place.folder / "decisions.csv").open(encoding="utf-8"))}
    assert (saved[accepted]["verdict"], saved[accepted]["sitter"], saved[accepted]["by"]) == ("accept", sitter, "E. H.")
    assert (saved[ruled_out]["verdict"], saved[ruled_out]["sitter"]) == ("reject", other)

    run(place)
    after = candidates(place)
    assert [(row["status"], row["sitter"], row["made_by"]) for row in after[accepted]] == [
        ("identified", sitter, "person")
    ]
    assert other not in {row["sitter"] for row in after[ruled_out]}
    assert after[ruled_out][0]["status"] == "unidentified"


def candidates(place: Workplace) -> dict[str, list[dict[str, str]]]:
    found: dict[str, list[dict[str, str]]] = {}
    with (place.folder / "results/identify/who-sat/candidates.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["image"], []).append(row)
    return found


def review(place: Workplace, accepted: str, ruled_out: str) -> None:
    """Accept the first candidate of one portrait in `sitter serve`, and rule out the first candidate of another."""
    with subprocess.Popen(
        ["python", "-m", "pipeline", "serve"], cwd=place.folder, env=place.environment(), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        try:
            assert process.stdout is not None
            lines = iter(process.stdout.readline, "")
            address = next(found[0] for line in lines if (found := re.search(r"http://127\.0\.0\.1:\d+/\S+", line)))
            with chromium() as browser:
                page = browser.new_page()
                page.goto(address)
                for image, key, said in ((accepted, "a", "Accepted as"), (ruled_out, "r", "Ruled out")):
                    page.goto(address.partition("/?")[0] + "/who/who-sat")
                    page.get_by_role("link", name=image, exact=True).click()
                    page.wait_for_selector(".card.chosen")
                    page.fill("#by", "E. H.")
                    page.keyboard.press("Escape")
                    page.keyboard.press(key)
                    script = "text => document.querySelector('#status').textContent.includes(text)"
                    page.wait_for_function(script, arg=said)
        finally:
            process.terminate()


def test_the_study_that_ships_is_what_the_page_says() -> None:
    study = yaml.safe_load((PROJECT / "studies/museum.yaml").read_text(encoding="utf-8"))
    assert study["identify"]["who-sat"]["decisions"] == "decisions.csv"
    assert study["download"]["portraits"]["path"] == "portraits.csv"
    assert study["download"]["portraits"]["columns"]["path"] in blocks("csv")[0].splitlines()[0].split(",")
    header = re.search(r'echo "(.*?)"', blocks("sh")[0])
    assert header is not None
    from pipeline.identification.decisions import COLUMNS

    assert tuple(header[1].split(",")) == COLUMNS
