"""Candidates as a W3C AnnotationPage, which IIIF viewers show beside a painting (Web Annotation Data Model, 2017)."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.identification.verbal import verbal

CONTEXT = "http://www.w3.org/ns/anno.jsonld"
MEDIA_FRAGMENTS = "http://www.w3.org/TR/media-frags/"
WIKIDATA = "http://www.wikidata.org/entity/"
TERMS = {
    "likelihoodRatio": "urn:sitter:terms:likelihoodRatio",
    "posterior": "urn:sitter:terms:posterior",
    "rank": "urn:sitter:terms:rank",
}


@dataclass(frozen=True)
class Target:
    """A face in an image."""

    source: str
    """IRI of the image, or its path."""
    box: tuple[float, float, float, float]
    """x0, y0, x1, y1 in pixels of the image as a viewer shows it."""
    name: str
    """Data set and image id."""


@dataclass(frozen=True)
class AnnotatedCandidate:
    """A candidate for the sitter of a face, or the sitter whom a person has accepted."""

    sitter: str
    sitter_id: str
    rank: int
    log10_lr: float | None = None
    posterior: float | None = None
    decision: str = ""
    """A person's verdict on it."""


def annotation_page(question: str, model: str, items: Iterable[tuple[Target, Sequence[AnnotatedCandidate]]]) -> Any:
    """Return the page: an annotation with the motivation `identifying` for each candidate of each face.

    Args:
        question, model: the question and the model that made the candidates.
        items: each face with its candidates.
    """
    root = uuid.uuid5(uuid.NAMESPACE_URL, f"urn:sitter:question:{question}")
    found = []
    for target, candidates in items:
        for candidate in candidates:
            key = f"{target.name}\0{candidate.sitter}"
            found.append(_annotation(f"urn:uuid:{uuid.uuid5(root, key)}", model, target, candidate))
    return {"@context": [CONTEXT, TERMS], "id": f"urn:uuid:{root}", "type": "AnnotationPage", "items": found}


def _annotation(identifier: str, model: str, target: Target, candidate: AnnotatedCandidate) -> dict[str, Any]:
    ratio, decision = candidate.log10_lr, candidate.decision
    words = f"{candidate.sitter}: "
    if decision:
        words += decision
    elif ratio is None:
        words += f"candidate {candidate.rank}"
    else:
        words += f"candidate {candidate.rank}, {verbal(ratio)} (likelihood ratio {10**ratio:.3g})"
    words += ". By a person." if decision else f". Made by a machine ({model}); no person has judged it."
    body: list[dict[str, Any]] = [{"type": "TextualBody", "value": words, "format": "text/plain", "language": "en"}]
    if identity := iri(candidate.sitter_id):
        body.append({"type": "SpecificResource", "source": identity, "purpose": "identifying"})
    x0, y0, x1, y1 = (round(value) for value in target.box)
    annotation: dict[str, Any] = {
        "id": identifier,
        "type": "Annotation",
        "motivation": "identifying",
        "generator": {"type": "Software", "name": f"Sitter ({model})"},
        "body": body,
        "target": {
            "type": "SpecificResource",
            "source": target.source,
            "selector": {
                "type": "FragmentSelector",
                "conformsTo": MEDIA_FRAGMENTS,
                "value": f"xywh={x0},{y0},{max(1, x1 - x0)},{max(1, y1 - y0)}",
            },
        },
        "rank": candidate.rank,
    }
    if ratio is not None:
        annotation |= {"likelihoodRatio": float(f"{10**ratio:.4g}"), "posterior": candidate.posterior}
    return annotation


def iri(identifier: str) -> str:
    """Return the IRI of a sitter's identifier; empty if the identifier is the museum's own.

    >>> iri("Q5598"), iri("http://vocab.getty.edu/ulan/500011051"), iri("P-17")
    ('http://www.wikidata.org/entity/Q5598', 'http://vocab.getty.edu/ulan/500011051', '')
    """
    if identifier.startswith("Q") and identifier[1:].isdecimal():
        return WIKIDATA + identifier
    return identifier if identifier.startswith(("http://", "https://", "urn:")) else ""
