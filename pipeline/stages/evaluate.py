"""Stage `evaluate`: evaluate every model and fusion under every benchmark, with intervals and paired comparisons.

The stage reads embeddings and splits, and writes to `results/`: `metrics.json`, `run.json`, `tables/`, `curves/` and
`pairs/`.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.errors import SitterError
from pipeline.core.files import output_parts
from pipeline.core.layout import Layout
from pipeline.core.own_files import below
from pipeline.core.progress import progress
from pipeline.core.versions import versions
from pipeline.metrics.reader import Reader
from pipeline.params.outside_systems.scores import OutsideScoresOptions
from pipeline.splits.trained import warn
from pipeline.store.benchmarks import Difference
from pipeline.store.evaluation import Evaluation, MeasuredBenchmark, SeenElsewhere, TrainedSitters
from pipeline.store.figures import ENDS, Figure, Figures, Shown, judged_by
from pipeline.store.results import Measured, write_benchmark, write_results

if TYPE_CHECKING:
    from pipeline.metrics.comparisons import ReplicatedScalar, ScalarDifference
    from pipeline.metrics.result import Context, Result
    from pipeline.params import Study

logger = logging.getLogger(__name__)

ResultsByModel = Mapping[str, Mapping[str, "Result"]]
"""Results by benchmark, then by model."""


def run(study: Study, root: Path = Path()) -> None:
    """Write `results/`: every model and fusion under every benchmark. The stage `report` prints the tables."""
    at = Layout.of(study, root)
    read = Reader(study, at)
    warn(read.seen, study.evaluate.trained_sitters == "exclude")
    read.check()
    results = judge(study, read)
    with output_parts(at.results()) as folder:  # `identify` and `report` write to the same folder
        write(folder, study, results, read)
    logger.info(f"evaluate: {len(read.models)} models under {len(results)} benchmarks")


def judge(study: Study, read: Reader) -> dict[str, dict[str, Result]]:
    """Return results by benchmark and then by model, in the order of params.yaml.

    A benchmark leaves out models that it cannot evaluate (`Unjudged`), with a warning.
    """
    from pipeline.metrics.result import Unjudged

    # Model by model, so that the embeddings of a model are read once for all benchmarks.
    benchmarks = {name: below(read.at.root, options) for name, options in study.evaluate.benchmarks.items()}
    every = [(b, m) for m in read.models for b in benchmarks]
    results: dict[str, dict[str, Result]] = {b: {} for b in study.evaluate.benchmarks}
    for benchmark, model in progress(every, "evaluate", unit="benchmark × model"):
        try:
            result = benchmarks[benchmark].make(_context(study, read, model))
            results[benchmark][model] = _doubted(study, benchmark, model, result)
        except Unjudged as reason:
            logger.warning(f"benchmark {benchmark!r}: {model} is left out: {reason}")
        except SitterError as error:
            raise SitterError(f"benchmark {benchmark!r}, model {model!r}: {error}") from None
    return results


def _context(study: Study, read: Reader, model: str) -> Context:
    """Return the input of a benchmark, with the calibration that the study asks for."""
    from dataclasses import replace
    from functools import partial

    from pipeline.scoring.calibration.fit import fit
    from pipeline.scoring.calibration.measure import calibrated

    method = study.evaluate.calibration
    context = replace(read.context(model), likelihood=partial(fit, method="logistic"))
    if method == "none":
        return context
    return replace(context, calibrate=partial(calibrated, method=method, seed=study.seed))


def _doubted(study: Study, benchmark: str, model: str, result: Result) -> Result:
    """Return a result with a note if scores from a file look like distances (or the reverse); the note is logged."""
    from dataclasses import replace

    asked = study.outside.get(model)
    if not result.reversed or not isinstance(asked, OutsideScoresOptions):
        return result
    field = f"outside.{model}.distance"
    mend = f"if the file's scores are distances (a smaller one means more alike), set {field}: true"
    if asked.distance:
        mend = f"{field} is true: if a larger score in the file means more alike, set it to false"
    note = f"{result.reversed}: {mend}"
    logger.warning(f"benchmark {benchmark!r}: {model}: {note}")
    first, scalar = next(iter(result.scalars.items()))
    noted = replace(scalar, note=f"{note}; {scalar.note}" if scalar.note else note)
    return replace(result, scalars={**result.scalars, first: noted})


def write(folder: Path, study: Study, results: ResultsByModel, read: Reader) -> None:
    """Write everything in `results/` except the manifest."""
    level = study.evaluate.bootstrap.level
    against = _against_baselines(study, results)
    metrics: dict[str, dict[str, Figures]] = {}
    for benchmark, by_model in results.items():
        measured = {
            model: Measured(_figures(result, level), result.curves, result.groups, result.examples)
            for model, result in by_model.items()
        }
        write_benchmark(folder, benchmark, measured, _compare(by_model, level), map(_told, against[benchmark]))
        metrics[benchmark] = {model: found.figures for model, found in measured.items()}
    write_results(folder, metrics, _evaluation(study, results, read))


def _figures(result: Result, level: float) -> dict[str, Figure]:
    """Return the scalars by name, with their intervals and notes."""
    from pipeline.metrics.comparisons import LEAST_EFFECTIVE
    from pipeline.metrics.intervals import FEWEST_UNITS, interval, share_interval

    figures: dict[str, Figure] = {}
    for name, scalar in result.scalars.items():
        ends, note = None, scalar.note
        if scalar.replicates is not None:
            units = min(result.units, scalar.effective or result.units)
            least = LEAST_EFFECTIVE if result.units >= FEWEST_UNITS else FEWEST_UNITS
            if scalar.share and scalar.value is not None:
                ends = share_interval(scalar.value, scalar.replicates, level, units, least)
            else:
                ends = interval(scalar.replicates, level, units, least)
            if ends is None:
                few = f"no interval: {result.units} sitters or folds are too few to resample"
                note = f"{note}; {few}" if note else few
        figures[name] = Figure(scalar.value, note, None if scalar.replicates is None else ends or ENDS)
    return figures


def _compare(by_model: Mapping[str, Result], level: float) -> Iterator[Difference]:
    """Yield the comparison of every two models in every scalar with replicates, for exploration.

    Each scalar is one family.
    """
    from pipeline.metrics.comparisons import differences

    for name, by_name in _measured(by_model).items():
        models = [m for m in by_model if m in by_name]
        every_two = [(a, b) for n, a in enumerate(models) for b in models[n + 1 :]]
        yield from map(_told, differences({name: by_name}, every_two, level, *_units(by_model, models)))


def _told(difference: ScalarDifference) -> Difference:
    return Difference(**vars(difference))


def _against_baselines(study: Study, results: ResultsByModel) -> dict[str, list[ScalarDifference]]:
    """Compare, in each benchmark, every other model with the baseline; p-values are corrected in declared families."""
    from pipeline.metrics.comparisons import in_one_family

    found = {benchmark: _against_baseline(study, benchmark, by_model) for benchmark, by_model in results.items()}
    if study.evaluate.family == "benchmark":
        return found
    every = iter(in_one_family([d for of_one in found.values() for d in of_one], study.evaluate.bootstrap.level))
    return {benchmark: [next(every) for _ in of_one] for benchmark, of_one in found.items()}


def _against_baseline(study: Study, benchmark: str, by_model: Mapping[str, Result]) -> list[ScalarDifference]:
    """Compare every other model with the declared baseline in the declared figures, which are one family."""
    from pipeline.metrics.comparisons import differences

    evaluate = study.evaluate
    declared = evaluate.baseline.get(benchmark) if isinstance(evaluate.baseline, dict) else evaluate.baseline
    if declared is None or declared not in by_model:
        return []
    how = {n: s for result in by_model.values() for n, s in result.scalars.items()}
    figures = [f for f in evaluate.primary if f in how] or judged_by(how)[:1]
    measured = _measured(by_model)
    family = {f: measured[f] for f in figures if f in measured}
    pairs = [(model, declared) for model in by_model if model != declared]
    return differences(family, pairs, evaluate.bootstrap.level, *_units(by_model, list(by_model)))


def _measured(by_model: Mapping[str, Result]) -> dict[str, dict[str, ReplicatedScalar]]:
    """Return the scalars that have replicates, by name and model."""
    from pipeline.metrics.comparisons import ReplicatedScalar

    found: dict[str, dict[str, ReplicatedScalar]] = {}
    for name in dict.fromkeys(n for result in by_model.values() for n in result.scalars):
        for model, result in by_model.items():
            scalar = result.scalars.get(name)
            if scalar is not None and scalar.value is not None and scalar.replicates is not None:
                found.setdefault(name, {})[model] = ReplicatedScalar(
                    float(scalar.value), scalar.replicates, scalar.effective
                )
    return found


def _units(by_model: Mapping[str, Result], models: Sequence[str]) -> tuple[int, float]:
    """Return the smallest number of units, and of effective units, among some models."""
    results = [by_model[m] for m in models]
    units = min((r.units for r in results), default=0)
    return units, min((r.units if r.effective is None else r.effective for r in results), default=0.0)


def _evaluation(study: Study, results: ResultsByModel, read: Reader) -> Evaluation:
    """Return the record of the evaluation: settings, data and versions behind the figures, and how to show them."""
    benchmarks = {}
    for benchmark, by_model in results.items():
        scalars = {n: s for result in by_model.values() for n, s in result.scalars.items()}
        shown = {n: Shown(s.percent, s.better, s.beside) for n, s in scalars.items()}
        benchmarks[benchmark] = MeasuredBenchmark(study.evaluate.benchmarks[benchmark].model_dump(), shown)
    seen = tuple(SeenElsewhere(**vars(one), sentence=one.sentence()) for one in read.seen)
    return Evaluation(
        seed=study.seed,
        level=study.evaluate.bootstrap.level,
        replicates=study.evaluate.bootstrap.replicates,
        far=list(study.evaluate.far),
        family=study.evaluate.family,
        models=list(study.models),
        outside=list(study.outside),
        fusions=list(study.fuse),
        benchmarks=benchmarks,
        data=read.sizes(),
        versions=versions(),
        trained_sitters=TrainedSitters(study.evaluate.trained_sitters == "exclude", seen),
        excluded={dataset: len(image_ids) for dataset, image_ids in read.excluded.items()},
    )
