"""Open a gallery: portraits of a study's data set, of one of its questions, or pictures in a folder."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.answering import portraits as of_study
from pipeline.answering.folder_gallery import FOLDER, FolderPictures, folder_portraits
from pipeline.answering.gallery import Fixed, Gallery
from pipeline.answering.pairs import stored_prints
from pipeline.core.errors import SitterError, nearest
from pipeline.core.layout import Layout
from pipeline.identification.answer import Tried, tried
from pipeline.identification.question import gallery_and_known, question_portraits
from pipeline.identification.search import Portrait
from pipeline.params.identify import Identify

if TYPE_CHECKING:
    from pipeline.answering.model import Model
    from pipeline.answering.recogniser import Prints
    from pipeline.core.pixels import RGBImage
    from pipeline.params import Study
    from pipeline.store.accounts import ImageAccount

logger = logging.getLogger(__name__)


def open_gallery(
    where: str | Path, model: Model, *, like: str = "", prior: float | None = None, candidates: int | None = None
) -> Gallery:
    """Open a gallery that says who is on a picture.

    Args:
        where: a data set of the model's study, a question of its params.yaml, or a folder of pictures. The folder has a
            folder for each sitter, or one picture for each sitter, named after the sitter.
        model: the model that compares.
        like: a data set of the study that resembles the pictures that will be asked about (for example, paintings).
            Ratios are calibrated on its known sitters; empty: on the gallery itself.
        prior: probability that the sitter is in the gallery; None: one half, or the prior of the question.
        candidates: number of candidates to list; None: five, or the number of the question.

    Raises:
        SitterError: there is no such gallery, or it is empty.
    """
    params, name = model.params, str(where)
    if like and like not in params.embed.datasets:
        raise SitterError(f"{like!r} is not under embed.datasets; {nearest(like, params.embed.datasets)}")
    given = {"prior": prior, "candidates": candidates}
    changes = {field: value for field, value in given.items() if value is not None}
    folder, known = Path(where).expanduser(), name in params.embed.datasets or name in params.identify
    if known and isinstance(where, str) and folder.is_dir():
        what = "a question" if name in params.identify else "a data set"
        raise SitterError(f"{name!r} is {what} of the study and a folder: write ./{name} for the folder, or rename it.")
    if name in params.identify and name in params.embed.datasets:
        raise SitterError(f"{name!r} is a question and a data set of the study: rename one of them.")
    if name in params.identify:
        return _of_question(model, name, changes)
    if name in params.embed.datasets:
        return _of_dataset(model, name, like, changes)
    if folder.is_dir():
        return _of_folder(model, folder, like, changes)
    raise SitterError(
        f"{name!r} is no data set or question of the study, and no folder; "
        f"{nearest(name, [*params.embed.datasets, *params.identify])}"
    )


def _entry(model: Model, probes: str, gallery: str, changes: Mapping[str, Any]) -> Identify:
    return Identify.model_validate({"probes": [probes], "gallery": [gallery], "model": model.name, **changes})


def _of_dataset(model: Model, name: str, like: str, changes: Mapping[str, Any]) -> Gallery:
    entry = _entry(model, like or name, name, changes)
    every = of_study.seen(model.params, [*entry.probes, name], model.at)
    taught = _taught(model, every)
    gallery, known = gallery_and_known(name, entry, every, taught, model.params.seed)
    return _of_study(model, name, entry, gallery, known, taught)


def _of_question(model: Model, name: str, changes: Mapping[str, Any]) -> Gallery:
    study, at = model.params, model.at
    entry = study.identify[name].model_copy(update={**changes, "model": model.name})
    every = of_study.seen(study, (*entry.probes, *entry.gallery), at)
    taught = _taught(model, every)
    portraits = question_portraits(name, entry, every, taught, study.seed)
    gallery = _of_study(model, name, entry, portraits.gallery, portraits.known, taught, portraits.probes)
    gallery.decisions.update(of_study.decisions(name, entry, portraits, at))
    return gallery


def _taught(model: Model, every: Sequence[Any]) -> set[str]:
    sitters = {one.portrait.sitter for one in every} - {""}
    return of_study.learned(model.params, model.name, sitters, model.at)


def _of_study(
    model: Model,
    name: str,
    entry: Identify,
    gallery: Sequence[Portrait],
    known: Sequence[Portrait],
    taught: set[str],
    probes: Sequence[Portrait] = (),
) -> Gallery:
    every = list(dict.fromkeys([*gallery, *known, *probes]))
    prints = stored_prints(model.recogniser, every, model.at)
    places = {portrait[:2]: n for n, portrait in enumerate(every)}
    ready = tried(entry, gallery, known, taught, _scorer(prints, places), model.params.seed)
    pictures = StudyPictures(model.params, model.at, sorted({portrait.dataset for portrait in every}))
    return Gallery(name, model, ready, prints, places, pictures, taught, _note(ready, known), probes)


def _scorer(prints: Prints, places: Mapping[tuple[str, str], int]) -> Any:
    from pipeline.answering.recogniser import matrix

    def of(portraits: Sequence[Portrait]) -> Prints:
        return prints.of([places[portrait[:2]] for portrait in portraits])

    return lambda probes, gallery: matrix(of(probes), of(gallery))


def _note(ready: Tried, known: Sequence[Portrait]) -> str:
    if ready.trouble:
        return f"no likelihood ratios, because {ready.trouble}"
    datasets = ", ".join(sorted({portrait.dataset for portrait in known})).replace(FOLDER, "the folder itself")
    return f"calibrated on {len(known)} portraits of {len(ready.calibrations.sitters)} known sitters of {datasets}"


def _of_folder(model: Model, folder: Path, like: str, changes: Mapping[str, Any]) -> Gallery:
    """Open a folder, calibrated on itself if enough sitters have two portraits, else on the study's known portraits."""
    params, at = model.params, model.at
    own, vectors = folder_portraits(model, folder)
    prints = model.recogniser.prints(vectors, [portrait.image_id for portrait in own])
    places = {portrait[:2]: n for n, portrait in enumerate(own)}
    pictures = FolderPictures(folder, model)
    entry = _entry(model, own[0].dataset, own[0].dataset, changes)
    sitters = {portrait.sitter for portrait in own}
    taught = of_study.learned(params, model.name, sitters, at)
    ready = tried(entry, own, own, taught, _scorer(prints, places), params.seed)
    if not ready.trouble and not like:
        return Gallery(str(folder), model, ready, prints, places, pictures, taught, _note(ready, own))
    if model.known is not None and model.known.calibration is not None:
        fixed = Fixed(model.known.calibration)
        calibrated = Tried(entry, own, ready.within, [], fixed, "", ready.judged)
        return Gallery(str(folder), model, calibrated, prints, places, pictures, taught, model.known.note)
    for dataset in [like] if like else params.embed.datasets:
        if not model.recogniser.has_stored(dataset, at):
            continue
        every = of_study.seen(params, [dataset], at)
        learned = _taught(model, every)
        question = _entry(model, dataset, dataset, changes)
        theirs, known = gallery_and_known(dataset, question, every, learned, params.seed)
        among = list(dict.fromkeys([*theirs, *known]))
        joined = prints.joined(stored_prints(model.recogniser, among, at))
        all_places = places | {portrait[:2]: len(own) + n for n, portrait in enumerate(among)}
        borrowed = tried(entry, own, known, learned, _scorer(joined, all_places), params.seed, elsewhere=theirs)
        if not borrowed.trouble:
            note = f"{_note(borrowed, known)}; it is not known how well this holds for other pictures"
            return Gallery(str(folder), model, borrowed, joined, all_places, pictures, taught, note)
    return Gallery(str(folder), model, ready, prints, places, pictures, taught, _note(ready, own))


