"""Fit the calibration of the built-in model again on the demo's data: photographs, and paintings made of them.

    python -m benchmarks.built_in FOLDER

FOLDER is a project in which `make demo` has run. This writes `pipeline/answering/default_calibration.json`.
"""

from __future__ import annotations

import sys
from pathlib import Path

from pipeline.answering import default
from pipeline.core.files import write_json


def main(folder: str) -> None:
    """Write the file."""
    write_json(Path(default.__file__).with_name(default.CALIBRATION), default.calibration_record(Path(folder)))


if __name__ == "__main__":
    main(sys.argv[1])
