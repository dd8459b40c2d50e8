"""Options of the benchmark `embedding-map`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.params.metrics.base import BenchmarkOptions


class EmbeddingMapOptions(BenchmarkOptions):
    """A map of the embeddings in two dimensions (t-SNE), coloured by the sitter and by columns of the manifest."""

    implementation: ClassVar[str] = "pipeline.metrics.embedding_map:embedding_map"
    kind: Literal["embedding-map"] = "embedding-map"
    dataset: str
    """Data set with the images to show."""
    colour: Annotated[tuple[str, ...], Field(min_length=1)] = ("sitter",)
    """What the colours show, with a map for each: `sitter`, a column of the data set's manifest (`artist`), or
    `century` (of the column `year`)."""
    images: Literal["test", "all"] = "test"
    """Images to use: images of test sitters, or all."""
    at_most: Annotated[int, Field(ge=10, le=5000)] = 1000
    """Largest number of images; of more, a random sample is shown."""
    perplexity: Annotated[float, Field(ge=2, le=500)] = 30.0
    """Number of neighbours of an image that the map tries to keep; at most a third of the images."""

    def columns(self) -> list[tuple[str, str]]:
        """Return the columns that colour the images."""
        found = ["year" if name == "century" else name for name in self.colour if name != "sitter"]
        return [(self.dataset, name) for name in found]

    def counts_nobody_as_missing(self) -> bool:
        """Return True."""
        return True
