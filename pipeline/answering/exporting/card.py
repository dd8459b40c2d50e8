"""The model card: the parts of a model, how good it is, its intended use, and what must not be done with it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.layout import Layout
from pipeline.params.sources.base import SourceOptions
from pipeline.reporting.headings import heading
from pipeline.reporting.model_cards import made_of
from pipeline.reporting.page_templates import templates
from pipeline.reporting.tables import cell
from pipeline.splits.trained import training_data
from pipeline.store.benchmarks import Benchmark
from pipeline.store.exports import ExportRecord
from pipeline.store.figure_names import GENUINE, IMAGES, IMPOSTOR, SITTERS
from pipeline.store.models import find_facts
from pipeline.store.results import has_results, read_results
from pipeline.store.splits import sitters_of

if TYPE_CHECKING:
    from pipeline.params import Study

TEMPLATE = "card.md.j2"
UNKNOWN = "not stated"


@dataclass(frozen=True)
class Part:
    """A network within a model."""

    name: str
    makeup: str
    learned: str
    weights: str
    """Source of its weights, with their checksum."""
    licence: str


@dataclass(frozen=True)
class Data:
    """A data set that a model was trained on."""

    name: str
    source: str
    sitters: int
    images: int
    licence: str


@dataclass(frozen=True)
class FigureTable:
    """A table of figures with intervals."""

    benchmark: str
    on: str
    rows: list[tuple[str, str]]
    notes: list[str]


def model_card(study: Study, name: str, record: ExportRecord, at: Layout) -> str:
    """Return the card as Markdown.

    Args:
        study: the study that made the model.
        name: name of the model or fusion.
        record: the record of the export.
        at: where the study's files lie.
    """
    data = list(_data(study, name, at))
    parts = [_part(study, part, at) for part in networks(study, name)]
    licences = sorted({part.licence for part in parts} | {one.licence for one in data})
    environment = templates(Path(__file__).parent, html=False)
    return environment.get_template(TEMPLATE).render(
        name=name,
        record=record,
        fusion=made_of(study.fuse[name], find_facts(name, at)) if name in study.fuse else None,
        parts=parts,
        data=data,
        licences=licences,
        unknown=UNKNOWN,
        figures=list(_figures(study, name, at)),
        level=f"{100 * study.evaluate.bootstrap.level:g}",
    )


def networks(study: Study, name: str) -> list[str]:
    """Return the networks behind a model or fusion, each once."""
    if name not in study.fuse:
        return [name]
    return list(dict.fromkeys(network for part in study.fuse[name].models for network in networks(study, part)))


def _part(study: Study, name: str, at: Layout) -> Part:
    model, facts = study.models[name], find_facts(name, at)
    makeup, learned = made_of(model, facts)
    entry = model.backbone.weights
    if entry is None:
        return Part(name, makeup, learned, "none: it began at random", "")
    checksum = facts.weights.sha256 if facts.weights else ""
    source = study.download[entry]
    return Part(name, makeup, learned, f"{_source(source)}, SHA-256 {checksum}", source.licence or UNKNOWN)


def _source(source: SourceOptions) -> str:
    """Return a source in words, without paths of the user."""
    known = source.model_dump(exclude_defaults=True)
    words = [str(known[key]) for key in ("name", "repo", "version", "revision", "url") if known.get(key)]
    return f"{source.kind} {' '.join(words)}".strip()


def _data(study: Study, name: str, at: Layout) -> Iterator[Data]:
    found: dict[str, set[str]] = {}
    for one in training_data(study, name):
        found.setdefault(one.dataset, set()).update(one.subsets)
    for dataset, subsets in found.items():
        images = sitters_of(dataset, subsets, at)
        photographs = study.photographs_of(dataset)
        source = study.download[photographs]
        words = (
            f"paintings rendered of {photographs}, {_source(source)}" if dataset in study.render else _source(source)
        )
        yield Data(dataset, words, len(set(images.values()) - {""}), len(images), source.licence or UNKNOWN)


def _figures(study: Study, name: str, at: Layout) -> Iterator[FigureTable]:
    if not has_results(at.results()):
        return
    for benchmark in read_results(at.results(), study.evaluate.benchmarks).benchmarks:
        rows = [
            (
                heading(f) + (", %" if benchmark.percent(f) else ""),
                cell(benchmark.metrics[name][f], benchmark.percent(f)),
            )
            for f in benchmark.figures
            if benchmark.value(name, f) is not None
        ]
        if not rows:
            continue
        between = benchmark.probe + (f" against {benchmark.gallery}" if benchmark.gallery != benchmark.probe else "")
        on = f"{benchmark.kind} on {between}; {_counts(benchmark, name)}"
        said = (benchmark.note(name, f) for f in benchmark.figures)
        notes = [note[0].upper() + note[1:] for note in said if note]
        yield FigureTable(benchmark.name, on, rows, list(dict.fromkeys(notes)))


def _counts(benchmark: Benchmark, model: str) -> str:
    words = {SITTERS: "sitters", GENUINE: "genuine pairs", IMPOSTOR: "impostor pairs", IMAGES: "images"}
    return ", ".join(
        f"{int(value):,} {word}" for name, word in words.items() if (value := benchmark.value(model, name))
    )
