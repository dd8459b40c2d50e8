"""The executor plugin `sitter-slurm` of Snakemake: `--executor sitter-slurm`, as profiles/slurm sets it.

Snakemake finds it by the name of this package, which `make setup` puts on Python's path. Its settings are those of
snakemake-executor-plugin-slurm under its own name, such as `--sitter-slurm-requeue` for `--slurm-requeue`. The package
loads without the other packages of the project: Snakemake loads its plugins before it reads the Snakefile, which says
where they are.
"""

from __future__ import annotations

from dataclasses import dataclass

import snakemake_executor_plugin_slurm as plugin

from snakemake_executor_plugin_sitter_slurm.executor import Executor

__all__ = ["Executor", "ExecutorSettings", "common_settings"]

common_settings = plugin.common_settings


@dataclass
class ExecutorSettings(plugin.ExecutorSettings):  # type: ignore[misc]
    """Settings of the executor: the same as for the plugin that it extends."""
