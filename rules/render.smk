rule render:
    input:
        inputs("render"),
    output:
        "data/raw/{dataset}/manifest.csv",
    params:
        values=values("render"),
        code=fingerprint("render"),
    wildcard_constraints:
        dataset=names("render"),
    log:
        "logs/render/{dataset}.log",
    benchmark:
        "logs/render/{dataset}.tsv"
    threads: workflow.cores
    shell:
        f"{STAGE} {{wildcards.dataset}} 2>&1 | tee -i {{log}}"