class StudyPictures:
    """The pictures and faces behind the portraits of a study's data sets."""

    def __init__(self, params: Study, at: Layout, datasets: Sequence[str]) -> None:
        """Open nothing yet."""
        self._params, self._at, self._datasets = params, at, datasets

    @cached_property
    def _faces(self) -> Any:
        from pipeline.store.faces import FacesById

        return FacesById(self._datasets, self._at)

    @cached_property
    def _accounts(self) -> Mapping[tuple[str, str], ImageAccount]:
        from pipeline.store.accounts import each_account

        return {(d, image.image_id): image for d in self._datasets for image in each_account(d, at=self._at)}

    def path(self, portrait: Portrait) -> Path:
        """Return the path of its picture."""
        return self._at.raw(portrait.dataset) / self.account(portrait).path

    def crop(self, portrait: Portrait) -> RGBImage:
        """Return its face: uint8 [112, 112, 3], RGB."""
        crop: RGBImage = self._faces.crop(*portrait[:2])[0]
        return crop

    def whole(self, portrait: Portrait) -> RGBImage | None:
        """Return the picture: uint8 [height, width, 3], RGB; None where it cannot be read."""
        from pipeline.faces.image import UnreadableImage, read_image

        try:
            return read_image(self.path(portrait))
        except UnreadableImage:
            return None

    def account(self, portrait: Portrait) -> ImageAccount:
        """Return what the account says about it."""
        return self._accounts[portrait[:2]]

    def doubtful(self, dataset: str) -> float:
        """Return the score below which a face of a data set is doubtful."""
        return self._params.align[dataset].doubtful
