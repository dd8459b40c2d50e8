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
        environment
    threads: cpus("evaluate", workflow.cores)
    resources:
        **asked("evaluate"),
    params:
        values=values("evaluate"),
        code=fingerprint("evaluate"),
    shell:
        logged(f"{stage('evaluate')}")
