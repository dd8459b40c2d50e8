"""Decisions are read strictly: each fault is named with its line and the mend."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.core.errors import SitterError
from pipeline.identification.decisions import accepted, read_decisions

IMAGES = [("museum", "unknown/1"), ("museum", "unknown/2"), ("loan", "unknown/2")]
SITTERS = ["Ada Lovelace", "Zoë"]
HEADER = "image,verdict,sitter,dataset,by,when,evidence\n"


def read(folder: Path, text: str) -> dict[tuple[str, str], list[object]]:
    (folder / "decisions.csv").write_text(HEADER + text, encoding="utf-8")
    return read_decisions(folder / "decisions.csv", "identify.who.decisions", IMAGES, SITTERS)  # type: ignore[return-value]


def test_decisions_by_image_in_their_order(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "unknown/1,reject,Zoe\u0308,,E. H.,2026-05-01,too young\nunknown/1,accept,Ada Lovelace,,E. H.,,letter of 1843\n"
        "unknown/2,unsuitable,,loan,,,\n",
    )
    assert [d.verdict for d in found["museum", "unknown/1"]] == ["reject", "accept"]  # type: ignore[attr-defined]
    assert found["museum", "unknown/1"][0].sitter == "Zoë"  # type: ignore[attr-defined]
    taken = accepted(found)  # type: ignore[arg-type]
    assert {image: d.sentence() for image, d in taken.items()} == {
        ("museum", "unknown/1"): "accepted as Ada Lovelace by E. H.: letter of 1843"
    }


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("unknown/9,unsure,,,,,\n", ["line 2", "'unknown/9' is not among", "did you mean 'unknown/"]),
        ("unknown/1,accept,Ada Lovelance,,,,\n", ["line 2", "not in the gallery", "did you mean 'Ada Lovelace'?"]),
        ("unknown/1,accept,,,,,\n", ["line 2", "needs a sitter"]),
        ("unknown/1,accepted,Zoë,,,,\n", ["line 2", "verdict is 'accepted'", "did you mean 'accept'?"]),
        ("unknown/2,unsure,,,,,\n", ["line 2", "museum, loan", "column dataset"]),
        ("unknown/1,accept,Zoë,,,,\nunknown/1,accept,Ada Lovelace,,,,\n", ["line 3", "line 2", "delete one"]),
        ("unknown/1,reject,Zoë,,,,\nunknown/1,accept,Zoë,,,,\n", ["line 3", "reject of Zoë in line 2"]),
        ("x,accept,,,,,\ny,accept,,,,,\n", ["line 2", "line 3"]),
    ],
)
def test_faults_name_the_line_and_the_mend(tmp_path: Path, rows: str, words: list[str]) -> None:
    with pytest.raises(SitterError) as caught:
        read(tmp_path, rows)
    for word in words:
        assert word in str(caught.value)


def test_a_file_that_is_not_there_is_told_with_its_header(tmp_path: Path) -> None:
    with pytest.raises(SitterError, match=r"identify\.who\.decisions is .*does not exist.*image,verdict,sitter"):
        read_decisions(tmp_path / "none.csv", "identify.who.decisions", IMAGES, SITTERS)
