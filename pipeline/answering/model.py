"""A model for single pictures: it finds and embeds the faces of a picture, and compares two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from pipeline.answering.faces import Box, Face, Finder, PictureSource, fingerprint
from pipeline.answering.recogniser import Prints, Recogniser, scores
from pipeline.core.errors import SitterError
from pipeline.core.layout import Layout
from pipeline.core.nobody import nobody
from pipeline.core.numbers import Floats
from pipeline.identification.verbal import verbal

if TYPE_CHECKING:
    from pipeline.answering.pairs import PairCalibration
    from pipeline.params import Study


PATCH, STRIDE = 20, 12
"""To see where a model looks, patches of the crop are hidden: their side and their distance in pixels."""


@dataclass(frozen=True)
class Comparison:
    """How similar two faces are."""

    first: Face
    second: Face
    score: float
    """The model's score: a cosine, or a normalised score."""
    log10_lr: float | None
    """log10 of how many times more probable the score is if both are of one person; None without a calibration."""
    bounds: tuple[float, float] | None
    """The smallest and the largest log10 ratio that the pairs of the calibration support."""
    note: str
    """What the ratio was calibrated on, or why there is none."""

    @property
    def likelihood_ratio(self) -> float | None:
        """The likelihood ratio itself."""
        return None if self.log10_lr is None else float(10**self.log10_lr)

    @property
    def words(self) -> str:
        """The strength of the evidence in the words of forensic reports; empty without a ratio."""
        return "" if self.log10_lr is None else verbal(self.log10_lr)


class Model:
    """A model or fusion of a study, with the detector that finds the faces."""

    def __init__(
        self, params: Study, at: Layout, recogniser: Recogniser, finder: Callable[[], Finder], seen_as: str
    ) -> None:
        """Join the parts of a model.

        Args:
            params: the study that the model belongs to.
            at: where its files lie.
            recogniser: the model itself.
            finder: a function that opens its detector.
            seen_as: the entry under `align` that says how faces are found.
        """
        self.params, self.at, self.recogniser, self.seen_as = params, at, recogniser, seen_as
        self._open_finder = finder
        self._calibrations: dict[tuple[str, ...], PairCalibration] = {}
        self.known: PairCalibration | None = None
        """A given calibration, for a study that has no portraits to calibrate on."""

    @property
    def name(self) -> str:
        """Its name in the study."""
        return self.recogniser.name

    @cached_property
    def finder(self) -> Finder:
        """The detector that finds its faces."""
        return self._open_finder()

    @property
    def doubtful(self) -> float:
        """The score below which a face is doubtful."""
        return self.finder.settings.doubtful

    @cached_property
    def is_nobody(self) -> Callable[[str], bool]:
        """A function that says whether a name is a word for nobody."""
        return nobody(self.params.nobody.also, self.params.nobody.names)

    @cached_property
    def key(self) -> str:
        """A hash of the model and of the settings that find the faces."""
        settings = self.params.align[self.seen_as].model_dump(exclude={"doubtful", "corrections"})
        return fingerprint(self.recogniser.key, settings)

    def faces(self, picture: PictureSource, *, name: str = "", box: Box | None = None) -> list[Face]:
        """Return the faces of a picture: first the one that `align` would take, then the others by falling confidence.

        Args:
            picture: a file, the bytes of a file, or pixels uint8 [height, width, 3] RGB.
            name: name of the picture if it is no file.
            box: x0, y0, x1, y1 that a person has drawn around a face: only this face is returned.

        Raises:
            SitterError: the picture cannot be read; the message says why.
        """
        return self.finder.faces(picture, name, box)

    def face(self, picture: PictureSource | Face, *, name: str = "", box: Box | None = None) -> Face:
        """Return the face of a picture that `align` would take.

        Raises:
            SitterError: there is no face, or the picture cannot be read.
        """
        if isinstance(picture, Face):
            return picture
        found = self.faces(picture, name=name, box=box)
        if not found:
            called = name or (str(picture) if isinstance(picture, str | Path) else "the picture")
            raise SitterError(
                f"{called} shows no face that the detectors of align.{self.seen_as} find: name another picture."
            )
        return found[0]

    def embed(self, pictures: PictureSource | Face | Sequence[PictureSource | Face]) -> Floats:
        """Return the vectors of faces, or of pictures: then of the face that `align` would take of each.

        Returns:
            float64 [d] for one picture, [n, d] for a list of n; each vector has length 1. Their dot products are the
            model's cosines.

        Raises:
            SitterError: a picture shows no face, or cannot be read.
        """
        if isinstance(pictures, list | tuple):
            return self.prints([self.face(one) for one in pictures]).units
        one: Floats = self.prints([self.face(pictures)]).units[0]  # type: ignore[arg-type]
        return one

    def prints(self, faces: Sequence[Face]) -> Prints:
        """Return the vectors of faces, ready to be compared."""
        return self.recogniser.prints(self.recogniser.vectors(faces), [face.name for face in faces])

    def scores(self, first: Sequence[Face], second: Sequence[Face]) -> Floats:
        """Return the scores of n faces against m others, float64 [n, m]."""
        return scores(self.prints(first), self.prints(second))

    def compare(
        self, first: PictureSource | Face, second: PictureSource | Face, *, datasets: Sequence[str] = ()
    ) -> Comparison:
        """Compare the faces of two pictures.

        Args:
            first, second: faces, or pictures: then the face that `align` would take of each is compared.
            datasets: data sets with known sitters to calibrate the likelihood ratio on; empty: all that the study
                embeds.

        Raises:
            SitterError: a picture shows no face, or cannot be read.
        """
        one, other = self.face(first), self.face(second)
        score = float(self.scores([one], [other])[0, 0])
        fitted = self.calibration(tuple(datasets))
        if fitted.calibration is None:
            return Comparison(one, other, score, None, None, fitted.note)
        low, high = (bound / np.log(10) for bound in fitted.calibration.bounds)
        llr = float(fitted.calibration(np.array([score]))[0]) / float(np.log(10))
        return Comparison(one, other, score, llr, (float(low), float(high)), fitted.note)

    def looks(self, first: Face, second: Face) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return where the model looks: how far the score of two faces falls when a patch of either is hidden.

        Returns:
            float32 [112, 112] for each face's crop; positive where the pixels speak for one person.
        """
        from pipeline.models.attribution import hidden, laid_out

        whole = float(self.scores([first], [second])[0, 0])
        maps = []
        for face, other in ((first, second), (second, first)):
            faces = [replace(face, crop=crop) for crop in hidden(face.crop, PATCH, STRIDE)]
            drops = whole - self.scores(faces, [other])[:, 0]
            maps.append(laid_out(drops, len(face.crop), PATCH, STRIDE))
        return maps[0], maps[1]

    def calibration(self, datasets: Sequence[str] = ()) -> PairCalibration:
        """Return the calibration from scores of pairs to likelihood ratios, fitted on known sitters of data sets."""
        from pipeline.answering.pairs import pair_calibration

        if self.known is not None:
            return self.known
        if (key := tuple(datasets)) not in self._calibrations:
            self._calibrations[key] = pair_calibration(self.params, self.at, self.recogniser, datasets)
        return self._calibrations[key]
