rule report:
    input:
        inputs("report"),
    output:
        "results/report.html",
    log:
        "logs/report.log",
    benchmark:
        "logs/report.tsv"
    localrule: True
    conda:
        environment
    threads: 1
    params:
        values=values("report"),
        code=fingerprint("report"),
    shell:
        logged(f"{stage('report')}")
