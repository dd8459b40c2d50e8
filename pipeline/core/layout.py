"""The folders of each stage below a project's root: the contract between the stages.

The outputs of `params.yaml` lie in the project's root. The outputs of any other study lie in `runs/NAME/`, so that no
study overwrites another. Paths of the user's own files start at the project's root in every study.

Each output folder holds a `manifest.csv`, which is written last: Snakemake and DVC depend on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pipeline.core.files import MANIFEST as MANIFEST

RUNS = Path("runs")
"""The folder that holds a folder for each named study."""
METRICS, RUN = "metrics.json", "run.json"
TABLES, CURVES, PAIRS = FOLDERS = "tables", "curves", "pairs"
"""Files and folders of the figures in `results/`; other stages write there, too."""


class Named(Protocol):
    """A study. The layout knows only its name."""

    @property
    def name(self) -> str:
        """Return the name; empty for the study of `params.yaml`."""
        ...


@dataclass(frozen=True)
class Layout:
    """The folders of a study. Without a root, they are relative to the working directory, as both engines name them."""

    root: Path = Path()
    """The root of the project."""
    study: str = ""
    """The name of the study; empty for the study of `params.yaml`."""

    @classmethod
    def of(cls, study: Named, root: Path = Path()) -> Layout:
        """Return the folders of a study in a project."""
        return cls(root, study.name)

    @classmethod
    def holding(cls, output: Path) -> Layout:
        """Return the folders of the study to which an output below the working directory belongs."""
        return cls(study=output.parts[1]) if output.is_relative_to(RUNS) else cls()

    @property
    def home(self) -> Path:
        """The folder that holds all outputs of the study."""
        return self.root / RUNS / self.study if self.study else self.root

    def raw(self, name: str) -> Path:
        """Return the folder of the images of a data set, or the files of a weights entry, as delivered."""
        return self.home / "data/raw" / name

    def faces(self, dataset: str) -> Path:
        """Return the folder of the aligned faces and the account of every input image (align)."""
        return self.home / "data/faces" / dataset

    def split(self, dataset: str) -> Path:
        """Return the folder of `split.csv`, `near-duplicates.csv`, and `pairs.csv` if there are pairs (split)."""
        return self.home / "data/splits" / dataset

    def model(self, name: str) -> Path:
        """Return the folder of a system: its record, learned weights, and training history (train, outside, fuse)."""
        return self.home / "models" / name

    def checkpoints(self, name: str) -> Path:
        """Return the folder of checkpoints. It is no output of a stage, so that a killed job can resume from it."""
        return self.home / "checkpoints" / name

    def embeddings(self, name: str, dataset: str) -> Path:
        """Return the folder of `embeddings.arrow` by one system for one data set (embed, outside, fuse)."""
        return self.home / "embeddings" / name / dataset

    def overlap(self, name: str) -> Path:
        """Return the folder of the overlap with training sets: `images.csv`, `sitters.csv`, … (overlap)."""
        return self.home / "data/overlap" / name

    def attributions(self, model: str) -> Path:
        """Return the folder of attributions: `pairs.csv`, and `maps.arrow` with a map for each face (explain)."""
        return self.home / "attributions" / model

    def identify(self, question: str) -> Path:
        """Return the folder of a question's answers: `candidates.csv`, `known.csv`, `index.html`, … (identify)."""
        return self.results() / "identify" / question

    def results(self) -> Path:
        """Return the folder of `metrics.json`, `tables/`, `curves/` and `pairs/` (evaluate)."""
        return self.home / "results"

    def evaluated(self) -> tuple[Path, ...]:
        """Return the paths in `results()` that evaluate writes, the manifest first."""
        return tuple(self.results() / part for part in (MANIFEST, METRICS, RUN, *FOLDERS))

    def report(self) -> Path:
        """Return the path of the self-contained page (report)."""
        return self.results() / "report.html"


HERE = Layout()
"""The project in the working directory, where the command line and both engines work."""
