rule download:
    input:
        inputs("download"),
    output:
        "data/raw/{entry}/manifest.csv",
    log:
        "logs/download/{entry}.log",
    benchmark:
        "logs/download/{entry}.tsv"
    wildcard_constraints:
        entry=names("download"),
    conda:
        "../envs/sitter.yaml"
    threads: 1
    params:
        values=values("download"),
        code=fingerprint("download"),
    shell:
        f"{stage('download')} {{wildcards.entry}} 2>&1 | tee -i {{log}}"
