"""Section `nobody`: which words name nobody, as a sitter or as an artist."""

from __future__ import annotations

from pipeline.core.registry import Strict


class Nobody(Strict):
    """Changes of the built-in words for nobody (unknown, N.N., ?, unidentified man, inconnu …).

    Portraits whose sitter is such a word are unidentified: they are kept, and are in no training and no benchmark.
    Artists of such a name tie nobody and are no class of a benchmark.
    """

    also: tuple[str, ...] = ()
    """Further names that name nobody, in capitals or not."""
    names: tuple[str, ...] = ()
    """Names that do name somebody, although the built-in words say that they do not."""
