rule align:
    input:
        inputs("align"),
    output:
        "data/faces/{dataset}/manifest.csv",
    log:
        "logs/align/{dataset}.log",
    benchmark:
        "logs/align/{dataset}.tsv"
    conda:
        "../envs/sitter.yaml"
    threads: workflow.cores
    params:
        values=values("align"),
        code=fingerprint("align"),
    shell:
        f"{stage('align')} {{wildcards.dataset}} 2>&1 | tee -i {{log}}"
