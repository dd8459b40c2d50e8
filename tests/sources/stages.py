"""A study of one data set that comes aligned, run from its source to its split."""

from __future__ import annotations

from typing import Any

from pipeline import params
from pipeline.core.files import read_csv
from pipeline.core.layout import Layout
from pipeline.stages import align, download, split
from pipeline.store.faces import FaceStore


def study(source: dict[str, Any], split: dict[str, Any] | None = None, name: str = "set") -> params.Study:
    """One data set, taken as it comes."""
    return params.check(
        {
            "seed": 1,
            "train": {},
            "download": {name: source},
            "align": {name: {"detectors": [{"kind": "aligned"}]}},
            "split": {name: split} if split else {},
            "models": {},
            "embed": {"datasets": [], "batch": 1},
            "evaluate": {"benchmarks": {}},
        }
    )


def fetch(at: Layout, **source: Any) -> list[dict[str, str]]:
    """Rows of the manifest."""
    download.run(study(source), "set", at.root)
    return read_csv(at.raw("set") / "manifest.csv")


def store(at: Layout, dealt: dict[str, Any] | None = None, **source: Any) -> FaceStore:
    """Fetched, aligned and, if asked, split."""
    whole = study(source, dealt)
    download.run(whole, "set", at.root)
    align.run(whole, "set", at.root)
    if dealt:
        split.run(whole, "set", at.root)
    return FaceStore(at.faces("set"))
