"""Stage `evaluate`: every model and fusion under every benchmark, with intervals and paired comparisons.

Reads embeddings and splits; writes `results/`: `metrics.json`, `run.json`, `tables/`, `curves/`, `pairs/`.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline import paths
from pipeline.artifacts import output_folder, read_csv, write_csv, write_json, write_manifest
from pipeline.errors import SitterError
from pipeline.metrics import METRICS
from pipeline.progress import progress

if TYPE_CHECKING:
    from pipeline.metrics.result import Column, Context, Embedded, PairList, Result, Subset
    from pipeline.params import Study

Results = Mapping[str, Mapping[str, "Result"]]
"""By benchmark, then by model."""
PAIR_COLUMNS = ("model", "sort", "rank", "probe", "gallery", "probe_dataset", "gallery_dataset", "score")


def run(study: Study) -> None:
    """Judge every model and fusion by every benchmark; the report prints what came of it."""
    read = Reader(study)
    read.check()
    results = judge(study, read)
    with output_folder(paths.results()) as folder:
        write(folder, study, results, read)
        write_manifest(folder)
        if paths.report().exists():  # the report stage's, not listed in this stage's manifest
            shutil.copy2(paths.report(), folder / paths.report().name)
    print(f"evaluate: {len(read.models)} models under {len(results)} benchmarks")


def judge(study: Study, read: Reader) -> dict[str, dict[str, Result]]:
    """Results by benchmark and, in the order of params.yaml, by model."""
    every = [(b, m) for b in study.evaluate.benchmarks for m in read.models]
    results: dict[str, dict[str, Result]] = {b: {} for b in study.evaluate.benchmarks}
    for benchmark, model in progress(every, "evaluate", unit="benchmark × model"):
        options = study.evaluate.benchmarks[benchmark]
        try:
            results[benchmark][model] = METRICS.make(options, read.context(model))
        except SitterError as error:
            raise SitterError(f"benchmark {benchmark!r}, model {model!r}: {error}") from None
    return results


class Reader:
    """The embeddings and splits of a study, joined by image id and checked."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.models = [*study.models, *study.fuse]
        self.splits = {d: _split(d) for d in self._datasets()}
        self._table = lru_cache(maxsize=4)(self._read_table)

    def _datasets(self) -> list[str]:
        """Data sets that the benchmarks name."""
        named = {v for b in self.study.evaluate.benchmarks.values() for v in b.arguments().values() if v}
        return [d for d in self.study.embed.datasets if d in named]

    def check(self) -> None:
        """Read every table once, so that a bad one is found before anything is computed."""
        for model in self.models:
            for dataset in self.splits:
                self._table(model, dataset)

    def context(self, model: str) -> Context:
        """What a benchmark is handed."""
        from pipeline.metrics.result import Context

        evaluate = self.study.evaluate
        return Context(
            embedded=lambda dataset, subset: self._embedded(model, dataset, subset),
            pairs=lambda dataset: self._pairs(model, dataset),
            far=tuple(evaluate.far),
            replicates=evaluate.bootstrap.replicates,
            seed=self.study.seed,
        )

    def counts(self) -> dict[str, dict[str, dict[str, int]]]:
        """Images and sitters by data set and subset."""
        counts: dict[str, dict[str, dict[str, int]]] = {}
        for dataset, rows in self.splits.items():
            counts[dataset] = {}
            for subset in ("train", "val", "test", "unused"):
                sitters = [r["sitter"] for r in rows.values() if r["subset"] == subset]
                if sitters:
                    counts[dataset][subset] = {"images": len(sitters), "sitters": len(set(sitters))}
        return counts

    def _read_table(self, model: str, dataset: str) -> Any:
        from pipeline.embeddings import FILE, check_vectors, read_embeddings

        table = read_embeddings(model, dataset)
        path = str(paths.embeddings(model, dataset) / FILE)
        if len(set(table.image_ids)) < len(table.image_ids):
            raise SitterError(f"{path}: image ids occur twice. Run embed (or fuse) again.")
        known = set(table.image_ids)
        missing = [i for i, row in self.splits[dataset].items() if row["subset"] != "unused" and i not in known]
        if missing:
            raise SitterError(
                f"{path} has no vector for {len(missing)} of {len(self.splits[dataset])} images of "
                f"{paths.split(dataset)}/split.csv, the first of them {missing[0]!r}: it was made from other faces. "
                "Run embed (or fuse) again."
            )
        check_vectors(table.vectors, table.image_ids, path)
        return table

    def _embedded(self, model: str, dataset: str, subset: Subset) -> Embedded:
        return self._select(model, dataset, [i for i, r in self.splits[dataset].items() if r["subset"] == subset])

    def _select(self, model: str, dataset: str, image_ids: list[str]) -> Embedded:
        from pipeline.metrics.result import Embedded

        rows = self.splits[dataset]
        photographs = self._photographs_of(dataset)
        return Embedded(
            dataset,
            image_ids,
            [rows[i]["sitter"] for i in image_ids],
            [f"{photographs}:{rows[i]['origin']}" if rows[i].get("origin") else f"{dataset}:{i}" for i in image_ids],
            self._table(model, dataset).select(image_ids, f"embeddings/{model}/{dataset}"),
        )

    def _photographs_of(self, dataset: str) -> str:
        """The data set that the origins of a data set's images are found in."""
        if dataset in self.study.render:
            return self.study.render[dataset].dataset
        split = self.study.split[dataset]
        return split.dataset if split.kind == "like" else dataset

    def _pairs(self, model: str, dataset: str) -> PairList:
        import numpy as np

        from pipeline.metrics.result import PairList

        path = paths.split(dataset) / "pairs.csv"
        listed = read_csv(path, ["image_a", "image_b", "genuine", "fold"])
        _check_pairs(path, listed, self.splits[dataset])
        image_ids = list(dict.fromkeys(r[side] for r in listed for side in ("image_a", "image_b")))
        place = {image_id: n for n, image_id in enumerate(image_ids)}
        return PairList(
            self._select(model, dataset, image_ids),
            np.array([place[r["image_a"]] for r in listed], dtype=np.int64),
            np.array([place[r["image_b"]] for r in listed], dtype=np.int64),
            np.array([r["genuine"] == "1" for r in listed], dtype=bool),
            np.array([int(r["fold"]) for r in listed], dtype=np.int64),
        )


