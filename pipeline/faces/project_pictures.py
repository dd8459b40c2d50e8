"""Pictures of a project's data sets: aligned faces and images as delivered, read on demand."""

from __future__ import annotations

from pipeline.core.layout import Layout
from pipeline.core.pixels import RGBImage
from pipeline.faces.image import UnreadableImage, read_image
from pipeline.store.credits import UNKNOWN, Credit, read_credits
from pipeline.store.faces import FaceStore
from pipeline.store.raw import contact_sheet_file


class ProjectPictures:
    """The pictures of the project `at`; the faces of a data set are opened once, and its credits are read once."""

    def __init__(self, at: Layout) -> None:
        """Open nothing yet."""
        self._at = at
        self._stores: dict[str, tuple[FaceStore, dict[str, int]] | None] = {}
        self._credits: dict[str, dict[str, Credit]] = {}

    def crop(self, dataset: str, image_id: str) -> RGBImage | None:
        """Return the aligned face of an image, uint8 [112, 112, 3]; None where there is none."""
        store, place = self._find(dataset, image_id)
        return None if store is None else store.crop(place)

    def sitter(self, dataset: str, image_id: str) -> str:
        """Return the sitter of an image; empty where the image has no face."""
        store, place = self._find(dataset, image_id)
        return "" if store is None else store.sitters[place]

    def credit(self, dataset: str, image_id: str) -> Credit:
        """Return caption (artist, title, year and so on) and link of an image from its source."""
        if dataset not in self._credits:
            self._credits[dataset] = read_credits(dataset, self._at)
        return self._credits[dataset].get(image_id, UNKNOWN)

    def whole(self, dataset: str, path: str) -> RGBImage | None:
        """Return an image as delivered; None where it cannot be read (the account of images gives the reason)."""
        try:
            return read_image(self._at.raw(dataset) / path)
        except UnreadableImage:
            return None

    def contact_sheet(self, dataset: str) -> RGBImage | None:
        """Return the samples of a painted data set; None where there are none."""
        file = contact_sheet_file(dataset, self._at)
        return read_image(file) if file.exists() else None

    def _find(self, dataset: str, image_id: str) -> tuple[FaceStore | None, int]:
        if dataset not in self._stores:
            folder = self._at.faces(dataset)
            store = FaceStore(folder) if folder.is_dir() else None
            rows = {} if store is None else {known: i for i, known in enumerate(store.image_ids)}
            self._stores[dataset] = None if store is None else (store, rows)
        found = self._stores[dataset]
        place = None if found is None else found[1].get(image_id)
        return (None, 0) if found is None or place is None else (found[0], place)
