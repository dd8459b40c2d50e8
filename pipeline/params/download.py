"""Section `download`: data sets and weights, and where each comes from, an entry each (`pipeline.params.sources`)."""

from pipeline.params.sources import Source

__all__ = ["Source"]
