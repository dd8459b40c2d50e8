"""How every page and card is rendered: one environment of Jinja for the templates of a folder."""

from __future__ import annotations

from pathlib import Path

import jinja2

from pipeline.reporting import numbers
from pipeline.reporting.tables import heading

WRITTEN = (
    *(numbers.count, numbers.decimal, numbers.ends, numbers.figure, numbers.interval, numbers.measured, numbers.p_bare),
    *(numbers.p_value, numbers.percent, numbers.plain, numbers.rate, numbers.ratio, numbers.signed, numbers.threshold),
    heading,
)
"""How a template writes numbers, and what figures are called."""


def templates(folder: Path, html: bool = True) -> jinja2.Environment:
    """Return the templates of a folder; a name that a template does not know is an error.

    Args:
        folder: that holds the templates.
        html: escape what is put in, as HTML wants it; Markdown does not.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=html,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals |= {write.__name__: write for write in WRITTEN} | {"nbsp": numbers.NBSP}
    environment.filters["heading"] = heading
    environment.filters["capitalize_first"] = lambda text: text[:1].upper() + text[1:]
    return environment
