rule fuse:
    input:
        inputs("fuse"),
    output:
        at("models/{fusion}/manifest.csv"),
        expand(
            at("embeddings/{{fusion}}/{dataset}/manifest.csv"),
            dataset=STUDY.embed.datasets,
        ),
    log:
        at("logs/fuse/{fusion}.log"),
    benchmark:
        at("logs/fuse/{fusion}.tsv")
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
