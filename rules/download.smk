rule download:
    input:
        inputs("download"),
    output:
        at("data/raw/{entry}/manifest.csv"),
    log:
        at("logs/download/{entry}.log"),
    benchmark:
        at("logs/download/{entry}.tsv")
    wildcard_constraints:
        entry=names("download"),
    localrule: True
    conda:
        environment
    threads: 1
    params:
        values=values("download"),
        code=fingerprint("download"),
    shell:
        logged(f"{stage('download')} {{wildcards.entry}}")
