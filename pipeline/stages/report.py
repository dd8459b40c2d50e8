"""Stage `report`: show the results of a run on one self-contained page, and in tables on the terminal.

The stage reads `results/`, `data/overlap/`, `attributions/`, the faces, the account of every image and the models'
records, and writes `results/report.html`.
"""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.files import atomic_file
from pipeline.core.layout import Layout

if TYPE_CHECKING:
    from pipeline.params import Study
    from pipeline.reporting.account import Images
    from pipeline.reporting.findings import Findings, Outcome


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
    album = StudyAlbum(ProjectPictures(at))
    html = page(found, album)
    with atomic_file(found.outcome.page) as part:
        part.write_text(html, encoding="utf-8")
    print(told(found.outcome))


def results(study: Study, at: Layout) -> str:
    """Return the text for the terminal: a table for each benchmark, notes, answers, and the path of the report.

    Raises:
        SitterError: there are no results, or one of their files is broken.
    """
    from pipeline.reporting.terminal import told

    return told(read_outcome(study, at))


def read_outcome(study: Study, at: Layout) -> Outcome:
    """Read the results that are printed on the terminal, too."""
    from pipeline.core.typed_files import find_folder
    from pipeline.reporting.findings import Outcome
    from pipeline.store.candidates import QuestionAnswers
    from pipeline.store.overlaps import FoundOverlap
    from pipeline.store.results import read_results

    found = read_results(at.results(), study.evaluate.benchmarks)
    swept = {name: swept for name in study.judged if (swept := study.swept(name))}
    shared = {
        name: (asked, overlap)
        for name, asked in study.overlap.items()
        if (overlap := find_folder(at.overlap(name), FoundOverlap))
    }
    answered = {
        name: answers for name in study.identify if (answers := find_folder(at.identify(name), QuestionAnswers))
    }
    return Outcome(found, swept, shared, answered, at.report())


def read(study: Study, at: Layout) -> Findings:
    """Read everything that the report shows.

    Raises:
        SitterError: there are no results, or one of their files is broken.
    """
    from pipeline.core.typed_files import find_folder, read_folder
    from pipeline.params.licences import use_of_model
    from pipeline.params.materials import materials
    from pipeline.reporting.findings import Findings
    from pipeline.reporting.model_cards import SystemRecord
    from pipeline.reporting.series import series
    from pipeline.store.attributions import Attributions
    from pipeline.store.embeddings import read_versions
    from pipeline.store.models import SystemFiles
    from pipeline.store.raw import licences_of_images

    outcome = read_outcome(study, at)
    systems, explained = study.systems, study.explain.models if study.explain else ()
    judged = [name for benchmark in outcome.results.benchmarks for name in benchmark.models]
    files = {name: read_folder(at.model(name), SystemFiles) for name in dict.fromkeys([*study.models, *judged])}
    maps = {name: found for name in explained if (found := find_folder(at.attributions(name), Attributions))}
    data_sets = [images for name in study.align if (images := images_of(study, name, at))]
    embedded = [read_versions(name, dataset, at) for name, dataset in product(systems, study.embed.datasets)]
    licences = {entry: licences_of_images(entry, at) for entry in study.download if entry in study.align}
    styles = series(systems, outcome.results.benchmarks)
    uses = {name: use_of_model(study, name, licences) for name in styles if name in systems}
    return Findings(
        title=study.report.title,
        outcome=outcome,
        styles=styles,
        far=study.evaluate.far,
        pairs=study.report.pairs,
        models={
            name: SystemRecord(systems[name].asked if name in systems else None, uses.get(name), files[name])
            for name in styles
        },
        data_sets=data_sets,
        materials=materials(study),
        explain=study.explain,
        attributions=maps,
        versions={
            "Models": [files[name].facts.versions for name in study.models],
            "Embeddings": embedded,
            "Figures": [outcome.results.evaluation.versions],
        },
        params=study.model_dump(mode="json"),
    )


def images_of(study: Study, dataset: str, at: Layout) -> Images | None:
    """Return everything that the report shows about the images of a data set; None if it has not been aligned."""
    from pipeline.core.typed_files import find_folder, read_folder
    from pipeline.reporting.account import Images
    from pipeline.store.accounts import Alignment
    from pipeline.store.splits import SplitCounts

    aligned = find_folder(at.faces(dataset), Alignment)
    if aligned is None:
        return None
    source = study.render.get(dataset) or study.download[dataset]
    return Images(dataset, source, aligned, read_folder(at.split(dataset), SplitCounts), at.root)
