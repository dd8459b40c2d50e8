rule download:
    input:
        inputs("download"),
    output:
        "data/raw/{entry}/manifest.csv",
    params:
        values=values("download"),
        code=fingerprint("download"),
    wildcard_constraints:
        entry=names("download"),
    log:
        "logs/download/{entry}.log",
    benchmark:
        "logs/download/{entry}.tsv"
    threads: 1
    shell:
        f"{STAGE} {{wildcards.entry}} 2>&1 | tee -i {{log}}"
