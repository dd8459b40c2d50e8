"""Check params.yaml before any work: `sitter check`.

It prints the contents of the study, the uses that the licences allow for its models (including the licences of the
images, once these are downloaded), the resources that the study needs beside the figures that the papers report, the
user's own files that are missing on this machine, and the models with smaller batches than asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.errors import SitterError
from pipeline.core.layout import Layout
from pipeline.params import describe
from pipeline.params.licences import describe_licences
from pipeline.plan.estimate import ASSUMED, Cost, Estimate, estimate
from pipeline.plan.requirements import missing
from pipeline.reporting.headings import heading
from pipeline.reporting.published import tables
from pipeline.reporting.tables import aligned
from pipeline.store.raw import licences_of_images
from pipeline.store.splits import each_image, split_file

if TYPE_CHECKING:
    from pipeline.params import Study


def run(study: Study, root: Path = Path()) -> None:
    """Print the contents of the study and what is missing."""
    at = Layout.of(study, root)
    images = {entry: licences_of_images(entry, at) for entry in study.download if entry in study.align}
    told = [describe(study), *describe_licences(study, images), *estimated(study, at)]
    print("\n".join([*told, *missing(study, at).values(), *small_batches(study, at)]))


def estimated(study: Study, at: Layout) -> list[str]:
    """Return a table of the resources that each model and the whole study need, beside the papers' figures."""
    found = estimate(study, at)
    papers = _published(study)
    columns = list(dict.fromkeys(column for figures in papers.values() for column in figures))
    head = ["estimate", "faces × epochs", "memory", "GPU memory", "hours", "disk", *columns]
    rows = [head]
    for name, cost in found.models.items():
        figures = papers.get(name, {})
        cells = _cells(cost) if cost else ["not known", *[""] * 4]
        rows.append([name, *cells, *(figures.get(column, "–") for column in columns)])
    rows.append(["total, with data", *_whole(found), *[""] * len(columns)])
    lines = aligned(rows) + ["paper: the published figure; rates in %"] * bool(columns)
    lines += [ASSUMED + ". Disk counts twice, because .dvc/cache keeps a copy unless the file system has reflinks."]
    if found.unknown:
        fields = ", ".join(f"download.{name}.size" for name in found.unknown)
        lines.append(f"some sources are not counted, because their size is not known: set {fields}")
    return lines


def _cells(cost: Cost) -> list[str]:
    """Return the resources of one model, by column."""
    if not cost.hours:  # a fusion
        return ["–", "–", "–", "–", _gigabytes(cost.disk_bytes)]
    work = f"{cost.images:,} × {cost.epochs}" if cost.epochs else "frozen"
    gpu = _gigabytes(cost.gpu_bytes) if cost.on_gpu else "–"
    hours = f"{_digits(cost.hours)} {'GPU' if cost.on_gpu else 'core'}"
    return [work, _gigabytes(cost.memory_bytes), gpu, hours, _gigabytes(cost.disk_bytes)]


def _whole(found: Estimate) -> list[str]:
    """Return the resources of the study: the largest memory, and the sums of the rest."""
    known = [cost for cost in found.models.values() if cost]
    memory = max((cost.memory_bytes for cost in known), default=0.0)
    gpu = max((cost.gpu_bytes for cost in known), default=0.0)
    hours = [f"{_digits(found.hours(on))} {unit}" for on, unit in ((True, "GPU"), (False, "core")) if found.hours(on)]
    disk = _gigabytes(found.disk_bytes())
    return ["", _gigabytes(memory), _gigabytes(gpu) if gpu else "–", " + ".join(hours) or "–", disk]


def _gigabytes(size: float) -> str:
    return f"{_digits(size / 1e9)} GB"


def _digits(number: float) -> str:
    """Format a number with two digits, because an estimate has no more.

    >>> [_digits(x) for x in (0.0004, 0.12, 3.456, 38.6, 1234)]
    ['<0.01', '0.12', '3.5', '39', '1,230']
    """
    if number < 0.01:
        return "<0.01"
    return f"{float(f'{number:.2g}'):g}" if number < 100 else f"{float(f'{number:.3g}'):,.0f}"


def _published(study: Study) -> dict[str, dict[str, str]]:
    """Return the papers' verification figures for a study's models and fusions: by model, then by column."""
    found: dict[str, dict[str, str]] = {}
    for benchmark, options in study.evaluate.benchmarks.items():
        table = tables().get(study.published.benchmarks.get(benchmark, benchmark))
        if table is None or options.kind == "geometry":
            continue
        for name in study.systems:
            row = table.rows.get(study.published.models.get(name, name))
            for figure, value in (row.values if row else {}).items():
                if value is not None:
                    percent = figure in table.rates
                    column = f"paper: {benchmark} {heading(figure)}"
                    found.setdefault(name, {})[column] = f"{100 * value:.4g}" if percent else f"{value:.3g}"
    return found


def small_batches(study: Study, at: Layout) -> Iterator[str]:
    """Yield a message for each model with smaller batches than asked for, as far as its splits have been made."""
    for name, model in study.models.items():
        training = study.training(name)
        datasets = training.train_on if model.is_trained else ()
        if training.sampler != "sitters" or training.fold is not None or not datasets:
            continue
        if all(split_file(dataset, at).is_file() for dataset in datasets):
            import numpy as np

            from pipeline.losses.samplers import SitterBatches

            # If one data set is split like another, a name means the same sitter in both.
            sets = {dataset: study.split[dataset] for dataset in datasets}
            like = {dataset: split.dataset if split.kind == "like" else dataset for dataset, split in sets.items()}
            who = [
                (like[dataset], sitter)
                for dataset in datasets
                for _, sitter, subset in each_image(dataset, at)
                if subset == "train"
            ]
            number = {sitter: i for i, sitter in enumerate(dict.fromkeys(who))}
            try:
                sampler = SitterBatches(np.array([number[sitter] for sitter in who]), training.sitters, training.images)
            except SitterError as error:
                yield f"models.{name}: {error}"
                continue
            if shortfall := sampler.shortfall():
                yield f"models.{name}: {shortfall}"
