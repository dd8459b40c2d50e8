rule outside:
    input:
        inputs("outside"),
    output:
        at("models/{system}/manifest.csv"),
        expand(
            at("embeddings/{{system}}/{dataset}/manifest.csv"),
            dataset=STUDY.embed.datasets,
        ),
    log:
        at("logs/outside/{system}.log"),
    benchmark:
        at("logs/outside/{system}.tsv")
    wildcard_constraints:
        system=names("outside"),
    conda:
        environment
    threads: cpus("outside", 1)
    resources:
        **asked("outside"),
    params:
        values=values("outside"),
        code=fingerprint("outside"),
    shell:
        logged(f"{stage('outside')} {{wildcards.system}}")
