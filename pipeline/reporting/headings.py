"""Headings of figures in tables and charts."""

from __future__ import annotations

ABBREVIATIONS = (
    "eer",
    "auc",
    "tar",
    "far",
    "val",
    "dir",
    "fmr",
    "fnmr",
    "hter",
    "fta",
    "fte",
    "gfar",
    "gfrr",
    "fnir",
    "edc",
)
HEADINGS = {word: word.upper() for word in ABBREVIATIONS} | {"d_prime": "d′"}
HEADINGS |= {"geer": "generalised EER", "gaccuracy": "accuracy, failures counted", "gval": "VAL, failures counted"}


def heading(name: str) -> str:
    """Return the heading of a figure in a table.

    >>> heading("tar@0.001"), heading("eer"), heading("rank-1")
    ('TAR@0.1%', 'EER', 'rank-1')
    >>> heading("accuracy@0.001"), heading("fnmr@val_threshold@0.01"), heading("hter@val_eer_threshold")
    ('accuracy@0.1%', 'FNMR@val threshold@1%', 'HTER@val EER threshold')
    """
    parts = [_word(part) for part in name.split("@")]
    return "@".join(parts)


def _word(part: str) -> str:
    """Return the heading for one part of a figure's name: a FAR in percent, an abbreviation in capitals."""
    if part.replace(".", "", 1).isdigit():
        return f"{float(part) * 100:.10g}%"
    # In the name of a threshold, `val` is the subset that the threshold was chosen on; elsewhere VAL is a rate.
    of_subset = "threshold" in part
    words = (word if word == "val" and of_subset else HEADINGS.get(word, word) for word in part.split("_"))
    return HEADINGS.get(part, " ".join(words))