def _split(dataset: str) -> dict[str, dict[str, str]]:
    path = paths.split(dataset) / "split.csv"
    rows = read_csv(path, ["image_id", "sitter", "subset"])
    by_id = {r["image_id"]: r for r in rows}
    if len(by_id) < len(rows):
        raise SitterError(f"{path}: {len(rows) - len(by_id)} image ids occur twice. Run split again.")
    return by_id


def _check_pairs(path: Path, listed: Sequence[Mapping[str, str]], known: Mapping[str, Mapping[str, str]]) -> None:
    for line, row in enumerate(listed, start=2):
        for side in ("image_a", "image_b"):
            if row[side] not in known:
                raise SitterError(f"{path}, line {line}: {side} is {row[side]!r}, which split.csv does not hold.")
            if known[row[side]]["subset"] in ("train", "val"):
                raise SitterError(
                    f"{path}, line {line}: {side} {row[side]!r} is in the subset {known[row[side]]['subset']}, which "
                    "models are made with: test on other images."
                )
        if row["genuine"] not in ("0", "1") or not row["fold"].isdigit():
            raise SitterError(
                f"{path}, line {line}: genuine is {row['genuine']!r} and fold {row['fold']!r}, but they must be 0 or 1 "
                "and a whole number."
            )
    if len({row["fold"] for row in listed}) < 2:
        raise SitterError(f"{path}: {len(listed)} pairs in fewer than two folds: thresholds are chosen on other folds.")


