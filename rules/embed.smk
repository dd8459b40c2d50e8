rule embed:
    input:
        inputs("embed"),
    output:
        "embeddings/{model}/{dataset}/manifest.csv",
    log:
        "logs/embed/{model}/{dataset}.log",
    benchmark:
        "logs/embed/{model}/{dataset}.tsv"
    wildcard_constraints:
        model=names("models"),
    conda:
        "../envs/sitter.yaml"
    threads: 1
    params:
        values=values("embed"),
        code=fingerprint("embed"),
    shell:
        f"{stage('embed')} {{wildcards.model}} {{wildcards.dataset}} 2>&1 | tee -i {{log}}"
