"""People's decisions on portraits: a user's CSV, checked row by row before any search.

Its columns are `image`; `verdict`, one of accept, reject, unsure and unsuitable; `sitter`, the sitter who is accepted
or rejected; and `dataset`, which is needed if two data sets have an image of this name. `by`, `when`, `evidence` and
all further columns are free.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

from pipeline.core.errors import SitterError, nearest
from pipeline.core.names import nfc
from pipeline.formats.user_csv import Row, open_table

Verdict = Literal["accept", "reject", "unsure", "unsuitable"]
VERDICTS: tuple[str, ...] = get_args(Verdict)
COLUMNS = ("image", "verdict", "sitter", "dataset", "by", "when", "evidence")
NEEDED = ("image", "verdict")
SHOWN = 10

ImageKey = tuple[str, str]
"""Data set and image id."""


@dataclass(frozen=True)
class Decision:
    """One row of the file."""

    line: int
    verdict: Verdict
    sitter: str
    """The sitter; empty if the verdict is on the image as a whole."""
    by: str
    when: str
    evidence: str

    def sentence(self) -> str:
        """Return the decision in words.

        >>> Decision(2, "accept", "Ann", "E. H.", "2026-05-01", "signed").sentence()
        'accepted as Ann by E. H., 2026-05-01: signed'
        """
        done = {"accept": "accepted as", "reject": "ruled out:", "unsure": "left open", "unsuitable": "unsuitable"}
        words = " ".join(part for part in (done[self.verdict], self.sitter) if part)
        words += f" by {self.by}" if self.by else ""
        words += f", {self.when}" if self.when else ""
        return words + (f": {self.evidence}" if self.evidence else "")


def read_decisions(
    file: Path, field: str, images: Sequence[ImageKey], sitters: Sequence[str]
) -> dict[ImageKey, list[Decision]]:
    """Return the decisions by image, in the order of the file.

    Args:
        file: the CSV.
        field: the field of params.yaml that names it, for messages.
        images: the images that are asked about; a decision on another image is an error.
        sitters: the sitters who can be accepted or rejected.

    Raises:
        SitterError: the file does not exist, or has errors: the message lists them with their lines and what to do.
    """
    if not file.is_file():
        raise SitterError(
            f"{field} is {file}, which {'is no file' if file.exists() else 'does not exist'}: make it a CSV with the "
            f"header line {','.join(COLUMNS)}, or delete the field."
        )
    by_id: dict[str, list[ImageKey]] = {}
    for image in images:
        by_id.setdefault(image[1], []).append(image)
    known = set(sitters)
    found: dict[ImageKey, list[Decision]] = {}
    faults: list[str] = []
    for line, row in open_table(file, NEEDED, needed=COLUMNS).rows():
        try:
            decision = _decision(line, row, known)
            image = _image(row, by_id)
            _check_others(decision, found.get(image, []))
            found.setdefault(image, []).append(decision)
        except ValueError as fault:
            faults.append(f"{file}, line {line}: {fault}.")
    if faults:
        more = [f"… and {len(faults) - SHOWN} more"] if len(faults) > SHOWN else []
        raise SitterError("\n".join(faults[:SHOWN] + more))
    return found


def _cell(row: Row, column: str) -> str:
    return nfc((row.get(column) or "").strip())


def _decision(line: int, row: Row, sitters: set[str]) -> Decision:
    """Return the decision in a row; raise ValueError if the row is wrong, with the reason."""
    verdict, sitter = _cell(row, "verdict").lower(), _cell(row, "sitter")
    if verdict not in VERDICTS:
        raise ValueError(f"verdict is {_cell(row, 'verdict')!r}; {nearest(verdict, VERDICTS)}")
    if verdict in ("accept", "reject") and not sitter:
        raise ValueError(f"the verdict {verdict} needs a sitter: fill the column sitter")
    if sitter and sitter not in sitters:
        raise ValueError(f"sitter {sitter!r} is not in the gallery; {_near(sitter, sitters)}")
    by, when, evidence = (_cell(row, column) for column in ("by", "when", "evidence"))
    return Decision(line, cast(Verdict, verdict), sitter, by, when, evidence)


def _near(name: str, known: set[str]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, sorted(known), n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else "copy the name from candidates.csv"


def _image(row: Row, by_id: Mapping[str, Sequence[ImageKey]]) -> ImageKey:
    image_id, dataset = _cell(row, "image"), _cell(row, "dataset")
    every = by_id.get(image_id, [])
    chosen = [image for image in every if dataset in ("", image[0])]
    if not chosen:
        where = f" of {dataset}" if dataset else ""
        raise ValueError(
            f"image {image_id!r}{where} is not among the portraits that are asked about; {_near(image_id, set(by_id))}"
        )
    if len(chosen) > 1:
        raise ValueError(
            f"image {image_id!r} is in the data sets {', '.join(d for d, _ in chosen)}: say which in a column dataset"
        )
    return chosen[0]


def _check_others(decision: Decision, others: Sequence[Decision]) -> None:
    """Raise ValueError if an earlier row has decided otherwise on the image."""
    for other in others:
        again = other.sitter == decision.sitter
        final = {"accept", "unsuitable"}
        if again or (other.verdict in final and decision.verdict in final):
            raise ValueError(
                f"this image has the verdict {other.verdict}{f' of {other.sitter}' if other.sitter else ''} in line "
                f"{other.line} already: delete one of the two"
            )


def accepted(decisions: Mapping[ImageKey, Sequence[Decision]]) -> dict[ImageKey, Decision]:
    """Return the decisions that accept a sitter, by image."""
    return {image: d for image, every in decisions.items() for d in every if d.verdict == "accept"}
