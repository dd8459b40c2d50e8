rule split:
    input:
        inputs("split"),
    output:
        "data/splits/{dataset}/manifest.csv",
    log:
        "logs/split/{dataset}.log",
    benchmark:
        "logs/split/{dataset}.tsv"
    localrule: True
    conda:
        environment
    threads: 1
    params:
        values=values("split"),
        code=fingerprint("split"),
    shell:
        logged(f"{stage('split')} {{wildcards.dataset}}")
