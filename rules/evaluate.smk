rule evaluate:
    input:
        inputs("evaluate"),
    output:
        "results/manifest.csv",
    log:
        "logs/evaluate.log",
    benchmark:
        "logs/evaluate.tsv"
    conda:
        "../envs/sitter.yaml"
    threads: workflow.cores
    params:
        values=values("evaluate"),
        code=fingerprint("evaluate"),
    shell:
        f"{stage('evaluate')} 2>&1 | tee -i {{log}}"
