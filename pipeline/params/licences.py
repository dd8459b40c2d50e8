"""What the licences of a model's weights and data allow: commercial use, only other use, or unknown.

Licences are texts in the study (`download.ENTRY.licence`), or of single images, where their source states them.
They are sorted by well-known names and addresses; any other licence is unknown, which is no permission. This helps
to look; it is no legal advice.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pipeline.params import Study

Use = Literal["commercial", "non-commercial", "unknown"]
SHOWN = 3
USES: tuple[Use, ...] = ("commercial", "non-commercial", "unknown")
# Addresses of Creative Commons and rightsstatements.org, which stand in IIIF manifests, are words as well:
# /licenses/by-nc/4.0/, /vocab/NoC-NC/1.0/.
RESTRICTED = re.compile(r"non-?\s?commercial|\bNC\b|research|academic|\bnot for (sale|profit)\b", re.IGNORECASE)
# Names of SPDX, and other spellings of them. CC BY-SA asks derived data to be shared alike, and allows to sell it.
OPEN = re.compile(
    r"\b(MIT|Apache|BSD|ISC|Zlib|Unlicense|BSL-1\.0|PSF|MPL|CC0|PDDL|ODbL|ODC-By|CC[- ]BY(-SA)?([- ][1-4]\.0)?|"
    r"public[- ]domain)\b|creativecommons\.org/(publicdomain/(zero|mark)|licenses/by(-sa)?)/",
    re.IGNORECASE,
)


def use_of(licence: str | None) -> Use:
    """Return what a licence allows, by its words.

    >>> use_of("MIT"), use_of("CC BY-NC 4.0"), use_of("as in the manifest"), use_of(None)
    ('commercial', 'non-commercial', 'unknown', 'unknown')
    """
    if not licence:
        return "unknown"
    if RESTRICTED.search(licence):
        return "non-commercial"
    return "commercial" if OPEN.search(licence) else "unknown"


def materials_of(study: Study, name: str, images: Mapping[str, Collection[str]] | None = None) -> dict[str, list[str]]:
    """Return the licences of a model's or fusion's materials, by entry of `download`; "" where none is stated.

    Args:
        study: the study that makes the model.
        name: the model or fusion.
        images: by data set, the known licences of its images; these take precedence over the entry's.
    """
    known = images or {}
    entries = dict.fromkeys(_entries(study, name))
    return {entry: sorted(known.get(entry) or [study.download[entry].licence or ""]) for entry in entries}


def _entries(study: Study, name: str) -> list[str]:
    if name in study.fuse:
        fusion = study.fuse[name]
        inner = [entry for part in fusion.models for entry in _entries(study, part)]
        return inner + [_origin(study, dataset) for dataset in fusion.fit_on]
    if name in study.outside:
        return [study.outside[name].file]
    model = study.models[name]
    learned = study.training(name).train_on if model.is_trained or model.centre else ()
    return [*model.backbone.entries().values(), *(_origin(study, dataset) for dataset in learned)]


def _origin(study: Study, dataset: str) -> str:
    return study.render[dataset].dataset if dataset in study.render else dataset


def use_of_model(study: Study, name: str, images: Mapping[str, Collection[str]] | None = None) -> tuple[Use, list[str]]:
    """Return what the strictest of a model's licences allows, and the materials with this licence, in words.

    The arguments are as for `materials_of`.
    """
    found = materials_of(study, name, images)
    strictest: tuple[Use, ...] = ("non-commercial", "unknown")
    for use in strictest:
        due = {entry: [words for words in licences if use_of(words) == use] for entry, licences in found.items()}
        told = [f"{entry} ({_shown(words)})" for entry, words in due.items() if words]
        if told:
            return use, told
    return "commercial", []


def _shown(licences: list[str]) -> str:
    words = [words or "not stated" for words in licences]
    return "; ".join(words[:SHOWN]) + (" …" if len(words) > SHOWN else "")


def licence_problems(study: Study) -> list[str]:
    """Return a sentence for each model or fusion with materials that `allow` does not admit."""
    if set(study.allow) == set(USES):
        return []
    problems = []
    for name, system in study.systems.items():
        use, told = use_of_model(study, name)
        if use not in study.allow:
            section = {"outside": "outside", "fusion": "fuse"}.get(system.sort, "models")
            problems.append(
                f"{section}.{name} is made of {', '.join(told)}: {use} use, but allow is {', '.join(study.allow)}. "
                "Leave the model out, take other materials, or state their licence if it is wrong"
            )
    return problems


def describe_licences(study: Study, images: Mapping[str, Collection[str]] | None = None) -> list[str]:
    """Return which models may be used commercially, which may not and why, and for which it is unknown.

    The arguments are as for `materials_of`.
    """
    by_use: dict[Use, dict[str, list[str]]] = {use: {} for use in USES}
    for name in study.systems:
        use, told = use_of_model(study, name, images)
        by_use[use].setdefault(", ".join(told), []).append(name)
    lines = []
    for title, groups in zip(("commercial use", "no commercial use", "licence unknown"), by_use.values(), strict=True):
        words = [", ".join(names) + f" (of {told})" * bool(told) for told, names in groups.items()]
        lines += [f"{title}: {'; '.join(words)}"] * bool(words)
    return lines
