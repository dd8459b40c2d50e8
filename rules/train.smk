rule train:
    input:
        inputs("train"),
    output:
        at("models/{model}/manifest.csv"),
    log:
        at("logs/train/{model}.log"),
    benchmark:
        at("logs/train/{model}.tsv")
    wildcard_constraints:
        model=names("models"),
    conda:
        environment
    threads: cpus("train", 1)
    resources:
        **asked("train"),
    params:
        values=values("train"),
        code=fingerprint("train"),
    shell:
        logged(f"{{resources.launch}} {stage('train')} {{wildcards.model}}")
