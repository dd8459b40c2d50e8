"""Section `download`: data sets and weights, and where each comes from."""

from __future__ import annotations

from typing import Any

from pipeline.sources import SOURCES

# An entry of the section; its fields are the keyword-only arguments of the source's `fetch`.
Source: Any = SOURCES.union()
