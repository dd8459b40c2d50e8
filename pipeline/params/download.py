"""Section `download`: data sets and weights, with an entry for the source of each (`pipeline.params.sources`)."""

from pipeline.params.sources import Source

__all__ = ["Source"]
