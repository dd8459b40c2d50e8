rule train:
    input:
        inputs("train"),
    output:
        "models/{model}/manifest.csv",
    log:
        "logs/train/{model}.log",
    benchmark:
        "logs/train/{model}.tsv"
    wildcard_constraints:
        model=names("models"),
    conda:
        "../envs/sitter.yaml"
    threads: 1
    params:
        values=values("train"),
        code=fingerprint("train"),
    shell:
        f"{stage('train')} {{wildcards.model}} 2>&1 | tee -i {{log}}"
