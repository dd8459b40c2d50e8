rule evaluate:
    input:
        inputs("evaluate"),
    output:
        "results/manifest.csv",
    log:
        "logs/evaluate.log",
    benchmark:
        "logs/evaluate.tsv"
    threads: workflow.cores
    params:
        values=values("evaluate"),
        code=fingerprint("evaluate"),
    shell:
        f"{STAGE} 2>&1 | tee -i {{log}}"
