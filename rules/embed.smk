rule embed:
    input:
        inputs("embed"),
    output:
        at("embeddings/{model}/{dataset}/manifest.csv"),
    log:
        at("logs/embed/{model}/{dataset}.log"),
    benchmark:
        at("logs/embed/{model}/{dataset}.tsv")
    wildcard_constraints:
        model=names("models"),
    conda:
        environment
    threads: cpus("embed", 1)
    resources:
        **asked("embed"),
    params:
        values=values("embed"),
        code=fingerprint("embed"),
    shell:
        logged(f"{stage('embed')} {{wildcards.model}} {{wildcards.dataset}}")
