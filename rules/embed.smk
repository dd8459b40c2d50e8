rule embed:
    input:
        inputs("embed"),
    output:
        "embeddings/{model}/{dataset}/manifest.csv",
    params:
        values=values("embed"),
        code=fingerprint("embed"),
    wildcard_constraints:
        model=names("models"),
    log:
        "logs/embed/{model}/{dataset}.log",
    benchmark:
        "logs/embed/{model}/{dataset}.tsv"
    threads: 1
    shell:
        f"{STAGE} {{wildcards.model}} {{wildcards.dataset}} 2>&1 | tee -i {{log}}"
