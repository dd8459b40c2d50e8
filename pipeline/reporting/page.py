"""The page: all that the templates beside this file show, put together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
import yaml
from markupsafe import Markup

from pipeline.reporting import figures, numbers
from pipeline.reporting.account import data_sets, materials
from pipeline.reporting.gallery import Group, groups
from pipeline.reporting.images import Album
from pipeline.reporting.machines import machines
from pipeline.reporting.numbers import NBSP, count, number, percent
from pipeline.reporting.read import Benchmark, Series
from pipeline.reporting.standings import (
    RATES,
    SUFFIXES,
    Comparison,
    Standings,
    comparison,
    standings,
    summary,
)
from pipeline.reporting.verdict import headline, verdict

if TYPE_CHECKING:
    from pipeline.params import Study

# Every file that the page is rendered from (so that a change of one counts as a change of the report's code).
TEMPLATES = ("page.html.j2", "macros.html.j2", "summary.html.j2", "benchmark.html.j2", "evidence.html.j2")
STYLE = "page.css"
PACKAGES = ("torch", "torchvision", "timm", "peft", "onnxruntime", "opencv-python-headless", "numpy", "scipy")
SORTS = {"frozen": "frozen models", "trained": "trained models", "fusion": "fusions", "other": "others"}


@dataclass(frozen=True)
class Generic:
    """A table as its file has it, its numbers made readable."""

    columns: list[str]
    rows: list[dict[str, Any]]


@dataclass(frozen=True)
class Chapter:
    """All that is shown of one benchmark."""

    data: Benchmark
    about: str
    table: Standings
    roc: Markup
    det: Markup
    scores: list[tuple[Series, Markup]]
    comparison: Comparison | None
    generic: Generic | None
    tests: list[dict[str, Any]]
    galleries: list[tuple[Series, list[Group]]]


def page(study: Study, found: list[Benchmark], looks: Mapping[str, Series], run: Mapping[str, Any]) -> str:
    """The whole page as HTML; it refers to nothing outside itself."""
    album = Album()
    chapters = [_chapter(study, benchmark, looks, album) for benchmark in found]
    tables = {c.data.name: c.table for c in chapters}
    verdicts = [v for b in found if (v := verdict(b, looks)) is not None]
    rows = summary(found, tables, looks)
    made_of = machines(study, looks)
    sets = data_sets(study, album)
    notes = list(dict.fromkeys(cell.note for row in rows for cell in row.cells if cell.note))
    return _environment().get_template(TEMPLATES[0]).render(
        title=study.report.title,
        css=Markup((Path(__file__).parent / STYLE).read_text(encoding="utf-8")),  # our own file
        looks=looks,
        verdicts=verdicts,
        headline=headline(verdicts),
        level=f"{100 * float(run.get('level') or study.evaluate.bootstrap.level):g}{NBSP}%",
        replicates=count(number(run.get("replicates")) or study.evaluate.bootstrap.replicates),
        facts=_facts(looks, found),
        benchmarks=chapters,
        summary=[{"title": t, "rows": r} for s, t in SORTS.items() if (r := [x for x in rows if x.look.sort == s])],
        columns=sum(len(c.table.columns) for c in chapters),
        starts=_starts(chapters),
        footnotes={note: i for i, note in enumerate(notes, 1)},
        any_pairs=any(c.galleries for c in chapters),
        any_training=any(m.curves for m in made_of),
        machines=made_of,
        data_sets=sets,
        materials=materials(study),
        seed=run.get("seed", study.seed),
        versions=_versions(run),
        params=yaml.safe_dump(study.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=110),
        pictures=album.pictures,
        count=count,
        percent=percent,
    )  # fmt: skip


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def _chapter(study: Study, benchmark: Benchmark, looks: Mapping[str, Series], album: Album) -> Chapter:
    table = standings(benchmark, looks)
    order = [row.look for row in table.rows] or [looks[m] for m in benchmark.models]
    scores = [(look, svg) for look in order if (svg := figures.scores(benchmark, look.name))]
    galleries = [(look, g) for look in order if (g := groups(benchmark, look.name, study.report.pairs, album))]
    return Chapter(
        data=benchmark,
        about=_about(benchmark),
        table=table,
        roc=figures.roc(benchmark, looks, study.evaluate.far),
        det=figures.det(benchmark, looks),
        scores=scores,
        comparison=comparison(benchmark, looks),
        generic=_generic(benchmark, looks),
        tests=[_test(t) for t in benchmark.differences],
        galleries=galleries,
    )


def _about(benchmark: Benchmark) -> str:
    """Kind, data and number of pairs, in a line."""
    words = [benchmark.kind.replace("-", " ")] if benchmark.kind else []
    if benchmark.probe:
        across = benchmark.gallery != benchmark.probe
        words.append(f"{benchmark.probe} against {benchmark.gallery}" if across else benchmark.probe)
    for key in ("genuine", "impostor", "sitters"):
        values = {v for m in benchmark.models if (v := benchmark.value(m, key)) is not None}
        if len(values) == 1:
            words.append(f"{count(values.pop())} {key}{'' if key == 'sitters' else ' pairs'}")
    return " · ".join(words)


def _facts(looks: Mapping[str, Series], found: list[Benchmark]) -> str:
    sorts = [(sum(look.sort == s for look in looks.values()), title) for s, title in SORTS.items()]
    parts = [f"{n} {title if n > 1 else title.rstrip('s')}" for n, title in sorts if n]
    return f"{', '.join(parts)}, judged on {len(found)} benchmark{'s' if len(found) > 1 else ''}."


def _starts(chapters: list[Chapter]) -> list[int]:
    """Columns of the summary at which a benchmark begins."""
    starts, at = [], 0
    for chapter in chapters:
        starts.append(at)
        at += len(chapter.table.columns)
    return starts


def _generic(benchmark: Benchmark, looks: Mapping[str, Series]) -> Generic | None:
    """The benchmark's CSV table; columns that say the same twice (ends of intervals, notes) are left out."""
    if not benchmark.table:
        return None
    columns = [c for c in benchmark.table[0] if not c.endswith(SUFFIXES)]
    rows = [
        {
            "look": looks.get(row.get("model", "")),
            "first": row[columns[0]],
            "cells": [_readable(c, row) for c in columns[1:]],
        }
        for row in benchmark.table
    ]
    return Generic([_heading(c) for c in columns], rows)


