"""Where each stage keeps its files below a project's root: the contract between the stages.

`Layout(root)` has the folders of any project; the functions of this module are those of the working directory.

Each output folder holds a `manifest.csv`, written last: the edge that Snakemake and DVC hang on.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.core.files import MANIFEST as MANIFEST


@dataclass(frozen=True)
class Layout:
    """The folders of a project; without a root those of the working directory, as both engines name them."""

    root: Path = Path()

    def raw(self, name: str) -> Path:
        """Images of a data set, or the files of a weights entry, as delivered (download, render)."""
        return self.root / "data/raw" / name

    def faces(self, dataset: str) -> Path:
        """Aligned faces of a data set and the account of every input image (align)."""
        return self.root / "data/faces" / dataset

    def split(self, dataset: str) -> Path:
        """`split.csv`, `near-duplicates.csv`, and `pairs.csv` for sets that come with pairs (split)."""
        return self.root / "data/splits" / dataset

    def model(self, name: str) -> Path:
        """A model or fusion: its record, what was learned, and how the training went (train, fuse)."""
        return self.root / "models" / name

    def checkpoints(self, name: str) -> Path:
        """Checkpoints of a model in training: no output of a stage, so that a killed job can resume."""
        return self.root / "checkpoints" / name

    def embeddings(self, name: str, dataset: str) -> Path:
        """`embeddings.arrow` of one model or fusion on one data set (embed, fuse)."""
        return self.root / "embeddings" / name / dataset

    def overlap(self, name: str) -> Path:
        """What a test set shares with training sets: `images.csv`, `sitters.csv`, `excluded.csv`, `summary.json`."""
        return self.root / "data/overlap" / name

    def attributions(self, model: str) -> Path:
        """What a model looks at: `pairs.csv`, and `maps.arrow` with a map for each face of a pair (explain)."""
        return self.root / "attributions" / model

    def identify(self, question: str) -> Path:
        """Who sat for some portraits: `candidates.csv`, `known.csv`, `index.html`, `annotations.json` (identify)."""
        return self.results() / "identify" / question

    def results(self) -> Path:
        """`metrics.json`, `tables/`, `curves/`, `pairs/` (evaluate)."""
        return self.root / "results"

    def report(self) -> Path:
        """The one self-contained page (report)."""
        return self.results() / "report.html"


HERE = Layout()
"""The project in the working directory, where the command line and both engines work."""
raw, faces, split, model, checkpoints, embeddings = (
    HERE.raw,
    HERE.faces,
    HERE.split,
    HERE.model,
    HERE.checkpoints,
    HERE.embeddings,
)
overlap, attributions, results, report = HERE.overlap, HERE.attributions, HERE.results, HERE.report
identify = HERE.identify
