"""Stage `report`: show the results of a run on one self-contained page, and in tables on the terminal.

The stage reads `results/`, `data/overlap/`, `attributions/`, the faces, the account of every image and the models'
records, and writes `results/report.html`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.files import atomic_file
from pipeline.core.layout import HERE, Layout

if TYPE_CHECKING:
    from pipeline.params import Study
    from pipeline.reporting.account import Images
    from pipeline.reporting.findings import Findings, Outcome
    from pipeline.reporting.model_cards import SystemRecord
    from pipeline.store.models import Record


def run(study: Study, root: Path = Path()) -> None:
    """Write `results/report.html` of the project in `root`, and print the tables.

    Raises:
        SitterError: there are no results, or one of their files is broken.
    """
    from pipeline.faces.project_pictures import ProjectPictures
    from pipeline.reporting.album import StudyAlbum
    from pipeline.reporting.page import page
    from pipeline.reporting.terminal import told

    at = Layout.of(study, root)
    found = read(study, at)
    html = page(found, StudyAlbum(ProjectPictures(at)))
    with atomic_file(found.outcome.page) as part:
        part.write_text(html, encoding="utf-8")
    print(told(found.outcome))


def results(study: Study, at: Layout = HERE) -> str:
    """Return the text for the terminal: a table for each benchmark, notes, answers, and the path of the report.

    Raises:
        SitterError: there are no results, or one of their files is broken.
    """
    from pipeline.reporting.terminal import told

    return told(read_outcome(study, at))


def read_outcome(study: Study, at: Layout) -> Outcome:
    """Read the results that are printed on the terminal, too."""
    from pipeline.reporting.findings import Outcome
    from pipeline.store.candidates import find_answers
    from pipeline.store.overlaps import find_overlap
    from pipeline.store.results import read_results

    found = read_results(at.results(), study.evaluate.benchmarks)
    swept = {name: swept for name in study.judged if (swept := study.swept(name))}
    shared = {name: (asked, s) for name, asked in study.overlap.items() if (s := find_overlap(name, at))}
    answered = {name: answers for name in study.identify if (answers := find_answers(name, at))}
    return Outcome(found, swept, shared, answered, at.report())


def read(study: Study, at: Layout) -> Findings:
    """Read everything that the report shows.

    Raises:
        SitterError: there are no results, or one of their files is broken.
    """
    from pipeline.params.materials import materials
    from pipeline.reporting.findings import Findings
    from pipeline.reporting.series import series
    from pipeline.store.accounts import has_account
    from pipeline.store.attributions import find_attributions
    from pipeline.store.embeddings import read_versions
    from pipeline.store.models import find_record

    outcome = read_outcome(study, at)
    systems = study.systems
    styles = series(systems, outcome.results.benchmarks)
    records = {name: find_record(name, at) for name in (*study.models, *styles)}
    explained = study.explain.models if study.explain else ()
    embedded = product(systems, study.embed.datasets)
    return Findings(
        title=study.report.title,
        outcome=outcome,
        styles=styles,
        far=study.evaluate.far,
        pairs=study.report.pairs,
        models=_models(study, styles, records, at),
        data_sets=[images_of(study, name, at) for name in study.align if has_account(name, at)],
        materials=materials(study),
        explain=study.explain,
        attributions={name: found for name in explained if (found := find_attributions(name, at))},
        versions={
            "Models": [records[name].get("versions", {}) for name in study.models],
            "Embeddings": [read_versions(name, dataset, at) for name, dataset in embedded],
            "Figures": [outcome.results.run.get("versions", {})],
        },
        params=study.model_dump(mode="json"),
    )


def _models(study: Study, judged: Iterable[str], records: Mapping[str, Record], at: Layout) -> dict[str, SystemRecord]:
    """Return for each evaluated system its entry in the study and the records in its folder."""
    from pipeline.params.licences import use_of_model
    from pipeline.reporting.model_cards import SystemRecord
    from pipeline.store.models import read_history
    from pipeline.store.raw import licences_of_images

    images = {entry: licences_of_images(entry, at) for entry in study.download if entry in study.align}
    found, systems = {}, study.systems
    for name in judged:
        asked = systems[name].asked if name in systems else None
        use = use_of_model(study, name, images) if asked else None
        found[name] = SystemRecord(asked, use, records[name], read_history(name, at))
    return found


def images_of(study: Study, dataset: str, at: Layout) -> Images:
    """Return everything that the report shows about the images of a data set."""
    from pipeline.reporting.account import Images
    from pipeline.store.accounts import doubtful_file, each_accounted
    from pipeline.store.splits import count_copies, each_image, has_split

    doubtful = doubtful_file(dataset, at)
    return Images(
        dataset,
        study.render.get(dataset) or study.download[dataset],
        each_accounted(dataset, at),
        each_image(dataset, at) if has_split(dataset, at) else (),
        count_copies(dataset, at),
        doubtful if doubtful.exists() else None,
    )
