"""Values of a column of the manifest by image, which benchmarks predict, or by which they group images."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

from pipeline.core.errors import SitterError
from pipeline.core.names import same
from pipeline.core.nobody import several
from pipeline.metrics.result import Context
from pipeline.store.columns import ARTIST, YEAR

CENTURY = "century"
Key = TypeVar("Key", bound=Hashable)


def century(year: str) -> str:
    """Return the century of a year; empty if there is no year.

    >>> century("1516.0"), century("ca. 1600"), century("1601-1605"), century("unknown")
    ('16', '16', '17', '')
    """
    found = re.search(r"\d{3,4}", year)
    return str((int(found[0]) - 1) // 100 + 1) if found else ""


def values_of(context: Context, dataset: str, column: str) -> dict[str, str]:
    """Return the value of each image, empty if unknown."""
    if column != CENTURY:
        return {image_id: value.strip() for image_id, value in context.column(dataset, column).items()}
    try:
        return {image_id: century(year) for image_id, year in context.column(dataset, YEAR).items()}
    except SitterError as error:
        raise SitterError(f"the century is taken from the column {YEAR!r}, but {error}") from None


def classes(values: Mapping[Key, str], is_nobody: Callable[[str], bool], column: str) -> dict[Key, str]:
    """Return the class of each image: the most common spelling of its value, or empty if the value names nobody.

    A cell with several artists has no class.
    """
    spelling = dict.fromkeys(values.values(), "")
    for value in spelling:
        named = [name for name in (several(value) if column == ARTIST else [value]) if not is_nobody(name)]
        spelling[value] = named[0] if len(named) == 1 else ""
    count = Counter(spelling[value] for value in values.values())
    commonest: dict[str, str] = {}
    for name, _ in sorted(count.items(), key=lambda item: (-item[1], item[0])):
        commonest.setdefault(same(name), name)
    return {key: commonest[same(spelling[value])] for key, value in values.items()}
