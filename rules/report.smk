rule report:
    input:
        inputs("report"),
    output:
        "results/report.html",
    params:
        values=values("report"),
        code=fingerprint("report"),
    log:
        "logs/report.log",
    benchmark:
        "logs/report.tsv"
    threads: 1
    shell:
        f"{STAGE} 2>&1 | tee -i {{log}}"
