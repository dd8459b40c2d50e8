rule identify:
    input:
        inputs("identify"),
    output:
        "results/identify/{question}/manifest.csv",
    log:
        "logs/identify/{question}.log",
    benchmark:
        "logs/identify/{question}.tsv"
    wildcard_constraints:
        question=names("identify"),
    conda:
        environment
    threads: cpus("identify", workflow.cores)
    resources:
        **asked("identify"),
    params:
        values=values("identify"),
        code=fingerprint("identify"),
    shell:
        logged(f"{stage('identify')} {{wildcards.question}}")
