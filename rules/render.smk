rule render:
    input:
        inputs("render"),
    output:
        at("data/raw/{dataset}/manifest.csv"),
    log:
        at("logs/render/{dataset}.log"),
    benchmark:
        at("logs/render/{dataset}.tsv")
    wildcard_constraints:
        dataset=names("render"),
    conda:
        environment
    threads: cpus("render", workflow.cores)
    resources:
        **asked("render"),
    params:
        values=values("render"),
        code=fingerprint("render"),
    shell:
        logged(f"{stage('render')} {{wildcards.dataset}}")
