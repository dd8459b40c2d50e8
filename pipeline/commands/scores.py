"""Write the scores of a model on a benchmark for other programs, one pair per line.

The ending of FILE says the format: .four-column and .five-column (the formats of bob), .csv or .arrow. A file of five
columns can be read back as an outside system (`kind: scores`).
"""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.errors import SitterError, nearest
from pipeline.core.layout import Layout
from pipeline.formats.score_files import write_scores
from pipeline.metrics.reader import Reader
from pipeline.metrics.score_list import every_pair

if TYPE_CHECKING:
    from pipeline.params import Study

logger = logging.getLogger(__name__)


def run(study: Study, benchmark: str, model: str, file: str, root: Path = Path()) -> None:
    """Write every pair that the benchmark counts.

    Raises:
        SitterError: there is no such benchmark or model, the benchmark compares no images, or the ending is unknown.
    """
    known = study.evaluate.benchmarks
    if benchmark not in known:
        raise SitterError(f"there is no {benchmark!r} under evaluate.benchmarks; {nearest(benchmark, known)}")
    if model not in study.judged:
        raise SitterError(f"there is no model or fusion {model!r}; {nearest(model, study.judged)}")
    from pipeline.scoring.calibration.fit import fit

    context = replace(Reader(study, Layout.of(study, root)).context(model), likelihood=partial(fit, method="logistic"))
    count = write_scores(Path(file), every_pair(context, known[benchmark]))
    logger.info(f"{file}: {count:,} scores of {model} on {benchmark}")
