"""A study of one data set that comes aligned, run from its source to its split."""

from __future__ import annotations

from typing import Any

from pipeline import params
from pipeline.core.files import read_csv
from pipeline.plan import layout
from pipeline.stages import align, download, split
from pipeline.store.faces import FaceStore


def study(source: dict[str, Any], split: dict[str, Any] | None = None) -> params.Study:
    """The data set `set`, taken as it comes."""
    return params.check(
        {
            "seed": 1,
            "train": {},
            "download": {"set": source},
            "align": {"set": {"detectors": [{"kind": "aligned"}]}},
            "split": {"set": split} if split else {},
            "models": {},
            "embed": {"datasets": [], "batch": 1},
            "evaluate": {"benchmarks": {}},
        }
    )


def fetch(**source: Any) -> list[dict[str, str]]:
    """Rows of the manifest."""
    download.run(study(source), "set")
    return read_csv(layout.raw("set") / "manifest.csv")


def store(dealt: dict[str, Any] | None = None, **source: Any) -> FaceStore:
    """Fetched, aligned and, if asked, split."""
    whole = study(source, dealt)
    download.run(whole, "set")
    align.run(whole, "set")
    if dealt:
        split.run(whole, "set")
    return FaceStore(layout.faces("set"))
