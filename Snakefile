"""Sitter: trains, evaluates and compares face-verification models. `snakemake all` here, `snakemake --profile slurm all` on a cluster."""

from snakemake.utils import min_version

min_version("9.27")


include: "rules/common.smk"
include: "rules/download.smk"
include: "rules/render.smk"
include: "rules/align.smk"
include: "rules/split.smk"
include: "rules/train.smk"
include: "rules/embed.smk"
include: "rules/outside.smk"
include: "rules/fuse.smk"
include: "rules/overlap.smk"
include: "rules/evaluate.smk"
include: "rules/explain.smk"
include: "rules/identify.smk"
include: "rules/report.smk"


rule all:
    default_target: True
    input:
        every_target(),
    localrule: True


onsuccess:
    after_success()


onerror:
    after_failure()
