"""Stage `fuse`: fit a fusion to its models' embeddings, and apply it to all of them.

Reads `embeddings/MODEL/DATASET/` of each model and `data/splits/`, writes `models/FUSION/` and
`embeddings/FUSION/DATASET/`: to every later stage a fusion is a model like any other.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline import paths
from pipeline.artifacts import output_folder, read_csv, write_json
from pipeline.errors import SitterError

if TYPE_CHECKING:
    from pipeline.embeddings import Embeddings, Floats
    from pipeline.fusions.fused import Fused
    from pipeline.params import Study
    from pipeline.params.fuse import Fusion


def run(study: Study, fusion: str) -> None:
    """Write `models/<fusion>/` and `embeddings/<fusion>/<dataset>/` for every data set under `embed.datasets`.

    Raises:
        SitterError: embeddings are absent or of other images than their fellows', or there is too little to fit on.
    """
    if fusion not in study.fuse:
        raise SitterError(f"{fusion} is no entry under `fuse`: {', '.join(study.fuse) or 'there is none'}.")
    entry = study.fuse[fusion]
    if entry.method.kind == "folds":
        from pipeline.fusions.folds import assemble

        assemble(study, fusion)
        return
    inputs = {dataset: _inputs(entry, dataset) for dataset in study.embed.datasets}
    lessons = _lessons(fusion, entry, inputs)
    fused = _fit(fusion, entry, lessons, study.seed)
    vectors = {dataset: fused.apply([e.vectors for e in tables]) for dataset, tables in inputs.items()}
    description = _describe(entry, fused, lessons, next(iter(vectors.values())).shape[1])
    _write(fusion, fused, description, {d: (inputs[d][0].image_ids, vectors[d]) for d in vectors})
    print(f"{fusion}: {_sentence(description)}; {sum(map(len, vectors.values()))} faces of {', '.join(vectors)}")


def _inputs(entry: Fusion, dataset: str) -> list[Embeddings]:
    """Embeddings of each model on a data set, rows in the order of the first model's."""
    from pipeline.embeddings import Embeddings, read_embeddings

    tables = [read_embeddings(model, dataset) for model in entry.models]
    first = tables[0].image_ids
    for model, table in zip(entry.models, tables, strict=True):
        if set(table.image_ids) != set(first) or len(table) != len(first):
            other = sorted(set(table.image_ids) ^ set(first))
            raise SitterError(
                f"{paths.embeddings(model, dataset)} and {paths.embeddings(entry.models[0], dataset)} hold other "
                f"images ({len(table)} and {len(first)}; {', '.join(other[:3])}{' …' if len(other) > 3 else ''} only "
                f"in one): one of them is out of date. Run embed for {model} and {entry.models[0]} again."
            )
    return [Embeddings(first, t.vectors if t.image_ids == first else t.select(first)) for t in tables]


@dataclass(frozen=True)
class _Lessons:
    """What a fusion is fitted on: the train and val images of the data sets under `fit_on`."""

    vectors: list[Floats]
    """float32 [n, d_m] of each model."""
    sitters: list[str]
    subset: list[str]

    def images(self, subset: str) -> list[int]:
        return [row for row, word in enumerate(self.subset) if word == subset]


def _lessons(name: str, entry: Fusion, inputs: dict[str, list[Embeddings]]) -> _Lessons:
    import numpy as np

    parts: list[list[Floats]] = [[] for _ in entry.models]
    sitters: list[str] = []
    subset: list[str] = []
    for dataset in entry.fit_on:
        path = paths.split(dataset) / "split.csv"
        rows = [r for r in read_csv(path, ["image_id", "sitter", "subset"]) if r["subset"] in ("train", "val")]
        for model, table, part in zip(entry.models, inputs[dataset], parts, strict=True):
            part.append(table.select([r["image_id"] for r in rows], str(paths.embeddings(model, dataset))))
        sitters += [r["sitter"] for r in rows]
        subset += [r["subset"] for r in rows]
    if entry.centre and "train" not in subset:
        raise SitterError(
            f"fuse.{name}.centre needs the mean of training faces, but {', '.join(entry.fit_on) or 'fit_on'} gives "
            "none: name a data set with train sitters under fit_on, or set centre: false."
        )
    return _Lessons([np.concatenate(part) for part in parts if part], sitters, subset)


def _fit(name: str, entry: Fusion, lessons: _Lessons, seed: int) -> Fused:
    from pipeline.fusions import FUSIONS
    from pipeline.fusions.fused import Fused, Kind, mean_units

    kind: Kind = FUSIONS.make(entry.method)
    named = ", ".join(entry.fit_on) or "fit_on"
    if kind.needs_val and "val" not in lessons.subset:
        raise SitterError(
            f"fuse.{name}: {entry.method.kind} learns from val sitters, but {named} has "
            "none: name data sets under fit_on whose split has val above 0."
        )
    if kind.needs_train and "train" not in lessons.subset:
        raise SitterError(
            f"fuse.{name}: {entry.method.kind} learns from train sitters, but {named} has none: name data sets under "
            "fit_on whose split leaves some (test and val together below 1)."
        )
    train = lessons.images("train")
    fused = Fused(entry.models, kind, mean_units([v[train] for v in lessons.vectors]) if entry.centre else None)
    kind.fit(fused.units(lessons.vectors), lessons.sitters, lessons.subset, seed)
    return fused


def _describe(entry: Fusion, fused: Fused, lessons: _Lessons, dim: int) -> dict[str, Any]:
    """The content of `model.json`."""
    counts = Counter(lessons.subset)
    people = {word: {s for s, w in zip(lessons.sitters, lessons.subset, strict=True) if w == word} for word in counts}
    weights = fused.kind.state().get("weights")
    return {
        "method": entry.method.model_dump(mode="json"),
        "models": list(entry.models),
        "centre": entry.centre,
        "fit_on": list(entry.fit_on),
        "fitted": {word: {"images": counts[word], "sitters": len(people[word])} for word in sorted(counts)},
        "weights": None
        if weights is None
        else {m: round(float(w), 6) for m, w in zip(entry.models, weights, strict=True)},
        **fused.kind.findings(),
        "dim": dim,
    }


def _write(name: str, fused: Fused, description: dict[str, Any], vectors: dict[str, tuple[list[str], Floats]]) -> None:
    from pipeline.embeddings import write_embeddings
    from pipeline.models import DESCRIPTION

    for dataset, (image_ids, values) in vectors.items():
        with output_folder(paths.embeddings(name, dataset)) as folder:
            write_embeddings(folder, image_ids, values)
    with output_folder(paths.model(name)) as folder:
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
    return f"{' + '.join(parts)}, {description['dim']} values each{centred}{gain}"
