"""The Jinja environment that renders every page and model card."""

from __future__ import annotations

from pathlib import Path

import jinja2

from pipeline.reporting import number_format
from pipeline.reporting.headings import heading

WRITTEN = (
    number_format.count,
    number_format.decimal,
    number_format.ends,
    number_format.figure,
    number_format.interval,
    number_format.measured,
    number_format.p_bare,
    number_format.p_value,
    number_format.percent,
    number_format.plain,
    number_format.rate,
    number_format.ratio,
    number_format.signed,
    number_format.threshold,
    heading,
)
"""Functions that templates use to write numbers and the headings of figures."""


def templates(folder: Path, html: bool = True) -> jinja2.Environment:
    """Return the environment for the templates of a folder; an undefined name in a template is an error.

    Args:
        folder: the folder of the templates.
        html: whether to escape values for HTML; false for Markdown.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=html,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals |= {write.__name__: write for write in WRITTEN} | {"nbsp": number_format.NBSP}
    environment.filters["heading"] = heading
    environment.filters["capitalize_first"] = lambda text: text[:1].upper() + text[1:]
    return environment
