rule fuse:
    input:
        inputs("fuse"),
    output:
        "models/{fusion}/manifest.csv",
        expand(
            "embeddings/{{fusion}}/{dataset}/manifest.csv",
            dataset=STUDY.embed.datasets,
        ),
    params:
        values=values("fuse"),
        code=fingerprint("fuse"),
    wildcard_constraints:
        fusion=names("fuse"),
    log:
        "logs/fuse/{fusion}.log",
    benchmark:
        "logs/fuse/{fusion}.tsv"
    threads: 1
    shell:
        f"{STAGE} {{wildcards.fusion}} 2>&1 | tee -i {{log}}"
