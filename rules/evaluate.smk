rule evaluate:
    input:
        inputs("evaluate"),
    output:
        at("results/manifest.csv"),
    log:
        at("logs/evaluate.log"),
    benchmark:
        at("logs/evaluate.tsv")
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