def write(folder: Path, study: Study, results: Results, read: Reader) -> None:
    """Everything in `results/` but the manifest."""
    for name in ("tables", "curves", "pairs"):
        (folder / name).mkdir()
    level = study.evaluate.bootstrap.level
    metrics: dict[str, Any] = {}
    for benchmark, by_model in results.items():
        metrics[benchmark] = {model: _flat(result, level) for model, result in by_model.items()}
        rows = [{"model": model, **values} for model, values in metrics[benchmark].items()]
        write_csv(folder / "tables" / f"{benchmark}.csv", rows, _columns(rows))
        compared = list(_compare(by_model, level))
        columns = ["model_a", "model_b", "metric", "difference", "low", "high", "p", "significant", "p_uncorrected"]
        write_csv(folder / "tables" / f"{benchmark}-differences.csv", compared, columns)
        for curve in dict.fromkeys(c for result in by_model.values() for c in result.curves):
            points = [p for model, result in by_model.items() for p in _points(model, result.curves.get(curve, {}))]
            write_csv(folder / "curves" / f"{curve}-{benchmark}.csv", points, _columns(points))
        examples = [{"model": model, **e} for model, result in by_model.items() for e in result.examples]
        if examples:
            write_csv(folder / "pairs" / f"{benchmark}.csv", examples, PAIR_COLUMNS)
    write_json(folder / "metrics.json", metrics)
    write_json(folder / "run.json", _run(study, results, read))


def _flat(result: Result, level: float) -> dict[str, Any]:
    """Scalars with their intervals and notes beside them."""
    from pipeline.metrics.intervals import interval

    flat: dict[str, Any] = {}
    for name, scalar in result.scalars.items():
        flat[name] = scalar.value
        note = scalar.note
        if scalar.replicates is not None:
            low, high = interval(scalar.replicates, level, result.units) or (None, None)
            flat |= {f"{name}_low": low, f"{name}_high": high}
            if low is None:
                note = (
                    f"{note}; " * bool(note) + f"no interval: {result.units} sitters or folds are too few to resample"
                )
        if note:
            flat[f"{name}_note"] = note
    return flat


def _compare(by_model: Mapping[str, Result], level: float) -> Iterator[dict[str, Any]]:
    """Every two models in every scalar that all replicates are known of."""
    from pipeline.metrics.intervals import differences

    for name in dict.fromkeys(n for result in by_model.values() for n in result.scalars):
        known = {m: r.scalars[name] for m, r in by_model.items() if name in r.scalars}
        known = {m: s for m, s in known.items() if s.value is not None and s.replicates is not None}
        values = {m: float(s.value) for m, s in known.items() if s.value is not None}
        replicates = {m: s.replicates for m, s in known.items() if s.replicates is not None}
        units = min((by_model[m].units for m in known), default=0)
        for d in differences(values, replicates, level, units):
            yield {**vars(d), "metric": name, "significant": int(d.p < 1 - level)}


def _points(model: str, columns: Mapping[str, Column]) -> Iterator[dict[str, Any]]:
    for values in zip(*columns.values(), strict=True):
        yield {"model": model, **dict(zip(columns, values, strict=True))}


def _columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Union of the rows' keys in order of appearance."""
    return list(dict.fromkeys(key for row in rows for key in row)) or ["model"]


def _run(study: Study, results: Results, read: Reader) -> dict[str, Any]:
    """What the numbers rest on, and how to show them."""
    benchmarks = {}
    for benchmark, by_model in results.items():
        scalars = {n: s for result in by_model.values() for n, s in result.scalars.items()}
        benchmarks[benchmark] = {
            **study.evaluate.benchmarks[benchmark].model_dump(),
            "scalars": {n: {"percent": s.percent, "better": s.better} for n, s in scalars.items()},
        }
    return {
        "seed": study.seed,
        "level": study.evaluate.bootstrap.level,
        "replicates": study.evaluate.bootstrap.replicates,
        "far": list(study.evaluate.far),
        "models": list(study.models),
        "fusions": list(study.fuse),
        "benchmarks": benchmarks,
        "data": read.counts(),
    }
