"""Read the embeddings (or scores) and splits of a study, joined by image id and checked, for benchmarks."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from pipeline.core.errors import SitterError
from pipeline.core.layout import Layout
from pipeline.core.names import warn_of_alike
from pipeline.core.nobody import nobody
from pipeline.splits.given_pairs import lost_pairs
from pipeline.splits.pictures import across, picture_names, shown
from pipeline.splits.trained import seen
from pipeline.store.accounts import AccountedImage, has_account, read_column, read_images
from pipeline.store.overlaps import read_excluded
from pipeline.store.splits import (
    TESTED,
    UNIDENTIFIED,
    UNUSED,
    ListedPair,
    Seated,
    each_image,
    each_seated,
    pairs_file,
    read_pairs,
    sitters_of,
    split_file,
)
from pipeline.store.subset_size import SubsetSize

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from pipeline.core.numbers import Floats, Ints
    from pipeline.metrics.result import Context, Embedded, PairList, Subset
    from pipeline.params import Study

logger = logging.getLogger(__name__)


class Reader:
    """The embeddings and splits of a study, joined by image id and checked."""

    def __init__(self, study: Study, at: Layout) -> None:
        self.study, self.at = study, at
        self.models = study.judged
        # Data sets that are used only for class centres may have millions of images, so their rows are not kept.
        self.splits = {d: _split(d, at) for d in self._datasets(without="centres")}
        self.excluded = self._exclude()
        self.seen = seen(study, self.models, self.splits, at)
        if study.evaluate.trained_sitters == "exclude":
            self._exclude_seen()
        self._names = lru_cache(maxsize=None)(partial(picture_names, study, at=at))
        self._shared = across(study, self.splits, study.compared, at)
        self._is_nobody = nobody(study.nobody.also, study.nobody.names)
        self._table = lru_cache(maxsize=4)(self._read_table)
        self._means = lru_cache(maxsize=2)(self._read_means)
        self._column = lru_cache(maxsize=16)(self._read_column)
        self._faceless = lru_cache(maxsize=None)(self._read_faceless)
        self._failed = lru_cache(maxsize=None)(self._read_failed)

    def _exclude(self) -> dict[str, set[str]]:
        """Mark test images that training sets also hold as unused, if the study asks for it; return them."""
        excluded = {d: read_excluded(names, self.at) for d in self.splits if (names := self.study.excluding(d))}
        for dataset, image_ids in excluded.items():
            for image_id in image_ids & self.splits[dataset].keys():
                self.splits[dataset][image_id].subset = UNUSED
        return excluded

    def _exclude_seen(self) -> None:
        """Leave out the test sitters that any model was trained on, so that all models have the same pairs."""
        for one in self.seen:
            rows, sitters = self.splits[one.dataset], set(one.sitters)
            image_ids = {i for i, row in rows.items() if row.subset in TESTED and row.sitter in sitters}
            self.excluded.setdefault(one.dataset, set()).update(image_ids)
            for image_id in image_ids:
                rows[image_id].subset = UNUSED
            if not any(row.subset in TESTED for row in rows.values()):
                raise SitterError(
                    f"evaluate.trained_sitters is exclude, and that leaves {one.dataset} without test sitters: "
                    f"{one.sentence()}. Set it to keep, or change the splits."
                )

    def _datasets(self, without: str = "") -> list[str]:
        """Return the data sets that the benchmarks name, without the names in one option."""
        options = [option for b in self.study.evaluate.benchmarks.values() for option in b]
        named = {value for name, value in options if isinstance(value, str) and name != without}
        return [d for d in self.study.embed.datasets if d in named]

    def check(self) -> None:
        """Read every table once, so that a bad one is found before anything is computed.

        Tables that are used only for class centres may be large, and are read when they are used. A warning is given
        for sitters with two spellings in data sets that are compared, and for compared data sets that share no sitter.
        Columns that benchmarks need must exist.
        """
        for name, benchmark in self.study.evaluate.benchmarks.items():
            for dataset, column in benchmark.columns():
                try:
                    self._column(dataset, column)
                except SitterError as error:
                    raise SitterError(f"benchmark {name!r}: {error}") from None
        for probe, gallery in self.study.compared:
            one, other = (
                {image.sitter for image in self.splits[dataset].values() if image.subset in TESTED}
                for dataset in (probe, gallery)
            )
            warn_of_alike(one, other, probe, gallery)
            if not one & other:
                logger.warning(
                    f"{probe} against {gallery}: none of the {len(one - {''})} test sitters of {probe} is among the "
                    f"{len(other - {''})} of {gallery}, so there is no genuine pair and no error rate. Compare data "
                    "sets that share sitters: names have to be written alike, and `kind: like` splits sets alike."
                )
        for model in self.models:
            for dataset in self._datasets(without="centres"):
                self._table(model, dataset)

    def context(self, model: str) -> Context:
        """Return the context of a model for its benchmarks."""
        from pipeline.metrics.result import Context

        evaluate = self.study.evaluate
        return Context(
            embedded=lambda dataset, subset: self._embedded(model, dataset, subset),
            pairs=lambda dataset: self._pairs(model, dataset),
            far=tuple(evaluate.far),
            replicates=evaluate.bootstrap.replicates,
            seed=self.study.seed,
            level=evaluate.bootstrap.level,
            column=self._column,
            is_nobody=self._is_nobody,
            means=lambda dataset, subset: self._means(model, dataset, subset),
            validation=lambda dataset: self._validation(model, dataset),
            failures=lambda dataset: self._failures(model, dataset),
            failed_elsewhere=lambda dataset: any(self._failed(other, dataset) for other in self.models),
            learned=lambda: _learned(model, self.at),
        )

    def sizes(self) -> dict[str, dict[str, SubsetSize]]:
        """Return the size of each subset of each data set; empty subsets are absent."""
        sizes: dict[str, dict[str, SubsetSize]] = {}
        for dataset in self._datasets():
            rows = self.splits.get(dataset)
            known = each_image(dataset, self.at) if rows is None else _images(rows)
            found: dict[str, Counter[str]] = {subset: Counter() for subset in ("train", "val", "test", UNUSED)}
            for _, sitter, subset in known:
                found.setdefault(subset, Counter())[sitter] += 1
            sizes[dataset] = {s: SubsetSize(n.total(), len(n.keys() - {""})) for s, n in found.items() if n}
        return sizes

    def _read_table(self, model: str, dataset: str) -> Any:
        from pipeline.store.embeddings import FILE, check_complete, check_vectors, read_embeddings
        from pipeline.store.scores import gives_scores, read_scores

        if gives_scores(model, dataset, self.at):
            return read_scores(model, dataset, self.at)
        table = read_embeddings(model, dataset, self.at)
        failed = self._failed(model, dataset)
        rows = self.splits[dataset].items()
        used = [i for i, row in rows if row.subset not in (UNUSED, UNIDENTIFIED) and i not in failed]
        check_complete(model, dataset, used, table.image_ids, self.at)
        check_vectors(table.vectors, table.image_ids, str(self.at.embeddings(model, dataset) / FILE))
        return table

    def _embedded(self, model: str, dataset: str, subset: Subset) -> Embedded:
        failed, rows = self._failed(model, dataset), self.splits[dataset].items()
        return self._select(model, dataset, [i for i, r in rows if r.subset == subset and i not in failed])

    def _validation(self, model: str, dataset: str) -> Embedded | None:
        found = self._embedded(model, dataset, "val")
        return found if len(found) else None

    def _known(self, dataset: str, image_ids: list[str]) -> Embedded:
        """Return images of a data set without vectors."""
        import numpy as np

        from pipeline.metrics.result import Embedded

        rows, name = self.splits[dataset], self._names(dataset)
        origins = [self._shared.get(own, own) for own in (shown(name, rows[i]) for i in image_ids)]
        folds = [rows[i].fold for i in image_ids]
        sitters = [rows[i].sitter for i in image_ids]
        return Embedded(dataset, image_ids, sitters, origins, np.empty((len(image_ids), 0), np.float32), folds)

    def _select(self, model: str, dataset: str, image_ids: list[str]) -> Embedded:
        from dataclasses import replace

        from pipeline.metrics.result import Scored
        from pipeline.store.scores import Scores, either_way

        known = self._known(dataset, image_ids)
        sitters, origins, folds = known.sitters, known.origins, known.folds
        table, source = self._table(model, dataset), f"embeddings/{model}/{dataset}"
        if not isinstance(table, Scores):
            return replace(known, vectors=table.select(image_ids, source))

        def scores(other: Embedded) -> Floats:
            there = table.matrix(image_ids, other.dataset, other.image_ids)
            back = self._table(model, other.dataset).matrix(other.image_ids, dataset, image_ids).T
            return either_way(there, back)

        def scores_of_pairs(a: Ints, b: Ints) -> Floats:
            one, other = [image_ids[n] for n in a], [image_ids[n] for n in b]
            there = table.pairs(one, dataset, other)
            return either_way(there, table.pairs(other, dataset, one))

        return Scored(dataset, image_ids, sitters, origins, folds, scores, scores_of_pairs, source)

    def _read_failed(self, model: str, dataset: str) -> frozenset[str]:
        """Return the images of any subset on which a model failed; only outside systems can fail."""
        from pipeline.store.embeddings import read_failed

        return frozenset(read_failed(model, dataset, self.at))

    def _failures(self, model: str, dataset: str) -> Embedded | None:
        """Return the test sitters' images without a usable face, and the images on which the model failed."""
        from pipeline.metrics.failed_images import joined

        failed = self._failed(model, dataset)
        own = [i for i, row in self.splits[dataset].items() if row.subset in TESTED and i in failed]
        faceless = self._faceless(dataset)
        return joined(faceless, self._known(dataset, own)) if own else faceless

    def _read_faceless(self, dataset: str) -> Embedded | None:
        """Return the images of test sitters without a usable face; None if there is no `faces.csv`."""
        from pipeline.metrics.failed_images import failed_images

        if not has_account(dataset, self.at):
            return None
        name, paired = self._names(dataset), self.study.split[dataset].kind == "pairs"

        def picture(image: AccountedImage) -> str:
            own = name(image.image_id, image.origin)
            return self._shared.get(own, own)

        return failed_images(dataset, read_images(dataset, self.at).images, self.splits[dataset], picture, paired)

    def _read_means(self, model: str, dataset: str, subset: Subset) -> Floats:
        """Return the mean embeddings of the sitters of a subset; their images are read in blocks."""
        from pipeline.metrics.centres import sitter_means

        known = sitters_of(dataset, (subset,), self.at)
        if not known:
            raise SitterError(f"{dataset}: no {subset} sitters, so there are no class centres: name another data set.")
        return sitter_means(model, {dataset: known}, self.at)[1]

    def _read_column(self, dataset: str, column: str) -> Mapping[str, str]:
        """Return a column of the manifest, which `align` has carried over, by image."""
        return read_column(dataset, column, self.at)

    def _pairs(self, model: str, dataset: str) -> PairList:
        from pipeline.metrics.listed_pairs import check_pairs, pair_list

        path, listed = pairs_file(dataset, self.at), read_pairs(dataset, self.at)
        check_pairs(path, listed, self.splits[dataset])
        left_out, failed = self.excluded.get(dataset, set()), self._failed(model, dataset)
        listed = [pair for pair in listed if left_out.isdisjoint(pair.images)]
        lost = self._lost_pairs(dataset) + [pair for pair in listed if not failed.isdisjoint(pair.images)]
        listed = [pair for pair in listed if failed.isdisjoint(pair.images)]
        if not listed:
            raise SitterError(
                f"{model} has failed on an image of every pair of {dataset}: nothing is left to evaluate."
            )
        elsewhere = any(self._failed(other, dataset) for other in self.models)
        return pair_list(listed, lost, elsewhere, lambda image_ids: self._select(model, dataset, image_ids))

    def _lost_pairs(self, dataset: str) -> list[ListedPair]:
        """Return the data set's own pairs with an image without a face; none if there is no `faces.csv`."""
        entry = self.study.split[dataset]
        if entry.kind != "pairs" or not has_account(dataset, self.at):
            return []
        return lost_pairs(read_images(dataset, self.at), entry.folds, dataset)


def _images(rows: Mapping[str, Seated]) -> Iterator[tuple[str, str, str]]:
    return ((image.image_id, image.sitter, image.subset) for image in rows.values())


def _split(dataset: str, at: Layout) -> dict[str, Seated]:
    rows = list(each_seated(dataset, at))
    by_id = {image.image_id: image for image in rows}
    if len(by_id) < len(rows):
        twice = len(rows) - len(by_id)
        raise SitterError(f"{split_file(dataset, at)}: {twice} image ids occur twice. Run split again.")
    return by_id


def _learned(model: str, at: Layout) -> Iterator[NDArray[Any]] | None:
    """Return the class centres in the model's folder; None if its loss has none."""
    from pipeline.metrics.centres import learned
    from pipeline.store.models import centres_file

    file = centres_file(model, at)
    return learned(file) if file.is_file() else None
