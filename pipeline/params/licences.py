"""What the licences of a model's weights and data allow: commercial use, other use only, or nothing that is known.

Licences are words of the study (`download.ENTRY.licence`). They are sorted by well-known names; what none of them fits
is unknown, which is no permission. This helps to look; it is no legal advice.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from pipeline.params import Study

Use = Literal["commercial", "non-commercial", "unknown"]
USES: tuple[Use, ...] = ("commercial", "non-commercial", "unknown")
RESTRICTED = re.compile(r"non-?\s?commercial|\bNC\b|research|academic|\bnot for (sale|profit)\b", re.IGNORECASE)
# Names of SPDX, and what people write for them. CC BY-SA asks derived data to be shared alike, and allows to sell it.
OPEN = re.compile(
    r"\b(MIT|Apache|BSD|ISC|Zlib|Unlicense|BSL-1\.0|PSF|MPL|CC0|PDDL|ODbL|ODC-By|CC[- ]BY(-SA)?([- ][1-4]\.0)?|"
    r"public[- ]domain)\b",
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


def materials_of(study: Study, name: str) -> dict[str, str]:
    """Return the licences of all that a model or fusion is made of, by entry of `download`; "" where none is stated."""
    return {entry: study.download[entry].licence or "" for entry in dict.fromkeys(_entries(study, name))}


def _entries(study: Study, name: str) -> list[str]:
    if name in study.fuse:
        fusion = study.fuse[name]
        inner = [entry for part in fusion.models for entry in _entries(study, part)]
        return inner + [_origin(study, dataset) for dataset in fusion.fit_on]
    model = study.models[name]
    learned = study.training(name).train_on if model.adaptation.kind != "none" or model.centre else ()
    return [*model.backbone.entries().values(), *(_origin(study, dataset) for dataset in learned)]


def _origin(study: Study, dataset: str) -> str:
    return study.render[dataset].dataset if dataset in study.render else dataset


def use_of_model(study: Study, name: str) -> tuple[Use, list[str]]:
    """Return what the strictest of a model's licences allows, and the materials that this is due to, in words."""
    found = {entry: (use_of(licence), licence) for entry, licence in materials_of(study, name).items()}
    strictest: tuple[Use, ...] = ("non-commercial", "unknown")
    for use in strictest:
        told = [f"{entry} ({words or 'not stated'})" for entry, (sort, words) in found.items() if sort == use]
        if told:
            return use, told
    return "commercial", []


def licence_problems(study: Study) -> list[str]:
    """Return a sentence for each model or fusion whose materials `allow` does not admit."""
    if set(study.allow) == set(USES):
        return []
    problems = []
    for name in (*study.models, *study.fuse):
        use, told = use_of_model(study, name)
        if use not in study.allow:
            section = "models" if name in study.models else "fuse"
            problems.append(
                f"{section}.{name} is made of {', '.join(told)}: {use} use, but allow is {', '.join(study.allow)}. "
                "Leave the model out, take other materials, or state their licence if it is wrong"
            )
    return problems


def describe_licences(study: Study) -> list[str]:
    """Return which models may be used commercially, which may not and why, and of which it is not known."""
    by_use: dict[Use, dict[str, list[str]]] = {use: {} for use in USES}
    for name in (*study.models, *study.fuse):
        use, told = use_of_model(study, name)
        by_use[use].setdefault(", ".join(told), []).append(name)
    lines = []
    for title, groups in zip(("commercial use", "no commercial use", "licence unknown"), by_use.values(), strict=True):
        words = [", ".join(names) + f" (of {told})" * bool(told) for told, names in groups.items()]
        lines += [f"{title}: {'; '.join(words)}"] * bool(words)
    return lines
