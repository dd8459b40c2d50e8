rule train:
    input:
        inputs("train"),
    output:
        "models/{model}/manifest.csv",
    params:
        values=values("train"),
        code=fingerprint("train"),
    wildcard_constraints:
        model=names("models"),
    log:
        "logs/train/{model}.log",
    benchmark:
        "logs/train/{model}.tsv"
    threads: 1
    shell:
        f"{STAGE} {{wildcards.model}} 2>&1 | tee -i {{log}}"
