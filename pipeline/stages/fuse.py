"""Stage `fuse`: fit a fusion to its models' embeddings, and apply it to all of them.

Reads `embeddings/MODEL/DATASET/` of each model and `data/splits/`, writes `models/FUSION/` and
`embeddings/FUSION/DATASET/`: to every later stage a fusion is a model like any other.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Any

from pipeline.core.errors import SitterError
from pipeline.core.files import output_folder, read_csv, write_json
from pipeline.plan import layout

if TYPE_CHECKING:
    from pipeline.fusions.fit_data import Lessons
    from pipeline.fusions.fused import Fused
    from pipeline.params import Study
    from pipeline.params.fuse import Fusion
    from pipeline.store.embeddings import Floats

logger = logging.getLogger(__name__)


def run(study: Study, fusion: str) -> None:
    """Write `models/<fusion>/` and `embeddings/<fusion>/<dataset>/` for every data set under `embed.datasets`.

    Raises:
        SitterError: embeddings are absent or of other images than their fellows', or there is too little to fit on.
    """
    if fusion not in study.fuse:
        raise SitterError(f"{fusion} is no entry under `fuse`: {', '.join(study.fuse) or 'there is none'}.")
    entry = study.fuse[fusion]
    if entry.method.kind == "folds":
        from pipeline.crossval.held_out import assemble

        assemble(study, fusion)
        return
    if entry.by_folds:
        from pipeline.crossval.fusions import cross_fit

        cross_fit(study, fusion)
        return
    from pipeline.fusions.fit_data import Lessons, fit, inputs, train_and_val

    tables = {dataset: inputs(entry.models, dataset) for dataset in study.embed.datasets}
    lessons = Lessons.of(tables, {dataset: train_and_val(dataset) for dataset in entry.fit_on}, entry.models)
    fused = fit(fusion, entry, lessons, study.seed_of(fusion))
    vectors = {dataset: fused.apply([e.vectors for e in own]) for dataset, own in tables.items()}
    images = {dataset: own[0].image_ids for dataset, own in tables.items()}
    description = _describe(entry, fused, lessons, next(iter(vectors.values())).shape[1])
    if entry.cohort is None:
        _write(fusion, fused, description, {d: (images[d], vectors[d]) for d in vectors})
    else:
        cohort = fused.apply(lessons.vectors)
        _write_scores(fusion, fused, description, {d: (images[d], vectors[d]) for d in vectors}, cohort, entry.cohort)
    logger.info(f"{fusion}: {_sentence(description)}; {sum(map(len, vectors.values()))} faces of {', '.join(vectors)}")


def _describe(entry: Fusion, fused: Fused, lessons: Lessons, dim: int) -> dict[str, Any]:
    """The content of `model.json`."""
    counts = Counter(lessons.subset)
    people = {word: {s for s, w in zip(lessons.sitters, lessons.subset, strict=True) if w == word} for word in counts}
    weights = fused.kind.state().get("weights")
    return {
        "method": entry.method.model_dump(mode="json"),
        "models": list(entry.models),
        "centre": entry.centre,
        "fit_on": list(entry.fit_on),
        "cohort": entry.cohort,
        "fitted": {word: {"images": counts[word], "sitters": len(people[word])} for word in sorted(counts)},
        "weights": None
        if weights is None
        else {m: round(float(w), 6) for m, w in zip(entry.models, weights, strict=True)},
        **fused.kind.findings(),
        "dim": dim,
    }


def _write(name: str, fused: Fused, description: dict[str, Any], vectors: dict[str, tuple[list[str], Floats]]) -> None:
    from pipeline.models import DESCRIPTION
    from pipeline.store.embeddings import write_embeddings

    for dataset, (image_ids, values) in vectors.items():
        with output_folder(layout.embeddings(name, dataset)) as folder:
            write_embeddings(folder, image_ids, values)
    with output_folder(layout.model(name)) as folder:
        fused.save(folder)
        write_json(folder / DESCRIPTION, description)


def _write_scores(
    name: str,
    fused: Fused,
    description: dict[str, Any],
    vectors: dict[str, tuple[list[str], Floats]],
    cohort: Floats,
    most: int,
) -> None:
    """Scores of all test images, those of a data set and those of it with the ones that stand after it."""
    import pyarrow as pa

    from pipeline.models import DESCRIPTION
    from pipeline.scoring.score_norm import check_size, normalised, table_of
    from pipeline.store.scores import write_scores

    tested: dict[str, tuple[list[str], Floats]] = {}
    for dataset, (image_ids, values) in vectors.items():
        rows = read_csv(layout.split(dataset) / "split.csv", ["image_id", "subset"])
        wanted = {row["image_id"] for row in rows if row["subset"] == "test"}
        kept = [n for n, image_id in enumerate(image_ids) if image_id in wanted]
        tested[dataset] = [image_ids[n] for n in kept], values[kept]
    for place, (dataset, (image_ids, values)) in enumerate(tested.items()):
        parts = []
        for other, (their_ids, theirs) in list(tested.items())[place:]:
            check_size(name, len(values), len(theirs))
            scores = normalised(values, theirs, cohort, most)
            parts.append(table_of(image_ids, other, image_ids if other == dataset else their_ids, scores))
        with output_folder(layout.embeddings(name, dataset)) as folder:
            write_scores(folder, pa.concat_tables(parts))
    with output_folder(layout.model(name)) as folder:
        fused.save(folder)
        write_json(folder / DESCRIPTION, description)


def _sentence(description: dict[str, Any]) -> str:
    weights = description["weights"]
    parts = [f"{m} {weights[m]:.2f}" for m in description["models"]] if weights else description["models"]
    gain = (
        f", Cllr on val sitters {description['val_cllr']:.3f} ({description['val_cllr_equal']:.3f} with equal weights)"
        if "val_cllr" in description
        else ""
    )
    centred = ", centred" if description["centre"] else ""
    scores = f", scores by a cohort's nearest {description['cohort']}" if description["cohort"] else ""
    return f"{' + '.join(parts)}, {description['dim']} values each{centred}{scores}{gain}"
