"""Show tables: `sitter show study`, `models [MODEL]`, `params [SECTION[.ENTRY]]`, `faces DATASET`, `catalogue [NAME]`.

study: the data sets with their images and subsets, and how much of the study has been made. models: the parts of each
model and fusion, or one model with its record and figures. params: a section or entry of params.yaml, with all
defaults. faces: the result of `align` for a data set's images. catalogue: the public weights that any study can use, or
one of them with the lines for params.yaml.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.core.errors import SitterError, nearest
from pipeline.core.layout import Layout
from pipeline.reporting.headings import heading
from pipeline.reporting.tables import aligned, cell

if TYPE_CHECKING:
    from pipeline.params import Study

SHOWN = 10
MAKES = {"outside": "outside", "fusion": "fuse"}
"""The stage that makes a sort of system; all others are trained."""
NONE = "–"


def run(named: Sequence[Path], *, what: str, name: str = "") -> None:
    """Print tables.

    Args:
        named: the params files that were named; empty: params.yaml.
        what: study, models, params, faces or catalogue.
        name: name of a model, a section, an entry of a section, a data set or an entry of the catalogue.

    Raises:
        SitterError: there is nothing with this name.
    """
    if what == "catalogue":  # needs no study
        print("\n".join(_catalogue(name)))
        return
    from pipeline.params import load

    study = load(*(named or [Path("params.yaml")]))
    print("\n".join(TABLES[what](study, name)))


def _study(study: Study, name: str) -> Iterator[str]:
    from pipeline.plan.stages import jobs

    if name:
        raise SitterError(f"show study takes no name, but {name!r} was given: type show models or show params for it.")
    rows: list[Sequence[str]] = [("data set", "images", "aligned", "sitters", "train / val / test", "licence")]
    rows += [_dataset(study, dataset) for dataset in study.align]
    yield from aligned(rows)
    yield ""
    made, every = Counter[str](), Counter[str]()
    for job in jobs(study):
        every[job.stage] += 1
        made[job.stage] += job.target.is_file()
    yield from aligned([("stage", "made"), *((stage, f"{made[stage]} of {n}") for stage, n in every.items())])
    yield ""
    groups: dict[str, Mapping[str, Any]] = {
        "models": study.models, "outside": study.outside, "fusions": study.fuse,
        "benchmarks": study.evaluate.benchmarks, "questions": study.identify,
    }  # fmt: skip
    yield from aligned([(group, ", ".join(names) or NONE) for group, names in groups.items()])


def _dataset(study: Study, dataset: str) -> tuple[str, ...]:
    from pipeline.store.accounts import ALIGNED, has_account, read_images
    from pipeline.store.splits import each_image, split_file

    at = Layout.of(study)
    source = study.download[study.render[dataset].dataset if dataset in study.render else dataset]
    images = found = sitters = subsets = NONE
    if has_account(dataset, at):
        every = read_images(dataset, at).images
        images, found = f"{len(every):,}", f"{sum(image.status == ALIGNED for image in every):,}"
        sitters = f"{len({image.sitter for image in every} - {''}):,}"
    if split_file(dataset, at).is_file():
        counts = Counter(subset for _, _, subset in each_image(dataset, at))
        subsets = " / ".join(f"{counts[subset]:,}" for subset in ("train", "val", "test"))
    return dataset, images, found, sitters, subsets, source.licence or "not stated"


def _models(study: Study, name: str) -> Iterator[str]:
    from pipeline.reporting.model_cards import made_of
    from pipeline.store.models import find_facts

    known = study.systems
    if name and name not in known:
        raise SitterError(f"{name!r} is no model, outside system or fusion; {nearest(name, known)}")
    if not name:
        rows: list[Sequence[str]] = [("model", "made of", "trained", "values", "made")]
        for one in known:
            facts = find_facts(one, Layout.of(study))
            dim, made = (str(facts.dim), "yes") if facts else (NONE, "no")
            rows.append((one, *made_of(known[one].asked, facts), dim, made))
        yield from aligned(rows)
        return
    facts = find_facts(name, Layout.of(study))
    makeup, learned = made_of(known[name].asked, facts)
    yield f"{name}: {makeup}"
    yield f"trained: {learned}"
    if not facts:
        yield f"not made yet: sitter {MAKES.get(known[name].sort, 'train')} {name}"
        return
    yield ""
    yield from aligned(list(_flat(facts.short)))
    yield from _figures(study, name)


def _figures(study: Study, name: str) -> Iterator[str]:
    from pipeline.store.results import has_results, read_results

    folder = Layout.of(study).results()
    if not has_results(folder):
        return
    rows: list[Sequence[str]] = [("benchmark", "figure", "value")]
    for benchmark in read_results(folder, study.evaluate.benchmarks).benchmarks:
        for figure in benchmark.figures:
            if benchmark.value(name, figure) is not None:
                percent = benchmark.percent(figure)
                words = heading(figure) + (", %" if percent else "")
                rows.append((benchmark.name, words, cell(benchmark.metrics[name][figure], percent)))
    if len(rows) > 1:
        yield ""
        yield from aligned(rows)


def _params(study: Study, name: str) -> Iterator[str]:
    import yaml

    section, _, entry = name.partition(".")
    found: Any = study.model_dump(mode="json")
    if section and section not in found:
        raise SitterError(f"params.yaml has no section {section!r}; {nearest(section, found)}")
    if section:
        found = found[section]
    if entry and (not isinstance(found, Mapping) or entry not in found):
        known = found if isinstance(found, Mapping) else ()
        raise SitterError(f"{section} has no entry {entry!r}; {nearest(entry, known)}")
    if entry:
        found = found[entry]
    yield yaml.safe_dump(found, sort_keys=False, allow_unicode=True).rstrip()


def _faces(study: Study, name: str) -> Iterator[str]:
    from pipeline.reporting.doubtful_faces import doubts
    from pipeline.store.accounts import account_file, doubtful_file, each_account, has_account

    if name not in study.align:
        told = f"{name!r} is no data set under align" if name else "show faces needs a data set"
        raise SitterError(f"{told}; {nearest(name, study.align)}")
    at = Layout.of(study)
    if not has_account(name, at):
        raise SitterError(f"{account_file(name, at)} does not exist: run `sitter align {name}` first.")
    images = list(each_account(name, at=at))
    for title, words in (("status", [i.status for i in images]), ("detector", [i.detector for i in images])):
        counts = Counter(filter(None, words))
        yield from aligned([(title, "images"), *((word, f"{n:,}") for word, n in counts.most_common())])
        yield ""
    found = [(image, sorts) for image in images if (sorts := doubts(image, study.align[name].doubtful))]
    yield f"doubtful: {len(found):,} of {len(images):,}"
    if found:
        lines = [("image", "sitter", "doubt"), *((i.image_id, i.sitter, sorts[0]) for i, sorts in found[:SHOWN])]
        yield from (f"  {line}" for line in aligned(lines))
        page = doubtful_file(name, at)
        yield f"  {'… ' if len(found) > SHOWN else ''}all of them with pictures: {page}"


def _catalogue(name: str) -> Iterator[str]:
    import yaml

    from pipeline.params.licences import use_of
    from pipeline.params.sources.catalogue import CATALOGUE

    if name and name not in CATALOGUE:
        raise SitterError(f"{name!r} is not in the catalogue; {nearest(name, CATALOGUE)}")
    if not name:
        rows: list[Sequence[str]] = [("name", "what", "use", "checksum")]
        for one, known in CATALOGUE.items():
            rows.append((one, known.what, use_of(known.licence), "known" if known.source else "not known"))
        yield from aligned(rows)
        return
    known = CATALOGUE[name]
    yield f"{name}: {known.what}"
    yield ""
    facts = [("licence", f"{known.licence} ({use_of(known.licence)})"), ("template", known.template)]
    if known.source is not None:
        facts += _flat(known.source.model_dump(exclude_defaults=True, exclude={"licence"}))
    yield from aligned([*facts, *([("to get it", known.obtain)] if known.obtain else [])])
    yield ""
    entry: dict[str, Any] = {"kind": "catalogue", "name": name} | ({} if known.source else {"path": "weights/FILE"})
    backbone = {key: list(value) if isinstance(value, tuple) else value for key, value in known.backbone.items()}
    backbone |= {"weights": "THE-BASE"} if known.field != "weights" else {}
    lines = {"download": {name: entry}, "models": {"NAME": {"backbone": {**backbone, known.field: name}}}}
    yield yaml.safe_dump(lines, sort_keys=False, default_flow_style=None, width=110).rstrip()


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield each value under its full name: the names of all mappings around it, joined by dots."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", NONE if value is None else str(value)


TABLES: dict[str, Callable[[Study, str], Iterator[str]]] = {
    "study": _study,
    "models": _models,
    "params": _params,
    "faces": _faces,
}
