rule explain:
    input:
        inputs("explain"),
    output:
        at("attributions/{model}/manifest.csv"),
    log:
        at("logs/explain/{model}.log"),
    benchmark:
        at("logs/explain/{model}.tsv")
    wildcard_constraints:
        model="|".join(STUDY.explain.models if STUDY.explain else ()) or "(?!)",
    conda:
        environment
    threads: cpus("explain", 1)
    resources:
        **asked("explain"),
    params:
        values=values("explain"),
        code=fingerprint("explain"),
    shell:
        logged(f"{stage('explain')} {{wildcards.model}}")
