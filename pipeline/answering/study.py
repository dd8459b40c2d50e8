"""An opened study: its models, its galleries, and its results as data frames."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.errors import SitterError, nearest
from pipeline.core.layout import Layout
from pipeline.params import Study, load
from pipeline.params.align import Align

if TYPE_CHECKING:
    import pandas as pd

    from pipeline.answering.faces import Finder
    from pipeline.answering.gallery import Gallery
    from pipeline.answering.model import Model

PARAMS = "params.yaml"


class OpenStudy:
    """A study and the folder of its project; models and detectors stay open once they have been opened."""

    def __init__(self, params: Study, at: Layout) -> None:
        """Take a study that was read, and where its files lie."""
        self.params, self.at = params, at
        self._models: dict[tuple[str, str], Model] = {}
        self._finders: dict[str, Finder] = {}

    @property
    def models(self) -> list[str]:
        """The models and fusions that its tables list."""
        return self.params.judged

    @property
    def datasets(self) -> list[str]:
        """The data sets that its models embed."""
        return list(self.params.embed.datasets)

    @property
    def questions(self) -> list[str]:
        """The questions under `identify`."""
        return list(self.params.identify)

    def __repr__(self) -> str:
        """Return a short description."""
        return f"<study in {self.at.root}: {', '.join(self.models)}; data sets {', '.join(self.datasets)}>"

    def model(self, name: str, *, align: str = "") -> Model:
        """Open a model or fusion.

        Args:
            name: a name under `models` or `fuse`.
            align: the entry under `align` with the detectors that find faces in pictures; empty: the entry of the first
                data set that the study embeds and that does not come aligned.

        Raises:
            SitterError: there is no model of this name, it has not been made, or it cannot embed a new picture.
        """
        from pipeline.answering.model import Model
        from pipeline.answering.recogniser import open_recogniser

        if (name, align) in self._models:
            return self._models[name, align]

        seen_as = align or self.seen_as(name)
        if seen_as not in self.params.align:
            raise SitterError(f"align has no entry {seen_as!r}; {nearest(seen_as, self.params.align)}")
        recogniser = open_recogniser(self.params, name, self.at)
        found = Model(self.params, self.at, recogniser, partial(self.finder, seen_as), seen_as)
        self._models[name, align] = found
        return found

    def finder(self, entry: str) -> Finder:
        """Return the detectors of an entry under `align`."""
        from pipeline.answering.faces import Finder

        if entry not in self._finders:
            self._finders[entry] = Finder(self.params.align[entry], self.at)
        return self._finders[entry]

    def gallery(
        self,
        where: str | Path,
        model: str | Model,
        *,
        like: str = "",
        prior: float | None = None,
        candidates: int | None = None,
    ) -> Gallery:
        """Open a gallery that says who is on a picture; see `galleries.open_gallery`.

        Args:
            where: a data set of the study, a question of its params.yaml, or a folder of pictures.
            model: the model that compares, or its name.
            like: a data set that resembles the pictures that will be asked about (for example, paintings).
            prior: probability that the sitter is in the gallery.
            candidates: number of candidates to list.

        Raises:
            SitterError: there is no such gallery, or it is empty.
        """
        from pipeline.answering.galleries import open_gallery

        by = self.model(model) if isinstance(model, str) else model
        return open_gallery(where, by, like=like, prior=prior, candidates=candidates)

    def seen_as(self, name: str) -> str:
        """Return the entry under `align` by which a model finds faces: of the first data set that is not aligned.

        Raises:
            SitterError: all data sets come aligned.
        """
        for dataset in dict.fromkeys((*self.params.embed.datasets, *self.params.align)):
            if dataset in self.params.align and _detects(self.params.align[dataset]):
                return dataset
        raise SitterError(
            f"{name}: all data sets come aligned, so that the study names no detector for a new picture. Name an "
            "entry under align that has a detector, or add one."
        )

    def results(self) -> pd.DataFrame:
        """Return the figures: a row for each benchmark, model and figure, with its interval where it has one.

        Raises:
            SitterError: nothing has been evaluated yet.
        """
        from pipeline.answering.data_frames import results

        return results(self.at)

    def faces(self, dataset: str) -> pd.DataFrame:
        """Return what became of a data set's images (`faces.csv`): one row per image, with numbers as numbers."""
        from pipeline.answering.data_frames import faces

        return faces(self.params, dataset, self.at)

    def embeddings(self, model: str, dataset: str) -> pd.DataFrame:
        """Return a model's or fusion's unnormalised vectors on a data set: one row per image, indexed by image id."""
        from pipeline.answering.data_frames import embeddings

        return embeddings(model, dataset, self.at)

    def candidates(self, question: str) -> pd.DataFrame:
        """Return the answers to a question of params.yaml (`candidates.csv`): one row per candidate."""
        from pipeline.answering.data_frames import candidates

        return candidates(self.params, question, self.at)


def _detects(entry: Align) -> bool:
    return any(detector.kind != "aligned" for detector in entry.detectors)


def open_study(folder: str | Path = ".", *params: str | Path) -> OpenStudy:
    """Open the study of a project, from any working directory.

    Args:
        folder: the folder of the project, with `data/`, `models/` and `results/`.
        params: its params files, relative to the folder; by default `params.yaml`. A later file changes fields of the
            earlier ones.

    Raises:
        SitterError: a file does not exist or is not valid.
    """
    root = Path(folder).expanduser()
    if not root.is_dir():
        raise SitterError(f"{root} is no folder: name the folder of a project, which contains {PARAMS}.")
    files = [root / file for file in (params or (PARAMS,))]
    study = load(*files, root=root)
    return OpenStudy(study, Layout.of(study, root))
