"""The logger plugin `sitter` of Snakemake: a line for each job, one bar, and the words of a job that failed.

    3/24  align     orl                           0:12

Snakemake finds it by the name of this package, which `make setup` puts on Python's path; profiles/default names it. The
words of the stages are in logs/ and those of Snakemake in .snakemake/log/. With `--dry-run`, `--verbose`,
`--printshellcmds` or `--debug-dag`, the terminal shows what it would show without this plugin.
"""

from __future__ import annotations

from snakemake_logger_plugin_sitter.handler import LogHandler

__all__ = ["LogHandler"]
