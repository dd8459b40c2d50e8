rule split:
    input:
        inputs("split"),
    output:
        "data/splits/{dataset}/manifest.csv",
    params:
        values=values("split"),
        code=fingerprint("split"),
    log:
        "logs/split/{dataset}.log",
    benchmark:
        "logs/split/{dataset}.tsv"
    threads: 1
    shell:
        f"{STAGE} {{wildcards.dataset}} 2>&1 | tee -i {{log}}"
