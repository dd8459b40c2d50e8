"""Write the place of a face into the user's CSV of corrections, as safely as decisions are written."""

from __future__ import annotations

from pathlib import Path

from pipeline.core.names import nfc
from pipeline.faces.corrections import COLUMNS
from pipeline.formats.user_csv import open_table
from pipeline.formats.user_csv_writing import make_table, turn, write_back


def make_corrections(file: Path) -> bool:
    """Make the CSV of corrections with only its header line, if there is none yet; return whether it was made.

    Raises:
        SitterError: another process does not release the file.
        OSError: it cannot be written.
    """
    return make_table(file, COLUMNS)


def correct_box(file: Path, image_id: str, box: tuple[float, float, float, float]) -> None:
    """Write the box of an image's face, in place of an earlier correction of this image.

    Args:
        file: the CSV of corrections; it is made where it is absent.
        image_id: the image.
        box: x0, y0, x1, y1 in pixels of the image, turned upright.

    Raises:
        SitterError: the file has a fault, or another process does not release it.
        OSError: it cannot be written.
    """
    with turn(file):
        table = open_table(file, ["image_id"], needed=COLUMNS, quiet=True) if file.exists() else None
        rows = [] if table is None else [row for _, row in table.rows()]
        kept = [row for row in rows if nfc(row["image_id"].strip()) != nfc(image_id)]
        columns = [*(table.columns if table else ()), *(c for c in COLUMNS if not table or c not in table.columns)]
        written = " ".join(f"{side:.1f}" for side in box)
        write_back(file, table, columns, [*kept, {"image_id": image_id, "box": written}])
