rule split:
    input:
        inputs("split"),
    output:
        at("data/splits/{dataset}/manifest.csv"),
    log:
        at("logs/split/{dataset}.log"),
    benchmark:
        at("logs/split/{dataset}.tsv")
    localrule: True
    conda:
        environment
    threads: 1
    params:
        values=values("split"),
        code=fingerprint("split"),
    shell:
        logged(f"{stage('split')} {{wildcards.dataset}}")
