"""Names of the figures that benchmarks measure and the report asks for.

They are keys in `metrics.json` and columns in `tables/NAME.csv`. A benchmark may have figures beside these.
"""

from __future__ import annotations

EER, EER_THRESHOLD, THRESHOLD = "eer", "eer_threshold", "threshold"
TAR, FMR, FNMR, HTER, VAL, ACCURACY = "tar", "fmr", "fnmr", "hter", "val", "accuracy"
FTA, FTE, FAILED_PAIRS = "fta", "fte", "failed_pairs"
GEER, GFAR, GFRR, GVAL, GACCURACY = "geer", "gfar", "gfrr", "gval", "gaccuracy"
"""Figures that count images without a usable face as rejected."""
DIR, FNIR, FNIR_THRESHOLD = "dir", "fnir", "fnir_threshold"
CLLR, CLLR_MIN, CLLR_CAL, LLR_LOWEST, LLR_HIGHEST = "cllr", "cllr_min", "cllr_cal", "llr_lowest", "llr_highest"
GENUINE, IMPOSTOR, SITTERS, IMAGES = "genuine", "impostor", "sitters", "images"
PROBES, MATED, UNMATED, GALLERY, GALLERY_SITTERS = "probes", "mated", "unmated", "gallery", "gallery_sitters"
RANK, CHOSEN, DISCARD = "rank-", "val_", "edc_"
"""Beginnings of names."""


def at(name: str, point: float | str) -> str:
    """Return the name of a rate at an operating point: at a FAR, or at a threshold that has a name.

    >>> at("tar", 1e-05), at("fmr", "val_eer_threshold")
    ('tar@0.00001', 'fmr@val_eer_threshold')
    """
    import numpy as np

    return f"{name}@{point if isinstance(point, str) else np.format_float_positional(point, trim='-')}"


def parted(name: str) -> tuple[str, str]:
    """Return a rate and its operating point as text, which is empty if the name has none.

    >>> parted("tar@0.01"), parted("fnmr@val_threshold@0.01"), parted("eer")
    (('tar', '0.01'), ('fnmr', 'val_threshold@0.01'), ('eer', ''))
    """
    rate, _, point = name.partition("@")
    return rate, point


def rank(k: int) -> str:
    """Return the name of the share of probes with their sitter among the first k."""
    return f"{RANK}{k}"


def missed(rank_figure: str) -> str:
    """Return the name of the FNIR that belongs to a figure of `rank`."""
    return f"{FNIR}-{rank_figure}"


def chosen(threshold: str) -> str:
    """Return the name of a threshold that was chosen on validation sitters for the same operating point."""
    return f"{CHOSEN}{threshold}"


def is_chosen(threshold: str) -> bool:
    """Whether a threshold was chosen on validation sitters."""
    return threshold.startswith(CHOSEN)


def discarding(quality: str) -> str:
    """Return the name of the area under the curve of error against discard for a measure of quality."""
    return f"{DISCARD}{quality}"
