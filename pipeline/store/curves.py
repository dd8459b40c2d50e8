"""Curves: each kind is a class, and its fields are the columns of the file `curves/NAME-BENCHMARK.csv`.

A benchmark makes the curves of one model. The file holds the curves of all models below each other, with the column
`model` before the others.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeAlias

from pipeline.core.typed_files import number
from pipeline.store.columns import kept_as

if TYPE_CHECKING:
    from numpy.typing import NDArray

PLACE = ("model", "image_id", "x", "y")
"""Columns of a map with the place of an image; the other columns colour the map."""
Point = tuple[float, float]
Column: TypeAlias = "Sequence[Any] | NDArray[Any]"
"""Cells of one column. A number is None where the data cannot support one."""


def rows(*columns: Column) -> list[tuple[float, ...]]:
    """Return some columns side by side; rows with an empty cell are left out."""
    return [row for row in zip(*columns, strict=True) if None not in row]


def points(x: Column, y: Column) -> list[Point]:
    """Return two columns as points, sorted by the first column; incomplete points are left out."""
    return sorted(((a, b) for a, b in rows(x, y)), key=lambda point: point[0])


@dataclass(frozen=True)
class Curve:
    """A curve of one model: columns of the same length."""

    name: ClassVar[str] = ""
    """The name in the name of the file."""
    drawn: ClassVar[tuple[str, tuple[str, ...]]] = ("", ())
    """The column of the horizontal axis, and the columns that are drawn over it."""

    def columns(self) -> dict[str, Column]:
        """Return the columns of the file, without the column `model`."""
        return {column.name: getattr(self, column.name) for column in fields(self)}

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, str]]) -> Self:
        """Return the curve of one model from its rows of text; a cell that is no number becomes None."""
        return cls(**{column.name: [number(row.get(column.name)) for row in rows] for column in fields(cls)})

    def lines(self) -> list[list[Point]]:
        """Return the points of each line that is drawn."""
        x, ys = self.drawn
        return [points(getattr(self, x), getattr(self, y)) for y in ys]

    def line(self) -> list[Point]:
        """Return the points of the first line that is drawn."""
        return self.lines()[0]


@dataclass(frozen=True)
class RocCurve(Curve):
    """TAR over FAR, and the threshold of each point; None: no threshold is high enough."""

    name = "roc"
    drawn = ("far", ("tar",))
    far: Column
    tar: Column
    threshold: Column


@dataclass(frozen=True)
class DetCurve(Curve):
    """FRR over FAR, and the threshold of each point."""

    name = "det"
    drawn = ("far", ("frr",))
    far: Column
    frr: Column
    threshold: Column


@dataclass(frozen=True)
class DirCurve(Curve):
    """The detection and identification rate over the FAR of searches without a mate."""

    name = "dir"
    drawn = ("far", ("dir",))
    far: Column
    dir: Column
    threshold: Column


@dataclass(frozen=True)
class CmcCurve(Curve):
    """The cumulative match characteristic: the share of probes with their sitter at this rank or better."""

    name = "cmc"
    drawn = ("rank", ("rate",))
    rank: Column
    rate: Column


@dataclass(frozen=True)
class Tippett(Curve):
    """The shares of genuine and of impostor pairs with at least this log10 LR."""

    name = "tippett"
    drawn = ("llr", ("genuine", "impostor"))
    llr: Column
    genuine: Column
    impostor: Column


@dataclass(frozen=True)
class Reliability(Curve):
    """The log10 LR that PAV, fitted on the LRs themselves, gives for a log10 LR."""

    name = "reliability"
    drawn = ("llr", ("pav",))
    llr: Column
    pav: Column


@dataclass(frozen=True)
class CrossEntropy(Curve):
    """The empirical cross-entropy over the prior log10 odds: of the LRs, of the LRs after PAV, and without LRs."""

    name = "ece"
    drawn = ("log10_odds", ("ece",))
    log10_odds: Column
    ece: Column
    pav: Column
    neutral: Column

    def without_ratios(self) -> list[Point]:
        """Return the points of the cross-entropy without LRs, which the others are compared with."""
        return points(self.log10_odds, self.neutral)


@dataclass(frozen=True)
class ExpectedPerformance(Curve):
    """The half total error rate of the test over the weight α of a false match, at thresholds of validation sitters."""

    name = "epc"
    drawn = ("alpha", ("hter",))
    alpha: Column
    hter: Column
    fmr: Column
    fnmr: Column
    threshold: Column


@dataclass(frozen=True)
class ScoreHistogram(Curve):
    """The numbers of genuine and impostor pairs by score."""

    name = "scores"
    score_left: Column
    score_right: Column
    genuine: Column
    impostor: Column

    def bins(self) -> list[tuple[float, ...]]:
        """Return both ends of each bin and its numbers of genuine and impostor pairs."""
        return rows(self.score_left, self.score_right, self.genuine, self.impostor)


@dataclass(frozen=True)
class NearestHistogram(Curve):
    """The number of images by their angle, in degrees, to the nearest of some centres."""

    degrees_left: Column
    degrees_right: Column
    images: Column

    def bins(self) -> list[tuple[float, ...]]:
        """Return both ends of each bin and its number of images."""
        return rows(self.degrees_left, self.degrees_right, self.images)


@dataclass(frozen=True)
class NearestCentre(NearestHistogram):
    """The angles to the learned class centres."""

    name = "nearest_centre"


@dataclass(frozen=True)
class NearestMean(NearestHistogram):
    """The angles to the mean embeddings of the training sitters."""

    name = "nearest_mean"


@dataclass(frozen=True)
class NearestValMean(NearestHistogram):
    """The angles to the mean embeddings of the validation sitters."""

    name = "nearest_val_mean"


@dataclass(frozen=True)
class DiscardCurve(Curve):
    """The FNMR of the pairs that remain when the images of the lowest quality are discarded."""

    name = "discard"
    drawn = ("discarded", ("fnmr",))
    quality: str
    discarded: Column
    fnmr: Column
    pairs: Column

    def columns(self) -> dict[str, Column]:
        """Return the columns of the file; `quality` is the same in each row."""
        return {**super().columns(), "quality": [self.quality] * len(self.discarded)}

    @classmethod
    def by_quality(cls, rows: Iterable[Mapping[str, str]]) -> dict[str, DiscardCurve]:
        """Return the curves of one model by their measure of quality."""
        found: dict[str, list[Mapping[str, str]]] = {}
        for row in rows:
            found.setdefault(row.get("quality", ""), []).append(row)
        return {quality: cls(**{**vars(cls.of(own)), "quality": quality}) for quality, own in found.items()}


@dataclass(frozen=True)
class FoldTable(Curve):
    """The accuracy of each fold of a k-fold cross-validation, its threshold, and its numbers of pairs."""

    name = "folds"
    fold: Column
    accuracy: Column
    threshold: Column
    genuine: Column
    impostor: Column


@dataclass(frozen=True)
class RecallTable(Curve):
    """How often the images of each value were predicted to have this value."""

    name = "recall"
    value: Column
    images: Column
    recall: Column


@dataclass(frozen=True)
class Placed:
    """An image on a map of embeddings, and its values of the columns that colour it."""

    x: float
    y: float
    values: Mapping[str, str]


@dataclass(frozen=True)
class EmbeddingMap(Curve):
    """The place of each image on a map of the embeddings."""

    name = "map"
    image_id: Column
    x: Column
    y: Column
    values: Mapping[str, Column] = field(default_factory=dict)
    """By column that colours the map, the value of each image."""

    def columns(self) -> dict[str, Column]:
        """Return the columns of the file; a colouring column has its own name, or `their_x` if it is called `x`."""
        names = kept_as(self.values, PLACE)
        colours = {names[name]: words for name, words in self.values.items()}
        return {"image_id": self.image_id, "x": self.x, "y": self.y, **colours}

    @classmethod
    def places(cls, rows: Iterable[Mapping[str, str]]) -> list[Placed]:
        """Return the images of one model's map; images without a place are left out."""
        found = []
        for row in rows:
            x, y = number(row["x"]), number(row["y"])
            if x is not None and y is not None:
                colours = {name: word for name, word in row.items() if name not in PLACE}
                found.append(Placed(x, y, colours))
        return found
