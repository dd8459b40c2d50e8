"""The two tables of identification: candidates for a human, and decisions at a threshold."""

from __future__ import annotations

from typing import Any

from pipeline.metrics.identification import identification
from pipeline.metrics.result import Embedded
from pipeline.params.metrics.identification import IdentificationOptions
from pipeline.reporting.number_format import measured, threshold
from pipeline.reporting.searches import searched
from pipeline.reporting.series import Series
from pipeline.reporting.standings import FigureCell
from pipeline.store.benchmarks import Benchmark
from pipeline.store.curves import DirCurve
from pipeline.store.figures import Shown, from_record
from tests.metrics.curves import curve
from tests.metrics.simulated import context, embedded

LOOKS = {"dlib": Series("dlib", "frozen", 0)}


def benchmark(values: dict[str, Any], kind: str = "identification") -> Benchmark:
    shown = {name: Shown(True, "higher") for name in values if "_" not in name}
    return Benchmark("who", kind, "photos", "photos", shown, {"dlib": from_record(values)})


def written(cell: FigureCell) -> str:
    """Return a rate in the format of the template."""
    return measured(cell.value, cell.low, cell.high)


def test_misses_are_what_hits_leave_and_failures_count_where_there_are_any() -> None:
    counts = {"probes": 1200, "gallery": 300, "gallery_sitters": 100, "mated": 1100, "unmated": 1199}
    hits = {"rank-1": 0.9, "rank-1_low": 0.85, "rank-1_high": 0.95, "rank-5": 0.97, "dir@0.01": 0.7}
    found = searched(benchmark(hits | counts | {"threshold@0.01": -0.51234}), LOOKS)
    assert found is not None
    assert found.size.startswith("1,200 probes against a gallery of 300 images of 100 sitters: 1,100 searches with")
    assert found.ranks == ["the first", "the first 5"]
    assert [[written(rate) for rate in rates] for _, rates in found.human] == [
        ["10.0\N{NO-BREAK SPACE}% 5.0–15.0", "3.0\N{NO-BREAK SPACE}%"]
    ]
    (row,) = found.automatic
    assert (row.fpir, threshold(row.threshold), written(row.fnir)) == ("1%", "−0.5123", "30.0\N{NO-BREAK SPACE}%")
    failed = {"fnir-rank-1": 0.2, "fnir@0.01": 0.4, "fnir_threshold@0.01": 0.6}
    found = searched(benchmark(hits | counts | failed | {"threshold@0.01": 0.5}), LOOKS)
    assert found is not None
    assert written(found.human[0][1][0]).startswith("20.0")
    assert (threshold(found.automatic[0].threshold), written(found.automatic[0].fnir)[:4]) == ("0.6", "40.0")
    assert searched(benchmark(hits | counts, kind="all-pairs"), LOOKS) is None


def test_the_threshold_is_the_least_score_that_keeps_the_fpir() -> None:
    photographs: Embedded = embedded("photos", 60, 3, seed=1, noise=1.5)
    given = context(photographs, far=(0.1,))
    found = identification(given, IdentificationOptions(probe="photos"))
    limit = found.scalars["threshold@0.1"].value
    assert limit is not None
    drawn = curve(found, DirCurve)
    above = [far for far, score in zip(drawn.far, drawn.threshold, strict=True) if score >= limit]
    below = [far for far, score in zip(drawn.far, drawn.threshold, strict=True) if score < limit]
    assert max(above) <= 0.1 < min(below)
    assert found.scalars["unmated"].value == 180
