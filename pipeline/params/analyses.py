"""Checks names that the sections `overlap`, `explain` and `published` use, and other sections or papers define."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from pipeline.params.published import published_rows

if TYPE_CHECKING:
    from pipeline.params import Study

SYSTEM = "model, outside system or fusion"


def refer_analyses(study: Study, refer: Callable[[str, str, str, Any], None]) -> None:
    """Pass every name under `overlap`, `explain`, `published` and `evaluate.baseline` to `refer`.

    `refer` takes the field, the name, what it should name, and the known names.
    """
    embedded = ("data set under embed.datasets", study.embed.datasets)
    for name, overlap in study.overlap.items():
        for field, datasets in (("train", overlap.train), ("test", (overlap.test,))):
            for dataset in datasets:
                sort, known = ("data set under split", study.split) if overlap.model is None else embedded
                refer(f"overlap.{name}.{field}", dataset, sort, known)
        if overlap.model is not None:
            refer(f"overlap.{name}.model", overlap.model, SYSTEM, study.systems)
    if study.explain is not None:
        for model in study.explain.models:
            refer("explain.models", model, "entry under models", study.models)
        refer("explain.probe", study.explain.probe, *embedded)
        if study.explain.gallery is not None:
            refer("explain.gallery", study.explain.gallery, *embedded)
    baseline, judged = study.evaluate.baseline, (SYSTEM, study.systems)
    if isinstance(baseline, str):
        refer("evaluate.baseline", baseline, *judged)
    for benchmark, model in baseline.items() if isinstance(baseline, dict) else ():
        refer("evaluate.baseline", benchmark, "entry under evaluate.benchmarks", study.evaluate.benchmarks)
        refer(f"evaluate.baseline.{benchmark}", model, *judged)
    if study.published.benchmarks or study.published.models:
        tables = published_rows()
        rows = [row for table in tables.values() for row in table]
        for ours, published in study.published.benchmarks.items():
            refer("published.benchmarks", ours, "entry under evaluate.benchmarks", study.evaluate.benchmarks)
            refer(f"published.benchmarks.{ours}", published, "published table", tables)
        for ours, published in study.published.models.items():
            refer("published.models", ours, SYSTEM, study.systems)
            refer(f"published.models.{ours}", published, "published row", rows)
