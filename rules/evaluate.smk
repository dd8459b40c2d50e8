rule evaluate:
    input:
        inputs("evaluate"),
    output:
        "results/manifest.csv",
    params:
        values=values("evaluate"),
        code=fingerprint("evaluate"),
    log:
        "logs/evaluate.log",
    benchmark:
        "logs/evaluate.tsv"
    threads: workflow.cores
    shell:
        f"{STAGE} 2>&1 | tee -i {{log}}"
