rule align:
    input:
        inputs("align"),
    output:
        at("data/faces/{dataset}/manifest.csv"),
    log:
        at("logs/align/{dataset}.log"),
    benchmark:
        at("logs/align/{dataset}.tsv")
    conda:
        environment
    threads: cpus("align", workflow.cores)
    resources:
        **asked("align"),
    params:
        values=values("align"),
        code=fingerprint("align"),
    shell:
        logged(f"{{resources.launch}} {stage('align')} {{wildcards.dataset}}")
