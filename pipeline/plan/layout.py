"""Where each stage keeps its files below a project's root: the contract between the stages.

The outputs of `params.yaml` lie in the project's root, and those of any other study in `runs/NAME/`, so that no study
overwrites another. Files of the user's own are named from the project's root in every study.

Each output folder holds a `manifest.csv`, written last: the edge that Snakemake and DVC hang on.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pipeline.core.files import MANIFEST as MANIFEST

if TYPE_CHECKING:
    from pipeline.params import Study

RUNS = Path("runs")
"""Holds a folder for each study that has a name."""


@dataclass(frozen=True)
class Layout:
    """The folders of a study; without a root those below the working directory, as both engines name them."""

    root: Path = Path()
    """The project's."""
    study: str = ""
    """The name of the study; none for the one of `params.yaml`."""

    @classmethod
    def of(cls, study: Study, root: Path = Path()) -> Layout:
        """Return the folders of a study in a project."""
        return cls(root, study.name)

    @classmethod
    def holding(cls, output: Path) -> Layout:
        """Return the folders of the study that an output below the working directory belongs to."""
        return cls(study=output.parts[1]) if output.is_relative_to(RUNS) else cls()

    @property
    def home(self) -> Path:
        """The folder that holds all that the study makes."""
        return self.root / RUNS / self.study if self.study else self.root

    def raw(self, name: str) -> Path:
        """Images of a data set, or the files of a weights entry, as delivered (download, render)."""
        return self.home / "data/raw" / name

    def faces(self, dataset: str) -> Path:
        """Aligned faces of a data set and the account of every input image (align)."""
        return self.home / "data/faces" / dataset

    def split(self, dataset: str) -> Path:
        """`split.csv`, `near-duplicates.csv`, and `pairs.csv` for sets that come with pairs (split)."""
        return self.home / "data/splits" / dataset

    def model(self, name: str) -> Path:
        """A system: its record, what was learned, and how the training went (train, outside, fuse)."""
        return self.home / "models" / name

    def checkpoints(self, name: str) -> Path:
        """Checkpoints of a model in training: no output of a stage, so that a killed job can resume."""
        return self.home / "checkpoints" / name

    def embeddings(self, name: str, dataset: str) -> Path:
        """`embeddings.arrow` of one model or fusion on one data set (embed, outside, fuse)."""
        return self.home / "embeddings" / name / dataset

    def overlap(self, name: str) -> Path:
        """What a test set shares with training sets: `images.csv`, `sitters.csv`, `excluded.csv`, `summary.json`."""
        return self.home / "data/overlap" / name

    def attributions(self, model: str) -> Path:
        """What a model looks at: `pairs.csv`, and `maps.arrow` with a map for each face of a pair (explain)."""
        return self.home / "attributions" / model

    def identify(self, question: str) -> Path:
        """Who sat for some portraits: `candidates.csv`, `known.csv`, `index.html`, `annotations.json` (identify)."""
        return self.results() / "identify" / question

    def results(self) -> Path:
        """`metrics.json`, `tables/`, `curves/`, `pairs/` (evaluate)."""
        return self.home / "results"

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
