rule render:
    input:
        inputs("render"),
    output:
        "data/raw/{dataset}/manifest.csv",
    log:
        "logs/render/{dataset}.log",
    benchmark:
        "logs/render/{dataset}.tsv"
    wildcard_constraints:
        dataset=names("render"),
    conda:
        "../envs/sitter.yaml"
    threads: workflow.cores
    params:
        values=values("render"),
        code=fingerprint("render"),
    shell:
        f"{stage('render')} {{wildcards.dataset}} 2>&1 | tee -i {{log}}"
