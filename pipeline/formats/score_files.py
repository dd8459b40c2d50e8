"""Files of scores, with a pair in each row: the four and five columns of bob, CSV, and Arrow.

bob.bio.base writes text in columns separated by spaces: `claimed_id real_id probe_label score`, or
`claimed_id model_label real_id probe_label score`. The claimed and the real identity are the sitters of the gallery and
of the probe image: a pair is genuine where they are equal. Labels are ids of images, with their data set before a colon
where a file has several. Spaces in a name are written as %20 and a percent sign as %25, as in URLs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import SitterError
from pipeline.core.files import atomic_file

if TYPE_CHECKING:
    import pyarrow as pa

CLAIMED, MODEL, REAL, PROBE, SCORE = "claimed_id", "model_label", "real_id", "probe_label", "score"
COLUMNS = {
    ".four-column": (CLAIMED, REAL, PROBE, SCORE),
    ".five-column": (CLAIMED, MODEL, REAL, PROBE, SCORE),
    ".csv": (CLAIMED, MODEL, REAL, PROBE, SCORE),
    ".arrow": (CLAIMED, MODEL, REAL, PROBE, SCORE),
}
"""The columns of a format, by the ending of the file's name."""
SPACES = re.compile(r"[\s%]")


@dataclass(frozen=True)
class ScoreBlock:
    """A block of pairs: sitter and label of the gallery image, sitter and label of the probe image, and scores [n]."""

    claimed: list[str]
    model: list[str]
    real: list[str]
    probe: list[str]
    score: NDArray[np.float64]

    def columns(self) -> dict[str, list[str] | NDArray[np.float64]]:
        """Return the columns by name."""
        return {CLAIMED: self.claimed, MODEL: self.model, REAL: self.real, PROBE: self.probe, SCORE: self.score}


def write_scores(path: Path, blocks: Iterable[ScoreBlock]) -> int:
    """Write pairs as they come, in the format of the file's ending (see `COLUMNS`); return their number.

    Scores are written with all digits that double precision needs.

    Raises:
        SitterError: the file has another ending.
    """
    ending = path.suffix.lower()
    if ending not in COLUMNS:
        raise SitterError(f"{path}: the name must end in one of {', '.join(COLUMNS)}, which states the format.")
    with atomic_file(path) as part:
        return _write_arrow(part, blocks) if ending == ".arrow" else _write_text(part, ending, blocks)


def _write_text(path: Path, ending: str, blocks: Iterable[ScoreBlock]) -> int:
    import csv

    count = 0
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        if ending == ".csv":
            writer.writerow(COLUMNS[ending])
        for block in blocks:
            columns = block.columns()
            chosen = [columns[name] for name in COLUMNS[ending]]
            texts = [map(repr, c.tolist()) if isinstance(c, np.ndarray) else c for c in chosen]
            if ending == ".csv":
                writer.writerows(zip(*texts, strict=True))
            else:
                names = [c if n == len(texts) - 1 else map(_quoted, c) for n, c in enumerate(texts)]
                file.writelines(" ".join(row) + "\n" for row in zip(*names, strict=True))
            count += len(block.score)
    return count


def _write_arrow(path: Path, blocks: Iterable[ScoreBlock]) -> int:
    import pyarrow as pa

    schema = pa.schema([(n, pa.float64() if n == SCORE else pa.string()) for n in COLUMNS[".arrow"]])
    count = 0
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for block in blocks:
            writer.write_table(pa.table(block.columns(), schema=schema))
            count += len(block.score)
    return count


def read_bob(path: Path) -> pa.Table:
    """Read a file of four or five columns: `score` is float64, all others are texts, as they were before quoting.

    Raises:
        SitterError: a line has another number of columns, or its last one is no number; the message names the line.
    """
    import pyarrow as pa

    names: tuple[str, ...] = ()
    rows: list[list[str]] = []
    scores: list[float] = []
    with open(path, encoding="utf-8") as file:
        for line, text in enumerate(file, start=1):
            cells = text.split()
            if not cells:
                continue
            names = names or next((c for c in COLUMNS.values() if len(c) == len(cells)), ())
            if len(cells) != len(names):
                expected = f"{len(names)}, as the lines before it" if names else "4 or 5 with spaces between them"
                raise SitterError(f"{path}, line {line}: {len(cells)} columns; expected: {expected}.")
            try:
                scores.append(float(cells[-1]))
            except ValueError:
                raise SitterError(f"{path}, line {line}: the score is {cells[-1]!r}; expected: a number.") from None
            rows.append([unquote(cell) for cell in cells[:-1]])
    if not rows:
        raise SitterError(f"{path} holds no scores.")
    columns = {
        name: pa.array(values, pa.string()) for name, values in zip(names, zip(*rows, strict=True), strict=False)
    }
    return pa.table({**columns, SCORE: pa.array(scores, pa.float64())})


def _quoted(name: str) -> str:
    return SPACES.sub(lambda found: "".join(f"%{byte:02X}" for byte in found[0].encode()), name) or "%20"
