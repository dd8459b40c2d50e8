"""Who sat for this portrait? The public names of Sitter, for notebooks and scripts.

    import sitter

    study = sitter.open_study("folder of the project")
    model = study.model("dlib-head")
    print(model.compare("a.jpg", "b.jpg").words)

`docs/python.md` shows the rest. Nothing heavy is imported before it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.answering.study import OpenStudy, open_study
from pipeline.core.errors import SitterError

if TYPE_CHECKING:
    from pipeline.answering.default import default_model
    from pipeline.answering.exporting.opened import open_model
    from pipeline.answering.faces import Face
    from pipeline.answering.galleries import open_gallery
    from pipeline.answering.gallery import Gallery, PictureAnswer
    from pipeline.answering.model import Comparison, Model

__all__ = [
    "Comparison",
    "Face",
    "Gallery",
    "Model",
    "OpenStudy",
    "PictureAnswer",
    "SitterError",
    "default_model",
    "open_gallery",
    "open_model",
    "open_study",
]
_WHERE = {
    "default_model": "pipeline.answering.default",
    "open_gallery": "pipeline.answering.galleries",
    "open_model": "pipeline.answering.exporting.opened",
    "Face": "pipeline.answering.faces",
    "Gallery": "pipeline.answering.gallery",
    "PictureAnswer": "pipeline.answering.gallery",
    "Comparison": "pipeline.answering.model",
    "Model": "pipeline.answering.model",
}


def __getattr__(name: str) -> object:
    """Import a public name when it is first used."""
    if name not in _WHERE:
        raise AttributeError(f"module 'sitter' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_WHERE[name]), name)
