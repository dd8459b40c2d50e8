"""The rows of a manifest that `download` would write of the images of a source."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pipeline.store.raw import RawImage


def manifest_rows(images: Iterable[RawImage]) -> list[dict[str, Any]]:
    return [
        {
            "image_id": image.image_id,
            "path": image.path,
            "sitter": image.sitter,
            "sha256": image.sha256,
            **image.further,
        }
        for image in images
    ]
