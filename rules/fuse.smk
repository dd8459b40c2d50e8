rule fuse:
    input:
        inputs("fuse"),
    output:
        "models/{fusion}/manifest.csv",
        expand(
            "embeddings/{{fusion}}/{dataset}/manifest.csv",
            dataset=STUDY.embed.datasets,
        ),
    log:
        "logs/fuse/{fusion}.log",
    benchmark:
        "logs/fuse/{fusion}.tsv"
    wildcard_constraints:
        fusion=names("fuse"),
    conda:
        environment
    threads: cpus("fuse", 1)
    resources:
        **asked("fuse"),
    params:
        values=values("fuse"),
        code=fingerprint("fuse"),
    shell:
        logged(f"{stage('fuse')} {{wildcards.fusion}}")