def _heading(column: str) -> str:
    return column.replace("_", " ").replace("d prime", "d′") + (", %" if column.startswith(RATES) else "")


def _readable(column: str, row: Mapping[str, str]) -> str:
    value = number(row[column])
    if value is None:
        return row[column] or numbers.NONE
    if column.startswith(RATES):
        ends = numbers.interval(number(row.get(f"{column}_low")), number(row.get(f"{column}_high")))
        return percent(value, unit=False) + (f" ({ends})" if ends else "")
    return count(value) if value == int(value) else numbers.plain(value)


def _test(test: Any) -> dict[str, Any]:
    is_rate = test.metric.startswith(RATES)
    show = numbers.points if is_rate else numbers.plain
    ends = f"{show(test.low)} to {show(test.high)}" if test.low is not None and test.high is not None else ""
    return {
        "metric": f"{test.metric}, points" if is_rate else test.metric,
        "a": test.a,
        "b": test.b,
        "difference": show(test.difference),
        "interval": ends,
        "p": numbers.p_value(test.p),
        "real": test.significant,
    }


def _versions(run: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Versions that the results were made with where the run recorded them, else those here."""
    recorded = run.get("versions")
    if isinstance(recorded, dict):
        return [(str(k), str(v)) for k, v in recorded.items()]
    found = []
    for package in PACKAGES:
        try:
            found.append((package, version(package)))
        except PackageNotFoundError:
            continue
    return found
