"""Section `nobody`: words that name nobody, as a sitter or as an artist."""

from __future__ import annotations

from pipeline.core.registry import Strict


class Nobody(Strict):
    """Changes to the built-in words for nobody (unknown, N.N., ?, unidentified man, inconnu …).

    Portraits with such a word as sitter are unidentified: they are kept, but used in no training and no benchmark.
    Artists with such a name do not connect sitters and are no class of a benchmark.
    """

    also: tuple[str, ...] = ()
    """Further words that name nobody; upper and lower case are equal."""
    names: tuple[str, ...] = ()
    """Names of real people that the built-in words would take for nobody."""
