"""Options of the benchmark `template-pairs`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.core.own_files import OwnPath
from pipeline.params.metrics.base import BenchmarkOptions, Pooling


class ListedTemplates(Pooling):
    """The templates that a list compares."""

    column: Annotated[str, Field(min_length=1)] = "template"
    """Column of the manifest that names the template of each image (several with semicolons between them), or
    `sitter`."""
    media: str | None = "medium"


class TemplatePairsOptions(BenchmarkOptions):
    """Verification of the pairs of templates that a file lists, as in IJB-B and IJB-C."""

    implementation: ClassVar[str] = "pipeline.metrics.template_pairs:template_pairs"
    kind: Literal["template-pairs"] = "template-pairs"
    dataset: str
    """Data set with the images of the templates."""
    pairs: OwnPath
    """The list: two templates in each line, and optionally 1 for a genuine or 0 for an impostor pair
    (`ijbc_template_pair_label.txt`, `ijbc_11_G1_G2_matches.csv`)."""
    templates: ListedTemplates = ListedTemplates()
    """How the templates are made."""

    def columns(self) -> list[tuple[str, str]]:
        """Return the columns that pool images to templates."""
        return [(self.dataset, name) for name in self.templates.named(self.templates.column)]
