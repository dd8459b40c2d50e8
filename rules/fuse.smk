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
        "../envs/sitter.yaml"
    threads: 1
    params:
        values=values("fuse"),
        code=fingerprint("fuse"),
    shell:
        f"{stage('fuse')} {{wildcards.fusion}} 2>&1 | tee -i {{log}}"
