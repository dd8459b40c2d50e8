"""The logger plugin `sitter` of Snakemake: a line for each job, one bar, and the last output of a failed job.

    3/24  align     orl                           0:12

Snakemake finds it by the name of this package, which `make setup` puts on Python's path; profiles/default names it. The
output of the stages is in logs/, and Snakemake's own in .snakemake/log/. With `--dry-run`, `--verbose`,
`--printshellcmds` or `--debug-dag`, the terminal shows the same as without this plugin.
"""

from __future__ import annotations

from snakemake_logger_plugin_sitter.handler import LogHandler

__all__ = ["LogHandler"]
