rule overlap:
    input:
        inputs("overlap"),
    output:
        at("data/overlap/{entry}/manifest.csv"),
    log:
        at("logs/overlap/{entry}.log"),
    benchmark:
        at("logs/overlap/{entry}.tsv")
    wildcard_constraints:
        entry=names("overlap"),
    conda:
        environment
    threads: cpus("overlap", workflow.cores)
    resources:
        **asked("overlap"),
    params:
        values=values("overlap"),
        code=fingerprint("overlap"),
    shell:
        logged(f"{stage('overlap')} {{wildcards.entry}}")
