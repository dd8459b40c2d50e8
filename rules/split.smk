rule split:
    input:
        inputs("split"),
    output:
        "data/splits/{dataset}/manifest.csv",
    log:
        "logs/split/{dataset}.log",
    benchmark:
        "logs/split/{dataset}.tsv"
    conda:
        "../envs/sitter.yaml"
    threads: 1
    params:
        values=values("split"),
        code=fingerprint("split"),
    shell:
        f"{stage('split')} {{wildcards.dataset}} 2>&1 | tee -i {{log}}"
